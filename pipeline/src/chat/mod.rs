//! What is said: messages, history, speakable pieces.

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
