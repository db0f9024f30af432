//! Connections that break, and the fake's own end.

use std::io::ErrorKind;
use std::time::Duration;

use futures_util::FutureExt;
use hyper::Method;
use serde_json::json;
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;
use voice_pipeline::net::websocket::{DialError, WsEnd, WsMessage};
use voice_testkit::fakes::deepgram::{FakeDeepgram, Route, Seen, unobserved};
use voice_testkit::fakes::fault::{Counted, Fault, FaultKind};
use voice_testkit::fakes::speech;

use crate::client::{Client, LISTEN, SPEAK, speak, start};

fn after(after_bytes: u64, kind: FaultKind) -> Fault {
    Fault { after_bytes, counted: Counted::FromHandshake, kind }
}

async fn flushed_audio(client: &mut Client, text: &str) -> (Vec<u8>, Result<WsMessage, WsEnd>) {
    client.send(speak(text)).await;
    client.send(json!({ "type": "Flush" })).await;
    let mut audio = Vec::new();
    loop {
        match client.next().await {
            Ok(WsMessage::Binary(chunk)) => audio.extend_from_slice(&chunk),
            other => return (audio, other),
        }
    }
}

#[tokio::test]
async fn the_second_voice_breaks_in_the_middle_of_a_chunk() {
    // A frame of 800 bytes has a head of 4.
    let (fake, log) = start(|plan| {
        plan.tts.sends_metadata = false;
        plan.break_nth(Route::Speak, 2, after(804 + 500, FaultKind::CutThenClose));
    });
    for (nth, whole) in [(1, true), (2, false), (3, true)] {
        let mut client = Client::open(&fake, SPEAK).await;
        let (audio, end) = flushed_audio(&mut client, "Good morning to you.").await;
        if whole {
            assert_eq!(audio, speech::speak("Good morning to you."), "connection {nth}");
        } else {
            assert_eq!(audio.len(), 800);
            assert!(matches!(&end, Err(WsEnd::Lost(cause)) if cause.kind() == ErrorKind::UnexpectedEof), "{end:?}");
        }
    }
    log.wait_for(|seen| matches!(seen, Seen::Closed { conn: 2, .. }).then_some(())).await;
}

#[tokio::test]
async fn a_handshake_breaks_off() {
    let (fake, log) = start(|plan| {
        let fault = Fault { after_bytes: 20, counted: Counted::FromConnect, kind: FaultKind::CloseTcp };
        plan.break_nth(Route::Listen, 1, fault);
    });
    let error = Client::try_open(&fake, LISTEN, "Token KEY").await.err().unwrap();
    assert!(matches!(error, DialError::Lost { .. }), "{error:?}");
    log.wait_for(|seen| matches!(seen, Seen::Closed { conn: 1, .. }).then_some(())).await;
    assert!(Client::try_open(&fake, LISTEN, "Token KEY").await.is_ok());
}

#[tokio::test]
async fn garbage_in_the_stream_is_a_broken_protocol() {
    let (fake, _) = start(|plan| {
        plan.tts.sends_metadata = false;
        plan.break_nth(Route::Speak, 1, after(804, FaultKind::Garbage(b"\xFF\xFF\xFF\xFF".to_vec())));
    });
    let mut client = Client::open(&fake, SPEAK).await;
    let (audio, end) = flushed_audio(&mut client, "Good morning to you.").await;
    assert_eq!(audio.len(), 800);
    assert!(matches!(end, Err(WsEnd::Violated(_))), "{end:?}");
}

#[tokio::test]
async fn a_stalled_recogniser_says_nothing_more_and_stays() {
    let (fake, _) = start(|plan| {
        plan.stt.idle_timeout = Duration::from_millis(20);
        plan.break_nth(Route::Listen, 1, after(0, FaultKind::Stall));
    });
    let mut client = Client::open(&fake, LISTEN).await;
    client.play(&speech::speak("Hello? Is anybody there?")).await.unwrap();
    // Twice as long as the fake would take to close for idleness, if it could.
    let next = tokio::time::timeout(Duration::from_millis(40), client.reader.next()).await;
    assert!(next.is_err(), "{next:?}");
    assert!(fake.break_connection(1, &FaultKind::Reset));
}

#[tokio::test]
async fn an_open_connection_is_broken_at_will() {
    let (fake, log) = start(|_| {});
    let mut clients = Vec::new();
    for path in [LISTEN, LISTEN, SPEAK] {
        clients.push(Client::open(&fake, path).await);
    }
    assert_eq!((fake.open(Route::Listen), fake.open(Route::Speak)), (2, 1));
    assert!(fake.break_connection(1, &FaultKind::Reset));
    let end = clients[0].next().await.unwrap_err();
    assert!(matches!(&end, WsEnd::Lost(cause) if cause.kind() == ErrorKind::ConnectionReset), "{end:?}");
    log.wait_for(|seen| matches!(seen, Seen::Closed { conn: 1, .. }).then_some(())).await;
    assert!(!fake.break_connection(1, &FaultKind::Reset), "it is gone");
    assert_eq!(fake.break_all(Route::Listen, &FaultKind::CloseTcp), 1);
    assert!(matches!(clients[1].next().await, Err(WsEnd::Lost(_))));
    assert!(matches!(clients[2].next().await, Ok(WsMessage::Text(_))), "the voice is untouched");
    assert!(clients[2].reader.next().now_or_never().is_none());
}

#[tokio::test]
async fn a_spoken_response_breaks_off() {
    let (fake, _) = start(|plan| plan.break_nth(Route::SpeakHttp, 1, after(0, FaultKind::CloseTcp)));
    let path = "/v1/speak?encoding=mulaw&sample_rate=8000&container=none";
    let mut stream = TcpStream::connect(fake.address()).await.unwrap();
    let request = format!(
        "{} {path} HTTP/1.1\r\nhost: x\r\nauthorization: Token K\r\ncontent-length: 14\r\n\r\n{}",
        Method::POST,
        r#"{"text": "Hi"}"#
    );
    tokio::io::AsyncWriteExt::write_all(&mut stream, request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n") && answer.ends_with("\r\n\r\n"), "{answer}");
}

#[tokio::test]
async fn a_dropped_fake_leaves_nothing_and_another_takes_its_place() {
    let (fake, log) = start(|_| {});
    let address = fake.address();
    let mut client = Client::open(&fake, LISTEN).await;
    drop(fake);
    assert!(matches!(client.next().await, Err(WsEnd::Lost(_))));
    log.wait_for(|seen| matches!(seen, Seen::Closed { .. }).then_some(())).await;
    let fake = FakeDeepgram::start_on(address, Default::default(), unobserved()).unwrap();
    assert_eq!(fake.url(), format!("ws://{address}"));
    assert!(Client::try_open(&fake, LISTEN, "Token KEY").await.is_ok());
}
