//! Answers as a test writes them.

use std::fmt::Display;
use std::time::Duration;

use super::error::ApiError;
use super::wire::Cut;

/// What the server does with one request.
///
/// A token is a word with the space behind it, or a piece of a tool call; in a recorded case it is an
/// event.
#[derive(Debug, Clone)]
pub struct Answer {
    pub(super) content: Content,
    pub(super) delay: Duration,
    pub(super) first_token_delay: Option<Duration>,
    pub(super) token_delay: Option<Duration>,
    pub(super) stops_after: Option<(usize, Stop)>,
    pub(super) cut: Option<Cut>,
}

#[derive(Debug, Clone)]
pub(super) enum Content {
    Said { text: String, calls: Vec<Call>, finish: Option<String> },
    Case(String),
    Stream(String),
    Error { error: ApiError, headers: Vec<(String, String)> },
    Never,
}

#[derive(Debug, Clone)]
pub(super) struct Call {
    pub(super) id: Option<String>,
    pub(super) name: String,
    pub(super) arguments: String,
}

/// How an answer stops that does not come to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stop {
    BreaksOff,
    Hangs,
}

impl Answer {
    fn new(content: Content) -> Self {
        Self {
            content,
            delay: Duration::ZERO,
            first_token_delay: None,
            token_delay: None,
            stops_after: None,
            cut: None,
        }
    }

    /// Says this, word by word.
    pub fn says(text: impl Into<String>) -> Self {
        Self::new(Content::Said { text: text.into(), calls: Vec::new(), finish: None })
    }

    /// Says nothing and calls a tool. The arguments are sent as they are written, whether they are
    /// JSON or not, in pieces.
    pub fn calls(name: impl Into<String>, arguments: impl Display) -> Self {
        Self::says("").and_calls(name, arguments)
    }

    /// Calls this tool as well, after everything so far.
    #[must_use]
    pub fn and_calls(self, name: impl Into<String>, arguments: impl Display) -> Self {
        self.and_call(None, name.into(), arguments.to_string())
    }

    /// Like [`Answer::and_calls`], with the id of the call; otherwise one is made.
    #[must_use]
    pub fn and_calls_as(self, id: impl Into<String>, name: impl Into<String>, arguments: impl Display) -> Self {
        self.and_call(Some(id.into()), name.into(), arguments.to_string())
    }

    fn and_call(mut self, id: Option<String>, name: String, arguments: String) -> Self {
        if let Content::Said { calls, .. } = &mut self.content {
            calls.push(Call { id, name, arguments });
        }
        self
    }

    /// Gives this `finish_reason` instead of the one that fits, such as `content_filter`.
    #[must_use]
    pub fn finishing(mut self, reason: impl Into<String>) -> Self {
        if let Content::Said { finish, .. } = &mut self.content {
            *finish = Some(reason.into());
        }
        self
    }

    /// The recorded answer of this id, whatever the request asks; see [`super::case_ids`].
    pub fn case(id: impl Into<String>) -> Self {
        Self::new(Content::Case(id.into()))
    }

    /// A stream with exactly this body, whatever it is.
    pub fn streams(body: impl Into<String>) -> Self {
        Self::new(Content::Stream(body.into()))
    }

    /// An error status.
    pub fn error(error: ApiError) -> Self {
        Self::new(Content::Error { error, headers: Vec::new() })
    }

    /// A further header of an error, such as `retry-after-ms`.
    #[must_use]
    pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        if let Content::Error { headers, .. } = &mut self.content {
            headers.push((name.into(), value.into()));
        }
        self
    }

    /// Takes the request and never says anything, not even a status.
    pub fn never() -> Self {
        Self::new(Content::Never)
    }

    /// Lets the client wait for the status line.
    #[must_use]
    pub fn after(mut self, delay: Duration) -> Self {
        self.delay = delay;
        self
    }

    /// Waits so long for the first token and for each further one, instead of as the plan says.
    #[must_use]
    pub fn paced(mut self, first: Duration, next: Duration) -> Self {
        (self.first_token_delay, self.token_delay) = (Some(first), Some(next));
        self
    }

    /// Breaks the connection off after so many tokens.
    #[must_use]
    pub fn breaking_off_after(mut self, tokens: usize) -> Self {
        self.stops_after = Some((tokens, Stop::BreaksOff));
        self
    }

    /// Sends so many tokens, then nothing more, and does not end.
    #[must_use]
    pub fn hanging_after(mut self, tokens: usize) -> Self {
        self.stops_after = Some((tokens, Stop::Hangs));
        self
    }

    /// Cuts the connection while this answer is written.
    #[must_use]
    pub fn cut(mut self, cut: Cut) -> Self {
        self.cut = Some(cut);
        self
    }
}

impl From<ApiError> for Answer {
    fn from(error: ApiError) -> Self {
        Self::error(error)
    }
}
