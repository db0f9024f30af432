//! What the tests of voice-gateway are made with: the simulation of random calls, fake vendors and
//! a fake caller. Never published.

pub mod simulation;
