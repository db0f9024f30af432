//! A gateway on loopback ports whose host echoes, and a carrier that calls it.

// Each test file uses its own part of this.
#![allow(dead_code, clippy::unwrap_used)]

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::http::StatusCode;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use futures_util::future::BoxFuture;
use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};
use sha1::Sha1;
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use voice_gateway::http::Gateway;
use voice_gateway::http::serve::{Listener, serve};
use voice_gateway::telephony::twilio::signature::SignatureSettings;
use voice_gateway::telephony::{AgentLine, CallHost, CarrierEvent, IncomingCall, TelephonySettings};
use voice_pipeline::line::{Inbound, Outbound};
use voice_pipeline::net::websocket::{Dialed, Dialer, WsEnd, WsLimits, WsMessage};
use voice_pipeline::turn::TurnId;

pub(crate) const AUTH_TOKEN: &str = "test_auth_token_not_a_secret_0001";
pub(crate) const LIMIT: Duration = Duration::from_secs(5);

/// Sends the caller's own voice back, and tells the test what it is told.
pub(crate) struct EchoHost {
    pub(crate) events: mpsc::Sender<String>,
    pub(crate) not_ready: Mutex<Option<&'static str>>,
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
                        Some(Inbound::Audio(ulaw)) => {
                            Outbound::Audio { turn: TurnId(0), ulaw: bytes::Bytes::copy_from_slice(&ulaw) }
                        }
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
pub(crate) struct Running {
    pub(crate) gateway: Gateway,
    pub(crate) host: Arc<EchoHost>,
    pub(crate) events: mpsc::Receiver<String>,
    pub(crate) carrier: SocketAddr,
    pub(crate) admin: SocketAddr,
    pub(crate) http: reqwest::Client,
    pub(crate) dialer: Dialer,
    pub(crate) stop: CancellationToken,
    pub(crate) tasks: JoinSet<()>,
}

pub(crate) fn local() -> TelephonySettings {
    TelephonySettings { max_calls: 2, ..TelephonySettings::default() }
}

pub(crate) fn signed() -> TelephonySettings {
    let signature = SignatureSettings { auth_token: Some(AUTH_TOKEN.into()), ..SignatureSettings::default() };
    TelephonySettings { signature, ..local() }
}

pub(crate) fn gateway(settings: TelephonySettings) -> (Gateway, Arc<EchoHost>, mpsc::Receiver<String>) {
    let (events_tx, events) = mpsc::channel(4096);
    let host = Arc::new(EchoHost { events: events_tx, not_ready: Mutex::new(None) });
    (Gateway::new(settings, Arc::clone(&host) as Arc<dyn CallHost>), host, events)
}

pub(crate) async fn run(settings: TelephonySettings) -> Running {
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

pub(crate) fn announcement(call_sid: &str) -> Vec<(&str, &str)> {
    vec![
        ("AccountSid", "AC1"),
        ("CallSid", call_sid),
        ("CallStatus", "ringing"),
        ("From", "+14155550123"),
        ("To", "+18005550199"),
    ]
}

pub(crate) fn sign(url: &str, fields: &[(&str, &str)]) -> String {
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
    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.carrier)
    }

    pub(crate) async fn post(&self, path: &str, fields: &[(&str, &str)]) -> (StatusCode, String) {
        let response = self.http.post(self.url(path)).form(fields).send().await.unwrap();
        (response.status(), response.text().await.unwrap())
    }

    /// Announces a call and reads the parameters of its stream.
    pub(crate) async fn announce(&self, call_sid: &str) -> Value {
        let (status, twiml) = self.post("/twilio/voice", &announcement(call_sid)).await;
        assert_eq!(status, StatusCode::OK);
        parameters(&twiml)
    }

    pub(crate) async fn dial(&self) -> Dialed {
        let url = format!("ws://{}/twilio/media", self.carrier);
        self.dialer.dial(&url, &[], LIMIT, &WsLimits::default()).await.unwrap()
    }

    pub(crate) async fn start(&self, call_sid: &str, parameters: &Value) -> Dialed {
        let mut socket = self.dial().await;
        says(&mut socket, &json!({"event": "connected", "protocol": "Call", "version": "1.0.0"})).await;
        says(&mut socket, &start(call_sid, parameters)).await;
        socket
    }

    pub(crate) async fn event(&mut self) -> String {
        tokio::time::timeout(LIMIT, self.events.recv()).await.expect("an event in time").unwrap()
    }

    /// Stops everything and checks that nothing is left.
    pub(crate) async fn ends(mut self) {
        self.gateway.calls().close();
        tokio::time::timeout(LIMIT, self.gateway.calls().wait()).await.expect("every call ends");
        assert_eq!(self.gateway.calls_now(), 0);
        self.stop.cancel();
        let served = tokio::time::timeout(LIMIT, self.tasks.join_next()).await.expect("the listeners end");
        served.unwrap().unwrap();
    }
}

pub(crate) fn parameters(twiml: &str) -> Value {
    let parameters = twiml.split("<Parameter name=\"").skip(1).map(|rest| {
        let (name, rest) = rest.split_once("\" value=\"").unwrap();
        (name.to_owned(), json!(rest.split_once('"').unwrap().0))
    });
    Value::Object(parameters.collect())
}

pub(crate) fn start(call_sid: &str, parameters: &Value) -> Value {
    json!({"event": "start", "sequenceNumber": "1", "streamSid": "MZ1", "start": {
        "accountSid": "AC1", "streamSid": "MZ1", "callSid": call_sid, "tracks": ["inbound"],
        "mediaFormat": {"encoding": "audio/x-mulaw", "sampleRate": 8000, "channels": 1},
        "customParameters": parameters}})
}

pub(crate) fn media(payload: &str) -> Value {
    json!({"event": "media", "streamSid": "MZ1", "media": {"track": "inbound", "payload": payload}})
}

pub(crate) async fn says(socket: &mut Dialed, message: &Value) {
    socket.writer.send_text(&message.to_string()).await.unwrap();
}

pub(crate) async fn hears(socket: &mut Dialed) -> Value {
    let heard = tokio::time::timeout(LIMIT, socket.reader.next()).await.expect("a message in time").unwrap();
    let WsMessage::Text(text) = heard else { panic!("the carrier takes no binary messages") };
    serde_json::from_str(&text).unwrap()
}

pub(crate) async fn close_code(socket: &mut Dialed) -> Option<u16> {
    loop {
        match tokio::time::timeout(LIMIT, socket.reader.next()).await.expect("an end in time") {
            Ok(_) => {}
            Err(WsEnd::PeerClosed { code }) => return code,
            Err(end) => panic!("closed without a code: {end:?}"),
        }
    }
}
