//! A server's connection that fails at any byte.
//!
//! [`FaultyStream`] lies below everything a fake vendor writes. Its [`FaultHandle`] arms faults that
//! trip when so many bytes were written to the client, or breaks the connection at once.
//!
//! What always holds:
//! - a client gets exactly the bytes before the fault, at whatever place that cuts a message (a reset
//!   may overtake the last of them);
//! - a stall lets nothing pass in either direction, and the socket stays open for as long as the
//!   stream or a handle to it lives;
//! - without a fault the stream only counts.
//!
//! Not here: refused handshakes, wrong close codes and other faults of a vendor that still talks.

use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use futures_util::task::AtomicWaker;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Sleep, sleep};

use crate::vendors::locked;

/// What ends the head of an HTTP response.
const END_OF_HEAD: &[u8] = b"\r\n\r\n";

/// A failure at a byte.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// How many bytes the client still gets.
    pub after_bytes: u64,
    /// From where they are counted.
    pub counted: Counted,
    /// What happens then.
    pub kind: FaultKind,
}

/// From where bytes are counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Counted {
    /// From the first byte of the connection, the response's head included.
    FromConnect,
    /// From the end of the next HTTP response head, so from the first frame of a WebSocket or the
    /// first byte of a body.
    FromHandshake,
}

/// How a connection fails.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FaultKind {
    /// The client gets a TCP reset.
    Reset,
    /// Both directions end in order; what the client sends afterwards is answered with a reset.
    CloseTcp,
    /// Nothing is sent and nothing is read any more, and the connection stays open.
    Stall,
    /// Nothing is sent and nothing is read for so long; then everything goes on.
    StallFor(Duration),
    /// These bytes come between; then everything goes on.
    Garbage(Vec<u8>),
    /// The rest of what is written is lost and our direction ends in order, so the client reads half
    /// a message and an end. What it sends is still read.
    CutThenClose,
}

/// Breaks a [`FaultyStream`]. As long as one lives, a stalled connection stays open.
#[derive(Debug, Clone)]
pub struct FaultHandle(Arc<Switch>);

impl FaultHandle {
    /// Prepares a fault.
    pub fn arm(&self, fault: Fault) {
        self.0.order(Order::Arm(fault));
    }

    /// Fails now, in the middle of whatever is being written.
    pub fn break_now(&self, kind: FaultKind) {
        self.0.order(Order::Break(kind));
    }

    /// Whether this handle alone keeps a stalled connection open.
    pub fn holds_stalled(&self) -> bool {
        locked(&self.0.stalled).is_some()
    }
}

#[derive(Debug)]
enum Order {
    Arm(Fault),
    Break(FaultKind),
}

/// What the handles and the stream share.
#[derive(Debug, Default)]
struct Switch {
    ordered: AtomicBool,
    orders: Mutex<Vec<Order>>,
    reader: AtomicWaker,
    writer: AtomicWaker,
    /// The connection of a stream that was dropped while it stalled.
    stalled: Mutex<Option<TcpStream>>,
}

impl Switch {
    fn order(&self, order: Order) {
        locked(&self.orders).push(order);
        self.ordered.store(true, Ordering::Release);
        self.wake();
    }

    fn wake(&self) {
        self.reader.wake();
        self.writer.wake();
    }
}

#[derive(Debug)]
enum State {
    Sound,
    Stalled {
        until: Option<Pin<Box<Sleep>>>,
    },
    Injecting {
        garbage: Vec<u8>,
        sent: usize,
    },
    /// Our direction is shut; what is written is lost.
    Cut,
    /// The connection is gone.
    Gone {
        reset: bool,
    },
}

/// An accepted connection that can fail.
#[derive(Debug)]
pub struct FaultyStream {
    stream: Option<TcpStream>,
    switch: Arc<Switch>,
    state: State,
    armed: Vec<Armed>,
    /// How much of [`END_OF_HEAD`] was just written; kept only while a fault waits for it.
    head_matched: usize,
    written: u64,
}

#[derive(Debug)]
struct Armed {
    /// Where in all that is written; unknown until the head has ended.
    at: Option<u64>,
    fault: Fault,
}

impl FaultyStream {
    /// Wraps a connection that nothing was written to yet.
    pub fn new(stream: TcpStream) -> (Self, FaultHandle) {
        let switch = Arc::new(Switch::default());
        let handle = FaultHandle(Arc::clone(&switch));
        let stream =
            Self { stream: Some(stream), switch, state: State::Sound, armed: Vec::new(), head_matched: 0, written: 0 };
        (stream, handle)
    }

