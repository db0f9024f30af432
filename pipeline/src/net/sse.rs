//! Server-sent events out of a body that arrives in arbitrary chunks.
//!
//! [`Framer`] holds back bytes until a whole event is there and hands out exactly one event at a
//! time; [`events`] puts it in front of `eventsource-stream`, which reads the fields. The framer is
//! what makes that parser safe to feed from the network:
//! - every byte is looked at once, however small the chunks (the parser alone is quadratic);
//! - a byte order mark never reaches the parser (it panics on one);
//! - bytes that are not UTF-8 become U+FFFD (the parser would stall on them for ever);
//! - an event has a largest size and a largest number of lines.
//!
//! Lines end with LF or CRLF. After an error the stream is over.

use bytes::{Buf, BytesMut};
use eventsource_stream::Eventsource;
use futures_util::stream::{self, Stream, StreamExt};
use thiserror::Error;

pub use eventsource_stream::Event;

/// The largest event unless a caller asks otherwise: room for base64 audio of many seconds.
pub const DEFAULT_MAX_EVENT_BYTES: usize = 1 << 20;

/// The parser copies what is left of an event for every line, so lines are limited as well.
const MAX_EVENT_LINES: usize = 1024;

const BYTE_ORDER_MARK: &str = "\u{feff}";

/// Why a body is not a stream of events.
#[derive(Debug, Error)]
pub enum SseError<E> {
    /// An event grew past the limit.
    #[error("a server-sent event is longer than {max_event_bytes} bytes or {MAX_EVENT_LINES} lines")]
    TooLarge {
        /// The limit.
        max_event_bytes: usize,
    },
    /// The parser gave up.
    #[error("the body is not a stream of server-sent events")]
    NotEvents,
    /// The body could not be read on.
    #[error("the body of server-sent events broke off")]
    Transport(#[source] E),
}

/// An event is larger than the framer keeps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TooLarge;

/// Cuts a byte stream into whole events.
#[derive(Debug)]
pub struct Framer {
    buffer: BytesMut,
    /// Bytes of `buffer` that were looked at.
    scanned: usize,
    line_start: usize,
    lines: usize,
    max_event_bytes: usize,
    /// How many bytes were looked at in all, for the proof that the work is linear.
    #[cfg(test)]
    work: usize,
}

impl Framer {
    /// A framer that keeps at most `max_event_bytes` for one event.
    pub fn new(max_event_bytes: usize) -> Self {
        Self {
            buffer: BytesMut::new(),
            scanned: 0,
            line_start: 0,
            lines: 0,
            max_event_bytes,
            #[cfg(test)]
            work: 0,
        }
    }

    /// Takes the next chunk. Drain [`Framer::next_event`] after every push.
    pub fn push(&mut self, chunk: &[u8]) {
        self.buffer.extend_from_slice(chunk);
    }

    /// The next whole event with the blank line that ends it, if it is there already.
    pub fn next_event(&mut self) -> Result<Option<String>, TooLarge> {
        while let Some(offset) = self.buffer[self.scanned..].iter().position(|&byte| byte == b'\n') {
            let line = &self.buffer[self.line_start..self.scanned + offset];
            let ends_event = matches!(line, b"" | b"\r");
            self.advance(offset + 1);
            self.lines += 1;
            if self.scanned > self.max_event_bytes || self.lines > MAX_EVENT_LINES {
                return Err(TooLarge);
            }
            self.line_start = self.scanned;
            if ends_event {
                return Ok(Some(self.take_event()));
            }
        }
        self.advance(self.buffer.len() - self.scanned);
        if self.buffer.len() > self.max_event_bytes { Err(TooLarge) } else { Ok(None) }
    }

    fn advance(&mut self, bytes: usize) {
        self.scanned += bytes;
        #[cfg(test)]
        {
            self.work += bytes;
        }
    }

