//! Speech recognition in the process: Moonshine on a thread of its own, shared by all calls.
//!
//! [`MoonshineStt::load`] blocks while it reads the weights. Each call's line is a small driver
//! around an [`Utterance`], which decides what is recognised when; the networks run on one
//! [`Worker`], where of each call only the newest request waits and finals go before interims.
//!
//! What always holds: the driver never waits for the recogniser, only for its channels; a full
//! queue is an [`SttEvent::Overloaded`]; dropping the driver takes its request out of the queue.

use std::future::pending;
use std::path::Path;
use std::sync::Arc;

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use futures_util::stream::{FuturesUnordered, StreamExt as _};
use tokio::sync::{mpsc, oneshot};
use voice_pipeline::audio::SampleRate;
use voice_pipeline::vendors::VendorError;
use voice_pipeline::vendors::stt::{AudioFormat, Stt, SttEvent, SttInput, SttLine};

mod moonshine;
mod tokens;
mod utterance;

pub use self::utterance::{Request, RequestId, Utterance, UtteranceSettings};

use self::moonshine::Moonshine;
use crate::runtime::{Runtime, RuntimeError, run_failed};
use crate::worker::{Job, Slot, Submitted, Urgency, Worker};

/// The vendor's name in the settings.
const NAME: &str = "local";
/// 2 s of caller audio; when it is full the pipeline drops the newest frame and counts it.
const INPUTS: usize = 100;
/// Transcripts nobody has read yet; when it is full the driver waits, and audio fills its own queue.
const EVENTS: usize = 32;

/// How the local recogniser works.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SttSettings {
    /// What belongs to an utterance and how often it is recognised.
    pub utterance: UtteranceSettings,
    /// `LOCAL_STT_QUEUE`: requests that may wait for the recogniser, over all calls.
    ///
    /// Lower refuses interim results sooner under load; higher than the number of calls is of no
    /// use, for each call has one request waiting at most. Default `64`, from `1` to `1024`.
    pub queue: usize,
}

impl Default for SttSettings {
    fn default() -> Self {
        Self { utterance: UtteranceSettings::default(), queue: 64 }
    }
}

/// The local recogniser.
pub struct MoonshineStt {
    worker: Arc<Worker<Recognition>>,
    settings: UtteranceSettings,
}

impl MoonshineStt {
    /// Loads the networks of a folder, runs them once, and starts the thread. Blocks.
    ///
    /// # Errors
    /// When a file is missing or not what it should be, or no thread can be started.
    pub fn load(runtime: Runtime, folder: &Path, settings: SttSettings) -> Result<Self, RuntimeError> {
        let mut moonshine = Moonshine::load(runtime, folder)?;
        // The first run allocates what later runs reuse; no caller should wait for that.
        moonshine
            .transcribe(&[0; 16_000])
            .map_err(|error| RuntimeError::Model { model: folder.into(), reason: error.to_string() })?;
        let handler = move |job: Recognition| job.run(&mut moonshine);
        let worker = Worker::spawn("stt", settings.queue, [handler])
            .map_err(|cause| RuntimeError::Thread { model: "the recogniser", cause })?;
        Ok(Self { worker: Arc::new(worker), settings: settings.utterance })
    }

    /// Requests that wait for the recogniser now.
    pub fn waiting(&self) -> usize {
        self.worker.waiting()
    }

    /// Recognises a recording at 16 kHz, of any length, outside any call.
    ///
    /// # Errors
    /// When the queue is full or the network fails.
    pub fn recognise(&self, recording: &[i16]) -> impl Future<Output = Result<String, VendorError>> + Send + use<> {
        let segments = utterance::cut(recording, self.settings.segment_max);
        let (job, answer) = Recognition::new(Slot::unique(), segments, Urgency::Urgent);
        // What is given back closes the answer.
        drop(self.worker.submit(job));
        answer.map(|answer| match answer {
            Ok(texts) => texts.map(|texts| texts.join(" ")),
            Err(_) => Err(VendorError::Busy { vendor: NAME, status: 0, retry_after: None }),
        })
    }
}

