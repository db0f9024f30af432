//! Telephony.

pub mod admission;
pub mod twilio;
