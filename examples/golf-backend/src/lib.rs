//! Golf backend.
