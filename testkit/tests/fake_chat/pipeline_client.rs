//! The pipeline's own client against the server: what it makes of every recorded answer and of every
//! fault.

use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use serde_json::{Value, json};
use voice_pipeline::chat::{Message, ToolCall};
use voice_pipeline::net::http::chat_completions::ChatCompletions;
use voice_pipeline::vendors::VendorError;
use voice_pipeline::vendors::llm::chat_completions::ChatCompletionsSettings;
use voice_pipeline::vendors::llm::{Finish, Llm, LlmEvent, LlmRequest};
use voice_testkit::fakes::chat::{
    Answer, ApiError, ChatPlan, ConnectionFault, Cut, Delivery, FakeChat, case_expectation, case_ids,
};

use super::Desk;

fn settings(fake: &FakeChat) -> ChatCompletionsSettings {
    ChatCompletionsSettings { base_url: fake.base_url(), ..ChatCompletionsSettings::default() }
}

fn client(settings: ChatCompletionsSettings) -> ChatCompletions {
    // Another test of this process may have been first.
    let _ = rustls::crypto::ring::default_provider().install_default();
    ChatCompletions::new(settings).unwrap()
}

#[derive(Debug, Default)]
struct Heard {
    text: String,
    calls: Vec<ToolCall>,
    finish: Option<Finish>,
    error: Option<VendorError>,
}

async fn hear(llm: &ChatCompletions, messages: Vec<Message>) -> Heard {
    let now = "2026-11-23T09:00:00[America/Los_Angeles]".parse().unwrap();
    let mut stream = llm.answer(LlmRequest { messages, tools: Arc::from([]), now });
    let mut heard = Heard::default();
    while let Some(event) = stream.next().await {
        match event {
            Ok(LlmEvent::Text(text)) => heard.text.push_str(&text),
            Ok(LlmEvent::ToolCall(call)) => heard.calls.push(call),
            Ok(LlmEvent::Done(finish)) => heard.finish = Some(finish),
            Err(error) => heard.error = Some(error),
        }
    }
    heard
}

async fn ask(llm: &ChatCompletions) -> Heard {
    hear(llm, vec![Message::Caller("Hello?".into())]).await
}

fn check(id: &str, heard: &Heard, expect: &Value) {
    assert_eq!(heard.text, expect["text"].as_str().unwrap(), "{id}");
    let calls = expect["tool_calls"].as_array().unwrap();
    assert_eq!(heard.calls.len(), calls.len(), "{id}");
    for (call, expected) in heard.calls.iter().zip(calls) {
        assert_eq!(call.name, expected["name"], "{id}");
        assert_eq!(serde_json::from_str::<Value>(&call.arguments).unwrap(), expected["arguments"], "{id}");
        assert!(expected["id"] == "*" || call.id == *expected["id"].as_str().unwrap(), "{id}: {}", call.id);
    }
    let end = match heard.finish {
        Some(Finish::Stop) => "stop",
        Some(Finish::Length) => "length",
        Some(Finish::ToolCalls) => "tool_calls",
        Some(Finish::Filtered) => "content_filter",
        None => "error",
    };
    assert_eq!(end, expect["end"], "{id}: {heard:?}");
    let Some(word) = expect["error"].as_str() else { return assert!(heard.error.is_none(), "{id}: {heard:?}") };
    let advice = expect["retry_after_ms"].as_u64().map(Duration::from_millis);
    let fits = match (word, heard.error.as_ref().unwrap()) {
        ("rate_limit", VendorError::Busy { status: 429, retry_after, .. }) => *retry_after == advice,
        ("loading", VendorError::Busy { status: 503, .. })
        | ("overloaded", VendorError::Busy { .. })
        | ("connection_lost", VendorError::Disconnected { .. })
        | ("provider", VendorError::Failed { .. })
        | ("quota", VendorError::Refused { status: 429, .. })
        | ("invalid_request", VendorError::Refused { status: 400, .. }) => true,
        ("server_error" | "tool_use_failed" | "status_502", VendorError::Failed { kind, .. }) => kind == word,
        _ => false,
    };
    assert!(fits, "{id}: {word} became {heard:?}");
}

#[tokio::test]
async fn every_recorded_answer_is_understood_however_it_is_delivered() {
    let desk = Desk::with(ChatPlan::default()).await;
    for delivery in [Delivery::Whole, Delivery::PerEvent, Delivery::PerLine, Delivery::PerByte] {
        desk.fake.plan(|plan| plan.delivery = delivery);
        for id in case_ids() {
            let llm = client(ChatCompletionsSettings { model: format!("case:{id}"), ..settings(&desk.fake) });
            check(&format!("{id} {delivery:?}"), &ask(&llm).await, case_expectation(id).unwrap());
        }
    }
}

