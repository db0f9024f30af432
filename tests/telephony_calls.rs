//! Whole calls over loopback, from the webhook to the last task.

#![allow(clippy::unwrap_used)]

mod telephony_support;

use std::time::Duration;

use axum::http::StatusCode;
use serde_json::{Value, json};
use telephony_support::{announcement, close_code, hears, local, media, parameters, run, says};
use voice_gateway::telephony::TelephonySettings;
use voice_gateway::telephony::socket::SocketSettings;

#[tokio::test]
async fn answers_a_call_from_its_webhook_to_its_end() {
    let mut running = run(local()).await;
    let (status, twiml) = running.post("/twilio/voice?course=north", &announcement("CA1")).await;
    assert_eq!(status, StatusCode::OK);
    assert!(twiml.contains(&format!("<Stream url=\"ws://{}/twilio/media\"", running.carrier)), "{twiml}");
    let parameters = parameters(&twiml);
    assert_eq!(parameters["from"], "+14155550123");
    assert_eq!(parameters["agent"], "golf");
    let mut socket = running.start("CA1", &parameters).await;
    assert_eq!(running.event().await, "answered CA1 +14155550123 golf {\"course\": \"north\"}");
    says(&mut socket, &media("//7+")).await;
    assert_eq!(hears(&mut socket).await, json!({"event": "media", "streamSid": "MZ1", "media": {"payload": "//7+"}}));
    says(&mut socket, &json!({"event": "stop", "streamSid": "MZ1"})).await;
    assert_eq!(running.event().await, "ended CA1");
    assert_eq!(close_code(&mut socket).await, Some(1000));
    drop(socket);
    let (status, twiml) = running.post("/twilio/after-stream", &announcement("CA1")).await;
    assert_eq!(status, StatusCode::OK);
    assert!(twiml.ends_with("<Response><Hangup/></Response>"), "{twiml}");
    running.ends().await;
}

#[tokio::test]
async fn closes_streams_without_a_right_token() {
    let mut running = run(local()).await;
    let right = running.announce("CA1").await;
    let mut forged = right.clone();
    forged["from"] = json!("+14155550124");
    for (call_sid, parameters) in [
        ("CA1", json!({})),
        ("CA1", json!({"token": "AAAA", "from": "+14155550123", "to": "+18005550199", "agent": "golf"})),
        ("CA2", right.clone()),
        ("CA1", forged),
    ] {
        let mut socket = running.start(call_sid, &parameters).await;
        assert_eq!(close_code(&mut socket).await, Some(1008), "{parameters}");
    }
    let mut socket = running.start("CA1", &right).await;
    assert!(running.event().await.starts_with("answered CA1"));
    let mut second = running.start("CA1", &right).await;
    assert_eq!(close_code(&mut second).await, Some(1008), "a token opens one socket");
    says(&mut socket, &json!({"event": "dtmf", "dtmf": {"digit": "#"}})).await;
    assert_eq!(close_code(&mut socket).await, Some(1000));
    drop((socket, second));
    running.ends().await;
}

#[tokio::test]
async fn closes_a_socket_that_never_starts() {
    let socket = SocketSettings { start_timeout: Duration::from_millis(30), ..SocketSettings::default() };
    let running = run(TelephonySettings { socket, ..local() }).await;
    let mut socket = running.dial().await;
    assert_eq!(close_code(&mut socket).await, Some(1008));
    drop(socket);
    running.ends().await;
}

#[tokio::test]
async fn a_caller_who_vanishes_leaves_nothing_behind() {
    let mut running = run(local()).await;
    let parameters = running.announce("CA1").await;
    let socket = running.start("CA1", &parameters).await;
    assert!(running.event().await.starts_with("answered CA1"));
    assert_eq!(running.gateway.calls_now(), 1);
    drop(socket);
    assert_eq!(running.event().await, "ended CA1");
    let calls = running.gateway.calls();
    calls.close();
    tokio::time::timeout(Duration::from_secs(1), calls.wait()).await.expect("all tasks end within a second");
    running.ends().await;
}

#[tokio::test]
async fn a_carrier_that_stops_the_stream_but_keeps_the_socket_holds_nothing_up() {
    let mut running = run(local()).await;
    let parameters = running.announce("CA1").await;
    let mut socket = running.start("CA1", &parameters).await;
    assert!(running.event().await.starts_with("answered CA1"));
    says(&mut socket, &json!({"event": "stop"})).await;
    assert_eq!(running.event().await, "ended CA1");
    let calls = running.gateway.calls();
    calls.close();
    tokio::time::timeout(Duration::from_secs(1), calls.wait()).await.expect("all tasks end within a second");
    drop(socket);
    running.ends().await;
}

