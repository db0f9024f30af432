//! Log-mel features of the last 8 s, as the Whisper family of networks defines them.

use std::f64::consts::TAU;
use std::sync::Arc;

use realfft::num_complex::Complex;
use realfft::{RealFftPlanner, RealToComplex};

/// Bands of the spectrogram.
pub(super) const MEL_BANDS: usize = 80;
/// Columns of the spectrogram: 8 s in steps of 10 ms.
pub(super) const FRAMES: usize = 800;

const HOP: usize = 160;
const WINDOW: usize = 400;
const BINS: usize = WINDOW / 2 + 1;
const SAMPLES: usize = FRAMES * HOP;
const HZ_PER_BIN: f64 = 16_000.0 / WINDOW as f64;

/// The tables and buffers that features are computed with.
pub(super) struct LogMel {
    fft: Arc<dyn RealToComplex<f64>>,
    window: Vec<f64>,
    bands: Vec<Band>,
    frame: Vec<f64>,
    spectrum: Vec<Complex<f64>>,
}

/// A triangular filter: its first bin and the weights from there on.
struct Band {
    first_bin: usize,
    weights: Vec<f64>,
}

impl LogMel {
    pub(super) fn new() -> Self {
        let fft = RealFftPlanner::new().plan_fft_forward(WINDOW);
        let hann = |i: usize| 0.5 - 0.5 * (TAU * i as f64 / WINDOW as f64).cos();
        Self {
            window: (0..WINDOW).map(hann).collect(),
            bands: mel_bands(),
            frame: fft.make_input_vec(),
            spectrum: fft.make_output_vec(),
            fft,
        }
    }

    /// The features of audio at 16 kHz, band by band. Shorter audio is preceded by silence, longer
    /// audio counts by its last 8 s.
    pub(super) fn features(&mut self, audio: &[i16]) -> Vec<f32> {
        let signal = standardised(audio);
        let mut log_mel = vec![0.0; MEL_BANDS * FRAMES];
        let mut loudest = f64::MIN;
        for column in 0..FRAMES {
            for (offset, (value, weight)) in self.frame.iter_mut().zip(&self.window).enumerate() {
                *value = signal[mirrored(column * HOP + offset)] * weight;
            }
            self.fft.process(&mut self.frame, &mut self.spectrum).expect("the buffers are of the plan's own making");
            for (band, filter) in self.bands.iter().enumerate() {
                let bins = &self.spectrum[filter.first_bin..];
                let power: f64 = filter.weights.iter().zip(bins).map(|(weight, bin)| weight * bin.norm_sqr()).sum();
                let level = power.max(1e-10).log10();
                log_mel[band * FRAMES + column] = level;
                loudest = loudest.max(level);
            }
        }
        let scaled = |level: f64| ((level.max(loudest - 8.0) + 4.0) / 4.0) as f32;
        log_mel.into_iter().map(scaled).collect()
    }
}

/// The last 8 s with zero mean and unit variance, silence in front counted in.
fn standardised(audio: &[i16]) -> Vec<f64> {
    let audio = &audio[audio.len().saturating_sub(SAMPLES)..];
    let mut signal = vec![0.0; SAMPLES];
    for (value, &sample) in signal[SAMPLES - audio.len()..].iter_mut().zip(audio) {
        *value = f64::from(sample) / 32_768.0;
    }
    let mean = signal.iter().sum::<f64>() / SAMPLES as f64;
    let variance = signal.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / SAMPLES as f64;
    let deviation = (variance + 1e-7).sqrt();
    for value in &mut signal {
        *value = (*value - mean) / deviation;
    }
    signal
}

/// Where to read the signal for a position in the padded one: half a window of padding at both
/// ends mirrors what lies inside.
fn mirrored(padded: usize) -> usize {
    let distance = padded.abs_diff(WINDOW / 2);
    if padded < WINDOW / 2 || distance < SAMPLES { distance } else { 2 * (SAMPLES - 1) - distance }
}

/// Triangles on Slaney's mel scale, linear to 1 kHz and logarithmic above, each of equal area.
fn mel_bands() -> Vec<Band> {
    let top = mel_of(HZ_PER_BIN * (BINS - 1) as f64);
    let corner = |i: usize| hz_of(top * i as f64 / (MEL_BANDS + 1) as f64);
    (0..MEL_BANDS)
        .map(|band| {
            let (low, centre, high) = (corner(band), corner(band + 1), corner(band + 2));
            let weight = |bin: usize| {
                let hz = HZ_PER_BIN * bin as f64;
                let rising = (hz - low) / (centre - low);
                let falling = (high - hz) / (high - centre);
                rising.min(falling).max(0.0) * 2.0 / (high - low)
            };
            let weights: Vec<f64> = (0..BINS).map(weight).collect();
            let first_bin = weights.iter().position(|&w| w > 0.0).unwrap_or(0);
            let end = weights.iter().rposition(|&w| w > 0.0).map_or(first_bin, |last| last + 1);
            Band { first_bin, weights: weights[first_bin..end].to_vec() }
        })
        .collect()
}

const LINEAR_UP_TO_HZ: f64 = 1_000.0;
const LINEAR_UP_TO_MEL: f64 = 15.0;

fn mel_of(hz: f64) -> f64 {
    if hz < LINEAR_UP_TO_HZ {
        hz * LINEAR_UP_TO_MEL / LINEAR_UP_TO_HZ
    } else {
        LINEAR_UP_TO_MEL + (hz / LINEAR_UP_TO_HZ).ln() * 27.0 / 6.4_f64.ln()
    }
}

