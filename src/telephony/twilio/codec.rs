//! The messages of a media stream, both ways.
//!
//! [`decode`] reads what Twilio sends: leniently, since fields and events may be added at any time.
//! [`Encoder`] writes what Twilio takes: exactly the documented fields, or the message is ignored.
//!
//! Not here: the order in which messages may come (`telephony::socket`).

use std::borrow::Cow;
use std::collections::BTreeMap;

use base64::Engine;
use base64::alphabet;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig, STANDARD};
use bytes::Bytes;
use serde::Deserialize;
use serde_json::Value;
use thiserror::Error;
use voice_pipeline::audio::chunk::UlawChunk;

/// Padding is part of the format, but nothing is gained by insisting on it.
const BASE64_LENIENT: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// What Twilio says about a stream as it starts.
#[derive(Clone, PartialEq, Eq)]
pub struct StreamStart {
    /// The stream's id, which every message to Twilio repeats.
    pub stream_sid: String,
    /// The call's id.
    pub call_sid: String,
    /// The `<Parameter>`s of our TwiML.
    pub parameters: BTreeMap<String, String>,
}

impl std::fmt::Debug for StreamStart {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // The parameters hold a token and phone numbers.
        f.debug_struct("StreamStart")
            .field("stream_sid", &self.stream_sid)
            .field("call_sid", &self.call_sid)
            .finish_non_exhaustive()
    }
}

/// A message from Twilio.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TwilioMessage {
    /// The first of all.
    Connected,
    /// The second: the stream begins.
    Start(StreamStart),
    /// Caller audio.
    Media(UlawChunk),
    /// A key was pressed.
    Dtmf(char),
    /// One of our marks came back.
    Mark(String),
    /// The stream is over.
    Stop,
    /// An event we know nothing about, or audio of a track we did not ask for.
    Unknown,
}

/// A message that is not what the protocol says. What it holds may be personal and is not kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum MalformedMessage {
    /// Not JSON, or a known event with a field missing or of another type.
    #[error("twilio sent {size_bytes} bytes that are not a message of a media stream")]
    Json {
        /// Its size.
        size_bytes: usize,
    },
    /// The audio is not base64.
    #[error("twilio sent audio that is not base64")]
    Base64,
    /// A message about another stream.
    #[error("twilio sent a message for another stream")]
    OtherStream,
    /// Audio in a form that was never agreed.
    #[error("twilio offers audio that is not μ-law at 8000 hz, mono")]
    OtherFormat,
}

/// Reads a message. `stream_sid` is the stream's once it has started.
pub fn decode(text: &str, stream_sid: Option<&str>) -> Result<TwilioMessage, MalformedMessage> {
    let malformed = MalformedMessage::Json { size_bytes: text.len() };
    let wire: Wire<'_> = match serde_json::from_str(text) {
        Ok(wire) => wire,
        // An event of the future may use our field names for other things.
        Err(_) => match serde_json::from_str(text) {
            Ok(EventOnly { event }) if !KNOWN_EVENTS.contains(&event.as_ref()) => return Ok(TwilioMessage::Unknown),
            _ => return Err(malformed),
        },
    };
    if let Some(expected) = stream_sid
        && !wire.stream_sid.is_empty()
        && wire.stream_sid != expected
    {
        return Err(MalformedMessage::OtherStream);
    }
    match wire.event.as_ref() {
        "media" => wire.media.ok_or(malformed)?.into_message(),
        "mark" => Ok(TwilioMessage::Mark(wire.mark.ok_or(malformed)?.name.into_owned())),
        "dtmf" => wire.dtmf.and_then(|dtmf| dtmf.digit.key()).map(TwilioMessage::Dtmf).ok_or(malformed),
        "connected" => Ok(TwilioMessage::Connected),
        "start" => wire.start.ok_or(malformed)?.into_message(&wire.stream_sid),
        "stop" => Ok(TwilioMessage::Stop),
        _ => Ok(TwilioMessage::Unknown),
    }
}

