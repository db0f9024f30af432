//! Language model: the seam.

pub mod chat_completions;

use std::sync::Arc;

use futures_util::future::BoxFuture;
use futures_util::stream::BoxStream;

use super::VendorError;
use crate::chat::{Message, ToolCall};
use crate::tools::ToolSpec;

/// What a model is asked.
#[derive(Debug, Clone)]
pub struct LlmRequest {
    /// The conversation, instructions first.
    pub messages: Vec<Message>,
    /// The tools it may call.
    pub tools: Arc<[ToolSpec]>,
    /// Date and time where the agent works.
    pub now: jiff::Zoned,
}

/// What a model answers, piece by piece.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LlmEvent {
    /// The next words to be spoken.
    Text(String),
    /// A complete tool call.
    ToolCall(ToolCall),
    /// The answer is complete; nothing follows.
    Done(Finish),
}

/// Why an answer ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Finish {
    /// The model said all it wanted.
    Stop,
    /// It waits for the results of its tool calls.
    ToolCalls,
    /// It hit its token limit; the text is cut.
    Length,
    /// The vendor's filter stopped it.
    Filtered,
}

/// A language model, or anything that answers like one.
pub trait Llm: Send + Sync {
    /// Its name in the settings.
    fn name(&self) -> &'static str;

    /// Answers the conversation. The stream ends after `Done` or an error; dropping it cancels.
    fn answer(&self, request: LlmRequest) -> BoxStream<'static, Result<LlmEvent, VendorError>>;

    /// A question is to be expected soon: a vendor behind a connection sees to it that one is open.
    fn prepare(&self) -> BoxFuture<'static, ()> {
        Box::pin(std::future::ready(()))
    }
}
