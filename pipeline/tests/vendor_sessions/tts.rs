//! Plays a script with a voice.

use serde_json::Value;
use voice_pipeline::vendors::VendorError;
use voice_pipeline::vendors::socket::Incoming;
use voice_pipeline::vendors::tts::{TtsCodec, TtsEvent, TtsSignal, TtsVendor};

use crate::session::{Frame, Session, json};

/// What a text frame of the client asks for.
#[derive(Debug, PartialEq)]
pub(crate) enum Ask {
    /// To speak this, with what follows.
    Text(String),
    /// To speak all of it now.
    Now,
    Cancel,
    Finish,
}

/// How a script went.
#[derive(Default)]
struct Spoken {
    played_bytes: u64,
    sent_bytes: u64,
    pieces: u32,
    done_at_ms: Option<u64>,
    failed: Option<VendorError>,
    closed: Option<VendorError>,
}

/// Plays the script: our codec must send what it says, where one of our pieces is all text up to a
/// flush, and conclude what it expects.
pub(crate) fn replay(session: &Session, vendor: &dyn TtsVendor, voice: &str, ask: fn(&Value) -> Ask) {
    let id = session.id();
    let mut spoken = Spoken { failed: session.refusal(&vendor.endpoint(voice)), ..Spoken::default() };
    let mut codec = vendor.codec();
    let (mut text, mut asked, mut cancelled) = (String::new(), 0, 0);
    for step in session.steps() {
        assert!(spoken.failed.is_none() && spoken.closed.is_none(), "{id}: the script goes on after its end");
        let mut sent = Vec::new();
        match step.frame() {
            Frame::ClientText(scripted) => match ask(scripted) {
                Ask::Text(more) => text.push_str(&more),
                Ask::Now => {
                    codec.encode_speak(text.trim_end(), &mut sent);
                    asked += 1;
                    let scripted = [Ask::Text(std::mem::take(&mut text)), Ask::Now];
                    assert_eq!(asks(&sent, ask), scripted, "{id}");
                }
                Ask::Cancel => {
                    codec.encode_cancel(&mut sent);
                    cancelled += 1;
                    assert_eq!(asks(&sent, ask), [Ask::Cancel], "{id}");
                }
                Ask::Finish => assert_eq!(json(codec.encode_finish().unwrap()), *scripted, "{id}"),
            },
            Frame::ServerText(text) => spoken.read(&mut *codec, Incoming::Text(&text), step.at_ms()),
            Frame::ServerAudio(audio) => {
                spoken.sent_bytes += audio.len() as u64;
                spoken.read(&mut *codec, Incoming::Binary(audio), step.at_ms());
            }
            Frame::Close(code) => spoken.closed = Some(codec.closed(code)),
            Frame::ClientAudio { .. } => panic!("{id}: a voice is sent no audio"),
        }
    }
    let names = ["audio_bytes", "audio_bytes_to_play", "audio_bytes_to_drop", "done_at_ms"];
    let expect = session.expect(&names);
    let played = expect["audio_bytes"].as_u64().or(expect["audio_bytes_to_play"].as_u64());
    assert_eq!(Some(spoken.played_bytes), played, "{id}");
    let dropped = expect["audio_bytes_to_drop"].as_u64().unwrap_or(0);
    assert_eq!(spoken.sent_bytes - spoken.played_bytes, dropped, "{id}");
    if let Some(at) = expect["done_at_ms"].as_u64() {
        assert_eq!(spoken.done_at_ms, Some(at), "{id}");
    }
    if spoken.closed.as_ref().is_none_or(VendorError::is_retryable) && spoken.failed.is_none() {
        assert_eq!(spoken.pieces, asked - cancelled, "{id}: every piece ends once");
    }
    session.check_end(spoken.failed.as_ref(), spoken.closed.as_ref());
}

/// What our messages ask for; text in several messages is one text.
fn asks(sent: &[String], ask: fn(&Value) -> Ask) -> Vec<Ask> {
    let mut asks: Vec<Ask> = Vec::new();
    for message in sent {
        match (asks.last_mut(), ask(&serde_json::from_str(message).unwrap())) {
            (Some(Ask::Text(text)), Ask::Text(more)) => text.push_str(&more),
            (_, ask) => asks.push(ask),
        }
    }
    asks
}

impl Spoken {
    fn read(&mut self, codec: &mut dyn TtsCodec, message: Incoming<'_>, at_ms: u64) {
        let mut out = Vec::new();
        self.failed = codec.decode(message, &mut out).err();
        for signal in out {
            match signal {
                TtsSignal::Event(TtsEvent::Ulaw(ulaw)) => self.played_bytes += ulaw.len() as u64,
                TtsSignal::Event(TtsEvent::Audio(samples)) => self.played_bytes += 2 * samples.len() as u64,
                TtsSignal::Event(TtsEvent::Words(_)) => {}
                TtsSignal::PieceDone => {
                    self.pieces += 1;
                    self.done_at_ms = Some(at_ms);
                }
            }
        }
    }
}
