//! What `call` prints: both sides' words as they happen, the latency of every reply, a summary.
//!
//! Text for people, or one JSON object a line for programs.

use std::io::Write;
use std::time::Duration;

use serde_json::{Value, json};
use voice_pipeline::time::CallTime;

use super::latency::{TurnLatency, percentile};
use super::live::CallRecord;

/// How the report is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    /// Lines for people.
    Text,
    /// One JSON object a line.
    Json,
}

/// Writes the report of one call.
pub(super) struct Report<W> {
    format: Format,
    out: W,
}

impl<W: Write> Report<W> {
    pub(super) fn new(format: Format, out: W) -> Self {
        Self { format, out }
    }

    pub(super) fn caller(&mut self, at: CallTime, words: &str) {
        self.line(|| format!("caller: {words}"), || json!({"type": "caller", "at_ms": at.as_millis(), "text": words}));
    }

    pub(super) fn agent(&mut self, at: CallTime, words: &str) {
        let audible = if words.is_empty() { "(no words)" } else { words };
        self.line(|| format!("agent:  {audible}"), || json!({"type": "agent", "at_ms": at.as_millis(), "text": words}));
    }

    pub(super) fn carrier(&mut self, at: CallTime, words: &str) {
        self.line(
            || format!("(carrier says: {words})"),
            || json!({"type": "carrier", "at_ms": at.as_millis(), "text": words}),
        );
    }

    pub(super) fn latency(&mut self, latency: &TurnLatency) {
        let TurnLatency { total, gateway, buffer, lead_in, caller_stopped } = *latency;
        self.line(
            || {
                format!(
                    "        answered in {} ms = {} network and gateway + {} playout buffer + {} silence before the first sound",
                    total.as_millis(),
                    gateway.as_millis(),
                    buffer.as_millis(),
                    lead_in.as_millis()
                )
            },
            || {
                json!({
                    "type": "latency",
                    "at_ms": caller_stopped.as_millis(),
                    "total_ms": ms(total),
                    "gateway_ms": ms(gateway),
                    "buffer_ms": ms(buffer),
                    "lead_in_ms": ms(lead_in),
                })
            },
        );
    }

    pub(super) fn warning(&mut self, at: CallTime, code: u32, what: &str) {
        self.line(
            || format!("(warning {code}: {what})"),
            || json!({"type": "warning", "at_ms": at.as_millis(), "code": code, "what": what}),
        );
    }

    pub(super) fn note(&mut self, at: CallTime, what: &str) {
        self.line(|| format!("({what})"), || json!({"type": "note", "at_ms": at.as_millis(), "what": what}));
    }

    pub(super) fn summary(&mut self, record: &CallRecord, greeted_after: Option<Duration>) {
        let totals: Vec<Duration> = record.latencies.iter().map(|turn| turn.total).collect();
        let (median, p95) = (percentile(&totals, 0.5), percentile(&totals, 0.95));
        let text = || {
            let greeted =
                greeted_after.map_or(String::new(), |after| format!("first sound after {} ms · ", after.as_millis()));
            format!(
                "{:.1} s · {greeted}{} replies · median {} ms · p95 {} ms · longest silence {:.1} s · {} warnings · ended by: {}",
                record.duration.as_secs_f64(),
                totals.len(),
                median.as_millis(),
                p95.as_millis(),
                record.longest_silence.as_secs_f64(),
                record.warnings,
                record.ended_by
            )
        };
        let value = || {
            json!({
                "type": "summary",
                "duration_ms": ms(record.duration),
                "first_sound_ms": greeted_after.map(ms),
                "replies": totals.len(),
                "median_ms": ms(median),
                "p95_ms": ms(p95),
                "longest_silence_ms": ms(record.longest_silence),
                "warnings": record.warnings,
                "ended_by": record.ended_by.to_string(),
            })
        };
        self.line(text, value);
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

/// Milliseconds with their microseconds, so that parts still sum to the whole.
fn ms(span: Duration) -> f64 {
    span.as_micros() as f64 / 1_000.0
}
