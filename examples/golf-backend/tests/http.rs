//! The service as a tool sees it: over HTTP, with the JSON the golf agent relies on.
#![allow(clippy::unwrap_used)]

use std::net::SocketAddr;

use golf_backend::{Clock, Settings, serve};
use jiff::civil::datetime;
use reqwest::{Client, Method, Response, StatusCode};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinSet;

/// A service on a loopback port, on Monday, November 23, 2026, at nine in the morning.
struct Backend {
    client: Client,
    address: SocketAddr,
    server: JoinSet<std::io::Result<()>>,
    stop: oneshot::Sender<()>,
}

impl Backend {
    async fn start() -> Self {
        Self::start_with(None).await
    }

    async fn start_with(token: Option<&str>) -> Self {
        // Another test of this process may have installed it already.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let settings = Settings {
            token: token.map(str::to_owned),
            clock: Clock::fixed(datetime(2026, 11, 23, 9, 0, 0, 0)),
            demo_data: true,
            code_seed: Some(1),
        };
        let (stop, stopped) = oneshot::channel();
        let mut server = JoinSet::new();
        server.spawn(serve(listener, settings, async {
            stopped.await.unwrap_or_default();
        }));
        Self { client: Client::new(), address, server, stop }
    }

    fn request(&self, method: Method, path: &str) -> reqwest::RequestBuilder {
        self.client.request(method, format!("http://{}{path}", self.address))
    }

    async fn get(&self, path: &str) -> (StatusCode, Value) {
        read(self.request(Method::GET, path).send().await.unwrap()).await
    }

    async fn send(&self, method: Method, path: &str, body: &Value) -> (StatusCode, Value) {
        read(self.request(method, path).json(body).send().await.unwrap()).await
    }

    async fn send_with_key(&self, key: &str, body: &Value) -> (StatusCode, Value) {
        let request = self.request(Method::POST, "/reservations").header("Idempotency-Key", key);
        read(request.json(body).send().await.unwrap()).await
    }

    async fn names_at(&self, date: &str, time: &str) -> Vec<String> {
        let (_, day) = self.get(&format!("/tee-sheet?date={date}")).await;
        let slots = day["slots"].as_array().unwrap();
        let slot = slots.iter().find(|slot| slot["time"] == time).unwrap();
        let held = slot["reservations"].as_array().unwrap();
        held.iter().map(|held| held["name"].as_str().unwrap().to_owned()).collect()
    }
}

async fn read(response: Response) -> (StatusCode, Value) {
    let status = response.status();
    (status, response.json().await.unwrap())
}

fn johnson() -> Value {
    json!({ "date": "2026-11-28", "time": "09:00", "players": 4, "name": "Johnson" })
}

#[tokio::test]
async fn a_search_lists_open_times_in_order_with_their_price() {
    let backend = Backend::start().await;
    let path = "/tee-times?date=2026-11-28&players=4&after=08:50&before=09:10";
    let (status, body) = backend.get(path).await;
    assert_eq!(status, StatusCode::OK);
    let slot = |time: &str| json!({ "time": time, "open_players": 4, "price_per_player": 65.0 });
    let expected = json!({
        "date": "2026-11-28",
        "players": 4,
        "slots": [slot("09:00"), slot("09:10")],
    });
    assert_eq!(body, expected, "08:50 is full in the demo data");
}

#[tokio::test]
async fn a_booking_is_on_the_sheet_with_its_code_and_total() {
    let backend = Backend::start().await;
    let (status, booked) = backend.send(Method::POST, "/reservations", &johnson()).await;
    assert_eq!(status, StatusCode::CREATED);
    assert_eq!(booked["total"], 260.0);
    assert_eq!(booked["price_per_player"], 65.0);
    let code = booked["confirmation_code"].as_str().unwrap();
    let (status, found) = backend.get(&format!("/reservations/{}", code.to_lowercase())).await;
    assert_eq!((status, &found), (StatusCode::OK, &booked));
    assert_eq!(backend.names_at("2026-11-28", "09:00").await, ["Johnson"]);
}

