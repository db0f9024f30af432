//! From the network's recipe to samples: a pulse train shaped bin by bin, noise, and a free part.
//!
//! For each frame (12.5 ms) and frequency bin the recipe has gains and phases. The spectrum is
//! `pulses · exp(lh) · e^{iπ tanh θ} + gaussian · exp(ln) + exp(lr) · e^{iφ}`; an inverse transform
//! with overlap-add makes it sound. [`Renderer::render`] gives one hop of samples at a time, so that
//! the first are heard while later ones are computed, and the work can stop between any two.
//!
//! What always holds: the same recipe and seed give the same samples, and no frame is computed twice.

use std::f32::consts::{PI, TAU};
use std::ops::Range;
use std::sync::Arc;

use realfft::num_complex::Complex32;
use realfft::{ComplexToReal, RealFftPlanner, RealToComplex};

/// Samples a second.
pub(super) const SAMPLE_RATE_HZ: usize = 24_000;
/// Samples a frame.
pub(super) const HOP: usize = 300;
/// Frequency bins a frame.
pub(super) const BINS: usize = WINDOW / 2 + 1;
const WINDOW: usize = 1_200;
const HOPS_PER_WINDOW: usize = WINDOW / HOP;
/// Below this fundamental the pulse train is silent.
const VOICED_ABOVE_HZ: f32 = 40.0;
/// The pulse train's harmonics end here.
const HARMONICS_BELOW_HZ: f32 = 11_000.0;
/// Log gains are cut off here.
const LOG_GAIN_MAX: f32 = 7.0;

/// What the network says about every frame; planes are bin by bin, `BINS` rows of one value per frame.
pub(super) struct Recipe {
    pub(super) harmonic_gain: Vec<f32>,
    pub(super) harmonic_phase: Vec<f32>,
    pub(super) noise_gain: Vec<f32>,
    pub(super) free_gain: Vec<f32>,
    pub(super) free_phase: Vec<f32>,
    pub(super) f0: Vec<f32>,
}

impl Recipe {
    pub(super) fn frames(&self) -> usize {
        self.f0.len()
    }

    /// The frames from the first to the last that are louder than `threshold` (1.0 is full scale).
    pub(super) fn audible(&self, threshold: f32) -> Range<usize> {
        let is_loud = |frame: &usize| self.loudness(*frame) > threshold;
        let first = (0..self.frames()).find(is_loud).unwrap_or(self.frames());
        let last = (first..self.frames()).rev().find(is_loud).map_or(first, |last| last + 1);
        first..last
    }

    /// About the effective value of a frame's samples, from its gains alone.
    fn loudness(&self, frame: usize) -> f32 {
        let frames = self.frames();
        // Of a pulse train at f0, every (f0 / 20 Hz)th bin holds a harmonic, spread over 1.5 bins.
        let f0 = self.f0[frame];
        let density = if f0 > VOICED_ABOVE_HZ { (30.0 / f0).min(1.0) } else { 0.0 };
        let power: f32 = (0..BINS)
            .map(|bin| {
                let at = bin * frames + frame;
                let (harmonic, noise, free) =
                    (gain(self.harmonic_gain[at]), gain(self.noise_gain[at]), gain(self.free_gain[at]));
                density * harmonic * harmonic + 2.0 * noise * noise + free * free
            })
            .sum();
        const MEAN_SQUARE_OF_WINDOW: f32 = 0.375;
        (2.0 * power / MEAN_SQUARE_OF_WINDOW).sqrt() / WINDOW as f32
    }
}

/// The transforms and the window, made once.
#[derive(Clone)]
pub(super) struct Transforms {
    forward: Arc<dyn RealToComplex<f32>>,
    inverse: Arc<dyn ComplexToReal<f32>>,
    window: Arc<[f32]>,
}

