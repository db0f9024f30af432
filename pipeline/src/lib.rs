//! The pipeline of voice-gateway: everything between a caller's audio and the agent's answer.
//!
//! Audio flows one way: caller → decode → VAD → STT → turn-taking → LLM → TTS → encode → caller.
//! Decisions live in pure state machines ([`turn`], [`vad`], [`chat`], [`audio::playout`]) that are
//! told what happened and what time it is. The tasks in [`stages`] move bytes between bounded
//! channels, and one loop, the [`session`], owns the turn-taking core of a call.
//!
//! This crate knows no carrier, no HTTP server and no environment variable.

pub mod audio;
pub mod chat;
pub mod event;
pub mod line;
pub mod net;
pub mod pii;
pub mod session;
pub mod stages;
pub mod time;
pub mod tools;
pub mod turn;
pub mod vad;
pub mod vendors;
