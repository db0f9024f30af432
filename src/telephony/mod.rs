//! Room: telephony.
