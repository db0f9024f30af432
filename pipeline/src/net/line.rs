//! What the lines to all vendors behind a WebSocket share: dialling, reading, noticing that the other
//! side is gone, and leaving.
//!
//! A line is one task with two halves that never drop each other half way: [`read`] hands every message
//! into a channel, and the talk of the vendor's kind (`net::stt`, `net::tts`) selects on that channel
//! and its own work. [`together`] runs them side by side.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use hyper::header::{HeaderName, HeaderValue};
use secrecy::ExposeSecret;
use tokio::io::{ReadHalf, WriteHalf};
use tokio::sync::mpsc;
use tokio::time::Instant;

use super::websocket::{Dialed, DialedStream, Dialer, WsEnd, WsLimits, WsMessage, WsReader, WsWriteError, WsWriter};
use crate::vendors::VendorError;
use crate::vendors::socket::{Endpoint, Incoming, Outgoing};

pub(super) type Reader = WsReader<ReadHalf<DialedStream>>;
pub(super) type Writer = WsWriter<WriteHalf<DialedStream>>;

/// Messages between the two halves of a line. When it is full nothing is read from the socket.
pub(super) const MESSAGES: usize = 16;

/// How often a line looks after its keep-alive and at the other side's signs of life.
pub(super) const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Without a sign of life for so long the other side is pinged.
const PING_AFTER: Duration = Duration::from_secs(5);

/// Without a sign of life for so long the other side is gone.
const GONE_AFTER: Duration = Duration::from_secs(12);

/// Vendors send up to seconds of audio in a message.
fn limits() -> WsLimits {
    WsLimits {
        max_message_bytes: 4 * 1024 * 1024,
        write_timeout: Duration::from_secs(3),
        close_timeout: Duration::from_millis(400),
        ..WsLimits::default()
    }
}

/// An open socket to a vendor and how long it took to open.
pub(super) struct Connected {
    pub(super) reader: Reader,
    pub(super) writer: Writer,
    pub(super) took: Duration,
}

pub(super) async fn connect(dialer: &Dialer, endpoint: &Endpoint) -> Result<Connected, VendorError> {
    let Endpoint { vendor, setting, .. } = *endpoint;
    let unusable = || VendorError::Failed { vendor, kind: format!("no http header can hold what {setting} says") };
    let headers = endpoint.headers.iter().map(|(name, value)| {
        let mut value = HeaderValue::try_from(value.expose_secret()).map_err(|_| unusable())?;
        value.set_sensitive(true);
        Ok((HeaderName::try_from(*name).map_err(|_| unusable())?, value))
    });
    let headers = headers.collect::<Result<Vec<_>, VendorError>>()?;
    let began = Instant::now();
    let dialed = dialer.dial(&endpoint.url, &headers, endpoint.connect_timeout, &limits()).await;
    let Dialed { reader, writer, .. } = dialed.map_err(|error| {
        tracing::debug!(vendor, %error, "cannot dial");
        error.into_vendor_error(vendor, setting)
    })?;
    Ok(Connected { reader, writer, took: began.elapsed() })
}

/// What the reading half has for the other one.
#[derive(Debug)]
pub(super) enum Arrived {
    Message(WsMessage),
    End(WsEnd),
}

/// Hands every message over until the socket ends, then reads away the rest.
pub(super) async fn read(mut reader: Reader, arrived: mpsc::Sender<Arrived>) {
    loop {
        let message = match reader.next().await {
            Ok(message) => Arrived::Message(message),
            Err(end) => {
                // A line that is over does not ask why the socket is.
                let _ = arrived.send(Arrived::End(end)).await;
                break;
            }
        };
        if arrived.send(message).await.is_err() {
            break;
        }
    }
    drop(arrived);
    reader.drain().await;
}

/// Runs the two halves side by side. A talk that failed does not wait for the reader; one that took its
/// leave does, for as long as the socket's limits allow.
pub(super) async fn together<T, E>(
    reading: impl Future<Output = ()>,
    talking: impl Future<Output = Result<T, E>>,
) -> Result<T, E> {
    let mut reading = std::pin::pin!(reading);
    let mut talking = std::pin::pin!(talking);
    tokio::select! {
        biased;
        outcome = &mut talking => {
            if outcome.is_ok() {
                reading.await;
            }
            outcome
        }
        () = &mut reading => talking.await,
    }
}

/// A message as the codec sees it.
pub(super) fn incoming(message: &WsMessage) -> Incoming<'_> {
    match message {
        WsMessage::Text(text) => Incoming::Text(text),
        WsMessage::Binary(data) => Incoming::Binary(data.clone()),
    }
}

/// Sends a codec's message.
pub(super) async fn send(writer: &mut Writer, vendor: &'static str, message: Outgoing<'_>) -> Result<(), VendorError> {
    let sent = match message {
        Outgoing::Text(text) => writer.send_text(text).await,
        Outgoing::Binary(data) => writer.send_binary(data).await,
    };
    sent.map_err(|error| write_error(vendor, error))
}

