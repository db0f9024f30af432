//! What is left of a turn at the caller's end.

use std::time::{Duration, Instant};

use super::words::{self, Tag};

/// A turn as the caller noticed it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeardTurn {
    /// Its name.
    pub tag: Tag,
    /// Whether it interrupted the reply before it.
    pub interrupts: bool,
    /// When its first voiced frame was sent.
    pub onset: Option<Instant>,
    /// When its last voiced frame was sent.
    pub stopped: Option<Instant>,
    /// When the gateway cleared the line because of it.
    pub cleared: Option<Instant>,
    /// When the first audio of its reply arrived.
    pub arrived: Option<Instant>,
    /// Whether other audio still waited to be played then.
    pub arrived_behind: bool,
    /// When the first frame of its reply was played.
    pub played: Option<Instant>,
    /// The words its reply should have.
    pub expected: Vec<String>,
    /// The words of its reply, in the order they were heard.
    pub heard: Vec<String>,
    /// Whether the next turn interrupted its reply.
    pub cut_short: bool,
    /// How late audio was that came too late to go on seamlessly.
    pub holes: Vec<Duration>,
    /// Ticks in the middle of a piece that had nothing to play.
    pub late_frames: u32,
    /// How often the line was cleared although nobody spoke over the reply.
    pub unasked_clears: u32,
}

impl HeardTurn {
    pub(super) fn new(tag: Tag, interrupts: bool) -> Self {
        Self {
            tag,
            interrupts,
            onset: None,
            stopped: None,
            cleared: None,
            arrived: None,
            arrived_behind: false,
            played: None,
            expected: words::words(&words::reply(tag)),
            heard: Vec::new(),
            cut_short: false,
            holes: Vec::new(),
            late_frames: 0,
            unasked_clears: 0,
        }
    }
}
