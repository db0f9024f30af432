//! Replays scripted conversations with vendors through their codecs, and then hands the codecs the same
//! messages cut, mixed and bent.
//!
//! `session` reads the scripts, `stt` and `tts` play them; a vendor's own file says only how its settings follow
//! from a script and what its frames ask for.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

mod deepgram;
mod garbage;
mod session;
mod stt;
mod tts;