fn hz_of(mel: f64) -> f64 {
    if mel < LINEAR_UP_TO_MEL {
        mel * LINEAR_UP_TO_HZ / LINEAR_UP_TO_MEL
    } else {
        LINEAR_UP_TO_HZ * ((mel - LINEAR_UP_TO_MEL) * 6.4_f64.ln() / 27.0).exp()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tone(hz: f64, samples: usize) -> Vec<i16> {
        (0..samples).map(|i| (8_000.0 * (TAU * hz * i as f64 / 16_000.0).sin()) as i16).collect()
    }

    /// The band that is loudest in a column.
    fn loudest_band(features: &[f32], column: usize) -> usize {
        (0..MEL_BANDS).max_by(|a, b| features[a * FRAMES + column].total_cmp(&features[b * FRAMES + column])).unwrap()
    }

    #[test]
    fn silence_is_the_floor_everywhere() {
        let features = LogMel::new().features(&[0; 1_000]);
        assert_eq!(features.len(), MEL_BANDS * FRAMES);
        // log10(1e-10) = -10, and (-10 + 4) / 4.
        assert!(features.iter().all(|&value| (value + 1.5).abs() < 1e-6));
    }

    #[test]
    fn a_tone_stands_in_the_band_around_its_pitch() {
        let mut log_mel = LogMel::new();
        for hz in [200.0, 440.0, 1_000.0, 2_500.0, 6_000.0] {
            let features = log_mel.features(&tone(hz, SAMPLES));
            let centre = mel_of(hz) / mel_of(8_000.0) * (MEL_BANDS + 1) as f64 - 1.0;
            let band = loudest_band(&features, 400);
            assert!((band as f64 - centre).abs() <= 1.0, "{hz} Hz in band {band}, not {centre}");
        }
    }

    #[test]
    fn the_loudest_value_of_a_steady_tone_follows_from_its_energy() {
        // Unit variance gives an amplitude of √2; a Hann window of 400 samples sums to 200, so the
        // line at 1 kHz has the power (√2 · 200 / 2)² = 20,000, and ¼ of it in each neighbour.
        let features = LogMel::new().features(&tone(1_000.0, SAMPLES));
        let band = &mel_bands()[loudest_band(&features, 400)];
        let expected: f64 = [(24, 0.25), (25, 1.0), (26, 0.25)]
            .iter()
            .filter_map(|(bin, share)| {
                Some(20_000.0 * share * band.weights.get(usize::checked_sub(*bin, band.first_bin)?)?)
            })
            .sum();
        let loudest = features.iter().copied().fold(f32::MIN, f32::max);
        let expected = ((expected.log10() + 4.0) / 4.0) as f32;
        assert!((loudest - expected).abs() < 0.002, "{loudest} instead of {expected}");
    }

    #[test]
    fn gives_what_the_model_was_trained_with() {
        // Values of the model authors' own feature extraction for 3 s of a rising tone.
        let reference = [
            ((0, 0), -0.113_348),
            ((0, 520), 0.135_860),
            ((5, 505), 1.532_803),
            ((10, 560), 0.017_120),
            ((15, 499), 0.200_480),
            ((20, 600), -0.133_419),
            ((33, 799), -0.114_279),
            ((40, 700), -0.215_910),
            ((79, 799), -0.207_816),
            ((0, 500), 1.569_687),
        ];
        let sweep: Vec<i16> = (0..48_000)
            .map(|i| {
                let seconds = f64::from(i) / 16_000.0;
                (6_000.0 * (TAU * (100.0 * seconds + 600.0 * seconds.powi(2))).sin()).floor() as i16
            })
            .collect();
        let features = LogMel::new().features(&sweep);
        for ((band, column), expected) in reference {
            let value = features[band * FRAMES + column];
            assert!((value - expected).abs() < 1e-3, "{value} in band {band}, column {column}");
        }
    }

    #[test]
    fn nothing_lies_more_than_eight_decades_below_the_loudest() {
        let features = LogMel::new().features(&tone(440.0, SAMPLES));
        let loudest = features.iter().copied().fold(f32::MIN, f32::max);
        let softest = features.iter().copied().fold(f32::MAX, f32::min);
        assert!(loudest - softest <= 2.0 + 1e-5, "{softest} to {loudest}");
    }

    #[test]
    fn short_audio_stands_at_the_end_and_only_the_last_8_s_of_long_audio_count() {
        let mut log_mel = LogMel::new();
        let short = log_mel.features(&tone(440.0, 16_000));
        let band = loudest_band(&short, 750);
        assert!(short[band * FRAMES + 750] > short[band * FRAMES + 350] + 1.0);

        let mut long = tone(3_000.0, 5 * 16_000);
        long.extend(tone(440.0, SAMPLES));
        assert_eq!(log_mel.features(&long), log_mel.features(&tone(440.0, SAMPLES)));
    }

    #[test]
    fn loudness_and_offset_change_nothing() {
        let mut log_mel = LogMel::new();
        let soft = tone(440.0, SAMPLES);
        let loud: Vec<i16> = soft.iter().map(|&sample| sample * 4 + 10).collect();
        let (soft, loud) = (log_mel.features(&soft), log_mel.features(&loud));
        let furthest = soft.iter().zip(&loud).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        assert!(furthest < 0.35, "{furthest}");
        let at = |features: &[f32]| features[loudest_band(features, 400) * FRAMES + 400];
        assert!((at(&soft) - at(&loud)).abs() < 1e-3);
    }
}
