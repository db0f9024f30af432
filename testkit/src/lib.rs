//! What the tests of voice-gateway are made with: the simulation of random calls, vendors that do
//! what a test tells them, and calls in paused time. Never published.

pub mod simulation;
pub mod studio;
pub mod vendors;
