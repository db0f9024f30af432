//! What the tests of voice-gateway are made with: the simulation of random calls, vendors that do
//! what a test tells them, calls in paused time, and fake vendors over real sockets. Never published.

pub mod fakes;
pub mod simulation;
pub mod studio;
pub mod vendors;
