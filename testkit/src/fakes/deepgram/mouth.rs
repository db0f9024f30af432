//! What a voice's socket sends, and when: texts to audio, flush by flush.
//!
//! [`Mouth`] is told what the client said and what time it is. Its driver takes an [`Act`] at a time
//! with `poll_act` and comes back at `poll_timeout`, or as soon as the client says more.
//!
//! What always holds:
//! - flushes are spoken one after the other, in their order;
//! - after a `Clear` at most the planned number of late messages comes before `Cleared`.

use std::collections::VecDeque;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;
use voice_pipeline::net::websocket::close_code;

use super::sound::Encoding;
use super::wire::{self, SpeakMessage};
use super::{DeepgramPlan, FlushAnswer, TtsPlan};

/// The most characters of one `Speak`.
pub(super) const TEXT_MAX_CHARS: usize = 2_000;

/// So many flushes are spoken within [`FLUSH_WINDOW`].
const FLUSHES_MAX: usize = 20;
const FLUSH_WINDOW: Duration = Duration::from_secs(60);

/// Something to do now.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Act {
    /// Send text.
    Json(String),
    /// Send the text that says a flush is complete.
    Flushed(String),
    /// Send this part of [`Mouth::audio`]. `first` is the text of the flush that begins with it.
    Audio { bytes: Range<usize>, first: Option<Arc<str>> },
    /// Close the socket.
    Close { code: u16, reason: &'static str },
}

/// One voice.
pub(super) struct Mouth {
    encoding: Encoding,
    plan: Arc<DeepgramPlan>,
    text: String,
    acts: VecDeque<Act>,
    flushes: VecDeque<Flush>,
    speaking: Option<Speaking>,
    audio: Vec<u8>,
    sequence: u64,
    flushed_at: VecDeque<Instant>,
    closing: bool,
}

struct Flush {
    text: Arc<str>,
    asked: Instant,
    /// The number to answer with, where there is an answer.
    sequence: Option<u64>,
}

struct Speaking {
    flush: Flush,
    begins: Instant,
    sent: usize,
    /// What a `Clear` left to be sent, and its number.
    late: Option<(usize, u64)>,
}

impl Mouth {
    pub(super) fn new(encoding: Encoding, plan: Arc<DeepgramPlan>) -> Self {
        Self {
            encoding,
            plan,
            text: String::new(),
            acts: VecDeque::new(),
            flushes: VecDeque::new(),
            speaking: None,
            audio: Vec::new(),
            sequence: 0,
            flushed_at: VecDeque::new(),
            closing: false,
        }
    }

    /// Goes on by another plan.
    pub(super) fn change_plan(&mut self, plan: Arc<DeepgramPlan>) {
        self.plan = plan;
    }

    /// The audio that is being sent.
    pub(super) fn audio(&self) -> &[u8] {
        &self.audio
    }

    /// Takes what the client said; `Err` holds something that is no message.
    pub(super) fn handle_message(&mut self, now: Instant, message: Result<SpeakMessage, NotAMessage>) {
        if self.closing {
            return;
        }
        match message {
            Ok(SpeakMessage::Speak { text }) if text.chars().count() > TEXT_MAX_CHARS => {
                self.fail("DATA-0001", "The text of a Speak message exceeds the limit of 2000 characters.");
            }
            Ok(SpeakMessage::Speak { text }) => self.text.push_str(&text),
            Ok(SpeakMessage::Flush) => self.flush(now),
            Ok(SpeakMessage::Clear) => self.clear(now),
            Ok(SpeakMessage::Close) => {
                if !self.text.is_empty() {
                    let text = std::mem::take(&mut self.text).into();
                    self.flushes.push_back(Flush { text, asked: now, sequence: None });
                }
                self.closing = true;
            }
            Err(NotAMessage) => self.fail("DATA-0000", "The message is not one of Speak, Flush, Clear and Close."),
        }
    }

