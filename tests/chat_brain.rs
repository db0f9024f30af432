//! Calls whose brain is a chat-completions server: the real session and the real HTTP client against
//! a server on loopback that streams, calls tools, breaks off and watches who leaves.
//!
//! Ears and mouth are scripted, so no weights are needed. The calls run in real time, because paused
//! time does not wait for sockets.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::http::HeaderMap;
use axum::routing::post;
use axum::{Json, Router};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::timeout;
use voice_gateway::agent::Agents;
use voice_gateway::backend::{BackendClient, BackendSettings, BackendTools};
use voice_pipeline::event::EndReason;
use voice_pipeline::net::http::chat_completions::ChatCompletions;
use voice_pipeline::tools::Tools;
use voice_pipeline::turn::TurnPolicy;
use voice_pipeline::vendors::llm::chat_completions::ChatCompletionsSettings;
use voice_testkit::fakes::chat::{Answer, ChatPlan, FakeChat, Seen};
use voice_testkit::studio::{Cast, Moment, Studio};
use voice_testkit::vendors::{ScriptedStt, ScriptedTools, ToneTts, brain, ear, mouth};

/// More than anything here takes on a busy machine.
const LIMIT: Duration = Duration::from_secs(20);

const fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// A chat-completions server, and a backend that takes bookings.
struct Desk {
    chat: FakeChat,
    /// Requests, and clients that left.
    seen: mpsc::Receiver<Seen>,
    backend_url: String,
    bookings: mpsc::Receiver<(HeaderMap, Value)>,
    _backend: JoinSet<()>,
}

impl Desk {
    async fn open(answers: Vec<Answer>) -> Self {
        let (seen_tx, seen) = mpsc::channel(64);
        let observer = move |happened: Seen| {
            if matches!(happened, Seen::Request { .. } | Seen::ClientLeft { .. }) {
                // The test may be over.
                let _ = seen_tx.try_send(happened);
            }
        };
        let chat = FakeChat::start(ChatPlan::script(answers), Arc::new(observer)).unwrap();
        let (booked, bookings) = mpsc::channel(8);
        let router = Router::new().route("/reservations", post(book)).with_state(booked);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let backend_url = format!("http://{}", listener.local_addr().unwrap());
        let mut backend = JoinSet::new();
        backend.spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { chat, seen, backend_url, bookings, _backend: backend }
    }

    /// A caller who says these things, and an agent who thinks here.
    fn cast(&self, utterances: &[&str]) -> Cast {
        // Another test of this process may have been first.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let settings = ChatCompletionsSettings {
            base_url: self.chat.base_url(),
            idle_timeout: Duration::from_secs(60),
            ..ChatCompletionsSettings::default()
        };
        Cast {
            stt: ear(ScriptedStt::new(utterances, ms(20))),
            llm: brain(ChatCompletions::new(settings).unwrap()),
            tts: mouth(ToneTts::new()),
            tools: Arc::new(ScriptedTools::new(&[])),
            policy: TurnPolicy::default(),
        }
    }

    /// The golf agent's tools with this backend.
    fn golf_tools(&self) -> Arc<dyn Tools> {
        let prompts = Path::new(env!("CARGO_MANIFEST_DIR")).join("prompts");
        let agents = Agents::load(Some(&prompts), Some("golf")).unwrap();
        let client = BackendClient::new(&BackendSettings::new(self.backend_url.as_str())).unwrap();
        Arc::new(BackendTools::new(Arc::clone(agents.for_number("")), Arc::new(client), "CA1"))
    }

    /// The messages of the next request.
    async fn asked(&mut self) -> Vec<Value> {
        loop {
            if let Seen::Request { body, .. } = self.next_seen().await {
                assert_eq!(body["stream"], true);
                return body["messages"].as_array().unwrap().clone();
            }
        }
    }

    async fn next_seen(&mut self) -> Seen {
        timeout(LIMIT, self.seen.recv()).await.expect("the server is asked in time").expect("the server lives")
    }
}

async fn book(
    State(booked): State<mpsc::Sender<(HeaderMap, Value)>>,
    headers: HeaderMap,
    Json(body): Json<Value>,
) -> Json<Value> {
    booked.send((headers, body)).await.unwrap();
    Json(json!({"confirmation_code": "GV1"}))
}

