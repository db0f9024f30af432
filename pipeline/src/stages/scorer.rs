//! Beside the recogniser: the turn model listens to the same utterance and judges its pauses.

use std::collections::VecDeque;
use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use tokio::sync::mpsc;

use super::convert::Widen;
use super::{Context, Signal};
use crate::audio::frames::Frame;
use crate::event::EventKind;
use crate::turn::PauseId;
use crate::vendors::VendorError;
use crate::vendors::stt::TurnDetector;

/// Inputs waiting for the scorer: 5 s of audio. When it is full audio is left out.
pub const INPUTS: usize = 256;

/// The model looks at this much audio at most.
const MEMORY: Duration = Duration::from_secs(8);

/// Audio kept from before the onset of an utterance.
const PRE_ROLL: Duration = Duration::from_millis(400);

/// What the scorer is told.
#[derive(Debug)]
#[allow(clippy::large_enum_variant, reason = "almost always audio")]
pub enum Input {
    /// 20 ms of the caller, μ-law.
    Audio(Frame<u8>),
    /// Speech began; the first time after `Committed` it is the begin of an utterance.
    SpeechStarted,
    /// Judge this pause.
    Score(PauseId),
    /// The utterance is over.
    Committed,
}

/// Runs until its input ends.
pub async fn run(mut inputs: mpsc::Receiver<Input>, model: Arc<dyn TurnDetector>, context: Context) {
    let rate = model.sample_rate();
    let mut memory = Memory::new(rate.hz() as usize);
    let mut widen = Widen::new(rate);
    let mut scoring: Option<(PauseId, BoxFuture<'static, Result<f32, VendorError>>)> = None;
    loop {
        tokio::select! {
            input = inputs.recv() => match input {
                None => return,
                Some(Input::Audio(frame)) => memory.push(&widen.convert(&frame)),
                Some(Input::SpeechStarted) => memory.begin_utterance(),
                Some(Input::Committed) => memory.end_utterance(),
                // A newer pause makes the older one's score worthless.
                Some(Input::Score(pause)) => scoring = Some((pause, model.score(memory.samples()))),
            },
            (pause, score) = finished(&mut scoring) => {
                scoring = None;
                match score {
                    Ok(probability) => {
                        context.emit(None, EventKind::TurnScored { probability });
                        context.signal(Signal::Scored { pause, probability }).await;
                    }
                    // Without an opinion the other witnesses decide.
                    Err(error) => context.emit(
                        None,
                        EventKind::VendorFailed { stage: "turn", vendor: error.vendor(), kind: error.kind() },
                    ),
                }
            }
        }
    }
}

async fn finished(
    scoring: &mut Option<(PauseId, BoxFuture<'static, Result<f32, VendorError>>)>,
) -> (PauseId, Result<f32, VendorError>) {
    match scoring {
        Some((pause, score)) => (*pause, score.await),
        None => pending().await,
    }
}

/// The audio of the utterance so far, 8 s at most.
struct Memory {
    samples: VecDeque<i16>,
    capacity: usize,
    pre_roll: usize,
    in_utterance: bool,
}

impl Memory {
    fn new(rate: usize) -> Self {
        let samples_in = |span: Duration| rate * span.as_millis() as usize / 1_000;
        Self {
            samples: VecDeque::with_capacity(samples_in(MEMORY)),
            capacity: samples_in(MEMORY),
            pre_roll: samples_in(PRE_ROLL),
            in_utterance: false,
        }
    }

    fn push(&mut self, samples: &[i16]) {
        self.samples.extend(samples);
        let excess = self.samples.len().saturating_sub(self.capacity);
        self.samples.drain(..excess);
    }

    fn begin_utterance(&mut self) {
        if !self.in_utterance {
            let excess = self.samples.len().saturating_sub(self.pre_roll);
            self.samples.drain(..excess);
            self.in_utterance = true;
        }
    }

    fn end_utterance(&mut self) {
        self.in_utterance = false;
    }

    fn samples(&self) -> Arc<[i16]> {
        self.samples.iter().copied().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn remembers_one_utterance_with_its_pre_roll() {
        let mut memory = Memory::new(1_000);
        memory.push(&[1; 3_000]);
        memory.begin_utterance();
        memory.push(&[2; 100]);
        memory.begin_utterance();
        memory.push(&[3; 100]);
        assert_eq!(memory.samples().len(), 600);
        memory.end_utterance();
        memory.push(&[4; 9_000]);
        assert_eq!(memory.samples().len(), 8_000);
        memory.begin_utterance();
        assert_eq!(memory.samples().len(), 400);
    }
}
