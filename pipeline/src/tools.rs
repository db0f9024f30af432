//! The tools an agent may use, as the pipeline sees them.

use std::sync::Arc;

use futures_util::future::BoxFuture;
use serde_json::Value;

use crate::chat::ToolCall;

/// A tool as the language model sees it.
#[derive(Debug, Clone, PartialEq)]
pub struct ToolSpec {
    /// `[A-Za-z0-9_-]{1,64}`.
    pub name: String,
    /// What the tool does and when to use it.
    pub description: String,
    /// JSON Schema of the arguments object.
    pub parameters: Value,
}

/// What a tool call means for the conversation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// It only reads: it may run beside others and is dropped when its turn is cancelled.
    Reads,
    /// It changes something outside: it is finished whatever the caller does meanwhile.
    Changes,
    /// It ends the call once the reply's text was played (the built-in `end_call`).
    EndsCall,
}

/// What a tool answered, in words for the model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ToolOutcome {
    /// Content of the tool message: JSON text, or a plain sentence about what went wrong.
    pub content: String,
    /// Whether the tool did what it was asked; counted in metrics.
    pub succeeded: bool,
    /// How many arguments did not fit the tool's schema and were read as what it wants; counted in metrics.
    pub normalised: u32,
}

/// The tools of one call.
///
/// Implementations validate arguments, talk to the backend, retry and time out; they always come
/// back with an outcome. Dropping the future cancels the call.
pub trait Tools: Send + Sync {
    /// The tools offered to the model, built-in ones included.
    fn specs(&self) -> Arc<[ToolSpec]>;

    /// What calling `name` means. An unknown name reads: its outcome tells the model so.
    fn effect(&self, name: &str) -> Effect;

    /// What to say while `name` runs longer than a moment.
    fn filler(&self, name: &str) -> Option<String>;

    /// Runs one call to its end.
    fn call(&self, call: ToolCall) -> BoxFuture<'static, ToolOutcome>;
}
