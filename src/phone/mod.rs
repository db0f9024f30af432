//! The phone: a Twilio from outside, for any gateway.
//!
//! [`Phone::dial`] makes a call the way Twilio does: a signed webhook, TwiML, a media stream with
//! one message every 20 ms, a playout buffer that gives marks back when they were heard, callbacks
//! at the end. The [`LiveCall`] it returns speaks, presses keys, hangs up and hears; `cli` builds
//! the `call` subcommand on it, and the tests their whole calls.
//!
//! What always holds:
//! - nothing here shares code with the gateway's reading and writing of the carrier's messages, so a
//!   misunderstanding shows up instead of cancelling out;
//! - decisions are pure ([`playout`], [`carrier`], [`twiml`], [`mod@line`], [`latency`]); `call` and
//!   `stream` only move bytes;
//! - what is measured is what the caller's ear could measure: nothing of the gateway's inside.
//!
//! Start reading at [`mod@line`], the carrier's end of a call without its sockets.

use std::time::Duration;

mod call;
pub mod caller;
pub mod carrier;
pub mod cli;
mod events;
pub mod latency;
pub mod line;
mod live;
pub mod playout;
pub mod recording;
mod report;
pub mod script;
mod settings;
pub mod signature;
pub mod speech_activity;
mod stream;
mod summary;
mod transcript;
pub mod twiml;
pub mod wav;
mod webhook;

pub use call::Phone;
pub use events::{EndedBy, PhoneError, PhoneEvent};
pub use live::{CallRecord, LiveCall, Waited};
pub use settings::{Faults, PhoneSettings};

/// One frame: what a carrier sends and plays in one go.
pub const FRAME: Duration = Duration::from_millis(20);

/// Bytes of μ-law in one [`FRAME`].
pub const FRAME_BYTES: usize = 160;

/// How long this many samples of the line last.
pub fn duration_of(samples: usize) -> Duration {
    Duration::from_micros(samples as u64 * 125)
}
