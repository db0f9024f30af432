//! Whole dialogues as scripts.
//!
//! ```text
//! caller Hi, I'd like to book a tee time     the caller says this
//! agent  What day                            the agent's last words contain this (any case)
//! never  sorry                               … and not this
//! tool   bookTeeTime {"players":4}           exactly this call was made in answer to the last words
//! heard  5                                   of the last reply the caller heard only five words
//! host   Are you still there?                the host says this by itself
//! clock  18:17                               it is this late at the club
//! backend down                               the backend answers no more ("up", "slow" likewise)
//! ends                                       the agent ends the call
//! ```
//!
//! A call without its `tool` line fails the script.

use std::collections::BTreeSet;
use std::sync::Arc;

use futures_util::StreamExt as _;
use serde_json::{Value, json};
use voice_engines::forms::{Forms, FormsAgent, FormsTool};
use voice_pipeline::chat::{Message, ToolCall};
use voice_pipeline::tools::ToolSpec;
use voice_pipeline::vendors::llm::{Llm as _, LlmEvent, LlmRequest};

/// An agent under test, and what its backend answers.
pub(crate) struct Stage {
    pub(crate) forms: Forms,
    pub(crate) tools: Arc<[ToolSpec]>,
    pub(crate) prompt: String,
    /// Tools that change something.
    pub(crate) writes: BTreeSet<String>,
    pub(crate) backend: fn(&str, &Value) -> Value,
}

/// One call.
pub(crate) struct Call<'s> {
    stage: &'s Stage,
    pub(crate) messages: Vec<Message>,
    pub(crate) reply: String,
    pub(crate) calls: Vec<(String, Value)>,
    pub(crate) ended: bool,
    backend_up: bool,
    /// Local date and time of the agent, to the minute.
    pub(crate) clock: String,
}

/// How a script went.
#[derive(Debug, Default)]
pub(crate) struct Played {
    /// What was otherwise than the script says, in the order in which it happened.
    pub(crate) misses: Vec<String>,
    /// Calls that change something and stand nowhere in the script.
    pub(crate) wrong_writes: Vec<String>,
    /// The call so far, line by line.
    pub(crate) told: String,
}

/// Reads an `agent.toml`; `transfer`: the host can transfer calls.
pub(crate) fn agent(toml: &str) -> FormsAgent {
    let file: Value = toml::from_str(toml).unwrap();
    let tool = |tool: &Value| FormsTool {
        spec: ToolSpec {
            name: tool["name"].as_str().unwrap().to_owned(),
            description: tool["description"].as_str().unwrap_or_default().to_owned(),
            parameters: tool["parameters"].clone(),
        },
        side_effect: tool["side_effect"].as_bool().unwrap_or_default(),
        annotations: tool.get("forms").cloned().unwrap_or_default(),
    };
    FormsAgent {
        language: file["language"].as_str().unwrap().to_owned(),
        tools: file["tools"].as_array().unwrap().iter().map(tool).collect(),
        annotations: file.get("forms").cloned().unwrap_or_default(),
    }
}

impl Stage {
    pub(crate) fn new(toml: &str, prompt: &str, backend: fn(&str, &Value) -> Value, transfer: bool) -> Self {
        let agent = agent(toml);
        let built_in = |name: &str| ToolSpec {
            name: name.to_owned(),
            description: String::new(),
            parameters: json!({"type": "object"}),
        };
        let mut tools: Vec<ToolSpec> = agent.tools.iter().map(|tool| tool.spec.clone()).collect();
        tools.push(built_in("end_call"));
        if transfer {
            tools.push(built_in("transfer_to_person"));
        }
        let writes = agent.tools.iter().filter(|tool| tool.side_effect).map(|tool| tool.spec.name.clone()).collect();
        let forms = Forms::compile(&agent).unwrap();
        Self { forms, tools: tools.into(), prompt: prompt.to_owned(), writes, backend }
    }