impl Transforms {
    pub(super) fn new() -> Self {
        let mut planner = RealFftPlanner::new();
        let window = (0..WINDOW).map(|at| 0.5 - 0.5 * (TAU * at as f32 / WINDOW as f32).cos()).collect();
        Self { forward: planner.plan_fft_forward(WINDOW), inverse: planner.plan_fft_inverse(WINDOW), window }
    }
}

/// Renders a stretch of a recipe, one hop at a time.
pub(super) struct Renderer {
    recipe: Recipe,
    transforms: Transforms,
    pulses: PulseTrain,
    noise: Noise,
    /// The pulses of the window around the next frame.
    source: Vec<f32>,
    /// Sums of windowed frames, and of the squared window, for the samples not yet given out.
    overlap: Vec<f32>,
    weight: Vec<f32>,
    spectrum: Vec<Complex32>,
    shaped: Vec<Complex32>,
    samples: Vec<f32>,
    forward_scratch: Vec<Complex32>,
    inverse_scratch: Vec<Complex32>,
    next_frame: usize,
    next_hop: usize,
    end: usize,
}

impl Renderer {
    /// Renders the hops in `hops`.
    pub(super) fn new(recipe: Recipe, hops: Range<usize>, transforms: &Transforms, seed: u64) -> Self {
        // A hop's samples lie under the windows of the frame before it, its own, and the next two.
        let first_frame = hops.start.saturating_sub(1);
        let mut renderer = Self {
            pulses: PulseTrain { phase: 0.0, next_frame: first_frame.saturating_sub(HOPS_PER_WINDOW / 2) },
            noise: Noise(seed),
            source: vec![0.0; WINDOW],
            overlap: vec![0.0; WINDOW],
            weight: vec![0.0; WINDOW],
            spectrum: transforms.forward.make_output_vec(),
            shaped: transforms.inverse.make_input_vec(),
            samples: transforms.inverse.make_output_vec(),
            forward_scratch: transforms.forward.make_scratch_vec(),
            inverse_scratch: transforms.inverse.make_scratch_vec(),
            next_frame: first_frame,
            next_hop: hops.start,
            end: hops.end.min(recipe.frames()),
            transforms: transforms.clone(),
            recipe,
        };
        // The window of a frame begins two hops before it.
        while renderer.pulses.next_frame < first_frame + HOPS_PER_WINDOW / 2 {
            renderer.shift_source();
        }
        renderer
    }

    /// The next hop of samples; `None` after the last.
    pub(super) fn render(&mut self) -> Option<[f32; HOP]> {
        if self.next_hop >= self.end {
            return None;
        }
        // A hop is complete when the frame two after it has been added.
        while self.next_frame < self.recipe.frames() && self.next_frame <= self.next_hop + HOPS_PER_WINDOW / 2 {
            self.add_frame();
        }
        let mut hop = [0.0; HOP];
        let at = self.offset_of_hop();
        for (sample, (sum, weight)) in
            hop.iter_mut().zip(self.overlap[at..at + HOP].iter().zip(&self.weight[at..at + HOP]))
        {
            *sample = sum / weight.max(1e-6);
        }
        self.next_hop += 1;
        Some(hop)
    }

    /// Where the next hop lies in `overlap`, which begins where the last added frame's window does.
    fn offset_of_hop(&self) -> usize {
        let last_frame = self.next_frame - 1;
        (self.next_hop + HOPS_PER_WINDOW / 2 - last_frame) * HOP
    }

    fn add_frame(&mut self) {
        self.overlap.copy_within(HOP.., 0);
        self.overlap[WINDOW - HOP..].fill(0.0);
        self.weight.copy_within(HOP.., 0);
        self.weight[WINDOW - HOP..].fill(0.0);

        self.shape(self.next_frame);
        self.transforms
            .inverse
            .process_with_scratch(&mut self.shaped, &mut self.samples, &mut self.inverse_scratch)
            .expect("the buffers were made by this transform, and its outer bins are real");
        for (at, window) in self.transforms.window.iter().enumerate() {
            self.overlap[at] += self.samples[at] * window / WINDOW as f32;
            self.weight[at] += window * window;
        }
        self.next_frame += 1;
        self.shift_source();
    }

