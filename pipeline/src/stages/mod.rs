//! The stages of the pipeline: one task each, joined by bounded channels.
//!
//! The path of one audio frame, in the order of the files:
//!
//! ```text
//! carrier → decode ──→ vad ─┬→ stt ───┬→ session (turn-taking)
//!        (keys, marks)      └→ scorer ┘      │
//! carrier ← pace ← tts ← llm ←───────────────┘
//! ```
//!
//! Audio travels as the carrier's μ-law. The VAD looks at decoded samples; `stt`, `scorer` and `tts`
//! convert (`convert`) only for an engine that does not take or give the phone's own format.
//!
//! Every stage is an `async fn run` that ends when its input ends or the call's token is
//! cancelled. What a stage has to say to the session goes into one bounded [`Signal`] channel.
//!
//! Caller audio never waits: a stage that cannot hand on a frame drops it and says so. The way
//! out waits: the synthesiser is held back by the pacing of [`pace`]. A cancelled turn falls
//! behind the [`Fence`](crate::line::Fence), and every stage drops what belongs to it.

mod convert;
pub mod decode;
pub mod llm;
pub mod pace;
pub mod scorer;
pub mod spans;
pub mod stt;
pub mod tts;
pub mod vad;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::mpsc;

use crate::audio::playout::HeardPiece;
use crate::chat::ToolCall;
use crate::chat::WordStart;
use crate::event::{CallEvent, EndReason, EventKind, EventSink};
use crate::time::{CallClock, CallTime};
use crate::turn::{PauseId, TurnId};
use crate::vendors::llm::Finish;
use spans::Spans;

/// Frames between two inbound stages: 640 ms. When it is full the newest frame is dropped and
/// counted; a stage that far behind is starved of its processor.
pub const INBOUND_FRAMES: usize = 32;

/// Signals from all stages to the session. When it is full the stages wait: the session only ever
/// does short work.
pub const SIGNALS: usize = 256;

/// Pieces of text between the model and the synthesiser: a few sentences. When it is full the
/// model's stream is not read on.
pub const PIECES: usize = 8;

/// Chunks of synthesised audio between two outbound stages, 20 to 60 ms each. When it is full the
/// synthesiser is held back.
pub const OUTBOUND_CHUNKS: usize = 64;

/// How long a vendor's line may take its leave when a call is over.
pub(crate) const LEAVE: Duration = Duration::from_millis(500);

/// Fixed lines waiting to be sent: a line and its end, twice over. A line that finds it full is lost
/// and counted.
pub const LINES: usize = 8;

/// What the stages tell the session.
#[derive(Debug)]
pub enum Signal {
    /// The caller pressed a key.
    Digit(char),
    /// A mark came back from the carrier.
    Mark(String),
    /// The caller is gone, for this reason.
    HungUp(EndReason),
    /// Speech began.
    SpeechStarted {
        /// Begin of its first voiced frame.
        onset: CallTime,
    },
    /// Speech has lasted for the barge-in time.
    SpeechSustained {
        /// Begin of its first voiced frame.
        onset: CallTime,
    },
    /// Speech was followed by a pause.
    SpeechStopped {
        /// End of its last voiced frame.
        end: CallTime,
    },
    /// The recogniser's guess at the utterance so far.
    Interim(String),
    /// The recogniser's final transcript of the utterance so far.
    Final {
        /// The pause it answers.
        pause: Option<PauseId>,
        /// May be empty.
        text: String,
    },
    /// The turn model's opinion.
    Scored {
        /// The pause it judged.
        pause: PauseId,
        /// Probability that the caller is done.
        probability: f32,
    },
    /// No recogniser is left that would listen to this call.
    SttGone,
    /// The model's first words or tool call of a request.
    FirstToken(TurnId),
    /// A piece goes to the synthesiser.
    Piece {
        /// The turn.
        turn: TurnId,
        /// Its number within the turn.
        piece: u32,
        /// Its text.
        text: String,
    },
    /// The model's answer to one request is complete.
    Answered {
        /// The turn.
        turn: TurnId,
        /// Why it ended.
        finish: Finish,
        /// Tools to be run before the model goes on.
        calls: Vec<ToolCall>,
        /// The number of the turn's next piece.
        next_piece: u32,
    },
    /// The model failed; what it said before is on its way to the caller.
    LlmFailed(TurnId),
    /// The synthesiser's first audio of a turn.
    FirstAudio(TurnId),
    /// When the words of a piece begin.
    Words {
        /// The turn.
        turn: TurnId,
        /// The piece.
        piece: u32,
        /// In order.
        words: Vec<WordStart>,
    },
    /// The synthesiser has finished a piece.
    Spoken {
        /// The turn.
        turn: TurnId,
        /// The piece.
        piece: u32,
        /// The length of its audio.
        lasts: Duration,
    },
    /// The synthesiser gave no audio for a piece, not even on the second attempt.
    TtsFailed(TurnId),
    /// Audio was handed to the carrier.
    Sent {
        /// The turn.
        turn: TurnId,
        /// The piece.
        piece: u32,
        /// What the carrier still had to play before it; zero when it was silent.
        behind: Duration,
    },
    /// The carrier has played all it was handed, in the middle of a piece.
    RanDry(TurnId),
    /// A reply was silenced; this much of its pieces was played until then.
    Held {
        /// The turn.
        turn: TurnId,
        /// By piece.
        heard: Vec<HeardPiece>,
    },
    /// All audio of a turn was handed to the carrier.
    AllSent {
        /// The turn.
        turn: TurnId,
        /// When its last sample will have been played.
        plays_until: CallTime,
    },
}

