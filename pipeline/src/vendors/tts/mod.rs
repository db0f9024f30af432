//! Text to speech: the seam.

pub mod deepgram;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use futures_util::stream::BoxStream;
use tokio::sync::{mpsc, oneshot};

use super::VendorError;
use super::socket::{Endpoint, Incoming, Outgoing};
use crate::audio::SampleRate;
pub use crate::chat::WordStart;

/// A piece of text to be spoken.
#[derive(Debug, Clone, PartialEq)]
pub struct SpeakRequest {
    /// A clause or a sentence, free of markup.
    pub text: String,
    /// The vendor's name of the voice; empty for the vendor's default.
    pub voice: Arc<str>,
    /// 1.0 is the voice's own pace; higher is faster.
    pub speed: f32,
}

/// What a synthesiser produces.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TtsEvent {
    /// The next samples, mono, at the synthesiser's rate, any length.
    Audio(Vec<i16>),
    /// The next audio as the carrier takes it: μ-law at 8 kHz, any length.
    Ulaw(Bytes),
    /// When the words of this piece begin, for vendors that tell; in order, whole or in parts.
    Words(Vec<WordStart>),
}

/// A speech synthesiser that serves many calls.
pub trait Tts: Send + Sync {
    /// Its name in the settings.
    fn name(&self) -> &'static str;

    /// The rate of the samples it gives in [`TtsEvent::Audio`].
    fn sample_rate(&self) -> SampleRate;

    /// Speaks one piece. The stream ends after the last sample; dropping it stops the work.
    fn speak(&self, request: SpeakRequest) -> BoxStream<'static, Result<TtsEvent, VendorError>>;

    /// Opens a line for one call, for vendors that keep a connection; it is dialled at once. Where
    /// there is none, [`Tts::speak`] serves.
    fn open(&self, voice: &Arc<str>) -> Option<TtsLine> {
        let _ = voice;
        None
    }
}

/// Pieces waiting for a line: the stage sends one at a time, and one more may follow a cancelled one.
pub const LINE_PIECES: usize = 2;

/// Audio of one piece between a line and its listener. When it is full the line reads no further.
pub const PIECE_EVENTS: usize = 64;

/// One call's connection to a synthesiser.
pub struct TtsLine {
    /// Pieces to speak, one after the other.
    pub pieces: mpsc::Sender<Piece>,
    /// Resolves when the connection is up, to the time it took.
    pub connected: oneshot::Receiver<Duration>,
    /// Does the work; spawned and owned by the call. It closes the connection when `pieces` is dropped. An
    /// error that no piece was told of is its outcome.
    pub driver: BoxFuture<'static, Result<(), VendorError>>,
}

/// A piece to speak and where its sound goes.
#[derive(Debug)]
pub struct Piece {
    /// What to say.
    pub request: SpeakRequest,
    /// Ends with [`TtsSignal::PieceDone`] or an error; without either the line is lost. A listener that is
    /// gone cancels the piece.
    pub events: mpsc::Sender<Result<TtsSignal, VendorError>>,
}

/// A synthesiser behind a socket: where it is, and its words.
pub trait TtsVendor: Send + Sync {
    /// Where to dial for this voice; an empty or foreign name means the vendor's own default.
    fn endpoint(&self, voice: &str) -> Endpoint;

    /// A codec for one socket.
    fn codec(&self) -> Box<dyn TtsCodec>;
}

/// What a codec reads from a synthesiser.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TtsSignal {
    /// Sound or words of the piece that is being spoken.
    Event(TtsEvent),
    /// The piece is complete.
    PieceDone,
}

/// A synthesiser's words, both ways, for one socket and without I/O.
///
/// The driver asks for one piece at a time. What always holds for every implementation: after
/// [`TtsCodec::encode_cancel`] nothing of the cancelled piece comes out any more, however late it
/// arrives; nothing it is sent makes it panic or grow without bound; message types it does not know
/// are not errors.
pub trait TtsCodec: Send {
    /// Asks for a piece; appends text messages to `out`.
    fn encode_speak(&mut self, text: &str, out: &mut Vec<String>);

    /// Drops the piece that is being spoken.
    fn encode_cancel(&mut self, out: &mut Vec<String>);

    /// Keeps an idle socket open.
    fn encode_keep_alive(&mut self) -> Option<Outgoing<'_>>;

    /// Says goodbye; the driver closes the socket afterwards.
    fn encode_finish(&mut self) -> Option<Outgoing<'_>>;

    /// Reads a message.
    ///
    /// # Errors
    /// When the vendor reports a failure, or the message cannot be read.
    fn decode(&mut self, message: Incoming<'_>, out: &mut Vec<TtsSignal>) -> Result<(), VendorError>;

    /// What it means that the vendor closed the socket with this code.
    fn closed(&self, code: Option<u16>) -> VendorError;
}
