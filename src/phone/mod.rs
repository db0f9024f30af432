//! Room: phone.
