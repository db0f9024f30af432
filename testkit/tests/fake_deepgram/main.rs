//! The fake Deepgram, driven over its sockets as the gateway drives the real one.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

mod client;
mod faults;
mod listen;
mod refusals;
mod speak;
mod speak_http;
