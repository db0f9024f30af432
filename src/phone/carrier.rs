//! The words of a Twilio media stream, spoken from the carrier's side.
//!
//! [`Messages`] writes what Twilio sends; [`read`] judges what a gateway sends, as strictly as the
//! vendor documents it: text, JSON, a known event, exactly its fields, the right `streamSid`,
//! decodable base64. Nothing here is shared with the gateway's codec, so a misunderstanding of the
//! protocol cannot agree with itself.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde_json::{Map, Value, json};
use thiserror::Error;

/// The ids of one call, with Twilio's prefixes and lengths.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sids {
    /// `AC` and 32 hex digits.
    pub account: String,
    /// `CA` and 32 hex digits.
    pub call: String,
}

impl Sids {
    /// Fresh ids.
    pub fn random() -> Self {
        Self { account: random_sid("AC"), call: random_sid("CA") }
    }
}

/// A fresh id: the prefix and 32 hex digits.
pub fn random_sid(prefix: &str) -> String {
    format!("{prefix}{:032x}", rand::random::<u128>())
}

/// Writes the messages of one stream. All but `connected` share one sequence number, as strings.
pub struct Messages {
    sids: Sids,
    stream_sid: String,
    sequence: u64,
    chunk: u64,
    media_bytes: u64,
    unknown_fields: bool,
}

impl Messages {
    /// For one stream of a call; with a field nobody knows in every message, if so told.
    pub fn new(sids: Sids, stream_sid: String, unknown_fields: bool) -> Self {
        Self { sids, stream_sid, sequence: 0, chunk: 0, media_bytes: 0, unknown_fields }
    }

    /// The stream these messages belong to.
    pub fn stream_sid(&self) -> &str {
        &self.stream_sid
    }

    /// The very first message.
    pub fn connected() -> String {
        json!({"event": "connected", "protocol": "Call", "version": "1.0.0"}).to_string()
    }

    /// Opens the stream with the `<Parameter>`s of its TwiML.
    pub fn start(&mut self, parameters: &BTreeMap<String, String>) -> String {
        let body = json!({
            "accountSid": self.sids.account,
            "callSid": self.sids.call,
            "streamSid": self.stream_sid,
            "tracks": ["inbound"],
            "mediaFormat": {"encoding": "audio/x-mulaw", "sampleRate": 8000, "channels": 1},
            "customParameters": parameters,
        });
        self.message("start", body)
    }

    /// The caller's next audio. Its timestamp is the stream time at its end.
    pub fn media(&mut self, ulaw: &[u8]) -> String {
        self.chunk += 1;
        self.media_bytes += ulaw.len() as u64;
        let body = json!({
            "track": "inbound",
            "chunk": self.chunk.to_string(),
            "timestamp": (self.media_bytes / 8).to_string(),
            "payload": STANDARD.encode(ulaw),
        });
        self.message("media", body)
    }

    /// A key the caller pressed.
    pub fn dtmf(&mut self, digit: char) -> String {
        self.message("dtmf", json!({"track": "inbound_track", "digit": digit.to_string()}))
    }

    /// A mark that was reached or cleared away.
    pub fn mark(&mut self, name: &str) -> String {
        self.message("mark", json!({"name": name}))
    }

    /// The last message: the caller hung up.
    pub fn stop(&mut self) -> String {
        let body = json!({"accountSid": self.sids.account, "callSid": self.sids.call});
        self.message("stop", body)
    }

    /// An event no gateway knows, with the envelope of a real one. It must be ignored.
    pub fn unknown_event(&mut self) -> String {
        self.message("forecast", json!({"outlook": "sunny"}))
    }

    fn message(&mut self, event: &str, body: Value) -> String {
        self.sequence += 1;
        let mut message = Map::new();
        message.insert("event".into(), event.into());
        message.insert("sequenceNumber".into(), self.sequence.to_string().into());
        message.insert("streamSid".into(), self.stream_sid.clone().into());
        message.insert(event.into(), body);
        if self.unknown_fields {
            message.insert("weather".into(), "sunny".into());
        }
        Value::Object(message).to_string()
    }
}

/// A correct message of the gateway.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum GatewayMessage {
    /// Audio to play after what is queued: μ-law, 8 kHz.
    Media(Bytes),
    /// Asks for a sign when everything before it was played.
    Mark(String),
    /// Drops what is queued.
    Clear,
}

/// What is wrong with a message: Twilio's warning 31951. Holds nothing of the message's content.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Fault {
    /// Only text frames belong to the protocol.
    #[error("a binary frame; only text frames belong to the protocol")]
    Binary,
    /// Not one JSON object.
    #[error("a message that is not one JSON object")]
    NotJson,
    /// An event the carrier does not know.
    #[error("an event other than media, mark or clear")]
    UnknownEvent,
    /// A field is absent or of the wrong type.
    #[error("{event} without a proper field {field}")]
    MissingField {
        /// The event.
        event: &'static str,
        /// The field that should be there.
        field: &'static str,
    },
    /// A field that does not belong to this event.
    #[error("{event} with a field that does not belong there")]
    ExtraField {
        /// The event.
        event: &'static str,
    },
    /// The message names another stream.
    #[error("{event} for another streamSid")]
    WrongStream {
        /// The event.
        event: &'static str,
    },
    /// The payload is not padded standard base64, or holds no byte.
    #[error("media whose payload is not base64 audio")]
    BadPayload,
    /// The payload decodes to base64 text.
    #[error("media whose payload was base64-encoded twice")]
    PayloadEncodedTwice,
}