#[tokio::test]
async fn written_answers_are_understood_however_they_are_delivered() {
    let answer = Answer::says("One moment, Grüße.")
        .and_calls_as("call_a", "book", json!({"name": "日本", "players": 2}))
        .and_calls("look", "");
    let desk = Desk::with(ChatPlan::default()).await;
    let llm = client(settings(&desk.fake));
    for delivery in [Delivery::Whole, Delivery::PerEvent, Delivery::PerLine, Delivery::PerByte] {
        desk.fake.plan(|plan| {
            plan.delivery = delivery;
            plan.queue.push_back(answer.clone());
        });
        let heard = ask(&llm).await;
        assert_eq!(
            (heard.text.as_str(), heard.finish),
            ("One moment, Grüße.", Some(Finish::ToolCalls)),
            "{delivery:?}"
        );
        let [book, look] = &heard.calls[..] else { panic!("{heard:?}") };
        assert_eq!((book.id.as_str(), book.name.as_str()), ("call_a", "book"));
        assert_eq!(serde_json::from_str::<Value>(&book.arguments).unwrap(), json!({"name": "日本", "players": 2}));
        assert_eq!((look.name.as_str(), look.arguments.as_str()), ("look", "{}"));
    }
}

#[tokio::test]
async fn the_history_our_client_writes_passes_the_checks() {
    let desk = Desk::with(ChatPlan::default()).await;
    let call = ToolCall { id: "call_a".into(), name: "book".into(), arguments: "{}".into() };
    let messages = vec![
        Message::System("Be kind.".into()),
        Message::Caller("Book it.".into()),
        Message::Agent { text: String::new(), tool_calls: vec![call] },
        Message::Caller("Are you there?".into()),
    ];
    let heard = hear(&client(settings(&desk.fake)), messages).await;
    assert_eq!(heard.text, "You said: Are you there?", "{heard:?}");
}

#[tokio::test]
async fn faults_before_the_first_word_are_survived_once() {
    let desk = Desk::with(ChatPlan::default()).await;
    let llm = client(settings(&desk.fake));
    for fault in [Cut::close(0), Cut::reset(30), Cut::close(300)] {
        desk.fake.plan(|plan| plan.next_answer_cut = Some(fault));
        assert_eq!(ask(&llm).await.text, "You said: Hello?", "{fault:?}");
    }
    let next = desk.fake.counts().accepted + 1;
    desk.fake.plan(|plan| plan.connection_faults.insert(next, ConnectionFault::Refuse));
    let fresh = client(settings(&desk.fake));
    assert_eq!(ask(&fresh).await.text, "You said: Hello?");

    let busy = || Answer::error(ApiError::new(503, "overloaded", "Later.")).header("retry-after-ms", "1");
    desk.fake.plan(|plan| plan.queue.extend([busy(), busy(), busy()]));
    assert!(matches!(ask(&llm).await.error, Some(VendorError::Busy { status: 503, .. })));
    assert_eq!(desk.fake.plan(|plan| plan.queue.len()), 1, "asked twice, not more");
}

#[tokio::test]
async fn faults_behind_the_first_word_are_errors_behind_the_words() {
    let desk = Desk::with(ChatPlan::default()).await;
    let limits = ChatCompletionsSettings { idle_timeout: Duration::from_millis(500), ..settings(&desk.fake) };
    let llm = client(limits);
    let answer = Answer::says("one two three four");
    desk.fake.plan(|plan| plan.queue.push_back(answer.clone().breaking_off_after(2)));
    let heard = ask(&llm).await;
    assert_eq!(heard.text, "one two ");
    assert!(matches!(heard.error, Some(VendorError::Disconnected { .. })), "{heard:?}");
    desk.fake.plan(|plan| plan.queue.push_back(answer.clone().hanging_after(2)));
    let heard = ask(&llm).await;
    assert_eq!(heard.text, "one two ");
    assert!(matches!(heard.error, Some(VendorError::TimedOut { awaited: "next token", .. })), "{heard:?}");
    // Behind the second of the words, wherever the head ends.
    desk.fake.plan(|plan| plan.queue.push_back(answer.cut(Cut::stall(1000))));
    let heard = ask(&llm).await;
    assert!(heard.text.starts_with("one "), "{heard:?}");
    assert!(matches!(heard.error, Some(VendorError::TimedOut { .. })), "{heard:?}");
    assert_eq!(desk.fake.counts().requests, 3);
}

#[tokio::test]
async fn warming_up_finds_a_wrong_key_and_takes_the_right_one() {
    let plan = ChatPlan { key: Some("sk-right".into()), ..ChatPlan::default() };
    let desk = Desk::with(plan).await;
    let wrong = ChatCompletionsSettings { api_key: Some("sk-wrong".into()), ..settings(&desk.fake) };
    assert!(matches!(client(wrong).warm().await, Err(VendorError::Refused { status: 401, .. })));
    let llm = client(ChatCompletionsSettings { api_key: Some("sk-right".into()), ..settings(&desk.fake) });
    llm.warm().await.unwrap();
    assert_eq!(ask(&llm).await.text, "You said: Hello?");
}
