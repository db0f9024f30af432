//! What a phone reports: events of a live call, and why there was none.

use std::time::Duration;

use thiserror::Error;
use voice_pipeline::pii::Pii;
use voice_pipeline::time::CallTime;

use super::latency::TurnLatency;

/// Something that happened in a live call. Times count from the moment the number was dialled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PhoneEvent {
    /// The carrier itself spoke a text of the TwiML.
    CarrierSaid {
        /// When.
        at: CallTime,
        /// The text.
        text: Pii<String>,
    },
    /// The stream is open and `start` was sent.
    StreamStarted {
        /// When.
        at: CallTime,
    },
    /// Agent audio arrived and was queued.
    AgentAudio {
        /// When.
        at: CallTime,
        /// How much.
        length: Duration,
    },
    /// The agent can be heard.
    AgentStartedSpeaking {
        /// The time of the first audible sample.
        at: CallTime,
    },
    /// The agent has not been heard for a while and nothing waits to be played, or it was cut off.
    AgentStoppedSpeaking {
        /// The time of the last audible sample.
        at: CallTime,
    },
    /// The caller stopped, and the agent answered.
    Answered(TurnLatency),
    /// A mark went back to the gateway.
    MarkEchoed {
        /// When.
        at: CallTime,
        /// Its name.
        name: String,
        /// Whether everything before it was played; otherwise it was cleared away.
        played: bool,
    },
    /// The gateway dropped what was queued.
    Cleared {
        /// When.
        at: CallTime,
        /// Audio that will not be heard.
        dropped: Duration,
    },
    /// Something a carrier would complain about.
    Warning {
        /// When.
        at: CallTime,
        /// Twilio's number for it.
        code: u32,
        /// What it is.
        what: String,
    },
    /// The call is over. Nothing follows.
    Ended {
        /// When.
        at: CallTime,
        /// Who ended it.
        by: EndedBy,
    },
}

/// Who ended a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EndedBy {
    /// The caller hung up.
    Caller,
    /// The gateway closed the stream or its TwiML came to an end.
    Gateway,
    /// The line broke without a word, because a test asked for it.
    BrokenLine,
    /// The connection broke, or the gateway broke the rules of the WebSocket.
    Failure,
    /// The call reached its longest allowed time.
    TimeLimit,
}

impl std::fmt::Display for EndedBy {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Caller => "caller",
            Self::Gateway => "gateway",
            Self::BrokenLine => "broken line",
            Self::Failure => "failure",
            Self::TimeLimit => "time limit",
        })
    }
}

/// Why a call did not come about.
#[derive(Debug, Error)]
pub enum PhoneError {
    /// A URL that cannot be called.
    #[error("cannot call {url:?}: {problem}")]
    BadUrl {
        /// The URL.
        url: String,
        /// What is wrong with it.
        problem: String,
    },
    /// Nobody answers at the webhook.
    #[error("no gateway answers at {url}; is it running, and is this its address?")]
    Unreachable {
        /// The webhook.
        url: String,
        /// What failed.
        #[source]
        cause: reqwest::Error,
    },
    /// The webhook was refused for its signature.
    #[error("{url} refused the call with status 403: {hint}")]
    Forbidden {
        /// The webhook.
        url: String,
        /// What to do.
        hint: &'static str,
    },
    /// Another status than 2xx.
    #[error("{url} answered with status {status} instead of TwiML")]
    BadStatus {
        /// The webhook.
        url: String,
        /// HTTP status.
        status: u16,
    },
    /// The body was cut off, too large or not announced as XML.
    #[error("the answer of {url} is unusable: {problem}")]
    BadAnswer {
        /// The webhook.
        url: String,
        /// What is wrong.
        problem: String,
    },
    /// The body is no TwiML a carrier would run.
    #[error("the TwiML of {url} is wrong: {problem}")]
    BadTwiml {
        /// The webhook.
        url: String,
        /// What is wrong.
        problem: super::twiml::TwimlError,
    },
    /// The TwiML came to its end without a stream: a busy line.
    #[error("the gateway took no call{}", said_words(said))]
    NotConnected {
        /// What the carrier was told to say instead.
        said: Vec<String>,
    },
    /// The media stream could not be opened.
    #[error("the media stream failed with Twilio's error {code}: {problem}{}", said_words(said))]
    StreamRefused {
        /// Twilio's number for it.
        code: u32,
        /// What went wrong.
        problem: String,
        /// What the carrier was told to say instead.
        said: Vec<String>,
    },
    /// This machine's certificates cannot be used.
    #[error(transparent)]
    Tls(#[from] voice_pipeline::net::websocket::TlsSetupError),
    /// The HTTP client could not be built.
    #[error("cannot set up the http client")]
    Client(#[source] reqwest::Error),
    /// The call is over, so nothing more can be said or waited for.
    #[error("the call is over (ended by: {0})")]
    Over(EndedBy),
    /// A key that no phone has.
    #[error("{0:?} is no key of a phone; keys are 0-9, *, # and A-D")]
    NoSuchKey(char),
}

fn said_words(said: &[String]) -> String {
    if said.is_empty() { String::new() } else { format!(" and said: {}", said.join(" ")) }
}
