//! The phone against a small fake gateway: real sockets, the phone's own 20 ms clock, no sleeps.
#![allow(clippy::unwrap_used)]

#[path = "phone/cli.rs"]
mod cli;
#[path = "phone/fake_gateway.rs"]
mod fake_gateway;
#[path = "phone/tls.rs"]
mod tls;

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use fake_gateway::{FakeGateway, Socket};
use serde_json::Value;
use voice_gateway::phone::signature::sign;
use voice_gateway::phone::{EndedBy, LiveCall, Phone, PhoneError, PhoneEvent, PhoneSettings, Waited};
use voice_pipeline::audio::ulaw;
use voice_pipeline::net::websocket::WsMessage;
use voice_pipeline::time::CallTime;

const TWIML: &str = r#"<Response><Connect><Stream url="ws://HOST/media" statusCallback="http://HOST/stream-status">
    <Parameter name="token" value="t-1"/></Stream></Connect></Response>"#;

const LIMIT: Duration = Duration::from_secs(10);

fn settings(gateway: &FakeGateway, path: &str) -> PhoneSettings {
    PhoneSettings { webhook_url: format!("{}{path}", gateway.url), ..PhoneSettings::default() }
}

async fn call(gateway: &FakeGateway) -> LiveCall {
    Phone::dial(settings(gateway, "/voice")).await.unwrap()
}

/// A loud tone of whole frames, μ-law.
fn voice(millis: usize) -> Vec<u8> {
    (0..millis * 8).map(|n| ulaw::encode(((n as f32 * 0.7).sin() * 6_000.0) as i16)).collect()
}

fn samples(ulaw: &[u8]) -> Vec<i16> {
    ulaw.iter().map(|&byte| ulaw::decode(byte)).collect()
}

/// Follows the call until an event for which `wanted` gives something.
async fn event<T>(call: &mut LiveCall, wanted: impl Fn(&PhoneEvent) -> Option<T>) -> T {
    let found = async {
        loop {
            let event = call.events().recv().await.expect("the call goes on");
            if let Some(found) = wanted(&event) {
                return found;
            }
        }
    };
    tokio::time::timeout(LIMIT, found).await.expect("the event comes")
}

fn mark_named(wanted: &'static str) -> impl Fn(&PhoneEvent) -> Option<bool> {
    move |event| match event {
        PhoneEvent::MarkEchoed { name, played, .. } if name == wanted => Some(*played),
        _ => None,
    }
}

async fn idle(mut socket: Socket) {
    socket.until_end().await;
}

#[tokio::test]
async fn hears_the_greeting_and_hangs_up_in_order() {
    async fn greet(mut socket: Socket) {
        let start = socket.until("start").await;
        assert_eq!(start["start"]["customParameters"]["token"], "t-1");
        socket.play(&voice(300)).await;
        socket.mark("greeting").await;
        let mark = socket.until("mark").await;
        assert_eq!(mark["mark"]["name"], "greeting");
        let (last, closed) = socket.until_end().await;
        assert_eq!((&last["event"], closed), (&Value::from("stop"), true));
    }
    let mut gateway = FakeGateway::start(TWIML, greet).await;
    let mut live = call(&gateway).await;
    assert_eq!(live.wait_until_agent_finishes(LIMIT).await, Waited::Happened);
    assert!(event(&mut live, mark_named("greeting")).await);
    assert_eq!(live.hang_up().await, EndedBy::Caller);

    let heard = live.heard();
    assert_eq!(heard.len(), 1);
    assert_eq!(heard[0].ulaw, voice(300));
    let at = heard[0].at;
    assert_eq!(live.heard_between(at, at + Duration::from_millis(100)), samples(&voice(300)[..800]));
    let record = live.finish().await;
    assert_eq!((record.ended_by, record.warnings), (EndedBy::Caller, 0));
    assert_eq!(record.legs.caller.len(), record.legs.agent.len());

    let mut seen = Vec::new();
    for _ in 0..5 {
        let request = gateway.request().await;
        let event = request.field("StreamEvent").to_owned() + request.field("CallStatus");
        seen.push(format!("{} {event}", request.path));
    }
    assert_eq!(
        seen,
        [
            "/voice ringing",
            "/media ",
            "/stream-status stream-started",
            "/stream-status stream-stopped",
            "/status completed"
        ]
    );
    gateway.finish().await;
}