    /// Does what the handles ordered, and what is due at this byte.
    fn obey(&mut self, cx: &mut Context<'_>) {
        if self.switch.ordered.swap(false, Ordering::AcqRel) {
            let orders = std::mem::take(&mut *locked(&self.switch.orders));
            for order in orders {
                match order {
                    Order::Arm(fault) => self.arm(fault),
                    Order::Break(kind) => self.fail(kind, cx),
                }
            }
        }
        while matches!(self.state, State::Sound)
            && let Some(due) = self.armed.iter().position(|armed| armed.at.is_some_and(|at| at <= self.written))
        {
            let armed = self.armed.swap_remove(due);
            self.fail(armed.fault.kind, cx);
        }
    }

    fn arm(&mut self, fault: Fault) {
        let at = match fault.counted {
            Counted::FromConnect => Some(fault.after_bytes),
            Counted::FromHandshake => {
                self.head_matched = 0;
                None
            }
        };
        self.armed.push(Armed { at, fault });
    }

    fn fail(&mut self, kind: FaultKind, cx: &mut Context<'_>) {
        if matches!(self.state, State::Gone { .. }) {
            return;
        }
        self.state = match kind {
            FaultKind::Reset => {
                if let Some(stream) = self.stream.take() {
                    // A reset that cannot be had becomes an ordinary end; the connection is gone.
                    let _ = stream.set_zero_linger();
                }
                State::Gone { reset: true }
            }
            FaultKind::CloseTcp => {
                self.shut(cx);
                if let Some(stream) = self.stream.take() {
                    // Unread bytes would turn the end into a reset.
                    let mut scratch = [0; 4096];
                    while stream.try_read(&mut scratch).is_ok_and(|read| read > 0) {}
                }
                State::Gone { reset: false }
            }
            FaultKind::Stall => State::Stalled { until: None },
            FaultKind::StallFor(span) => State::Stalled { until: Some(Box::pin(sleep(span))) },
            FaultKind::Garbage(garbage) => State::Injecting { garbage, sent: 0 },
            FaultKind::CutThenClose => {
                self.shut(cx);
                State::Cut
            }
        };
        self.switch.wake();
    }

    /// Ends our direction, which a TCP socket does at once.
    fn shut(&mut self, cx: &mut Context<'_>) {
        if let Some(stream) = &mut self.stream {
            let _ = Pin::new(stream).poll_shutdown(cx);
        }
    }

    /// Whether a stall is over; if it is not, the task is woken when it is.
    fn poll_stalled(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if let State::Stalled { until } = &mut self.state {
            match until {
                Some(until) => ready!(until.as_mut().poll(cx)),
                None => return Poll::Pending,
            }
            self.state = State::Sound;
            // The timer knows only the half that asked last.
            self.switch.wake();
        }
        Poll::Ready(())
    }

    /// Sends what garbage the connection takes without waiting; `false` where it takes no more.
    fn inject(&mut self) -> io::Result<bool> {
        while let (State::Injecting { garbage, sent }, Some(stream)) = (&mut self.state, &self.stream) {
            match stream.try_write(&garbage[*sent..]) {
                Ok(more) => *sent += more,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(false),
                Err(error) => return Err(error),
            }
            if *sent == garbage.len() {
                self.state = State::Sound;
            }
        }
        Ok(true)
    }

    /// How much of `data` may be written before the next fault.
    fn allowance(&self, data: &[u8]) -> usize {
        let head_end = || find_end_of_head(self.head_matched, data).0.map(|end| self.written + end as u64);
        let at = |armed: &Armed| match armed.at {
            Some(at) => Some(at),
            None => head_end().map(|end| end + armed.fault.after_bytes),
        };
        let next = self.armed.iter().filter_map(at).min();
        next.map_or(data.len(), |at| data.len().min(usize::try_from(at - self.written).unwrap_or(usize::MAX)))
    }

    fn count(&mut self, data: &[u8]) {
        if self.armed.iter().any(|armed| armed.at.is_none()) {
            let (end, matched) = find_end_of_head(self.head_matched, data);
            self.head_matched = matched;
            if let Some(end) = end.map(|end| self.written + end as u64) {
                for armed in self.armed.iter_mut().filter(|armed| armed.at.is_none()) {
                    armed.at = Some(end + armed.fault.after_bytes);
                }
            }
        }
        self.written += data.len() as u64;
    }

