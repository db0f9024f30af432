//! voice-gateway answers the phone: callers of a Twilio number talk to an AI agent that hears
//! them, thinks, uses tools over HTTP and talks back.
//!
//! Start reading at [`call`]: one call, from the carrier's socket to the pipeline and back.

pub mod agent;
pub mod backend;
pub mod call;
pub mod config;
pub mod http;
pub mod observability;
pub mod phone;
pub mod recording;
pub mod telephony;
