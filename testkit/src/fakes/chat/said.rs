//! Words and tool calls in the form of the protocol: chunks of a stream, or one document.

use std::time::SystemTime;

use bytes::Bytes;
use serde_json::{Value, json};

use super::answer::{Call, Stop};
use super::plan::text_of;
use super::stream::{Manner, Stream, Written, document};

/// How many characters of a tool call's arguments make a token.
const FRAGMENT_CHARS: usize = 6;

/// Words and calls in answer to a request.
pub(super) struct Said<'a> {
    words: Vec<&'a str>,
    calls: Vec<Call>,
    finish: String,
    number: u64,
    model: &'a str,
    created: u64,
    usage: Value,
}

impl<'a> Said<'a> {
    pub(super) fn new(text: &'a str, calls: &[Call], finish: Option<&str>, request: &'a Value, number: u64) -> Self {
        let limit = request["max_completion_tokens"].as_u64().or(request["max_tokens"].as_u64());
        let limit = limit.and_then(|limit| usize::try_from(limit).ok()).unwrap_or(usize::MAX);
        let words: Vec<_> = text.split_inclusive(' ').collect();
        let is_cut = words.len() > limit;
        let calls = if is_cut { &[] } else { calls };
        let fits = match calls {
            _ if is_cut => "length",
            [] => "stop",
            // As the real server does when it had to call this very tool.
            _ if request["tool_choice"].is_object() => "stop",
            _ => "tool_calls",
        };
        let called = calls.iter().map(|call| 1 + fragments(&call.arguments).len()).sum::<usize>();
        let completion = words.len().min(limit) + called;
        let prompt = prompt_tokens(request);
        Self {
            words: words.into_iter().take(limit).collect(),
            calls: calls.iter().enumerate().map(|(index, call)| with_id(call, number, index)).collect(),
            finish: finish.unwrap_or(fits).to_owned(),
            number,
            model: request["model"].as_str().unwrap_or_default(),
            created: SystemTime::UNIX_EPOCH.elapsed().map_or(0, |since| since.as_secs()),
            usage: json!({
                "prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt + completion,
                "prompt_tokens_details": {"cached_tokens": 0, "audio_tokens": 0},
                "completion_tokens_details": {"reasoning_tokens": 0, "audio_tokens": 0},
            }),
        }
    }

    /// What stands in every chunk and in the document.
    fn frame(&self, object: &str, choices: &Value) -> Value {
        json!({
            "id": format!("chatcmpl-{}", self.number), "object": object, "created": self.created, "model": self.model,
            "service_tier": "default", "system_fingerprint": "fp_fake", "choices": choices,
        })
    }

    pub(super) fn stream(&self, request: &Value, stops_after: Option<(usize, Stop)>, manner: Manner) -> Written {
        let options = &request["stream_options"];
        let (with_usage, obfuscated) = (options["include_usage"] == true, options["include_obfuscation"] != false);
        let mut stream = Stream::new(manner, stops_after);
        let eol = manner.line_end.as_str();
        let event = |data: &str| Bytes::from(format!("data: {data}{eol}{eol}"));
        let mut chunk = |delta: Value, finish: Option<&str>, is_token: bool| {
            let size = delta["content"].as_str().map_or(0, str::len);
            let choice = json!({"index": 0, "delta": delta, "logprobs": null, "finish_reason": finish});
            let mut chunk = self.frame("chat.completion.chunk", &json!([choice]));
            if with_usage {
                chunk["usage"] = Value::Null;
            }
            if obfuscated {
                chunk["obfuscation"] = padding(size).into();
            }
            stream.push(event(&chunk.to_string()), is_token);
        };
        let mut opening = json!({"role": "assistant", "content": null});
        if !self.words.is_empty() || self.calls.is_empty() {
            chunk(json!({"role": "assistant", "content": "", "refusal": null}), None, false);
            opening = json!({});
        }
        for word in &self.words {
            chunk(json!({"content": word}), None, true);
        }
        for (index, call) in self.calls.iter().enumerate() {
            let function = json!({"name": call.name, "arguments": ""});
            let begun = json!({"index": index, "id": call.id, "type": "function", "function": function});
            let mut delta = std::mem::replace(&mut opening, json!({}));
            delta["tool_calls"] = json!([begun]);
            chunk(delta, None, true);
            for fragment in fragments(&call.arguments) {
                let more = json!({"index": index, "function": {"arguments": fragment}});
                chunk(json!({"tool_calls": [more]}), None, true);
            }
        }
        if stops_after.is_none() {
            chunk(json!({}), Some(&self.finish), false);
            if with_usage {
                let mut last = self.frame("chat.completion.chunk", &json!([]));
                last["usage"] = self.usage.clone();
                stream.push(event(&last.to_string()), false);
            }
            stream.push(event("[DONE]"), false);
        }
        stream.end()
    }

    pub(super) fn document(&self, stops_after: Option<(usize, Stop)>, manner: Manner) -> Written {
        let text = self.words.concat();
        let content = if text.is_empty() && !self.calls.is_empty() { Value::Null } else { text.into() };
        let mut message = json!({"role": "assistant", "content": content, "refusal": null, "annotations": []});
        if !self.calls.is_empty() {
            let call = |call: &Call| {
                let function = json!({"name": call.name, "arguments": call.arguments});
                json!({"id": call.id, "type": "function", "function": function})
            };
            message["tool_calls"] = self.calls.iter().map(call).collect();
        }
        let choice = json!({"index": 0, "message": message, "logprobs": null, "finish_reason": self.finish});
        let mut body = self.frame("chat.completion", &json!([choice]));
        body["usage"] = self.usage.clone();
        // The document is there when its last token is.
        let tokens = self.usage["completion_tokens"].as_u64().and_then(|tokens| u32::try_from(tokens).ok());
        let further = manner.token_delay * tokens.unwrap_or_default().saturating_sub(1);
        let manner = Manner { first_token_delay: manner.first_token_delay + further, ..manner };
        document(200, &body, stops_after.map(|(_, stop)| stop), manner)
    }
}

fn with_id(call: &Call, number: u64, index: usize) -> Call {
    let id = call.id.clone().unwrap_or_else(|| format!("call_{number}_{index}"));
    Call { id: Some(id), ..call.clone() }
}

/// Fills chunks up to the next sixteen letters, so that the length of one does not tell its word.
fn padding(size: usize) -> &'static str {
    const LETTERS: &str = "qWz81bTnKp0XvRy4";
    &LETTERS[..LETTERS.len() - size % LETTERS.len()]
}

fn fragments(arguments: &str) -> Vec<&str> {
    let cuts: Vec<_> = arguments.char_indices().step_by(FRAGMENT_CHARS).map(|(at, _)| at).collect();
    let ends = cuts.iter().skip(1).copied().chain([arguments.len()]);
    cuts.iter().zip(ends).map(|(&from, to)| &arguments[from..to]).collect()
}

/// Tokens are words here.
fn prompt_tokens(request: &Value) -> usize {
    let messages = request["messages"].as_array().into_iter().flatten();
    messages.map(|message| text_of(&message["content"]).split_whitespace().count()).sum()
}
