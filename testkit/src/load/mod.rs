//! The load generator: how fast is the gateway itself, with many calls at once?
//!
//! Callers and vendors live in one process and share its clock, so a turn can be followed from the
//! recogniser's last word to the first byte at the caller's ear. What is said is in [`words`]; one
//! caller is a [`caller`] with a [`playout`] buffer; what the vendors saw is in [`vendor_log`], and
//! both sides meet in [`tally`].

use std::time::Duration;

pub mod caller;
pub mod figures;
pub mod heard_turn;
pub mod playout;
pub mod tally;
pub mod vendor_log;
pub mod voice;
pub mod words;

/// One frame: what a carrier sends and plays in one go.
pub const FRAME: Duration = Duration::from_millis(20);

/// Bytes of μ-law in one [`FRAME`].
pub const FRAME_BYTES: usize = 160;
