//! Deepgram's Aura voices, `/v1/speak` as a WebSocket: text in, the phone's μ-law out.
//!
//! A piece goes out as one or more `Speak` messages and one `Flush`; its audio comes back as binary messages,
//! and `Flushed` says that it was all. One socket speaks one piece after the other.
//!
//! A piece is dropped with `Clear`, which the vendor answers with `Cleared`. It answers in the order in
//! which it was asked, so:
//! - what arrives while a `Cleared` is due belongs to dropped pieces, audio and `Flushed` alike. Every
//!   `Clear` has its own `Cleared`: with two pieces dropped one after the other, what arrives between
//!   the two is the second piece's, and is dropped as well;
//! - the vendor may have finished a dropped piece before it read our `Clear`; then `Flushed` comes first, and
//!   `Cleared` concerns nothing. The next piece is safe, it comes later;
//! - whether a dropped `Flush` is answered at all is not documented. Should its `Flushed` come behind
//!   `Cleared`, then it comes before the next piece's audio: a `Flushed` without any audio is therefore
//!   not taken for the end of a piece with words as long as one from a dropped piece may be due. Audio
//!   of the next piece proves that it is not;
//! - when nothing is being spoken, nothing is dropped and no `Cleared` is due.
//!
//! Not here: what both of Deepgram's services share (`vendors::deepgram`), connections (`net`).

use std::borrow::Cow;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{TtsCodec, TtsEvent, TtsSignal, TtsVendor};
use crate::vendors::VendorError;
use crate::vendors::deepgram::{BadUrl, DeepgramSettings, VENDOR, closed, failure, message_type};
use crate::vendors::socket::{Endpoint, Incoming, Outgoing};
use crate::vendors::url::with_query;

/// What to look at when a handshake is refused.
const SETTING: &str = "DEEPGRAM_API_KEY and DEEPGRAM_TTS_MODEL";

/// The setting behind words that Deepgram cannot read.
const MODEL_SETTING: &str = "DEEPGRAM_TTS_MODEL";

/// How Deepgram's voices begin. Any other name of a voice means another vendor's.
const VOICE_PREFIX: &str = "aura-";

/// The longest text of one message, in characters.
const SPEAK_MAX_CHARS: usize = 2000;

/// Deepgram as a voice.
#[derive(Debug)]
pub struct DeepgramTts {
    settings: Arc<DeepgramSettings>,
    base: String,
}

impl DeepgramTts {
    /// Speaks as the settings say.
    ///
    /// # Errors
    /// When [`DeepgramSettings::url`] cannot be dialled.
    pub fn new(settings: Arc<DeepgramSettings>) -> Result<Self, BadUrl> {
        let base = settings.base()?;
        Ok(Self { settings, base })
    }
}

impl TtsVendor for DeepgramTts {
    fn endpoint(&self, voice: &str) -> Endpoint {
        let model = if voice.starts_with(VOICE_PREFIX) { voice } else { &self.settings.tts_model };
        let query = [("model", model), ("encoding", "mulaw"), ("sample_rate", "8000")];
        Endpoint {
            vendor: VENDOR,
            setting: SETTING,
            url: with_query(&format!("{}/v1/speak", self.base), query),
            headers: self.settings.headers(),
            connect_timeout: self.settings.connect_timeout,
            keep_alive_after: self.settings.keep_alive,
        }
    }

    fn codec(&self) -> Box<dyn TtsCodec> {
        Box::new(Codec::default())
    }
}

#[derive(Debug, Default)]
struct Codec {
    speaking: Option<Speaking>,
    /// `Clear` messages whose `Cleared` has not come.
    clearing: u32,
    /// Dropped pieces whose `Flushed` may yet come.
    unflushed: u32,
}

/// The piece that is being spoken.
#[derive(Debug, Clone, Copy)]
struct Speaking {
    has_words: bool,
}

impl TtsCodec for Codec {
    fn encode_speak(&mut self, text: &str, out: &mut Vec<String>) {
        self.speaking = Some(Speaking { has_words: text.chars().any(char::is_alphanumeric) });
        out.extend(parts(text).map(|part| ToVendor::Speak { text: &format!("{part} ") }.to_json()));
        out.push(ToVendor::Flush.to_json());
    }