    /// Makes the spectrum of a frame.
    fn shape(&mut self, frame: usize) {
        let frames = self.recipe.frames();
        let voiced = self.source.iter().any(|sample| *sample != 0.0);
        if voiced {
            // Scaled so that a harmonic of amplitude one has magnitude one in its bin.
            let scale = 4.0 / WINDOW as f32;
            for ((target, pulse), window) in
                self.samples.iter_mut().zip(&self.source).zip(self.transforms.window.iter())
            {
                *target = pulse * window * scale;
            }
            self.transforms
                .forward
                .process_with_scratch(&mut self.samples, &mut self.spectrum, &mut self.forward_scratch)
                .expect("the buffers were made by this transform");
        }
        for bin in 0..BINS {
            let at = bin * frames + frame;
            let mut value = self.noise.next() * gain(self.recipe.noise_gain[at]);
            value += Complex32::from_polar(gain(self.recipe.free_gain[at]), self.recipe.free_phase[at]);
            if voiced {
                let turn = PI * self.recipe.harmonic_phase[at].tanh();
                value += self.spectrum[bin] * Complex32::from_polar(gain(self.recipe.harmonic_gain[at]), turn);
            }
            self.shaped[bin] = value;
        }
        self.shaped[0].im = 0.0;
        self.shaped[BINS - 1].im = 0.0;
    }

    fn shift_source(&mut self) {
        self.source.copy_within(HOP.., 0);
        self.pulses.next_hop(&self.recipe.f0, &mut self.source[WINDOW - HOP..]);
    }
}

fn gain(log: f32) -> f32 {
    log.min(LOG_GAIN_MAX).exp()
}

/// Pulses at the pitch of the voice: all harmonics below the limit at amplitude one.
struct PulseTrain {
    /// In turns.
    phase: f64,
    next_frame: usize,
}

impl PulseTrain {
    /// Fills the hop of the next frame; silence after the last.
    fn next_hop(&mut self, f0: &[f32], out: &mut [f32]) {
        let frame = self.next_frame;
        self.next_frame += 1;
        if frame >= f0.len() {
            out.fill(0.0);
            return;
        }
        let (before, here, after) = (f0[frame.saturating_sub(1)], f0[frame], f0[(frame + 1).min(f0.len() - 1)]);
        for (at, sample) in out.iter_mut().enumerate() {
            // A frame's pitch holds in its middle and runs linearly to those of its neighbours.
            let place = (at as f32 + 0.5) / HOP as f32 - 0.5;
            let pitch = if place < 0.0 { here + (before - here) * -place } else { here + (after - here) * place };
            let audible_pitch = pitch.max(VOICED_ABOVE_HZ);
            self.phase = (self.phase + f64::from(audible_pitch) / SAMPLE_RATE_HZ as f64).fract();
            *sample = if pitch > VOICED_ABOVE_HZ { pulse(self.phase as f32 * TAU, audible_pitch) } else { 0.0 };
        }
    }
}

/// The sum of `cos(h·t)` over all harmonics h below the limit, in closed form.
fn pulse(t: f32, pitch: f32) -> f32 {
    let harmonics = (HARMONICS_BELOW_HZ / pitch).floor() + 0.5;
    let denominator = 2.0 * (t * 0.5).sin();
    // At the pulse itself both sides of the fraction vanish; its limit is the number of harmonics.
    let sum = if denominator.abs() <= 2e-3 { harmonics } else { (harmonics * t).sin() / denominator };
    sum - 0.5
}

/// Complex Gaussian noise, the same for the same seed (SplitMix64).
struct Noise(u64);