/// How long the caller heard nobody, at most, from `from` to the end of the call.
fn longest_silence(from: Duration, moments: &[(Duration, Moment)]) -> Duration {
    let (mut longest, mut quiet_since) = (Duration::ZERO, Some(from));
    for (at, moment) in moments.iter().filter(|(at, _)| *at >= from) {
        match moment {
            Moment::AgentStarted | Moment::HungUp => {
                longest = longest.max(quiet_since.take().map_or(Duration::ZERO, |since| *at - since));
            }
            Moment::AgentStopped => quiet_since = Some(*at),
            Moment::Cleared => {}
        }
    }
    longest
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_model_streams_is_spoken() {
    let mut desk = Desk::open(vec![Answer::says("Sure, when?")]).await;
    let mut call = Studio::answer(desk.cast(&["A tea time please."])).await;
    call.listen().await;
    call.speak(ms(600)).await;
    call.listen().await;
    assert_eq!(call.said(), ["Hello there.", "Sure, when?"]);
    let started = call.moments().iter().filter(|(_, moment)| *moment == Moment::AgentStarted).count();
    assert_eq!(started, 2, "{:?}", call.moments());
    let messages = desk.asked().await;
    assert_eq!(messages[0], json!({"role": "system", "content": "Be kind."}));
    assert_eq!(messages.last().unwrap(), &json!({"role": "user", "content": "A tee time please."}));
    assert_eq!(call.hang_up().await.0, EndReason::CallerHungUp);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_tool_call_reaches_the_backend_and_its_result_the_model() {
    let arguments = json!({"date": "2026-12-05", "time": "09:10", "players": 4, "name": "Smith"});
    let calls = Answer::says("").and_calls_as("call_a", "bookTeeTime", &arguments);
    let answers = vec![calls, Answer::says("It is GV1.")];
    let mut desk = Desk::open(answers).await;
    let cast = Cast { tools: desk.golf_tools(), ..desk.cast(&["Yes, book it."]) };
    let mut call = Studio::answer(cast).await;
    call.listen().await;
    call.speak(ms(600)).await;
    call.listen().await;

    let (headers, booked) = desk.bookings.recv().await.unwrap();
    assert_eq!(booked, arguments);
    assert_eq!(headers["x-call-id"], "CA1");
    assert!(!headers["idempotency-key"].is_empty());
    assert!(desk.bookings.is_empty(), "one booking");

    let offered = desk.asked().await;
    assert_eq!(offered.last().unwrap()["role"], "user");
    let answered = desk.asked().await;
    let [.., asked, result] = answered.as_slice() else { panic!("{answered:?}") };
    assert_eq!(asked["tool_calls"][0]["id"], "call_a");
    assert_eq!(asked["tool_calls"][0]["function"]["name"], "bookTeeTime");
    assert_eq!((&result["role"], &result["tool_call_id"]), (&json!("tool"), &json!("call_a")));
    let content: Value = serde_json::from_str(result["content"].as_str().unwrap()).unwrap();
    assert_eq!(content, json!({"confirmation_code": "GV1"}));
    assert_eq!(call.said().last().map(String::as_str), Some("It is GV1."));
    call.hang_up().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_dies_in_mid_sentence_twice_is_apologised_for_and_the_call_ends() {
    let dies = Answer::says("We have nine, ten and el").breaking_off_after(6);
    let desk = Desk::open(vec![dies.clone(), dies]).await;
    let mut call = Studio::answer(desk.cast(&["What is open?"])).await;
    call.listen().await;
    call.speak(ms(600)).await;
    let asked_at = call.now();
    let (reason, moments, events) = timeout(LIMIT, call.until_ended()).await.expect("the call ends");
    assert_eq!(reason, EndReason::VendorFailure);
    let silence = longest_silence(asked_at, &moments);
    assert!(silence <= ms(3_000), "{silence:?} of silence: {moments:?}");
    let audible = moments.iter().any(|(at, moment)| *at >= asked_at && *moment == Moment::AgentStarted);
    assert!(audible, "the apology is heard: {moments:?}");
    assert!(events.iter().any(|event| event.kind.name() == "vendor.failed"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_interruption_drops_the_connection_of_the_answer() {
    let long = Answer::says("We have nine, ten and eleven open. Which one would").hanging_after(10);
    let mut desk = Desk::open(vec![long, Answer::says("Ten it is.")]).await;
    let mut call = Studio::answer(desk.cast(&["What is open?", "Ten please."])).await;
    call.listen().await;
    call.speak(ms(600)).await;
    call.wait(ms(1_200)).await;
    assert!(matches!(desk.next_seen().await, Seen::Request { .. }));
    assert!(desk.seen.is_empty(), "nobody leaves while the answer is heard");
    call.speak(ms(900)).await;
    let left = desk.next_seen().await;
    assert!(matches!(left, Seen::ClientLeft { .. }), "{left:?}");
    call.listen().await;
    assert!(call.moments().iter().any(|(_, moment)| *moment == Moment::Cleared));
    assert_eq!(call.said().last().map(String::as_str), Some("Ten it is."));
    let messages = desk.asked().await;
    let [.., heard, caller] = messages.as_slice() else { panic!("{messages:?}") };
    assert_eq!(caller, &json!({"role": "user", "content": "Ten please."}));
    let heard = heard["content"].as_str().unwrap();
    assert!(heard.starts_with("We have") && !heard.contains("Which"), "{heard:?}");
    call.hang_up().await;
}
