//! Deepgram's nova models, `/v1/listen`: a recogniser that takes the phone's μ-law as it is.
//!
//! Audio goes out as binary messages, and results come back for one window of it after the other: guesses, then
//! a result that settles the window. The texts of our events are the whole utterance, joined from windows by
//! `Utterance`.
//!
//! Finals come from two sides. Deepgram by itself finds an utterance complete after a silence
//! (`speech_final`) or, where noise hides the silence, after a gap behind the last word (`UtteranceEnd`).
//! Our own pauses ask for a final with `Finalize`, and a result marked `from_finalize` answers.
//!
//! What always holds, beside the promises of [`SttCodec`]:
//! - every settled window is told as [`SttEvent::Settled`], also an empty one; words count once, though a
//!   window be settled twice;
//! - an awaited pause ends with exactly one final: the answer to it (which may be empty), a final of
//!   Deepgram's own that comes first, or what is known when the answer is given up. An answer that is late
//!   for its pause only adds words, and one that has no new words adds nothing;
//! - the answer to an older pause is not taken for the answer to a newer one: it ends where the audio
//!   ended when that pause was announced;
//! - apart from the answer to a pause, no final repeats the text of the one before it.
//!
//! Not here: what both of Deepgram's services share (`vendors::deepgram`), connections (`net`).

mod results;

use std::cmp::Reverse;
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use self::results::Results;
use super::utterance::Utterance;
use super::{SttCodec, SttEvent, SttVendor};
use crate::turn::PauseId;
use crate::vendors::VendorError;
use crate::vendors::deepgram::{
    BadUrl, DeepgramSettings, UTTERANCE_END_MIN, VENDOR, closed, failure, malformed, message_type,
};
use crate::vendors::socket::{Endpoint, Incoming, Outgoing};
use crate::vendors::url::with_query;

/// What to look at when a handshake is refused.
const SETTING: &str = "DEEPGRAM_API_KEY and DEEPGRAM_STT_MODEL";

/// The setting behind words that Deepgram cannot read.
const MODEL_SETTING: &str = "DEEPGRAM_STT_MODEL";

/// Bytes of μ-law in a millisecond.
const BYTES_PER_MS: u64 = 8;

/// Unanswered `Finalize` messages that are remembered; more pauses than that fit into no vendor's delay.
const FINALIZES: usize = 8;

/// Deepgram as a recogniser.
#[derive(Debug)]
pub struct DeepgramStt {
    settings: Arc<DeepgramSettings>,
    url: String,
}

impl DeepgramStt {
    /// Listens as the settings say.
    ///
    /// # Errors
    /// When [`DeepgramSettings::url`] cannot be dialled.
    pub fn new(settings: Arc<DeepgramSettings>) -> Result<Self, BadUrl> {
        let url = listen_url(&settings.base()?, &settings);
        Ok(Self { settings, url })
    }
}

impl SttVendor for DeepgramStt {
    fn endpoint(&self) -> Endpoint {
        Endpoint {
            vendor: VENDOR,
            setting: SETTING,
            url: self.url.clone(),
            headers: self.settings.headers(),
            connect_timeout: self.settings.connect_timeout,
            keep_alive_after: self.settings.keep_alive,
        }
    }

    fn final_timeout(&self) -> Duration {
        self.settings.final_timeout
    }

    fn codec(&self) -> Box<dyn SttCodec> {
        Box::new(Codec::default())
    }
}

fn listen_url(base: &str, settings: &DeepgramSettings) -> String {
    let endpointing = match settings.endpointing.as_millis() {
        0 => "false".to_owned(),
        millis => millis.to_string(),
    };
    let utterance_end = settings.utterance_end.map(|gap| gap.max(UTTERANCE_END_MIN).as_millis().to_string());
    // Older models know their terms by another name.
    let term = if settings.stt_model.starts_with("nova-3") { "keyterm" } else { "keywords" };
    let mut query = vec![
        ("model", settings.stt_model.as_str()),
        ("language", &settings.language),
        ("encoding", "mulaw"),
        ("sample_rate", "8000"),
        ("channels", "1"),
        ("interim_results", "true"),
        ("endpointing", &endpointing),
        // The smart format sets punctuation as well.
        (if settings.smart_format { "smart_format" } else { "punctuate" }, "true"),
    ];
    query.extend(utterance_end.as_deref().map(|gap| ("utterance_end_ms", gap)));
    query.extend(settings.keyterms.iter().map(|words| (term, words.as_str())));
    query.extend(settings.extra_query.iter().map(|(name, value)| (name.as_str(), value.as_str())));
    query.retain(|(_, value)| !value.is_empty());
    with_query(&format!("{base}/v1/listen"), query)
}

