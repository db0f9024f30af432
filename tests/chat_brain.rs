//! Calls whose brain is a chat-completions server: the real session and the real HTTP client against
//! a server on loopback that streams, calls tools, breaks off and watches who leaves.
//!
//! Ears and mouth are scripted, so no weights are needed. The calls run in real time, because paused
//! time does not wait for sockets.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

use std::collections::VecDeque;
use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::body::Body;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::{Json, Router};
use bytes::Bytes;
use futures_util::StreamExt;
use futures_util::stream::{self, BoxStream};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio::task::{JoinSet, yield_now};
use tokio::time::timeout;
use voice_gateway::agent::Agents;
use voice_gateway::backend::{BackendClient, BackendSettings, BackendTools};
use voice_pipeline::event::EndReason;
use voice_pipeline::net::http::chat_completions::ChatCompletions;
use voice_pipeline::tools::Tools;
use voice_pipeline::turn::TurnPolicy;
use voice_pipeline::vendors::llm::chat_completions::ChatCompletionsSettings;
use voice_testkit::studio::{Cast, Moment, Studio};
use voice_testkit::vendors::{ScriptedStt, ScriptedTools, ToneTts, brain, ear, locked, mouth};

/// More than anything here takes on a busy machine.
const LIMIT: Duration = Duration::from_secs(20);

const fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// What the server streams for one request: deltas, a finish reason, and how the body ends.
struct Answer {
    choices: Vec<Value>,
    ending: Ending,
}

#[derive(Clone, Copy)]
enum Ending {
    /// `[DONE]`.
    Done,
    /// The connection breaks.
    Breaks,
    /// Nothing more comes, and nothing ends.
    Hangs,
}

/// What the server saw, in order.
#[derive(Debug)]
enum Seen {
    Request(Value),
    /// A body that was not at its end was given up by the client.
    ClientLeft,
}

/// A chat-completions server and a backend, on one loopback address.
struct FakeServer {
    base_url: String,
    seen: mpsc::Receiver<Seen>,
    bookings: mpsc::Receiver<(HeaderMap, Value)>,
    _tasks: JoinSet<()>,
}

struct Desk {
    answers: Mutex<VecDeque<Answer>>,
    seen: mpsc::Sender<Seen>,
    bookings: mpsc::Sender<(HeaderMap, Value)>,
}

impl FakeServer {
    async fn start(answers: Vec<Answer>) -> Self {
        let (seen_tx, seen) = mpsc::channel(64);
        let (bookings_tx, bookings) = mpsc::channel(8);
        let desk = Desk { answers: Mutex::new(answers.into()), seen: seen_tx, bookings: bookings_tx };
        let router = Router::new()
            .route("/v1/chat/completions", post(complete))
            .route("/reservations", post(book))
            .with_state(Arc::new(desk));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base_url = format!("http://{}", listener.local_addr().unwrap());
        let mut tasks = JoinSet::new();
        tasks.spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { base_url, seen, bookings, _tasks: tasks }
    }

    /// A caller who says these things, and an agent who thinks here.
    fn cast(&self, utterances: &[&str]) -> Cast {
        // Another test of this process may have been first.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let settings = ChatCompletionsSettings {
            base_url: format!("{}/v1", self.base_url),
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

    /// The golf agent's tools with this server as their backend.
    fn golf_tools(&self) -> Arc<dyn Tools> {
        let prompts = Path::new(env!("CARGO_MANIFEST_DIR")).join("prompts");
        let agents = Agents::load(Some(&prompts), Some("golf")).unwrap();
        let client = BackendClient::new(&BackendSettings::new(self.base_url.as_str())).unwrap();
        Arc::new(BackendTools::new(Arc::clone(agents.for_number("")), Arc::new(client), "CA1"))
    }

    /// The messages of the next request.
    async fn asked(&mut self) -> Vec<Value> {
        loop {
            if let Seen::Request(mut body) = self.next_seen().await {
                assert_eq!(body["stream"], true);
                return serde_json::from_value(body["messages"].take()).unwrap();
            }
        }
    }

    async fn next_seen(&mut self) -> Seen {
        timeout(LIMIT, self.seen.recv()).await.expect("the server is asked in time").expect("the server lives")
    }
}

async fn complete(State(desk): State<Arc<Desk>>, Json(request): Json<Value>) -> Response {
    desk.seen.send(Seen::Request(request)).await.unwrap();
    let answer = locked(&desk.answers).pop_front().expect("the script has an answer for every request");
    let watch = Watch(matches!(answer.ending, Ending::Hangs).then(|| desk.seen.clone()));
    let body = Body::from_stream(answer.body().map(move |chunk| {
        // The body owns the watch and takes it along when it is dropped.
        let _ = &watch;
        chunk
    }));
    ([(CONTENT_TYPE, "text/event-stream")], body).into_response()
}

async fn book(State(desk): State<Arc<Desk>>, headers: HeaderMap, Json(body): Json<Value>) -> impl IntoResponse {
    desk.bookings.send((headers, body)).await.unwrap();
    Json(json!({"confirmation_code": "GV1"}))
}

/// Tells when a body is dropped.
struct Watch(Option<mpsc::Sender<Seen>>);

impl Drop for Watch {
    fn drop(&mut self) {
        if let Some(seen) = &self.0 {
            // The test may be over.
            let _ = seen.try_send(Seen::ClientLeft);
        }
    }
}

impl Answer {
    fn body(self) -> BoxStream<'static, io::Result<Bytes>> {
        let event = |choice: Value| Bytes::from(format!("data: {}\n\n", json!({"choices": [choice]})));
        // The pause lets the server write each event before it looks for the next.
        let events = stream::iter(self.choices).then(move |choice| async move {
            yield_now().await;
            Ok(event(choice))
        });
        let ending = stream::once(async move {
            yield_now().await;
            match self.ending {
                Ending::Done => Ok(Bytes::from_static(b"data: [DONE]\n\n")),
                Ending::Breaks => Err(io::Error::other("the server dies")),
                Ending::Hangs => std::future::pending().await,
            }
        });
        events.chain(ending).boxed()
    }
}

