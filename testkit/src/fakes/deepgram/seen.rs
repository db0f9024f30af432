//! What a [`FakeDeepgram`](super::FakeDeepgram) tells while it works.

use std::sync::Arc;

use tokio::time::Instant;

/// Is told everything the fake sees and does, on the fake's tasks: it must return quickly and must
/// not wait.
pub type Observer = Arc<dyn Fn(Seen) + Send + Sync>;

/// An observer that looks away.
pub fn unobserved() -> Observer {
    Arc::new(|_| {})
}

/// What can be asked of the vendor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Route {
    /// `GET /v1/listen`, a WebSocket.
    Listen,
    /// `GET /v1/speak`, a WebSocket.
    Speak,
    /// `POST /v1/speak`.
    SpeakHttp,
}

/// Something that happened. `conn` numbers the sockets and spoken requests of one fake from 1, over
/// all routes. Moments of sending are those just before the bytes are written.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Seen {
    /// A recogniser's socket opened.
    Listening {
        /// Which.
        conn: u64,
        /// When.
        at: Instant,
    },
    /// A voice's socket opened, or a spoken request was accepted.
    Speaking {
        /// Which.
        conn: u64,
        /// Whether it is a socket or a request.
        route: Route,
        /// When.
        at: Instant,
    },
    /// A request was refused.
    Refused {
        /// Where.
        route: Route,
        /// With which HTTP status.
        status: u16,
        /// When.
        at: Instant,
    },
    /// The first audio of a socket arrived.
    SttAudio {
        /// Which.
        conn: u64,
        /// When.
        at: Instant,
    },
    /// An interim with words is being sent.
    SttInterim {
        /// Which.
        conn: u64,
        /// When.
        at: Instant,
        /// The words of its window so far.
        text: Arc<str>,
    },
    /// A final is being sent: one with words, or the empty answer to a `Finalize`.
    SttFinal {
        /// Which.
        conn: u64,
        /// When.
        at: Instant,
        /// The words of its window.
        text: Arc<str>,
        /// Whether it answers a `Finalize`.
        from_finalize: bool,
        /// Whether silence ended it.
        speech_final: bool,
    },
    /// A text to be spoken arrived.
    TtsText {
        /// Which.
        conn: u64,
        /// When.
        at: Instant,
        /// As it came.
        text: Arc<str>,
    },
    /// The text so far is to be spoken.
    TtsFlush {
        /// Which.
        conn: u64,
        /// When.
        at: Instant,
    },
    /// The first audio of a flush is being sent.
    TtsFirstAudio {
        /// Which.
        conn: u64,
        /// When.
        at: Instant,
        /// The whole text of the flush.
        text: Arc<str>,
    },
    /// All audio of a flush was sent.
    TtsFlushed {
        /// Which.
        conn: u64,
        /// When.
        at: Instant,
    },
    /// A `Clear` arrived.
    TtsCleared {
        /// Which.
        conn: u64,
        /// When.
        at: Instant,
    },
    /// A socket or a spoken request is over, however it ended.
    Closed {
        /// Which.
        conn: u64,
        /// What it was.
        route: Route,
        /// When.
        at: Instant,
    },
}

impl Seen {
    /// When it happened.
    pub fn at(&self) -> Instant {
        match self {
            Self::Listening { at, .. }
            | Self::Speaking { at, .. }
            | Self::Refused { at, .. }
            | Self::SttAudio { at, .. }
            | Self::SttInterim { at, .. }
            | Self::SttFinal { at, .. }
            | Self::TtsText { at, .. }
            | Self::TtsFlush { at, .. }
            | Self::TtsFirstAudio { at, .. }
            | Self::TtsFlushed { at, .. }
            | Self::TtsCleared { at, .. }
            | Self::Closed { at, .. } => *at,
        }
    }

    /// The connection it happened on; `None` for a request that was refused.
    pub fn conn(&self) -> Option<u64> {
        match self {
            Self::Refused { .. } => None,
            Self::Listening { conn, .. }
            | Self::Speaking { conn, .. }
            | Self::SttAudio { conn, .. }
            | Self::SttInterim { conn, .. }
            | Self::SttFinal { conn, .. }
            | Self::TtsText { conn, .. }
            | Self::TtsFlush { conn, .. }
            | Self::TtsFirstAudio { conn, .. }
            | Self::TtsFlushed { conn, .. }
            | Self::TtsCleared { conn, .. }
            | Self::Closed { conn, .. } => Some(*conn),
        }
    }
}
