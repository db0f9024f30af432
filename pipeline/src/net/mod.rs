//! net

pub mod http;
pub mod sse;
