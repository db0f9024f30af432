//! The end-of-turn model: smart-turn v3.2, which judges from the sound of the last 8 s whether the
//! caller is done.
//!
//! [`SmartTurn`] runs on a thread of its own, beside the recogniser's, because both are asked at
//! the same pause. The network sees a log-mel spectrogram as the Whisper family defines it.

use std::path::Path;
use std::sync::Arc;

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use ort::session::Session;
use ort::value::Tensor;
use tokio::sync::oneshot;
use voice_pipeline::audio::SampleRate;
use voice_pipeline::vendors::VendorError;
use voice_pipeline::vendors::stt::TurnDetector;

mod features;

use self::features::{FRAMES, LogMel, MEL_BANDS};
use crate::runtime::{Runtime, RuntimeError, run_failed};
use crate::worker::{Job, Worker};

const NAME: &str = "smart-turn";

/// The end-of-turn model.
pub struct SmartTurn {
    worker: Worker<Question>,
}

impl SmartTurn {
    /// Loads the network, runs it once, and starts the thread. Blocks. At most `queue` pauses wait
    /// for a score; a pause too many is told that the model is busy, and silence decides.
    ///
    /// # Errors
    /// When the file is missing or not what it should be, or no thread can be started.
    pub fn load(runtime: Runtime, model: &Path, queue: usize) -> Result<Self, RuntimeError> {
        let mut judge = Judge { session: runtime.session(model)?, log_mel: LogMel::new() };
        judge
            .score(&[0; 16_000])
            .map_err(|error| RuntimeError::Model { model: model.into(), reason: error.to_string() })?;
        let handler = move |question: Question| question.answer_with(&mut judge);
        let worker = Worker::spawn("turn-model", queue, [handler])
            .map_err(|cause| RuntimeError::Thread { model: "the end-of-turn model", cause })?;
        Ok(Self { worker })
    }
}

impl TurnDetector for SmartTurn {
    fn sample_rate(&self) -> SampleRate {
        SampleRate::WIDEBAND
    }

    fn score(&self, audio: Arc<[i16]>) -> BoxFuture<'static, Result<f32, VendorError>> {
        let (answer, answered) = oneshot::channel();
        // A question that is given back closes its answer.
        drop(self.worker.submit(Question { audio, answer }));
        let busy = || VendorError::Busy { vendor: NAME, status: 0, retry_after: None };
        answered.map(move |answer| answer.unwrap_or_else(|_| Err(busy()))).boxed()
    }
}

/// A pause to be judged.
struct Question {
    audio: Arc<[i16]>,
    answer: oneshot::Sender<Result<f32, VendorError>>,
}

impl Job for Question {}

impl Question {
    fn answer_with(self, judge: &mut Judge) {
        // Speech that went on has dropped the other end.
        if self.answer.is_closed() {
            return;
        }
        let score = judge.score(&self.audio).map_err(|error| run_failed(NAME, &error));
        // Nobody is interested any more when this fails.
        let _ = self.answer.send(score);
    }
}

struct Judge {
    session: Session,
    log_mel: LogMel,
}

impl Judge {
    fn score(&mut self, audio: &[i16]) -> ort::Result<f32> {
        let features = self.log_mel.features(audio);
        let input = Tensor::from_array(([1, MEL_BANDS, FRAMES], features))?;
        let outputs = self.session.run(ort::inputs!["input_features" => input])?;
        let logits = outputs.get("logits").map(|value| value.try_extract_tensor::<f32>());
        match logits.transpose()? {
            // Despite its name the output is a probability.
            Some((_, [probability, ..])) => Ok(probability.clamp(0.0, 1.0)),
            _ => Err(ort::Error::new("the network gave no probability")),
        }
    }
}
