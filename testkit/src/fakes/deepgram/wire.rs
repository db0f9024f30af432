//! The messages as they stand on the wire.

use serde::Deserialize;
use serde_json::{Value, json};

use super::ear::{Results, Word};

/// What a version looks like.
const VERSION: &str = "2026-01-01.1";
/// The id of the one model there is.
const MODEL_UUID: &str = "aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeeee";
const CONFIDENCE: f64 = 0.98;

/// A text message of a recogniser's client.
#[derive(Debug, Deserialize)]
#[serde(tag = "type")]
pub(super) enum ListenMessage {
    KeepAlive,
    Finalize,
    CloseStream,
    Configure { keyterms: Option<Vec<String>> },
}

/// A text message of a voice's client.
#[derive(Debug, Deserialize)]
#[serde(tag = "type")]
pub(super) enum SpeakMessage {
    Speak { text: String },
    Flush,
    Clear,
    Close,
}

/// A random id.
pub(super) fn uuid() -> String {
    let [a, b]: [u64; 2] = rand::random();
    let (version, variant) = (0x4000 | (a & 0x0FFF), 0x8000 | (b >> 50));
    format!("{:08x}-{:04x}-{version:04x}-{variant:04x}-{:012x}", a >> 32, (a >> 16) & 0xFFFF, b & 0xFFFF_FFFF_FFFF)
}

pub(super) fn results(results: &Results, text: &str, model: &str, request_id: &str) -> String {
    let words: Vec<Value> = results.words.iter().map(word).collect();
    json!({
        "type": "Results",
        "channel_index": [0, 1],
        "start": seconds(results.start),
        "duration": seconds(results.end - results.start),
        "is_final": results.is_final,
        "speech_final": results.speech_final,
        "from_finalize": results.from_finalize,
        "channel": { "alternatives": [{ "transcript": text, "confidence": CONFIDENCE, "words": words }] },
        "metadata": {
            "request_id": request_id,
            "model_info": { "name": model, "version": VERSION, "arch": "nova-3" },
            "model_uuid": MODEL_UUID,
        },
    })
    .to_string()
}

fn word(word: &Word) -> Value {
    let bare = word.text.trim_matches(|c: char| !c.is_alphanumeric()).to_lowercase();
    json!({
        "word": if bare.is_empty() { &word.text } else { &bare },
        "punctuated_word": word.text,
        "start": seconds(word.start),
        "end": seconds(word.end),
        "confidence": CONFIDENCE,
    })
}

pub(super) fn speech_started(at: u64) -> String {
    json!({ "type": "SpeechStarted", "channel": [0, 1], "timestamp": seconds(at) }).to_string()
}

pub(super) fn utterance_end(last_word_end: u64) -> String {
    json!({ "type": "UtteranceEnd", "channel": [0, 1], "last_word_end": seconds(last_word_end) }).to_string()
}

/// The last message of a recogniser, which heard so much audio. No sum is made of it: that would cost
/// more than listening.
pub(super) fn listen_metadata(heard: u64, request_id: &str) -> String {
    json!({
        "type": "Metadata",
        "transaction_key": "deprecated",
        "request_id": request_id,
        "sha256": "0".repeat(64),
        "created": format!("{:.3}", jiff::Timestamp::now()),
        "duration": seconds(heard),
        "channels": 1,
    })
    .to_string()
}

pub(super) fn schema_error(message: &str) -> String {
    json!({
        "type": "Error",
        "variant": "SchemaError",
        "description": "Could not deserialize the last text message.",
        "message": message,
    })
    .to_string()
}

pub(super) fn configured(keyterms: &[String], request_id: &str) -> String {
    json!({ "type": "ConfigureSuccess", "request_id": request_id, "keyterms": keyterms }).to_string()
}

/// The first message of a voice.
pub(super) fn speak_metadata(model: &str, request_id: &str) -> String {
    json!({
        "type": "Metadata",
        "request_id": request_id,
        "model_name": model,
        "model_version": VERSION,
        "model_uuid": MODEL_UUID,
        "additional_model_uuids": [],
    })
    .to_string()
}

pub(super) fn flushed(sequence: u64) -> String {
    json!({ "type": "Flushed", "sequence_id": sequence }).to_string()
}

pub(super) fn cleared(sequence: u64) -> String {
    json!({ "type": "Cleared", "sequence_id": sequence }).to_string()
}

pub(super) fn too_many_flushes() -> String {
    let description = "Too many Flush messages: no more than 20 are processed within 60 seconds.";
    json!({ "type": "Warning", "code": "EXCESSIVE_FLUSH", "description": description }).to_string()
}

pub(super) fn speak_error(code: &str, description: &str) -> String {
    json!({ "type": "Error", "code": code, "description": description }).to_string()
}

/// The headers of spoken audio beside its type.
pub(super) fn speak_headers(model: &str, request_id: &str, text: &str) -> [(&'static str, String); 4] {
    [
        ("dg-request-id", request_id.to_owned()),
        ("dg-model-name", model.to_owned()),
        ("dg-model-uuid", MODEL_UUID.to_owned()),
        ("dg-char-count", text.chars().count().to_string()),
    ]
}

/// Stream time, to the millisecond, from samples at 8 kHz.
fn seconds(samples: u64) -> f64 {
    (samples as f64 / 8.0).round() / 1_000.0
}
