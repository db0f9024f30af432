//! The golf agent's stage: its real files, and a backend that answers as the real one does.

use serde_json::{Value, json};

use super::script::Stage;

pub(crate) const AGENT: &str = include_str!("../../../prompts/golf/agent.toml");
const PROMPT: &str = include_str!("../../../prompts/golf/system.md");

/// The golf agent; 9:00 and 9:10 on Saturday, November 28th are taken, and Thanksgiving is full.
pub(crate) fn golf() -> Stage {
    Stage::new(AGENT, PROMPT, backend, false)
}

/// The same, where the host can transfer calls.
pub(crate) fn golf_with_transfer() -> Stage {
    Stage::new(AGENT, PROMPT, backend, true)
}

fn taken(date: &str, time: &str) -> bool {
    (date == "2026-12-05" && (time == "09:00" || time == "09:10")) || date == "2026-11-26"
}

fn times() -> impl Iterator<Item = String> {
    (39..=97).map(|slot| format!("{:02}:{:02}", slot / 6, slot % 6 * 10))
}

fn backend(tool: &str, arguments: &Value) -> Value {
    let text = |key: &str| arguments[key].as_str().unwrap_or_default();
    let known = text("confirmation_code") == "GV4821";
    match tool {
        "searchTeeTimes" => {
            let open = |time: &String| {
                let after = arguments["after"].as_str().is_none_or(|after| time.as_str() >= after);
                let before = arguments["before"].as_str().is_none_or(|before| time.as_str() <= before);
                after && before && !taken(text("date"), time)
            };
            let slots: Vec<Value> = times()
                .filter(open)
                .map(|time| json!({"time": time, "open_players": 4, "price_per_player": 65.0}))
                .collect();
            json!({"date": text("date"), "players": arguments["players"], "slots": slots})
        }
        "bookTeeTime" if taken(text("date"), text("time")) => {
            json!({"error": "slot_taken", "status": 409, "message": "the slot is taken", "nearest": ["08:40", "08:50", "09:20"]})
        }
        "bookTeeTime" => {
            let players = arguments["players"].as_f64().unwrap();
            json!({"confirmation_code": "GV4821", "date": text("date"), "time": text("time"), "players": arguments["players"],
                "name": text("name"), "price_per_player": 65.0, "total": players * 65.0})
        }
        _ if !known => json!({"error": "not_found", "status": 404, "message": "no reservation has this code"}),
        "modifyReservation" if arguments["new_time"] == "09:10" => {
            json!({"error": "slot_taken", "status": 409, "message": "the slot is taken", "nearest": ["08:50", "09:20"]})
        }
        "modifyReservation" => {
            json!({"confirmation_code": "GV4821", "date": arguments.get("new_date").cloned().unwrap_or(json!("2026-11-28")),
            "time": arguments.get("new_time").cloned().unwrap_or(json!("09:00")),
            "players": arguments.get("new_players").cloned().unwrap_or(json!(4)), "name": "Johnson"})
        }
        "cancelReservation" => json!({"confirmation_code": "GV4821", "cancelled": true}),
        other => panic!("there is no tool {other}"),
    }
}
