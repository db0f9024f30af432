//! A result of `/v1/listen`, as it comes over the wire.
//!
//! Any field may be missing or null, and numbers may be anything: times are clamped to what a call can
//! last.

use std::time::Duration;

use serde::Deserialize;

use crate::vendors::deepgram::Text;

/// No call lasts this long.
const STREAM_MAX_SECONDS: f64 = 7.0 * 24.0 * 3600.0;

/// A result for one window of audio. Times are seconds of the stream.
#[derive(Deserialize)]
pub(super) struct Results<'a> {
    start: Option<f64>,
    duration: Option<f64>,
    is_final: Option<bool>,
    speech_final: Option<bool>,
    from_finalize: Option<bool>,
    #[serde(borrow)]
    channel: Option<Channel<'a>>,
}

#[derive(Deserialize)]
struct Channel<'a> {
    #[serde(borrow)]
    alternatives: Option<Vec<Alternative<'a>>>,
}

/// One reading of the window; the first is the likeliest.
#[derive(Deserialize)]
struct Alternative<'a> {
    #[serde(borrow)]
    transcript: Option<Text<'a>>,
    #[serde(borrow)]
    words: Option<Vec<Word<'a>>>,
}

#[derive(Deserialize)]
struct Word<'a> {
    start: Option<f64>,
    #[serde(borrow)]
    word: Option<Text<'a>>,
    #[serde(borrow)]
    punctuated_word: Option<Text<'a>>,
}

impl Results<'_> {
    /// Whether the window is settled.
    pub(super) fn is_final(&self) -> bool {
        self.is_final.unwrap_or(false)
    }

    /// Whether Deepgram heard silence behind the window.
    pub(super) fn speech_final(&self) -> bool {
        self.speech_final.unwrap_or(false)
    }

    /// Whether it answers `Finalize`.
    pub(super) fn answers_finalize(&self) -> bool {
        self.from_finalize.unwrap_or(false)
    }

    /// Begin and end of the window.
    pub(super) fn window(&self) -> (Duration, Duration) {
        let start = self.start.unwrap_or(0.0).max(0.0);
        (seconds(start), seconds(start + self.duration.unwrap_or(0.0).max(0.0)))
    }

    /// The words of the window that begin after `forgotten`; where words have no times, the whole window
    /// stays or goes.
    pub(super) fn text_after(&self, forgotten: Duration) -> String {
        let alternatives = self.channel.as_ref().and_then(|channel| channel.alternatives.as_ref());
        let Some(best) = alternatives.and_then(|all| all.first()) else { return String::new() };
        let transcript = Text::of(best.transcript.as_ref()).trim();
        if forgotten.is_zero() {
            return transcript.to_owned();
        }
        let words = best.words.as_deref().unwrap_or_default();
        let keeps_all = match words.iter().map(|word| word.start).collect::<Option<Vec<f64>>>() {
            Some(starts) if !starts.is_empty() => starts.into_iter().all(|start| seconds(start) >= forgotten),
            _ if self.window().1 > forgotten => true,
            _ => return String::new(),
        };
        if keeps_all {
            return transcript.to_owned();
        }
        let kept = words.iter().filter(|word| word.start.is_some_and(|start| seconds(start) >= forgotten));
        let kept: Vec<&str> = kept.map(Word::text).filter(|text| !text.is_empty()).collect();
        kept.join(" ")
    }
}

impl Word<'_> {
    fn text(&self) -> &str {
        Text::of(self.punctuated_word.as_ref().or(self.word.as_ref())).trim()
    }
}

/// Seconds as they come over the wire: below zero is zero.
fn seconds(value: f64) -> Duration {
    Duration::try_from_secs_f64(value.clamp(0.0, STREAM_MAX_SECONDS)).unwrap_or_default()
}
