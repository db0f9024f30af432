//! Writes a request.

use serde_json::{Value, json};

use super::ChatCompletionsSettings;
use crate::chat::{Message, ToolCall};
use crate::vendors::llm::LlmRequest;

/// The result of a call that was given up, for the model to read.
const CANCELLED: &str = r#"{"error":"cancelled"}"#;

/// The JSON body of a request. `extra_content` knows what the server wants to see again beside a
/// tool call it once made.
pub fn body(
    settings: &ChatCompletionsSettings,
    request: &LlmRequest,
    extra_content: impl Fn(&str) -> Option<Value>,
) -> Value {
    let mut body = json!({
        "model": settings.model,
        "stream": true,
        "messages": messages(&request.messages, extra_content),
        settings.max_tokens_field.as_str(): settings.max_tokens,
    });
    if let Some(temperature) = settings.temperature {
        // Widening the binary fraction would write 0.3 as 0.30000001192092896.
        body["temperature"] = temperature.to_string().parse::<f64>().unwrap_or_default().into();
    }
    if !request.tools.is_empty() {
        let tool = |tool: &crate::tools::ToolSpec| {
            json!({"type": "function", "function": {
                "name": tool.name, "description": tool.description, "parameters": tool.parameters,
            }})
        };
        body["tools"] = request.tools.iter().map(tool).collect();
        body["tool_choice"] = "auto".into();
    }
    for (field, value) in &settings.extra_body {
        body[field] = value.clone();
    }
    body
}

/// The conversation in the server's words.
///
/// Servers refuse a history in which a tool call is not answered before the next message. So every
/// call gets its result right behind it, from wherever it stands, or a made-up one if it was
/// cancelled; results of calls that are not in the history are left out.
fn messages(history: &[Message], extra_content: impl Fn(&str) -> Option<Value>) -> Vec<Value> {
    let mut messages = Vec::with_capacity(history.len());
    for (position, message) in history.iter().enumerate() {
        match message {
            Message::System(text) => messages.push(json!({"role": "system", "content": text})),
            Message::Caller(text) if text.is_empty() => {}
            Message::Caller(text) => messages.push(json!({"role": "user", "content": text})),
            Message::Agent { text, tool_calls } if tool_calls.is_empty() => {
                if !text.is_empty() {
                    messages.push(json!({"role": "assistant", "content": text}));
                }
            }
            Message::Agent { text, tool_calls } => {
                let calls: Vec<_> = tool_calls.iter().map(|call| tool_call(call, extra_content(&call.id))).collect();
                let content = Some(text).filter(|text| !text.is_empty());
                messages.push(json!({"role": "assistant", "content": content, "tool_calls": calls}));
                messages.extend(tool_calls.iter().map(|call| {
                    let content = result_of(&call.id, &history[position + 1..]);
                    json!({"role": "tool", "tool_call_id": call.id, "content": content})
                }));
            }
            Message::ToolResult { .. } => {}
        }
    }
    messages
}

fn tool_call(call: &ToolCall, extra_content: Option<Value>) -> Value {
    // Servers read the arguments of the history again and refuse what is not an object.
    let is_object = serde_json::from_str::<serde_json::Map<String, Value>>(&call.arguments).is_ok();
    let arguments = if is_object { call.arguments.as_str() } else { "{}" };
    let function = json!({"name": call.name, "arguments": arguments});
    let mut call = json!({"id": call.id, "type": "function", "function": function});
    if let Some(extra) = extra_content {
        call["extra_content"] = extra;
    }
    call
}

