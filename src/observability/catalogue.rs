//! What each event means, and docs/EVENTS.md.

use std::fmt::Write as _;

use super::metrics;

/// An event as docs/EVENTS.md lists it.
struct Described {
    name: &'static str,
    meaning: &'static str,
    fields: &'static [(&'static str, &'static str)],
}

const fn event(
    name: &'static str,
    meaning: &'static str,
    fields: &'static [(&'static str, &'static str)],
) -> Described {
    Described { name, meaning, fields }
}

#[rustfmt::skip]
const EVENTS: &[Described] = &[
    event("call.answered", "The media stream is up and the agent takes the call.", &[
        ("agent", "the agent's name"), ("pii.from", "the caller's number"), ("pii.to", "the dialled number"),
    ]),
    event("speech.started", "The caller began to speak.", &[]),
    event("speech.stopped", "The caller paused.", &[]),
    event("transcript.interim", "A guess at what the caller is saying.", &[("pii.text", "the utterance so far")]),
    event("transcript.final", "What the recogniser stands by.", &[
        ("took_ms", "from the pause to this text"), ("pii.text", "the utterance so far"),
    ]),
    event("transcript.empty", "The caller spoke and no words were found.", &[]),
    event("turn.scored", "The turn model gave its opinion on a pause.", &[
        ("probability", "that the caller is done, 0 to 1"),
    ]),
    event("keypad.entered", "The caller typed on the keypad.", &[("pii.digits", "the keys")]),
    event("turn.committed", "The floor passed to the agent.", &[
        ("waited_ms", "from the end of speech to the decision"), ("pii.text", "what the caller said"),
    ]),
    event("reply.first_token", "The model's first words arrived.", &[]),
    event("reply.first_piece", "The first speakable piece was cut.", &[]),
    event("reply.first_audio", "The first audio of the reply was synthesised.", &[]),
    event("reply.piece", "A piece of the reply went to the synthesiser.", &[
        ("piece", "its number within the turn, from 0"), ("pii.text", "its text"),
    ]),
    event("playout.started", "The first frame of the reply was handed to the carrier.", &[]),
    event("playout.finished", "The caller heard the reply to its end.", &[]),
    event("barge_in", "The caller spoke over the reply and meant it.", &[
        ("after_ms", "from the onset of their speech to the silence of the agent"),
    ]),
    event("reply.held", "Speech over the reply silenced it; whether it is an interruption is open.", &[]),
    event("reply.resumed", "It was no interruption: the reply goes on where it was silenced.", &[]),
    event("reply.cancelled", "A reply was dropped before its end.", &[("pii.heard", "what the caller had heard of it")]),
    event("turn.measured", "How long the caller waited for this turn's answer. The parts sum to the total.", &[
        ("total_ms", "end of the caller's speech to the first sound of the answer"),
        ("endpointing_ms", "last voiced frame to turn committed"),
        ("first_token_ms", "committed to first token of the model"),
        ("first_piece_ms", "first token to first speakable piece"),
        ("first_audio_ms", "first piece to first audio from the synthesiser"),
        ("first_frame_ms", "first audio to first frame handed to the carrier"),
        ("heard_ms", "first frame handed over to heard"),
    ]),
    event("tool.called", "The model asked for a tool.", &[("tool", "its name"), ("pii.arguments", "the arguments, JSON")]),
    event("tool.returned", "A tool came back.", &[
        ("tool", "its name"), ("took_ms", "how long it took"), ("succeeded", "whether it did what it was asked"),
        ("normalised", "how many of its arguments did not fit the schema and were read as what it wants"),
    ]),
    event("tool.slow", "A tool runs long; a filler is spoken.", &[("tool", "its name")]),
    event("llm.slow", "The model is slow; a filler is spoken.", &[]),
    event("llm.gave_up", "The model did not answer in time; the call ends with an apology.", &[]),
    event("tts.silent", "The synthesiser gave no audio in time.", &[]),
    event("stt.silent", "The caller spoke and no transcript came.", &[]),
    event("silence.prompted", "Nobody spoke for a while; the caller is asked whether they are still there.", &[
        ("attempt", "1 for the first question"),
    ]),
    event("vendor.connected", "The connection to a vendor is up.", &[
        ("stage", "`stt` or `tts`"), ("vendor", "its name in the settings"),
        ("took_ms", "name look-up, TCP, TLS and upgrade together"),
    ]),
    event("vendor.replaced", "Another vendor goes on for one that failed.", &[
        ("stage", "`stt`, `llm` or `tts`"), ("from", "the one that failed"), ("to", "the one that goes on"),
    ]),
    event("vendor.failed", "A vendor failed.", &[
        ("stage", "`stt`, `llm` or `tts`"), ("vendor", "its name in the settings"),
        ("kind", "`refused`, `busy`, `timed_out`, `malformed`, `failed` or `disconnected`"),
    ]),
    event("queue.full", "A worker's queue was full and a job was left out.", &[("stage", "whose queue it is")]),
    event("audio.dropped", "Caller audio could not be kept up with.", &[
        ("stage", "which dropped it"), ("frames", "frames of 20 ms since the last such event"),
    ]),
    event("call.turned_away", "The caller heard the busy line instead of an agent.", &[
        ("reason", "full or draining"),
    ]),
    event("carrier.status", "The carrier reported the state of the call.", &[
        ("status", "the carrier's word: ringing, in-progress, completed, busy, failed, no-answer, canceled"),
    ]),
    event("stream.status", "The carrier reported the state of the media stream.", &[
        ("status", "the carrier's word: stream-started, stream-stopped or stream-error"),
    ]),
    event("call.closing", "The agent or a limit is ending the call; the closing words are being spoken.", &[
        ("reason", "as in `call.ended`"),
    ]),
    event("call.ended", "The call is over and all its tasks are gone.", &[
        ("reason", "`caller_hung_up`, `agent_goodbye`, `caller_silent`, `vendor_failure`, `time_limit`, `draining` or `carrier_fault`"),
        ("lasted_ms", "how long it lasted"),
    ]),
];