    fn encode_cancel(&mut self, out: &mut Vec<String>) {
        if self.speaking.take().is_some() {
            self.clearing = self.clearing.saturating_add(1);
            self.unflushed = self.unflushed.saturating_add(1);
            out.push(ToVendor::Clear.to_json());
        }
    }

    fn encode_keep_alive(&mut self) -> Option<Outgoing<'_>> {
        // The vendor lets a silent socket be and knows no message for it.
        None
    }

    fn encode_finish(&mut self) -> Option<Outgoing<'_>> {
        Some(Outgoing::Text(r#"{"type":"Close"}"#))
    }

    fn decode(&mut self, message: Incoming<'_>, out: &mut Vec<TtsSignal>) -> Result<(), VendorError> {
        let text = match message {
            Incoming::Binary(ulaw) => {
                if self.clearing == 0 && self.speaking.is_some() && !ulaw.is_empty() {
                    self.unflushed = 0;
                    out.push(TtsSignal::Event(TtsEvent::Ulaw(ulaw)));
                }
                return Ok(());
            }
            Incoming::Text(text) => text,
        };
        match &*message_type(text)? {
            "Flushed" => self.flushed(out),
            "Cleared" => self.clearing = self.clearing.saturating_sub(1),
            // A text that is held back is never spoken here; on a new socket it is.
            "Warning" if self.speaking.is_some() && warns_of_flushes(text) => {
                return Err(VendorError::Busy { vendor: VENDOR, status: 0, retry_after: None });
            }
            "Warning" => tracing::debug!(vendor = VENDOR, "tts warning"),
            "Error" => return Err(failure(text, MODEL_SETTING)),
            _ => {}
        }
        Ok(())
    }

    fn closed(&self, code: Option<u16>) -> VendorError {
        closed(code, MODEL_SETTING)
    }
}

impl Codec {
    fn flushed(&mut self, out: &mut Vec<TtsSignal>) {
        let is_late = match self.speaking {
            _ if self.clearing > 0 => true,
            Some(Speaking { has_words }) => has_words && self.unflushed > 0,
            None => true,
        };
        if is_late {
            self.unflushed = self.unflushed.saturating_sub(1);
        } else {
            self.speaking = None;
            self.unflushed = 0;
            out.push(TtsSignal::PieceDone);
        }
    }
}

/// Whether there were too many `Flush` messages: the vendor takes 20 in a minute on one socket.
fn warns_of_flushes(message: &str) -> bool {
    #[derive(Deserialize)]
    struct Warning<'a> {
        #[serde(borrow)]
        code: Option<Cow<'a, str>>,
        #[serde(borrow)]
        warn_code: Option<Cow<'a, str>>,
    }
    let Ok(Warning { code, warn_code }) = serde_json::from_str(message) else { return false };
    [code, warn_code].into_iter().flatten().any(|code| code.contains("FLUSH"))
}

/// A message with nothing but its type, or with a text.
#[derive(Serialize)]
#[serde(tag = "type")]
enum ToVendor<'a> {
    Speak { text: &'a str },
    Flush,
    Clear,
}

impl ToVendor<'_> {
    fn to_json(&self) -> String {
        serde_json::to_string(self).expect("text always has a form in JSON")
    }
}

/// The text in parts that fit into one message with the space behind them, cut at word ends.
fn parts(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text.trim();
    std::iter::from_fn(move || {
        let (part, behind) = match rest.char_indices().nth(SPEAK_MAX_CHARS - 1) {
            None => (rest, ""),
            // A character more than fits, in case the word ends just there.
            Some((end, next)) => {
                let fits = &rest[..end + next.len_utf8()];
                let cut = fits.rfind(char::is_whitespace).filter(|&cut| cut > 0).unwrap_or(end);
                rest.split_at(cut)
            }
        };
        rest = behind.trim_start();
        let part = part.trim_end();
        (!part.is_empty()).then_some(part)
    })
}

#[cfg(test)]
mod tests;
