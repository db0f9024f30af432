//! Speech synthesis in the process: the hibari voice on a thread of its own, shared by all calls.
//!
//! [`HibariTts::load`] blocks while it reads the weights. The way of a text: `normalize` reads it
//! aloud, `tagger` and `lexicon` (with `oov` for unknown words) give it phonemes, `network` gives
//! every 12.5 ms a recipe, `signal` makes samples of it; `piece` does so in steps and `desk` serves
//! all calls with one thread.
//!
//! What always holds: [`Tts::speak`] never works on the caller's thread and never waits; a full line
//! is [`VendorError::Busy`]; dropping a stream stops its work before the next 50 ms of sound; the
//! same text, speed and seed give the same samples.

use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use futures_util::stream::{self, BoxStream, Stream, StreamExt as _};
use tokio::sync::mpsc;
use voice_pipeline::audio::SampleRate;
use voice_pipeline::vendors::VendorError;
use voice_pipeline::vendors::tts::{SpeakRequest, Tts, TtsEvent};

mod desk;
mod lexicon;
mod network;
mod normalize;
mod numbers;
mod oov;
mod phonemes;
mod piece;
mod signal;
mod stress;
mod tables;
mod tagger;
mod tokens;

use self::desk::{Desk, Said};
use self::network::Network;
use self::oov::Oov;
use self::phonemes::FrontEnd;
use self::piece::Engine;
use self::signal::Transforms;
use self::tables::{TableFiles, Tables};
use crate::runtime::{Runtime, RuntimeError};

/// The vendor's name in the settings.
const NAME: &str = "local";

/// How the local voice works.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TtsSettings {
    /// `LOCAL_TTS_QUEUE`: pieces that may be spoken or wait at once, over all calls.
    ///
    /// Lower turns calls away sooner under load; higher lets every reply begin later. Default `64`,
    /// from `1` to `1024`.
    pub queue: usize,
    /// Where the voice's breath noise begins: the same seed gives the same samples. Not a setting
    /// of the environment; tests fix it.
    pub seed: u64,
}

impl Default for TtsSettings {
    fn default() -> Self {
        Self { queue: 64, seed: 0x6869_6261_7269 }
    }
}

/// The local voice.
pub struct HibariTts {
    desk: Arc<Desk>,
}

impl std::fmt::Debug for HibariTts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("HibariTts").field("open_pieces", &self.desk.open_orders()).finish()
    }
}

impl HibariTts {
    /// The voices there are; the first is the default, which an empty name means.
    pub const VOICES: [&'static str; 1] = ["heart"];

    /// Loads the voice from the folder of its weights and starts its thread.
    ///
    /// The first time, the dictionaries are compiled into a file beside the weights.
    ///
    /// # Errors
    /// When a file is missing or not the expected one, or there is no thread.
    pub fn load(runtime: Runtime, folder: &Path, settings: &TtsSettings) -> Result<Self, RuntimeError> {
        let mut engine = load_engine(runtime, folder, settings.seed)?;
        warm_up(&mut engine)
            .map_err(|error| RuntimeError::Model { model: folder.into(), reason: error.to_string() })?;
        let desk =
            Desk::open(engine, settings.queue).map_err(|cause| RuntimeError::Thread { model: "the voice", cause })?;
        Ok(Self { desk: Arc::new(desk) })
    }

    /// Speaks a whole text and waits for it: for lines that are spoken often and kept.
    ///
    /// # Errors
    /// As [`Tts::speak`].
    ///
    /// # Panics
    /// When called on a thread of an async runtime.
    pub fn synthesize_blocking(&self, text: &str, voice: &str, speed: f32) -> Result<Vec<i16>, VendorError> {
        let request = SpeakRequest { text: text.to_owned(), voice: voice.into(), speed };
        let mut said = self.order(request)?;
        let mut samples = Vec::new();
        loop {
            match said.blocking_recv() {
                Some(Said::Event(TtsEvent::Audio(chunk))) => samples.extend(chunk),
                Some(Said::Event(TtsEvent::Words(_) | TtsEvent::Ulaw(_))) => {}
                Some(Said::Failed(error)) => return Err(error),
                Some(Said::End) => return Ok(samples),
                None => return Err(lost()),
            }
        }
    }

    /// Pieces that are spoken or wait now.
    pub fn open_pieces(&self) -> usize {
        self.desk.open_orders()
    }

    fn order(&self, request: SpeakRequest) -> Result<mpsc::Receiver<Said>, VendorError> {
        let known = request.voice.is_empty() || Self::VOICES.contains(&&*request.voice);
        if !known {
            return Err(VendorError::Refused { vendor: NAME, status: 404, setting: "the agent's voice" });
        }
        self.desk.order(request).ok_or(VendorError::Busy { vendor: NAME, status: 0, retry_after: None })
    }
}

impl Tts for HibariTts {
    fn name(&self) -> &'static str {
        NAME
    }