    pub(crate) fn call(&self) -> Call<'_> {
        let messages =
            vec![Message::System(self.prompt.clone()), heard("Thanks for calling, how can I help you today?")];
        Call {
            stage: self,
            messages,
            reply: String::new(),
            calls: Vec::new(),
            ended: false,
            backend_up: true,
            clock: "2026-11-23T09:05".to_owned(),
        }
    }

    /// Plays a script from the start of a call and fails the test when it goes otherwise.
    pub(crate) fn play(&self, script: &str) {
        let played = self.run(script);
        assert!(played.misses.is_empty(), "{}; so far:\n{}", played.misses.join("; "), played.told);
    }

    /// Plays a script from the start of a call.
    pub(crate) fn run(&self, script: &str) -> Played {
        let mut call = self.call();
        let mut played = Played::default();
        let mut expected: Vec<(String, Value)> = Vec::new();
        for line in script.lines().map(str::trim).filter(|line| !line.is_empty()) {
            let (what, rest) =
                line.split_once(char::is_whitespace).map_or((line, ""), |(what, rest)| (what, rest.trim()));
            if matches!(what, "caller" | "keypad") {
                self.check_calls(&call, &std::mem::take(&mut expected), &mut played);
                let words = if what == "keypad" { format!("(keypad) {rest}") } else { rest.to_owned() };
                call.says(&words);
                played.told.push_str(&format!("  caller: {rest}\n  agent: {}  {:?}\n", call.reply, call.calls));
                continue;
            }
            let contains = call.reply.to_lowercase().contains(&rest.to_lowercase());
            match what {
                "agent" if !contains => played.misses.push(format!("expected {rest:?}, got {:?}", call.reply)),
                "never" if contains => played.misses.push(format!("{rest:?} in {:?}", call.reply)),
                "tool" => {
                    let (name, arguments) = rest.split_once(' ').unwrap();
                    expected.push((name.to_owned(), serde_json::from_str(arguments).unwrap()));
                }
                "heard" => call.hears_only(rest.parse().unwrap()),
                "host" => call.messages.push(heard(rest)),
                "clock" => call.clock.replace_range("2026-11-23T".len().., rest),
                "backend" => call.backend_up = rest == "up",
                "ends" if !call.ended => played.misses.push("the call goes on".to_owned()),
                "agent" | "never" | "ends" => {}
                other => panic!("what is {other:?}?"),
            }
        }
        self.check_calls(&call, &expected, &mut played);
        played
    }

    fn check_calls(&self, call: &Call<'_>, expected: &[(String, Value)], played: &mut Played) {
        if call.calls != expected {
            played.misses.push(format!("called {:?}, not {expected:?}", call.calls));
        }
        let wrong = call.calls.iter().filter(|made| self.writes.contains(&made.0) && !expected.contains(made));
        played.wrong_writes.extend(wrong.map(|(name, arguments)| format!("{name} {arguments}")));
    }
}

fn heard(text: &str) -> Message {
    Message::Agent { text: text.to_owned(), tool_calls: Vec::new() }
}

impl Call<'_> {
    /// The caller speaks, and the agent answers until it waits for the caller again.
    pub(crate) fn says(&mut self, text: &str) {
        self.messages.push(Message::Caller(text.to_owned()));
        self.reply.clear();
        self.calls.clear();
        for _ in 0..5 {
            let (text, tool_calls) = self.answer();
            self.reply = format!("{} {text}", self.reply).trim().to_owned();
            self.messages.push(Message::Agent { text, tool_calls: tool_calls.clone() });
            if tool_calls.is_empty() {
                return;
            }
            for call in tool_calls {
                let arguments: Value = serde_json::from_str(&call.arguments).unwrap();
                if call.name == "end_call" || call.name == "transfer_to_person" {
                    self.ended = true;
                    return;
                }
                let result = if self.backend_up {
                    (self.stage.backend)(&call.name, &arguments)
                } else {
                    json!({"error": "backend_unreachable", "message": "the booking system cannot be reached right now"})
                };
                self.calls.push((call.name.clone(), arguments));
                self.messages.push(Message::ToolResult { id: call.id, name: call.name, content: result.to_string() });
            }
        }
        panic!("the agent calls tools for ever");
    }

    /// One answer of the agent, without consequences.
    pub(crate) fn answer(&self) -> (String, Vec<ToolCall>) {
        let request = LlmRequest {
            messages: self.messages.clone(),
            tools: self.stage.tools.clone(),
            now: format!("{}:00[America/Los_Angeles]", self.clock).parse().unwrap(),
        };
        let mut text = String::new();
        let mut calls = Vec::new();
        let events: Vec<_> = futures_util::FutureExt::now_or_never(self.stage.forms.answer(request).collect()).unwrap();
        for event in events {
            match event.unwrap() {
                LlmEvent::Text(piece) => text.push_str(&piece),
                LlmEvent::ToolCall(call) => calls.push(call),
                LlmEvent::Done(_) => {}
            }
        }
        (text, calls)
    }

    /// Of the last reply the caller heard only this much.
    pub(crate) fn hears_only(&mut self, words: usize) {
        let Some(Message::Agent { text, .. }) = self.messages.last_mut() else { panic!("the agent said nothing") };
        *text = text.split_whitespace().take(words).collect::<Vec<_>>().join(" ");
    }
}
