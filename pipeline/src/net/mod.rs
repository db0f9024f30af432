//! Connections to the outside: the only code of this crate that opens one.

pub mod websocket;
