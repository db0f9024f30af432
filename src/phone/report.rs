//! What `call` prints: both sides' words, the latency of every reply, what each call came to, a summary.
//!
//! Text for people, or one JSON object a line for programs.

use std::io::Write;
use std::time::Duration;

use serde_json::{Value, json};
use voice_pipeline::time::CallTime;

use super::latency::TurnLatency;
use super::summary::{Figures, Outcome, Replies, Summary};

/// How the report is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    /// Lines for people.
    Text,
    /// One JSON object a line.
    Json,
}

/// Something that happened in a call.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Entry {
    /// The caller said something, or pressed keys.
    Caller { at: CallTime, words: String },
    /// The agent was heard.
    Agent { at: CallTime, words: String },
    /// The carrier itself spoke.
    Carrier { at: CallTime, words: String },
    /// How long the caller waited for a reply, which was first heard at this time.
    Latency { at: CallTime, latency: TurnLatency },
    /// A carrier would complain.
    Warning { at: CallTime, code: u32, what: String },
    /// Something the user should know.
    Note { at: CallTime, what: String },
}

impl Entry {
    /// When it happened.
    pub(super) fn at(&self) -> CallTime {
        match self {
            Self::Caller { at, .. }
            | Self::Agent { at, .. }
            | Self::Carrier { at, .. }
            | Self::Latency { at, .. }
            | Self::Warning { at, .. }
            | Self::Note { at, .. } => *at,
        }
    }

    fn text(&self) -> String {
        match self {
            Self::Caller { words, .. } => format!("caller: {words}"),
            Self::Agent { words, .. } if words.is_empty() => "agent:  (no words)".to_owned(),
            Self::Agent { words, .. } => format!("agent:  {words}"),
            Self::Carrier { words, .. } => format!("(carrier says: {words})"),
            Self::Latency { latency, .. } => {
                let TurnLatency { total, gateway, buffer, lead_in, .. } = latency;
                format!(
                    "        answered in {} ms = {} network and gateway + {} playout buffer + {} silence before the first sound",
                    total.as_millis(),
                    gateway.as_millis(),
                    buffer.as_millis(),
                    lead_in.as_millis()
                )
            }
            Self::Warning { code, what, .. } => format!("(warning {code}: {what})"),
            Self::Note { what, .. } => format!("({what})"),
        }
    }

    fn json(&self, call: usize) -> Value {
        let words = |kind: &str, at: &CallTime, words: &str| json!({"type": kind, "call": call, "at_ms": at.as_millis(), "text": words});
        match self {
            Self::Caller { at, words: text } => words("caller", at, text),
            Self::Agent { at, words: text } => words("agent", at, text),
            Self::Carrier { at, words: text } => words("carrier", at, text),
            Self::Latency { latency, .. } => json!({
                "type": "latency",
                "call": call,
                "at_ms": latency.caller_stopped.as_millis(),
                "total_ms": ms(latency.total),
                "gateway_ms": ms(latency.gateway),
                "buffer_ms": ms(latency.buffer),
                "lead_in_ms": ms(latency.lead_in),
            }),
            Self::Warning { at, code, what } => {
                json!({"type": "warning", "call": call, "at_ms": at.as_millis(), "code": code, "what": what})
            }
            Self::Note { at, what } => json!({"type": "note", "call": call, "at_ms": at.as_millis(), "what": what}),
        }
    }
}

/// Writes the report of one call or of several.
pub(super) struct Report<W> {
    format: Format,
    out: W,
}

impl<W: Write> Report<W> {
    pub(super) fn new(format: Format, out: W) -> Self {
        Self { format, out }
    }

    /// Something happened in a call.
    pub(super) fn entry(&mut self, call: usize, entry: &Entry) {
        self.line(|| entry.text(), || entry.json(call));
    }

    /// What one of several calls came to, for people as one line.
    pub(super) fn call(&mut self, outcome: &Outcome) {
        self.line(|| format!("call {}: {}", outcome.call, outcome_text(outcome)), || outcome_json(outcome));
    }

