//! What the tests of voice-gateway are made with: the simulation of random calls, vendors that do
//! what a test tells them, vendors behind real sockets, calls in paused time, and the load generator. Never
//! published.

pub mod ear;
pub mod fakes;
pub mod load;
pub mod simulation;
pub mod studio;
pub mod vendors;
