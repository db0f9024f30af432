//! The whole of the carrier's side over loopback: webhooks, media sockets, drain.

#![allow(clippy::unwrap_used)]

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::body::Body;
use axum::http::{Request, StatusCode};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use futures_util::future::BoxFuture;
use hmac::{Hmac, KeyInit, Mac};
use http_body_util::BodyExt;
use hyper::header::{HeaderName, HeaderValue};
use hyper::service::Service;
use hyper_util::service::TowerToHyperService;
use serde_json::{Value, json};
use sha1::Sha1;
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use voice_gateway::http::serve::{Listener, serve};
use voice_gateway::http::{Gateway, Peer};
use voice_gateway::telephony::socket::SocketSettings;
use voice_gateway::telephony::twilio::signature::SignatureSettings;
use voice_gateway::telephony::{AgentLine, CallHost, CarrierEvent, IncomingCall, TelephonySettings};
use voice_pipeline::line::{Inbound, Outbound};
use voice_pipeline::net::websocket::{DialError, Dialed, Dialer, WsEnd, WsLimits, WsMessage};
use voice_pipeline::turn::TurnId;

const AUTH_TOKEN: &str = "test_auth_token_not_a_secret_0001";
const LIMIT: Duration = Duration::from_secs(5);

/// Sends the caller's own voice back, and tells the test what it is told.
struct EchoHost {
    events: mpsc::Sender<String>,
    not_ready: Mutex<Option<&'static str>>,
}

impl EchoHost {
    fn tell(&self, event: String) {
        self.events.try_send(event).expect("a test reads its events");
    }
}

impl CallHost for EchoHost {
    fn agent_for(&self, called: &str) -> AgentLine {
        AgentLine {
            name: if called == "+18005550199" { "golf".into() } else { "default".into() },
            busy_line: "All lines are busy & so are we.".into(),
            apology: "Sorry, something went wrong.".into(),
        }
    }

    fn not_ready(&self) -> Option<&'static str> {
        *self.not_ready.lock().unwrap()
    }

    fn run(&self, mut call: IncomingCall) -> BoxFuture<'static, ()> {
        let events = self.events.clone();
        let tell = move |event: String| events.try_send(event).expect("a test reads its events");
        Box::pin(async move {
            let leg = &call.leg;
            tell(format!("answered {} {} {} {:?}", leg.call_sid, leg.from.expose(), leg.agent, leg.parameters));
            let conversation = async {
                loop {
                    let reply = match call.line.inbound.recv().await {
                        Some(Inbound::Audio(ulaw)) => Outbound::Audio { turn: TurnId(0), ulaw },
                        Some(Inbound::Digit('#')) => Outbound::HangUp,
                        Some(Inbound::Digit('0')) => {
                            call.after.transfer_to("+14155550111");
                            Outbound::HangUp
                        }
                        Some(Inbound::HungUp) | None => return,
                        Some(_) => continue,
                    };
                    let _ = call.line.outbound.send(reply).await;
                }
            };
            call.cancel.run_until_cancelled(conversation).await;
            tell(format!("ended {}", call.leg.call_sid));
        })
    }

    fn carrier_event(&self, event: CarrierEvent) {
        self.tell(format!("{event:?}"));
    }
}

/// A gateway on a loopback port.
struct Running {
    gateway: Gateway,
    host: Arc<EchoHost>,
    events: mpsc::Receiver<String>,
    carrier: SocketAddr,
    admin: SocketAddr,
    http: reqwest::Client,
    dialer: Dialer,
    stop: CancellationToken,
    tasks: JoinSet<()>,
}

fn local() -> TelephonySettings {
    TelephonySettings { max_calls: 2, ..TelephonySettings::default() }
}

fn signed() -> TelephonySettings {
    let signature = SignatureSettings { auth_token: Some(AUTH_TOKEN.into()), ..SignatureSettings::default() };
    TelephonySettings { signature, ..local() }
}

fn gateway(settings: TelephonySettings) -> (Gateway, Arc<EchoHost>, mpsc::Receiver<String>) {
    let (events_tx, events) = mpsc::channel(4096);
    let host = Arc::new(EchoHost { events: events_tx, not_ready: Mutex::new(None) });
    (Gateway::new(settings, Arc::clone(&host) as Arc<dyn CallHost>), host, events)
}

async fn run(settings: TelephonySettings) -> Running {
    // Another test of this process may have been first.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let (gateway, host, events) = gateway(settings);
    let carrier = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let admin = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (carrier_address, admin_address) = (carrier.local_addr().unwrap(), admin.local_addr().unwrap());
    let listeners = vec![
        Listener { socket: carrier, router: gateway.router() },
        Listener { socket: admin, router: gateway.admin_router(|| "calls_active 1\n".to_owned()) },
    ];
    let stop = CancellationToken::new();
    let mut tasks = JoinSet::new();
    tasks.spawn(serve(listeners, stop.clone()));
    Running {
        gateway,
        host,
        events,
        carrier: carrier_address,
        admin: admin_address,
        http: reqwest::Client::builder().no_proxy().build().unwrap(),
        dialer: Dialer::new().unwrap(),
        stop,
        tasks,
    }
}

