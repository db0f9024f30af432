//! The two halves of a socket, each owned by one task, and what passes between them.

use std::io;
use std::ops::ControlFlow;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use fastwebsockets::{Frame, OpCode, Payload, WebSocket, WebSocketError};
use thiserror::Error;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout, timeout_at};
use tokio_util::sync::{CancellationToken, DropGuard};

use super::assembler::{Assembler, Incoming, RawFrame, Violation};
use super::{Role, WsLimits, WsMessage, close_code};

/// Pongs and one close on their way from the reader to the writer. When it is full the pong is left
/// out (a peer may be answered for its latest ping only); the last place is kept for the close.
const REPLIES_CAPACITY: usize = 8;

/// Why a socket gives no more messages.
#[derive(Debug, Error)]
pub enum WsEnd {
    /// The peer closed, with this code if it gave one.
    #[error("the peer closed the websocket (code {code:?})")]
    PeerClosed {
        /// The close code.
        code: Option<u16>,
    },
    /// Our own writer closed or is gone.
    #[error("our side closed the websocket")]
    WeClosed,
    /// The peer broke a rule; the close that says so is on its way.
    #[error("the peer sent {0}")]
    Violated(Violation),
    /// The connection is gone without a close.
    #[error("the websocket's connection is gone")]
    Lost(#[source] io::Error),
    /// An earlier read was dropped half way, so the place in the stream is lost.
    #[error("a read of the websocket was dropped half way")]
    Interrupted,
}

/// Why nothing more can be written.
#[derive(Debug, Error)]
pub enum WsWriteError {
    /// The peer does not read.
    #[error("the peer took no data within {0:?}")]
    Stalled(Duration),
    /// The connection is gone.
    #[error("the websocket's connection is gone")]
    Lost(#[source] io::Error),
    /// The socket was closed, or an earlier write failed.
    #[error("the websocket is closed")]
    Closed,
}

/// Something the reader owes the peer; [`WsWriter::answer`] sends it.
#[derive(Debug)]
pub struct Reply(ReplyKind);

#[derive(Debug)]
enum ReplyKind {
    Pong(Bytes),
    Close(u16),
}

pub(super) fn pair<R, W>(read: R, write: W, role: Role, limits: &WsLimits) -> (WsReader<R>, WsWriter<W>)
where
    R: AsyncRead + Unpin,
    W: AsyncWrite + Unpin,
{
    let (replies_tx, replies) = mpsc::channel(REPLIES_CAPACITY);
    let closing = CancellationToken::new();
    let mut socket = WebSocket::after_handshake(ReadOnly(read), parser_role(role));
    socket.set_auto_close(false);
    socket.set_auto_pong(false);
    let reader = WsReader {
        socket,
        assembler: Assembler::new(role, limits.max_message_bytes),
        limits: limits.clone(),
        replies: replies_tx,
        closing: closing.clone(),
        reading: false,
        frames: Arc::default(),
    };
    let mut socket = WebSocket::after_handshake(WriteOnly(write), parser_role(role));
    socket.set_writev(false);
    let writer = WsWriter {
        socket: Some(socket),
        limits: limits.clone(),
        replies,
        closing: Some(closing.drop_guard()),
        masked: Vec::new(),
    };
    (reader, writer)
}

fn parser_role(role: Role) -> fastwebsockets::Role {
    match role {
        Role::Client => fastwebsockets::Role::Client,
        Role::Server => fastwebsockets::Role::Server,
    }
}

/// The reading half.
pub struct WsReader<R> {
    socket: WebSocket<ReadOnly<R>>,
    assembler: Assembler,
    limits: WsLimits,
    replies: mpsc::Sender<Reply>,
    closing: CancellationToken,
    reading: bool,
    frames: Arc<AtomicU64>,
}

impl<R: AsyncRead + Unpin> WsReader<R> {
    /// Counts every frame that was read, pongs too: the peer's signs of life.
    pub fn frames_read(&self) -> Arc<AtomicU64> {
        Arc::clone(&self.frames)
    }

    /// The next whole message. After an `Err` only [`WsReader::drain`] is left to do.
    ///
    /// Not cancel-safe: dropping it half way makes every later call fail. It returns by itself as
    /// soon as the writer closes.
    pub async fn next(&mut self) -> Result<WsMessage, WsEnd> {
        if self.reading {
            return Err(WsEnd::Interrupted);
        }
        self.reading = true;
        let message = self.read_message().await;
        // After an end there is nothing to go on with either.
        self.reading = message.is_err();
        message
    }

