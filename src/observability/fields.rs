//! The fields of each event, for everything that writes events out.
//!
//! Fields whose name begins with `pii.` are personal. They are [`Value::Personal`], which a writer
//! must leave out unless the operator has asked for them.

use std::time::Duration;

use voice_pipeline::event::{EventKind, TurnLatency};

/// A field's value.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Value<'a> {
    Word(&'a str),
    Count(u64),
    Share(f32),
    Flag(bool),
    /// Something a person said or typed, or their number.
    Personal(&'a str),
}

pub(super) type Fields<'a> = Vec<(&'static str, Value<'a>)>;

/// What an event carries besides call, time, turn and name.
pub(super) fn fields(kind: &EventKind) -> Fields<'_> {
    use Value::{Count, Flag, Personal, Share, Word};
    match kind {
        EventKind::CallAnswered { agent, from, to } => {
            vec![("agent", Word(agent)), ("pii.from", Personal(from.expose())), ("pii.to", Personal(to.expose()))]
        }
        EventKind::TranscriptInterim { text } => vec![("pii.text", Personal(text.expose()))],
        EventKind::TranscriptFinal { text, took } => {
            vec![("took_ms", millis(*took)), ("pii.text", Personal(text.expose()))]
        }
        EventKind::TurnScored { probability } => vec![("probability", Share(*probability))],
        EventKind::DigitsEntered { digits } => vec![("pii.digits", Personal(digits.expose()))],
        EventKind::TurnCommitted { text, waited } => {
            vec![("waited_ms", millis(*waited)), ("pii.text", Personal(text.expose()))]
        }
        EventKind::ReplyPiece { piece, text } => {
            vec![("piece", Count((*piece).into())), ("pii.text", Personal(text.expose()))]
        }
        EventKind::BargeIn { after } => vec![("after_ms", millis(*after))],
        EventKind::ReplyCancelled { heard } => vec![("pii.heard", Personal(heard.expose()))],
        EventKind::TurnMeasured(latency) => measured(latency),
        EventKind::ToolCalled { name, arguments } => {
            vec![("tool", Word(name)), ("pii.arguments", Personal(arguments.expose()))]
        }
        EventKind::ToolReturned { name, took, succeeded, normalised } => vec![
            ("tool", Word(name)),
            ("took_ms", millis(*took)),
            ("succeeded", Flag(*succeeded)),
            ("normalised", Count((*normalised).into())),
        ],
        EventKind::ToolSlow { name } => vec![("tool", Word(name))],
        EventKind::SilencePrompted { attempt } => vec![("attempt", Count((*attempt).into()))],
        EventKind::VendorConnected { stage, vendor, took } => {
            vec![("stage", Word(stage)), ("vendor", Word(vendor)), ("took_ms", millis(*took))]
        }
        EventKind::VendorReplaced { stage, from, to } => {
            vec![("stage", Word(stage)), ("from", Word(from)), ("to", Word(to))]
        }
        EventKind::VendorFailed { stage, vendor, kind } => {
            vec![("stage", Word(stage)), ("vendor", Word(vendor)), ("kind", Word(kind))]
        }
        EventKind::QueueFull { stage } => vec![("stage", Word(stage))],
        EventKind::AudioDropped { stage, frames } => {
            vec![("stage", Word(stage)), ("frames", Count((*frames).into()))]
        }
        EventKind::CallTurnedAway { reason } => vec![("reason", Word(reason))],
        EventKind::CarrierStatus { status } | EventKind::StreamStatus { status } => vec![("status", Word(status))],
        EventKind::CallClosing { reason } => vec![("reason", Word(reason.as_str()))],
        EventKind::CallEnded { reason, lasted } => {
            vec![("reason", Word(reason.as_str())), ("lasted_ms", millis(*lasted))]
        }
        EventKind::SpeechStarted
        | EventKind::SpeechStopped
        | EventKind::ReplyFirstToken
        | EventKind::ReplyFirstPiece
        | EventKind::ReplyFirstAudio
        | EventKind::PlayoutStarted
        | EventKind::PlayoutFinished
        | EventKind::LlmSlow
        | EventKind::LlmGaveUp
        | EventKind::TtsSilent
        | EventKind::SttSilent
        | EventKind::NothingUnderstood
        | EventKind::ReplyHeld
        | EventKind::ReplyResumed => Vec::new(),
    }
}

/// Whole milliseconds of the parts and of their sum. Each part is cut between two rounded moments, so
/// the written parts sum to the written total exactly.
pub(super) fn measured(latency: &TurnLatency) -> Fields<'static> {
    let mut fields = vec![("total_ms", millis(latency.total()))];
    let mut until = Duration::ZERO;
    for (name, (_, part)) in MEASURED_PARTS.into_iter().zip(latency.parts()) {
        let from_ms = rounded_millis(until);
        until += part;
        fields.push((name, Value::Count(rounded_millis(until) - from_ms)));
    }
    fields
}

/// The parts of a turn's latency, in the order of [`TurnLatency::parts`].
const MEASURED_PARTS: [&str; 6] =
    ["endpointing_ms", "first_token_ms", "first_piece_ms", "first_audio_ms", "first_frame_ms", "heard_ms"];

fn millis(span: Duration) -> Value<'static> {
    Value::Count(rounded_millis(span))
}

pub(super) fn rounded_millis(span: Duration) -> u64 {
    let micros = u64::try_from(span.as_micros()).unwrap_or(u64::MAX);
    micros.saturating_add(500) / 1_000
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn written_parts_sum_to_the_written_total_and_keep_their_order() {
        let odd = Duration::from_micros(333_501);
        let latency = TurnLatency {
            endpointing: odd,
            first_token: odd * 2,
            first_piece: Duration::from_micros(499),
            first_audio: odd,
            first_frame: Duration::from_micros(1),
            heard: odd * 3,
        };
        let fields = measured(&latency);
        let counts: Vec<u64> = fields
            .iter()
            .map(|(_, value)| if let Value::Count(count) = value { *count } else { panic!("{value:?}") })
            .collect();
        assert_eq!(counts[0], counts[1..].iter().sum::<u64>());
        for ((name, _), (part, _)) in fields[1..].iter().zip(latency.parts()) {
            assert_eq!(*name, format!("{part}_ms"));
        }
    }
}