/// The text of docs/EVENTS.md.
pub fn events_markdown() -> String {
    let mut page = String::from(
        "# Events and metrics\n\n\
         Every call emits one stream of events. It feeds the logs, the metrics and, when `EVENTS` is set,\n\
         JSON lines on standard output or in a file, one object per event:\n\n\
         ```json\n\
         {\"time\":\"2026-11-23T17:05:09.120Z\",\"call_id\":\"CA1f0c\",\"at_ms\":6480,\"turn\":1,\"event\":\"turn.committed\",\"waited_ms\":230}\n\
         ```\n\n\
         `time` is the time of day, `at_ms` the milliseconds since the call was answered, `turn` is left out\n\
         where there is none. Durations are whole milliseconds. Fields named `pii.…` hold what people said,\n\
         typed or are called from; they are there only with `LOG_PII=true`. Nothing waits for a reader of\n\
         events: a slow one loses some, and `voice_gateway_events_lost_total` counts them.\n\n\
         This page is written by `cargo run -- events > docs/EVENTS.md`; a test fails when it is stale.\n\n\
         ## Events\n\n\
         | event | meaning | fields |\n| --- | --- | --- |\n",
    );
    for Described { name, meaning, fields } in EVENTS {
        let fields: Vec<_> = fields.iter().map(|(name, meaning)| format!("`{name}`: {meaning}")).collect();
        row(&mut page, &[&format!("`{name}`"), meaning, &fields.join("; ")]);
    }
    page.push_str("\n## Metrics\n\n`/metrics` on `ADMIN_ADDR`, in Prometheus' text format.\n\n");
    page.push_str("| metric | type | labels | meaning |\n| --- | --- | --- | --- |\n");
    for [name, shape, labels, meaning] in metrics::rows() {
        row(&mut page, &[&format!("`{name}`"), shape, labels, meaning]);
    }
    page
}

fn row(page: &mut String, cells: &[&str]) {
    writeln!(page, "| {} |", cells.join(" | ")).expect("writing to a string does not fail");
}

#[cfg(test)]
pub(super) mod tests {
    use std::collections::BTreeSet;
    use std::time::Duration;

    use voice_pipeline::event::{CallEvent, EndReason, EventKind, TurnLatency};
    use voice_pipeline::pii::Pii;
    use voice_pipeline::time::CallTime;
    use voice_pipeline::turn::TurnId;

    use super::super::fields::{Value, fields};
    use super::*;

    fn planted(what: &str) -> Pii<String> {
        Pii::new(format!("planted \"{what}\"\n"))
    }

