//! Whole calls: the gateway as a process of its own, its local engines, and a caller on the phone.
//!
//! Every story drives the real program over loopback: [`gateway`] starts it, [`caller`] speaks with
//! the local voice (or plays human speech) and understands with a recogniser of its own, so that
//! what a story asserts is what was audible. Beside that it reads the event file, the metrics and
//! the backend's tee sheet.
//!
//! Stories run one after the other: two recognisers and a voice at once are all that two cores
//! carry in real time. Without weights, or without a clip of human speech, a story is skipped and
//! says so on stderr.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

#[path = "whole_calls/booking.rs"]
mod booking;
#[path = "whole_calls/caller.rs"]
mod caller;
#[path = "whole_calls/doors.rs"]
mod doors;
#[path = "whole_calls/ending.rs"]
mod ending;
#[path = "whole_calls/gateway.rs"]
mod gateway;
#[path = "whole_calls/human.rs"]
mod human;
#[path = "whole_calls/interrupting.rs"]
mod interrupting;
#[path = "whole_calls/recording.rs"]
mod recording;
#[path = "whole_calls/typed.rs"]
mod typed;
#[path = "whole_calls/words.rs"]
mod words;
