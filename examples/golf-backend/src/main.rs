//! The golf backend as a program.

fn main() {}
