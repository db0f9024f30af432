//! What the server does, as a test plans it.

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;

use super::answer::Answer;
use super::wire::Cut;

/// What the server does. The default echoes at once, takes every key and every model, and breaks
/// nothing. It may be changed while the server runs; a change holds from the next request on.
#[derive(Debug, Clone, Default)]
pub struct ChatPlan {
    /// Answers to the next requests, in their order.
    pub queue: VecDeque<Answer>,
    /// What the others get.
    pub default: DefaultAnswer,
    /// How long the first token takes after the head of the answer.
    pub first_token_delay: Duration,
    /// How long each further token takes.
    pub token_delay: Duration,
    /// In which pieces an answer is written.
    pub delivery: Delivery,
    /// What ends the lines of a stream.
    pub line_end: LineEnd,
    /// The only key that is let in.
    pub key: Option<String>,
    /// The models there are; when empty, every name is one.
    pub models: Vec<String>,
    /// What happens to connections, by their number.
    pub connection_faults: BTreeMap<u64, ConnectionFault>,
    /// How the next answer is cut.
    pub next_answer_cut: Option<Cut>,
}

impl ChatPlan {
    /// Answers with these, one a request, then echoes.
    pub fn script(answers: impl IntoIterator<Item = Answer>) -> Self {
        Self { queue: answers.into_iter().collect(), ..Self::default() }
    }
}

/// What a request gets that the script has no answer for.
#[derive(Clone, Default)]
pub enum DefaultAnswer {
    /// `You said: …`, with the last words of the user.
    #[default]
    Echo,
    /// Always the same words.
    Fixed(String),
    /// What this makes of the request.
    By(Arc<dyn Fn(&Value) -> Answer + Send + Sync>),
}

impl DefaultAnswer {
    /// Answers with what `answer` makes of the request.
    pub fn by(answer: impl Fn(&Value) -> Answer + Send + Sync + 'static) -> Self {
        Self::By(Arc::new(answer))
    }

    pub(super) fn to(&self, request: &Value) -> Answer {
        match self {
            Self::Echo => Answer::says(format!("You said: {}", last_words(request))),
            Self::Fixed(text) => Answer::says(text.as_str()),
            Self::By(answer) => answer(request),
        }
    }
}

impl fmt::Debug for DefaultAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Echo => f.write_str("Echo"),
            Self::Fixed(text) => f.debug_tuple("Fixed").field(text).finish(),
            Self::By(_) => f.write_str("By(..)"),
        }
    }
}

/// In which pieces an answer is written. Each piece is a chunk of HTTP and a write of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Delivery {
    /// All of it at its end, as through a proxy that buffers.
    Whole,
    /// Event by event.
    #[default]
    PerEvent,
    /// Line by line.
    PerLine,
    /// Byte by byte.
    PerByte,
}

/// What ends a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum LineEnd {
    /// Line feed.
    #[default]
    Lf,
    /// Carriage return and line feed.
    CrLf,
}

impl LineEnd {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Lf => "\n",
            Self::CrLf => "\r\n",
        }
    }
}

/// What happens to a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ConnectionFault {
    /// It is closed as soon as it was accepted.
    Refuse,
    /// Its answers are cut.
    Cut(Cut),
}

/// What the user said last.
pub fn last_words(request: &Value) -> String {
    let messages = request["messages"].as_array();
    let last = messages.and_then(|messages| messages.iter().rev().find(|message| message["role"] == "user"));
    last.map(|message| text_of(&message["content"])).unwrap_or_default()
}

/// The text of a message's content, which is a string or a list of parts.
pub(super) fn text_of(content: &Value) -> String {
    match content {
        Value::String(text) => text.clone(),
        Value::Array(parts) => parts.iter().filter_map(|part| part["text"].as_str()).collect(),
        _ => String::new(),
    }
}
