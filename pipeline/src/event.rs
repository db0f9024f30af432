//! The events of a call: one typed stream that feeds logs, metrics and files.
//!
//! Stages and the session emit; only subscribers (outside this crate) log or count. An event is
//! never waited for: when a subscriber is slow, events are lost and the loss is counted.
//!
//! Words, numbers and tool arguments are [`Pii`].

use std::sync::Arc;
use std::time::Duration;

use crate::pii::Pii;
use crate::time::CallTime;
use crate::turn::TurnId;

/// Something that happened in a call.
#[derive(Debug, Clone)]
pub struct CallEvent {
    /// The carrier's id of the call.
    pub call_id: Arc<str>,
    /// When it happened.
    pub at: CallTime,
    /// The turn it belongs to, where there is one.
    pub turn: Option<TurnId>,
    /// What happened.
    pub kind: EventKind,
}

/// What happened.
#[derive(Debug, Clone)]
pub enum EventKind {
    /// The media stream is up and the agent takes the call.
    CallAnswered {
        /// The agent's name.
        agent: Arc<str>,
        /// The caller's number, as the carrier gave it.
        from: Pii<String>,
        /// The dialled number.
        to: Pii<String>,
    },
    /// The caller began to speak.
    SpeechStarted,
    /// The caller paused.
    SpeechStopped,
    /// A guess at what the caller is saying.
    TranscriptInterim {
        /// The utterance so far.
        text: Pii<String>,
    },
    /// What the recogniser stands by.
    TranscriptFinal {
        /// The utterance so far.
        text: Pii<String>,
        /// From the pause to this text.
        took: Duration,
    },
    /// The turn model gave its opinion on a pause.
    TurnScored {
        /// Probability that the caller is done.
        probability: f32,
    },
    /// The caller typed on the keypad.
    DigitsEntered {
        /// The keys.
        digits: Pii<String>,
    },
    /// The floor passed to the agent.
    TurnCommitted {
        /// What the caller said.
        text: Pii<String>,
        /// From the end of speech to the decision.
        waited: Duration,
    },
    /// The model's first words arrived.
    ReplyFirstToken,
    /// The first speakable piece was cut.
    ReplyFirstPiece,
    /// The first audio of the reply was synthesised.
    ReplyFirstAudio,
    /// A piece of the reply went to the synthesiser.
    ReplyPiece {
        /// Number within the turn, from 0.
        piece: u32,
        /// The text.
        text: Pii<String>,
    },
    /// The first frame of the reply was handed to the carrier.
    PlayoutStarted,
    /// The caller heard the reply to its end.
    PlayoutFinished,
    /// The caller spoke over the reply and meant it.
    BargeIn {
        /// From the onset of the caller's speech to the silence of the agent.
        after: Duration,
    },
    /// Speech over the reply silenced it; whether it is an interruption is open.
    ReplyHeld,
    /// It was no interruption: the reply goes on where it was silenced.
    ReplyResumed,
    /// A reply was dropped before its end.
    ReplyCancelled {
        /// What the caller had heard of it.
        heard: Pii<String>,
    },
    /// How long the caller waited for this turn's answer, in parts that sum to the whole.
    TurnMeasured(TurnLatency),
    /// The model asked for a tool.
    ToolCalled {
        /// The tool.
        name: String,
        /// The arguments, JSON.
        arguments: Pii<String>,
    },
    /// A tool came back.
    ToolReturned {
        /// The tool.
        name: String,
        /// How long it took.
        took: Duration,
        /// Whether it did what it was asked.
        succeeded: bool,
        /// How many of its arguments did not fit the schema and were read as what it wants.
        normalised: u32,
    },
    /// A tool runs long; a filler is spoken.
    ToolSlow {
        /// The tool.
        name: String,
    },
    /// The model is slow; a filler is spoken.
    LlmSlow,
    /// The model did not answer in time; the call ends with an apology.
    LlmGaveUp,
    /// The synthesiser gave no audio in time.
    TtsSilent,
    /// The caller spoke and no transcript came.
    SttSilent,
    /// The caller spoke and no words were found.
    NothingUnderstood,
    /// Nobody spoke for a while; the caller is asked whether they are still there.
    SilencePrompted {
        /// 1 for the first question.
        attempt: u32,
    },
    /// The connection to a vendor is up.
    VendorConnected {
        /// `stt` or `tts`.
        stage: &'static str,
        /// The vendor's name in the settings.
        vendor: &'static str,
        /// Name look-up, TCP, TLS and upgrade together.
        took: Duration,
    },
    /// Another vendor goes on for one that failed.
    VendorReplaced {
        /// `stt`, `llm` or `tts`.
        stage: &'static str,
        /// The one that failed.
        from: &'static str,
        /// The one that goes on.
        to: &'static str,
    },
    /// A vendor failed.
    VendorFailed {
        /// `stt`, `llm` or `tts`.
        stage: &'static str,
        /// The vendor's name in the settings.
        vendor: &'static str,
        /// A constant word, see `VendorError::kind`.
        kind: &'static str,
    },
    /// A worker's queue was full and a job was left out.
    QueueFull {
        /// The stage whose queue it is.
        stage: &'static str,
    },
    /// Caller audio could not be kept up with.
    AudioDropped {
        /// The stage that dropped it.
        stage: &'static str,
        /// Frames of 20 ms since the last such event.
        frames: u32,
    },
    /// The caller heard the busy line instead of an agent.
    CallTurnedAway {
        /// Why: the gateway is full or draining.
        reason: &'static str,
    },
    /// The carrier reported the state of the call.
    CarrierStatus {
        /// The carrier's word: `ringing`, `in-progress`, `completed`, …
        status: String,
    },
    /// The carrier reported the state of the media stream.
    StreamStatus {
        /// The carrier's word: `stream-started`, `stream-stopped` or `stream-error`.
        status: String,
    },
    /// The agent or a limit is ending the call; the closing words are being spoken.
    CallClosing {
        /// Why.
        reason: EndReason,
    },
    /// The call is over and all its tasks are gone.
    CallEnded {
        /// Why.
        reason: EndReason,
        /// How long it lasted.
        lasted: Duration,
    },
}

