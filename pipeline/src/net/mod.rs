<<<<<<< HEAD
//! Connections to the outside: the only code of this crate that opens one.

pub mod websocket;
=======
//! net

pub mod http;
pub mod sse;
>>>>>>> e7d4f3766fdea896639683be2e0b7c1aec386ce1
