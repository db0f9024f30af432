//! Vendors behind real sockets on 127.0.0.1, and the sound they speak with each other.
//!
//! [`speech`] is audio whose words can be read back from its bytes, so a fake recogniser hears what a
//! test speaks and a test hears what a fake voice says. [`fault`] breaks a connection at any byte.
//! The vendors themselves follow their documented protocols as closely as a test can use, tell an
//! observer what they saw, and are cheap enough to serve hundreds of calls from one process.
//!
//! Not here: vendors without sockets (`vendors`), callers and carriers.

pub mod chat;
pub mod deepgram;
pub mod fault;
pub mod speech;

#[cfg(test)]
mod fault_tests;
