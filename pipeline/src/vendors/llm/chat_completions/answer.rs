//! Reads one answer: the data of its events in, text and tool calls out.

use serde_json::{Value, json};

use super::assembler::{Assembled, CallAssembler};
use super::tags::TagFilter;
use super::{VENDOR, failure};
use crate::vendors::VendorError;
use crate::vendors::llm::{Finish, LlmEvent};

/// How much of an answer is kept back, all tool calls together. No tool takes arguments of that size.
const CALLS_MAX_BYTES: usize = 256 * 1024;

/// What an answer cost, where the server says so.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Usage {
    /// Tokens of the request.
    pub prompt_tokens: u64,
    /// Those of them that the server had in its cache.
    pub cached_tokens: u64,
    /// Tokens of the answer.
    pub completion_tokens: u64,
}

/// One answer while it arrives.
///
/// Feed every event's data to [`Answer::handle_data`] and say [`Answer::handle_end`] when the body
/// is over; a body that is one JSON document goes to [`Answer::handle_document`]. After an error only
/// [`Answer::handle_break`] has something left to hand out; after [`LlmEvent::Done`] nothing has.
#[derive(Debug, Default)]
pub struct Answer {
    tags: TagFilter,
    calls: CallAssembler,
    called: bool,
    finish: Option<Finish>,
    over: bool,
    tokens: u64,
    usage: Option<Usage>,
    extra_content: Vec<(String, Value)>,
}

impl Answer {
    /// Takes the data of the next event.
    pub fn handle_data(&mut self, data: &str, out: &mut Vec<LlmEvent>) -> Result<(), VendorError> {
        if self.over || data.trim().is_empty() {
            return Ok(());
        }
        if data.trim() == "[DONE]" {
            // Some servers finish without a reason; their `[DONE]` is a clean end all the same.
            self.finish.get_or_insert(Finish::Stop);
            return self.handle_end(out);
        }
        self.handle_json(data.as_bytes(), "a chunk of a chat completion", out)
    }

    /// Takes a body that is one JSON document, from a server that does not stream.
    pub fn handle_document(&mut self, body: &[u8], out: &mut Vec<LlmEvent>) -> Result<(), VendorError> {
        self.handle_json(body, "a chat completion", out)?;
        self.handle_end(out)
    }

    /// The body is over, or nothing more of it is waited for.
    pub fn handle_end(&mut self, out: &mut Vec<LlmEvent>) -> Result<(), VendorError> {
        if std::mem::replace(&mut self.over, true) {
            return Ok(());
        }
        let finish = match self.finish {
            Some(finish) => finish,
            // Without a reason to stop, whole tool calls are the only sign of a whole answer.
            None if self.calls.is_empty() || self.calls.is_cut() => return Err(cut_off()),
            None => Finish::ToolCalls,
        };
        self.flush(out);
        out.push(LlmEvent::Done(if self.called { Finish::ToolCalls } else { finish }));
        Ok(())
    }

    /// The body broke off. A tool call that arrived whole counts all the same: it may change something, and
    /// whoever is asked next would make it again.
    pub fn handle_break(&mut self, out: &mut Vec<LlmEvent>) {
        self.over = true;
        let whole = self.calls.finish_whole();
        self.hand_out_calls(whole, out);
    }

    /// Whether the model has said all it wants. What may still follow is bookkeeping.
    pub fn has_finished(&self) -> bool {
        self.finish.is_some()
    }

    /// Whether `Done` was handed out.
    pub fn is_over(&self) -> bool {
        self.over
    }

    /// Grows with every token that arrives, spoken or not: a sign that the model is at work.
    pub fn tokens(&self) -> u64 {
        self.tokens
    }

    /// What the answer cost, if the server said so.
    pub fn usage(&self) -> Option<Usage> {
        self.usage
    }

    /// What the server wants to see again beside a tool call, by the call's id.
    pub fn take_extra_content(&mut self) -> Vec<(String, Value)> {
        std::mem::take(&mut self.extra_content)
    }

    fn handle_json(&mut self, json: &[u8], expected: &'static str, out: &mut Vec<LlmEvent>) -> Result<(), VendorError> {
        let chunk = serde_json::from_slice(json).map_err(|_| malformed(expected, json.len()));
        let taken = chunk.and_then(|chunk| self.handle_chunk(&chunk, out)).and_then(|()| self.check_size());
        taken.inspect_err(|_| self.over = true)
    }