/// Audio up to this size is decoded without an allocation: the usual 160 bytes and what base64 rounds them to.
const IN_PLACE_BYTES: usize = 192;

const KNOWN_EVENTS: [&str; 6] = ["connected", "start", "media", "dtmf", "mark", "stop"];

/// All messages in one flat struct: an internally tagged enum would parse every message twice. `Cow`
/// because a peer may escape what it could have written plainly (`\/`).
#[derive(Deserialize)]
struct Wire<'a> {
    #[serde(borrow)]
    event: Cow<'a, str>,
    #[serde(borrow, default, rename = "streamSid")]
    stream_sid: Cow<'a, str>,
    #[serde(borrow)]
    media: Option<WireMedia<'a>>,
    #[serde(borrow)]
    mark: Option<WireMark<'a>>,
    #[serde(borrow)]
    dtmf: Option<WireDtmf<'a>>,
    #[serde(borrow)]
    start: Option<WireStart<'a>>,
}

#[derive(Deserialize)]
struct EventOnly<'a> {
    #[serde(borrow)]
    event: Cow<'a, str>,
}

#[derive(Deserialize)]
struct WireMedia<'a> {
    #[serde(borrow, default)]
    track: Cow<'a, str>,
    #[serde(borrow)]
    payload: Cow<'a, str>,
}

#[derive(Deserialize)]
struct WireMark<'a> {
    #[serde(borrow)]
    name: Cow<'a, str>,
}

#[derive(Deserialize)]
struct WireDtmf<'a> {
    #[serde(borrow)]
    digit: TextOrNumber<'a>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum TextOrNumber<'a> {
    Number(u64),
    #[serde(borrow)]
    Text(Cow<'a, str>),
}

#[derive(Deserialize)]
struct WireStart<'a> {
    #[serde(borrow, default, rename = "streamSid")]
    stream_sid: Cow<'a, str>,
    #[serde(borrow, rename = "callSid")]
    call_sid: Cow<'a, str>,
    #[serde(default)]
    tracks: Vec<String>,
    #[serde(borrow, rename = "mediaFormat")]
    media_format: Option<WireFormat<'a>>,
    #[serde(default, rename = "customParameters")]
    custom_parameters: Option<BTreeMap<String, Value>>,
}

#[derive(Deserialize)]
struct WireFormat<'a> {
    #[serde(borrow, default)]
    encoding: Cow<'a, str>,
    #[serde(borrow, rename = "sampleRate")]
    sample_rate: Option<TextOrNumber<'a>>,
    #[serde(borrow)]
    channels: Option<TextOrNumber<'a>>,
}

impl WireMedia<'_> {
    fn into_message(self) -> Result<TwilioMessage, MalformedMessage> {
        if !self.track.is_empty() && self.track != "inbound" {
            return Ok(TwilioMessage::Unknown);
        }
        let text = self.payload.as_bytes();
        let mut in_place = [0; IN_PLACE_BYTES];
        let ulaw = if base64::decoded_len_estimate(text.len()) <= IN_PLACE_BYTES {
            let length = BASE64_LENIENT.decode_slice(text, &mut in_place).map_err(|_| MalformedMessage::Base64)?;
            UlawChunk::copy_from(&in_place[..length])
        } else {
            Bytes::from(BASE64_LENIENT.decode(text).map_err(|_| MalformedMessage::Base64)?).into()
        };
        Ok(TwilioMessage::Media(ulaw))
    }
}

impl WireStart<'_> {
    fn into_message(self, outer_stream_sid: &str) -> Result<TwilioMessage, MalformedMessage> {
        let hears_caller = self.tracks.is_empty() || self.tracks.iter().any(|track| track == "inbound");
        let format_fits = self.media_format.is_none_or(|format| format.is_ulaw_8k_mono());
        if !hears_caller || !format_fits {
            return Err(MalformedMessage::OtherFormat);
        }
        let stream_sid = if self.stream_sid.is_empty() { outer_stream_sid } else { &self.stream_sid };
        let parameters = self.custom_parameters.unwrap_or_default().into_iter().map(|(name, value)| {
            let value = match value {
                Value::String(text) => text,
                other => other.to_string(),
            };
            (name, value)
        });
        Ok(TwilioMessage::Start(StreamStart {
            stream_sid: stream_sid.to_owned(),
            call_sid: self.call_sid.into_owned(),
            parameters: parameters.collect(),
        }))
    }
}

