//! Silero, the second opinion on whether somebody speaks: a small network at 8 kHz for the moments
//! when the cheap detector is stuck on noise.
//!
//! One [`SileroReferee`] holds the weights for all calls; [`SileroReferee::new_call`] gives each
//! call its own [`SileroState`], for the network remembers what it heard. A chunk takes about
//! 0.1 ms, so it runs where it is asked, not on a worker.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use ort::session::Session;
use ort::value::Tensor;
use voice_pipeline::vad::Referee;

use crate::runtime::{Runtime, RuntimeError};

/// 32 ms at 8 kHz: what the network takes at a time.
const CHUNK: usize = 256;
/// Samples of the chunk before, which the network wants to see again.
const CONTEXT: usize = 32;
/// The size of its memory.
const STATE: [usize; 3] = [2, 1, 128];

/// The speech-detection network, shared by all calls.
#[derive(Clone)]
pub struct SileroReferee {
    session: Arc<Mutex<Session>>,
}

impl SileroReferee {
    /// Loads the network. Blocks.
    ///
    /// # Errors
    /// When the file is missing or not what it should be.
    pub fn load(runtime: Runtime, model: &Path) -> Result<Self, RuntimeError> {
        let referee = Self { session: Arc::new(Mutex::new(runtime.session(model)?)) };
        referee
            .new_call()
            .judge(&[0.0; CHUNK])
            .map_err(|error| RuntimeError::Unexpected { model: model.into(), reason: error.to_string() })?;
        Ok(referee)
    }

    /// A listener for one call.
    pub fn new_call(&self) -> SileroState {
        SileroState {
            session: Arc::clone(&self.session),
            memory: vec![0.0; STATE.iter().product()],
            context: [0.0; CONTEXT],
            pending: Vec::with_capacity(2 * CHUNK),
            newest: None,
        }
    }
}

/// What the network remembers of one call.
pub struct SileroState {
    session: Arc<Mutex<Session>>,
    memory: Vec<f32>,
    context: [f32; CONTEXT],
    /// Samples that do not fill a chunk yet.
    pending: Vec<f32>,
    newest: Option<f32>,
}

impl SileroState {
    /// Listens to the next samples at 8 kHz, of any length without a gap, and gives the newest
    /// probability that somebody speaks; `None` until the first 32 ms were heard.
    pub fn probability(&mut self, samples_8k: &[i16]) -> Option<f32> {
        self.pending.extend(samples_8k.iter().map(|&sample| f32::from(sample) / 32_768.0));
        let pending = std::mem::take(&mut self.pending);
        let mut chunks = pending.chunks_exact(CHUNK);
        for chunk in &mut chunks {
            match self.judge(chunk) {
                Ok(probability) => self.newest = Some(probability),
                // The opinion before it stands; the cheap detector decides without a new one.
                Err(error) => tracing::debug!(%error, "the speech-detection network failed"),
            }
        }
        self.pending.extend_from_slice(chunks.remainder());
        self.newest
    }

    fn judge(&mut self, chunk: &[f32]) -> ort::Result<f32> {
        let input = [&self.context, chunk].concat();
        self.context.copy_from_slice(&chunk[chunk.len() - CONTEXT..]);
        let inputs = ort::inputs![
            "input" => Tensor::from_array(([1, CONTEXT + CHUNK], input))?,
            "state" => Tensor::from_array((STATE, self.memory.clone()))?,
            "sr" => Tensor::from_array(([0_usize; 0], vec![8_000_i64]))?,
        ];
        // A panic inside the network cannot leave it half changed: its memory is ours.
        let mut session = self.session.lock().unwrap_or_else(PoisonError::into_inner);
        let outputs = session.run(inputs)?;
        let memory = outputs.get("stateN").map(|value| value.try_extract_tensor::<f32>());
        let output = outputs.get("output").map(|value| value.try_extract_tensor::<f32>());
        match (memory.transpose()?, output.transpose()?) {
            (Some((_, memory)), Some((_, [probability, ..]))) if memory.len() == self.memory.len() => {
                self.memory.copy_from_slice(memory);
                Ok(*probability)
            }
            _ => Err(ort::Error::new("the network gave no probability")),
        }
    }
}

impl Referee for SileroState {
    fn speech_probability(&mut self, samples: &[i16]) -> f32 {
        // Before anything was heard, nobody speaks.
        self.probability(samples).unwrap_or(0.0)
    }
}