#[tokio::test]
async fn signs_every_request_as_twilio_does() {
    let mut gateway = FakeGateway::start(TWIML, idle).await;
    let dial =
        Phone::dial(PhoneSettings { auth_token: Some("hush".to_owned().into()), ..settings(&gateway, "/voice") });
    dial.await.unwrap().finish().await;
    let base = gateway.url.clone();
    for _ in 0..5 {
        let request = gateway.request().await;
        let header = |name: &str| request.headers.get(name).map(|v| v.to_str().unwrap().to_owned());
        let url = match request.path.as_str() {
            "/media" => format!("{}/media", base.replace("http", "ws")),
            path => format!("{base}{path}"),
        };
        assert_eq!(header("x-twilio-signature"), Some(sign("hush", &url, &request.form)), "{url}");
        if request.path == "/media" {
            assert_eq!(header("origin"), None);
            assert_eq!(header("sec-websocket-extensions"), None);
            assert_eq!(header("sec-websocket-protocol"), None);
        } else {
            assert_eq!(request.field("AccountSid").len(), 34);
            assert_eq!(request.field("From"), "+15550100001");
        }
    }
    gateway.finish().await;
}

#[tokio::test]
async fn says_and_presses_what_it_is_told() {
    async fn listen(mut socket: Socket) {
        socket.until("start").await;
        let mut heard = Vec::new();
        let mut digits = String::new();
        while digits != "12#" {
            let message = socket.next().await.unwrap().unwrap();
            match message["event"].as_str().unwrap() {
                "media" => heard.extend(STANDARD.decode(message["media"]["payload"].as_str().unwrap()).unwrap()),
                "dtmf" => digits.push_str(message["dtmf"]["digit"].as_str().unwrap()),
                other => panic!("{other}"),
            }
        }
        let words = voice(200);
        assert!(heard.windows(words.len()).any(|part| part == words), "the words arrive unchanged");
        socket.play(&voice(200)).await;
        socket.until_end().await;
    }
    let gateway = FakeGateway::start(TWIML, listen).await;
    let mut live = call(&gateway).await;
    live.speak(&samples(&voice(200))).await.unwrap();
    assert!(matches!(live.press("5x"), Err(PhoneError::NoSuchKey('x'))));
    live.press("12#").unwrap();
    let latency = event(&mut live, |event| match event {
        PhoneEvent::Answered(latency) => Some(*latency),
        _ => None,
    })
    .await;
    assert!(latency.total >= Duration::from_millis(200), "three keys take 200 ms: {latency:?}");
    assert_eq!(latency.gateway + latency.buffer + latency.lead_in, latency.total);
    assert_eq!(live.finish().await.latencies, [latency]);
    gateway.finish().await;
}

#[tokio::test]
async fn a_clear_cuts_the_agent_off_and_returns_its_marks() {
    async fn talk(mut socket: Socket) {
        socket.until("start").await;
        socket.play(&voice(20_000)).await;
        socket.mark("a-1").await;
        socket.play(&voice(20_000)).await;
        socket.mark("a-2").await;
        socket.until("dtmf").await;
        socket.clear().await;
        for name in ["a-1", "a-2"] {
            assert_eq!(socket.until("mark").await["mark"]["name"], name);
        }
        socket.mark("after").await;
        assert_eq!(socket.until("mark").await["mark"]["name"], "after");
        socket.until_end().await;
    }
    let gateway = FakeGateway::start(TWIML, talk).await;
    let mut live = call(&gateway).await;
    assert_eq!(live.wait_until_agent_speaks(LIMIT).await, Waited::Happened);
    live.press("0").unwrap();
    let dropped = event(&mut live, |event| match event {
        PhoneEvent::Cleared { dropped, .. } => Some(*dropped),
        _ => None,
    })
    .await;
    assert!(dropped > Duration::from_secs(30), "{dropped:?}");
    assert!(!event(&mut live, mark_named("a-1")).await);
    assert!(!event(&mut live, mark_named("a-2")).await);
    assert!(event(&mut live, mark_named("after")).await);
    let heard: usize = live.heard().iter().map(|span| span.ulaw.len()).sum();
    assert!(heard < 8_000 * 10, "{heard}");
    live.finish().await;
    gateway.finish().await;
}

