//! turn_model
