//! Text to speech: the seam.

use std::sync::Arc;

use futures_util::stream::BoxStream;

use super::VendorError;
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
    /// When the words of this piece begin, for vendors that tell; in order, whole or in parts.
    Words(Vec<WordStart>),
}

/// A speech synthesiser that serves many calls.
pub trait Tts: Send + Sync {
    /// Its name in the settings.
    fn name(&self) -> &'static str;

    /// The rate of the audio it gives.
    fn sample_rate(&self) -> SampleRate;

    /// Speaks one piece. The stream ends after the last sample; dropping it stops the work.
    fn speak(&self, request: SpeakRequest) -> BoxStream<'static, Result<TtsEvent, VendorError>>;
}
