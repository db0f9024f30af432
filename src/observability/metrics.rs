//! Call events as Prometheus metrics.
//!
//! Label values come from enums and constants only: never a tool's name, which a model may invent, and
//! never anything a caller said.

use std::time::Duration;

use metrics::{Unit, counter, describe_counter, describe_gauge, describe_histogram, gauge, histogram};
use metrics_exporter_prometheus::{BuildError, Matcher, PrometheusBuilder, PrometheusHandle};
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;
use voice_pipeline::event::{CallEvent, EventKind};

/// Samples wait in memory until they are sorted into buckets; this often they are.
const UPKEEP_EVERY: Duration = Duration::from_secs(5);

/// What a metric is.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Shape {
    Counter,
    Gauge,
    /// Seconds, with the upper bounds of its buckets.
    Seconds(&'static [f64]),
}

/// A metric as it is registered and listed in docs/EVENTS.md.
#[derive(Debug)]
struct Metric {
    name: &'static str,
    labels: &'static str,
    shape: Shape,
    meaning: &'static str,
}

/// Callers notice a wait from about half a second, so most buckets lie around there.
const WAIT_BUCKETS: &[f64] = &[0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0, 1.2, 1.5, 2.0, 3.0, 5.0, 10.0];
const PART_BUCKETS: &[f64] =
    &[0.005, 0.01, 0.025, 0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0, 5.0, 10.0];
const CALL_BUCKETS: &[f64] = &[5.0, 15.0, 30.0, 60.0, 120.0, 180.0, 300.0, 600.0, 1_200.0, 2_400.0];

const CALLS_ACTIVE: &str = "voice_gateway_calls_active";
const CALLS: &str = "voice_gateway_calls_total";
const TURNED_AWAY: &str = "voice_gateway_calls_turned_away_total";
const CALL_SECONDS: &str = "voice_gateway_call_seconds";
const TURNS: &str = "voice_gateway_turns_total";
const RESPONSE_SECONDS: &str = "voice_gateway_response_seconds";
const STAGE_SECONDS: &str = "voice_gateway_stage_seconds";
const TRANSCRIPT_SECONDS: &str = "voice_gateway_transcript_seconds";
const TOOL_SECONDS: &str = "voice_gateway_tool_seconds";
const NORMALISED: &str = "voice_gateway_tool_arguments_normalised_total";
const BARGE_INS: &str = "voice_gateway_barge_ins_total";
const REPLIES_RESUMED: &str = "voice_gateway_replies_resumed_total";
const FILLERS: &str = "voice_gateway_fillers_total";
const GAVE_UP: &str = "voice_gateway_gave_up_total";
const NOT_UNDERSTOOD: &str = "voice_gateway_not_understood_total";
const VENDOR_CONNECT: &str = "voice_gateway_vendor_connect_seconds";
const VENDOR_REPLACED: &str = "voice_gateway_vendor_replaced_total";
const VENDOR_ERRORS: &str = "voice_gateway_vendor_errors_total";
const QUEUE_FULL: &str = "voice_gateway_queue_full_total";
const AUDIO_DROPPED: &str = "voice_gateway_audio_dropped_frames_total";
const EVENTS_LOST: &str = "voice_gateway_events_lost_total";

#[rustfmt::skip]
const METRICS: &[Metric] = &[
    Metric { name: CALLS_ACTIVE, labels: "", shape: Shape::Gauge, meaning: "calls that are being answered now" },
    Metric { name: CALLS, labels: "reason", shape: Shape::Counter, meaning: "calls that ended, by why" },
    Metric { name: TURNED_AWAY, labels: "reason", shape: Shape::Counter, meaning: "callers who heard the busy line; reason is full or draining" },
    Metric { name: CALL_SECONDS, labels: "", shape: Shape::Seconds(CALL_BUCKETS), meaning: "how long calls lasted" },
    Metric { name: TURNS, labels: "", shape: Shape::Counter, meaning: "times the floor passed to the agent" },
    Metric { name: RESPONSE_SECONDS, labels: "", shape: Shape::Seconds(WAIT_BUCKETS), meaning: "end of the caller's speech to the first sound of the answer" },
    Metric { name: STAGE_SECONDS, labels: "stage", shape: Shape::Seconds(PART_BUCKETS), meaning: "the parts of that wait" },
    Metric { name: TRANSCRIPT_SECONDS, labels: "", shape: Shape::Seconds(PART_BUCKETS), meaning: "the caller's pause to the final transcript" },
    Metric { name: TOOL_SECONDS, labels: "outcome", shape: Shape::Seconds(PART_BUCKETS), meaning: "how long tools took; outcome is succeeded or failed" },
    Metric { name: NORMALISED, labels: "", shape: Shape::Counter, meaning: "tool arguments that did not fit their schema and were read as what it wants" },
    Metric { name: BARGE_INS, labels: "", shape: Shape::Counter, meaning: "replies the caller interrupted" },
    Metric { name: REPLIES_RESUMED, labels: "", shape: Shape::Counter, meaning: "replies that a sound without words silenced for a moment" },
    Metric { name: FILLERS, labels: "stage", shape: Shape::Counter, meaning: "waits that were bridged by a filler; stage is llm or tool" },
    Metric { name: GAVE_UP, labels: "stage", shape: Shape::Counter, meaning: "waits that ended without an answer; stage is stt, llm or tts" },
    Metric { name: NOT_UNDERSTOOD, labels: "", shape: Shape::Counter, meaning: "utterances without any words" },
    Metric { name: VENDOR_CONNECT, labels: "stage, vendor", shape: Shape::Seconds(PART_BUCKETS), meaning: "how long connections to vendors took to open" },
    Metric { name: VENDOR_REPLACED, labels: "stage, from, to", shape: Shape::Counter, meaning: "times another vendor went on for one that failed" },
    Metric { name: VENDOR_ERRORS, labels: "stage, vendor, kind", shape: Shape::Counter, meaning: "failures of speech and language vendors" },
    Metric { name: QUEUE_FULL, labels: "stage", shape: Shape::Counter, meaning: "jobs left out because a worker's queue was full" },
    Metric { name: AUDIO_DROPPED, labels: "stage", shape: Shape::Counter, meaning: "frames of 20 ms of caller audio that were dropped" },
    Metric { name: EVENTS_LOST, labels: "subscriber", shape: Shape::Counter, meaning: "call events that a slow subscriber missed" },
];