impl WireFormat<'_> {
    fn is_ulaw_8k_mono(&self) -> bool {
        (self.encoding.is_empty() || self.encoding == "audio/x-mulaw")
            && self.sample_rate.as_ref().is_none_or(|rate| rate.is(8_000))
            && self.channels.as_ref().is_none_or(|channels| channels.is(1))
    }
}

impl TextOrNumber<'_> {
    fn is(&self, expected: u64) -> bool {
        match self {
            Self::Number(number) => *number == expected,
            Self::Text(text) => text.parse() == Ok(expected),
        }
    }

    /// A key of a phone, where this is one.
    fn key(&self) -> Option<char> {
        let key = match self {
            Self::Number(number) => char::from_digit(u32::try_from(*number).ok()?, 10)?,
            Self::Text(text) => {
                let mut chars = text.chars();
                let key = chars.next()?.to_ascii_uppercase();
                chars.next().is_none().then_some(key)?
            }
        };
        matches!(key, '0'..='9' | '*' | '#' | 'A'..='D').then_some(key)
    }
}

/// Writes messages for one stream into a buffer of its own.
#[derive(Debug)]
pub struct Encoder {
    media_head: String,
    mark_head: String,
    clear: String,
    buffer: String,
}

impl Encoder {
    /// Writes for the stream `stream_sid`.
    pub fn new(stream_sid: &str) -> Self {
        let sid = Value::from(stream_sid);
        Self {
            media_head: format!(r#"{{"event":"media","streamSid":{sid},"media":{{"payload":""#),
            mark_head: format!(r#"{{"event":"mark","streamSid":{sid},"mark":{{"name":"#),
            clear: format!(r#"{{"event":"clear","streamSid":{sid}}}"#),
            buffer: String::new(),
        }
    }

    /// Audio to be played, μ-law, any length.
    pub fn media(&mut self, ulaw: &[u8]) -> &str {
        self.buffer.clear();
        self.buffer.push_str(&self.media_head);
        STANDARD.encode_string(ulaw, &mut self.buffer);
        self.buffer.push_str("\"}}");
        &self.buffer
    }

    /// A mark that comes back when everything before it was played.
    pub fn mark(&mut self, name: &str) -> &str {
        self.buffer.clear();
        self.buffer.push_str(&self.mark_head);
        self.buffer.push_str(&Value::from(name).to_string());
        self.buffer.push_str("}}");
        &self.buffer
    }

    /// Drops what is queued and not yet played.
    pub fn clear(&self) -> &str {
        &self.clear
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_a_peer_escapes_without_need() {
        let message = decode(r#"{"event":"med\u0069a","media":{"track":"inbound","payload":"\/\/7+"}}"#, None);
        assert_eq!(message, Ok(TwilioMessage::Media(UlawChunk::copy_from(&[0xFF, 0xFE, 0xFE]))));
    }

    #[test]
    fn takes_numbers_as_numbers_or_as_text() {
        for digit in ["5", "\"5\""] {
            let text = format!(r#"{{"event":"dtmf","sequenceNumber":10,"dtmf":{{"digit":{digit}}}}}"#);
            assert_eq!(decode(&text, None), Ok(TwilioMessage::Dtmf('5')));
        }
        for format in [r#"{"encoding":"audio/x-mulaw","sampleRate":"8000","channels":"1"}"#, r#"{"sampleRate":8000}"#] {
            let text = format!(
                r#"{{"event":"start","start":{{"streamSid":"MZ1","callSid":"CA1","mediaFormat":{format},"customParameters":{{"n":3}}}}}}"#
            );
            let Ok(TwilioMessage::Start(start)) = decode(&text, None) else { panic!("{text}") };
            assert_eq!(start.parameters["n"], "3");
        }
    }

    #[test]
    fn takes_a_start_without_parameters_and_with_its_stream_id_outside() {
        let text = r#"{"event":"start","streamSid":"MZ1","start":{"callSid":"CA1","customParameters":null}}"#;
        assert_eq!(
            decode(text, None),
            Ok(TwilioMessage::Start(StreamStart {
                stream_sid: "MZ1".into(),
                call_sid: "CA1".into(),
                parameters: BTreeMap::new()
            }))
        );
    }

    #[test]
    fn refuses_a_stream_it_could_not_hear() {
        for start in [
            r#"{"callSid":"CA1","tracks":["outbound"]}"#,
            r#"{"callSid":"CA1","mediaFormat":{"encoding":"audio/x-l16"}}"#,
            r#"{"callSid":"CA1","mediaFormat":{"sampleRate":16000}}"#,
            r#"{"callSid":"CA1","mediaFormat":{"channels":2}}"#,
        ] {
            let text = format!(r#"{{"event":"start","streamSid":"MZ1","start":{start}}}"#);
            assert_eq!(decode(&text, None), Err(MalformedMessage::OtherFormat), "{start}");
        }
    }

    #[test]
    fn knows_nothing_of_events_to_come() {
        for text in [
            r#"{"event":"sentiment","mood":["fine"]}"#,
            r#"{"event":"video","media":7,"streamSid":"MZ1"}"#,
            r#"{"event":"media","media":{"track":"outbound","payload":"/w=="}}"#,
        ] {
            assert_eq!(decode(text, Some("MZ1")), Ok(TwilioMessage::Unknown), "{text}");
        }
    }

    #[test]
    fn calls_the_rest_malformed() {
        for text in [
            "",
            "null",
            "[]",
            "{}",
            "not json",
            r#"{"event":7}"#,
            r#"{"event":"media"}"#,
            r#"{"event":"media","media":{}}"#,
            r#"{"event":"mark","mark":{"name":7}}"#,
            r#"{"event":"dtmf","dtmf":{"digit":"55"}}"#,
            r#"{"event":"dtmf","dtmf":{"digit":"x"}}"#,
            r#"{"event":"dtmf","dtmf":{"digit":""}}"#,
            r#"{"event":"start"}"#,
            r#"{"event":"media","media":{"payload":"!"}}"#,
            r#"{"event":"media","streamSid":"MZ2","media":{"payload":"/w=="}}"#,
        ] {
            assert!(decode(text, Some("MZ1")).is_err(), "{text}");
        }
    }

    #[test]
    fn takes_audio_of_any_length_with_and_without_padding() {
        for length in [0, 1, 2, 3, 159, 160, 161, 8_000] {
            let padded = STANDARD.encode(vec![0x7F; length]);
            for payload in [padded.as_str(), padded.trim_end_matches('=')] {
                let text = format!(r#"{{"event":"media","media":{{"payload":"{payload}"}}}}"#);
                assert_eq!(decode(&text, None), Ok(TwilioMessage::Media(UlawChunk::copy_from(&vec![0x7F; length]))));
            }
        }
    }

    #[test]
    fn writes_any_mark_name_as_json() {
        let name = "t1:0 \"quoted\" \\ \n 寿司";
        let mut encoder = Encoder::new("MZ\"1");
        let value: Value = serde_json::from_str(encoder.mark(name)).unwrap();
        assert_eq!(value, serde_json::json!({"event": "mark", "streamSid": "MZ\"1", "mark": {"name": name}}));
    }

    #[test]
    fn keeps_numbers_and_tokens_out_of_debug() {
        let start = StreamStart {
            stream_sid: "MZ1".into(),
            call_sid: "CA1".into(),
            parameters: [("from".to_owned(), "+14155550123".to_owned())].into(),
        };
        assert!(!format!("{start:?}").contains("4155550123"));
    }
}
