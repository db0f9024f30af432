//! The handlers, one file per purpose.

pub(super) mod health;
pub(super) mod media;
pub(super) mod status;
pub(super) mod voice;