    /// One event of every kind. Whatever is personal contains the word "planted".
    pub(in super::super) fn samples() -> Vec<CallEvent> {
        let took = Duration::from_millis(120);
        let tool = || "bookTeeTime".to_owned();
        let latency = TurnLatency {
            endpointing: Duration::from_millis(230),
            first_token: Duration::from_millis(140),
            first_piece: Duration::from_millis(20),
            first_audio: Duration::from_millis(190),
            first_frame: Duration::from_millis(15),
            heard: Duration::from_millis(60),
        };
        let kinds = vec![
            EventKind::CallAnswered { agent: "golf".into(), from: planted("from"), to: planted("to") },
            EventKind::SpeechStarted,
            EventKind::SpeechStopped,
            EventKind::TranscriptInterim { text: planted("interim") },
            EventKind::TranscriptFinal { text: planted("final"), took },
            EventKind::NothingUnderstood,
            EventKind::TurnScored { probability: 0.8 },
            EventKind::DigitsEntered { digits: planted("digits") },
            EventKind::TurnCommitted { text: planted("turn"), waited: took },
            EventKind::ReplyFirstToken,
            EventKind::ReplyFirstPiece,
            EventKind::ReplyFirstAudio,
            EventKind::ReplyPiece { piece: 0, text: planted("piece") },
            EventKind::PlayoutStarted,
            EventKind::PlayoutFinished,
            EventKind::BargeIn { after: took },
            EventKind::ReplyHeld,
            EventKind::ReplyResumed,
            EventKind::ReplyCancelled { heard: planted("heard") },
            EventKind::TurnMeasured(latency),
            EventKind::ToolCalled { name: tool(), arguments: planted("arguments") },
            EventKind::ToolReturned { name: tool(), took, succeeded: false, normalised: 1 },
            EventKind::ToolSlow { name: tool() },
            EventKind::LlmSlow,
            EventKind::LlmGaveUp,
            EventKind::TtsSilent,
            EventKind::SttSilent,
            EventKind::SilencePrompted { attempt: 1 },
            EventKind::VendorConnected { stage: "stt", vendor: "deepgram", took: Duration::from_millis(85) },
            EventKind::VendorReplaced { stage: "llm", from: "chat", to: "forms" },
            EventKind::VendorFailed { stage: "llm", vendor: "chat", kind: "timed_out" },
            EventKind::QueueFull { stage: "stt" },
            EventKind::AudioDropped { stage: "ingress", frames: 7 },
            EventKind::CallTurnedAway { reason: "full" },
            EventKind::CarrierStatus { status: "in-progress".into() },
            EventKind::StreamStatus { status: "stream-started".into() },
            EventKind::CallClosing { reason: EndReason::Draining },
            EventKind::CallEnded { reason: EndReason::CallerHungUp, lasted: took },
        ];
        let at = CallTime::from_millis(6_480);
        let event = |kind| CallEvent { call_id: "CA1f0c".into(), at, turn: Some(TurnId(1)), kind };
        kinds.into_iter().map(event).collect()
    }

    #[test]
    fn the_page_in_docs_is_the_one_the_tables_give() {
        let page = include_str!("../../docs/EVENTS.md");
        assert!(page == events_markdown(), "docs/EVENTS.md is stale: cargo run -- events > docs/EVENTS.md");
    }

    #[test]
    fn every_event_is_described_with_exactly_the_fields_it_has() {
        let samples = samples();
        let names: BTreeSet<_> = samples.iter().map(|event| event.kind.name()).collect();
        let described: BTreeSet<_> = EVENTS.iter().map(|described| described.name).collect();
        assert_eq!(names, described);
        assert_eq!(names.len(), samples.len());
        for event in &samples {
            let described = EVENTS.iter().find(|described| described.name == event.kind.name()).unwrap();
            let written: Vec<_> = fields(&event.kind).iter().map(|(name, _)| *name).collect();
            let listed: Vec<_> = described.fields.iter().map(|(name, _)| *name).collect();
            assert_eq!(written, listed, "{}", described.name);
        }
    }

    #[test]
    fn personal_values_are_exactly_the_fields_named_pii() {
        for event in samples() {
            for (name, value) in fields(&event.kind) {
                assert_eq!(name.starts_with("pii."), matches!(value, Value::Personal(_)), "{name}");
            }
        }
    }
}