    fn sample_rate(&self) -> SampleRate {
        const { SampleRate::from_hz(signal::SAMPLE_RATE_HZ as u32).expect("24 kHz is a multiple of 50") }
    }

    fn speak(&self, request: SpeakRequest) -> BoxStream<'static, Result<TtsEvent, VendorError>> {
        match self.order(request) {
            Ok(said) => Listener { said: Some(said), _desk: Arc::clone(&self.desk) }.boxed(),
            Err(error) => stream::iter([Err(error)]).boxed(),
        }
    }
}

/// The events of one order.
struct Listener {
    said: Option<mpsc::Receiver<Said>>,
    /// The thread lives as long as somebody listens.
    _desk: Arc<Desk>,
}

impl Stream for Listener {
    type Item = Result<TtsEvent, VendorError>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let Some(said) = &mut self.said else { return Poll::Ready(None) };
        let item = match std::task::ready!(said.poll_recv(context)) {
            Some(Said::Event(event)) => return Poll::Ready(Some(Ok(event))),
            Some(Said::Failed(error)) => Some(Err(error)),
            Some(Said::End) => None,
            None => Some(Err(lost())),
        };
        self.said = None;
        Poll::Ready(item)
    }
}

fn lost() -> VendorError {
    VendorError::Failed { vendor: NAME, kind: "the voice's thread has ended".to_owned() }
}

/// The phonemes of a text in the network's alphabet, sentences parted by " | ".
///
/// This is what the voice is told to say; it is here so that readings can be inspected and tested.
///
/// # Errors
/// When a file of the voice is missing or not the expected one.
pub fn phoneme_reader(runtime: Runtime, folder: &Path) -> Result<impl FnMut(&str) -> String, RuntimeError> {
    let mut engine = load_engine(runtime, folder, 0)?;
    Ok(move |text: &str| {
        let sentences = engine.sentences(text);
        sentences.iter().map(|sentence| sentence.phonemes.as_str()).collect::<Vec<_>>().join(" | ")
    })
}

fn load_engine(runtime: Runtime, folder: &Path, seed: u64) -> Result<Engine, RuntimeError> {
    let file = |name: &str| folder.join(name);
    let tables = Tables::open(&TableFiles {
        gold: file("lexicon_us_gold.json.gz"),
        silver: file("lexicon_us_silver.json.gz"),
        tagger: file("tagger.json.gz"),
        compiled: file("front-end.tables"),
    })?;
    Ok(Engine {
        front_end: FrontEnd::new(tables),
        oov: Oov::load(runtime, &file("oov.onnx"), &file("oov.json"))?,
        network: Network::load(runtime, &file("hibari.onnx"), &file("vocab.json"))?,
        transforms: Transforms::new(),
        seed,
    })
}

/// The first runs of a network allocate what later ones reuse; no caller should wait for that.
fn warm_up(engine: &mut Engine) -> ort::Result<()> {
    for sentence in engine.sentences("Good morning, Kowalski, how can I help you?") {
        engine.network.speak(&sentence, 1.0)?;
    }
    Ok(())
}
