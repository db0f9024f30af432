//! A gateway in a few lines: answers webhooks with fixed TwiML and plays a script on the stream.

use std::sync::{Arc, Mutex};

use axum::extract::{OriginalUri, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Form, Router};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use fastwebsockets::upgrade::IncomingUpgrade;
use fastwebsockets::{FragmentCollector, Frame, OpCode, Payload};
use futures_util::future::BoxFuture;
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio::task::JoinSet;

/// A request the phone made.
#[derive(Debug)]
pub(crate) struct Request {
    pub(crate) path: String,
    pub(crate) headers: HeaderMap,
    pub(crate) form: Vec<(String, String)>,
}

impl Request {
    pub(crate) fn field(&self, name: &str) -> &str {
        let found = self.form.iter().find(|(field, _)| field == name);
        found.map_or("", |(_, value)| value.as_str())
    }
}

type Script = Arc<dyn Fn(Socket) -> BoxFuture<'static, ()> + Send + Sync>;

#[derive(Clone)]
struct Fake {
    twiml: Arc<str>,
    script: Script,
    requests: mpsc::Sender<Request>,
    streams: Arc<Mutex<JoinSet<()>>>,
}

/// A running fake gateway.
pub(crate) struct FakeGateway {
    /// Its address, `http://127.0.0.1:…`.
    pub(crate) url: String,
    requests: mpsc::Receiver<Request>,
    streams: Arc<Mutex<JoinSet<()>>>,
    _server: JoinSet<()>,
}

impl FakeGateway {
    /// Answers `/voice` with this TwiML (`HOST` stands for its own host and port), and runs the
    /// script for every stream.
    pub(crate) async fn start<F>(twiml: &str, script: fn(Socket) -> F) -> Self
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let host = listener.local_addr().unwrap().to_string();
        let (requests_tx, requests) = mpsc::channel(64);
        let streams = Arc::default();
        let fake = Fake {
            twiml: twiml.replace("HOST", &host).into(),
            script: Arc::new(move |socket| Box::pin(script(socket))),
            requests: requests_tx,
            streams: Arc::clone(&streams),
        };
        let app = Router::new()
            .route("/voice", post(voice))
            .route("/forbidden", post(|| async { StatusCode::FORBIDDEN }))
            .route("/after", post(after))
            .route("/status", post(note))
            .route("/stream-status", post(note))
            .route("/media", get(media))
            .with_state(fake);
        let mut server = JoinSet::new();
        server.spawn(async move { axum::serve(listener, app).await.unwrap() });
        Self { url: format!("http://{host}"), requests, streams, _server: server }
    }

    /// The next request, in the order of arrival.
    pub(crate) async fn request(&mut self) -> Request {
        self.requests.recv().await.unwrap()
    }

    /// Waits for the scripts' ends; what failed in them fails here.
    pub(crate) async fn finish(self) {
        let mut streams = std::mem::take(&mut *self.streams.lock().unwrap());
        while let Some(script) = streams.join_next().await {
            script.unwrap();
        }
    }
}

async fn note(
    State(fake): State<Fake>,
    OriginalUri(uri): OriginalUri,
    headers: HeaderMap,
    Form(form): Form<Vec<(String, String)>>,
) -> StatusCode {
    let request = Request { path: uri.to_string(), headers, form };
    fake.requests.send(request).await.unwrap();
    StatusCode::NO_CONTENT
}

async fn voice(fake: State<Fake>, uri: OriginalUri, headers: HeaderMap, form: Form<Vec<(String, String)>>) -> Response {
    let twiml = fake.twiml.to_string();
    note(fake, uri, headers, form).await;
    ([("content-type", "text/xml")], twiml).into_response()
}

async fn after(fake: State<Fake>, uri: OriginalUri, headers: HeaderMap, form: Form<Vec<(String, String)>>) -> Response {
    note(fake, uri, headers, form).await;
    let twiml = "<Response><Say>After the stream.</Say></Response>";
    ([("content-type", "application/xml")], twiml).into_response()
}

async fn media(State(fake): State<Fake>, headers: HeaderMap, upgrade: IncomingUpgrade) -> impl IntoResponse {
    let request = Request { path: "/media".into(), headers, form: vec![] };
    fake.requests.send(request).await.unwrap();
    let (response, upgraded) = upgrade.upgrade().unwrap();
    fake.streams.lock().unwrap().spawn(async move {
        let socket = FragmentCollector::new(upgraded.await.unwrap());
        (fake.script)(Socket { socket, stream_sid: String::new() }).await;
    });
    response
}

/// The gateway's end of a stream.
pub(crate) struct Socket {
    socket: FragmentCollector<TokioIo<Upgraded>>,
    pub(crate) stream_sid: String,
}

impl Socket {
    /// The next message; `None` after a close frame, `Err` when the connection just ended.
    pub(crate) async fn next(&mut self) -> Result<Option<Value>, ()> {
        let frame = self.socket.read_frame().await.map_err(drop)?;
        match frame.opcode {
            OpCode::Text => Ok(Some(serde_json::from_slice(&frame.payload).unwrap())),
            OpCode::Close => Ok(None),
            other => panic!("a carrier sends no {other:?}"),
        }
    }

    /// Reads until `event` and gives it.
    pub(crate) async fn until(&mut self, event: &str) -> Value {
        loop {
            let message = self.next().await.expect("the line holds").expect("no close yet");
            if message["event"] == "start" {
                self.stream_sid = message["streamSid"].as_str().unwrap().into();
            }
            if message["event"] == event {
                return message;
            }
        }
    }

    /// Reads until the caller is heard.
    pub(crate) async fn until_voice(&mut self) {
        while self.frame().await.iter().all(|&byte| byte == 0xFF) {}
    }

    /// Reads until the caller is not heard any more.
    pub(crate) async fn until_silence(&mut self) {
        while self.frame().await.iter().any(|&byte| byte != 0xFF) {}
    }

    async fn frame(&mut self) -> Vec<u8> {
        let media = self.until("media").await;
        STANDARD.decode(media["media"]["payload"].as_str().unwrap()).unwrap()
    }

    /// Reads until the socket ends; gives the last message and whether a close frame came.
    pub(crate) async fn until_end(&mut self) -> (Value, bool) {
        let mut last = Value::Null;
        loop {
            match self.next().await {
                Ok(Some(message)) => last = message,
                Ok(None) => return (last, true),
                Err(()) => return (last, false),
            }
        }
    }

    pub(crate) async fn send(&mut self, text: String) {
        let frame = Frame::text(Payload::Owned(text.into_bytes()));
        self.socket.write_frame(frame).await.unwrap();
    }

    pub(crate) async fn play(&mut self, ulaw: &[u8]) {
        let payload = STANDARD.encode(ulaw);
        let media = json!({"event": "media", "streamSid": self.stream_sid, "media": {"payload": payload}});
        self.send(media.to_string()).await;
    }

    pub(crate) async fn mark(&mut self, name: &str) {
        let mark = json!({"event": "mark", "streamSid": self.stream_sid, "mark": {"name": name}});
        self.send(mark.to_string()).await;
    }

    pub(crate) async fn clear(&mut self) {
        let clear = json!({"event": "clear", "streamSid": self.stream_sid});
        self.send(clear.to_string()).await;
    }

    pub(crate) async fn close(&mut self, code: u16) {
        self.socket.write_frame(Frame::close(code, b"")).await.unwrap();
        // The phone's own close frame ends the script; a connection reset would hide the code.
        while let Ok(Some(_)) = self.next().await {}
    }
}