    fn poll_write_once(&mut self, cx: &mut Context<'_>, data: &[u8]) -> Poll<io::Result<usize>> {
        loop {
            self.obey(cx);
            ready!(self.poll_stalled(cx));
            match self.state {
                State::Gone { reset } => return Poll::Ready(Err(gone(reset))),
                State::Cut => return Poll::Ready(Ok(data.len())),
                State::Injecting { .. } => {
                    if !self.inject()? {
                        let Some(stream) = &self.stream else { return Poll::Ready(Err(gone(false))) };
                        ready!(stream.poll_write_ready(cx))?;
                    }
                    continue;
                }
                State::Stalled { .. } => continue,
                State::Sound => {}
            }
            let allowed = if self.armed.is_empty() { data.len() } else { self.allowance(data) };
            let Some(stream) = &mut self.stream else { return Poll::Ready(Err(gone(false))) };
            let written = ready!(Pin::new(stream).poll_write(cx, &data[..allowed]))?;
            self.count(&data[..written]);
            self.obey(cx);
            return Poll::Ready(Ok(written));
        }
    }

    fn poll_read_once(&mut self, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        self.obey(cx);
        ready!(self.poll_stalled(cx));
        // A writer that has nothing to write does not come by; whatever the connection does not take
        // now, the next write sends.
        self.inject()?;
        match (&self.state, &mut self.stream) {
            (State::Gone { reset: true }, _) => Poll::Ready(Err(gone(true))),
            (_, None) => Poll::Ready(Ok(())),
            (_, Some(stream)) => Pin::new(stream).poll_read(cx, buf),
        }
    }

    fn poll_end_once(&mut self, cx: &mut Context<'_>, shut: bool) -> Poll<io::Result<()>> {
        self.obey(cx);
        ready!(self.poll_stalled(cx));
        self.inject()?;
        match &mut self.stream {
            Some(stream) if shut => Pin::new(stream).poll_shutdown(cx),
            Some(stream) => Pin::new(stream).poll_flush(cx),
            None => Poll::Ready(Ok(())),
        }
    }
}

impl Drop for FaultyStream {
    fn drop(&mut self) {
        if matches!(self.state, State::Stalled { until: None }) {
            *locked(&self.switch.stalled) = self.stream.take();
        }
    }
}

impl AsyncRead for FaultyStream {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let switch = Arc::clone(&this.switch);
        unless_ordered(&switch, &switch.reader, cx, |cx| this.poll_read_once(cx, buf))
    }
}

impl AsyncWrite for FaultyStream {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, data: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let switch = Arc::clone(&this.switch);
        unless_ordered(&switch, &switch.writer, cx, |cx| this.poll_write_once(cx, data))
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let switch = Arc::clone(&this.switch);
        unless_ordered(&switch, &switch.writer, cx, |cx| this.poll_end_once(cx, false))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let switch = Arc::clone(&this.switch);
        unless_ordered(&switch, &switch.writer, cx, |cx| this.poll_end_once(cx, true))
    }
}

/// Polls; where that has to wait, an order wakes it, also one that comes just now.
fn unless_ordered<T>(
    switch: &Switch,
    waker: &AtomicWaker,
    cx: &mut Context<'_>,
    mut poll: impl FnMut(&mut Context<'_>) -> Poll<T>,
) -> Poll<T> {
    loop {
        if let Poll::Ready(done) = poll(cx) {
            return Poll::Ready(done);
        }
        waker.register(cx.waker());
        if !switch.ordered.load(Ordering::Acquire) {
            return Poll::Pending;
        }
    }
}

fn gone(reset: bool) -> io::Error {
    let kind = if reset { io::ErrorKind::ConnectionReset } else { io::ErrorKind::BrokenPipe };
    kind.into()
}

/// Where the head of a response ends in `data`, if `matched` bytes of its end came before; and how
/// many of them came when `data` is through.
fn find_end_of_head(mut matched: usize, data: &[u8]) -> (Option<usize>, usize) {
    for (index, &byte) in data.iter().enumerate() {
        matched = match byte {
            byte if byte == END_OF_HEAD[matched] => matched + 1,
            b'\r' => 1,
            _ => 0,
        };
        if matched == END_OF_HEAD.len() {
            return (Some(index + 1), 0);
        }
    }
    (None, matched)
}
