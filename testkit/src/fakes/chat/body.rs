//! Sends the body of an answer piece by piece in its time, and notices how it ends.

use std::future::pending;
use std::io;
use std::sync::Arc;
use std::time::Duration;
use std::vec;

use bytes::Bytes;
use futures_util::stream::{self, BoxStream, StreamExt};
use http_body_util::StreamBody;
use hyper::body::Frame;
use tokio::task::yield_now;
use tokio::time::{Instant, sleep};

use super::answer::Stop;
use super::seen::Seen;
use super::wire::Link;

/// A response's body.
pub(super) type Body = StreamBody<BoxStream<'static, io::Result<Frame<Bytes>>>>;

/// Bytes that are written together.
#[derive(Debug, Clone)]
pub(super) struct Piece {
    /// How long they take.
    pub(super) wait: Duration,
    pub(super) is_token: bool,
    pub(super) bytes: Bytes,
}

impl Piece {
    /// Cuts into parts as long as `length` says of what is left. Only the first has to be waited for.
    pub(super) fn cut(&self, length: impl Fn(&[u8]) -> usize) -> Vec<Self> {
        let (mut parts, mut rest) = (Vec::new(), self.bytes.clone());
        while !rest.is_empty() {
            let bytes = rest.split_to(length(&rest));
            let is_first = parts.is_empty();
            let wait = if is_first { self.wait } else { Duration::ZERO };
            parts.push(Self { wait, is_token: self.is_token && is_first, bytes });
        }
        parts
    }
}

/// What comes after the last piece.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ending {
    Complete,
    BreaksOff,
    Hangs,
}

impl Ending {
    pub(super) fn of(stop: Option<Stop>) -> Self {
        match stop {
            None => Self::Complete,
            Some(Stop::BreaksOff) => Self::BreaksOff,
            Some(Stop::Hangs) => Self::Hangs,
        }
    }
}

/// The body made of these pieces.
pub(super) fn body(pieces: Vec<Piece>, ending: Ending, watch: Watch) -> Body {
    let sending = Sending { pieces: pieces.into_iter(), ending, watch };
    let frames =
        stream::unfold(sending, |mut sending| async move { sending.next().await.map(|frame| (frame, sending)) });
    StreamBody::new(frames.boxed())
}

/// A body that nobody follows.
pub(super) fn unwatched(text: String) -> Body {
    StreamBody::new(stream::iter([Ok(Frame::data(text.into()))]).boxed())
}

struct Sending {
    pieces: vec::IntoIter<Piece>,
    ending: Ending,
    watch: Watch,
}

impl Sending {
    async fn next(&mut self) -> Option<io::Result<Frame<Bytes>>> {
        let Some(piece) = self.pieces.next() else { return self.end().await };
        if piece.wait.is_zero() {
            // The pause lets the server write each piece before it looks for the next.
            yield_now().await;
        } else {
            sleep(piece.wait).await;
        }
        if piece.is_token {
            self.watch.token();
        }
        if self.pieces.as_slice().is_empty() && self.ending == Ending::Complete {
            self.watch.handed_over();
        }
        Some(Ok(Frame::data(piece.bytes)))
    }

    async fn end(&mut self) -> Option<io::Result<Frame<Bytes>>> {
        match self.ending {
            Ending::Complete => None,
            Ending::Hangs => pending().await,
            Ending::BreaksOff => {
                yield_now().await;
                self.watch.broke_off();
                Some(Err(io::Error::other("broken off as planned")))
            }
        }
    }
}

/// Follows one answer and tells the observer. When it is dropped before the answer was handed over,
/// the client has left.
pub(super) struct Watch {
    link: Arc<Link>,
    request: u64,
    has_begun: bool,
    is_over: bool,
}

impl Watch {
    pub(super) fn new(link: Arc<Link>, request: u64) -> Self {
        Self { link, request, has_begun: false, is_over: false }
    }

    fn token(&mut self) {
        if self.link.is_sound() && !std::mem::replace(&mut self.has_begun, true) {
            let (conn, request) = (self.link.conn, self.request);
            self.link.shared.see(Seen::FirstToken { conn, at: Instant::now(), request });
        }
    }

    fn handed_over(&mut self) {
        self.is_over = true;
        self.link.answer_handed_over();
    }

    fn broke_off(&mut self) {
        self.is_over = true;
        let (conn, request) = (self.link.conn, self.request);
        self.link.shared.see(Seen::BrokenOff { conn, at: Instant::now(), request });
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        // Who broke the connection has told it.
        if !self.is_over && !self.link.is_broken() && !self.link.shared.is_stopping() {
            let (conn, request) = (self.link.conn, self.request);
            self.link.shared.see(Seen::ClientLeft { conn, at: Instant::now(), request });
        }
    }
}
