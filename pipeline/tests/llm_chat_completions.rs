//! Replays the recorded answers of servers of chat completions: whole, line by line and byte by
//! byte, through the framer, the parser and the codec.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

use std::convert::Infallible;
use std::time::Duration;

use futures_util::{FutureExt, StreamExt, stream};
use serde_json::Value;
use voice_pipeline::net::sse::{DEFAULT_MAX_EVENT_BYTES, events};
use voice_pipeline::vendors::VendorError;
use voice_pipeline::vendors::llm::chat_completions::{Answer, failure};
use voice_pipeline::vendors::llm::{Finish, LlmEvent};

const CASES: &str = include_str!("../fixtures/llm/chat_completions.json");

struct Replayed {
    text: String,
    calls: Vec<voice_pipeline::chat::ToolCall>,
    end: Result<Finish, VendorError>,
    answer: Answer,
}

fn replay(case: &Value, chunks: Vec<&[u8]>) -> Replayed {
    let (mut answer, mut out) = (Answer::default(), Vec::new());
    let header = |name: &str| case["headers"][name].as_str();
    let status = u16::try_from(case["status"].as_u64().unwrap()).unwrap();
    let result = if status != 200 {
        let now = "2026-11-23T09:00:00Z".parse().unwrap();
        Err(failure::in_response(status, header, &chunks.concat(), now))
    } else if header("content-type") == Some("application/json") {
        answer.handle_document(&chunks.concat(), &mut out)
    } else {
        let body = stream::iter(chunks.into_iter().map(Ok::<_, Infallible>));
        let mut events = std::pin::pin!(events(body, DEFAULT_MAX_EVENT_BYTES));
        let mut read = || -> Result<(), VendorError> {
            while let Some(event) = events.next().now_or_never().unwrap() {
                answer.handle_data(&event.unwrap().data, &mut out)?;
            }
            answer.handle_end(&mut out)
        };
        read()
    };
    let (mut text, mut calls, mut done) = (String::new(), Vec::new(), None);
    for event in out {
        assert!(done.is_none(), "nothing follows `Done`");
        match event {
            LlmEvent::Text(piece) => text.push_str(&piece),
            LlmEvent::ToolCall(call) => calls.push(call),
            LlmEvent::Done(finish) => done = Some(finish),
        }
    }
    let end = result.map(|()| done.expect("an answer without an error ends with `Done`"));
    Replayed { text, calls, end, answer }
}

fn check(case: &Value, how: &str, mut replayed: Replayed) {
    let id = format!("{} {how}", case["id"]);
    let expect = &case["expect"];
    assert_eq!(replayed.text, expect["text"].as_str().unwrap(), "{id}");
    let expected_calls = expect["tool_calls"].as_array().unwrap();
    assert_eq!(replayed.calls.len(), expected_calls.len(), "{id}");
    for (call, expected) in replayed.calls.iter().zip(expected_calls) {
        assert_eq!(call.name, expected["name"], "{id}");
        assert_eq!(serde_json::from_str::<Value>(&call.arguments).unwrap(), expected["arguments"]);
        if expected["id"] == "*" {
            assert!(call.id.starts_with("call_"), "{id}");
        } else {
            assert_eq!(call.id, expected["id"], "{id}");
        }
    }
    let end = match &replayed.end {
        Ok(Finish::Stop) => "stop",
        Ok(Finish::Length) => "length",
        Ok(Finish::ToolCalls) => "tool_calls",
        Ok(Finish::Filtered) => "content_filter",
        Err(_) => "error",
    };
    assert_eq!(end, expect["end"], "{id}");
    let usage = replayed.answer.usage().unwrap_or_default();
    assert_eq!(usage.prompt_tokens, expect["usage_prompt"].as_u64().unwrap_or(usage.prompt_tokens));
    assert_eq!(usage.cached_tokens, expect["usage_cached"].as_u64().unwrap_or(usage.cached_tokens));
    if let Some(kept) = expect["keep_extra_content"].as_object() {
        let extra = replayed.answer.take_extra_content();
        assert_eq!(&extra.into_iter().collect::<serde_json::Map<_, _>>(), kept, "{id}");
    }
    if let Some(word) = expect["error"].as_str() {
        check_error(&id, word, expect, &replayed.end.unwrap_err());
    }
}

fn check_error(id: &str, word: &str, expect: &Value, error: &VendorError) {
    let advice = expect["retry_after_ms"].as_u64().map(Duration::from_millis);
    let fits = match (word, error) {
        ("rate_limit", VendorError::Busy { status: 429, retry_after, .. }) => *retry_after == advice,
        ("loading", VendorError::Busy { status: 503, .. })
        | ("connection_lost", VendorError::Disconnected { .. })
        | ("provider", VendorError::Failed { .. })
        | ("quota", VendorError::Refused { status: 429, .. }) => true,
        ("server_error" | "tool_use_failed", VendorError::Failed { kind, .. }) => kind == word,
        _ => false,
    };
    assert!(fits, "{id}: {word} became {error:?}");
    assert_eq!(error.is_retryable(), expect["retry"].as_bool().unwrap_or(true), "{id}");
}

fn cases() -> Vec<Value> {
    let file: Value = serde_json::from_str(CASES).unwrap();
    file["cases"].as_array().unwrap().clone()
}

#[test]
fn every_recorded_answer_reads_the_same_whole_by_lines_and_by_bytes() {
    let cases = cases();
    assert_eq!(cases.len(), 29);
    for case in &cases {
        let body = case["body"].as_str().unwrap();
        check(case, "whole", replay(case, vec![body.as_bytes()]));
        let lines = body.split_inclusive('\n').map(str::as_bytes).collect();
        check(case, "by lines", replay(case, lines));
        check(case, "by bytes", replay(case, body.as_bytes().chunks(1).collect()));
    }
}

#[test]
fn an_answer_cut_anywhere_never_panics_and_never_invents_a_call() {
    for case in cases().iter().filter(|case| case["status"] == 200) {
        let body = case["body"].as_str().unwrap().as_bytes();
        let full = case["expect"]["tool_calls"].as_array().unwrap().len();
        for end in 0..body.len() {
            let replayed = replay(case, vec![&body[..end]]);
            assert!(replayed.calls.len() <= full, "{} cut at {end}", case["id"]);
        }
    }
}