impl Stt for MoonshineStt {
    fn name(&self) -> &'static str {
        NAME
    }

    fn format(&self) -> AudioFormat {
        AudioFormat::Pcm(SampleRate::WIDEBAND)
    }

    fn open(&self) -> SttLine {
        let (input, inputs) = mpsc::channel(INPUTS);
        let (events_tx, events) = mpsc::channel(EVENTS);
        let line = Line {
            worker: Arc::clone(&self.worker),
            slot: Slot::unique(),
            utterance: Utterance::new(self.settings.clone()),
            answers: FuturesUnordered::new(),
        };
        SttLine { input, events, driver: line.drive(inputs, events_tx).boxed() }
    }
}

type Texts = Result<Vec<String>, VendorError>;

/// A request on its way through the worker.
struct Recognition {
    slot: Slot,
    urgency: Urgency,
    segments: Vec<Arc<[i16]>>,
    answer: oneshot::Sender<Texts>,
}

impl Recognition {
    fn new(slot: Slot, segments: Vec<Arc<[i16]>>, urgency: Urgency) -> (Self, oneshot::Receiver<Texts>) {
        let (answer, answered) = oneshot::channel();
        (Self { slot, urgency, segments, answer }, answered)
    }

    fn run(self, moonshine: &mut Moonshine) {
        // The call may have ended while the request waited.
        if self.answer.is_closed() {
            return;
        }
        let texts: ort::Result<Vec<String>> =
            self.segments.iter().map(|segment| moonshine.transcribe(segment)).collect();
        // Nobody is interested any more when this fails.
        let _ = self.answer.send(texts.map_err(|error| run_failed(NAME, &error)));
    }
}

impl Job for Recognition {
    fn slot(&self) -> Option<Slot> {
        Some(self.slot)
    }

    fn urgency(&self) -> Urgency {
        self.urgency
    }
}

/// One call's line.
struct Line {
    worker: Arc<Worker<Recognition>>,
    slot: Slot,
    utterance: Utterance,
    answers: FuturesUnordered<BoxFuture<'static, (RequestId, Option<Texts>)>>,
}

impl Line {
    async fn drive(
        mut self,
        mut inputs: mpsc::Receiver<SttInput>,
        events: mpsc::Sender<Result<SttEvent, VendorError>>,
    ) {
        loop {
            let mut failure = None;
            tokio::select! {
                input = inputs.recv() => match input {
                    Some(input) => self.hear(input),
                    None => return,
                },
                (id, answer) = next_answer(&mut self.answers) => match answer {
                    Some(Ok(texts)) => self.utterance.recognised(id, texts),
                    Some(Err(error)) => {
                        self.utterance.gave_up(id);
                        failure = Some(error);
                    }
                    None => self.utterance.gave_up(id),
                },
            }
            if let Some(request) = self.utterance.poll_request() {
                self.submit(request);
            }
            let failure = failure.map(Err);
            let texts = std::iter::from_fn(|| self.utterance.poll_event()).map(Ok);
            for event in failure.into_iter().chain(texts) {
                if events.send(event).await.is_err() {
                    return;
                }
            }
        }
    }

    fn hear(&mut self, input: SttInput) {
        match input {
            SttInput::Audio(samples) => self.utterance.audio(&samples),
            // Never sent to a recogniser that asked for samples.
            SttInput::Ulaw(_) => {}
            SttInput::SpeechStarted => self.utterance.speech_started(),
            SttInput::Paused(pause) => self.utterance.paused(pause),
            SttInput::Committed => {
                self.worker.withdraw(self.slot);
                self.utterance.committed();
            }
        }
    }

    fn submit(&mut self, request: Request) {
        let urgency = if request.is_final { Urgency::Urgent } else { Urgency::Routine };
        let (job, answered) = Recognition::new(self.slot, request.segments, urgency);
        let id = request.id;
        self.answers.push(async move { (id, answered.await.ok()) }.boxed());
        // Whatever was left out, here or in another call, closes its answer, and its line hears of it.
        if let Submitted::Refused(job) | Submitted::Displaced(job) | Submitted::Superseded(job) =
            self.worker.submit(job)
        {
            drop(job);
        }
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        self.worker.withdraw(self.slot);
    }
}

/// The next answer of the worker; waits for ever while nothing was asked.
async fn next_answer<T>(answers: &mut FuturesUnordered<BoxFuture<'static, (RequestId, T)>>) -> (RequestId, T) {
    match answers.next().await {
        Some(answer) => answer,
        None => pending().await,
    }
}