    /// What the only call came to, which is the whole summary.
    pub(super) fn only_call(&mut self, outcome: &Outcome) {
        match (self.format, &outcome.figures) {
            (Format::Json, _) => {
                self.line(String::new, || outcome_json(outcome));
                self.summary(&Summary::of(std::slice::from_ref(outcome)));
            }
            (Format::Text, Some(figures)) => self.line(|| figures_text(figures), || Value::Null),
            // Why there was no call is told as the error of the command.
            (Format::Text, None) => {}
        }
    }

    /// What several calls came to.
    pub(super) fn summary(&mut self, summary: &Summary) {
        self.line(|| summary_text(summary), || summary_json(summary));
    }

    fn line(&mut self, text: impl FnOnce() -> String, value: impl FnOnce() -> Value) {
        let line = match self.format {
            Format::Text => text(),
            Format::Json => value().to_string(),
        };
        // Nobody reads any more when this fails; the call itself goes on.
        let _ = writeln!(self.out, "{line}").and_then(|()| self.out.flush());
    }
}

fn outcome_text(outcome: &Outcome) -> String {
    match (&outcome.failed, &outcome.figures) {
        (Some(why), _) => format!("failed: {why}"),
        (None, Some(figures)) => figures_text(figures),
        (None, None) => "not made".to_owned(),
    }
}

fn figures_text(figures: &Figures) -> String {
    let Replies { count, median, p95, .. } = Replies::of(&figures.replies);
    let greeted =
        figures.first_sound.map_or(String::new(), |after| format!("first sound after {} ms · ", after.as_millis()));
    format!(
        "{:.1} s · {greeted}{count} replies · median {} ms · p95 {} ms · longest silence {:.1} s · {} warnings · ended by: {}",
        figures.duration.as_secs_f64(),
        median.as_millis(),
        p95.as_millis(),
        figures.longest_silence.as_secs_f64(),
        figures.warnings,
        figures.ended_by
    )
}

fn outcome_json(outcome: &Outcome) -> Value {
    let Outcome { call, sid, figures, failed } = outcome;
    let mut value = json!({
        "type": "call",
        "call": call,
        "call_sid": sid,
        "answered": figures.is_some(),
        "failed": failed,
    });
    if let Some(figures) = figures {
        let replies = replies_json(&Replies::of(&figures.replies));
        let more = json!({
            "duration_ms": ms(figures.duration),
            "first_sound_ms": figures.first_sound.map(ms),
            "longest_silence_ms": ms(figures.longest_silence),
            "warnings": figures.warnings,
            "ended_by": figures.ended_by.to_string(),
        });
        extend(&mut value, replies);
        extend(&mut value, more);
    }
    value
}

fn summary_text(summary: &Summary) -> String {
    let Summary { calls, answered, failures, replies, longest_silence, warnings } = summary;
    let mut text = format!(
        "{calls} calls · {answered} answered · {} failed · {} replies · median {} ms · p95 {} ms · max {} ms · longest \
         silence {:.1} s · {warnings} warnings",
        failures.len(),
        replies.count,
        replies.median.as_millis(),
        replies.p95.as_millis(),
        replies.max.as_millis(),
        longest_silence.as_secs_f64()
    );
    for (call, why) in failures {
        text.push_str(&format!("\n  call {call} failed: {why}"));
    }
    text
}

fn summary_json(summary: &Summary) -> Value {
    let failures: Vec<_> = summary.failures.iter().map(|(call, why)| json!({"call": call, "failed": why})).collect();
    let mut value = json!({
        "type": "summary",
        "calls": summary.calls,
        "answered": summary.answered,
        "failed": summary.failures.len(),
        "failures": failures,
        "longest_silence_ms": ms(summary.longest_silence),
        "warnings": summary.warnings,
    });
    extend(&mut value, replies_json(&summary.replies));
    value
}

fn replies_json(replies: &Replies) -> Value {
    json!({
        "replies": replies.count,
        "median_ms": ms(replies.median),
        "p95_ms": ms(replies.p95),
        "max_ms": ms(replies.max),
    })
}

fn extend(value: &mut Value, more: Value) {
    if let (Value::Object(value), Value::Object(more)) = (value, more) {
        value.extend(more);
    }
}

/// Milliseconds with their microseconds, so that parts still sum to the whole.
fn ms(span: Duration) -> f64 {
    span.as_micros() as f64 / 1_000.0
}