#[tokio::test]
async fn a_taken_slot_comes_with_the_nearest_free_times() {
    let backend = Backend::start().await;
    backend.send(Method::POST, "/reservations", &johnson()).await;
    let (status, refusal) = backend.send(Method::POST, "/reservations", &johnson()).await;
    assert_eq!(status, StatusCode::CONFLICT);
    assert_eq!(refusal["error"], "slot_taken");
    assert_eq!(refusal["nearest"], json!(["08:40", "09:10", "09:20"]));
}

#[tokio::test]
async fn garcia_moves_the_group_and_then_cancels() {
    let backend = Backend::start().await;
    let (_, before) = backend.get("/reservations/GV4821").await;
    assert_eq!((&before["name"], &before["date"]), (&json!("Garcia"), &json!("2026-11-26")));
    let change = json!({ "time": "11:00", "players": 3 });
    let (status, moved) = backend.send(Method::PATCH, "/reservations/GV4821", &change).await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!((&moved["time"], &moved["total"]), (&json!("11:00"), &json!(135.0)));
    let cancel = || backend.request(Method::DELETE, "/reservations/GV4821").send();
    let (status, body) = read(cancel().await.unwrap()).await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!(body, json!({ "confirmation_code": "GV4821", "cancelled": true }));
    let (status, body) = read(cancel().await.unwrap()).await;
    assert_eq!((status, &body["error"]), (StatusCode::NOT_FOUND, &json!("not_found")));
}

#[tokio::test]
async fn a_repeated_key_gets_the_first_answer_and_books_once() {
    let backend = Backend::start().await;
    let mut two = johnson();
    two["players"] = json!(2);
    let first = backend.send_with_key("call-1", &two).await;
    let second = backend.send_with_key("call-1", &two).await;
    assert_eq!(first, second);
    assert_eq!(backend.names_at("2026-11-28", "09:00").await.len(), 1);
    two["players"] = json!(1);
    let (status, body) = backend.send_with_key("call-1", &two).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(body["error"], "idempotency_key_reused");
}

#[tokio::test]
async fn a_cancellation_sent_twice_with_its_key_succeeds_twice() {
    let backend = Backend::start().await;
    for _ in 0..2 {
        let request = backend.request(Method::DELETE, "/reservations/GV4821");
        let response = request.header("Idempotency-Key", "c-1").send().await.unwrap();
        assert_eq!(response.status(), StatusCode::OK);
    }
}

#[tokio::test]
async fn of_many_who_want_the_last_places_at_once_exactly_two_groups_get_them() {
    let backend = Backend::start().await;
    let mut requests = JoinSet::new();
    for group in 0..24 {
        let body = json!({
            "date": "2026-11-28", "time": "09:00", "players": 2, "name": format!("Group {group}")
        });
        let request = backend.request(Method::POST, "/reservations").json(&body);
        requests.spawn(async move { request.send().await.unwrap().status() });
    }
    let answers = requests.join_all().await;
    let booked = answers.iter().filter(|status| **status == StatusCode::CREATED).count();
    let refused = answers.iter().filter(|status| **status == StatusCode::CONFLICT).count();
    assert_eq!((booked, refused), (2, 22));
    assert_eq!(backend.names_at("2026-11-28", "09:00").await.len(), 2);
}

#[tokio::test]
async fn one_key_sent_many_times_at_once_books_once() {
    let backend = Backend::start().await;
    let mut requests = JoinSet::new();
    for _ in 0..24 {
        let mut body = johnson();
        body["players"] = json!(1);
        let request = backend.request(Method::POST, "/reservations").json(&body);
        let request = request.header("Idempotency-Key", "same");
        requests.spawn(async move { read(request.send().await.unwrap()).await });
    }
    let answers = requests.join_all().await;
    assert!(answers.iter().all(|answer| *answer == answers[0]));
    assert_eq!(backend.names_at("2026-11-28", "09:00").await, ["Johnson"]);
}

