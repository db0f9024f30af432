//! Servers on loopback that stand in for vendors, over real sockets.

pub mod chat;