/// The metrics of this process.
#[derive(Clone)]
pub struct Metrics {
    handle: PrometheusHandle,
}

impl Metrics {
    /// Makes the process collect metrics. Once per process.
    pub fn install() -> Result<Self, BuildError> {
        let handle = builder()?.install_recorder()?;
        describe();
        Ok(Self { handle })
    }

    /// The text of `/metrics`.
    pub fn render(&self) -> String {
        self.handle.render()
    }

    /// Keeps the memory of waiting samples small until `stop` is cancelled.
    pub async fn run_upkeep(self, stop: CancellationToken) {
        let mut tick = tokio::time::interval(UPKEEP_EVERY);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        while stop.run_until_cancelled(tick.tick()).await.is_some() {
            self.handle.run_upkeep();
        }
    }
}

fn builder() -> Result<PrometheusBuilder, BuildError> {
    METRICS.iter().try_fold(PrometheusBuilder::new(), |builder, metric| match metric.shape {
        Shape::Seconds(buckets) => builder.set_buckets_for_metric(Matcher::Full(metric.name.to_owned()), buckets),
        Shape::Counter | Shape::Gauge => Ok(builder),
    })
}

fn describe() {
    for metric in METRICS {
        match metric.shape {
            Shape::Counter => describe_counter!(metric.name, metric.meaning),
            Shape::Gauge => describe_gauge!(metric.name, metric.meaning),
            Shape::Seconds(_) => describe_histogram!(metric.name, Unit::Seconds, metric.meaning),
        }
    }
    // A gauge that is missing until the first call looks like a broken one.
    gauge!(CALLS_ACTIVE).set(0.0);
}

/// Counts what happened.
pub(super) fn record(event: &CallEvent) {
    match &event.kind {
        EventKind::CallAnswered { .. } => gauge!(CALLS_ACTIVE).increment(1.0),
        EventKind::CallEnded { reason, lasted } => {
            gauge!(CALLS_ACTIVE).decrement(1.0);
            counter!(CALLS, "reason" => reason.as_str()).increment(1);
            histogram!(CALL_SECONDS).record(*lasted);
        }
        EventKind::CallTurnedAway { reason } => counter!(TURNED_AWAY, "reason" => *reason).increment(1),
        EventKind::TranscriptFinal { took, .. } => histogram!(TRANSCRIPT_SECONDS).record(*took),
        EventKind::TurnCommitted { .. } => counter!(TURNS).increment(1),
        EventKind::TurnMeasured(latency) => {
            histogram!(RESPONSE_SECONDS).record(latency.total());
            for (stage, part) in latency.parts() {
                histogram!(STAGE_SECONDS, "stage" => stage).record(part);
            }
        }
        EventKind::BargeIn { .. } => counter!(BARGE_INS).increment(1),
        EventKind::ReplyResumed => counter!(REPLIES_RESUMED).increment(1),
        EventKind::ToolReturned { took, succeeded, normalised, .. } => {
            counter!(NORMALISED).increment(u64::from(*normalised));
            let outcome = if *succeeded { "succeeded" } else { "failed" };
            histogram!(TOOL_SECONDS, "outcome" => outcome).record(*took);
        }
        EventKind::ToolSlow { .. } => counter!(FILLERS, "stage" => "tool").increment(1),
        EventKind::LlmSlow => counter!(FILLERS, "stage" => "llm").increment(1),
        EventKind::LlmGaveUp => counter!(GAVE_UP, "stage" => "llm").increment(1),
        EventKind::TtsSilent => counter!(GAVE_UP, "stage" => "tts").increment(1),
        EventKind::SttSilent => counter!(GAVE_UP, "stage" => "stt").increment(1),
        EventKind::NothingUnderstood => counter!(NOT_UNDERSTOOD).increment(1),
        EventKind::VendorConnected { stage, vendor, took } => {
            histogram!(VENDOR_CONNECT, "stage" => *stage, "vendor" => *vendor).record(*took);
        }
        EventKind::VendorReplaced { stage, from, to } => {
            counter!(VENDOR_REPLACED, "stage" => *stage, "from" => *from, "to" => *to).increment(1);
        }
        EventKind::VendorFailed { stage, vendor, kind } => {
            counter!(VENDOR_ERRORS, "stage" => *stage, "vendor" => *vendor, "kind" => *kind).increment(1);
        }
        EventKind::QueueFull { stage } => counter!(QUEUE_FULL, "stage" => *stage).increment(1),
        EventKind::AudioDropped { stage, frames } => {
            counter!(AUDIO_DROPPED, "stage" => *stage).increment((*frames).into());
        }
        EventKind::SpeechStarted
        | EventKind::SpeechStopped
        | EventKind::TranscriptInterim { .. }
        | EventKind::TurnScored { .. }
        | EventKind::DigitsEntered { .. }
        | EventKind::ReplyFirstToken
        | EventKind::ReplyFirstPiece
        | EventKind::ReplyFirstAudio
        | EventKind::ReplyPiece { .. }
        | EventKind::PlayoutStarted
        | EventKind::PlayoutFinished
        | EventKind::ReplyCancelled { .. }
        | EventKind::ReplyHeld
        | EventKind::ToolCalled { .. }
        | EventKind::SilencePrompted { .. }
        | EventKind::CarrierStatus { .. }
        | EventKind::StreamStatus { .. }
        | EventKind::CallClosing { .. } => {}
    }
}