    fn take_event(&mut self) -> String {
        let mut event = self.buffer.split_to(self.scanned);
        (self.scanned, self.line_start, self.lines) = (0, 0, 0);
        // The standard allows one mark at the start of the stream. None is ever content, so they go
        // wherever an event starts.
        while event.starts_with(BYTE_ORDER_MARK.as_bytes()) {
            event.advance(BYTE_ORDER_MARK.len());
        }
        String::from_utf8_lossy(&event).into_owned()
    }
}

/// Reads the events of a body. The stream ends with the body or after the first error; an event
/// that is not closed by a blank line when the body ends is dropped, as the standard asks.
pub fn events<S, B, E>(body: S, max_event_bytes: usize) -> impl Stream<Item = Result<Event, SseError<E>>>
where
    S: Stream<Item = Result<B, E>>,
    B: AsRef<[u8]>,
{
    let state = (Box::pin(body), Framer::new(max_event_bytes), false);
    let frames = stream::unfold(state, move |(mut body, mut framer, failed)| async move {
        if failed {
            return None;
        }
        loop {
            match framer.next_event() {
                Ok(Some(event)) => return Some((Ok(event), (body, framer, false))),
                Ok(None) => {}
                Err(TooLarge) => {
                    let error = SseError::TooLarge { max_event_bytes };
                    return Some((Err(error), (body, framer, true)));
                }
            }
            match body.next().await? {
                Ok(chunk) => framer.push(chunk.as_ref()),
                Err(cause) => {
                    return Some((Err(SseError::Transport(cause)), (body, framer, true)));
                }
            }
        }
    });
    let parsed = frames.eventsource().map(|event| {
        event.map_err(|error| match error {
            eventsource_stream::EventStreamError::Transport(error) => error,
            // The parser does not consume what it failed on; the scan below ends the stream.
            _ => SseError::NotEvents,
        })
    });
    parsed.scan(false, |failed, event| {
        let item = (!*failed).then_some(event);
        *failed = matches!(item, Some(Err(_)));
        std::future::ready(item)
    })
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use futures_util::{FutureExt, TryStreamExt};
    use proptest::prelude::*;

    use super::*;

    /// The events of a body that is already here, in the chunks given.
    fn events_of_chunks<'a>(chunks: impl IntoIterator<Item = &'a [u8]>) -> Result<Vec<Event>, SseError<Infallible>> {
        let chunks: Vec<_> = chunks.into_iter().map(Ok).collect();
        events(stream::iter(chunks), DEFAULT_MAX_EVENT_BYTES).try_collect().now_or_never().unwrap()
    }

    fn data(chunks: &[&[u8]]) -> Vec<String> {
        let events = events_of_chunks(chunks.iter().copied()).unwrap();
        events.into_iter().map(|event| event.data).collect()
    }

    fn in_chunks(body: &[u8], size: usize) -> Vec<String> {
        data(&body.chunks(size).collect::<Vec<_>>())
    }

    #[test]
    fn reads_lf_and_crlf_comments_and_several_data_lines() {
        let body = b": hello\n\ndata: one\n\ndata:two\r\n\r\nevent: x\nid: 1\ndata: a\ndata: b\n\n";
        assert_eq!(data(&[body]), ["one", "two", "a\nb"]);
    }

    #[test]
    fn a_body_byte_by_byte_reads_as_the_whole() {
        let body =
            "\u{feff}data: Gr\u{fc}\u{df}e \u{2013} \u{65e5}\u{672c}\r\n\r\n: c\r\n\r\ndata: x\n\r\ndata: y\r\n\n";
        let whole = data(&[body.as_bytes()]);
        assert_eq!(whole, ["Gr\u{fc}\u{df}e \u{2013} \u{65e5}\u{672c}", "x", "y"]);
        for size in 1..body.len() {
            assert_eq!(in_chunks(body.as_bytes(), size), whole, "chunks of {size}");
        }
    }

