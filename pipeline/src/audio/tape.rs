//! What goes to the carrier, in order, and what went there but may have to go again.
//!
//! [`Tape`] is loaded with audio, marks and ends of replies ([`Tape::load`]) and gives them out one by one
//! ([`Tape::next`]), each with the playout position at which it begins. When a reply is silenced,
//! [`Tape::rewind`] puts back what the caller has not heard, from the last pause between words on, so that it can
//! go on as people do: not in the middle of a word.
//!
//! What always holds:
//! - nothing is lost or reordered: what is given out after a rewind is what was given out before it, from the
//!   place it went back to, and then what had not been given out yet;
//! - memory is bounded by what the carrier holds and [`REACH`], once [`Tape::heard`] is told how far it is.
//!
//! Not here: when audio is due (`stages::pace`), how much was heard ([`super::playout`]).

use std::collections::VecDeque;
use std::time::Duration;

use bytes::Bytes;

use super::frames::FRAME_SAMPLES;
use super::ulaw;
use crate::turn::TurnId;

/// How far back of what was heard a rewind may go to find a pause: about two words.
pub const REACH: Duration = Duration::from_millis(800);

const FRAME: Duration = Duration::from_millis(20);

/// One thing for the carrier.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Item {
    /// Whole 20 ms frames of μ-law.
    Audio {
        /// The turn.
        turn: TurnId,
        /// The piece.
        piece: u32,
        /// The samples.
        ulaw: Bytes,
    },
    /// A mark behind a piece.
    Mark {
        /// The turn.
        turn: TurnId,
        /// The piece.
        piece: u32,
    },
    /// The end of a reply.
    End(TurnId),
}

impl Item {
    fn lasts(&self) -> Duration {
        match self {
            Self::Audio { ulaw, .. } => Duration::from_micros(ulaw.len() as u64 * 125),
            Self::Mark { .. } | Self::End(_) => Duration::ZERO,
        }
    }
}

/// The way out of one call. See the module.
#[derive(Debug, Default)]
pub struct Tape {
    /// What was given out, and the playout position at which it begins.
    sent: VecDeque<(Duration, Item)>,
    waiting: VecDeque<Item>,
}

impl Tape {
    /// Puts something behind everything else.
    pub fn load(&mut self, item: Item) {
        self.waiting.push_back(item);
    }

    /// Whether everything was given out.
    pub fn is_done(&self) -> bool {
        self.waiting.is_empty()
    }

    /// Gives out the next thing. It begins at the playout position `at`, the end of all audio before it.
    pub fn next(&mut self, at: Duration) -> Option<Item> {
        let item = self.waiting.pop_front()?;
        self.sent.push_back((at, item.clone()));
        Some(item)
    }

    /// The caller has heard everything before `position`: what lies further back than [`REACH`] is forgotten.
    ///
    /// The end of a reply is kept until another one begins, so that it can be told again.
    pub fn heard(&mut self, position: Duration) {
        let reach = position.saturating_sub(REACH);
        while let Some((at, item)) = self.sent.front()
            && *at + item.lasts() <= reach
            && !(self.sent.len() == 1 && matches!(item, Item::End(_)))
        {
            self.sent.pop_front();
        }
    }

    /// Forgets everything.
    pub fn clear(&mut self) {
        self.sent.clear();
        self.waiting.clear();
    }

    /// Puts back what was given out of the newest reply and lies behind `heard`, from the pause before it on.
    /// Returns the playout position at which audio goes on; later audio has to be given out from there.
    pub fn rewind(&mut self, heard: Duration) -> Duration {
        let resume = self.pause_before(heard);
        while let Some((at, item)) = self.sent.pop_back() {
            let end = at + item.lasts();
            if end < resume || (end == resume && matches!(item, Item::Audio { .. })) {
                self.sent.push_back((at, item));
                break;
            }
            match item {
                Item::Audio { turn, piece, ulaw } if at < resume => {
                    let heard_bytes = (frames_in(resume - at) * FRAME_SAMPLES).min(ulaw.len());
                    self.waiting.push_front(Item::Audio { turn, piece, ulaw: ulaw.slice(heard_bytes..) });
                    self.sent.push_back((at, Item::Audio { turn, piece, ulaw: ulaw.slice(..heard_bytes) }));
                    break;
                }
                item => self.waiting.push_front(item),
            }
        }
        resume
    }

    /// The quietest place of the last [`REACH`] before `heard`, on a frame's edge; `heard`, also on an edge, when
    /// nothing of this reply lies there.
    fn pause_before(&self, heard: Duration) -> Duration {
        let turn = self.sent.iter().rev().find_map(|(_, item)| match item {
            Item::Audio { turn, .. } => Some(*turn),
            Item::Mark { .. } | Item::End(_) => None,
        });
        let mut quietest = None;
        for (at, item) in &self.sent {
            let Item::Audio { turn: of, ulaw, .. } = item else { continue };
            if Some(*of) != turn {
                continue;
            }
            for (index, frame) in ulaw.chunks(FRAME_SAMPLES).enumerate() {
                let begins = *at + FRAME * u32::try_from(index).unwrap_or(u32::MAX);
                if begins + FRAME > heard || begins + REACH < heard {
                    continue;
                }
                let loudness = loudness(frame);
                // Of equally quiet places the last: the least is said again.
                if quietest.is_none_or(|(least, _)| loudness <= least) {
                    quietest = Some((loudness, begins));
                }
            }
        }
        let edge = || self.frame_edge(heard);
        quietest.map_or_else(edge, |(_, begins)| begins)
    }

    /// The edge of a frame at or before `heard`, or the end of what was given out.
    fn frame_edge(&self, heard: Duration) -> Duration {
        let within = self.sent.iter().rev().find(|(at, item)| *at <= heard && !item.lasts().is_zero());
        within.map_or(heard, |(at, item)| *at + (FRAME * frames_in_u32(heard - *at)).min(item.lasts()))
    }
}

fn frames_in(span: Duration) -> usize {
    usize::try_from(span.as_micros() / FRAME.as_micros()).unwrap_or(usize::MAX)
}

fn frames_in_u32(span: Duration) -> u32 {
    u32::try_from(span.as_micros() / FRAME.as_micros()).unwrap_or(u32::MAX)
}

fn loudness(frame: &[u8]) -> u32 {
    frame.iter().map(|&byte| u32::from(ulaw::decode(byte).unsigned_abs())).sum()
}

#[cfg(test)]
#[path = "tape_tests.rs"]
mod tests;
