//! What passes between a carrier's socket and the pipeline, free of any carrier's words.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use bytes::Bytes;

use crate::audio::chunk::UlawChunk;
use crate::turn::TurnId;

/// Something the carrier tells us about a live call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Inbound {
    /// Caller audio: μ-law, 8 kHz, mono, any length.
    Audio(UlawChunk),
    /// The caller pressed a key: one of `0-9 * # A-D`.
    Digit(char),
    /// A mark came back: the audio before it was played, or was cleared away.
    Mark(String),
    /// The caller hung up or the connection is gone. Nothing follows.
    HungUp,
    /// The line was given up because what the carrier sent could not be understood. Nothing follows.
    Faulty,
}

/// Something we tell the carrier.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outbound {
    /// Agent audio to play after what is already queued: μ-law, 8 kHz, mono, whole 20 ms frames.
    Audio {
        /// The turn this audio belongs to; the writer drops audio of turns behind the fence.
        turn: TurnId,
        /// The samples, one byte each.
        ulaw: Bytes,
    },
    /// Asks for a sign when everything queued so far was played.
    Mark {
        /// The turn this mark belongs to.
        turn: TurnId,
        /// The name that comes back in [`Inbound::Mark`].
        name: String,
    },
    /// Drops everything that is queued at the carrier.
    Clear,
    /// Ends the call: the carrier moves on to whatever follows the stream.
    HangUp,
}

/// The oldest turn that may still be heard.
///
/// Every stage of the way out holds a clone and drops what belongs to an older turn; the writer,
/// last before the wire, makes sure that a cancelled reply is never heard, however late it arrives.
#[derive(Debug, Clone, Default)]
pub struct Fence(Arc<AtomicU32>);

impl Fence {
    /// Lets only `turn` and newer ones pass from now on. The fence never moves back.
    pub fn raise_to(&self, turn: TurnId) {
        self.0.fetch_max(turn.0, Ordering::AcqRel);
    }

    /// Whether audio of `turn` may still be heard.
    pub fn lets_pass(&self, turn: TurnId) -> bool {
        turn.0 >= self.0.load(Ordering::Acquire)
    }
}
