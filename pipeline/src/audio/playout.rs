//! The account of what the carrier holds and what the caller has heard.
//!
//! The carrier plays what it was sent in order and at real time, and tells nothing but which marks
//! it reached. [`Playout`] is told what was sent ([`Playout::queued`],
//! [`Playout::mark`], [`Playout::cleared`], [`Playout::rewound`]) and which marks came back
//! ([`Playout::mark_returned`]), each with the time, and answers how much is still to be played and
//! how much of each piece was heard. At a barge-in ask [`Playout::heard`] first, then clear.
//!
//! What always holds:
//! - what was heard only grows until the queue is cleared or rewound, and is never more than was queued;
//! - nothing behind a mark counts as heard before that mark came back, so a slow network makes the
//!   agent repeat a word rather than believe that a lost one was heard;
//! - a mark of a queue that was cleared proves nothing: carriers send those back unplayed;
//! - memory stays bounded however long the call lasts and whatever the carrier never answers.
//!
//! Not here: pacing (`stages`), words (`chat::history` turns played time into heard words).

use std::collections::VecDeque;
use std::time::Duration;

use crate::time::CallTime;
use crate::turn::TurnId;

/// Played pieces, and marks without an answer, that are remembered at most.
const REMEMBERED: usize = 256;

/// How the carrier's playout is estimated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PlayoutSettings {
    /// `PLAYOUT_LATENCY`: from handing audio to an idle carrier to the caller hearing it, assumed
    /// until a mark tells better.
    ///
    /// Higher counts fewer words of an interrupted reply as heard, lower more. Default `100ms`,
    /// from `0s` to `1s`.
    pub playout_latency: Duration,
}

impl Default for PlayoutSettings {
    fn default() -> Self {
        Self { playout_latency: Duration::from_millis(100) }
    }
}

/// A piece of a reply.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct PieceId {
    /// The reply.
    pub turn: TurnId,
    /// Its number within the reply, from 0.
    pub piece: u32,
}

/// How much of a piece the caller heard.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HeardPiece {
    /// Its number within the reply.
    pub piece: u32,
    /// What was played of it.
    pub played: Duration,
    /// What was queued of it so far; the rest of the piece may not have been sent yet.
    pub of: Duration,
}

/// The account of one call's outbound audio.
///
/// Positions are durations of audio since the queue was last cleared.
#[derive(Debug)]
pub struct Playout {
    settings: PlayoutSettings,
    generation: u32,
    marks_made: u32,
    segments: VecDeque<Segment>,
    marks: VecDeque<Mark>,
    /// Position of the end of everything that was queued.
    end: Duration,
    /// Position that a returned mark has proven.
    proven: Duration,
    clock: PlayClock,
}

#[derive(Debug)]
struct Segment {
    id: PieceId,
    start: Duration,
    end: Duration,
}

#[derive(Debug)]
struct Mark {
    name: String,
    id: PieceId,
    position: Duration,
}

/// The carrier is at `position` until `from`, then plays on at real time.
#[derive(Debug)]
struct PlayClock {
    from: CallTime,
    position: Duration,
}

impl PlayClock {
    fn position_at(&self, now: CallTime) -> Duration {
        self.position + (now - self.from)
    }
}

impl Playout {
    /// The account of a call that has sent nothing yet.
    pub fn new(settings: PlayoutSettings) -> Self {
        Self {
            settings,
            generation: 0,
            marks_made: 0,
            segments: VecDeque::new(),
            marks: VecDeque::new(),
            end: Duration::ZERO,
            proven: Duration::ZERO,
            clock: PlayClock { from: CallTime::ZERO, position: Duration::ZERO },
        }
    }

    /// Audio was handed to the carrier. Consecutive calls for one piece add up.
    pub fn queued(&mut self, now: CallTime, turn: TurnId, piece: u32, duration: Duration) {
        if self.is_idle(now) {
            self.clock = PlayClock { from: now + self.settings.playout_latency, position: self.end };
        }
        let id = PieceId { turn, piece };
        let start = self.end;
        self.end += duration;
        match self.segments.back_mut() {
            Some(last) if last.id == id => last.end = self.end,
            _ => self.segments.push_back(Segment { id, start, end: self.end }),
        }
        let heard = self.heard_position(now);
        while self.segments.len() > REMEMBERED && self.segments[0].end <= heard {
            self.segments.pop_front();
        }
    }

