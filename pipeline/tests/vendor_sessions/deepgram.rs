//! Deepgram's scripts.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use voice_pipeline::vendors::deepgram::DeepgramSettings;
use voice_pipeline::vendors::stt::SttVendor;
use voice_pipeline::vendors::stt::deepgram::DeepgramStt;
use voice_pipeline::vendors::tts::TtsVendor;
use voice_pipeline::vendors::tts::deepgram::DeepgramTts;

use crate::session::{Session, sessions};
use crate::{stt, tts};

pub(crate) const LISTEN: &str = include_str!("../../fixtures/stt/deepgram/listen_v1.json");
pub(crate) const SPEAK: &str = include_str!("../../fixtures/tts/deepgram/speak_v1.json");

/// The settings that lead to the script's query.
fn settings(session: &Session) -> DeepgramSettings {
    let mut settings = DeepgramSettings {
        api_key: session.header("Authorization").map(|token| token.strip_prefix("Token ").unwrap().into()),
        language: String::new(),
        endpointing: Duration::ZERO,
        utterance_end: None,
        smart_format: false,
        ..DeepgramSettings::default()
    };
    let millis = |value: &str| Duration::from_millis(value.parse().unwrap_or(0));
    for (name, value) in session.query() {
        match name {
            "model" => settings.stt_model = value.to_owned(),
            "language" => settings.language = value.to_owned(),
            "endpointing" => settings.endpointing = millis(value),
            "utterance_end_ms" => settings.utterance_end = Some(millis(value)),
            "smart_format" => settings.smart_format = value == "true",
            "vad_events" => settings.extra_query.push((name.to_owned(), value.to_owned())),
            "encoding" | "sample_rate" | "channels" | "interim_results" => {}
            other => panic!("{}: no setting for {other}", session.id()),
        }
    }
    settings
}

#[test]
fn every_scripted_conversation_with_the_recogniser_replays() {
    let implied = ["encoding", "sample_rate", "channels", "interim_results", "endpointing", "punctuate"];
    let ask = |frame: &Value| match frame["type"].as_str().unwrap() {
        "Finalize" => stt::Ask::Final,
        "KeepAlive" => stt::Ask::KeepAlive,
        "CloseStream" => stt::Ask::Finish,
        other => panic!("nobody asks for {other}"),
    };
    let sessions = sessions(LISTEN);
    assert_eq!(sessions.len(), 7);
    for session in &sessions {
        let vendor = DeepgramStt::new(Arc::new(settings(session))).unwrap();
        session.check_endpoint(&vendor.endpoint(), &implied);
        stt::replay(session, &vendor, ask);
    }
}

#[test]
fn every_scripted_conversation_with_the_voices_replays() {
    let ask = |frame: &Value| {
        let text = frame["text"].as_str();
        match text {
            Some(text) if *frame == json!({"type": "Speak", "text": text}) => tts::Ask::Text(text.to_owned()),
            None if *frame == json!({"type": "Flush"}) => tts::Ask::Now,
            None if *frame == json!({"type": "Clear"}) => tts::Ask::Cancel,
            None if *frame == json!({"type": "Close"}) => tts::Ask::Finish,
            _ => panic!("nobody asks for {frame}"),
        }
    };
    let sessions = sessions(SPEAK);
    assert_eq!(sessions.len(), 4);
    for session in &sessions {
        let settings = DeepgramSettings { api_key: Some("KEY".into()), ..DeepgramSettings::default() };
        let vendor = DeepgramTts::new(Arc::new(settings)).unwrap();
        let (_, voice) = session.query()[0];
        session.check_endpoint(&vendor.endpoint(voice), &[]);
        tts::replay(session, &vendor, voice, ask);
    }
}
