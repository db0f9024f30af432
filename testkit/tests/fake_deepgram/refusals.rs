//! Who does not get in, and what they are told.

use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::{HeaderMap, Method, Request};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use voice_pipeline::net::websocket::DialError;
use voice_testkit::fakes::deepgram::{FakeDeepgram, Refusal, Route, Seen};

use crate::client::{Client, LISTEN, SPEAK, start};

/// One request on a connection of its own.
pub(crate) async fn ask(
    fake: &FakeDeepgram,
    method: Method,
    path: &str,
    headers: &[(&str, &str)],
    body: &str,
) -> (u16, HeaderMap, Bytes) {
    let stream = TokioIo::new(TcpStream::connect(fake.address()).await.unwrap());
    let (mut sender, connection) = hyper::client::conn::http1::handshake(stream).await.unwrap();
    let mut request = Request::builder().method(method).uri(path).header("host", fake.address().to_string());
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let exchange = async {
        let response =
            sender.send_request(request.body(Full::new(Bytes::from(body.to_owned()))).unwrap()).await.unwrap();
        let (head, body) = response.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        drop(sender);
        (head.status.as_u16(), head.headers, body)
    };
    let (answer, _) = tokio::join!(exchange, connection);
    answer
}

async fn refused(fake: &FakeDeepgram, path: &str, authorization: &str) -> (u16, Option<Duration>, Value) {
    match Client::try_open(fake, path, authorization).await {
        Err(DialError::Refused { status, retry_after, body, .. }) => {
            (status, retry_after, serde_json::from_str(body.expose()).unwrap())
        }
        Err(error) => panic!("{error:?}"),
        Ok(_) => panic!("the socket opened"),
    }
}

#[tokio::test]
async fn any_key_is_accepted_but_it_must_be_there() {
    let (fake, _) = start(|_| {});
    for path in [LISTEN, SPEAK] {
        for authorization in ["Token KEY", "Bearer JWT", "token KEY"] {
            assert!(Client::try_open(&fake, path, authorization).await.is_ok(), "{authorization} on {path}");
        }
        for authorization in ["", "KEY", "Token", "Token ", "Basic KEY"] {
            let (status, _, body) = refused(&fake, path, authorization).await;
            assert_eq!((status, &body["err_code"]), (401, &json!("INVALID_AUTH")), "{authorization:?} on {path}");
        }
    }
}

#[tokio::test]
async fn a_planned_key_is_the_only_one() {
    let (fake, log) = start(|plan| plan.key = Some("RIGHT".into()));
    assert_eq!(refused(&fake, LISTEN, "Token WRONG").await.0, 401);
    assert!(Client::try_open(&fake, LISTEN, "Token RIGHT").await.is_ok());
    assert!(matches!(log.all()[0], Seen::Refused { route: Route::Listen, status: 401, .. }));
    assert_eq!(fake.requests(Route::Listen), 2);
}

#[tokio::test]
async fn a_refusal_has_its_headers_and_the_ids_agree() {
    let (fake, _) = start(|_| {});
    let headers =
        [("connection", "upgrade"), ("upgrade", "websocket"), ("sec-websocket-key", "AAAAAAAAAAAAAAAAAAAAAA==")];
    let (status, headers, body) = ask(&fake, Method::GET, LISTEN, &headers, "").await;
    let body: Value = serde_json::from_slice(&body).unwrap();
    assert_eq!(
        (status, &headers["dg-error"], &headers["content-type"]),
        (401, &"Invalid credentials.".parse().unwrap(), &"application/json".parse().unwrap())
    );
    assert_eq!(body["request_id"], headers["dg-request-id"].to_str().unwrap());
    assert_eq!(body["err_msg"], "Invalid credentials.");
}

#[tokio::test]
async fn wrong_parameters_are_refused() {
    let (fake, _) = start(|_| {});
    for (path, code) in [
        ("/v1/listen?model=flux-general-en", "V2_MODEL_ON_V1_LISTEN_ENDPOINT"),
        ("/v1/listen?utterance_end_ms=999&interim_results=true", "INVALID_QUERY_PARAMETER"),
        ("/v1/listen?interim_results=yes", "INVALID_QUERY_PARAMETER"),
        ("/v1/listen?endpointing=soon", "INVALID_QUERY_PARAMETER"),
        ("/v1/speak?encoding=mulaw&sample_rate=24000", "UNSUPPORTED_AUDIO_FORMAT"),
        ("/v1/speak", "UNSUPPORTED_AUDIO_FORMAT"),
    ] {
        let (status, _, body) = refused(&fake, path, "Token KEY").await;
        assert_eq!((status, &body["err_code"]), (400, &json!(code)), "{path}");
    }
}

#[tokio::test]
async fn refusals_are_used_up_route_by_route() {
    let (fake, _) = start(|plan| {
        plan.refuse(Route::Listen, 2, &Refusal::too_many(7));
        plan.refuse(Route::Speak, 1, &Refusal::unavailable());
    });
    for _ in 0..2 {
        let (status, retry_after, _) = refused(&fake, LISTEN, "Token KEY").await;
        assert_eq!((status, retry_after), (429, Some(Duration::from_secs(7))));
    }
    assert!(Client::try_open(&fake, LISTEN, "Token KEY").await.is_ok());
    assert_eq!(refused(&fake, SPEAK, "Token KEY").await.0, 503);
    assert!(Client::try_open(&fake, SPEAK, "Token KEY").await.is_ok());
    fake.plan(|plan| plan.refuse(Route::Listen, 1, &Refusal::new(402, "ASR_PAYMENT_REQUIRED", "No credits.")));
    assert_eq!(refused(&fake, LISTEN, "Token KEY").await.2["err_code"], "ASR_PAYMENT_REQUIRED");
    assert!(Client::try_open(&fake, LISTEN, "Token KEY").await.is_ok());
}

#[tokio::test]
async fn what_is_not_there_is_not_found_and_a_plain_request_gets_no_socket() {
    let (fake, _) = start(|_| {});
    let authorization = [("authorization", "Token KEY")];
    assert_eq!(ask(&fake, Method::GET, "/v2/listen", &authorization, "").await.0, 404);
    assert_eq!(ask(&fake, Method::GET, LISTEN, &authorization, "").await.0, 400);
}

#[tokio::test]
async fn the_close_for_idleness_names_its_reason() {
    let (fake, _) = start(|plan| plan.stt.idle_timeout = Duration::from_millis(20));
    let mut stream = TcpStream::connect(fake.address()).await.unwrap();
    let request = "GET /v1/listen HTTP/1.1\r\nhost: x\r\nauthorization: Token KEY\r\nconnection: Upgrade\r\n\
        upgrade: websocket\r\nsec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    let answer = String::from_utf8_lossy(&answer);
    // The example of RFC 6455.
    assert!(answer.contains("s3pPLMBiTxaQ9kYGzzhZRbK+xOo="), "{answer}");
    assert!(answer.ends_with("NET-0001"), "{answer}");
}
