//! A connection that breaks at a chosen byte of an answer.
//!
//! [`Wire`] carries the bytes; its [`Link`] is told at the beginning of every answer whether and where
//! to cut it, and counts what is written from there. Reading is never touched, so a client that leaves
//! a stalled connection is noticed.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::Instant;

use super::Shared;
use super::seen::Seen;
use crate::vendors::locked;

/// Breaks an answer after so many bytes, counted from the first of its status line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cut {
    after_bytes: usize,
    how: Break,
}

impl Cut {
    /// Closes the connection.
    pub const fn close(after_bytes: usize) -> Self {
        Self { after_bytes, how: Break::Close }
    }

    /// Resets the connection.
    pub const fn reset(after_bytes: usize) -> Self {
        Self { after_bytes, how: Break::Reset }
    }

    /// Writes nothing more and leaves the connection open.
    pub const fn stall(after_bytes: usize) -> Self {
        Self { after_bytes, how: Break::Stall }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Break {
    Close,
    Reset,
    Stall,
}

/// What one connection is at: where its answer is to break, and whether that has happened.
pub(super) struct Link {
    pub(super) conn: u64,
    pub(super) shared: Arc<Shared>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    request: u64,
    cut: Option<Cut>,
    condition: Condition,
    /// The answer was handed over whole and is to be told finished when it is written.
    is_flushing: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Condition {
    #[default]
    Sound,
    Stalled,
    Broken,
}

impl Link {
    pub(super) fn new(conn: u64, shared: Arc<Shared>) -> Self {
        Self { conn, shared, state: Mutex::default() }
    }

    /// An answer begins.
    pub(super) fn answer_begins(&self, request: u64, cut: Option<Cut>) {
        *locked(&self.state) = State { request, cut, ..State::default() };
    }

    /// The answer was handed over whole.
    pub(super) fn answer_handed_over(&self) {
        locked(&self.state).is_flushing = true;
    }

    /// Whether what is handed over is written.
    pub(super) fn is_sound(&self) -> bool {
        locked(&self.state).condition == Condition::Sound
    }

    /// Whether the plan has closed or reset the connection.
    pub(super) fn is_broken(&self) -> bool {
        locked(&self.state).condition == Condition::Broken
    }

    /// How many bytes may be written.
    fn allowance(&self, bytes: usize) -> usize {
        locked(&self.state).cut.map_or(bytes, |cut| bytes.min(cut.after_bytes))
    }

    fn wrote(&self, bytes: usize) {
        if let Some(cut) = &mut locked(&self.state).cut {
            cut.after_bytes -= bytes;
        }
    }

    /// Breaks the connection if this is the place.
    fn poll_break(&self, socket: &TcpStream) -> Poll<io::Result<()>> {
        let request = {
            let mut state = locked(&self.state);
            match state.cut {
                Some(Cut { after_bytes: 0, how: Break::Stall }) => {
                    state.condition = Condition::Stalled;
                    return Poll::Pending;
                }
                Some(Cut { after_bytes: 0, how: Break::Reset }) => socket.set_zero_linger()?,
                Some(Cut { after_bytes: 0, how: Break::Close }) => {}
                _ => return Poll::Ready(Ok(())),
            }
            let was_broken = std::mem::replace(&mut state.condition, Condition::Broken) == Condition::Broken;
            (!was_broken).then_some(state.request)
        };
        if let Some(request) = request {
            self.shared.see(Seen::BrokenOff { conn: self.conn, at: Instant::now(), request });
        }
        Poll::Ready(Err(io::Error::new(io::ErrorKind::ConnectionAborted, "broken as planned")))
    }

    /// Everything handed over is written.
    fn flushed(&self) {
        let request = {
            let mut state = locked(&self.state);
            std::mem::take(&mut state.is_flushing).then_some(state.request)
        };
        if let Some(request) = request {
            self.shared.see(Seen::Finished { conn: self.conn, at: Instant::now(), request });
        }
    }

    /// The connection is gone.
    fn closed(&self) {
        let State { request, condition, is_flushing, .. } = *locked(&self.state);
        if is_flushing && condition != Condition::Broken && !self.shared.is_stopping() {
            self.shared.see(Seen::ClientLeft { conn: self.conn, at: Instant::now(), request });
        }
    }
}

/// The socket of a connection.
pub(super) struct Wire {
    socket: TcpStream,
    link: Arc<Link>,
}

impl Wire {
    pub(super) fn new(socket: TcpStream, link: Arc<Link>) -> Self {
        Self { socket, link }
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        self.link.closed();
    }
}

impl AsyncRead for Wire {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().socket).poll_read(cx, buf)
    }
}

impl AsyncWrite for Wire {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let Self { socket, link } = self.get_mut();
        ready!(link.poll_break(socket))?;
        let allowed = &buf[..link.allowance(buf.len())];
        let written = ready!(Pin::new(socket).poll_write(cx, allowed))?;
        link.wrote(written);
        Poll::Ready(Ok(written))
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let Self { socket, link } = self.get_mut();
        ready!(Pin::new(&mut *socket).poll_flush(cx))?;
        // Breaks right behind the last byte, not when the next would be written.
        ready!(link.poll_break(socket))?;
        link.flushed();
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().socket).poll_shutdown(cx)
    }
}