#[tokio::test]
async fn every_wrong_request_is_told_what_is_wrong_with_it() {
    let backend = Backend::start().await;
    let cases = [
        (json!({ "date": "Saturday" }), "date is \"Saturday\""),
        (json!({ "date": "2026-11-22" }), "in the past"),
        (json!({ "date": "2027-11-28" }), "more than 90 days ahead"),
        (json!({ "time": "9 am" }), "time is \"9 am\""),
        (json!({ "time": "09:05" }), "every 10 minutes"),
        (json!({ "players": 5 }), "players is 5"),
        (json!({ "players": -1 }), "players is -1"),
        (json!({ "players": "four" }), "invalid type"),
        (json!({ "name": "  " }), "name must be text"),
        (json!({ "name": "x".repeat(81) }), "name must be text"),
        (json!({ "holes": 18 }), "unknown field `holes`"),
    ];
    for (wrong, expected) in cases {
        let mut body = johnson();
        body.as_object_mut().unwrap().extend(wrong.as_object().unwrap().clone());
        let (status, answer) = backend.send(Method::POST, "/reservations", &body).await;
        assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY, "{wrong}");
        assert_eq!(answer["error"], "invalid");
        let message = answer["message"].as_str().unwrap();
        assert!(message.contains(expected), "{message} does not say {expected}");
    }
    let (status, answer) = backend.send(Method::PATCH, "/reservations/GV4821", &json!({})).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(answer["message"], "say what to change: date, time or players");
    for query in ["", "?date=2026-11-28", "?date=2026-11-28&players=many", "?date=x&players=1"] {
        let (status, answer) = backend.get(&format!("/tee-times{query}")).await;
        assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY, "{query}");
        assert_eq!(answer["error"], "invalid");
    }
}

#[tokio::test]
async fn bodies_that_are_not_json_or_too_long_are_refused_with_json() {
    let backend = Backend::start().await;
    for (body, expected) in [
        ("{", StatusCode::UNPROCESSABLE_ENTITY),
        ("", StatusCode::UNPROCESSABLE_ENTITY),
        (&*"x".repeat(5_000), StatusCode::PAYLOAD_TOO_LARGE),
    ] {
        let request = backend.request(Method::POST, "/reservations").body(body.to_owned());
        let (status, answer) = read(request.send().await.unwrap()).await;
        assert_eq!((status, &answer["error"]), (expected, &json!("invalid")));
    }
    let (status, answer) = backend.get("/nowhere").await;
    assert_eq!((status, &answer["error"]), (StatusCode::NOT_FOUND, &json!("no_such_route")));
}

#[tokio::test]
async fn with_a_token_only_its_holder_sees_the_sheet_and_everybody_the_health() {
    let backend = Backend::start_with(Some("s3cret")).await;
    let path = "/tee-sheet?date=2026-11-28";
    for header in [None, Some("Bearer s3cre"), Some("Bearer s3cret2"), Some("Basic s3cret")] {
        let mut request = backend.request(Method::GET, path);
        if let Some(header) = header {
            request = request.header("Authorization", header);
        }
        let (status, answer) = read(request.send().await.unwrap()).await;
        assert_eq!(status, StatusCode::UNAUTHORIZED, "{header:?}");
        assert_eq!(answer["error"], "unauthorized");
    }
    let request = backend.request(Method::GET, path).bearer_auth("s3cret");
    assert_eq!(request.send().await.unwrap().status(), StatusCode::OK);
    let health = backend.request(Method::GET, "/healthz").send().await.unwrap();
    assert_eq!(health.status(), StatusCode::OK);
}

#[tokio::test]
async fn ends_when_it_is_told_to() {
    let Backend { client, mut server, stop, .. } = Backend::start().await;
    drop(client);
    stop.send(()).unwrap();
    server.join_next().await.unwrap().unwrap().unwrap();
}

#[test]
fn the_token_does_not_show_in_the_settings() {
    let settings = Settings { token: Some("s3cret".into()), ..Settings::default() };
    assert!(!format!("{settings:?}").contains("s3cret"));
}
