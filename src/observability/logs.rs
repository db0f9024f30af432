//! Call events as log lines.
//!
//! One line per event: a constant message, everything that varies in fields. A call is told at info in
//! four kinds of lines (answered, committed, measured, ended); failures of vendors warn; the rest is
//! debug. Personal fields are named `pii.*` and filled only when the operator asked for them.

use std::io::IsTerminal as _;

use thiserror::Error;
use tracing::{debug, info, warn};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::ParseError;
use tracing_subscriber::util::{SubscriberInitExt as _, TryInitError};
use voice_pipeline::event::EventKind;
use voice_pipeline::pii::Pii;

use super::fields::rounded_millis;
use super::hub::{StampedEvent, Subscription};

/// Why logging could not start.
#[derive(Debug, Error)]
pub enum LogError {
    /// The filter cannot be read.
    #[error("the log filter cannot be read; write a level such as info")]
    Filter(#[from] ParseError),
    /// Something else in the process logs already.
    #[error("logging was started twice")]
    Started(#[from] TryInitError),
}

/// Starts logging to standard error, which leaves standard output to events and commands.
pub fn init_tracing(filter: &str, json: bool) -> Result<(), LogError> {
    let lines = tracing_subscriber::fmt()
        .with_env_filter(EnvFilter::try_new(filter)?)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal());
    if json {
        lines.json().flatten_event(true).finish().try_init()?;
    } else {
        lines.finish().try_init()?;
    }
    Ok(())
}

/// Logs every event, each within the span it was emitted in, until the subscription ends.
pub async fn run(mut events: Subscription, show_pii: bool) {
    while let Some(event) = events.recv().await {
        event.span.in_scope(|| log(&event, show_pii));
    }
}

/// Writes one line: `line!(level, event, "message", fields…)`.
macro_rules! line {
    ($level:ident, $event:ident, $message:literal $(, $($field:tt)+)?) => {
        $level!(
            call_id = &*$event.call_id,
            at_ms = $event.at.as_millis(),
            turn = $event.turn.map(|turn| turn.0),
            $($($field)+,)?
            $message
        )
    };
}

pub(super) fn log(stamped: &StampedEvent, show_pii: bool) {
    let event = &stamped.event;
    // A field that is `None` is left out of the line.
    let shown = |personal: &'_ Pii<String>| show_pii.then(|| personal.expose().clone());
    match &event.kind {
        EventKind::CallAnswered { agent, from, to } => {
            line!(info, event, "call answered", agent = &**agent, pii.from = shown(from), pii.to = shown(to));
        }
        EventKind::TurnCommitted { text, waited } => {
            let waited_ms = rounded_millis(*waited);
            line!(info, event, "turn committed", waited_ms, pii.text = shown(text));
        }
        EventKind::TurnMeasured(latency) => {
            let [endpointing, first_token, first_piece, first_audio, first_frame, heard] =
                latency.parts().map(|(_, part)| rounded_millis(part));
            line!(
                info,
                event,
                "turn measured",
                total_ms = rounded_millis(latency.total()),
                endpointing_ms = endpointing,
                first_token_ms = first_token,
                first_piece_ms = first_piece,
                first_audio_ms = first_audio,
                first_frame_ms = first_frame,
                heard_ms = heard
            );
        }
        EventKind::CallEnded { reason, lasted } => {
            let lasted_ms = rounded_millis(*lasted);
            line!(info, event, "call ended", reason = reason.as_str(), lasted_ms);
        }
        EventKind::VendorReplaced { stage, from, to } => {
            line!(warn, event, "another vendor goes on", stage, from, to);
        }
        EventKind::VendorFailed { stage, vendor, kind } => {
            line!(warn, event, "vendor failed", stage, vendor, kind);
        }
        EventKind::LlmGaveUp => line!(warn, event, "language model gave no answer in time"),
        EventKind::TtsSilent => line!(warn, event, "synthesiser gave no audio in time"),
        EventKind::SttSilent => line!(warn, event, "recogniser gave no transcript in time"),
        kind => log_detail(stamped, kind, &shown),
    }
}

/// What only matters to somebody who looks closely at one call.
fn log_detail(stamped: &StampedEvent, kind: &EventKind, shown: &dyn Fn(&Pii<String>) -> Option<String>) {
    let event = &stamped.event;
    match kind {
        EventKind::TranscriptInterim { text } => line!(debug, event, "interim transcript", pii.text = shown(text)),
        EventKind::TranscriptFinal { text, took } => {
            let took_ms = rounded_millis(*took);
            line!(debug, event, "final transcript", took_ms, pii.text = shown(text));
        }
        EventKind::TurnScored { probability } => line!(debug, event, "turn scored", probability),
        EventKind::DigitsEntered { digits } => line!(debug, event, "keypad entered", pii.digits = shown(digits)),
        EventKind::ReplyPiece { piece, text } => {
            line!(debug, event, "reply piece", piece, pii.text = shown(text));
        }
        EventKind::BargeIn { after } => line!(debug, event, "barge-in", after_ms = rounded_millis(*after)),
        EventKind::ReplyCancelled { heard } => line!(debug, event, "reply cancelled", pii.heard = shown(heard)),
        EventKind::ToolCalled { name, arguments } => {
            line!(debug, event, "tool called", tool = name, pii.arguments = shown(arguments));
        }
        EventKind::ToolReturned { name, took, succeeded, normalised } => {
            let took_ms = rounded_millis(*took);
            line!(debug, event, "tool returned", tool = name, took_ms, succeeded, normalised);
        }
        EventKind::ToolSlow { name } => line!(debug, event, "tool is slow", tool = name),
        EventKind::SilencePrompted { attempt } => line!(debug, event, "silence prompted", attempt),
        EventKind::QueueFull { stage } => line!(debug, event, "queue full", stage),
        EventKind::AudioDropped { stage, frames } => line!(debug, event, "audio dropped", stage, frames),
        EventKind::CallTurnedAway { reason } => line!(info, event, "call turned away", reason),
        EventKind::CarrierStatus { status } => line!(debug, event, "carrier status", status),
        EventKind::StreamStatus { status } => line!(debug, event, "stream status", status),
        EventKind::CallClosing { reason } => line!(debug, event, "call closing", reason = reason.as_str()),
        plain => line!(debug, event, "call event", event = plain.name()),
    }
}
