//! Tools: what an agent does over HTTP, and the two things every agent can do by itself.
//!
//! [`BackendTools`] is made for one call and gives the pipeline its tools. A call to a tool always
//! comes back with words for the model: a result, the faults of its arguments, or what went wrong.
//!
//! What always holds:
//! - arguments reach the backend only after they passed the tool's schema, read as what it wants where they
//!   did not;
//! - no argument changes which host or resource is addressed;
//! - every logical call has its own `Idempotency-Key`, the same over all its tries;
//! - a result is at most [`BackendSettings::result_max_bytes`] long, and a note says when it was cut;
//! - nothing of arguments or results is logged.
//!
//! Not here: how many calls a turn may make and what is said meanwhile (the session).

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use futures_util::FutureExt;
use futures_util::future::{BoxFuture, ready};
use jiff::Zoned;
use serde_json::json;
use sha2::{Digest, Sha256};
use voice_pipeline::chat::ToolCall;
use voice_pipeline::tools::{Effect, ToolOutcome, ToolSpec, Tools};

use crate::agent::{Agent, END_CALL, TRANSFER_TO_PERSON, Tool};

mod arguments;
mod client;
mod outcome;

pub use client::{BackendClient, BackendSettings};

/// The tools of one call.
#[derive(Debug)]
pub struct BackendTools {
    agent: Arc<Agent>,
    client: Arc<BackendClient>,
    call_id: Arc<str>,
    specs: Arc<[ToolSpec]>,
    calls_made: AtomicU32,
}

impl BackendTools {
    /// The tools of `agent` in the call `call_id`.
    pub fn new(agent: Arc<Agent>, client: Arc<BackendClient>, call_id: impl Into<Arc<str>>) -> Self {
        let spec = |tool: &Arc<Tool>| ToolSpec {
            name: tool.name.clone(),
            description: tool.description.clone(),
            parameters: tool.parameters.clone(),
        };
        let transfer = agent.person_number.as_ref().map(|_| transfer_spec());
        let specs = agent.tools.iter().map(spec).chain([end_call_spec()]).chain(transfer).collect();
        Self { agent, client, call_id: call_id.into(), specs, calls_made: AtomicU32::new(0) }
    }

    fn offers(&self, name: &str) -> bool {
        self.specs.iter().any(|spec| spec.name == name)
    }

    /// Model servers may use an id twice in one conversation, so the number of the call is part of
    /// its key.
    fn idempotency_key(&self, call: &ToolCall) -> String {
        let number = self.calls_made.fetch_add(1, Ordering::Relaxed);
        let parts = [self.call_id.as_bytes(), &number.to_be_bytes(), call.id.as_bytes()];
        let digest = Sha256::digest(parts.join(&0));
        digest[..16].iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

impl Tools for BackendTools {
    fn specs(&self) -> Arc<[ToolSpec]> {
        Arc::clone(&self.specs)
    }

    fn effect(&self, name: &str) -> Effect {
        match self.agent.tool(name) {
            Some(tool) if tool.side_effect => Effect::Changes,
            None if matches!(name, END_CALL | TRANSFER_TO_PERSON) && self.offers(name) => Effect::EndsCall,
            Some(_) | None => Effect::Reads,
        }
    }

    fn filler(&self, name: &str) -> Option<String> {
        self.agent.tool(name).and_then(|tool| tool.filler.clone())
    }

    fn call(&self, call: ToolCall) -> BoxFuture<'static, ToolOutcome> {
        if let Some(tool) = self.agent.tool(&call.name) {
            let key = self.idempotency_key(&call);
            let (tool, client, call_id) = (Arc::clone(tool), Arc::clone(&self.client), Arc::clone(&self.call_id));
            let now = Zoned::now().with_time_zone(self.agent.timezone.clone());
            return async move { client.call(&tool, &call.arguments, &now, (&call_id, &key)).await }.boxed();
        }
        let outcome = match call.name.as_str() {
            name if !self.offers(name) => outcome::unknown_tool(name, &self.specs),
            _ => outcome::done(),
        };
        ready(outcome).boxed()
    }
}

fn end_call_spec() -> ToolSpec {
    ToolSpec {
        name: END_CALL.to_owned(),
        description: "Hangs up. Use it when the caller says goodbye or needs nothing more. \
                      Put your last words into goodbye instead of saying them before."
            .to_owned(),
        parameters: json!({
            "type": "object",
            "properties": {"goodbye": {"type": "string", "description": "The last words to the caller."}},
            "additionalProperties": false,
        }),
    }
}

fn transfer_spec() -> ToolSpec {
    ToolSpec {
        name: TRANSFER_TO_PERSON.to_owned(),
        description: "Puts the caller through to a person. Use it when they ask for one or you cannot help. \
                      Say first that you are putting them through."
            .to_owned(),
        parameters: json!({
            "type": "object",
            "properties": {"reason": {"type": "string", "description": "What the caller needs."}},
            "additionalProperties": false,
        }),
    }
}

#[cfg(test)]
mod tests;
