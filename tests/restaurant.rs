//! The restaurant's folder beside golf's: who answers which number, and what its tools send.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::State;
use axum::http::{Method, StatusCode, Uri};
use axum::{Json, Router};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use voice_gateway::agent::Agents;
use voice_gateway::backend::{BackendClient, BackendSettings, BackendTools};
use voice_pipeline::chat::ToolCall;
use voice_pipeline::tools::{Effect, Tools};

fn prompts() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("prompts")
}

/// One request as the backend saw it.
#[derive(Debug, PartialEq)]
struct Seen {
    method: Method,
    target: String,
    body: Value,
}

fn seen(method: Method, target: &str, body: Value) -> Seen {
    Seen { method, target: target.to_owned(), body }
}

/// The restaurant's tools, and a reservation book that takes everything but 7:30 PM.
struct Book {
    tools: BackendTools,
    requests: mpsc::Receiver<Seen>,
    _server: JoinSet<()>,
}

impl Book {
    async fn open() -> Self {
        // Another test of this process may have been first.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let (requests_tx, requests) = mpsc::channel(16);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/book", listener.local_addr().unwrap());
        let router = Router::new().fallback(answer).with_state(requests_tx);
        let mut server = JoinSet::new();
        server.spawn(async move { axum::serve(listener, router).await.unwrap() });
        let agents = Agents::load(Some(&prompts()), Some("restaurant")).unwrap();
        let client = BackendClient::new(&BackendSettings::new(url)).unwrap();
        let tools = BackendTools::new(Arc::clone(agents.for_number("")), Arc::new(client), "CA1");
        Self { tools, requests, _server: server }
    }

    /// What a tool says to these arguments.
    async fn call(&self, tool: &str, arguments: Value) -> Value {
        let call = ToolCall { id: "call_0".into(), name: tool.into(), arguments: arguments.to_string() };
        serde_json::from_str(&self.tools.call(call).await.content).unwrap()
    }
}

async fn answer(
    State(requests): State<mpsc::Sender<Seen>>,
    method: Method,
    target: Uri,
    body: Bytes,
) -> (StatusCode, Json<Value>) {
    let body: Value = serde_json::from_slice(&body).unwrap_or(Value::Null);
    let full = body["at"] == "19:30";
    requests.send(Seen { method, target: target.to_string(), body }).await.unwrap();
    if full {
        let refusal = json!({"error": "fully_booked", "alternatives": [{"at": "19:00"}, {"at": "20:15"}]});
        return (StatusCode::CONFLICT, Json(refusal));
    }
    (StatusCode::OK, Json(json!({"reference": "T20417"})))
}

#[test]
fn the_agents_of_the_folder_stand_beside_each_other_and_golf_is_the_default() {
    let agents = Agents::load(Some(&prompts()), None).unwrap();
    let names: Vec<&str> = agents.all().iter().map(|agent| &*agent.name).collect();
    assert_eq!(names, ["golf", "restaurant"]);
    assert_eq!(&*agents.for_number("+15555550177").name, "golf");
    let restaurant = agents.named("restaurant").unwrap();
    assert_eq!(restaurant.normalise("is this Olive and time?"), "is this Olive and Thyme?");
    let chosen = Agents::load(Some(&prompts()), Some("restaurant")).unwrap();
    assert_eq!(&*chosen.for_number("+15555550177").name, "restaurant");
}

#[test]
fn a_number_in_its_file_reaches_the_restaurant() {
    let folder = tempfile::tempdir().unwrap();
    for agent in ["golf", "restaurant"] {
        fs::create_dir(folder.path().join(agent)).unwrap();
        for file in ["agent.toml", "system.md"] {
            let text = fs::read_to_string(prompts().join(agent).join(file)).unwrap();
            let text = match agent {
                "restaurant" => text.replace("numbers = []", "numbers = [\"+15555550177\"]"),
                _ => text,
            };
            fs::write(folder.path().join(agent).join(file), text).unwrap();
        }
    }
    let agents = Agents::load(Some(folder.path()), None).unwrap();
    assert_eq!(&*agents.for_number("+15555550177").name, "restaurant");
    assert_eq!(&*agents.for_number("+15555550100").name, "golf");
}

#[tokio::test]
async fn the_tools_send_what_their_templates_say() {
    let mut book = Book::open().await;
    let search = json!({"day": "2026-11-28", "guests": 4, "seating": "terrace", "from": "17:00"});
    book.call("findTables", search).await;
    let target = "/book/tables?day=2026-11-28&guests=4&seating=terrace&from=17%3A00";
    assert_eq!(book.requests.recv().await.unwrap(), seen(Method::GET, target, Value::Null));

    let table = json!({"day": "2026-11-28", "at": "20:00", "guests": 4, "seating": "terrace", "guest_name": "Zo\u{eb} Okonkwo"});
    assert_eq!(book.call("reserveTable", table.clone()).await["reference"], "T20417");
    assert_eq!(book.requests.recv().await.unwrap(), seen(Method::POST, "/book/bookings", table));

    book.call("changeBooking", json!({"reference": "T20417", "new_at": "18:15", "new_guests": 5})).await;
    let change = seen(Method::PATCH, "/book/bookings/T20417", json!({"at": "18:15", "guests": 5}));
    assert_eq!(book.requests.recv().await.unwrap(), change);

    book.call("cancelBooking", json!({"reference": "T20417"})).await;
    assert_eq!(book.requests.recv().await.unwrap(), seen(Method::DELETE, "/book/bookings/T20417", Value::Null));
}

#[tokio::test]
async fn a_refusal_comes_back_with_what_could_be_offered() {
    let book = Book::open().await;
    let table = json!({"day": "2026-11-28", "at": "19:30", "guests": 2, "seating": "inside", "guest_name": "Weiss"});
    let refusal = book.call("reserveTable", table).await;
    assert_eq!(refusal["error"], "fully_booked");
    assert_eq!(refusal["alternatives"], json!([{"at": "19:00"}, {"at": "20:15"}]));
}

#[tokio::test]
async fn arguments_of_another_trade_never_reach_the_book() {
    let mut book = Book::open().await;
    let refused = book.call("cancelBooking", json!({"reference": "GV4821"})).await;
    assert_eq!(refused["error"], "invalid_arguments");
    let refused = book.call("bookTeeTime", json!({})).await;
    assert!(refused["error"].is_string());
    assert!(book.requests.try_recv().is_err());
    assert_eq!(book.tools.effect("findTables"), Effect::Reads);
    for tool in ["reserveTable", "changeBooking", "cancelBooking"] {
        assert_eq!(book.tools.effect(tool), Effect::Changes, "{tool}");
    }
}