#[tokio::test]
async fn goes_on_with_the_action_when_the_gateway_closes() {
    async fn leave(mut socket: Socket) {
        socket.until("start").await;
        socket.close(1000).await;
    }
    let twiml = TWIML.replace("<Connect>", "<Connect action=\"/after\">");
    let gateway = FakeGateway::start(&twiml, leave).await;
    let mut live = call(&gateway).await;
    let said = event(&mut live, |event| match event {
        PhoneEvent::CarrierSaid { text, .. } => Some(text.expose().clone()),
        _ => None,
    })
    .await;
    assert_eq!(said, "After the stream.");
    assert_eq!(live.ended().await, EndedBy::Gateway);
    assert!(matches!(live.speak(&[0; 160]).await, Err(PhoneError::Over(EndedBy::Gateway))));
    assert_eq!(live.finish().await.warnings, 0);
    gateway.finish().await;
}

#[tokio::test]
async fn warns_when_the_gateway_closes_for_a_fault() {
    async fn leave(mut socket: Socket) {
        socket.until("start").await;
        socket.close(1011).await;
    }
    let gateway = FakeGateway::start(TWIML, leave).await;
    let mut live = call(&gateway).await;
    let code = event(&mut live, |event| match event {
        PhoneEvent::Warning { code, .. } => Some(*code),
        _ => None,
    });
    assert_eq!(code.await, 31_921);
    assert_eq!(live.ended().await, EndedBy::Gateway);
    gateway.finish().await;
}

#[tokio::test]
async fn a_wrong_message_costs_a_warning_and_nothing_else() {
    async fn stammer(mut socket: Socket) {
        socket.until("start").await;
        socket.send("not json".into()).await;
        socket.send("{}".into()).await;
        socket.mark("still-here").await;
        socket.until_end().await;
    }
    let gateway = FakeGateway::start(TWIML, stammer).await;
    let mut live = call(&gateway).await;
    assert!(event(&mut live, mark_named("still-here")).await);
    assert_eq!(live.finish().await.warnings, 1);
    gateway.finish().await;
}

#[tokio::test]
async fn breaks_the_line_without_a_word() {
    async fn watch(mut socket: Socket) {
        socket.until("start").await;
        socket.mark("ready").await;
        let (last, closed) = socket.until_end().await;
        assert_ne!(last["event"], "stop");
        assert!(!closed, "no close frame either");
    }
    let gateway = FakeGateway::start(TWIML, watch).await;
    let mut live = call(&gateway).await;
    event(&mut live, mark_named("ready")).await;
    assert_eq!(live.break_line().await, EndedBy::BrokenLine);
    gateway.finish().await;
}

