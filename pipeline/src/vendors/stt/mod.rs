//! Speech to text: the seam.

pub mod deepgram;
mod utterance;

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use tokio::sync::mpsc;

pub use self::utterance::UTTERANCE_MAX_BYTES;
use super::VendorError;
use super::socket::{Endpoint, Incoming, Outgoing};
use crate::audio::SampleRate;
use crate::audio::frames::Frame;
use crate::turn::PauseId;

/// What the pipeline tells a speech recogniser.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SttInput {
    /// 20 ms of caller audio at the recogniser's rate, sent without a gap through the whole call.
    Audio(Arc<[i16]>),
    /// The same as the carrier sent it, for recognisers that take [`AudioFormat::Ulaw`].
    Ulaw(Frame<u8>),
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
    /// The line's connection is up, for recognisers that have one.
    Connected {
        /// Name look-up, TCP, TLS and upgrade together.
        took: Duration,
    },
    /// A guess while the caller speaks: for display and barge-in, never for tools.
    Interim(String),
    /// The recogniser will not look at this audio again: what it made of it is `text`, for good.
    Settled {
        /// The words of the utterance that are settled.
        text: String,
        /// All audio of this line up to here, counted from its first frame.
        audio: Duration,
    },
    /// What the recogniser stands by. Empty when it found no words.
    Final {
        /// The pause this answers; `None` when the vendor itself found the utterance complete.
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

    /// The audio it wants.
    fn format(&self) -> AudioFormat;

    /// Opens a line for one call. Its connection, if there is one, is made by the line's driver.
    fn open(&self) -> SttLine;
}

/// How a recogniser wants its audio.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AudioFormat {
    /// As the carrier sends it: μ-law at 8 kHz, [`SttInput::Ulaw`].
    Ulaw,
    /// Samples at a rate, [`SttInput::Audio`].
    Pcm(SampleRate),
}

/// A recogniser behind a socket: where it is, and its words.
pub trait SttVendor: Send + Sync {
    /// Where to dial.
    fn endpoint(&self) -> Endpoint;

    /// How long the answer to [`SttCodec::encode_pause`] may take before what is known is taken for
    /// all there is.
    fn final_timeout(&self) -> Duration;

    /// A codec for one socket.
    fn codec(&self) -> Box<dyn SttCodec>;
}

/// A recogniser's words, both ways, for one socket and without I/O.
///
/// What always holds for every implementation: the texts in its events are the whole utterance since
/// [`SttCodec::committed`]; nothing it is sent makes it panic or grow without bound; message types it
/// does not know are not errors.
pub trait SttCodec: Send {
    /// The next caller audio, μ-law at 8 kHz, at most a few frames; `None` while the codec collects.
    fn encode_audio<'a>(&'a mut self, ulaw: &'a [u8]) -> Option<Outgoing<'a>>;

    /// Our side found a pause and wants a final; the next answer to it carries `pause`.
    fn encode_pause(&mut self, pause: PauseId) -> Option<Outgoing<'_>>;

    /// Keeps an idle socket open.
    fn encode_keep_alive(&mut self) -> Option<Outgoing<'_>>;

    /// Says goodbye; the driver closes the socket afterwards.
    fn encode_finish(&mut self) -> Option<Outgoing<'_>>;

    /// The utterance was taken as a turn: its words are forgotten, also those that the vendor has
    /// only guessed at so far and will yet settle.
    fn committed(&mut self);

    /// The pause that still waits for its final.
    fn awaited(&self) -> Option<PauseId>;

    /// The awaited final did not come in time: gives what is known in its place.
    fn give_up_awaited(&mut self, out: &mut Vec<SttEvent>);

    /// Reads a message.
    ///
    /// # Errors
    /// When the vendor reports a failure, or the message cannot be read.
    fn decode(&mut self, message: Incoming<'_>, out: &mut Vec<SttEvent>) -> Result<(), VendorError>;

    /// What it means that the vendor closed the socket with this code.
    fn closed(&self, code: Option<u16>) -> VendorError;
}

/// A model that judges from the sound of an utterance whether the caller is done.
pub trait TurnDetector: Send + Sync {
    /// The rate of the audio it wants.
    fn sample_rate(&self) -> SampleRate;

    /// Scores the utterance that ends at the end of `audio` (the last 8 s at most): the
    /// probability, 0 to 1, that the turn is complete.
    fn score(&self, audio: Arc<[i16]>) -> BoxFuture<'static, Result<f32, VendorError>>;
}
