//! A body of server-sent events reads the same however it is cut into chunks. The first byte of the input says
//! how it is cut.

#![no_main]

use std::convert::Infallible;

use futures_util::{FutureExt, StreamExt, stream};
use libfuzzer_sys::fuzz_target;
use voice_pipeline::net::sse::{Framer, TooLarge, events};

/// Small, so that the limit is met as well.
const MAX_EVENT_BYTES: usize = 512;

fn cut(body: &[u8], chunk_bytes: usize) -> (Vec<String>, Result<(), TooLarge>) {
    let (mut framer, mut found) = (Framer::new(MAX_EVENT_BYTES), Vec::new());
    for chunk in body.chunks(chunk_bytes) {
        framer.push(chunk);
        loop {
            match framer.next_event() {
                Ok(Some(event)) => found.push(event),
                Ok(None) => break,
                Err(TooLarge) => return (found, Err(TooLarge)),
            }
        }
    }
    (found, Ok(()))
}

fuzz_target!(|input: &[u8]| {
    let Some((&size, body)) = input.split_first() else { return };
    let chunk_bytes = usize::from(size).max(1);
    let cut_up = cut(body, chunk_bytes);
    assert_eq!(cut_up, cut(body, body.len().max(1)));
    // A byte that is not UTF-8 becomes three.
    assert!(cut_up.0.iter().all(|event| event.len() <= 3 * MAX_EVENT_BYTES));
    let body = stream::iter(body.chunks(chunk_bytes).map(Ok::<_, Infallible>));
    let mut events = std::pin::pin!(events(body, MAX_EVENT_BYTES));
    let mut has_failed = false;
    while let Some(event) = events.next().now_or_never().expect("the body is here") {
        assert!(!has_failed, "an error is the end");
        has_failed = event.is_err();
    }
});