    fn handle_chunk(&mut self, chunk: &Value, out: &mut Vec<LlmEvent>) -> Result<(), VendorError> {
        if !self.has_finished()
            && let Some(error) = failure::in_stream(chunk)
        {
            return Err(error);
        }
        self.usage = usage(&chunk["usage"]).or(usage(&chunk["x_groq"]["usage"])).or(self.usage);
        let Some(choice) = chunk["choices"].get(0) else { return Ok(()) };
        let delta = match &choice["delta"] {
            Value::Null => &choice["message"],
            delta => delta,
        };
        for field in ["content", "refusal"] {
            self.handle_text(&text_of(&delta[field]), out);
        }
        for call in delta["tool_calls"].as_array().into_iter().flatten() {
            self.tokens += 1;
            self.calls.push(call);
        }
        let reasons = ["reasoning_content", "reasoning"];
        self.tokens += u64::from(reasons.iter().any(|&field| !text_of(&delta[field]).is_empty()));
        if let Some(reason) = choice["finish_reason"].as_str() {
            self.tokens += 1;
            self.finish = Some(finish(reason));
            self.flush(out);
        }
        Ok(())
    }

    /// What is kept back until the answer is over must not grow for ever.
    fn check_size(&self) -> Result<(), VendorError> {
        let kept = self.calls.bytes() + self.tags.bytes();
        if kept > CALLS_MAX_BYTES { Err(malformed("tool calls of up to 256 KiB", kept)) } else { Ok(()) }
    }

    fn handle_text(&mut self, text: &str, out: &mut Vec<LlmEvent>) {
        if text.is_empty() {
            return;
        }
        self.tokens += 1;
        let visible = self.tags.push(text);
        self.hand_out(visible, out);
    }

    fn hand_out(&mut self, visible: String, out: &mut Vec<LlmEvent>) {
        if !visible.is_empty() {
            out.push(LlmEvent::Text(visible));
        }
        for call in self.tags.take_calls() {
            // What is no call is dropped: it is not for the caller's ear either.
            let function: Value = serde_json::from_str(&call).unwrap_or_default();
            self.calls.push(&json!({ "function": function }));
        }
    }

    /// Hands out what was held back.
    fn flush(&mut self, out: &mut Vec<LlmEvent>) {
        let held = self.tags.finish();
        self.hand_out(held, out);
        let calls = self.calls.finish();
        self.hand_out_calls(calls, out);
    }

    fn hand_out_calls(&mut self, calls: Vec<Assembled>, out: &mut Vec<LlmEvent>) {
        for assembled in calls {
            self.called = true;
            if let Some(extra) = assembled.extra_content {
                self.extra_content.push((assembled.call.id.clone(), extra));
            }
            out.push(LlmEvent::ToolCall(assembled.call));
        }
    }
}

/// Text of a field that is a string or, at some servers, a list of parts.
fn text_of(content: &Value) -> String {
    match content {
        Value::String(text) => text.clone(),
        Value::Array(parts) => parts.iter().filter_map(|part| part["text"].as_str()).collect(),
        _ => String::new(),
    }
}

fn finish(reason: &str) -> Finish {
    match reason {
        "length" | "max_tokens" => Finish::Length,
        "content_filter" => Finish::Filtered,
        _ => Finish::Stop,
    }
}

fn usage(value: &Value) -> Option<Usage> {
    Some(Usage {
        prompt_tokens: value["prompt_tokens"].as_u64()?,
        cached_tokens: value["prompt_tokens_details"]["cached_tokens"].as_u64().unwrap_or(0),
        completion_tokens: value["completion_tokens"].as_u64().unwrap_or(0),
    })
}

fn malformed(expected: &'static str, size_bytes: usize) -> VendorError {
    VendorError::Malformed { vendor: VENDOR, expected, size_bytes }
}

fn cut_off() -> VendorError {
    let cause = std::io::Error::new(std::io::ErrorKind::UnexpectedEof, "the answer ended without a reason to stop");
    VendorError::Disconnected { vendor: VENDOR, cause }
}

#[cfg(test)]
#[path = "answer_tests.rs"]
mod tests;
