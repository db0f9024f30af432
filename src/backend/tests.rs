//! A fake backend on loopback counts, fails, hangs and breaks off; the tools have to cope.

use std::collections::VecDeque;
use std::sync::Mutex;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, Method};
use axum::response::Response;
use futures_util::{StreamExt, stream};
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use super::*;
use crate::agent::Agents;

const AGENT: &str = r#"
name = "desk"
timezone = "America/Los_Angeles"
person_number = "+15555550199"

[lines]
greeting = "Front desk."

[[tools]]
name = "search"
description = "Searches."
method = "GET"
path = "/tee-times?date={date}&players={players}&after={after?}"
timeout = "5s"
retries = 2
filler = "Let me look."
[tools.parameters]
type = "object"
required = ["date", "players"]
additionalProperties = false
[tools.parameters.properties]
date = { type = "string", format = "date" }
players = { type = "integer", minimum = 1, maximum = 4 }
after = { type = "string" }

[[tools]]
name = "hasty"
description = "Searches without patience."
path = "/hasty"
timeout = "400ms"
retries = 2
[tools.parameters]
type = "object"

[[tools]]
name = "cancel"
description = "Cancels."
method = "DELETE"
path = "/reservations/{code}"
timeout = "400ms"
retries = 1
side_effect = true
[tools.parameters]
type = "object"
required = ["code"]
[tools.parameters.properties]
code = { type = "string" }

[[tools]]
name = "book"
description = "Books."
method = "POST"
path = "/reservations"
retries = 2
side_effect = true
[tools.parameters]
type = "object"
required = ["name"]
[tools.parameters.properties]
name = { type = "string" }
"#;

/// What the backend does with one request.
enum Reply {
    Json(u16, &'static str),
    /// A status with advice on waiting, in seconds.
    Wait(u16, u64),
    /// A body of this many bytes.
    Long(usize),
    Redirect,
    /// Never answers.
    Hang,
    /// Begins an answer and drops the connection.
    BreakOff,
}

#[derive(Clone)]
struct Seen {
    method: Method,
    target: String,
    headers: HeaderMap,
    body: Value,
}

impl Seen {
    fn header(&self, name: &str) -> &str {
        self.headers[name].to_str().unwrap()
    }
}

struct Script {
    replies: Mutex<VecDeque<Reply>>,
    seen: Mutex<Vec<Seen>>,
}

struct Desk {
    tools: BackendTools,
    script: Arc<Script>,
    _server: JoinSet<()>,
}

impl Desk {
    /// An agent's tools before a backend that gives these replies in turn.
    async fn with(replies: impl IntoIterator<Item = Reply>) -> Self {
        let replies = Mutex::new(replies.into_iter().collect());
        let script = Arc::new(Script { replies, seen: Mutex::default() });
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base_url = format!("http://{}/api/", listener.local_addr().unwrap());
        let router = Router::new().fallback(reply).with_state(Arc::clone(&script));
        let mut server = JoinSet::new();
        server.spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { tools: tools(&base_url), script, _server: server }
    }

    async fn call(&self, name: &str, arguments: &str) -> ToolOutcome {
        self.tools.call(call(name, arguments)).await
    }

