//! One piece of text on its way to sound, in small steps.
//!
//! [`Engine`] holds what all pieces share. [`Piece::step`] does one bounded bit of work: reading the
//! text, one run of the network, or one chunk of samples. Between steps the worker may serve other
//! pieces or drop this one.
//!
//! What always holds: a sentence's word times come before its first samples; there is a little
//! silence before the first sound and after the last, however much the network makes of it.

use std::collections::VecDeque;
use std::ops::Range;
use std::time::Duration;

use voice_pipeline::vendors::tts::{SpeakRequest, TtsEvent, WordStart};

use super::network::Network;
use super::oov::Oov;
use super::phonemes::{FrontEnd, Sentence};
use super::signal::{HOP, Recipe, Renderer, SAMPLE_RATE_HZ, Transforms};

/// Frames of samples in one chunk: 50 ms.
const FRAMES_PER_CHUNK: usize = 4;
/// Below this a frame is silence: 56 dB under full scale.
const SILENCE_BELOW: f32 = 0.0015;
/// Silence before the first sound: 50 ms, so that no onset is cut.
const LEAD_FRAMES: usize = 4;
/// Silence after the last sound of a piece: 150 ms.
const TAIL_FRAMES: usize = 12;
/// Silence after a sentence that another follows: 300 ms.
const PAUSE_FRAMES: usize = 24;
/// From the network's level to full scale of the samples: speech at about the level of a telephone
/// voice, with its peaks below the limiter.
const LEVEL: f32 = 1.6;

/// What all pieces share.
pub(super) struct Engine {
    pub(super) front_end: FrontEnd,
    pub(super) oov: Oov,
    pub(super) network: Network,
    pub(super) transforms: Transforms,
    /// Where the noise begins.
    pub(super) seed: u64,
}

impl Engine {
    pub(super) fn sentences(&mut self, text: &str) -> Vec<Sentence> {
        let oov = &mut self.oov;
        self.front_end.sentences(text, &mut |word| match oov.guess(word) {
            Ok(phonemes) => phonemes,
            Err(error) => {
                tracing::warn!(%error, "the network for unknown words failed; the word is spelled");
                None
            }
        })
    }
}

/// What a step came to.
#[derive(Debug)]
pub(super) enum Step {
    /// Something for the listener.
    Event(TtsEvent),
    /// Work was done, nothing to hear yet.
    Worked,
    /// All has been spoken.
    Done,
}

/// A piece of text being spoken.
pub(super) struct Piece {
    request: SpeakRequest,
    /// Sentences not yet given to the network; `None` before the text is read.
    waiting: Option<VecDeque<Sentence>>,
    rendering: Option<Renderer>,
    /// Frames given out so far.
    frames: usize,
}

impl Piece {
    pub(super) fn new(request: SpeakRequest) -> Self {
        Self { request, waiting: None, rendering: None, frames: 0 }
    }

    /// How much sound has been given out.
    pub(super) fn spoken(&self) -> Duration {
        time_of(self.frames)
    }

    pub(super) fn step(&mut self, engine: &mut Engine) -> ort::Result<Step> {
        if let Some(renderer) = &mut self.rendering {
            let samples = chunk(renderer);
            if !samples.is_empty() {
                self.frames += samples.len() / HOP;
                return Ok(Step::Event(TtsEvent::Audio(samples)));
            }
            self.rendering = None;
        }
        let Some(waiting) = &mut self.waiting else {
            self.waiting = Some(engine.sentences(&self.request.text).into());
            return Ok(Step::Worked);
        };
        let Some(sentence) = waiting.pop_front() else { return Ok(Step::Done) };
        let is_last = waiting.is_empty();
        let spoken = engine.network.speak(&sentence, speed(self.request.speed))?;
        let hops = hops(&spoken.recipe, is_last);
        let words = spoken
            .words
            .iter()
            .map(|&(frame, offset)| WordStart {
                offset,
                at: time_of(self.frames + frame.clamp(hops.start, hops.end) - hops.start),
            })
            .collect();
        self.rendering = Some(Renderer::new(spoken.recipe, hops, &engine.transforms, engine.seed));
        Ok(Step::Event(TtsEvent::Words(words)))
    }
}

/// The part of a sentence that is given out: what is heard, and a little silence around it.
fn hops(recipe: &Recipe, is_last: bool) -> Range<usize> {
    let audible = recipe.audible(SILENCE_BELOW);
    let tail = if is_last { TAIL_FRAMES } else { PAUSE_FRAMES };
    audible.start.saturating_sub(LEAD_FRAMES)..(audible.end + tail).min(recipe.frames())
}

fn chunk(renderer: &mut Renderer) -> Vec<i16> {
    let mut samples = Vec::with_capacity(FRAMES_PER_CHUNK * HOP);
    for _ in 0..FRAMES_PER_CHUNK {
        let Some(hop) = renderer.render() else { break };
        samples.extend(hop.iter().map(|sample| quantise(sample * LEVEL)));
    }
    samples
}

/// Loud peaks bend towards full scale instead of breaking off at it.
fn quantise(sample: f32) -> i16 {
    const KNEE: f32 = 0.8;
    let size = sample.abs();
    let limited = if size > KNEE { KNEE + (1.0 - KNEE) * ((size - KNEE) / (1.0 - KNEE)).tanh() } else { size };
    (limited.copysign(sample) * 32_000.0) as i16
}

fn time_of(frames: usize) -> Duration {
    Duration::from_micros((frames * HOP * 1_000_000 / SAMPLE_RATE_HZ) as u64)
}

/// The network keeps its voice between half and double speed.
fn speed(wanted: f32) -> f32 {
    if wanted.is_finite() { wanted.clamp(0.5, 2.0) } else { 1.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_peaks_without_clipping_them_flat() {
        assert_eq!(quantise(0.0), 0);
        assert_eq!(quantise(0.5), 16_000);
        assert_eq!(quantise(-0.5), -16_000);
        assert!(quantise(1.2) > quantise(1.1) && quantise(1.1) > quantise(0.9));
        assert!(quantise(40.0) <= 32_000 && quantise(f32::NAN) == 0);
    }

    #[test]
    fn keeps_speed_within_what_the_network_can_do() {
        assert_eq!(speed(0.01), 0.5);
        assert_eq!(speed(1.25), 1.25);
        assert_eq!(speed(f32::NAN), 1.0);
    }
}