impl Noise {
    fn next(&mut self) -> Complex32 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = self.0;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        bits ^= bits >> 31;
        const STEPS: f32 = (1u32 << 24) as f32;
        let (high, low) = ((bits >> 40) as f32, (bits & 0x00ff_ffff) as f32);
        let radius = (-2.0 * ((high + 1.0) / STEPS).ln()).max(0.0).sqrt();
        Complex32::from_polar(radius, TAU * low / STEPS)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A voice that hums one pitch with equal harmonics, in silence before and after.
    fn hum(pitch: f32, frames: usize) -> Recipe {
        let silent = vec![-30.0; BINS * frames];
        let mut harmonic_gain = silent.clone();
        for bin in 0..BINS {
            for frame in frames / 4..frames * 3 / 4 {
                harmonic_gain[bin * frames + frame] = 2.0;
            }
        }
        Recipe {
            harmonic_gain,
            harmonic_phase: vec![0.0; BINS * frames],
            noise_gain: silent.clone(),
            free_gain: silent,
            free_phase: vec![0.0; BINS * frames],
            f0: vec![pitch; frames],
        }
    }

    fn all(mut renderer: Renderer) -> Vec<f32> {
        std::iter::from_fn(|| renderer.render()).flatten().collect()
    }

    fn power(samples: &[f32]) -> f32 {
        samples.iter().map(|sample| sample * sample).sum::<f32>() / samples.len() as f32
    }

    #[test]
    fn hums_at_the_pitch_it_is_told() {
        let samples = all(Renderer::new(hum(200.0, 80), 0..80, &Transforms::new(), 1));
        assert_eq!(samples.len(), 80 * HOP);
        let steady = &samples[30 * HOP..50 * HOP];
        let shifted = |lag: usize| -> f32 { steady.iter().zip(&steady[lag..]).map(|(a, b)| a * b).sum() };
        let period = SAMPLE_RATE_HZ / 200;
        assert!(shifted(period) > 0.9 * shifted(0) * (steady.len() - period) as f32 / steady.len() as f32);
        assert!(shifted(period / 2) < 0.3 * shifted(0));
        assert!(power(&samples[..15 * HOP]) < 1e-9);
    }

    #[test]
    fn renders_a_stretch_as_it_sounds_within_the_whole() {
        let (whole, part) = (hum(120.0, 60), hum(120.0, 60));
        let threshold = 0.001;
        let audible = whole.audible(threshold);
        assert!(audible.start.abs_diff(15) <= 1 && audible.end.abs_diff(45) <= 1, "{audible:?}");
        let transforms = Transforms::new();
        let whole = all(Renderer::new(whole, 0..60, &transforms, 1));
        let part = all(Renderer::new(part, 10..50, &transforms, 1));
        assert_eq!(part.len(), 40 * HOP);
        let (expected, got) = (power(&whole[20 * HOP..40 * HOP]), power(&part[10 * HOP..30 * HOP]));
        assert!((expected / got - 1.0).abs() < 0.01, "{expected} {got}");
    }

    #[test]
    fn tells_the_loudness_of_a_frame_before_rendering_it() {
        let recipe = hum(200.0, 80);
        let estimate = recipe.loudness(40);
        let samples = all(Renderer::new(recipe, 0..80, &Transforms::new(), 1));
        let heard = power(&samples[39 * HOP..42 * HOP]).sqrt();
        assert!((0.7..1.4).contains(&(estimate / heard)), "{estimate} {heard}");
    }

    #[test]
    fn noise_is_gaussian_and_repeats_with_its_seed() {
        let draw = |seed| {
            let mut noise = Noise(seed);
            (0..20_000).map(|_| noise.next()).collect::<Vec<_>>()
        };
        let values = draw(7);
        assert_eq!(values, draw(7));
        assert_ne!(values, draw(8));
        let mean: f32 = values.iter().map(|value| value.re + value.im).sum::<f32>() / 40_000.0;
        let square: f32 = values.iter().map(Complex32::norm_sqr).sum::<f32>() / 40_000.0;
        assert!(mean.abs() < 0.02 && (square - 1.0).abs() < 0.03, "{mean} {square}");
    }
}
