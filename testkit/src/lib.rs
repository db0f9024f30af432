//! What the tests of voice-gateway are made with: the simulation of random calls, vendors that do
//! what a test tells them, vendors behind real sockets, and calls in paused time. Never published.

pub mod fakes;
pub mod simulation;
pub mod studio;
pub mod vendors;