/// Something to be spoken, on its way from the model to the synthesiser.
#[derive(Debug, Clone)]
pub enum Speak {
    /// A piece of text.
    Piece {
        /// The turn.
        turn: TurnId,
        /// Its number within the turn.
        piece: u32,
        /// Free of markup.
        text: String,
    },
    /// Nothing more will be said in this turn.
    End(TurnId),
}

/// Audio on its way from the synthesiser to the carrier.
#[derive(Debug, Clone)]
pub enum Sound {
    /// Audio of a piece.
    Audio {
        /// The turn.
        turn: TurnId,
        /// The piece.
        piece: u32,
        /// μ-law at 8 kHz, any length.
        ulaw: Bytes,
    },
    /// A whole piece, made before the call: a fixed line.
    Line {
        /// The turn.
        turn: TurnId,
        /// The piece.
        piece: u32,
        /// μ-law at 8 kHz, whole frames.
        ulaw: Bytes,
    },
    /// The piece is complete.
    PieceEnd {
        /// The turn.
        turn: TurnId,
        /// The piece.
        piece: u32,
    },
    /// The turn is complete.
    End(TurnId),
}

impl Sound {
    /// The turn it belongs to.
    pub fn turn(&self) -> TurnId {
        match self {
            Self::Audio { turn, .. } | Self::Line { turn, .. } | Self::PieceEnd { turn, .. } | Self::End(turn) => *turn,
        }
    }
}

/// What every stage of a call needs to speak of itself.
#[derive(Clone)]
pub struct Context {
    /// The carrier's id of the call.
    pub call_id: Arc<str>,
    /// The call's time.
    pub clock: CallClock,
    /// Who listens to events.
    pub events: Arc<dyn EventSink>,
    /// The way to the session.
    pub signals: mpsc::Sender<Signal>,
    /// What is traced.
    pub spans: Spans,
}

impl Context {
    /// Tells the observers, within the span of the turn.
    pub fn emit(&self, turn: Option<TurnId>, kind: EventKind) {
        let event = CallEvent { call_id: Arc::clone(&self.call_id), at: self.clock.now(), turn, kind };
        self.spans.of(turn).in_scope(|| self.events.emit(event));
    }

    /// Tells the session. A session that is gone needs to know nothing any more.
    pub async fn signal(&self, signal: Signal) {
        let _ = self.signals.send(signal).await;
    }
}

/// Counts dropped frames and reports them in bunches, so that a starved stage does not flood its
/// observers as well.
pub(crate) struct Drops {
    stage: &'static str,
    unreported: u32,
}

impl Drops {
    /// One second of frames.
    const REPORT_EVERY: u32 = 50;

    pub(crate) fn of(stage: &'static str) -> Self {
        Self { stage, unreported: 0 }
    }

    pub(crate) fn count(&mut self, context: &Context) {
        self.unreported += 1;
        if self.unreported == 1 || self.unreported >= Self::REPORT_EVERY {
            context.emit(None, EventKind::AudioDropped { stage: self.stage, frames: self.unreported });
            self.unreported = 1;
        }
    }
}
