//! A vendor behind a WebSocket, as its file describes it: where the socket is, how it is kept open,
//! and what passes through it. No I/O: `net` dials, times, and moves the bytes.

use std::fmt;
use std::time::Duration;

use bytes::Bytes;
use secrecy::SecretString;

/// A message to the vendor. Text and binary are not interchangeable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outgoing<'a> {
    /// A text message.
    Text(&'a str),
    /// A binary message.
    Binary(&'a [u8]),
}

/// A message from the vendor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Incoming<'a> {
    /// A text message.
    Text(&'a str),
    /// A binary message; a clone shares the bytes.
    Binary(Bytes),
}

/// Where a vendor's socket is and how it is kept.
#[derive(Clone)]
pub struct Endpoint {
    /// The vendor's name in the settings.
    pub vendor: &'static str,
    /// The setting to look at when the vendor refuses us.
    pub setting: &'static str,
    /// `ws://` or `wss://`, with the query. May hold a key.
    pub url: String,
    /// Sent with the handshake: a key, a sub-protocol.
    pub headers: Vec<(&'static str, SecretString)>,
    /// How long name look-up, TCP, TLS and upgrade may take together.
    pub connect_timeout: Duration,
    /// After so long without anything sent, a keep-alive is sent.
    pub keep_alive_after: Duration,
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let url = self.url.split('?').next().unwrap_or_default();
        f.debug_struct("Endpoint").field("vendor", &self.vendor).field("url", &url).finish_non_exhaustive()
    }
}
