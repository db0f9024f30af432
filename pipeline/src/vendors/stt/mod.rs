//! Speech to text: the seam.

use std::sync::Arc;

use futures_util::future::BoxFuture;
use tokio::sync::mpsc;

use super::VendorError;
use crate::audio::SampleRate;
use crate::turn::PauseId;

/// What the pipeline tells a speech recogniser.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SttInput {
    /// 20 ms of caller audio at the recogniser's rate, sent without a gap through the whole call.
    Audio(Arc<[i16]>),
    /// Our VAD heard speech begin; the pre-roll lies in the audio already sent.
    SpeechStarted,
    /// Our VAD heard a pause: a final transcript of what was said so far is wanted soon.
    /// Speech may go on after it, within the same utterance.
    Paused(PauseId),
    /// The utterance was taken as a turn: the next transcript starts from nothing.
    Committed,
}

/// What a speech recogniser tells the pipeline.
///
/// Every text is the whole utterance since the last [`SttInput::Committed`] and replaces the text
/// before it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SttEvent {
    /// A guess while the caller speaks: for display and barge-in, never for tools.
    Interim(String),
    /// What the recogniser stands by. Empty when it found no words.
    Final {
        /// The pause this answers; `None` when the vendor decided by itself.
        pause: Option<PauseId>,
        /// The utterance so far.
        text: String,
    },
    /// The recogniser is behind and left out an interim result or gave up on a job.
    Overloaded,
}

/// One call's line to a recogniser.
pub struct SttLine {
    /// Bounded. A full channel means that the recogniser is behind: the newest audio is dropped and counted.
    pub input: mpsc::Sender<SttInput>,
    /// Bounded. Ends when the driver ends.
    pub events: mpsc::Receiver<Result<SttEvent, VendorError>>,
    /// Does the work; spawned and owned by the call. Dropping it frees everything.
    pub driver: BoxFuture<'static, ()>,
}

/// A speech recogniser that serves many calls.
pub trait Stt: Send + Sync {
    /// Its name in the settings.
    fn name(&self) -> &'static str;

    /// The rate of the audio it wants.
    fn sample_rate(&self) -> SampleRate;

    /// Opens a line for one call.
    fn open(&self) -> SttLine;
}

/// A model that judges from the sound of an utterance whether the caller is done.
pub trait TurnDetector: Send + Sync {
    /// The rate of the audio it wants.
    fn sample_rate(&self) -> SampleRate;

    /// Scores the utterance that ends at the end of `audio` (the last 8 s at most): the
    /// probability, 0 to 1, that the turn is complete.
    fn score(&self, audio: Arc<[i16]>) -> BoxFuture<'static, Result<f32, VendorError>>;
}