    /// The next thing to do at `now`.
    pub(super) fn poll_act(&mut self, now: Instant) -> Option<Act> {
        loop {
            if let Some(act) = self.acts.pop_front() {
                return Some(act);
            }
            if self.speaking.is_none() {
                self.begin_next_flush(now);
            }
            let plan = &self.plan.tts;
            let Some(speaking) = &mut self.speaking else {
                return self.closing.then_some(Act::Close { code: close_code::NORMAL, reason: "" });
            };
            if speaking.sent == self.audio.len() || speaking.late.is_some_and(|(left, _)| left == 0) {
                self.end_flush();
                continue;
            }
            if now < speaking.due(plan, self.encoding) {
                return None;
            }
            let begin = speaking.sent;
            speaking.sent = self.audio.len().min(begin + plan.chunk_bytes.max(1));
            if let Some((left, _)) = &mut speaking.late {
                *left -= 1;
            }
            let first = (begin == 0).then(|| Arc::clone(&speaking.flush.text));
            return Some(Act::Audio { bytes: begin..speaking.sent, first });
        }
    }

    /// When there will be something to do if the client says nothing.
    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        self.speaking.as_ref().map(|speaking| speaking.due(&self.plan.tts, self.encoding))
    }

    fn flush(&mut self, now: Instant) {
        while self.flushed_at.front().is_some_and(|at| now.duration_since(*at) >= FLUSH_WINDOW) {
            self.flushed_at.pop_front();
        }
        if self.flushed_at.len() == FLUSHES_MAX {
            // The text waits for a flush that is allowed.
            return self.acts.push_back(Act::Json(wire::too_many_flushes()));
        }
        self.flushed_at.push_back(now);
        let text = std::mem::take(&mut self.text).into();
        let number = self.next_sequence();
        let sequence = match self.plan.tts.flush {
            FlushAnswer::AudioAndFlushed => Some(number),
            FlushAnswer::AudioOnly => None,
            FlushAnswer::Nothing => return,
        };
        self.flushes.push_back(Flush { text, asked: now, sequence });
    }

    fn clear(&mut self, now: Instant) {
        self.text.clear();
        self.flushes.clear();
        let sequence = self.next_sequence();
        let late_chunks = self.plan.tts.late_chunks;
        match &mut self.speaking {
            Some(speaking) if late_chunks > 0 && speaking.begins <= now => {
                speaking.late = Some((late_chunks, sequence));
            }
            _ => {
                self.speaking = None;
                self.acts.push_back(Act::Json(wire::cleared(sequence)));
            }
        }
    }

    fn fail(&mut self, code: &str, description: &str) {
        self.text.clear();
        self.flushes.clear();
        self.speaking = None;
        self.closing = true;
        self.acts.push_back(Act::Json(wire::speak_error(code, description)));
        self.acts.push_back(Act::Close { code: close_code::POLICY, reason: "DATA-0000" });
    }

    fn begin_next_flush(&mut self, now: Instant) {
        let Some(flush) = self.flushes.pop_front() else { return };
        self.audio = self.encoding.synthesise(&flush.text, self.plan.tts.silent);
        let begins = now.max(flush.asked + self.plan.tts.first_byte_delay);
        self.speaking = Some(Speaking { flush, begins, sent: 0, late: None });
    }

    fn end_flush(&mut self) {
        let Some(Speaking { flush, late, .. }) = self.speaking.take() else { return };
        let act = match (late, flush.sequence) {
            (Some((_, sequence)), _) => Act::Json(wire::cleared(sequence)),
            (None, Some(sequence)) => Act::Flushed(wire::flushed(sequence)),
            (None, None) => return,
        };
        self.acts.push_back(act);
    }

    fn next_sequence(&mut self) -> u64 {
        let sequence = self.sequence;
        self.sequence += 1;
        sequence
    }
}

impl Speaking {
    /// When its next audio, or its end, may be sent.
    fn due(&self, plan: &TtsPlan, encoding: Encoding) -> Instant {
        if self.late.is_some() {
            return self.begins;
        }
        self.begins + plan.pace.offset(self.sent, encoding.bytes_per_second())
    }
}

/// A message the vendor does not know.
#[derive(Debug)]
pub(super) struct NotAMessage;