    /// The name of a mark to send now, behind the audio queued so far.
    ///
    /// Unique in the call, short ASCII: generation, turn, piece, running number.
    pub fn mark(&mut self, turn: TurnId, piece: u32) -> String {
        let name = format!("g{}t{}p{piece}n{}", self.generation, turn.0, self.marks_made);
        self.marks_made = self.marks_made.wrapping_add(1);
        if self.marks.len() == REMEMBERED {
            self.marks.pop_front();
        }
        let id = PieceId { turn, piece };
        self.marks.push_back(Mark { name: name.clone(), id, position: self.end });
        name
    }

    /// A mark came back: everything before it was played.
    ///
    /// Nothing for names we never made, for marks that came back before, and for marks of a queue
    /// that was cleared.
    pub fn mark_returned(&mut self, now: CallTime, name: &str) -> Option<PieceId> {
        let index = self.marks.iter().position(|mark| mark.name == name)?;
        // Marks return in order; one that was skipped will not come any more.
        let Mark { id, position, .. } = self.marks.drain(..=index).next_back()?;
        self.proven = self.proven.max(position);
        // A mark from before the clock's start speaks of older audio. It may show that the carrier
        // is further behind than the clock, never that newer audio played before it arrived.
        let clock_at = now + self.clock.position.saturating_sub(position);
        if position > self.clock.position || clock_at > self.clock.from {
            self.clock = PlayClock { from: now, position };
        }
        Some(id)
    }

    /// The queue was cleared: everything not yet played is gone, and its marks prove nothing.
    pub fn cleared(&mut self, now: CallTime) {
        self.generation = self.generation.wrapping_add(1);
        self.segments.clear();
        self.marks.clear();
        self.end = Duration::ZERO;
        self.proven = Duration::ZERO;
        self.clock = PlayClock { from: now, position: Duration::ZERO };
    }

    /// The carrier was told to drop what it has not played, and audio goes on from `position`. What was heard of
    /// the audio before it stays known; marks made so far prove nothing any more.
    pub fn rewound(&mut self, now: CallTime, position: Duration) {
        self.generation = self.generation.wrapping_add(1);
        self.marks.clear();
        self.segments.retain(|segment| segment.start < position);
        if let Some(last) = self.segments.back_mut() {
            last.end = last.end.min(position);
        }
        self.end = position;
        self.proven = self.proven.min(position);
        self.clock = PlayClock { from: now, position };
    }

    /// Where audio that is queued next begins.
    pub fn end(&self) -> Duration {
        self.end
    }

    /// How much audio the carrier still has to play.
    pub fn buffered(&self, now: CallTime) -> Duration {
        self.end.saturating_sub(self.clock.position_at(now))
    }

    /// Whether the carrier has nothing left to play.
    pub fn is_idle(&self, now: CallTime) -> bool {
        self.buffered(now).is_zero()
    }

    /// What the caller heard of each piece of a reply, in the order they were queued.
    pub fn heard(&self, now: CallTime, turn: TurnId) -> Vec<HeardPiece> {
        let position = self.heard_position(now);
        let mut pieces: Vec<HeardPiece> = Vec::new();
        for segment in self.segments.iter().filter(|segment| segment.id.turn == turn) {
            let played = position.clamp(segment.start, segment.end) - segment.start;
            let of = segment.end - segment.start;
            match pieces.iter_mut().find(|known| known.piece == segment.id.piece) {
                Some(known) => {
                    known.played += played;
                    known.of += of;
                }
                None => pieces.push(HeardPiece { piece: segment.id.piece, played, of }),
            }
        }
        pieces
    }

    /// How far the caller has heard.
    pub fn heard_position(&self, now: CallTime) -> Duration {
        let limit = self.marks.front().map_or(self.end, |mark| mark.position);
        self.clock.position_at(now).max(self.proven).min(limit)
    }
}

#[cfg(test)]
#[path = "playout_tests.rs"]
mod tests;