    async fn read_message(&mut self) -> Result<WsMessage, WsEnd> {
        loop {
            let frame = self.read_raw_frame().await?;
            match self.assembler.accept(frame) {
                Ok(None | Some(Incoming::Pong)) => {}
                Ok(Some(Incoming::Message(message))) => return Ok(message),
                Ok(Some(Incoming::Ping(payload))) => {
                    if self.replies.capacity() > 1 {
                        self.reply(ReplyKind::Pong(payload));
                    }
                }
                Ok(Some(Incoming::Close(code))) => {
                    self.reply(ReplyKind::Close(code.unwrap_or(close_code::NORMAL)));
                    return Err(WsEnd::PeerClosed { code });
                }
                Err(violation) => return Err(self.violated(violation)),
            }
        }
    }

    async fn read_raw_frame(&mut self) -> Result<RawFrame, WsEnd> {
        // The parser refuses a frame of its limit, we one over ours.
        self.socket.set_max_message_size(self.assembler.frame_allowance() + 1);
        // A read dropped here is never resumed: once we close, what comes is only thrown away.
        let read = self.closing.run_until_cancelled(self.socket.read_frame()).await;
        let mut frame = match read {
            None => return Err(WsEnd::WeClosed),
            Some(Ok(frame)) => frame,
            Some(Err(error)) => {
                return Err(match Violation::from_parser(&error, self.limits.max_message_bytes) {
                    Some(violation) => self.violated(violation),
                    None => WsEnd::Lost(into_io(error)),
                });
            }
        };
        self.frames.fetch_add(1, Ordering::Relaxed);
        let masked = is_masked(&mut frame);
        let payload = match frame.payload {
            Payload::Bytes(payload) => payload,
            other => BytesMut::from(&other[..]),
        };
        Ok(RawFrame { fin: frame.fin, opcode: frame.opcode, masked, payload })
    }

    fn violated(&self, violation: Violation) -> WsEnd {
        self.reply(ReplyKind::Close(violation.close_code()));
        WsEnd::Violated(violation)
    }

    /// Has the writer close the socket with `code`. For a reader's owner that finds fault with what
    /// a message says; [`WsReader::drain`] is all that is left to do after it.
    pub fn request_close(&self, code: u16) {
        self.reply(ReplyKind::Close(code));
    }

    fn reply(&self, reply: ReplyKind) {
        // Pongs leave the last place free and a close is sent once, so only a writer that is gone
        // makes this fail, and then there is nobody to answer.
        let _ = self.replies.try_send(Reply(reply));
    }

    /// Reads away what the peer still sends, until it closes its side or the limits for closing are
    /// reached. Dropping a socket with unread bytes would reset the connection, and the peer might
    /// never read why.
    pub async fn drain(self) {
        let Self { socket, limits, replies, .. } = self;
        drop(replies);
        let mut stream = socket.into_inner().0;
        let deadline = Instant::now() + limits.close_timeout;
        let mut scratch = vec![0; 4096];
        let mut left = limits.close_drain_bytes;
        while left > 0 {
            match timeout_at(deadline, stream.read(&mut scratch)).await {
                Ok(Ok(read)) if read > 0 => left = left.saturating_sub(read),
                _ => break,
            }
        }
    }
}

/// The writing half. Dropping it ends the reader.
pub struct WsWriter<W> {
    /// `None` once closed, or once a frame may be stuck half written.
    socket: Option<WebSocket<WriteOnly<W>>>,
    limits: WsLimits,
    replies: mpsc::Receiver<Reply>,
    closing: Option<DropGuard>,
    masked: Vec<u8>,
}

impl<W: AsyncWrite + Unpin> WsWriter<W> {
    /// What the reader owes the peer next; `None` when the reader is gone. Cancel-safe.
    pub async fn reply(&mut self) -> Option<Reply> {
        self.replies.recv().await
    }

    /// Sends what the reader owed. Breaks when that was a close: the socket is over.
    pub async fn answer(&mut self, reply: Reply) -> Result<ControlFlow<()>, WsWriteError> {
        match reply.0 {
            ReplyKind::Pong(payload) => {
                self.write(Frame::pong(Payload::Borrowed(&payload))).await?;
                Ok(ControlFlow::Continue(()))
            }
            ReplyKind::Close(code) => {
                self.close(code, "").await;
                Ok(ControlFlow::Break(()))
            }
        }
    }