/// Why a call ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum EndReason {
    /// The caller hung up or the connection broke.
    CallerHungUp,
    /// The agent said goodbye.
    AgentGoodbye,
    /// Nobody spoke.
    CallerSilent,
    /// A vendor failed for good.
    VendorFailure,
    /// The call reached its longest allowed time.
    TimeLimit,
    /// The gateway is shutting down.
    Draining,
    /// The carrier's messages could not be understood.
    CarrierFault,
}

impl EndReason {
    /// The word for metrics and logs.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::CallerHungUp => "caller_hung_up",
            Self::AgentGoodbye => "agent_goodbye",
            Self::CallerSilent => "caller_silent",
            Self::VendorFailure => "vendor_failure",
            Self::TimeLimit => "time_limit",
            Self::Draining => "draining",
            Self::CarrierFault => "carrier_fault",
        }
    }
}

/// The wait for one answer, cut at the moments that matter. Every part begins where the one before
/// it ends, so they sum to [`TurnLatency::total`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct TurnLatency {
    /// Last voiced frame → turn committed.
    pub endpointing: Duration,
    /// Committed → first token of the model.
    pub first_token: Duration,
    /// First token → first speakable piece.
    pub first_piece: Duration,
    /// First piece → first audio from the synthesiser.
    pub first_audio: Duration,
    /// First audio → first frame handed to the carrier.
    pub first_frame: Duration,
    /// First frame handed over → heard: what was still queued at the carrier before it.
    pub heard: Duration,
}

impl TurnLatency {
    /// End of the caller's speech → first sound of the answer at the carrier.
    pub fn total(&self) -> Duration {
        self.parts().into_iter().map(|(_, part)| part).sum()
    }

    /// The parts with the words used for them in logs and metrics, in order.
    pub fn parts(&self) -> [(&'static str, Duration); 6] {
        [
            ("endpointing", self.endpointing),
            ("first_token", self.first_token),
            ("first_piece", self.first_piece),
            ("first_audio", self.first_audio),
            ("first_frame", self.first_frame),
            ("heard", self.heard),
        ]
    }
}

impl EventKind {
    /// The event's name in logs, files and docs/EVENTS.md.
    pub fn name(&self) -> &'static str {
        match self {
            Self::CallAnswered { .. } => "call.answered",
            Self::SpeechStarted => "speech.started",
            Self::SpeechStopped => "speech.stopped",
            Self::TranscriptInterim { .. } => "transcript.interim",
            Self::TranscriptFinal { .. } => "transcript.final",
            Self::TurnScored { .. } => "turn.scored",
            Self::DigitsEntered { .. } => "keypad.entered",
            Self::TurnCommitted { .. } => "turn.committed",
            Self::ReplyFirstToken => "reply.first_token",
            Self::ReplyFirstPiece => "reply.first_piece",
            Self::ReplyFirstAudio => "reply.first_audio",
            Self::ReplyPiece { .. } => "reply.piece",
            Self::PlayoutStarted => "playout.started",
            Self::PlayoutFinished => "playout.finished",
            Self::BargeIn { .. } => "barge_in",
            Self::ReplyHeld => "reply.held",
            Self::ReplyResumed => "reply.resumed",
            Self::ReplyCancelled { .. } => "reply.cancelled",
            Self::TurnMeasured(_) => "turn.measured",
            Self::ToolCalled { .. } => "tool.called",
            Self::ToolReturned { .. } => "tool.returned",
            Self::ToolSlow { .. } => "tool.slow",
            Self::LlmSlow => "llm.slow",
            Self::LlmGaveUp => "llm.gave_up",
            Self::TtsSilent => "tts.silent",
            Self::SttSilent => "stt.silent",
            Self::NothingUnderstood => "transcript.empty",
            Self::SilencePrompted { .. } => "silence.prompted",
            Self::VendorConnected { .. } => "vendor.connected",
            Self::VendorReplaced { .. } => "vendor.replaced",
            Self::VendorFailed { .. } => "vendor.failed",
            Self::QueueFull { .. } => "queue.full",
            Self::AudioDropped { .. } => "audio.dropped",
            Self::CallTurnedAway { .. } => "call.turned_away",
            Self::CarrierStatus { .. } => "carrier.status",
            Self::StreamStatus { .. } => "stream.status",
            Self::CallClosing { .. } => "call.closing",
            Self::CallEnded { .. } => "call.ended",
        }
    }
}

/// Takes events. Implementations never wait and never fail: a slow observer loses events.
pub trait EventSink: Send + Sync {
    /// Hands over one event.
    fn emit(&self, event: CallEvent);
}
