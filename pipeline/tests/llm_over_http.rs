//! A model over real sockets: a fake server speaks raw HTTP on loopback and plays its faults.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use voice_pipeline::chat::{Message, ToolCall};
use voice_pipeline::net::http::chat_completions::ChatCompletions;
use voice_pipeline::vendors::VendorError;
use voice_pipeline::vendors::llm::chat_completions::ChatCompletionsSettings;
use voice_pipeline::vendors::llm::{Finish, Llm, LlmEvent, LlmRequest};

const SSE: &str = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n";

/// What the server does with one request, in order.
enum Act {
    /// Writes these bytes as they are.
    Write(String),
    /// Writes one chunk of a chunked body.
    Chunk(String),
    /// Ends a chunked body and takes the next request from the same connection.
    EndBody,
    /// Says nothing more and tells the test when the client has gone.
    AwaitDisconnect,
    /// Closes the connection.
    Close,
}

#[derive(Debug, PartialEq)]
enum Seen {
    Connection,
    Request { head: String, body: Value },
    Disconnect,
}

struct FakeServer {
    base_url: String,
    seen: mpsc::Receiver<Seen>,
    _tasks: JoinSet<()>,
}

impl FakeServer {
    /// Serves one script a request, in the order of their arrival.
    async fn start(scripts: Vec<Vec<Act>>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base_url = format!("http://{}/v1", listener.local_addr().unwrap());
        let (seen_tx, seen) = mpsc::channel(64);
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            let mut scripts: VecDeque<_> = scripts.into();
            while let Ok((socket, _)) = listener.accept().await {
                seen_tx.send(Seen::Connection).await.unwrap();
                serve(socket, &mut scripts, &seen_tx).await;
            }
        });
        Self { base_url, seen, _tasks: tasks }
    }

    fn settings(&self) -> ChatCompletionsSettings {
        ChatCompletionsSettings {
            base_url: self.base_url.clone(),
            api_key: Some("sk-test".into()),
            ..ChatCompletionsSettings::default()
        }
    }

    fn client(&self) -> ChatCompletions {
        client(self.settings())
    }

    /// Everything that happened so far.
    fn seen(&mut self) -> Vec<Seen> {
        std::iter::from_fn(|| self.seen.try_recv().ok()).collect()
    }
}

fn client(settings: ChatCompletionsSettings) -> ChatCompletions {
    // Another test of this process may have been first.
    let _ = rustls::crypto::ring::default_provider().install_default();
    ChatCompletions::new(settings).unwrap()
}

/// Plays scripts on one connection until a script closes it or the client does.
async fn serve(socket: TcpStream, scripts: &mut VecDeque<Vec<Act>>, seen: &mpsc::Sender<Seen>) {
    let mut socket = BufReader::new(socket);
    while let Some(request) = read_request(&mut socket).await {
        seen.send(request).await.unwrap();
        for act in scripts.pop_front().expect("more requests than scripts") {
            let bytes = match act {
                Act::Write(text) => text,
                Act::Chunk(text) => format!("{:x}\r\n{text}\r\n", text.len()),
                Act::EndBody => "0\r\n\r\n".to_owned(),
                Act::AwaitDisconnect => {
                    while socket.read(&mut [0; 64]).await.is_ok_and(|bytes| bytes > 0) {}
                    seen.send(Seen::Disconnect).await.unwrap();
                    return;
                }
                Act::Close => return,
            };
            if socket.write_all(bytes.as_bytes()).await.is_err() {
                return;
            }
        }
    }
}

async fn read_request(socket: &mut BufReader<TcpStream>) -> Option<Seen> {
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if socket.read_line(&mut head).await.ok()? == 0 {
            return None;
        }
    }
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
    let mut body = vec![0; length.map_or(0, |length| length.parse().unwrap())];
    socket.read_exact(&mut body).await.ok()?;
    Some(Seen::Request { head, body: serde_json::from_slice(&body).unwrap_or(Value::Null) })
}

fn words(text: &str) -> Act {
    Act::Chunk(format!("data: {}\n\n", json!({"choices": [{"index": 0, "delta": {"content": text}}]})))
}

