//! What is said: messages, history, speakable pieces. Pure: no clock, no I/O.
//!
//! The model's text is cut into [`pieces`] while it is still being written, each piece is freed of
//! markup by [`spoken`], and [`history`] keeps what was said beside what was heard.
//!
//! Not here: the models (`vendors::llm`), the tools (`tools`), when to speak (`turn`).

use std::time::Duration;

pub(crate) mod heard;
pub mod history;
pub mod pieces;
pub mod spoken;

/// When a word of a piece begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WordStart {
    /// Byte offset of the word in the request's text.
    pub offset: usize,
    /// Time from the first sample of the piece.
    pub at: Duration,
}

/// A request of the model to run a tool.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ToolCall {
    /// Pairs the call with its result.
    pub id: String,
    /// The tool's name.
    pub name: String,
    /// The arguments: the text of a JSON object.
    pub arguments: String,
}

/// One message of the conversation as a language model sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Message {
    /// The agent's instructions.
    System(String),
    /// The caller's words.
    Caller(String),
    /// The agent's words, as far as the caller heard them, and the tools it called after them.
    Agent {
        /// May be empty when the reply was only tool calls.
        text: String,
        /// In the order the model made them.
        tool_calls: Vec<ToolCall>,
    },
    /// A tool's answer.
    ToolResult {
        /// The call it answers.
        id: String,
        /// The tool's name.
        name: String,
        /// JSON text or a sentence.
        content: String,
    },
}