#[tokio::test]
async fn sends_odd_sizes_garbage_and_forged_parameters_when_told() {
    async fn endure(mut socket: Socket) {
        let start = socket.until("start").await;
        assert_eq!(start["start"]["customParameters"]["token"], "forged");
        assert_eq!((&start["weather"], &start["sequenceNumber"]), (&"sunny".into(), &"2".into()));
        let mut sizes = Vec::new();
        while sizes.len() < 3 {
            let media = socket.until("media").await;
            sizes.push(STANDARD.decode(media["media"]["payload"].as_str().unwrap()).unwrap().len());
        }
        assert_eq!(sizes, [1, 159, 161]);
        assert_eq!(socket.until("nonsense").await["x"], 1);
        socket.mark("endured").await;
        socket.until_end().await;
    }
    let gateway = FakeGateway::start(TWIML, endure).await;
    let mut settings = settings(&gateway, "/voice");
    settings.faults.chopping.sizes = vec![1, 159, 161];
    settings.faults.unknown_messages = true;
    settings.faults.parameters = Some([("token".to_owned(), "forged".to_owned())].into());
    let mut live = Phone::dial(settings).await.unwrap();
    assert_eq!(live.wait_until(CallTime::from_millis(200)).await, Waited::Happened);
    live.send_raw(WsMessage::Text(r#"{"event":"nonsense","x":1}"#.into()));
    event(&mut live, mark_named("endured")).await;
    live.finish().await;
    gateway.finish().await;
}

#[tokio::test]
async fn a_duplicate_webhook_has_the_same_call_sid() {
    let mut gateway = FakeGateway::start(TWIML, idle).await;
    let mut settings = settings(&gateway, "/voice");
    settings.faults.duplicate_webhook = true;
    Phone::dial(settings).await.unwrap().finish().await;
    let (first, second) = (gateway.request().await, gateway.request().await);
    assert_eq!((first.path.as_str(), second.path.as_str()), ("/voice", "/voice"));
    assert_eq!(first.field("CallSid"), second.field("CallSid"));
    gateway.finish().await;
}

#[tokio::test]
async fn hangs_up_when_the_call_lasts_too_long() {
    let gateway = FakeGateway::start(TWIML, idle).await;
    let max_duration = Duration::from_millis(100);
    let dial = Phone::dial(PhoneSettings { max_duration, ..settings(&gateway, "/voice") });
    assert_eq!(dial.await.unwrap().ended().await, EndedBy::TimeLimit);
    gateway.finish().await;
}

#[tokio::test]
async fn hangs_up_on_a_gateway_that_is_never_read() {
    async fn flood(mut socket: Socket) {
        socket.until("start").await;
        for _ in 0..50 {
            socket.play(&voice(20)).await;
        }
        socket.until_end().await;
    }
    let gateway = FakeGateway::start(TWIML, flood).await;
    let mut settings = settings(&gateway, "/voice");
    settings.faults.never_read = true;
    let live = Phone::dial(settings).await.unwrap();
    live.wait_until(CallTime::from_millis(300)).await;
    assert_eq!(live.hang_up().await, EndedBy::Caller);
    assert!(live.finish().await.heard.is_empty());
    gateway.finish().await;
}

#[tokio::test]
async fn a_busy_line_says_why() {
    let twiml = "<Response><Say>All lines are busy.</Say><Hangup/></Response>";
    let mut gateway = FakeGateway::start(twiml, idle).await;
    let refused = Phone::dial(settings(&gateway, "/voice")).await.err().unwrap();
    assert!(matches!(refused, PhoneError::NotConnected { .. }));
    assert!(refused.to_string().contains("All lines are busy."), "{refused}");
    gateway.request().await;
    assert_eq!(gateway.request().await.path, "/status");
    gateway.finish().await;
}

#[tokio::test]
async fn a_refused_stream_is_reported_and_the_apology_heard() {
    let twiml = TWIML.replace("/media", "/nowhere").replace("</Response>", "<Say>Sorry.</Say></Response>");
    let mut gateway = FakeGateway::start(&twiml, idle).await;
    let refused = Phone::dial(settings(&gateway, "/voice")).await.err().unwrap();
    let PhoneError::StreamRefused { code, said, .. } = &refused else { panic!("{refused}") };
    assert_eq!((*code, said.as_slice()), (31_920, ["Sorry.".to_owned()].as_slice()));
    gateway.request().await;
    let told = gateway.request().await;
    assert_eq!(told.field("StreamEvent"), "stream-error");
    assert!(told.field("StreamError").starts_with("31920"), "{}", told.field("StreamError"));
    gateway.finish().await;
}

#[tokio::test]
async fn explains_why_it_was_not_let_in() {
    let gateway = FakeGateway::start(TWIML, idle).await;
    let refused = Phone::dial(settings(&gateway, "/forbidden")).await.err().unwrap().to_string();
    assert!(refused.contains("403") && refused.contains("TWILIO_AUTH_TOKEN"), "{refused}");
    let lost = Phone::dial(settings(&gateway, "/nothing-here")).await.err().unwrap();
    assert!(matches!(lost, PhoneError::BadStatus { status: 404, .. }), "{lost}");
    let nobody = PhoneSettings { webhook_url: "http://127.0.0.1:1/voice".into(), ..PhoneSettings::default() };
    let nobody = Phone::dial(nobody).await.err().unwrap();
    assert!(matches!(nobody, PhoneError::Unreachable { .. }), "{nobody}");
    let nonsense = PhoneSettings { webhook_url: "gateway".into(), ..PhoneSettings::default() };
    assert!(matches!(Phone::dial(nonsense).await.err().unwrap(), PhoneError::BadUrl { .. }));
    gateway.finish().await;
}

#[tokio::test]
async fn two_calls_at_once_do_not_mix() {
    async fn echo_token(mut socket: Socket) {
        let start = socket.until("start").await;
        socket.mark(start["start"]["callSid"].as_str().unwrap()).await;
        socket.until_end().await;
    }
    let gateway = FakeGateway::start(TWIML, echo_token).await;
    let (mut one, mut two) = tokio::join!(call(&gateway), call(&gateway));
    for live in [&mut one, &mut two] {
        let sid = live.sids().call.clone();
        let name = event(live, |event| match event {
            PhoneEvent::MarkEchoed { name, .. } => Some(name.clone()),
            _ => None,
        });
        assert_eq!(name.await, sid);
    }
    tokio::join!(one.finish(), two.finish());
    gateway.finish().await;
}