fn stop() -> Act {
    let chunk = json!({"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]});
    Act::Chunk(format!("data: {chunk}\n\n"))
}

fn done() -> Act {
    Act::Chunk("data: [DONE]\n\n".to_owned())
}

fn head() -> Act {
    Act::Write(SSE.to_owned())
}

fn says(text: &str) -> Vec<Act> {
    vec![head(), words(text), stop(), done(), Act::EndBody]
}

fn refuses(status: u16, headers: &str, body: &str) -> Vec<Act> {
    let length = body.len();
    let head = format!("HTTP/1.1 {status} No\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n");
    vec![Act::Write(format!("{head}{headers}\r\n{body}"))]
}

fn request() -> LlmRequest {
    let now = "2026-11-23T09:00:00[America/Los_Angeles]".parse().unwrap();
    LlmRequest { messages: vec![Message::Caller("Hello?".into())], tools: Arc::from([]), now }
}

async fn all(llm: &ChatCompletions) -> (Vec<LlmEvent>, Option<VendorError>) {
    let mut stream = llm.answer(request());
    let mut events = Vec::new();
    while let Some(event) = stream.next().await {
        match event {
            Ok(event) => events.push(event),
            Err(error) => {
                assert!(stream.next().await.is_none(), "nothing follows an error");
                return (events, Some(error));
            }
        }
    }
    (events, None)
}

fn spoken(text: &str) -> Vec<LlmEvent> {
    vec![LlmEvent::Text(text.into()), LlmEvent::Done(Finish::Stop)]
}

fn requests(seen: &[Seen]) -> usize {
    seen.iter().filter(|seen| matches!(seen, Seen::Request { .. })).count()
}

#[tokio::test]
async fn two_answers_and_the_warming_up_share_one_connection() {
    let models = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}".to_owned();
    let mut server = FakeServer::start(vec![vec![Act::Write(models)], says("One."), says("Two.")]).await;
    let llm = server.client();
    llm.warm().await.unwrap();
    assert_eq!(all(&llm).await.0, spoken("One."));
    assert_eq!(all(&llm).await.0, spoken("Two."));
    let seen = server.seen();
    assert_eq!(seen.iter().filter(|seen| **seen == Seen::Connection).count(), 1);
    let Seen::Request { head, body } = &seen[2] else { panic!("{seen:?}") };
    assert!(head.starts_with("POST /v1/chat/completions HTTP/1.1\r\n"));
    assert!(head.contains("authorization: Bearer sk-test\r\n"));
    assert!(head.contains("accept-encoding: identity\r\n"));
    assert_eq!(body["messages"], json!([{"role": "user", "content": "Hello?"}]));
    assert_eq!(body["stream"], true);
}

#[tokio::test]
async fn a_query_in_the_base_address_stays_behind_the_path() {
    let mut server = FakeServer::start(vec![says("Hi.")]).await;
    let base_url = format!("{}/deployments/desk/?api-version=2024-10-21", server.base_url);
    let extra_headers = vec![("api-key".to_owned(), "azure".into())];
    let settings = ChatCompletionsSettings { base_url, extra_headers, api_key: None, ..server.settings() };
    assert_eq!(all(&client(settings)).await.0, spoken("Hi."));
    let seen = server.seen();
    let Seen::Request { head, .. } = &seen[1] else { panic!("{seen:?}") };
    let path = "POST /v1/deployments/desk/chat/completions?api-version=2024-10-21 HTTP/1.1\r\n";
    assert!(head.starts_with(path), "{head}");
    assert!(head.contains("api-key: azure\r\n") && !head.contains("authorization"));
}

#[tokio::test]
async fn dropping_the_answer_closes_the_connection() {
    let mut server = FakeServer::start(vec![vec![head(), words("Well, "), Act::AwaitDisconnect]]).await;
    let llm = server.client();
    let mut answer = llm.answer(request());
    assert_eq!(answer.next().await.unwrap().unwrap(), LlmEvent::Text("Well, ".into()));
    drop(answer);
    while server.seen.recv().await.expect("the server sees the client leave") != Seen::Disconnect {}
}

#[tokio::test]
async fn a_server_that_keeps_the_stream_open_after_the_end_holds_nothing_up() {
    let server = FakeServer::start(vec![vec![head(), words("Bye."), stop(), Act::AwaitDisconnect]]).await;
    assert_eq!(all(&server.client()).await.0, spoken("Bye."));
}

#[tokio::test]
async fn a_busy_server_is_asked_once_more_with_the_same_request() {
    let busy = refuses(429, "retry-after-ms: 5\r\n", r#"{"error":{"code":"rate_limit_exceeded"}}"#);
    let mut server = FakeServer::start(vec![busy, says("Now.")]).await;
    assert_eq!(all(&server.client()).await.0, spoken("Now."));
    let bodies: Vec<_> = server
        .seen()
        .into_iter()
        .filter_map(|seen| if let Seen::Request { body, .. } = seen { Some(body) } else { None })
        .collect();
    assert_eq!(bodies.len(), 2);
    assert_eq!(bodies[0], bodies[1]);
}

#[tokio::test]
async fn a_second_failure_is_final() {
    let mut server = FakeServer::start(vec![refuses(500, "", ""), refuses(502, "", "")]).await;
    let (events, error) = all(&server.client()).await;
    assert_eq!(events, []);
    assert_eq!(error.unwrap().to_string(), "chat failed: status_502");
    assert_eq!(requests(&server.seen()), 2);
}

#[tokio::test]
async fn a_long_pause_asked_for_is_not_waited_out() {
    let mut server = FakeServer::start(vec![refuses(429, "retry-after: 30\r\n", "")]).await;
    let (_, error) = all(&server.client()).await;
    let wait = Duration::from_secs(30);
    assert!(matches!(error, Some(VendorError::Busy { retry_after: Some(after), .. }) if after == wait));
    assert_eq!(requests(&server.seen()), 1);
}

#[tokio::test]
async fn a_wrong_key_is_not_tried_again_and_warming_up_finds_it() {
    let refusal = || refuses(401, "", r#"{"error":{"code":"invalid_api_key","message":"sk-test"}}"#);
    let mut server = FakeServer::start(vec![refusal(), refusal()]).await;
    let llm = server.client();
    let expected = "chat refused the request with status 401; check OPENAI_API_KEY";
    assert_eq!(llm.warm().await.unwrap_err().to_string(), expected);
    assert_eq!(all(&llm).await.1.unwrap().to_string(), expected);
    assert_eq!(requests(&server.seen()), 2);
}

#[tokio::test]
async fn redirects_are_not_followed_with_the_key() {
    let mut server = FakeServer::start(vec![refuses(307, "location: /elsewhere\r\n", "")]).await;
    let (_, error) = all(&server.client()).await;
    assert!(matches!(error, Some(VendorError::Refused { status: 307, setting: "LLM_BASE_URL", .. })));
    assert_eq!(requests(&server.seen()), 1);
}

#[tokio::test]
async fn a_connection_lost_before_the_first_word_is_tried_again() {
    let server = FakeServer::start(vec![vec![head(), Act::Close], says("Here.")]).await;
    assert_eq!(all(&server.client()).await.0, spoken("Here."));
}

#[tokio::test]
async fn a_connection_lost_after_words_were_spoken_is_an_error_after_the_words() {
    let mut server = FakeServer::start(vec![vec![head(), words("I will bo"), Act::Close]]).await;
    let (events, error) = all(&server.client()).await;
    assert_eq!(events, [LlmEvent::Text("I will bo".into())]);
    assert!(matches!(error, Some(VendorError::Disconnected { .. })));
    assert_eq!(requests(&server.seen()), 1);
}

#[tokio::test]
async fn a_model_that_only_keeps_the_connection_alive_runs_out_of_time() {
    let comments = || vec![head(), Act::Chunk(": busy\n\n".repeat(20)), Act::AwaitDisconnect];
    let mut server = FakeServer::start(vec![comments(), comments()]).await;
    let limit = Duration::from_millis(250);
    let settings = ChatCompletionsSettings { first_token_timeout: limit, ..server.settings() };
    let (events, error) = all(&client(settings)).await;
    assert_eq!(events, []);
    assert_eq!(error.unwrap().to_string(), "chat sent no first token within 250ms");
    assert_eq!(requests(&server.seen()), 2);
}

#[tokio::test]
async fn a_server_that_takes_the_request_and_says_nothing_runs_out_of_time() {
    let silent = || vec![Act::AwaitDisconnect];
    let server = FakeServer::start(vec![silent(), silent()]).await;
    let limit = Duration::from_millis(250);
    let settings = ChatCompletionsSettings { first_token_timeout: limit, ..server.settings() };
    let (_, error) = all(&client(settings)).await;
    assert!(matches!(error, Some(VendorError::TimedOut { awaited: "first token", .. })));
}

#[tokio::test]
async fn a_model_that_stops_in_mid_sentence_runs_out_of_time() {
    let server = FakeServer::start(vec![vec![head(), words("Well"), Act::AwaitDisconnect]]).await;
    let settings = ChatCompletionsSettings { idle_timeout: Duration::from_millis(250), ..server.settings() };
    let (events, error) = all(&client(settings)).await;
    assert_eq!(events, [LlmEvent::Text("Well".into())]);
    assert_eq!(error.unwrap().to_string(), "chat sent no next token within 250ms");
}

#[tokio::test]
async fn an_answer_that_is_one_document_is_read_too() {
    let body = r#"{"choices":[{"message":{"content":"Hello."},"finish_reason":"stop"}]}"#;
    let server = FakeServer::start(vec![refuses(200, "", body)]).await;
    assert_eq!(all(&server.client()).await.0, spoken("Hello."));
}

#[tokio::test]
async fn nobody_listening_is_a_lost_connection() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base_url = format!("http://{}/v1", listener.local_addr().unwrap());
    drop(listener);
    let llm = client(ChatCompletionsSettings { base_url, ..ChatCompletionsSettings::default() });
    let (_, error) = all(&llm).await;
    assert!(matches!(error, Some(VendorError::Disconnected { .. })));
}

#[tokio::test]
async fn a_thought_signature_goes_back_with_its_tool_call() {
    let signature = json!({"google": {"thought_signature": "AAA"}});
    let function = json!({"name": "f", "arguments": "{}"});
    let call = json!({"id": "call_1", "type": "function", "function": function, "extra_content": signature});
    let delta = json!({"choices": [{"delta": {"tool_calls": [call]}, "finish_reason": "stop"}]});
    let asks = vec![head(), Act::Chunk(format!("data: {delta}\n\n")), done(), Act::EndBody];
    let mut server = FakeServer::start(vec![asks, says("Yes.")]).await;
    let llm = server.client();
    let call = ToolCall { id: "call_1".into(), name: "f".into(), arguments: "{}".into() };
    let asked = [LlmEvent::ToolCall(call.clone()), LlmEvent::Done(Finish::ToolCalls)];
    assert_eq!(all(&llm).await.0, asked);
    let messages = vec![Message::Agent { text: String::new(), tool_calls: vec![call] }];
    let mut answer = llm.answer(LlmRequest { messages, ..request() });
    while answer.next().await.is_some() {}
    let seen = server.seen();
    let Some(Seen::Request { body, .. }) = seen.last() else { panic!("{seen:?}") };
    assert_eq!(body["messages"][0]["tool_calls"][0]["extra_content"], signature);
}

#[test]
fn settings_that_cannot_work_are_refused_in_words() {
    let settings = |base_url: &str| ChatCompletionsSettings {
        base_url: base_url.to_owned(),
        api_key: Some("sk-\n".into()),
        ..ChatCompletionsSettings::default()
    };
    let _ = rustls::crypto::ring::default_provider().install_default();
    let error = ChatCompletions::new(settings("localhost")).unwrap_err();
    assert_eq!(error.to_string(), "\"localhost\" is not an address of the form http://host or https://host");
    let error = ChatCompletions::new(settings("http://localhost")).unwrap_err();
    assert!(error.to_string().starts_with("the header \"authorization\""));
}
