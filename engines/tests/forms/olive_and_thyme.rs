//! The restaurant agent's stage: its real files, and a backend with a book of its own shape.

use serde_json::{Value, json};

use super::script::Stage;

pub(crate) const AGENT: &str = include_str!("../../../prompts/restaurant/agent.toml");
const PROMPT: &str = include_str!("../../../prompts/restaurant/system.md");

/// The restaurant agent; Saturday, December 5th is full from 19:30 to 20:00, the terrace is full on
/// Friday, December 4th, Mondays are closed, and the only booking is T20417.
pub(crate) fn olive_and_thyme() -> Stage {
    Stage::new(AGENT, PROMPT, backend, false)
}

/// Every quarter of an hour from 11:30 to 21:00.
fn times() -> impl Iterator<Item = String> {
    (46..=84).map(|quarter| format!("{:02}:{:02}", quarter / 4, quarter % 4 * 15))
}

fn is_full(day: &str, at: &str) -> bool {
    day == "2026-12-05" && ("19:30"..="20:00").contains(&at)
}

fn is_closed(day: &str) -> bool {
    day.parse::<jiff::civil::Date>().is_ok_and(|day| day.weekday() == jiff::civil::Weekday::Monday)
}

fn backend(tool: &str, arguments: &Value) -> Value {
    let text = |key: &str| arguments[key].as_str().unwrap_or_default();
    let closed = || json!({"error": "closed", "status": 409, "message": "the restaurant is closed"});
    let full = || {
        json!({"error": "fully_booked", "status": 409, "message": "no table",
            "alternatives": [{"at": "19:00", "free": 2}, {"at": "19:15", "free": 1}, {"at": "20:15", "free": 3}]})
    };
    match tool {
        "findTables" if is_closed(text("day")) => json!({"tables": []}),
        "findTables" => {
            let free = |at: &String| {
                let from = arguments["from"].as_str().is_none_or(|from| at.as_str() >= from);
                let until = arguments["until"].as_str().is_none_or(|until| at.as_str() <= until);
                from && until && !is_full(text("day"), at)
            };
            let tables: Vec<Value> = times().filter(free).map(|at| json!({"at": at, "free": 2})).collect();
            json!({"tables": tables})
        }
        "reserveTable" if is_closed(text("day")) => closed(),
        "reserveTable" if is_full(text("day"), text("at")) => full(),
        "reserveTable" if text("day") == "2026-12-04" && text("seating") == "terrace" => {
            json!({"error": "terrace_full", "status": 409, "message": "no table on the terrace"})
        }
        "reserveTable" => json!({"reference": "T20417", "day": text("day"), "at": text("at"),
            "guests": arguments["guests"], "guest_name": text("guest_name")}),
        _ if text("reference") != "T20417" => {
            json!({"error": "not_found", "status": 404, "message": "no booking has this reference"})
        }
        "changeBooking" if is_closed(text("new_day")) => closed(),
        "changeBooking" if is_full(text("new_day"), text("new_at")) => full(),
        "changeBooking" => json!({"reference": "T20417",
            "day": arguments.get("new_day").cloned().unwrap_or(json!("2026-11-27")),
            "at": arguments.get("new_at").cloned().unwrap_or(json!("19:30")),
            "guests": arguments.get("new_guests").cloned().unwrap_or(json!(2)), "guest_name": "Marino"}),
        "cancelBooking" => json!({"reference": "T20417", "cancelled": true}),
        other => panic!("there is no tool {other}"),
    }
}
