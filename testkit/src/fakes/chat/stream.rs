//! Writes answers: what was planned becomes a status, headers and pieces of a body with their times.
//!
//! The words of the protocol are in `said`.

use std::time::Duration;

use bytes::Bytes;
use serde_json::Value;

use super::answer::{Answer, Content, Stop};
use super::body::{Ending, Piece};
use super::error::ApiError;
use super::plan::{ChatPlan, Delivery, LineEnd};
use super::quirks::Case;
use super::said::Said;

const EVENTS: &str = "text/event-stream; charset=utf-8";
const JSON: &str = "application/json";

/// An answer ready to be sent.
pub(super) struct Written {
    pub(super) status: u16,
    pub(super) headers: Vec<(String, String)>,
    pub(super) pieces: Vec<Piece>,
    pub(super) ending: Ending,
}

/// The part of a plan that shapes answers.
#[derive(Debug, Clone, Copy)]
pub(super) struct Manner {
    pub(super) first_token_delay: Duration,
    pub(super) token_delay: Duration,
    pub(super) delivery: Delivery,
    pub(super) line_end: LineEnd,
}

impl Manner {
    pub(super) fn of(plan: &ChatPlan) -> Self {
        Self {
            first_token_delay: plan.first_token_delay,
            token_delay: plan.token_delay,
            delivery: plan.delivery,
            line_end: plan.line_end,
        }
    }

    /// As the plan says, but for what the answer wants for itself.
    fn for_answer(self, answer: &Answer) -> Self {
        Self {
            first_token_delay: answer.first_token_delay.unwrap_or(self.first_token_delay),
            token_delay: answer.token_delay.unwrap_or(self.token_delay),
            ..self
        }
    }
}

/// Writes the answer to the request with this number; `None` when it is never to come.
pub(super) fn write(answer: &Answer, request: &Value, number: u64, manner: Manner) -> Option<Written> {
    let manner = manner.for_answer(answer);
    let written = match &answer.content {
        Content::Never => return None,
        Content::Error { error, headers } => error_document(error, headers, manner),
        Content::Case(id) => match Case::of(id) {
            Some(case) => recorded(case, answer.stops_after, manner),
            None => error_document(&ApiError::no_such_model(&format!("case:{id}")), &[], manner),
        },
        Content::Stream(body) => {
            let mut stream = Stream::new(manner, answer.stops_after);
            stream.push(Bytes::from(body.clone()), true);
            stream.end()
        }
        Content::Said { text, calls, finish } => {
            let said = Said::new(text, calls, finish.as_deref(), request, number);
            if request["stream"] == true {
                said.stream(request, answer.stops_after, manner)
            } else {
                said.document(answer.stops_after, manner)
            }
        }
    };
    Some(written)
}

fn error_document(error: &ApiError, headers: &[(String, String)], manner: Manner) -> Written {
    let mut written =
        document(error.status, &error.body(), None, Manner { first_token_delay: Duration::ZERO, ..manner });
    written.headers.extend_from_slice(headers);
    written
}

/// A body that is one JSON document. When it stops early, half of it is there.
pub(super) fn document(status: u16, body: &Value, stop: Option<Stop>, manner: Manner) -> Written {
    let mut bytes = Bytes::from(body.to_string());
    let headers = vec![("content-type".to_owned(), JSON.to_owned()), content_length(bytes.len())];
    if stop.is_some() {
        bytes.truncate(bytes.len() / 2);
    }
    let piece = Piece { wait: manner.first_token_delay, is_token: status == 200, bytes };
    Written { status, headers, pieces: deliver(vec![piece], manner.delivery), ending: Ending::of(stop) }
}

fn content_length(bytes: usize) -> (String, String) {
    ("content-length".to_owned(), bytes.to_string())
}

fn recorded(case: &Case, stops_after: Option<(usize, Stop)>, manner: Manner) -> Written {
    let mut headers = case.headers.clone();
    let events = if case.is_stream() {
        case.events()
    } else {
        headers.push(content_length(case.body.len()));
        vec![case.body.clone()]
    };
    let mut stream = Stream::new(manner, stops_after);
    for event in events {
        stream.push(event.into(), case.status == 200);
    }
    Written { status: case.status, headers, ..stream.end() }
}

/// The pieces of a stream while it is written.
pub(super) struct Stream {
    manner: Manner,
    pieces: Vec<Piece>,
    tokens: usize,
    stops_after: Option<(usize, Stop)>,
}

impl Stream {
    pub(super) fn new(manner: Manner, stops_after: Option<(usize, Stop)>) -> Self {
        Self { manner, pieces: Vec::new(), tokens: 0, stops_after }
    }

    /// Whether the answer has come to the token it stops at.
    fn has_stopped(&self) -> bool {
        self.stops_after.is_some_and(|(tokens, _)| self.tokens >= tokens)
    }

    pub(super) fn push(&mut self, bytes: Bytes, is_token: bool) {
        if self.has_stopped() {
            return;
        }
        let wait = match self.tokens {
            _ if !is_token => Duration::ZERO,
            0 => self.manner.first_token_delay,
            _ => self.manner.token_delay,
        };
        self.tokens += usize::from(is_token);
        self.pieces.push(Piece { wait, is_token, bytes });
    }

    pub(super) fn end(self) -> Written {
        // An answer with fewer tokens than it stops after stops behind its last.
        let ending = Ending::of(self.stops_after.map(|(_, stop)| stop));
        let headers = vec![("content-type".to_owned(), EVENTS.to_owned())];
        Written { status: 200, headers, pieces: deliver(self.pieces, self.manner.delivery), ending }
    }
}

/// Cuts pieces smaller or joins them.
fn deliver(pieces: Vec<Piece>, delivery: Delivery) -> Vec<Piece> {
    match delivery {
        Delivery::PerEvent => pieces,
        Delivery::Whole => {
            let wait = pieces.iter().map(|piece| piece.wait).sum();
            let is_token = pieces.iter().any(|piece| piece.is_token);
            let bytes = pieces.iter().flat_map(|piece| piece.bytes.iter().copied()).collect();
            vec![Piece { wait, is_token, bytes }]
        }
        Delivery::PerLine => pieces.iter().flat_map(|piece| piece.cut(line_length)).collect(),
        Delivery::PerByte => pieces.iter().flat_map(|piece| piece.cut(|_| 1)).collect(),
    }
}

fn line_length(bytes: &[u8]) -> usize {
    bytes.iter().position(|&byte| byte == b'\n').map_or(bytes.len(), |at| at + 1)
}
