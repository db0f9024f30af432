//! What a [`FakeDeepgram`](super::FakeDeepgram) is to do, and to do wrong.

use std::time::Duration;

use serde_json::{Value, json};

use super::Route;
use crate::fakes::fault::Fault;

/// Everything that can be told to the fake before and while it runs. The default is a vendor in good
/// health that is quicker than the real one.
#[derive(Debug, Clone, Default)]
pub struct DeepgramPlan {
    /// The key or token it accepts. Default: any.
    pub key: Option<String>,
    /// Requests still to be refused. Each takes the first entry of its route off the list.
    pub refusals: Vec<(Route, Refusal)>,
    /// Connections that break.
    pub faults: Vec<PlannedFault>,
    /// Whether audio is kept for [`received_audio`](super::FakeDeepgram::received_audio). Read when a
    /// socket opens. Default: no.
    pub keeps_audio: bool,
    /// The recogniser.
    pub stt: SttPlan,
    /// The voice.
    pub tts: TtsPlan,
}

impl DeepgramPlan {
    /// Refuses the next `count` requests of a route, after those that are planned already.
    pub fn refuse(&mut self, route: Route, count: usize, refusal: &Refusal) {
        self.refusals.extend(std::iter::repeat_n((route, refusal.clone()), count));
    }

    /// Breaks the `nth` connection of a route, counted from 1 since the start of the fake.
    pub fn break_nth(&mut self, route: Route, nth: u64, fault: Fault) {
        self.faults.push(PlannedFault { route, nth, fault });
    }
}

/// A connection that breaks.
#[derive(Debug, Clone)]
pub struct PlannedFault {
    /// Where.
    pub route: Route,
    /// Which of its connections, counted from 1 since the start of the fake, those it refused
    /// included.
    pub nth: u64,
    /// How.
    pub fault: Fault,
}

/// An answer that is not a socket and not audio.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// HTTP status.
    pub status: u16,
    /// Headers beside `dg-request-id`, which is always there.
    pub headers: Vec<(String, String)>,
    /// The JSON body. An object gets a `request_id` unless it has one.
    pub body: Value,
}

impl Refusal {
    /// The usual form: a code and a message, the message also in `dg-error`.
    pub fn new(status: u16, err_code: &str, err_msg: &str) -> Self {
        Self {
            status,
            headers: vec![("dg-error".into(), err_msg.into())],
            body: json!({ "err_code": err_code, "err_msg": err_msg }),
        }
    }

    /// A wrong key.
    pub fn unauthorized() -> Self {
        Self::new(401, "INVALID_AUTH", "Invalid credentials.")
    }

    /// Too many sockets at once; asks to wait for so many seconds.
    pub fn too_many(retry_after_secs: u64) -> Self {
        let mut refusal = Self::new(429, "TOO_MANY_REQUESTS", "Too many requests. Please try again later.");
        refusal.headers.push(("retry-after".into(), retry_after_secs.to_string()));
        refusal
    }

    /// A vendor that is down for the moment.
    pub fn unavailable() -> Self {
        Self::new(503, "SERVICE_UNAVAILABLE", "Service temporarily unavailable.")
    }
}

/// How the recogniser listens and answers. A change reaches open sockets with their next message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SttPlan {
    /// Audio between two interims. Default 500 ms.
    pub interim_every: Duration,
    /// How long an interim takes. Default 40 ms.
    pub interim_delay: Duration,
    /// How long a final takes, from the `Finalize` or the endpoint on. Messages keep their order, so
    /// what follows a late final is late as well. Default 80 ms.
    pub final_delay: Duration,
    /// Replaces the query's `endpointing`.
    pub endpointing: Option<Endpointing>,
    /// Whether `Finalize` is answered at all. Default: yes.
    pub answers_finalize: bool,
    /// Whether `Finalize` is answered, with an empty text, when no audio came since the last final.
    /// Default: no, as the vendor may do.
    pub answers_empty_finalize: bool,
    /// Whether a final is sent as two windows, each with a part of its words. Default: no.
    pub splits_finals: bool,
    /// Whether each final is sent twice. Default: no.
    pub duplicates_finals: bool,
    /// Audio after which unbroken speech gets an `is_final` window. Default 3 s.
    pub max_window: Duration,
    /// Whether windows without words are reported. Default: yes, as the vendor does.
    pub sends_empty_results: bool,
    /// What is heard in voiced segments without marks, one after the other, from the first for each
    /// socket. Default: nothing, so such segments have no words.
    pub scripted: Vec<String>,
    /// Time without a message after which the socket is closed with `NET-0001`. Read when a socket
    /// opens. Default 10 s.
    pub idle_timeout: Duration,
}

impl Default for SttPlan {
    fn default() -> Self {
        Self {
            interim_every: Duration::from_millis(500),
            interim_delay: Duration::from_millis(40),
            final_delay: Duration::from_millis(80),
            endpointing: None,
            answers_finalize: true,
            answers_empty_finalize: false,
            splits_finals: false,
            duplicates_finals: false,
            max_window: Duration::from_secs(3),
            sends_empty_results: true,
            scripted: Vec::new(),
            idle_timeout: Duration::from_secs(10),
        }
    }
}

/// When silence ends speech.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Endpointing {
    /// Never.
    Off,
    /// After so much of it.
    After(Duration),
}

/// How the voice speaks. A change reaches open sockets with their next flush.
#[derive(Debug, Clone, PartialEq)]
pub struct TtsPlan {
    /// From a flush to its first audio. Default 60 ms.
    pub first_byte_delay: Duration,
    /// How fast audio is sent.
    pub pace: Pace,
    /// Bytes of a binary message. Default 800, which is 100 ms of μ-law.
    pub chunk_bytes: usize,
    /// Whether a socket begins with `Metadata`. Default: yes.
    pub sends_metadata: bool,
    /// Messages of cleared audio that still come between `Clear` and `Cleared`. Default 0.
    pub late_chunks: usize,
    /// What a flush brings.
    pub flush: FlushAnswer,
    /// Whether audio is silence of the right length, without words. Default: no.
    pub silent: bool,
}

impl Default for TtsPlan {
    fn default() -> Self {
        Self {
            first_byte_delay: Duration::from_millis(60),
            pace: Pace::AtOnce,
            chunk_bytes: 800,
            sends_metadata: true,
            late_chunks: 0,
            flush: FlushAnswer::AudioAndFlushed,
            silent: false,
        }
    }
}

/// How fast audio is sent.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Pace {
    /// As fast as it is taken.
    AtOnce,
    /// This many times faster than it plays.
    RealTime(f64),
}

impl Pace {
    /// How long after the first byte this one may be sent.
    pub(super) fn offset(self, bytes: usize, bytes_per_second: u32) -> Duration {
        match self {
            Self::AtOnce => Duration::ZERO,
            Self::RealTime(times) => Duration::from_secs_f64(bytes as f64 / (f64::from(bytes_per_second) * times)),
        }
    }
}

/// What a flush brings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FlushAnswer {
    /// What it should.
    AudioAndFlushed,
    /// The audio, but never the message that it is complete.
    AudioOnly,
    /// Nothing.
    Nothing,
}