#[derive(Debug, Default)]
struct Codec {
    utterance: Utterance,
    /// Begin and end of the last settled window.
    window: (Duration, Duration),
    sent_bytes: u64,
    awaited: Option<PauseId>,
    /// Where the audio ended at every `Finalize` that is not answered. The awaited pause is the last.
    finalized: VecDeque<Duration>,
}

impl SttCodec for Codec {
    fn encode_audio<'a>(&'a mut self, ulaw: &'a [u8]) -> Option<Outgoing<'a>> {
        self.sent_bytes += ulaw.len() as u64;
        // An empty message would end the session.
        (!ulaw.is_empty()).then_some(Outgoing::Binary(ulaw))
    }

    fn encode_pause(&mut self, pause: PauseId) -> Option<Outgoing<'_>> {
        if self.finalized.len() == FINALIZES {
            self.finalized.pop_front();
        }
        self.finalized.push_back(Duration::from_millis(self.sent_bytes / BYTES_PER_MS));
        self.awaited = Some(pause);
        Some(Outgoing::Text(r#"{"type":"Finalize"}"#))
    }

    fn encode_keep_alive(&mut self) -> Option<Outgoing<'_>> {
        Some(Outgoing::Text(r#"{"type":"KeepAlive"}"#))
    }

    fn encode_finish(&mut self) -> Option<Outgoing<'_>> {
        Some(Outgoing::Text(r#"{"type":"CloseStream"}"#))
    }

    fn committed(&mut self) {
        self.utterance.commit();
        self.awaited = None;
    }

    fn awaited(&self) -> Option<PauseId> {
        self.awaited
    }

    fn give_up_awaited(&mut self, out: &mut Vec<SttEvent>) {
        if self.awaited.is_some() {
            self.finish(self.utterance.whole(), out);
        }
    }

    fn decode(&mut self, message: Incoming<'_>, out: &mut Vec<SttEvent>) -> Result<(), VendorError> {
        let Incoming::Text(message) = message else { return Ok(()) };
        match &*message_type(message)? {
            "Results" => {
                let results = serde_json::from_str(message).map_err(|_| malformed(message))?;
                self.take(&results, out);
            }
            "UtteranceEnd" => self.found_complete(out),
            "Error" => return Err(failure(message, MODEL_SETTING)),
            _ => {}
        }
        Ok(())
    }

    fn closed(&self, code: Option<u16>) -> VendorError {
        closed(code, MODEL_SETTING)
    }
}

impl Codec {
    fn take(&mut self, results: &Results<'_>, out: &mut Vec<SttEvent>) {
        let window @ (start, until) = results.window();
        let text = results.text_after(self.utterance.forgotten_until());
        if !results.is_final() {
            if self.utterance.guess(&text, until) {
                out.push(SttEvent::Interim(self.utterance.whole()));
            }
            return;
        }
        let is_repeated = std::mem::replace(&mut self.window, window) == window && start < until;
        let is_news = !is_repeated && self.utterance.settle(&text);
        out.push(SttEvent::Settled { text: self.utterance.settled().to_owned(), audio: until });
        if is_repeated {
            return;
        }
        let before = out.len();
        let answers = results.answers_finalize();
        let answers_newest = answers && self.answers_newest(until);
        if answers && self.awaited.is_some() {
            // The answer to an older pause lacks audio that the newer one has.
            if answers_newest {
                self.finish(self.utterance.settled().to_owned(), out);
            }
        } else if answers || results.speech_final() {
            self.found_complete(out);
        }
        // What is settled is heard by nobody yet but the keeper of the audio.
        if is_news && out.len() == before {
            out.push(SttEvent::Interim(self.utterance.whole()));
        }
    }

    /// Whether a result that ends at `until` answers the newest `Finalize`: of all that are unanswered, the
    /// one that was sent nearest to there. Older ones get no answer any more.
    fn answers_newest(&mut self, until: Duration) -> bool {
        let distance = |at: usize| (self.finalized[at].abs_diff(until), Reverse(at));
        let Some(nearest) = (0..self.finalized.len()).min_by_key(|&at| distance(at)) else { return false };
        self.finalized.drain(..=nearest);
        self.finalized.is_empty()
    }

    /// Deepgram found the utterance complete.
    fn found_complete(&mut self, out: &mut Vec<SttEvent>) {
        if let Some(text) = self.utterance.news() {
            self.awaited = None;
            self.finish(text, out);
        }
    }

    /// Tells a final: the answer to the awaited pause, if there is one.
    fn finish(&mut self, text: String, out: &mut Vec<SttEvent>) {
        self.utterance.told(&text);
        out.push(SttEvent::Final { pause: self.awaited.take(), text });
    }
}

#[cfg(test)]
mod tests;
#[cfg(test)]
mod wire_tests;
