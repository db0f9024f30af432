//! From a conversation's messages to the dialogue's next plan.
//!
//! Utterances with nothing audible between them are one thought: a reply that was cut off before the
//! caller heard any of it never happened.

use std::collections::BTreeMap;

use voice_pipeline::chat::Message;
use voice_pipeline::vendors::llm::LlmRequest;

use super::compile::Book;
use super::dialogue::{Dialogue, Plan};
use super::facts::facts;
use super::keypad::keypad_digits;

/// Something that happened in the conversation.
enum Happened<'m> {
    Caller { text: String, typed: bool },
    Heard(&'m str),
    Called { name: &'m str, arguments: &'m str },
    Returned { name: &'m str, content: &'m str },
}

/// What to do next.
pub(crate) fn plan(book: &Book, request: &LlmRequest) -> Plan {
    let prompt: Vec<&str> = request
        .messages
        .iter()
        .filter_map(|message| match message {
            Message::System(text) => Some(text.as_str()),
            _ => None,
        })
        .collect();
    let facts = facts(&prompt.join("\n"));
    let offered: Vec<&str> = request.tools.iter().map(|tool| tool.name.as_str()).collect();
    let mut dialogue = Dialogue::new(book, &facts, &request.now, &offered);
    let mut answered = false;
    for happened in happened(&request.messages) {
        answered = matches!(happened, Happened::Caller { .. } | Happened::Returned { .. });
        match happened {
            Happened::Caller { text, typed } => dialogue.caller(&text, typed),
            Happened::Heard(text) => dialogue.heard(text),
            Happened::Called { name, arguments } => dialogue.called(name, arguments),
            Happened::Returned { name, content } => dialogue.returned(name, content),
        }
    }
    dialogue.plan(answered)
}

fn happened(messages: &[Message]) -> Vec<Happened<'_>> {
    let mut out: Vec<Happened<'_>> = Vec::new();
    let mut calls: BTreeMap<&str, &str> = BTreeMap::new();
    for message in messages {
        match message {
            Message::System(_) => {}
            Message::Caller(text) => match out.last_mut() {
                Some(Happened::Caller { text: before, typed }) => {
                    before.push_str(", ");
                    before.push_str(&without_marking(text));
                    *typed &= keypad_digits(text).is_some();
                }
                _ => {
                    let typed = keypad_digits(text).is_some();
                    out.push(Happened::Caller { text: without_marking(text), typed });
                }
            },
            Message::Agent { text, tool_calls } => {
                if !text.trim().is_empty() {
                    out.push(Happened::Heard(text));
                }
                for call in tool_calls {
                    calls.insert(&call.id, &call.name);
                    out.push(Happened::Called { name: &call.name, arguments: &call.arguments });
                }
            }
            Message::ToolResult { id, name, content } => {
                let name = calls.get(id.as_str()).copied().unwrap_or(name);
                out.push(Happened::Returned { name, content });
            }
        }
    }
    out
}

/// Typed digits count like spoken ones.
fn without_marking(text: &str) -> String {
    keypad_digits(text).unwrap_or_else(|| text.to_owned())
}
