//! The messages of a media stream as a caller under load reads and writes them: into buffers that
//! are used again, from payloads that were encoded beforehand.
//!
//! Not here: judging a gateway's messages field by field; the phone of the `call` command does that.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde_json::json;

/// A message of the gateway; audio is in the buffer that [`read`] was given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Incoming {
    /// Audio to play after what waits.
    Audio,
    /// Asks for a sign when everything before it was played.
    Mark(String),
    /// Drops what waits.
    Clear,
}

/// Reads a message; its audio replaces what `audio` holds. `None` for what no carrier understands.
pub fn read(text: &str, stream_sid: &str, audio: &mut Vec<u8>) -> Option<Incoming> {
    let wire: Wire<'_> = serde_json::from_str(text).ok()?;
    if wire.stream_sid != stream_sid {
        return None;
    }
    match &*wire.event {
        "media" => {
            audio.clear();
            STANDARD.decode_vec(wire.media?.payload.as_bytes(), audio).ok()?;
            (!audio.is_empty()).then_some(Incoming::Audio)
        }
        "mark" => Some(Incoming::Mark(wire.mark?.name.into_owned())),
        "clear" => Some(Incoming::Clear),
        _ => None,
    }
}

#[derive(Deserialize)]
struct Wire<'a> {
    #[serde(borrow)]
    event: Cow<'a, str>,
    #[serde(borrow, rename = "streamSid")]
    stream_sid: Cow<'a, str>,
    #[serde(borrow)]
    media: Option<Media<'a>>,
    #[serde(borrow)]
    mark: Option<Mark<'a>>,
}

#[derive(Deserialize)]
struct Media<'a> {
    #[serde(borrow)]
    payload: Cow<'a, str>,
}

#[derive(Deserialize)]
struct Mark<'a> {
    #[serde(borrow)]
    name: Cow<'a, str>,
}

/// The ids of one call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sids {
    /// `AC` and 32 hex digits.
    pub account: String,
    /// `CA` and 32 hex digits.
    pub call: String,
    /// `MZ` and 32 hex digits.
    pub stream: String,
}

impl Sids {
    /// Fresh ids.
    pub fn random() -> Self {
        let sid = |prefix: &str| format!("{prefix}{:032x}", rand::random::<u128>());
        Self { account: sid("AC"), call: sid("CA"), stream: sid("MZ") }
    }
}

/// Writes the messages of one stream. All but `connected` share one sequence number.
pub struct Writer {
    sids: Sids,
    sequence: u64,
    chunk: u64,
    media_millis: u64,
    buffer: String,
}

impl Writer {
    /// For one stream of a call.
    pub fn new(sids: Sids) -> Self {
        Self { sids, sequence: 0, chunk: 0, media_millis: 0, buffer: String::with_capacity(512) }
    }

