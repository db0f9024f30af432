use std::time::Duration;

use secrecy::ExposeSecret;
use serde_json::json;

use super::tests::{Line, interim, result, settled};
use super::*;

#[test]
fn fields_may_be_missing_null_or_nonsense() {
    let mut line = Line::default();
    for message in [
        json!({"type": "Results"}),
        json!({"type": "Results", "channel": null, "start": null, "is_final": null}),
        json!({"type": "Results", "channel": {"alternatives": []}}),
        json!({"type": "Results", "channel": {"alternatives": [{"transcript": null, "words": [{}]}]}}),
        json!({"type": "Brand-new", "channel": [0, 1], "start": "soon"}),
        json!({"no": "type"}),
    ] {
        assert_eq!(line.reads(&message), [], "{message}");
    }
    for (start, duration, audio_ms) in [(-1e300, 1.0, 1_000), (1e300, 1e300, 604_800_000), (3.0, -5.0, 3_000)] {
        let message = result(start, duration, "", &["is_final"]);
        assert_eq!(line.reads(&message), [settled("", audio_ms)], "{start} {duration}");
    }
    let integers = json!({"type": "Results", "start": 1, "duration": 2, "is_final": true});
    assert_eq!(line.reads(&integers), [settled("", 3_000)]);
}

#[test]
fn escapes_in_a_text_are_read() {
    let mut out = Vec::new();
    let message = r#"{"type":"Results","channel":{"alternatives":[{"transcript":" 24\/7 caf\u00e9 "}]}}"#;
    Codec::default().decode(Incoming::Text(message), &mut out).unwrap();
    assert_eq!(out, [interim("24/7 caf\u{e9}")]);
}

#[test]
fn failures_and_garbage_are_errors_without_words() {
    let mut codec = Codec::default();
    let mut read = |message: &str| codec.decode(Incoming::Text(message), &mut Vec::new());
    let failed = read(r#"{"type":"Error","variant":"SchemaError","message":"Johnson"}"#).unwrap_err();
    assert_eq!(failed.to_string(), "deepgram failed: SchemaError");
    for garbage in ["Johnson", "[1]", r#"{"type":"Results","start":"Johnson"}"#] {
        let error = read(garbage).unwrap_err();
        assert!(matches!(error, VendorError::Malformed { .. }) && !error.to_string().contains("Johnson"));
    }
    assert!(codec.decode(Incoming::Binary("Johnson".into()), &mut Vec::new()).is_ok());
}

#[test]
fn audio_passes_untouched_and_never_as_an_empty_message() {
    let mut codec = Codec::default();
    assert_eq!(codec.encode_audio(&[1, 2, 3]), Some(Outgoing::Binary(&[1, 2, 3])));
    assert_eq!(codec.encode_audio(&[]), None);
    assert_eq!(codec.encode_keep_alive(), Some(Outgoing::Text(r#"{"type":"KeepAlive"}"#)));
    assert_eq!(codec.encode_finish(), Some(Outgoing::Text(r#"{"type":"CloseStream"}"#)));
}

#[test]
fn the_address_says_what_the_settings_say() {
    let url = |settings: DeepgramSettings| DeepgramStt::new(Arc::new(settings)).unwrap().endpoint().url;
    assert_eq!(
        url(DeepgramSettings::default()),
        "wss://api.deepgram.com/v1/listen?model=nova-3&language=en&encoding=mulaw&sample_rate=8000&channels=1\
         &interim_results=true&endpointing=300&smart_format=true&utterance_end_ms=1000"
    );
    let settings = DeepgramSettings {
        url: "http://127.0.0.1:9/v1/".to_owned(),
        stt_model: "nova-2-phonecall".to_owned(),
        language: String::new(),
        endpointing: Duration::ZERO,
        utterance_end: None,
        smart_format: false,
        keyterms: vec!["back nine".to_owned(), "birdie".to_owned()],
        extra_query: vec![("numerals".to_owned(), "true".to_owned())],
        ..DeepgramSettings::default()
    };
    assert_eq!(
        url(settings),
        "ws://127.0.0.1:9/v1/listen?model=nova-2-phonecall&encoding=mulaw&sample_rate=8000&channels=1\
         &interim_results=true&endpointing=false&punctuate=true&keywords=back%20nine&keywords=birdie&numerals=true"
    );
    let keyterms = DeepgramSettings { keyterms: vec!["birdie".to_owned()], ..DeepgramSettings::default() };
    assert!(url(keyterms).ends_with("&keyterm=birdie"));
    let shortest = DeepgramSettings { utterance_end: Some(Duration::ZERO), ..DeepgramSettings::default() };
    assert!(url(shortest).contains("utterance_end_ms=1000"), "the vendor refuses less");
}

#[test]
fn a_key_is_sent_when_there_is_one() {
    let headers = |api_key| {
        let settings = DeepgramSettings { api_key, ..DeepgramSettings::default() };
        DeepgramStt::new(Arc::new(settings)).unwrap().endpoint().headers
    };
    assert!(headers(None).is_empty());
    assert_eq!(headers(Some("KEY".into()))[0].1.expose_secret(), "Token KEY");
    let bad = DeepgramSettings { url: "deepgram".to_owned(), ..DeepgramSettings::default() };
    assert!(DeepgramStt::new(Arc::new(bad)).is_err());
}
