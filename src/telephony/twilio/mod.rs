//! Twilio's words: what it signs, what it is answered, what it says on the media socket.
//!
//! Everything here is a codec or a calculation: no socket, no clock, no task.

pub mod codec;
pub mod signature;
pub mod token;
pub mod twiml;