#[tokio::test]
async fn a_stream_that_never_comes_gives_its_place_back() {
    let mut running =
        run(TelephonySettings { max_calls: 1, stream_token_lifetime: Duration::from_millis(20), ..local() }).await;
    let parameters = running.announce("CA1").await;
    let free_again = async {
        loop {
            let (_, twiml) = running.post("/twilio/voice", &announcement("CA2")).await;
            if twiml.contains("<Connect") {
                return;
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(5), free_again).await.expect("the place comes back");
    while running.events.try_recv().is_ok() {}
    let mut late = running.start("CA1", &parameters).await;
    assert_eq!(close_code(&mut late).await, Some(1008), "its time is over");
}

#[tokio::test]
async fn garbage_on_the_socket_ends_its_call_only() {
    let mut running = run(local()).await;
    let parameters = running.announce("CA1").await;
    let mut bystander = running.start("CA1", &parameters).await;
    assert!(running.event().await.starts_with("answered CA1"));
    let parameters = running.announce("CA2").await;
    let mut socket = running.start("CA2", &parameters).await;
    assert!(running.event().await.starts_with("answered CA2"));
    for _ in 0..50 {
        socket.writer.send_text("{\"event\":\"media\",").await.unwrap();
    }
    assert_eq!(close_code(&mut socket).await, Some(1008));
    assert_eq!(running.event().await, "ended CA2");
    says(&mut bystander, &media("//7+")).await;
    assert_eq!(hears(&mut bystander).await["media"]["payload"], "//7+");
    drop((bystander, socket));
    running.ends().await;
}

#[tokio::test]
async fn the_call_over_the_cap_hears_a_busy_line() {
    let mut running = run(local()).await;
    let parameters = running.announce("CA1").await;
    let mut socket = running.start("CA1", &parameters).await;
    assert!(running.event().await.starts_with("answered CA1"));
    running.announce("CA2").await;
    let busy = "<Response><Say>All lines are busy &amp; so are we.</Say><Hangup/></Response>";
    let (status, twiml) = running.post("/twilio/voice", &announcement("CA3")).await;
    assert_eq!(status, StatusCode::OK);
    assert!(twiml.ends_with(busy), "{twiml}");
    assert_eq!(running.event().await, "TurnedAway { call_sid: \"CA3\", reason: Full }");
    let ready = running.http.get(running.url("/readyz")).send().await.unwrap();
    assert_eq!(ready.status(), StatusCode::SERVICE_UNAVAILABLE);
    let ready: Value = ready.json().await.unwrap();
    assert_eq!(ready, json!({"ready": false, "reasons": ["at_capacity"], "calls": 2, "max_calls": 2}));
    // A webhook that is repeated is the same call, at the cap as well.
    assert!(running.announce("CA2").await["token"].is_string());
    // A caller who hangs up before the stream came gives the place back.
    let hung_up = [("CallSid", "CA2"), ("CallStatus", "completed"), ("CallDuration", "3"), ("SequenceNumber", "1")];
    assert_eq!(running.post("/twilio/status", &hung_up).await.0, StatusCode::NO_CONTENT);
    assert!(running.event().await.contains("duration_seconds: Some(3)"));
    assert!(running.announce("CA3").await["token"].is_string());
    says(&mut socket, &json!({"event": "stop"})).await;
    assert_eq!(running.event().await, "ended CA1");
    drop(socket);
    assert_eq!(running.post("/twilio/status", &[("CallSid", "CA3"), ("CallStatus", "canceled")]).await.0, 204);
    running.ends().await;
}

#[tokio::test]
async fn a_draining_gateway_finishes_its_calls_and_takes_no_new_one() {
    let mut running = run(local()).await;
    let parameters = running.announce("CA1").await;
    let mut socket = running.start("CA1", &parameters).await;
    assert!(running.event().await.starts_with("answered CA1"));
    running.gateway.drain();
    let (_, twiml) = running.post("/twilio/voice", &announcement("CA2")).await;
    assert!(twiml.contains("All lines are busy"), "{twiml}");
    assert_eq!(running.event().await, "TurnedAway { call_sid: \"CA2\", reason: Draining }");
    let ready = running.http.get(running.url("/readyz")).send().await.unwrap();
    assert_eq!(ready.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(ready.json::<Value>().await.unwrap()["reasons"], json!(["draining"]));
    assert_eq!(running.http.get(running.url("/healthz")).send().await.unwrap().status(), StatusCode::OK);
    says(&mut socket, &media("//7+")).await;
    assert_eq!(hears(&mut socket).await["event"], "media", "the running call goes on");
    running.gateway.stop_calls();
    assert_eq!(running.event().await, "ended CA1");
    assert_eq!(close_code(&mut socket).await, Some(1000));
    drop(socket);
    running.ends().await;
}

#[tokio::test]
async fn a_gateway_that_still_loads_its_engines_says_that_it_is_busy() {
    let mut running = run(local()).await;
    *running.host.not_ready.lock().unwrap() = Some("engines_loading");
    let (_, twiml) = running.post("/twilio/voice", &announcement("CA1")).await;
    assert!(twiml.contains("All lines are busy"), "{twiml}");
    assert_eq!(running.event().await, "TurnedAway { call_sid: \"CA1\", reason: NotReady }");
    *running.host.not_ready.lock().unwrap() = None;
    let (_, twiml) = running.post("/twilio/voice", &announcement("CA2")).await;
    assert!(twiml.contains("<Stream"), "{twiml}");
    assert_eq!(running.post("/twilio/status", &[("CallSid", "CA2"), ("CallStatus", "canceled")]).await.0, 204);
    running.ends().await;
}

#[tokio::test]
async fn hands_a_caller_over_where_the_call_asked_for_it() {
    let mut running = run(local()).await;
    let parameters = running.announce("CA1").await;
    let mut socket = running.start("CA1", &parameters).await;
    says(&mut socket, &json!({"event": "dtmf", "dtmf": {"digit": "0"}})).await;
    assert_eq!(close_code(&mut socket).await, Some(1000));
    assert!(running.event().await.starts_with("answered CA1"));
    let (_, twiml) = running.post("/twilio/after-stream", &announcement("CA1")).await;
    assert!(twiml.contains("<Dial><Number>+14155550111</Number></Dial>"), "{twiml}");
    let (_, twiml) = running.post("/twilio/after-stream", &announcement("CA1")).await;
    assert!(twiml.contains("<Hangup/>"), "a hand-over is told once: {twiml}");
    drop(socket);
    running.ends().await;
}
