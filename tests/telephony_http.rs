//! The carrier's routes over loopback: who is believed, who is let in, what is answered.

#![allow(clippy::unwrap_used)]

mod telephony_support;

use std::net::SocketAddr;

use axum::body::Body;
use axum::http::{Request, StatusCode};
use http_body_util::BodyExt;
use hyper::header::{HeaderName, HeaderValue};
use hyper::service::Service;
use hyper_util::service::TowerToHyperService;
use serde_json::{Value, json};
use telephony_support::{LIMIT, announcement, gateway, local, parameters, run, sign, signed};
use tokio::task::JoinSet;
use voice_gateway::http::Peer;
use voice_gateway::telephony::TelephonySettings;
use voice_pipeline::net::websocket::{DialError, WsLimits};

#[tokio::test]
async fn believes_only_what_is_signed() {
    let mut running = run(signed()).await;
    let fields = announcement("CA1");
    let url = running.url("/twilio/voice");
    let post = |signature: Option<String>| {
        let request = running.http.post(&url).form(&fields);
        let request = match signature {
            Some(signature) => request.header("X-Twilio-Signature", signature),
            None => request,
        };
        async move { request.send().await.unwrap().status() }
    };
    assert_eq!(post(None).await, StatusCode::FORBIDDEN);
    assert_eq!(post(Some(String::new())).await, StatusCode::FORBIDDEN);
    assert_eq!(post(Some(sign(&url, &announcement("CA2")))).await, StatusCode::FORBIDDEN);
    assert_eq!(post(Some(sign(&url.replace("http", "https"), &fields))).await, StatusCode::FORBIDDEN);
    assert_eq!(post(Some(sign(&url, &fields))).await, StatusCode::OK);
    for path in ["/twilio/status", "/twilio/stream-status", "/twilio/after-stream"] {
        assert_eq!(running.post(path, &fields).await.0, StatusCode::FORBIDDEN, "{path}");
    }
    let get = format!("{url}?CallSid=CA3&From=%2B14155550123&To=%2B18005550199");
    let signature = sign(&get, &[]);
    let answered = running.http.get(&get).header("X-Twilio-Signature", signature).send().await.unwrap();
    assert_eq!(parameters(&answered.text().await.unwrap())["from"], "+14155550123");

    let socket_url = format!("ws://{}/twilio/media", running.carrier);
    let limits = WsLimits::default();
    for (signed_url, expected) in [
        (None, Some(403)),
        (Some(url.clone()), Some(403)),
        (Some(socket_url.replace("ws://", "http://")), Some(403)),
        (Some(socket_url.clone()), None),
        (Some(format!("{socket_url}/")), None),
    ] {
        let headers: Vec<_> = signed_url
            .iter()
            .map(|url| (HeaderName::from_static("x-twilio-signature"), sign(url, &[]).parse::<HeaderValue>().unwrap()))
            .collect();
        let refused = match running.dialer.dial(&socket_url, &headers, LIMIT, &limits).await {
            Ok(_) => None,
            Err(DialError::Refused { status, .. }) => Some(status),
            Err(other) => panic!("{other:?}"),
        };
        assert_eq!(refused, expected, "{signed_url:?}");
    }
    running.events.close();
}

#[tokio::test]
async fn answers_only_this_machine_without_a_token() {
    let running = run(local()).await;
    let post = |name: &'static str, value: &'static str| {
        let request = running.http.post(running.url("/twilio/voice")).form(&announcement("CA1"));
        let request = request.header(name, value);
        async move { request.send().await.unwrap().status() }
    };
    assert_eq!(post("host", "localhost:8080").await, StatusCode::OK);
    assert_eq!(post("host", "gw.example.com").await, StatusCode::FORBIDDEN);
    assert_eq!(post("x-forwarded-for", "203.0.113.9").await, StatusCode::FORBIDDEN);
    assert_eq!(post("cf-connecting-ip", "203.0.113.9").await, StatusCode::FORBIDDEN);
    assert_eq!(post("origin", "https://evil.example").await, StatusCode::FORBIDDEN);
    let url = format!("ws://{}/twilio/media", running.carrier);
    let forwarded = [(HeaderName::from_static("x-forwarded-for"), HeaderValue::from_static("203.0.113.9"))];
    let refused = running.dialer.dial(&url, &forwarded, LIMIT, &WsLimits::default()).await.unwrap_err();
    assert!(matches!(refused, DialError::Refused { status: 403, .. }), "{refused:?}");
}

