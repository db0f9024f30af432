//! The `voice-gateway` command.

fn main() {}