    #[test]
    fn byte_order_marks_are_dropped_wherever_they_stand() {
        for body in ["\u{feff}data: x\n\n", "\u{feff}\u{feff}data: x\n\n", "\n\u{feff}data: x\n\n"] {
            assert_eq!(data(&[body.as_bytes()]), ["x"], "{body:?}");
            assert_eq!(in_chunks(body.as_bytes(), 1), ["x"], "{body:?} byte by byte");
        }
    }

    #[test]
    fn a_large_event_in_small_chunks_costs_every_byte_once() {
        let body = format!("data: {}\n\n", "a".repeat(256 * 1024));
        let mut framer = Framer::new(DEFAULT_MAX_EVENT_BYTES);
        let mut found = Vec::new();
        for chunk in body.as_bytes().chunks(1024) {
            framer.push(chunk);
            found.extend(framer.next_event().unwrap());
        }
        assert_eq!(framer.work, body.len());
        assert_eq!(found, [body]);
    }

    #[test]
    fn many_events_in_one_chunk_cost_every_byte_once() {
        let body = "data: {\"delta\":1}\n\n".repeat(2000);
        let mut framer = Framer::new(DEFAULT_MAX_EVENT_BYTES);
        framer.push(body.as_bytes());
        let found = std::iter::from_fn(|| framer.next_event().unwrap()).count();
        assert_eq!((found, framer.work), (2000, body.len()));
    }

    #[test]
    fn an_event_over_the_limit_is_an_error_and_the_end() {
        let body = format!("data: first\n\ndata: {}", "a".repeat(200));
        let chunks = body.as_bytes().chunks(7).map(Ok::<_, Infallible>);
        let mut events = std::pin::pin!(events(stream::iter(chunks), 100));
        let mut next = || events.next().now_or_never().unwrap();
        assert_eq!(next().unwrap().unwrap().data, "first");
        assert!(matches!(next(), Some(Err(SseError::TooLarge { max_event_bytes: 100 }))));
        assert!(next().is_none());
    }

    #[test]
    fn an_event_of_too_many_lines_is_an_error() {
        let body = ":\n".repeat(MAX_EVENT_LINES + 1);
        assert!(matches!(events_of_chunks([body.as_bytes()]), Err(SseError::TooLarge { .. })));
    }

    #[test]
    fn bytes_that_are_not_utf8_do_not_hold_up_what_follows() {
        assert_eq!(data(&[b"data: a\xff\xfeb\n\ndata: c\n\n"]), ["a\u{fffd}\u{fffd}b", "c"]);
    }

    #[test]
    fn an_event_that_is_never_closed_is_dropped() {
        assert_eq!(data(&[b"data: a\n\ndata: b\n"]), ["a"]);
    }

    #[test]
    fn a_broken_transport_ends_the_stream_after_the_whole_events() {
        let body = [Ok(&b"data: a\n\ndata: b"[..]), Err("reset"), Ok(&b"\n\n"[..])];
        let mut events = std::pin::pin!(events(stream::iter(body), 100));
        let mut next = || events.next().now_or_never().unwrap();
        assert_eq!(next().unwrap().unwrap().data, "a");
        assert!(matches!(next(), Some(Err(SseError::Transport("reset")))));
        assert!(next().is_none());
    }

    proptest! {
        #[test]
        fn garbage_never_panics_and_chunking_never_matters(
            body in prop::collection::vec(
                prop_oneof![
                    Just(b"\n".to_vec()), Just(b"\r\n".to_vec()), Just(b"\r".to_vec()),
                    Just(b"data:".to_vec()), Just(b": ".to_vec()), Just(b"\xef\xbb\xbf".to_vec()),
                    Just("\u{65e5}".as_bytes().to_vec()), prop::collection::vec(any::<u8>(), 0..6),
                ],
                0..60,
            ),
            size in 1_usize..9,
        ) {
            let body = body.concat();
            prop_assert_eq!(in_chunks(&body, size), data(&[&body]));
        }
    }
}