fn announcement(call_sid: &str) -> Vec<(&str, &str)> {
    vec![
        ("AccountSid", "AC1"),
        ("CallSid", call_sid),
        ("CallStatus", "ringing"),
        ("From", "+14155550123"),
        ("To", "+18005550199"),
    ]
}

fn sign(url: &str, fields: &[(&str, &str)]) -> String {
    let mut fields = fields.to_vec();
    fields.sort_unstable();
    let mut mac = Hmac::<Sha1>::new_from_slice(AUTH_TOKEN.as_bytes()).unwrap();
    mac.update(url.as_bytes());
    for (name, value) in fields {
        mac.update(name.as_bytes());
        mac.update(value.as_bytes());
    }
    STANDARD.encode(mac.finalize().into_bytes())
}

impl Running {
    fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.carrier)
    }

    async fn post(&self, path: &str, fields: &[(&str, &str)]) -> (StatusCode, String) {
        let response = self.http.post(self.url(path)).form(fields).send().await.unwrap();
        (response.status(), response.text().await.unwrap())
    }

    /// Announces a call and reads the parameters of its stream.
    async fn announce(&self, call_sid: &str) -> Value {
        let (status, twiml) = self.post("/twilio/voice", &announcement(call_sid)).await;
        assert_eq!(status, StatusCode::OK);
        parameters(&twiml)
    }

    async fn dial(&self) -> Dialed {
        let url = format!("ws://{}/twilio/media", self.carrier);
        self.dialer.dial(&url, &[], LIMIT, &WsLimits::default()).await.unwrap()
    }

    async fn start(&self, call_sid: &str, parameters: &Value) -> Dialed {
        let mut socket = self.dial().await;
        says(&mut socket, &json!({"event": "connected", "protocol": "Call", "version": "1.0.0"})).await;
        says(&mut socket, &start(call_sid, parameters)).await;
        socket
    }

    async fn event(&mut self) -> String {
        tokio::time::timeout(LIMIT, self.events.recv()).await.expect("an event in time").unwrap()
    }

    /// Stops everything and checks that nothing is left.
    async fn ends(mut self) {
        self.gateway.calls().close();
        tokio::time::timeout(LIMIT, self.gateway.calls().wait()).await.expect("every call ends");
        assert_eq!(self.gateway.calls_now(), 0);
        self.stop.cancel();
        let served = tokio::time::timeout(LIMIT, self.tasks.join_next()).await.expect("the listeners end");
        served.unwrap().unwrap();
    }
}

fn parameters(twiml: &str) -> Value {
    let parameters = twiml.split("<Parameter name=\"").skip(1).map(|rest| {
        let (name, rest) = rest.split_once("\" value=\"").unwrap();
        (name.to_owned(), json!(rest.split_once('"').unwrap().0))
    });
    Value::Object(parameters.collect())
}

fn start(call_sid: &str, parameters: &Value) -> Value {
    json!({"event": "start", "sequenceNumber": "1", "streamSid": "MZ1", "start": {
        "accountSid": "AC1", "streamSid": "MZ1", "callSid": call_sid, "tracks": ["inbound"],
        "mediaFormat": {"encoding": "audio/x-mulaw", "sampleRate": 8000, "channels": 1},
        "customParameters": parameters}})
}

fn media(payload: &str) -> Value {
    json!({"event": "media", "streamSid": "MZ1", "media": {"track": "inbound", "payload": payload}})
}

async fn says(socket: &mut Dialed, message: &Value) {
    socket.writer.send_text(&message.to_string()).await.unwrap();
}

async fn hears(socket: &mut Dialed) -> Value {
    let heard = tokio::time::timeout(LIMIT, socket.reader.next()).await.expect("a message in time").unwrap();
    let WsMessage::Text(text) = heard else { panic!("the carrier takes no binary messages") };
    serde_json::from_str(&text).unwrap()
}

async fn close_code(socket: &mut Dialed) -> Option<u16> {
    loop {
        match tokio::time::timeout(LIMIT, socket.reader.next()).await.expect("an end in time") {
            Ok(_) => {}
            Err(WsEnd::PeerClosed { code }) => return code,
            Err(end) => panic!("closed without a code: {end:?}"),
        }
    }
}

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
    running.ends().await;
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
async fn a_draining_gateway_finishes_its_calls_and_takes_no_new_one() {
    let mut running = run(local()).await;
    let parameters = running.announce("CA1").await;
    let mut socket = running.start("CA1", &parameters).await;
    assert!(running.event().await.starts_with("answered CA1"));
    running.gateway.drain();
    let (_, twiml) = running.post("/twilio/voice", &announcement("CA2")).await;
    assert!(twiml.contains("All lines are busy"), "{twiml}");
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
