//! What sound is on its way through the codec and the resampler, for every rate a vendor may have.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::f64::consts::TAU;

use proptest::collection::vec;
use proptest::prelude::{ProptestConfig, any, prop_assert, prop_assert_eq, proptest};
use proptest::sample::select;
use voice_pipeline::audio::resample::{Resampler, resample};
use voice_pipeline::audio::{SampleRate, ulaw};

const TELEPHONY: u32 = 8_000;

/// The rates of recognisers and voices.
const RATES: [u32; 6] = [8_000, 16_000, 22_050, 24_000, 44_100, 48_000];

fn pairs() -> impl Iterator<Item = (u32, u32)> {
    RATES.into_iter().flat_map(|from| RATES.map(|to| (from, to)))
}

fn resampler(from: u32, to: u32) -> Resampler {
    let [from, to] = [from, to].map(|hz| SampleRate::from_hz(hz).unwrap());
    Resampler::new(from, to)
}

fn convert(from: u32, to: u32, input: &[i16]) -> Vec<i16> {
    let [from, to] = [from, to].map(|hz| SampleRate::from_hz(hz).unwrap());
    resample(input, from, to)
}

/// A second of a sine.
fn sine(hz: f64, rate: u32) -> Vec<i16> {
    let samples = (0..rate).map(|n| 12_000.0 * (TAU * hz * f64::from(n) / f64::from(rate)).sin());
    samples.map(|sample| sample.round() as i16).collect()
}

/// The middle of a second: what its abrupt ends do to it is real sound.
fn middle(samples: &[i16]) -> &[i16] {
    &samples[samples.len() / 10..samples.len() * 9 / 10]
}

fn rms(samples: &[i16]) -> f64 {
    let sum: f64 = samples.iter().map(|&sample| f64::from(sample).powi(2)).sum();
    (sum / samples.len() as f64).sqrt()
}

/// How loud everything but a tone is, whatever the tone's phase. The samples hold whole periods of it.
fn rms_beside(hz: f64, rate: u32, samples: &[i16]) -> f64 {
    let phase = |n: usize| TAU * hz * n as f64 / f64::from(rate);
    let share = |wave: fn(f64) -> f64| {
        let product = samples.iter().enumerate().map(|(n, &sample)| f64::from(sample) * wave(phase(n)));
        2.0 * product.sum::<f64>() / samples.len() as f64
    };
    let (sine, cosine) = (share(f64::sin), share(f64::cos));
    let rest = samples
        .iter()
        .enumerate()
        .map(|(n, &sample)| f64::from(sample) - sine * phase(n).sin() - cosine * phase(n).cos());
    (rest.map(|rest| rest.powi(2)).sum::<f64>() / samples.len() as f64).sqrt()
}

fn db(ratio: f64) -> f64 {
    20.0 * ratio.max(1e-6).log10()
}

#[test]
fn five_kilohertz_leave_no_alias_at_the_telephone() {
    for from in RATES.into_iter().filter(|&from| from > 2 * 5_000) {
        let tone = sine(5_000.0, from);
        let alias = db(rms(middle(&convert(from, TELEPHONY, &tone))) / rms(&tone));
        assert!(alias < -60.0, "from {from} Hz, 5 kHz come back at {alias:.1} dB");
    }
}

#[test]
fn upsampling_leaves_no_image_above_the_telephone_band() {
    for to in RATES.into_iter().filter(|&to| to > TELEPHONY) {
        let wide = convert(TELEPHONY, to, &sine(3_000.0, TELEPHONY));
        // What is not the tone is its image at 5 kHz and the rounding to whole samples.
        let image = db(rms_beside(3_000.0, to, middle(&wide)) / rms(middle(&wide)));
        assert!(image < -60.0, "to {to} Hz, the image of 3 kHz is at {image:.1} dB");
    }
}

#[test]
fn the_telephone_band_keeps_its_level_through_every_pair_of_rates() {
    for (from, to) in pairs() {
        for hz in [200.0, 300.0, 700.0, 1_000.0, 1_900.0, 2_600.0, 3_000.0, 3_300.0] {
            let tone = sine(hz, from);
            let level = db(rms(middle(&convert(from, to, &tone))) / rms(middle(&tone)));
            assert!(level.abs() < 0.1, "{hz} Hz from {from} to {to} Hz changes by {level:.2} dB");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn neither_sound_nor_length_depends_on_how_samples_arrive(
        from in select(&RATES[..]),
        to in select(&RATES[..]),
        chunks in vec(vec(any::<i16>(), 0..1_200), 0..8),
    ) {
        let (mut resampler, mut out) = (resampler(from, to), Vec::new());
        for chunk in &chunks {
            resampler.push(chunk, &mut out);
        }
        resampler.flush(&mut out);
        let whole = chunks.concat();
        let exact = whole.len() as f64 * f64::from(to) / f64::from(from);
        prop_assert_eq!(out.len(), (exact + 0.5).floor() as usize);
        prop_assert_eq!(out, convert(from, to, &whole));
    }

    #[test]
    fn silence_stays_silence(from in select(&RATES[..]), to in select(&RATES[..]), samples in 0..10_000_usize) {
        prop_assert!(convert(from, to, &vec![0; samples]).iter().all(|&sample| sample == 0));
    }

    #[test]
    fn telephone_bytes_survive_any_number_of_rounds(bytes in vec(any::<u8>(), 0..400), cut in 0..400_usize) {
        let rounds = |bytes: &[u8]| {
            let (mut samples, mut again) = (Vec::new(), Vec::new());
            let (first, second) = bytes.split_at(cut.min(bytes.len()));
            ulaw::decode_into(first, &mut samples);
            ulaw::decode_into(second, &mut samples);
            ulaw::encode_into(&samples, &mut again);
            again
        };
        let once = rounds(&bytes);
        prop_assert_eq!(rounds(&once), once.clone());
        // The two zeros sound the same.
        let zero = |byte: u8| if byte == 0x7F { ulaw::SILENCE } else { byte };
        prop_assert_eq!(once, bytes.into_iter().map(zero).collect::<Vec<_>>());
    }

    #[test]
    fn a_louder_sample_is_never_decoded_as_a_quieter_one(a in any::<i16>(), b in any::<i16>()) {
        let [low, high] = [a.min(b), a.max(b)].map(|sample| ulaw::decode(ulaw::encode(sample)));
        prop_assert!(low <= high);
    }

    #[test]
    fn a_sample_comes_back_within_half_a_step(sample in any::<i16>()) {
        let magnitude = i32::from(sample).abs().min(32_635);
        // Steps double with every octave above the bias.
        let step = 8 << ((magnitude + 132).ilog2() - 7);
        let error = (i32::from(ulaw::decode(ulaw::encode(sample))).abs() - magnitude).abs();
        prop_assert!(error <= step / 2, "{} comes back {} off, a step is {}", sample, error, step);
    }
}