/// The result of the call `id` in what followed it. Some servers use the same ids in every answer,
/// so a later call of that id ends the search.
fn result_of<'a>(id: &str, followed: &'a [Message]) -> &'a str {
    for message in followed {
        match message {
            Message::ToolResult { id: answered, content, .. } if answered == id => return content,
            Message::Agent { tool_calls, .. } if tool_calls.iter().any(|call| call.id == id) => break,
            _ => {}
        }
    }
    CANCELLED
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::tools::ToolSpec;

    fn request(messages: Vec<Message>, tools: Vec<ToolSpec>) -> LlmRequest {
        let now = "2026-11-23T09:00:00[America/Los_Angeles]".parse().unwrap();
        LlmRequest { messages, tools: Arc::from(tools), now }
    }

    fn written(messages: Vec<Message>) -> Value {
        let settings = ChatCompletionsSettings::default();
        body(&settings, &request(messages, Vec::new()), |_| None)["messages"].clone()
    }

    fn calls(text: &str, ids: &[&str]) -> Message {
        let call = |id: &&str| ToolCall { id: (*id).into(), name: "f".into(), arguments: "{}".into() };
        Message::Agent { text: text.into(), tool_calls: ids.iter().map(call).collect() }
    }

    fn result(id: &str, content: &str) -> Message {
        Message::ToolResult { id: id.into(), name: "f".into(), content: content.into() }
    }

    #[test]
    fn a_conversation_with_a_tool_call_becomes_the_four_roles() {
        let written = written(vec![
            Message::System("You are the golf desk.".into()),
            Message::Caller("Saturday?".into()),
            calls("", &["a"]),
            result("a", "{\"slots\":[]}"),
            calls("Nothing on Saturday.", &[]),
        ]);
        let call = json!({"id": "a", "type": "function", "function": {"name": "f", "arguments": "{}"}});
        assert_eq!(
            written,
            json!([
                {"role": "system", "content": "You are the golf desk."},
                {"role": "user", "content": "Saturday?"},
                {"role": "assistant", "content": null, "tool_calls": [call]},
                {"role": "tool", "tool_call_id": "a", "content": "{\"slots\":[]}"},
                {"role": "assistant", "content": "Nothing on Saturday."},
            ])
        );
    }

    #[test]
    fn every_tool_call_is_answered_before_anything_else_is_said() {
        let written = written(vec![
            calls("One moment.", &["a", "b"]),
            Message::Caller("Hello?".into()),
            result("b", "late"),
            result("x", "orphan"),
        ]);
        let told: Vec<_> = written
            .as_array()
            .unwrap()
            .iter()
            .map(|message| (message["role"].as_str().unwrap(), message["content"].as_str().unwrap()))
            .collect();
        assert_eq!(told, [("assistant", "One moment."), ("tool", CANCELLED), ("tool", "late"), ("user", "Hello?")]);
    }

    #[test]
    fn results_stay_with_their_answer_when_a_server_repeats_its_ids() {
        let written = written(vec![calls("", &["call_0"]), calls("", &["call_0"]), result("call_0", "second")]);
        assert_eq!(written[1]["content"], CANCELLED);
        assert_eq!(written[3]["content"], "second");
    }

    #[test]
    fn silence_and_broken_arguments_are_not_sent() {
        let broken = ToolCall { id: "a".into(), name: "f".into(), arguments: "{\"x\":".into() };
        let written = written(vec![
            Message::Caller(String::new()),
            calls("", &[]),
            Message::Agent { text: String::new(), tool_calls: vec![broken] },
        ]);
        assert_eq!(written[0]["tool_calls"][0]["function"]["arguments"], "{}");
        assert_eq!(written.as_array().unwrap().len(), 2);
    }

    #[test]
    fn tools_settings_and_extra_fields_are_written() {
        let tool = ToolSpec { name: "f".into(), description: "Does f.".into(), parameters: json!({"type": "object"}) };
        let mut settings = ChatCompletionsSettings { temperature: Some(0.3), ..ChatCompletionsSettings::default() };
        settings.extra_body.insert("reasoning_effort".into(), "low".into());
        let request = request(vec![calls("", &["a"])], vec![tool]);
        let body = body(&settings, &request, |id| (id == "a").then(|| json!({"google": 1})));
        assert_eq!(body["temperature"], 0.3);
        assert_eq!(body["max_completion_tokens"], 300);
        assert_eq!(body["reasoning_effort"], "low");
        assert_eq!(body["tools"][0]["function"]["description"], "Does f.");
        assert_eq!(body["messages"][0]["tool_calls"][0]["extra_content"]["google"], 1);
    }

    #[test]
    fn without_tools_none_are_mentioned() {
        let body = body(&ChatCompletionsSettings::default(), &request(vec![], vec![]), |_| None);
        assert!(body.get("tools").is_none() && body.get("tool_choice").is_none());
    }
}