    fn seen(&self) -> Vec<Seen> {
        self.script.seen.lock().unwrap().clone()
    }
}

async fn reply(State(script): State<Arc<Script>>, request: Request) -> Response {
    let (head, body) = request.into_parts();
    let body = axum::body::to_bytes(body, 1 << 16).await.unwrap();
    let seen = Seen {
        method: head.method,
        target: head.uri.to_string(),
        headers: head.headers,
        body: serde_json::from_slice(&body).unwrap_or(Value::Null),
    };
    script.seen.lock().unwrap().push(seen);
    let reply = script.replies.lock().unwrap().pop_front().expect("more requests than replies");
    let response = Response::builder();
    match reply {
        Reply::Json(status, text) => response.status(status).body(Body::from(text)),
        Reply::Wait(status, seconds) => response.status(status).header("retry-after", seconds).body(Body::empty()),
        Reply::Long(bytes) => response.body(Body::from("\u{e9}".repeat(bytes / 2))),
        Reply::Redirect => response.status(302).header("location", "/elsewhere").body(Body::empty()),
        Reply::Hang => std::future::pending().await,
        Reply::BreakOff => {
            let part = Ok(Bytes::from_static(b"{\"slots\":"));
            let broken = Err(std::io::Error::other("gone"));
            response.body(Body::from_stream(stream::iter([part, broken])))
        }
    }
    .unwrap()
}

fn agent_of(agent_toml: &str) -> Arc<Agent> {
    let dir = tempfile::tempdir().unwrap();
    std::fs::create_dir(dir.path().join("desk")).unwrap();
    std::fs::write(dir.path().join("desk/agent.toml"), agent_toml).unwrap();
    std::fs::write(dir.path().join("desk/system.md"), "Hello.").unwrap();
    Arc::clone(Agents::load(Some(dir.path()), None).unwrap().for_number("any"))
}

fn tools(base_url: &str) -> BackendTools {
    // Another test of this process may have been first.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let settings = BackendSettings { token: Some("secret".into()), ..BackendSettings::new(base_url) };
    BackendTools::new(agent_of(AGENT), Arc::new(BackendClient::new(&settings).unwrap()), "CA123")
}

fn call(name: &str, arguments: &str) -> ToolCall {
    ToolCall { id: "call_0".into(), name: name.into(), arguments: arguments.into() }
}

fn json_of(outcome: &ToolOutcome) -> Value {
    serde_json::from_str(&outcome.content).unwrap()
}

const SATURDAY: &str = r#"{"date":"2026-11-28","players":4}"#;

#[tokio::test]
async fn arguments_as_people_say_them_reach_the_backend_as_the_schema_wants_them() {
    let desk = Desk::with([Reply::Json(200, r#"{"slots":[]}"#)]).await;
    let found = desk.call("search", r#"{"date":"November 28th, 2026","players":"a foursome"}"#).await;
    assert_eq!(found, ToolOutcome { content: r#"{"slots":[]}"#.into(), succeeded: true, normalised: 2 });
    assert_eq!(desk.seen()[0].target, "/api/tee-times?date=2026-11-28&players=4");
    let doubtful = desk.call("search", r#"{"date":"this weekend","players":"two"}"#).await;
    assert_eq!((doubtful.succeeded, desk.seen().len()), (false, 1), "nothing is guessed");
    assert!(doubtful.content.contains("this weekend") && !doubtful.content.contains("two"), "{}", doubtful.content);
}

#[tokio::test]
async fn a_call_carries_its_arguments_and_who_asks() {
    let desk = Desk::with([Reply::Json(200, r#"{"slots":[]}"#), Reply::Json(201, "{}")]).await;
    let found = desk.call("search", r#"{"date":"2026-11-28","players":"4","after":null}"#).await;
    assert_eq!(found, ToolOutcome { content: r#"{"slots":[]}"#.into(), succeeded: true, normalised: 0 });
    desk.call("book", r#"{"name":"Jos\u00e9"}"#).await;
    let seen = desk.seen();
    assert_eq!(seen[0].method, Method::GET);
    assert_eq!(seen[0].target, "/api/tee-times?date=2026-11-28&players=4");
    assert_eq!(seen[0].header("authorization"), "Bearer secret");
    assert_eq!(seen[0].header("x-call-id"), "CA123");
    assert_eq!(seen[1].method, Method::POST);
    assert_eq!(seen[1].body, json!({"name": "Jos\u{e9}"}));
}

#[tokio::test]
async fn failures_of_the_backend_are_tried_again_under_the_same_key() {
    let desk = Desk::with([Reply::Json(503, ""), Reply::Wait(429, 0), Reply::Json(201, r#"{"code":"GV1"}"#)]).await;
    let booked = desk.call("book", r#"{"name":"Johnson"}"#).await;
    assert_eq!(booked.content, r#"{"code":"GV1"}"#);
    let keys: Vec<_> = desk.seen().iter().map(|seen| seen.header("idempotency-key").to_owned()).collect();
    assert_eq!(keys.len(), 3);
    assert!(keys.iter().all(|key| *key == keys[0] && key.len() == 32));
}

#[tokio::test]
async fn two_calls_never_share_a_key_even_if_the_model_repeats_its_ids() {
    let desk = Desk::with([Reply::Json(201, "{}"), Reply::Json(201, "{}")]).await;
    let (first, second) = (desk.tools.call(call("book", r#"{"name":"A"}"#)), desk.call("book", r#"{"name":"B"}"#));
    let (first, second) = tokio::join!(first, second);
    assert!(first.succeeded && second.succeeded);
    let seen = desk.seen();
    assert_ne!(seen[0].header("idempotency-key"), seen[1].header("idempotency-key"));
}

#[tokio::test]
async fn the_last_failure_is_told_when_the_tries_are_used_up() {
    let failures = || Reply::Json(500, r#"{"error":"broken"}"#);
    let desk = Desk::with([failures(), failures(), failures()]).await;
    let outcome = desk.call("search", SATURDAY).await;
    assert_eq!(json_of(&outcome), json!({"error": "broken", "status": 500}));
    assert!(!outcome.succeeded);
    assert_eq!(desk.seen().len(), 3);
}

#[tokio::test]
async fn a_refusal_is_told_and_not_tried_again() {
    let taken = r#"{"error":"slot_taken","message":"taken","nearest":["08:40"]}"#;
    let desk = Desk::with([Reply::Json(409, taken)]).await;
    let outcome = desk.call("book", r#"{"name":"Johnson"}"#).await;
    let expected = json!({"error": "slot_taken", "message": "taken", "nearest": ["08:40"], "status": 409});
    assert_eq!(json_of(&outcome), expected);
    assert_eq!(desk.seen().len(), 1);
}

#[tokio::test]
async fn a_pause_longer_than_the_tools_time_is_not_waited_out() {
    let desk = Desk::with([Reply::Wait(429, 60)]).await;
    let outcome = desk.call("search", SATURDAY).await;
    assert_eq!(json_of(&outcome)["status"], 429);
    assert_eq!(desk.seen().len(), 1);
}

#[tokio::test]
async fn a_connection_that_breaks_is_tried_again() {
    let desk = Desk::with([Reply::BreakOff, Reply::Json(200, r#"{"slots":[1]}"#)]).await;
    assert_eq!(desk.call("search", SATURDAY).await.content, r#"{"slots":[1]}"#);
    let seen = desk.seen();
    assert_eq!(seen[0].header("idempotency-key"), seen[1].header("idempotency-key"));
}

#[tokio::test]
async fn a_change_whose_connection_broke_may_have_been_made() {
    let desk = Desk::with([Reply::BreakOff, Reply::BreakOff, Reply::BreakOff]).await;
    let outcome = desk.call("book", r#"{"name":"Johnson"}"#).await;
    assert_eq!(json_of(&outcome)["error"], "backend_unreachable");
    assert!(outcome.content.contains("not known whether the change was made"), "{}", outcome.content);
}

#[tokio::test]
async fn a_backend_that_hangs_is_given_up_and_not_asked_again() {
    let desk = Desk::with([Reply::Hang, Reply::Hang]).await;
    let read = desk.call("hasty", "").await;
    assert_eq!(json_of(&read)["error"], "timeout");
    let changed = desk.call("cancel", r#"{"code":"GV1"}"#).await;
    assert!(changed.content.contains("not known whether the change was made"), "{}", changed.content);
    assert_eq!(desk.seen().len(), 2);
}

#[tokio::test]
async fn nobody_listening_becomes_words_the_agent_can_use() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base_url = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let outcome = tools(&base_url).call(call("search", SATURDAY)).await;
    let message = "the booking system cannot be reached right now; apologise and offer to try later";
    assert_eq!(json_of(&outcome), json!({"error": "backend_unreachable", "message": message}));
}

#[tokio::test]
async fn a_long_result_is_cut_between_characters_with_a_note() {
    let longest = BackendSettings::new("").result_max_bytes;
    let desk = Desk::with([Reply::Long(1 << 20), Reply::Long(longest)]).await;
    let cut = desk.call("search", SATURDAY).await;
    let (kept, note) = cut.content.split_once('\n').unwrap();
    assert_eq!(kept, "\u{e9}".repeat(longest / 2));
    assert_eq!(note, "[cut here: the result is longer than 16384 bytes]");
    let whole = desk.call("search", SATURDAY).await;
    assert_eq!(whole.content.len(), longest);
}

#[tokio::test]
async fn redirects_are_not_followed_with_the_token() {
    let desk = Desk::with([Reply::Redirect]).await;
    assert_eq!(json_of(&desk.call("search", SATURDAY).await)["status"], 302);
    assert_eq!(desk.seen().len(), 1);
}

#[tokio::test]
async fn faulty_arguments_never_reach_the_backend() {
    let desk = Desk::with([]).await;
    for (arguments, field) in [
        (r#"{"date":"this weekend","players":4}"#, "date: "),
        (r#"{"date":"2026-11-28","players":"many"}"#, "players: "),
        (r#"{"date":"2026-11-28","players":9}"#, "players: "),
        (r#"{"date":"2026-11-28"}"#, "\"players\" is a required property"),
        (r#"{"date":null,"players":4}"#, "date: "),
        (r#"{"date":"2026-11-28","players":4,"x":1}"#, "'x' was unexpected"),
        ("[]", "not a JSON object"),
        ("{\"date\":", "not a JSON object"),
    ] {
        let outcome = desk.call("search", arguments).await;
        let told = json_of(&outcome);
        assert_eq!(told["error"], "invalid_arguments");
        assert!(told["message"].as_str().unwrap().contains(field), "{told}");
        assert!(!outcome.succeeded);
    }
    assert!(desk.seen().is_empty());
}

#[tokio::test]
async fn an_argument_cannot_address_another_resource() {
    let desk = Desk::with([Reply::Json(404, "{}"), Reply::Json(404, "{}")]).await;
    for code in ["..", ".", ""] {
        let arguments = json!({"code": code}).to_string();
        assert_eq!(json_of(&desk.call("cancel", &arguments).await)["error"], "invalid_arguments");
    }
    desk.call("cancel", r#"{"code":"../../admin?x=1#y"}"#).await;
    desk.call("cancel", r#"{"code":"//evil.example/\r\nhost: evil"}"#).await;
    let targets: Vec<_> = desk.seen().into_iter().map(|seen| seen.target).collect();
    assert_eq!(targets[0], "/api/reservations/..%2F..%2Fadmin%3Fx%3D1%23y");
    assert_eq!(targets[1], "/api/reservations/%2F%2Fevil.example%2F%0D%0Ahost%3A%20evil");
}

#[tokio::test]
async fn calls_run_side_by_side() {
    let desk = Desk::with((0..8).map(|_| Reply::Json(200, "{}"))).await;
    let calls = (0..8).map(|_| desk.tools.call(call("search", SATURDAY)));
    let outcomes: Vec<_> = stream::iter(calls).buffer_unordered(8).collect().await;
    assert!(outcomes.iter().all(|outcome| outcome.succeeded));
    let keys: std::collections::BTreeSet<_> =
        desk.seen().iter().map(|seen| seen.header("idempotency-key").to_owned()).collect();
    assert_eq!(keys.len(), 8);
}

#[tokio::test]
async fn the_agent_can_end_the_call_put_it_through_and_nothing_unknown() {
    let tools = tools("http://127.0.0.1:9");
    let names: Vec<_> = tools.specs().iter().map(|spec| spec.name.clone()).collect();
    assert_eq!(names, ["search", "hasty", "cancel", "book", "end_call", "transfer_to_person"]);
    assert_eq!(tools.effect("end_call"), Effect::EndsCall);
    assert_eq!(tools.effect("transfer_to_person"), Effect::EndsCall);
    assert_eq!(tools.effect("book"), Effect::Changes);
    assert_eq!(tools.effect("search"), Effect::Reads);
    assert_eq!(tools.effect("nonsense"), Effect::Reads);
    assert_eq!(tools.filler("search").as_deref(), Some("Let me look."));
    assert!(tools.call(call("end_call", r#"{"goodbye":"Bye!"}"#)).await.succeeded);
    assert!(tools.call(call("transfer_to_person", "{}")).await.succeeded);
    let unknown = tools.call(call("nonsense", "{}")).await;
    assert!(!unknown.succeeded);
    assert!(unknown.content.contains("search, hasty, cancel, book, end_call, transfer_to_person"));
}

#[tokio::test]
async fn without_a_person_nobody_is_put_through() {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let agent = agent_of(&AGENT.replace("person_number = \"+15555550199\"", ""));
    let client = BackendClient::new(&BackendSettings::new("http://127.0.0.1:9")).unwrap();
    let tools = BackendTools::new(agent, Arc::new(client), "CA123");
    assert_eq!(tools.effect("transfer_to_person"), Effect::Reads);
    assert!(!tools.call(call("transfer_to_person", "{}")).await.succeeded);
}

#[test]
fn an_address_that_cannot_work_is_refused() {
    let _ = rustls::crypto::ring::default_provider().install_default();
    for wrong in ["localhost:8080", "http://host/?key=1", ""] {
        assert!(BackendClient::new(&BackendSettings::new(wrong)).is_err(), "{wrong}");
    }
}