    /// The very first message.
    pub fn connected() -> &'static str {
        r#"{"event":"connected","protocol":"Call","version":"1.0.0"}"#
    }

    /// Opens the stream with the `<Parameter>`s of its TwiML.
    pub fn start(&mut self, parameters: &BTreeMap<String, String>) -> &str {
        let body = json!({
            "accountSid": self.sids.account,
            "callSid": self.sids.call,
            "streamSid": self.sids.stream,
            "tracks": ["inbound"],
            "mediaFormat": {"encoding": "audio/x-mulaw", "sampleRate": 8000, "channels": 1},
            "customParameters": parameters,
        });
        self.message("start", &body.to_string())
    }

    /// The caller's next 20 ms, in base64.
    pub fn media(&mut self, payload: &str) -> &str {
        self.sequence += 1;
        self.chunk += 1;
        self.media_millis += 20;
        let (sequence, chunk, millis, stream) = (self.sequence, self.chunk, self.media_millis, &self.sids.stream);
        self.buffer.clear();
        let written = write!(
            self.buffer,
            r#"{{"event":"media","sequenceNumber":"{sequence}","media":{{"track":"inbound","chunk":"{chunk}","#
        )
        .and_then(|()| {
            write!(self.buffer, r#""timestamp":"{millis}","payload":"{payload}"}},"streamSid":"{stream}"}}"#)
        });
        written.expect("a string takes every text");
        &self.buffer
    }

    /// The message that was written last.
    pub fn written(&self) -> &str {
        &self.buffer
    }

    /// A mark that was reached or cleared away.
    pub fn mark(&mut self, name: &str) -> &str {
        self.message("mark", &json!({"name": name}).to_string())
    }

    /// The last message: the caller hung up.
    pub fn stop(&mut self) -> &str {
        let body = json!({"accountSid": self.sids.account, "callSid": self.sids.call});
        self.message("stop", &body.to_string())
    }

    fn message(&mut self, event: &str, body: &str) -> &str {
        self.sequence += 1;
        let (sequence, stream) = (self.sequence, &self.sids.stream);
        self.buffer.clear();
        write!(
            self.buffer,
            r#"{{"event":"{event}","sequenceNumber":"{sequence}","streamSid":"{stream}","{event}":{body}}}"#
        )
        .expect("a string takes every text");
        &self.buffer
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    const SID: &str = "MZ00000000000000000000000000000003";

    fn sids() -> Sids {
        Sids { account: "AC1".into(), call: "CA2".into(), stream: SID.into() }
    }

    fn parsed(text: &str) -> Value {
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn writes_what_twilio_writes() {
        let mut writer = Writer::new(sids());
        let parameters = BTreeMap::from([("token".to_owned(), "a\"b".to_owned())]);
        assert_eq!(parsed(Writer::connected())["protocol"], "Call");
        assert_eq!(
            parsed(writer.start(&parameters)),
            json!({"event": "start", "sequenceNumber": "1", "streamSid": SID, "start": {
                "accountSid": "AC1", "callSid": "CA2", "streamSid": SID, "tracks": ["inbound"],
                "mediaFormat": {"encoding": "audio/x-mulaw", "sampleRate": 8000, "channels": 1},
                "customParameters": {"token": "a\"b"}}})
        );
        writer.media("/w==");
        assert_eq!(
            parsed(writer.media("/w==")),
            json!({"event": "media", "sequenceNumber": "3", "streamSid": SID, "media":
                {"track": "inbound", "chunk": "2", "timestamp": "40", "payload": "/w=="}})
        );
        assert_eq!(
            parsed(writer.mark("a\"")),
            json!({"event": "mark", "sequenceNumber": "4", "streamSid": SID, "mark": {"name": "a\""}})
        );
        assert_eq!(
            parsed(writer.stop()),
            json!({"event": "stop", "sequenceNumber": "5", "streamSid": SID,
                "stop": {"accountSid": "AC1", "callSid": "CA2"}})
        );
    }

    #[test]
    fn reads_what_a_gateway_writes() {
        let mut audio = vec![1];
        let mut of = |message: Value| {
            let read = read(&message.to_string(), SID, &mut audio);
            (read, audio.clone())
        };
        let media = json!({"event": "media", "streamSid": SID, "media": {"payload": "//8="}});
        assert_eq!(of(media), (Some(Incoming::Audio), vec![0xFF, 0xFF]));
        let mark = json!({"event": "mark", "streamSid": SID, "mark": {"name": "g1"}});
        assert_eq!(of(mark).0, Some(Incoming::Mark("g1".into())));
        assert_eq!(of(json!({"event": "clear", "streamSid": SID})).0, Some(Incoming::Clear));
    }

    #[test]
    fn takes_nothing_that_a_carrier_would_not_take() {
        let mut audio = Vec::new();
        for message in [
            json!({"event": "clear", "streamSid": "MZ1"}),
            json!({"event": "clear"}),
            json!({"event": "media", "streamSid": SID}),
            json!({"event": "media", "streamSid": SID, "media": {"payload": "/"}}),
            json!({"event": "media", "streamSid": SID, "media": {"payload": ""}}),
            json!({"event": "mark", "streamSid": SID}),
            json!({"event": "forecast", "streamSid": SID}),
            json!([1]),
        ] {
            assert_eq!(read(&message.to_string(), SID, &mut audio), None, "{message}");
        }
    }
}
