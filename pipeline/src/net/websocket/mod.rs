//! WebSockets, both sides: message assembly with a hard cap, split halves, and dialling.
//!
//! [`split`] turns a stream that has finished its handshake into a [`WsReader`] and a [`WsWriter`].
//! One task owns each. The reader's task calls [`WsReader::next`] until it ends, then
//! [`WsReader::drain`]. The writer's task waits for its own work and for [`WsWriter::reply`], hands
//! every reply to [`WsWriter::answer`], and ends with [`WsWriter::close`]. [`Dialer::dial`] opens the
//! client's side.
//!
//! What always holds:
//! - a message, however it is cut into frames, never takes more than [`WsLimits::max_message_bytes`];
//! - a broken rule of the protocol ends the socket with the close code that names it, and the peer
//!   gets to read that code: what it still sends is read away before the socket is dropped;
//! - pings are answered and closes returned by the writer, so nothing ever writes from two tasks;
//! - no write waits longer than [`WsLimits::write_timeout`] for a peer that does not read.
//!
//! A read that is dropped half way loses its place in the stream. [`WsReader::next`] may be dropped
//! only to end the socket (a deadline has passed); it refuses to go on afterwards.
//!
//! Not here: what messages mean (`vendors` and the carriers' codecs), reconnecting (their drivers).

mod assembler;
mod dial;
mod halves;

use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadHalf, WriteHalf};

pub use assembler::{Assembler, Incoming, RawFrame, Violation};
pub use dial::{DialError, Dialed, DialedStream, Dialer, REFUSAL_BODY_MAX_BYTES, TlsSetupError};
pub use fastwebsockets::OpCode;
pub use halves::{Reply, WsEnd, WsReader, WsWriteError, WsWriter};

/// A whole message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WsMessage {
    /// Valid UTF-8.
    Text(WsText),
    /// Any bytes.
    Binary(bytes::Bytes),
}

/// The text of a message. It shares the buffer it was read into, so receiving one costs no allocation.
#[derive(Clone, PartialEq, Eq)]
pub struct WsText(bytes::Bytes);

impl WsText {
    /// The text that these bytes are, if they are one.
    pub(super) fn checked(bytes: bytes::Bytes) -> Result<Self, std::str::Utf8Error> {
        std::str::from_utf8(&bytes)?;
        Ok(Self(bytes))
    }
}

impl std::ops::Deref for WsText {
    type Target = str;

    fn deref(&self) -> &str {
        std::str::from_utf8(&self.0).expect("the bytes were checked when they became a text")
    }
}

impl From<String> for WsText {
    fn from(text: String) -> Self {
        Self(text.into())
    }
}

impl From<&str> for WsText {
    fn from(text: &str) -> Self {
        Self(bytes::Bytes::copy_from_slice(text.as_bytes()))
    }
}

impl std::fmt::Debug for WsText {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        std::fmt::Debug::fmt(&**self, f)
    }
}

/// Which end of the connection we are: clients mask what they send, servers do not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// We dialled.
    Client,
    /// We were dialled.
    Server,
}

/// How much a peer may cost us.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WsLimits {
    /// The largest message, all its fragments together. Default 64 KiB, ample for a carrier's
    /// 20 ms messages; vendors that send seconds of audio in one message need megabytes.
    pub max_message_bytes: usize,
    /// How long one frame may take to be written before the peer counts as gone. Default 10 s.
    pub write_timeout: Duration,
    /// How long a closing socket waits for the peer to close as well. Default 1 s.
    pub close_timeout: Duration,
    /// How much a closing socket reads away while it waits. Default 1 MiB.
    pub close_drain_bytes: usize,
}

impl Default for WsLimits {
    fn default() -> Self {
        Self {
            max_message_bytes: 64 * 1024,
            write_timeout: Duration::from_secs(10),
            close_timeout: Duration::from_secs(1),
            close_drain_bytes: 1024 * 1024,
        }
    }
}

/// Close codes of RFC 6455, section 7.4.1, that we send.
pub mod close_code {
    /// The purpose of the connection is fulfilled.
    pub const NORMAL: u16 = 1000;
    /// The peer broke the protocol.
    pub const PROTOCOL: u16 = 1002;
    /// Text that is not UTF-8.
    pub const NOT_UTF8: u16 = 1007;
    /// The peer may not do what it did.
    pub const POLICY: u16 = 1008;
    /// A message over the cap.
    pub const TOO_LARGE: u16 = 1009;
    /// We cannot go on.
    pub const INTERNAL: u16 = 1011;
}

/// Cuts a stream, its handshake done, into two halves for two tasks.
pub fn split<S>(stream: S, role: Role, limits: &WsLimits) -> (WsReader<ReadHalf<S>>, WsWriter<WriteHalf<S>>)
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let (read, write) = tokio::io::split(stream);
    halves::pair(read, write, role, limits)
}

#[cfg(test)]
mod dial_tests;
#[cfg(test)]
mod tests;