#[tokio::test]
async fn a_stranger_from_the_network_is_refused_in_local_mode() {
    let (gateway, _host, _events) = gateway(local());
    let routes = TowerToHyperService::new(gateway.router());
    for (peer, expected) in [
        (Some("127.0.0.1:5000"), StatusCode::OK),
        (Some("[::ffff:127.0.0.1]:5000"), StatusCode::OK),
        (Some("192.168.1.7:5000"), StatusCode::FORBIDDEN),
        (None, StatusCode::FORBIDDEN),
    ] {
        let mut request =
            Request::get("/twilio/voice?CallSid=CA1").header("host", "localhost").body(Body::empty()).unwrap();
        if let Some(peer) = peer {
            request.extensions_mut().insert(Peer(peer.parse().unwrap()));
        }
        assert_eq!(routes.call(request).await.unwrap().status(), expected, "{peer:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_thousand_webhooks_at_once_are_let_in_exactly_to_the_cap() {
    let (gateway, _host, _events) = gateway(TelephonySettings { max_calls: 100, ..local() });
    let routes = TowerToHyperService::new(gateway.router());
    let mut webhooks = JoinSet::new();
    for number in 0..1_000 {
        let routes = routes.clone();
        // Every call is announced twice, as when the carrier retries.
        let target = format!("/twilio/voice?CallSid=CA{}&From=%2B1415&To=%2B1800", number / 2);
        webhooks.spawn(async move {
            let mut request = Request::get(target).header("host", "localhost").body(Body::empty()).unwrap();
            request.extensions_mut().insert(Peer("127.0.0.1:5000".parse().unwrap()));
            let response = routes.call(request).await.unwrap();
            let twiml = response.into_body().collect().await.unwrap().to_bytes();
            (number / 2, String::from_utf8(twiml.to_vec()).unwrap().contains("<Connect"))
        });
    }
    let answers = webhooks.join_all().await;
    let mut let_in: Vec<u32> = answers.iter().filter(|(_, connected)| *connected).map(|(call, _)| *call).collect();
    let_in.sort_unstable();
    let_in.dedup();
    assert_eq!(let_in.len(), 100);
    assert_eq!(gateway.calls_now(), 100);
}

#[tokio::test]
async fn apologises_to_a_caller_whose_stream_never_reached_us() {
    let running = run(local()).await;
    running.announce("CA1").await;
    let (_, twiml) = running.post("/twilio/after-stream", &announcement("CA1")).await;
    assert!(twiml.contains("<Say>Sorry, something went wrong.</Say><Hangup/>"), "{twiml}");
    running.ends().await;
}

#[tokio::test]
async fn passes_on_what_the_carrier_reports() {
    let mut running = run(local()).await;
    let failed = [
        ("CallSid", "CA1"),
        ("StreamSid", "MZ1"),
        ("StreamEvent", "stream-error"),
        ("StreamError", "31920: Stream - WebSocket - Handshake Error"),
    ];
    let (status, body) = running.post("/twilio/stream-status", &failed).await;
    assert_eq!((status, body.as_str()), (StatusCode::NO_CONTENT, ""));
    let event = running.event().await;
    assert!(event.contains("stream-error") && event.contains("31920"), "{event}");
    for (path, fields) in [
        ("/twilio/voice", vec![("From", "+1")]),
        ("/twilio/status", vec![("CallSid", "CA1")]),
        ("/twilio/stream-status", vec![("StreamEvent", "stream-stopped")]),
    ] {
        assert_eq!(running.post(path, &fields).await.0, StatusCode::BAD_REQUEST, "{path}");
    }
}

#[tokio::test]
async fn operators_and_carriers_have_their_own_doors() {
    let running = run(local()).await;
    let get = |address: SocketAddr, path: &str| running.http.get(format!("http://{address}{path}")).send();
    assert_eq!(get(running.carrier, "/metrics").await.unwrap().status(), StatusCode::NOT_FOUND);
    assert_eq!(get(running.admin, "/metrics").await.unwrap().text().await.unwrap(), "calls_active 1\n");
    assert_eq!(get(running.admin, "/healthz").await.unwrap().status(), StatusCode::OK);
    assert_eq!(get(running.admin, "/twilio/voice?CallSid=CA1").await.unwrap().status(), StatusCode::NOT_FOUND);
    let ready = get(running.carrier, "/readyz").await.unwrap();
    assert_eq!(ready.status(), StatusCode::OK);
    *running.host.not_ready.lock().unwrap() = Some("engines_loading");
    let loading = get(running.carrier, "/readyz").await.unwrap();
    assert_eq!(loading.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(loading.json::<Value>().await.unwrap()["reasons"], json!(["engines_loading"]));
}

#[tokio::test]
async fn a_body_over_the_limit_is_not_read() {
    let running = run(local()).await;
    let filler = "a".repeat(70 * 1024);
    let (status, _) = running.post("/twilio/voice", &[("CallSid", "CA1"), ("Filler", &filler)]).await;
    assert_eq!(status, StatusCode::PAYLOAD_TOO_LARGE);
    let plain = running.http.get(running.url("/twilio/media")).send().await.unwrap();
    assert_eq!(plain.status(), StatusCode::BAD_REQUEST, "no websocket was asked for");
}

#[tokio::test]
async fn replays_the_recorded_webhooks_behind_a_proxy() {
    let vectors: Value = serde_json::from_str(include_str!("vectors/http_twilio.json")).unwrap();
    let settings = TelephonySettings { public_url: Some("https://gw.example.com/".into()), ..signed() };
    let (gateway, _host, mut events) = gateway(settings);
    let routes = TowerToHyperService::new(gateway.router());
    let mut replayed = 0;
    for exchange in vectors["exchanges"].as_array().unwrap() {
        let target = exchange["url"].as_str().unwrap().strip_prefix("https://gw.example.com");
        let Some(target) = target.filter(|_| exchange["dir"] == "provider_to_server") else { continue };
        if !["/twilio/voice", "/twilio/stream-status", "/twilio/after-stream"].contains(&target) {
            continue;
        }
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        // What the proxy makes of it, down to the host.
        let request = Request::post(target)
            .header("host", "127.0.0.1:8080")
            .header("content-type", text(&exchange["headers"]["Content-Type"]))
            .header("x-twilio-signature", text(&exchange["headers"]["X-Twilio-Signature"]))
            .body(Body::from(text(&exchange["body"])))
            .unwrap();
        let response = routes.call(request).await.unwrap();
        let expected = &exchange["expected_response"];
        assert_eq!(Some(u64::from(response.status().as_u16())), expected["status"].as_u64(), "{}", exchange["name"]);
        let kind = response.headers().get("content-type").map(|kind| kind.to_str().unwrap().to_owned());
        assert!(kind.unwrap_or_default().starts_with(expected["content_type"].as_str().unwrap_or_default()));
        let body = response.into_body().collect().await.unwrap().to_bytes();
        if target == "/twilio/voice" {
            let twiml = String::from_utf8(body.to_vec()).unwrap();
            for url in [
                "wss://gw.example.com/twilio/media",
                "https://gw.example.com/twilio/stream-status",
                "https://gw.example.com/twilio/after-stream",
            ] {
                assert!(twiml.contains(&format!("\"{url}\"")), "{twiml}");
            }
        }
        replayed += 1;
    }
    assert_eq!(replayed, 5);
    assert_eq!(events.recv().await.map(|event| event.contains("stream-started")), Some(true));
}

#[tokio::test]
async fn believes_a_trusted_proxy_about_the_public_url() {
    let fields = announcement("CA1");
    let signature = sign("https://gw.example.com/twilio/voice", &fields);
    for (trust_proxy, expected) in [(true, StatusCode::OK), (false, StatusCode::FORBIDDEN)] {
        let running = run(TelephonySettings { trust_proxy, ..signed() }).await;
        let request = running.http.post(running.url("/twilio/voice")).form(&fields);
        let request = request.header("x-twilio-signature", &signature);
        let request = request.header("x-forwarded-proto", "https").header("x-forwarded-host", "gw.example.com");
        assert_eq!(request.send().await.unwrap().status(), expected);
    }
}
