//! What the server tells about its clients.

use std::sync::Arc;

use serde_json::Value;
use tokio::time::Instant;

/// Is told what happens, at once and in the task it happens in: it must not block.
pub type Observer = Arc<dyn Fn(Seen) + Send + Sync>;

/// An observer that does not care.
pub fn unobserved() -> Observer {
    Arc::new(|_| {})
}

/// Something that happened. `conn` counts the connections and `request` the requests for an answer,
/// both from 1 and over the server's life.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Seen {
    /// A connection was accepted.
    Connected {
        /// The connection.
        conn: u64,
        /// When.
        at: Instant,
    },
    /// A connection was closed as soon as it was accepted, as planned.
    Refused {
        /// The connection.
        conn: u64,
        /// When.
        at: Instant,
    },
    /// A request for an answer was read to its end; nothing is checked yet.
    Request {
        /// The connection.
        conn: u64,
        /// When.
        at: Instant,
        /// The request.
        request: u64,
        /// What it asks; null when it is not JSON.
        body: Arc<Value>,
    },
    /// The request is answered with an error status.
    Rejected {
        /// The connection.
        conn: u64,
        /// When.
        at: Instant,
        /// The request.
        request: u64,
        /// The status.
        status: u16,
    },
    /// The first word or the first of a tool call is about to be written.
    FirstToken {
        /// The connection.
        conn: u64,
        /// When.
        at: Instant,
        /// The request.
        request: u64,
    },
    /// The whole answer was written.
    Finished {
        /// The connection.
        conn: u64,
        /// When.
        at: Instant,
        /// The request.
        request: u64,
    },
    /// The server broke the answer or the connection off, as planned.
    BrokenOff {
        /// The connection.
        conn: u64,
        /// When.
        at: Instant,
        /// The request.
        request: u64,
    },
    /// The client gave the answer up before its end.
    ClientLeft {
        /// The connection.
        conn: u64,
        /// When.
        at: Instant,
        /// The request.
        request: u64,
    },
}
