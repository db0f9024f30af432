//! The fake server of chat completions, over real sockets: with a plain HTTP client, with bare
//! sockets where every byte counts, and with the pipeline's own client.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

mod answers;
mod faults;
mod pipeline_client;
mod refusals;

use std::sync::Arc;
use std::time::Duration;

use reqwest::Response;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::time::timeout;
use voice_testkit::fakes::chat::{ChatPlan, FakeChat, Observer, Seen};

/// More than anything here takes on a busy machine.
const LIMIT: Duration = Duration::from_secs(20);

/// A server, what it sees, and a client.
struct Desk {
    fake: FakeChat,
    seen: mpsc::Receiver<Seen>,
    http: reqwest::Client,
}

impl Desk {
    async fn with(plan: ChatPlan) -> Self {
        let (observer, seen) = observer();
        let fake = FakeChat::start(plan, observer).unwrap();
        // Another test of this process may have been first.
        let _ = rustls::crypto::ring::default_provider().install_default();
        Self { fake, seen, http: reqwest::Client::builder().no_proxy().timeout(LIMIT).build().unwrap() }
    }

    fn url(&self, path: &str) -> String {
        format!("{}{path}", self.fake.base_url())
    }

    async fn post(&self, body: &Value) -> Response {
        self.http.post(self.url("/chat/completions")).json(body).send().await.unwrap()
    }

    /// The answer to this request as one document.
    async fn ask(&self, body: &Value) -> (u16, Value) {
        let response = self.post(body).await;
        (response.status().as_u16(), response.json().await.unwrap())
    }

    /// The data of the answer's events.
    async fn stream(&self, body: &Value) -> Vec<String> {
        events(&self.post(body).await.text().await.unwrap())
    }

    async fn next_seen(&mut self) -> Seen {
        timeout(LIMIT, self.seen.recv()).await.expect("it happens in time").unwrap()
    }

    /// Waits until something happens that `wanted` likes.
    async fn until(&mut self, wanted: impl Fn(&Seen) -> bool) -> Seen {
        loop {
            let seen = self.next_seen().await;
            if wanted(&seen) {
                return seen;
            }
        }
    }
}

fn observer() -> (Observer, mpsc::Receiver<Seen>) {
    let (tell, seen) = mpsc::channel(4096);
    let observer: Observer = Arc::new(move |seen| {
        // The test may be over.
        let _ = tell.try_send(seen);
    });
    (observer, seen)
}

/// A request for a streamed answer to these words.
fn asks(words: &str) -> Value {
    json!({"model": "m", "stream": true, "messages": [{"role": "user", "content": words}]})
}

fn with(mut request: Value, field: &str, value: Value) -> Value {
    request[field] = value;
    request
}

fn events(body: &str) -> Vec<String> {
    body.split("\n\n").filter_map(|event| event.strip_prefix("data: ")).map(str::to_owned).collect()
}

fn json_of(events: &[String]) -> Vec<Value> {
    events.iter().map(|event| serde_json::from_str(event).unwrap()).collect()
}

/// The first choice of every chunk.
fn choices(chunks: &[Value]) -> Vec<&Value> {
    chunks.iter().map(|chunk| &chunk["choices"][0]).collect()
}

/// Makes a request on a socket of its own that asks for the connection to be closed behind the
/// answer.
async fn bare_request(fake: &FakeChat, body: &Value) -> TcpStream {
    let mut socket = TcpStream::connect(fake.address()).await.unwrap();
    send(&mut socket, "close", body).await;
    socket
}

async fn send(socket: &mut TcpStream, connection: &str, body: &Value) {
    let (path, body) = ("/v1/chat/completions", body.to_string());
    let length = body.len();
    let request = format!(
        "POST {path} HTTP/1.1\r\nhost: fake\r\nconnection: {connection}\r\ncontent-length: {length}\r\n\r\n{body}"
    );
    socket.write_all(request.as_bytes()).await.unwrap();
}

/// Reads until the connection ends; gives what came and how it ended.
async fn drain(socket: &mut TcpStream) -> (Vec<u8>, std::io::Result<()>) {
    let mut bytes = Vec::new();
    let end = timeout(LIMIT, socket.read_to_end(&mut bytes)).await.expect("the connection ends in time");
    (bytes, end.map(drop))
}
