//! What an utterance needs so that no recogniser's death loses a word of it.
//!
//! [`Ear`] keeps the caller's audio that no recogniser has settled yet, up to 30 s, and hands it out
//! in order with what happened between ([`Ear::poll_send`]). It is told what the line to the
//! recogniser says ([`Ear::event`]) and when a line is opened anew ([`Ear::line_opened`]): then
//! everything unsettled goes out again, and the words that the lost line had settled are put
//! before the words of the new one.
//!
//! What always holds:
//! - a frame is handed out once per line, in order; none is left out unless it is older than 30 s;
//! - of an utterance, settled words come from exactly one line each, so none is doubled or lost;
//! - once an utterance is committed, neither its audio nor its words are seen again;
//! - while nobody speaks, one second of audio is kept at most.
//!
//! Not here: which recogniser is asked, and when (`recovery`).

use std::collections::VecDeque;

use crate::audio::frames::{FRAME_SAMPLES, Frame};
use crate::turn::PauseId;
use crate::vendors::stt::SttEvent;

/// The most audio that is kept: 30 s at 8 bytes a millisecond.
const LONGEST_BYTES: u64 = 30_000 * 8;

/// Audio from before speech was noticed.
const PRE_ROLL_BYTES: u64 = 1_000 * 8;

/// Something that happened between two frames.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mark {
    SpeechStarted,
    Paused(PauseId),
    Committed,
}

/// What the line is to be sent next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Send {
    Frame(Frame<u8>),
    Mark(Mark),
}

/// The unsettled part of the caller's audio.
///
/// Positions count bytes, and thereby samples, of caller audio since the call began.
#[derive(Debug, Default)]
pub(super) struct Ear {
    audio: VecDeque<u8>,
    /// Position of the first byte of `audio`.
    start: u64,
    /// Position up to which the line has been sent audio.
    sent: u64,
    /// In order; of the pauses only the newest is of use.
    marks: VecDeque<(u64, Mark)>,
    /// How many of `marks` the line has been sent.
    marks_sent: usize,
    /// Position of the line's first byte, as if it had been sent everything since.
    line_start: u64,
    /// Words that lines before this one had settled.
    carried: String,
    /// Words that this line has settled.
    settled: String,
    /// Whether somebody speaks, as far as the VAD or the recogniser can tell.
    in_utterance: bool,
}

impl Ear {
    /// The caller's next 20 ms.
    pub(super) fn hear(&mut self, frame: &Frame<u8>) {
        self.audio.extend(frame);
        let keep = if self.in_utterance { LONGEST_BYTES } else { PRE_ROLL_BYTES };
        // What a line is behind with is not old, only unsent.
        let oldest = if self.in_utterance { self.end() } else { self.sent };
        self.forget_before(self.end().saturating_sub(keep).min(oldest));
        self.forget_before(self.end().saturating_sub(LONGEST_BYTES));
    }

    /// Something happened now.
    pub(super) fn mark(&mut self, mark: Mark) {
        let now = self.end();
        match mark {
            Mark::SpeechStarted => self.in_utterance = true,
            Mark::Paused(_) => self.drop_pauses(),
            Mark::Committed => {
                self.in_utterance = false;
                self.carried.clear();
                self.settled.clear();
                self.marks.clear();
                self.marks_sent = 0;
                self.forget_before(now);
                self.audio.shrink_to(PRE_ROLL_BYTES as usize);
            }
        }
        self.marks.push_back((now, mark));
    }

    /// The next thing the line is to be sent.
    pub(super) fn poll_send(&mut self) -> Option<Send> {
        if let Some(&(at, mark)) = self.marks.get(self.marks_sent)
            && at <= self.sent
        {
            self.marks_sent += 1;
            return Some(Send::Mark(mark));
        }
        let from = usize::try_from(self.sent - self.start).ok()?;
        if self.audio.len() < from + FRAME_SAMPLES {
            return None;
        }
        let mut frame = [0; FRAME_SAMPLES];
        for (to, byte) in frame.iter_mut().zip(self.audio.range(from..)) {
            *to = *byte;
        }
        self.sent += FRAME_SAMPLES as u64;
        Some(Send::Frame(frame))
    }

    /// What the line says, with the words of the lines before it.
    pub(super) fn event(&mut self, event: SttEvent) -> Option<SttEvent> {
        match event {
            SttEvent::Interim(text) => {
                self.in_utterance |= !text.is_empty();
                Some(SttEvent::Interim(self.whole(&text)))
            }
            SttEvent::Settled { text, audio } => {
                self.in_utterance |= !text.is_empty();
                self.settled = text;
                let settled = u64::try_from(audio.as_micros() / 125).unwrap_or(u64::MAX);
                let position = self.line_start.saturating_add(settled).min(self.sent);
                self.forget_before(position - position % FRAME_SAMPLES as u64);
                None
            }
            SttEvent::Final { pause, text } => Some(SttEvent::Final { pause, text: self.whole(&text) }),
            other @ (SttEvent::Connected { .. } | SttEvent::Overloaded) => Some(other),
        }
    }

    /// A new line is there: it is sent everything unsettled.
    pub(super) fn line_opened(&mut self) {
        let settled = std::mem::take(&mut self.settled);
        self.carried = self.whole(&settled);
        self.sent = self.start;
        self.line_start = self.start;
        self.marks_sent = 0;
    }

    fn end(&self) -> u64 {
        self.start + self.audio.len() as u64
    }

    fn whole(&self, text: &str) -> String {
        match (self.carried.is_empty(), text.is_empty()) {
            (true, _) => text.to_owned(),
            (false, true) => self.carried.clone(),
            (false, false) => format!("{} {text}", self.carried),
        }
    }

    fn forget_before(&mut self, position: u64) {
        let position = position.clamp(self.start, self.end());
        let bytes = usize::try_from(position - self.start).unwrap_or(self.audio.len());
        self.audio.drain(..bytes);
        self.start = position;
        // The line counts what it gets; what it is never sent moves its origin.
        let skipped = position.saturating_sub(self.sent);
        self.line_start += skipped;
        self.sent += skipped;
    }

    /// Leaves out older pauses, and of the beginnings of speech that then stand side by side all but the
    /// first, once the line knows of them.
    fn drop_pauses(&mut self) {
        let sent = self.marks_sent;
        let (mut index, mut dropped, mut begun) = (0, 0, false);
        self.marks.retain(|(_, mark)| {
            let is_sent = index < sent;
            let drop = matches!(mark, Mark::Paused(_)) || (begun && is_sent && *mark == Mark::SpeechStarted);
            begun |= *mark == Mark::SpeechStarted;
            dropped += usize::from(drop && is_sent);
            index += 1;
            !drop
        });
        self.marks_sent -= dropped;
    }
}

#[cfg(test)]
#[path = "ear_tests.rs"]
mod tests;
