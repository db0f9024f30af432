//! Room: observability.
