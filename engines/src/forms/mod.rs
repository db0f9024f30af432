//! `forms`: a scripted agent that fills the arguments of tools by talking.
//!
//! It answers like a language model (messages and tools in, words and tool calls out) without being one:
//! tool definitions are compiled into forms, and a conversation fills them. What a tool is called, what
//! starts it, how its arguments are asked for, read back and told comes from annotations beside the tool
//! definitions (the structs in `annotations` document the format); facts come from the section
//! `## Facts` of the instructions. Nothing here knows what the agent is for.
//!
//! Drive it through [`Llm`]: [`Forms::compile`] once, then [`Llm::answer`] with the conversation so far.
//! It keeps no state between answers: every answer replays the conversation, so an interrupted reply, of
//! which the history holds only what was heard, is understood as the caller heard it.
//!
//! What always holds:
//! - a tool with side effects is called only after a "yes" to a read-back of exactly these values, all of
//!   which the caller heard;
//! - the same messages, tools and time give the same answer, and no input panics;
//! - values go out as the schema wants them: ISO dates, `HH:MM` times, integers within their bounds.
//!
//! Not here: calling tools, normalising the recogniser's slips (the host does both), languages other than
//! English.

use std::sync::Arc;

use futures_util::StreamExt as _;
use futures_util::stream::{self, BoxStream};
use serde_json::Value as Json;
use thiserror::Error;
use voice_pipeline::chat::{Message, ToolCall};
use voice_pipeline::tools::ToolSpec;
use voice_pipeline::vendors::VendorError;
use voice_pipeline::vendors::llm::{Finish, Llm, LlmEvent, LlmRequest};

mod annotations;
mod compile;
mod dialogue;
mod facts;
mod intent;
mod keypad;
mod mentions;
mod phrases;
mod replay;
mod spoken;
mod template;
mod trigger;

pub use keypad::KEYPAD;

/// The built-in tool that ends the call; offered by the host.
pub const END_CALL: &str = "end_call";

/// The built-in tool that transfers the caller; offered by the host where it can.
pub const TRANSFER: &str = "transfer_to_person";

/// What `forms` is made from.
#[derive(Debug, Clone)]
pub struct FormsAgent {
    /// BCP 47 tag; only English is spoken here.
    pub language: String,
    /// The tools, in the order in which they are preferred.
    pub tools: Vec<FormsTool>,
    /// The agent-wide annotations (`[forms]`); `null` for none.
    pub annotations: Json,
}

/// A tool with its annotations.
#[derive(Debug, Clone)]
pub struct FormsTool {
    /// As the host offers it.
    pub spec: ToolSpec,
    /// Whether calling it changes something; such a tool needs a read-back.
    pub side_effect: bool,
    /// Its annotations (`[tools.forms]`); `null` for none.
    pub annotations: Json,
}

/// Why an agent cannot be compiled.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum FormsError {
    /// An annotation or schema that makes no sense.
    #[error("cannot make a form of tool {tool}, field {field}: {problem}")]
    Annotation {
        /// The tool's name; `(agent)` for agent-wide annotations.
        tool: String,
        /// The argument, or the annotation's key.
        field: String,
        /// What is wrong and what it should be.
        problem: String,
    },
    /// A language without grammars.
    #[error("forms speaks English, but the agent's language is {0}; set LLM_BASE_URL to use a language model")]
    Language(String),
}

/// The scripted agent.
#[derive(Debug, Clone)]
pub struct Forms {
    book: Arc<compile::Book>,
}

impl Forms {
    /// Checks the annotations and makes the forms.
    pub fn compile(agent: &FormsAgent) -> Result<Self, FormsError> {
        Ok(Self { book: Arc::new(compile::book(agent)?) })
    }

    /// What is wrong with an agent, for a check that goes on behind the first mistake: empty exactly when
    /// [`Forms::compile`] succeeds.
    pub fn problems(agent: &FormsAgent) -> Vec<FormsError> {
        compile::problems(agent)
    }

    /// The whole answer to a conversation, as events.
    fn events(&self, request: &LlmRequest) -> Vec<LlmEvent> {
        let plan = replay::plan(&self.book, request);
        let mut events: Vec<LlmEvent> = Vec::new();
        let last = plan.sentences.len().saturating_sub(1);
        for (at, sentence) in plan.sentences.into_iter().enumerate() {
            events.push(LlmEvent::Text(if at == last { sentence } else { sentence + " " }));
        }
        let Some((name, arguments)) = plan.call else {
            events.push(LlmEvent::Done(Finish::Stop));
            return events;
        };
        let calls = request.messages.iter().map(|message| match message {
            Message::Agent { tool_calls, .. } => tool_calls.len(),
            _ => 0,
        });
        let id = format!("forms_{}", calls.sum::<usize>() + 1);
        events.push(LlmEvent::ToolCall(ToolCall { id, name, arguments: arguments.to_string() }));
        events.push(LlmEvent::Done(Finish::ToolCalls));
        events
    }
}

impl Llm for Forms {
    fn name(&self) -> &'static str {
        "forms"
    }

    fn answer(&self, request: LlmRequest) -> BoxStream<'static, Result<LlmEvent, VendorError>> {
        let events = self.events(&request);
        stream::iter(events.into_iter().map(Ok)).boxed()
    }
}