fn words(text: &str) -> Vec<Value> {
    text.split_inclusive(' ').map(|word| json!({"index": 0, "delta": {"content": word}})).collect()
}

fn finish(reason: &str) -> Value {
    json!({"index": 0, "delta": {}, "finish_reason": reason})
}

fn says(text: &str) -> Answer {
    let choices = words(text).into_iter().chain([finish("stop")]).collect();
    Answer { choices, ending: Ending::Done }
}

/// Calls a tool; its arguments come in two parts.
fn calls(id: &str, name: &str, arguments: &str) -> Answer {
    let (first, rest) = arguments.split_at(arguments.len() / 2);
    let delta = |call: Value| json!({"index": 0, "delta": {"tool_calls": [call]}});
    let begin = json!({"index": 0, "id": id, "type": "function", "function": {"name": name, "arguments": first}});
    let more = json!({"index": 0, "function": {"arguments": rest}});
    Answer { choices: vec![delta(begin), delta(more), finish("tool_calls")], ending: Ending::Done }
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
    let mut server = FakeServer::start(vec![says("Sure, when?")]).await;
    let mut call = Studio::answer(server.cast(&["A tea time please."])).await;
    call.listen().await;
    call.speak(ms(600)).await;
    call.listen().await;
    assert_eq!(call.said(), ["Hello there.", "Sure, when?"]);
    let started = call.moments().iter().filter(|(_, moment)| *moment == Moment::AgentStarted).count();
    assert_eq!(started, 2, "{:?}", call.moments());
    let messages = server.asked().await;
    assert_eq!(messages[0], json!({"role": "system", "content": "Be kind."}));
    assert_eq!(messages.last().unwrap(), &json!({"role": "user", "content": "A tee time please."}));
    assert_eq!(call.hang_up().await.0, EndReason::CallerHungUp);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_tool_call_reaches_the_backend_and_its_result_the_model() {
    let arguments = json!({"date": "2026-12-05", "time": "09:10", "players": 4, "name": "Smith"});
    let answers = vec![calls("call_a", "bookTeeTime", &arguments.to_string()), says("It is GV1.")];
    let mut server = FakeServer::start(answers).await;
    let cast = Cast { tools: server.golf_tools(), ..server.cast(&["Yes, book it."]) };
    let mut call = Studio::answer(cast).await;
    call.listen().await;
    call.speak(ms(600)).await;
    call.listen().await;

    let (headers, booked) = server.bookings.recv().await.unwrap();
    assert_eq!(booked, arguments);
    assert_eq!(headers["x-call-id"], "CA1");
    assert!(!headers["idempotency-key"].is_empty());
    assert!(server.bookings.is_empty(), "one booking");

    let offered = server.asked().await;
    assert_eq!(offered.last().unwrap()["role"], "user");
    let answered = server.asked().await;
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
async fn a_server_that_dies_in_mid_sentence_is_apologised_for_and_the_call_ends() {
    let dies = Answer { choices: words("We have nine, ten and el"), ending: Ending::Breaks };
    let server = FakeServer::start(vec![dies]).await;
    let mut call = Studio::answer(server.cast(&["What is open?"])).await;
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
    let long = Answer { choices: words("We have nine, ten and eleven open. Which one would"), ending: Ending::Hangs };
    let mut server = FakeServer::start(vec![long, says("Ten it is.")]).await;
    let mut call = Studio::answer(server.cast(&["What is open?", "Ten please."])).await;
    call.listen().await;
    call.speak(ms(600)).await;
    call.wait(ms(1_200)).await;
    assert!(matches!(server.next_seen().await, Seen::Request(_)));
    assert!(server.seen.is_empty(), "nobody leaves while the answer is heard");
    call.speak(ms(900)).await;
    let left = server.next_seen().await;
    assert!(matches!(left, Seen::ClientLeft), "{left:?}");
    call.listen().await;
    assert!(call.moments().iter().any(|(_, moment)| *moment == Moment::Cleared));
    assert_eq!(call.said().last().map(String::as_str), Some("Ten it is."));
    let messages = server.asked().await;
    let [.., heard, caller] = messages.as_slice() else { panic!("{messages:?}") };
    assert_eq!(caller, &json!({"role": "user", "content": "Ten please."}));
    let heard = heard["content"].as_str().unwrap();
    assert!(heard.starts_with("We have") && !heard.contains("Which"), "{heard:?}");
    call.hang_up().await;
}
