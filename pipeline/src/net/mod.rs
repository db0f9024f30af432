//! Connections to the outside: the only code of this crate that opens one.

pub mod http;
pub mod sse;
pub mod websocket;