pub(super) fn write_error(vendor: &'static str, error: WsWriteError) -> VendorError {
    match error {
        WsWriteError::Stalled(limit) => VendorError::TimedOut { vendor, awaited: "room for our audio", limit },
        WsWriteError::Lost(cause) => VendorError::Disconnected { vendor, cause },
        WsWriteError::Closed => VendorError::Failed { vendor, kind: "the socket is closed".to_owned() },
    }
}

/// What the end of a socket means; `closed` says what a close code does.
pub(super) fn end_error(
    vendor: &'static str,
    end: WsEnd,
    closed: impl FnOnce(Option<u16>) -> VendorError,
) -> VendorError {
    match end {
        WsEnd::PeerClosed { code } => closed(code),
        WsEnd::Lost(cause) => VendorError::Disconnected { vendor, cause },
        WsEnd::Violated(violation) => VendorError::Failed { vendor, kind: violation.to_string() },
        WsEnd::WeClosed | WsEnd::Interrupted => VendorError::Failed { vendor, kind: "the socket ended".to_owned() },
    }
}

/// Answers what the reader owes the other side before the line gives up its socket.
pub(super) async fn answer_end(writer: &mut Writer, end: &WsEnd) {
    if matches!(end, WsEnd::PeerClosed { .. } | WsEnd::Violated(_))
        && let Some(reply) = writer.reply().await
    {
        // It is over either way.
        let _ = writer.answer(reply).await;
    }
}

/// Signs of life of both sides.
pub(super) struct Pulse {
    vendor: &'static str,
    keep_alive_after: Duration,
    sent: Instant,
    frames: Arc<AtomicU64>,
    seen: u64,
    heard: Instant,
    pinged: bool,
}

/// What a look at the pulse asks for.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Need {
    KeepAlive,
    Ping,
}

impl Pulse {
    pub(super) fn new(endpoint: &Endpoint, frames: Arc<AtomicU64>, now: Instant) -> Self {
        let Endpoint { vendor, keep_alive_after, .. } = *endpoint;
        Self { vendor, keep_alive_after, sent: now, frames, seen: 0, heard: now, pinged: false }
    }

    /// How often the other side has shown that it lives.
    pub(super) fn signs(&self) -> u64 {
        self.frames.load(Ordering::Relaxed)
    }

    /// We sent something.
    pub(super) fn sent(&mut self, now: Instant) {
        self.sent = now;
    }

    /// What is due at `now`.
    pub(super) fn look(&mut self, now: Instant) -> Result<Option<Need>, VendorError> {
        let frames = self.frames.load(Ordering::Relaxed);
        if frames != self.seen {
            (self.seen, self.heard, self.pinged) = (frames, now, false);
        }
        let silent = now - self.heard;
        if silent >= GONE_AFTER {
            return Err(VendorError::TimedOut { vendor: self.vendor, awaited: "sign of life", limit: GONE_AFTER });
        }
        if silent >= PING_AFTER && !std::mem::replace(&mut self.pinged, true) {
            return Ok(Some(Need::Ping));
        }
        if now - self.sent >= self.keep_alive_after {
            self.sent = now;
            return Ok(Some(Need::KeepAlive));
        }
        Ok(None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn endpoint() -> Endpoint {
        Endpoint {
            vendor: "v",
            setting: "V_KEY",
            url: String::new(),
            headers: Vec::new(),
            connect_timeout: Duration::from_secs(1),
            keep_alive_after: Duration::from_secs(4),
        }
    }

    #[test]
    fn a_silent_vendor_is_pinged_once_and_then_given_up() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let frames = Arc::new(AtomicU64::new(0));
        let mut pulse = Pulse::new(&endpoint(), Arc::clone(&frames), start);
        pulse.sent(at(5));
        assert_eq!(pulse.look(at(4)).unwrap(), None);
        assert_eq!(pulse.look(at(5)).unwrap(), Some(Need::Ping));
        assert_eq!(pulse.look(at(6)).unwrap(), None);
        frames.store(1, Ordering::Relaxed);
        assert_eq!(pulse.look(at(7)).unwrap(), None, "the pong came");
        pulse.sent(at(18));
        assert_eq!(pulse.look(at(12)).unwrap(), Some(Need::Ping));
        let error = pulse.look(at(19)).unwrap_err();
        assert_eq!(error.to_string(), "v sent no sign of life within 12s");
    }

    #[test]
    fn an_idle_line_is_kept_alive() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let mut pulse = Pulse::new(&endpoint(), Arc::default(), start);
        assert_eq!(pulse.look(at(3)).unwrap(), None);
        assert_eq!(pulse.look(at(4)).unwrap(), Some(Need::KeepAlive));
        assert_eq!(pulse.look(at(5)).unwrap(), Some(Need::Ping));
        assert_eq!(pulse.look(at(7)).unwrap(), None);
        assert_eq!(pulse.look(at(8)).unwrap(), Some(Need::KeepAlive));
    }
}
