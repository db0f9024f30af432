//! Connections to the outside: the only code of this crate that opens one.

pub mod http;
mod line;
pub mod sse;
pub mod stt;
pub mod tts;
pub mod websocket;