/// Reads one text message of the gateway.
///
/// # Errors
/// The first [`Fault`] of the message.
pub fn read(text: &str, stream_sid: &str) -> Result<GatewayMessage, Fault> {
    let Ok(Value::Object(mut message)) = serde_json::from_str(text) else {
        return Err(Fault::NotJson);
    };
    let event = match message.remove("event").as_ref().and_then(Value::as_str) {
        Some("media") => "media",
        Some("mark") => "mark",
        Some("clear") => "clear",
        _ => return Err(Fault::UnknownEvent),
    };
    match take_text(&mut message, event, "streamSid")? {
        sid if sid == stream_sid => {}
        _ => return Err(Fault::WrongStream { event }),
    }
    let parsed = match event {
        "media" => {
            let payload = take_only_text(&mut message, event, "media", "payload")?;
            GatewayMessage::Media(decode(&payload)?)
        }
        "mark" => GatewayMessage::Mark(take_only_text(&mut message, event, "mark", "name")?),
        _ => GatewayMessage::Clear,
    };
    if message.is_empty() { Ok(parsed) } else { Err(Fault::ExtraField { event }) }
}

fn take_text(object: &mut Map<String, Value>, event: &'static str, field: &'static str) -> Result<String, Fault> {
    match object.remove(field) {
        Some(Value::String(text)) => Ok(text),
        _ => Err(Fault::MissingField { event, field }),
    }
}

/// Takes the object `body` out of the message; it must hold `field` and nothing else.
fn take_only_text(
    message: &mut Map<String, Value>,
    event: &'static str,
    body: &'static str,
    field: &'static str,
) -> Result<String, Fault> {
    let Some(Value::Object(mut object)) = message.remove(body) else {
        return Err(Fault::MissingField { event, field: body });
    };
    let text = take_text(&mut object, event, field)?;
    if object.is_empty() { Ok(text) } else { Err(Fault::ExtraField { event }) }
}

fn decode(payload: &str) -> Result<Bytes, Fault> {
    let audio = STANDARD.decode(payload).map_err(|_| Fault::BadPayload)?;
    if audio.is_empty() {
        return Err(Fault::BadPayload);
    }
    // A whole frame of real μ-law never consists of letters alone.
    let is_text = |byte: &u8| byte.is_ascii_alphanumeric() || b"+/=".contains(byte);
    if audio.len() >= 160 && audio.len().is_multiple_of(4) && audio.iter().all(is_text) {
        return Err(Fault::PayloadEncodedTwice);
    }
    Ok(audio.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    const SID: &str = "MZ00000000000000000000000000000003";
    const RECORDED: &str = include_str!("../../tests/vectors/call_twilio.json");

    fn recorded() -> Value {
        serde_json::from_str(RECORDED).unwrap()
    }

    #[test]
    fn accepts_every_message_of_a_recorded_gateway() {
        let call = recorded();
        let frames: Vec<_> = call["events"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|event| event["dir"] == "server_to_provider")
            .map(|event| read(&event["frame"].to_string(), SID).unwrap())
            .collect();
        assert_eq!(frames.len(), 8);
        assert!(matches!(&frames[0], GatewayMessage::Media(audio) if audio.len() == 800));
        assert_eq!(frames[1], GatewayMessage::Mark("greet-1".into()));
        assert_eq!(frames[6], GatewayMessage::Clear);
    }

    #[test]
    fn refuses_every_recorded_fault() {
        let call = recorded();
        let mut refused = 0;
        for case in call["invalid_server_frames"].as_array().unwrap() {
            if let Some(text) = case["frame_text"].as_str() {
                assert!(read(text, SID).is_err(), "{text}");
                refused += 1;
            }
        }
        assert_eq!(refused, 5);
    }

    #[test]
    fn names_the_fault() {
        let of = |text: Value| read(&text.to_string(), SID).unwrap_err();
        let media = |payload: &str| json!({"event": "media", "streamSid": SID, "media": {"payload": payload}});
        assert_eq!(of(json!([1])), Fault::NotJson);
        assert_eq!(of(media("/x=")), Fault::BadPayload);
        assert_eq!(of(media("")), Fault::BadPayload);
        let twice = STANDARD.encode(STANDARD.encode([0xFF; 160]));
        assert_eq!(of(media(&twice)), Fault::PayloadEncodedTwice);
        assert_eq!(
            of(json!({"event": "media", "streamSid": SID, "media": {"payload": "/w==", "track": "x"}})),
            Fault::ExtraField { event: "media" }
        );
        assert_eq!(of(json!({"event": "clear", "streamSid": SID, "clear": {}})), Fault::ExtraField { event: "clear" });
        assert_eq!(
            of(json!({"event": "mark", "streamSid": SID, "mark": {"name": 7}})),
            Fault::MissingField { event: "mark", field: "name" }
        );
        assert_eq!(of(json!({"event": "clear", "streamSid": "MZ1"})), Fault::WrongStream { event: "clear" });
    }

    #[test]
    fn ids_have_the_right_prefix_and_length() {
        let sids = Sids::random();
        assert!(sids.account.starts_with("AC") && sids.account.len() == 34);
        assert!(sids.call.starts_with("CA") && sids.call.len() == 34);
        assert_ne!(sids, Sids::random());
    }
}
