//! What a tool's call comes to, in words for the model.

use serde_json::{Value, json};
use voice_pipeline::tools::{ToolOutcome, ToolSpec};

/// The most of an error page that says something.
const MAX_MESSAGE_CHARS: usize = 300;

/// What the backend answered.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) body: Vec<u8>,
    /// Whether there was more than was read.
    pub(super) cut: bool,
}

/// Why there is no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NoAnswer {
    /// No connection, so nothing was asked.
    Unreachable,
    /// The connection broke before the answer was whole.
    Broken,
    /// The tool's time is over.
    TimedOut,
}

pub(super) fn done() -> ToolOutcome {
    ToolOutcome { content: json!({"ok": true}).to_string(), succeeded: true, normalised: 0 }
}

pub(super) fn unknown_tool(name: &str, specs: &[ToolSpec]) -> ToolOutcome {
    let known: Vec<_> = specs.iter().map(|spec| spec.name.as_str()).collect();
    let known = known.join(", ");
    failed("unknown_tool", &format!("there is no tool named {name:?}; the tools are: {known}"))
}

pub(super) fn invalid_arguments(faults: &str) -> ToolOutcome {
    failed("invalid_arguments", &format!("the call was not made: {faults}; correct this and call again"))
}

pub(super) fn no_answer(why: NoAnswer, side_effect: bool) -> ToolOutcome {
    match (why, side_effect) {
        (NoAnswer::Unreachable, _) | (NoAnswer::Broken, false) => failed(
            "backend_unreachable",
            "the booking system cannot be reached right now; apologise and offer to try later",
        ),
        (NoAnswer::Broken, true) => failed(
            "backend_unreachable",
            "the connection to the booking system broke; it is not known whether the change was made; \
             apologise and say so",
        ),
        (NoAnswer::TimedOut, false) => {
            failed("timeout", "the booking system did not answer in time; apologise and offer to try again")
        }
        (NoAnswer::TimedOut, true) => failed(
            "timeout",
            "the booking system did not answer in time; it is not known whether the change was made; \
             apologise and say so",
        ),
    }
}

pub(super) fn answered(answer: &Answer) -> ToolOutcome {
    let text = text_of(answer);
    let status = answer.status;
    if (200..300).contains(&status) {
        let content = match (text.trim().is_empty(), answer.cut) {
            (true, _) => return done(),
            (false, false) => text,
            (false, true) => format!("{text}\n[cut here: the result is longer than {} bytes]", answer.body.len()),
        };
        return ToolOutcome { content, succeeded: true, normalised: 0 };
    }
    let mut error = match serde_json::from_str(&text) {
        Ok(Value::Object(error)) => error,
        _ => {
            let message: String = text.chars().take(MAX_MESSAGE_CHARS).collect();
            [("message".to_owned(), Value::from(message))].into_iter().collect()
        }
    };
    error.entry("error").or_insert_with(|| "backend_error".into());
    error.insert("status".to_owned(), status.into());
    ToolOutcome { content: Value::Object(error).to_string(), succeeded: false, normalised: 0 }
}

/// The body as text, cut at the end of a character.
fn text_of(answer: &Answer) -> String {
    let body = match std::str::from_utf8(&answer.body) {
        Err(error) if answer.cut && error.error_len().is_none() => &answer.body[..error.valid_up_to()],
        _ => &answer.body[..],
    };
    String::from_utf8_lossy(body).into_owned()
}

fn failed(error: &str, message: &str) -> ToolOutcome {
    ToolOutcome { content: json!({"error": error, "message": message}).to_string(), succeeded: false, normalised: 0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(status: u16, body: &[u8], cut: bool) -> ToolOutcome {
        answered(&Answer { status, body: body.to_vec(), cut })
    }

    #[test]
    fn a_result_passes_as_it_is() {
        assert_eq!(of(200, b"{\"slots\":[]}", false).content, "{\"slots\":[]}");
        assert_eq!(of(201, b"Booked.", false).content, "Booked.");
        assert_eq!(of(204, b"", false), done());
    }

    #[test]
    fn an_error_carries_its_status() {
        let refused = of(409, b"{\"error\":\"slot_taken\",\"nearest\":[\"08:40\"]}", false);
        assert!(!refused.succeeded);
        let told: Value = serde_json::from_str(&refused.content).unwrap();
        assert_eq!(told, json!({"error": "slot_taken", "nearest": ["08:40"], "status": 409}));
        let told: Value = serde_json::from_str(&of(502, b"<html>Bad gateway</html>", false).content).unwrap();
        assert_eq!(told, json!({"error": "backend_error", "message": "<html>Bad gateway</html>", "status": 502}));
        let told: Value = serde_json::from_str(&of(302, b"[1]", false).content).unwrap();
        assert_eq!(told["status"], 302);
    }

    #[test]
    fn a_cut_falls_between_characters_and_is_said() {
        let cut = of(200, "a\u{65e5}".as_bytes().split_last().unwrap().1, true);
        assert_eq!(cut.content, "a\n[cut here: the result is longer than 3 bytes]");
        assert_eq!(of(200, b"a\xff", false).content, "a\u{fffd}");
    }
}
