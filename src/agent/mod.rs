//! Room: agent.
