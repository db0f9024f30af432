//! The voice over HTTP.

use hyper::Method;
use serde_json::{Value, json};
use voice_testkit::fakes::deepgram::{Refusal, Route, Seen};
use voice_testkit::fakes::speech;

use crate::client::start;
use crate::refusals::ask;

const RAW: &str = "/v1/speak?model=aura-2-thalia-en&encoding=mulaw&sample_rate=8000&container=none";
const HEADERS: [(&str, &str); 2] = [("authorization", "Token KEY"), ("content-type", "application/json")];

fn body(text: &str) -> String {
    json!({ "text": text }).to_string()
}

#[tokio::test]
async fn a_text_becomes_its_audio() {
    let (fake, log) = start(|plan| plan.tts.chunk_bytes = 1_000);
    let (status, headers, audio) = ask(&fake, Method::POST, RAW, &HEADERS, &body("One moment, please.")).await;
    assert_eq!((status, &audio[..]), (200, &speech::speak("One moment, please.")[..]));
    let header = |name: &str| headers[name].to_str().unwrap();
    assert_eq!((header("content-type"), header("dg-char-count")), ("audio/mulaw", "19"));
    assert_eq!((header("dg-model-name"), header("transfer-encoding")), ("aura-2-thalia-en", "chunked"));
    log.wait_for(|seen| matches!(seen, Seen::Closed { conn: 1, route: Route::SpeakHttp, .. }).then_some(())).await;
    assert!(matches!(
        &log.all()[..],
        [
            Seen::Speaking { route: Route::SpeakHttp, .. },
            Seen::TtsText { .. },
            Seen::TtsFlush { .. },
            Seen::TtsFirstAudio { text, .. },
            Seen::TtsFlushed { .. },
            Seen::Closed { .. },
        ] if &**text == "One moment, please."
    ));
    assert_eq!((fake.requests(Route::SpeakHttp), fake.open(Route::SpeakHttp)), (1, 0));
}

#[tokio::test]
async fn a_container_has_a_header() {
    let (fake, _) = start(|_| {});
    for (encoding, format, sample_bytes) in [("mulaw", 7, 1), ("linear16", 1, 2)] {
        let path = format!("/v1/speak?encoding={encoding}&sample_rate=8000");
        let (_, headers, wav) = ask(&fake, Method::POST, &path, &HEADERS, &body("Yes.")).await;
        assert_eq!(headers["content-type"], "audio/wav");
        let (header, audio) = wav.split_at(44);
        assert_eq!(audio.len(), speech::speak("Yes.").len() * sample_bytes);
        let number = |at: usize| u32::from_le_bytes(header[at..at + 4].try_into().unwrap()) as usize;
        assert_eq!((&header[..4], &header[8..16], &header[36..40]), (&b"RIFF"[..], &b"WAVEfmt "[..], &b"data"[..]));
        assert_eq!((number(4), number(24), number(28)), (36 + audio.len(), 8_000, 8_000 * sample_bytes));
        assert_eq!((header[20], header[22], number(40)), (format, 1, audio.len()));
    }
}

#[tokio::test]
async fn a_request_can_be_refused() {
    let (fake, _) = start(|plan| plan.refuse(Route::SpeakHttp, 1, &Refusal::unavailable()));
    let status_and_code = async |path: &str, headers: &[(&str, &str)], text: &str| {
        let (status, headers, body) = ask(&fake, Method::POST, path, headers, text).await;
        assert!(headers.contains_key("dg-request-id"));
        let body: Value = serde_json::from_slice(&body).unwrap();
        (status, body["err_code"].as_str().unwrap().to_owned())
    };
    let yes = body("Yes.");
    assert_eq!(status_and_code(RAW, &HEADERS, &yes).await, (503, "SERVICE_UNAVAILABLE".into()));
    assert_eq!(status_and_code(RAW, &[], &yes).await, (401, "INVALID_AUTH".into()));
    assert_eq!(status_and_code("/v1/speak", &HEADERS, &yes).await, (400, "UNSUPPORTED_AUDIO_FORMAT".into()));
    for text in ["", "{}", &body(""), &body(&"x".repeat(2_001))] {
        assert_eq!(status_and_code(RAW, &HEADERS, text).await.0, 400, "{text:.20}");
    }
    assert_eq!(ask(&fake, Method::POST, RAW, &HEADERS, &body(&"x".repeat(2_000))).await.0, 200);
}