    /// Sends a text message and flushes it.
    pub async fn send_text(&mut self, text: &str) -> Result<(), WsWriteError> {
        self.write_data(OpCode::Text, text.as_bytes()).await
    }

    /// Sends a binary message and flushes it.
    pub async fn send_binary(&mut self, data: &[u8]) -> Result<(), WsWriteError> {
        self.write_data(OpCode::Binary, data).await
    }

    /// A client masks in place; a buffer that stays saves an allocation for every message.
    async fn write_data(&mut self, opcode: OpCode, data: &[u8]) -> Result<(), WsWriteError> {
        let mut masked = std::mem::take(&mut self.masked);
        masked.clear();
        masked.extend_from_slice(data);
        let written = self.write(Frame::new(true, opcode, None, Payload::BorrowedMut(&mut masked))).await;
        self.masked = masked;
        written
    }

    /// Sends a message of either kind and flushes it.
    pub async fn send(&mut self, message: &WsMessage) -> Result<(), WsWriteError> {
        match message {
            WsMessage::Text(text) => self.send_text(text).await,
            WsMessage::Binary(data) => self.send_binary(data).await,
        }
    }

    /// Sends an empty ping; the pong needs no attention.
    pub async fn ping(&mut self) -> Result<(), WsWriteError> {
        self.write(Frame::new(true, OpCode::Ping, None, Payload::Borrowed(b""))).await
    }

    /// Sends the close frame, shuts our side of the stream and ends the reader. `reason` is for a
    /// human who reads a trace: ASCII, at most 123 bytes, nothing a caller said. A socket that is
    /// closed already stays as it is.
    pub async fn close(&mut self, code: u16, reason: &str) {
        let limit = self.limits.close_timeout;
        let closed = async {
            self.write(Frame::close(code, reason.as_bytes())).await.ok()?;
            let mut stream = self.socket.take()?.into_inner().0;
            stream.shutdown().await.ok()
        };
        // Whether the peer takes it or not, the socket is over.
        let _ = timeout(limit, closed).await;
        self.socket = None;
        self.closing = None;
    }

    /// Writes and flushes one frame. A write that fails or is dropped leaves no socket behind: what
    /// follows half a frame would be read as its rest.
    async fn write(&mut self, frame: Frame<'_>) -> Result<(), WsWriteError> {
        let limit = self.limits.write_timeout;
        let mut socket = self.socket.take().ok_or(WsWriteError::Closed)?;
        let written = async {
            socket.write_frame(frame).await?;
            socket.flush().await
        };
        match timeout(limit, written).await {
            Ok(Ok(())) => {
                self.socket = Some(socket);
                Ok(())
            }
            Ok(Err(error)) => Err(WsWriteError::Lost(into_io(error))),
            Err(_) => Err(WsWriteError::Stalled(limit)),
        }
    }
}

/// The parser keeps a frame's mask to itself; the header it would write shows it.
fn is_masked(frame: &mut Frame<'_>) -> bool {
    let mut head = [0; 16];
    frame.fmt_head(&mut head);
    head[1] & 0x80 != 0
}

fn into_io(error: WebSocketError) -> io::Error {
    match error {
        WebSocketError::IoError(error) => error,
        WebSocketError::UnexpectedEOF => io::ErrorKind::UnexpectedEof.into(),
        other => io::Error::other(other),
    }
}

/// Gives the parser the two-way stream it asks for. Automatic replies are off, so it never writes.
struct ReadOnly<R>(R);

impl<R: AsyncRead + Unpin> AsyncRead for ReadOnly<R> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(cx, buf)
    }
}

impl<R: Unpin> AsyncWrite for ReadOnly<R> {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, _: &[u8]) -> Poll<io::Result<usize>> {
        Poll::Ready(Err(io::ErrorKind::Unsupported.into()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

/// The same for the half that only writes.
struct WriteOnly<W>(W);

impl<W: Unpin> AsyncRead for WriteOnly<W> {
    fn poll_read(self: Pin<&mut Self>, _: &mut Context<'_>, _: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Err(io::ErrorKind::Unsupported.into()))
    }
}

impl<W: AsyncWrite + Unpin> AsyncWrite for WriteOnly<W> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, data: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, data)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }
}
