//! Vendors behind real sockets on 127.0.0.1, and the sound they speak with each other.
//!
//! [`speech`] is audio whose words can be read back from its bytes, so a fake recogniser hears what a
//! test speaks and a test hears what a fake voice says. [`fault`] breaks a connection at any byte.
//! The vendors themselves follow their documented protocols as closely as a test can use, tell an
//! observer what they saw, and are cheap enough to serve hundreds of calls from one process.
//!
//! Not here: vendors without sockets (`vendors`), callers and carriers.

pub mod chat;
pub mod deepgram;
pub mod fault;
pub mod speech;

use std::sync::Arc;

use voice_pipeline::net::websocket::Dialer;

/// A dialer that trusts nobody: everything here is on loopback and in the clear.
pub fn dialer() -> Dialer {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let tls = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("ring knows the protocol versions that rustls finds safe")
        .with_root_certificates(rustls::RootCertStore::empty())
        .with_no_client_auth();
    Dialer::with_tls(tls)
}

#[cfg(test)]
mod fault_tests;
