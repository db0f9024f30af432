//! The load generator: how fast is the gateway itself, with many calls at once?
//!
//! [`row::run`] measures one number of calls: it serves the fake vendors, starts the gateway as a
//! process of its own and lets the callers talk. A [`Report`] puts the rows together. Callers and
//! vendors live in this process and share its clock, so a turn can be followed from the recogniser's
//! last word to the first byte at the caller's ear. The delays of the vendors are settings and no
//! part of the gateway's own share.
//!
//! How it is built:
//! - pure: what is said ([`words`]), one caller ([`caller`]) with its playout buffer ([`playout`]),
//!   both sides of a turn ([`heard_turn`], [`vendor_log`]), figures ([`tally`], [`figures`],
//!   [`steady`]), the [`report`] and its bounds ([`check`]);
//! - thin drivers: one call ([`mod@line`]), the gateway's process ([`server`]), one row ([`row`]).
//!
//! What always holds: every wait has an end, every task belongs to a row, and a process that was
//! started here is gone when its row is.
//!
//! Not here: judging whether a call is right (`tests/whole_calls`), the carrier's finer rules (the
//! phone of the `call` command).

use std::time::Duration;

pub mod caller;
pub mod check;
pub mod figures;
pub mod heard_turn;
pub mod line;
pub mod pinning;
pub mod playout;
pub mod process;
pub mod report;
pub mod row;
pub mod server;
mod settings;
pub mod steady;
pub mod tally;
pub mod twiml;
pub mod vendor_log;
pub mod voice;
pub mod wire;
pub mod words;

pub use report::Report;
pub use settings::{LoadSettings, VendorDelays};

/// One frame: what a carrier sends and plays in one go.
pub const FRAME: Duration = Duration::from_millis(20);

/// Bytes of μ-law in one [`FRAME`].
pub const FRAME_BYTES: usize = 160;