/// Counts an event that did not reach a subscriber.
pub(super) fn record_lost(subscriber: &'static str) {
    counter!(EVENTS_LOST, "subscriber" => subscriber).increment(1);
}

/// Rows of docs/EVENTS.md: name, type, labels, meaning.
pub(super) fn rows() -> impl Iterator<Item = [&'static str; 4]> {
    METRICS.iter().map(|metric| {
        let shape = match metric.shape {
            Shape::Counter => "counter",
            Shape::Gauge => "gauge",
            Shape::Seconds(_) => "histogram",
        };
        [metric.name, shape, metric.labels, metric.meaning]
    })
}

#[cfg(test)]
mod tests {
    use super::super::catalogue::tests::samples;
    use super::*;

    /// What `/metrics` says after `events`, without touching the process's own recorder.
    fn rendered(events: &[CallEvent]) -> String {
        let recorder = builder().unwrap().build_recorder();
        metrics::with_local_recorder(&recorder, || {
            describe();
            events.iter().for_each(record);
            record_lost("logs");
        });
        recorder.handle().render()
    }

    #[test]
    fn every_metric_appears_with_its_help_and_type() {
        let page = rendered(&samples());
        for [name, shape, _, meaning] in rows() {
            assert!(page.contains(&format!("# TYPE {name} {shape}\n")), "{name} is missing:\n{page}");
            assert!(page.contains(&format!("# HELP {name} {meaning}\n")), "{name} has no help");
        }
    }

    #[test]
    fn a_call_is_active_until_it_ends() {
        let events = samples();
        let answered = events.iter().find(|event| event.kind.name() == "call.answered").unwrap();
        let ended = events.iter().find(|event| event.kind.name() == "call.ended").unwrap();
        let during = rendered(&[answered.clone(), answered.clone(), ended.clone()]);
        assert!(during.contains("\nvoice_gateway_calls_active 1\n"), "{during}");
        assert!(during.contains("voice_gateway_calls_total{reason=\"caller_hung_up\"} 1\n"), "{during}");
    }

    #[test]
    fn a_caller_who_hears_the_busy_line_is_counted_by_why() {
        let turned_away: Vec<_> =
            samples().into_iter().filter(|event| event.kind.name() == "call.turned_away").collect();
        let page = rendered(&turned_away);
        assert!(page.contains("voice_gateway_calls_turned_away_total{reason=\"full\"} 1\n"), "{page}");
    }

    #[test]
    fn waits_fall_into_the_buckets_around_half_a_second() {
        let measured: Vec<_> = samples().into_iter().filter(|event| event.kind.name() == "turn.measured").collect();
        let page = rendered(&measured);
        assert!(page.contains("voice_gateway_response_seconds_bucket{le=\"0.6\"} 0\n"), "{page}");
        assert!(page.contains("voice_gateway_response_seconds_bucket{le=\"0.7\"} 1\n"), "{page}");
        assert!(page.contains("voice_gateway_stage_seconds_count{stage=\"endpointing\"} 1\n"), "{page}");
    }

    #[test]
    fn no_label_holds_a_tool_name_or_anything_personal() {
        let page = rendered(&samples());
        assert!(!page.contains("bookTeeTime") && !page.contains("planted"), "{page}");
    }

    #[tokio::test(start_paused = true)]
    async fn upkeep_ends_when_it_is_told_to() {
        let recorder = builder().unwrap().build_recorder();
        let stop = CancellationToken::new();
        stop.cancel();
        Metrics { handle: recorder.handle() }.run_upkeep(stop).await;
    }
}
