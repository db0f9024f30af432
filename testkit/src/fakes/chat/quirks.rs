//! Recorded answers, by their ids: what compatible servers really send, and what a client has to
//! make of it.
//!
//! The first part of them is the pipeline's own fixture; `more_cases.json` has what that leaves out,
//! in the same form.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use serde_json::Value;

const FILES: [&str; 2] =
    [include_str!("../../../../pipeline/fixtures/llm/chat_completions.json"), include_str!("more_cases.json")];

/// A recorded answer.
pub(super) struct Case {
    pub(super) status: u16,
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: String,
    expect: Value,
}

static CASES: LazyLock<BTreeMap<String, Case>> = LazyLock::new(|| {
    let all = FILES.map(|file| serde_json::from_str::<Value>(file).expect("the recorded answers are JSON"));
    all.iter().flat_map(|file| file["cases"].as_array().into_iter().flatten()).map(read).collect()
});

fn read(case: &Value) -> (String, Case) {
    let text = |value: &Value| value.as_str().expect("a recorded answer is complete").to_owned();
    let headers = case["headers"].as_object().into_iter().flatten();
    let status = case["status"].as_u64().and_then(|status| status.try_into().ok());
    let recorded = Case {
        status: status.expect("a recorded answer is complete"),
        headers: headers.map(|(name, value)| (name.clone(), text(value))).collect(),
        body: text(&case["body"]),
        expect: case["expect"].clone(),
    };
    (text(&case["id"]), recorded)
}

impl Case {
    pub(super) fn of(id: &str) -> Option<&'static Self> {
        CASES.get(id)
    }

    pub(super) fn is_stream(&self) -> bool {
        self.headers.iter().any(|(name, value)| name == "content-type" && value.starts_with("text/event-stream"))
    }

    /// The body in events: up to and with the blank lines behind each.
    pub(super) fn events(&self) -> Vec<String> {
        let (mut events, mut is_whole) = (vec![String::new()], false);
        for line in self.body.split_inclusive('\n') {
            let is_blank = line.trim_end().is_empty();
            if is_whole && !is_blank {
                events.push(String::new());
            }
            is_whole = is_blank;
            events.last_mut().expect("there is always one").push_str(line);
        }
        events
    }
}

/// The ids of all recorded answers.
pub fn case_ids() -> impl Iterator<Item = &'static str> {
    CASES.keys().map(String::as_str)
}

/// What a client has to make of a recorded answer: `text`, `tool_calls`, `end`, `error`.
pub fn case_expectation(id: &str) -> Option<&'static Value> {
    Some(&Case::of(id)?.expect)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_cut_behind_blank_lines_and_lose_nothing() {
        for (id, case) in CASES.iter().filter(|(_, case)| case.is_stream()) {
            let events = case.events();
            assert_eq!(events.concat(), case.body, "{id}");
            let (last, others) = events.split_last().unwrap();
            assert!(others.iter().all(|event| event.ends_with("\n\n") || event.ends_with("\n\r\n")), "{id}");
            assert!(!last.is_empty(), "{id}");
        }
    }
}
