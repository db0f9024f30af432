//! Changes the sample rate of one stream.
//!
//! [`Resampler::push`] takes samples in any number and gives what 20 ms blocks are complete;
//! [`Resampler::flush`] ends an utterance: it gives the tail and makes the stream ready for the
//! next. The filter's delay is cut off at the front, so after a flush exactly input × ratio samples
//! came out and sound stands where it stood. [`Resampler::reset`] drops everything half done, so
//! that a reply cut off by the caller leaves nothing in the next one. [`resample`] converts what is there
//! as a whole.
//!
//! Build it once per call and direction: its tables cost more than a second of audio. A block costs
//! no allocation beyond the growth of `out`. Equal rates pass samples through at once.

use rubato::audioadapter_buffers::direct::SequentialSlice;
use rubato::{Fft, FixedSync, Resampler as _, WindowFunction};

use super::SampleRate;

const FULL_SCALE: f32 = 32_768.0;

/// A whole recording at another rate: input × ratio samples.
pub fn resample(samples: &[i16], from: SampleRate, to: SampleRate) -> Vec<i16> {
    let (mut resampler, mut out) = (Resampler::new(from, to), Vec::new());
    resampler.push(samples, &mut out);
    resampler.flush(&mut out);
    out
}

/// Changes the sample rate of one mono stream.
pub struct Resampler(Option<Converter>);

impl Resampler {
    /// A resampler for one stream from one rate to another.
    pub fn new(from: SampleRate, to: SampleRate) -> Self {
        Self((from != to).then(|| Converter::new(from, to)))
    }

    /// Takes the next samples and appends to `out` what they complete.
    pub fn push(&mut self, samples: &[i16], out: &mut Vec<i16>) {
        match &mut self.0 {
            Some(converter) => converter.push(samples, out),
            None => out.extend_from_slice(samples),
        }
    }

    /// Ends the utterance: appends its tail to `out`. What is pushed next is a new stream.
    pub fn flush(&mut self, out: &mut Vec<i16>) {
        if let Some(converter) = &mut self.0 {
            converter.flush(out);
        }
    }

    /// Drops the utterance: what is pushed next is a new stream.
    pub fn reset(&mut self) {
        if let Some(converter) = &mut self.0 {
            converter.reset();
        }
    }
}

struct Converter {
    fft: Fft<f32>,
    from: SampleRate,
    to: SampleRate,
    /// Input of the block that is being collected; never longer than a block.
    block: Vec<f32>,
    converted: Vec<f32>,
    /// Samples taken in and given out since the stream began.
    taken: u64,
    given: u64,
    /// Samples of the filter's delay that are still to be cut off.
    to_skip: usize,
}

impl Converter {
    fn new(from: SampleRate, to: SampleRate) -> Self {
        let [input, output] = [from, to].map(|rate| rate.hz() as usize);
        // One sub-chunk keeps the filter as long as a block: shorter ones lose the top of the
        // telephone band. Rates are multiples of 50 Hz, so 20 ms divides into blocks exactly.
        let fft = Fft::new_custom(
            input,
            output,
            from.samples_per_frame(),
            1,
            1,
            WindowFunction::BlackmanHarris2,
            FixedSync::Both,
        )
        .expect("a sample rate is never zero, nor are 20 ms of it");
        let to_skip = fft.output_delay();
        Self {
            block: Vec::with_capacity(fft.input_frames_next()),
            converted: vec![0.0; fft.output_frames_next()],
            fft,
            from,
            to,
            taken: 0,
            given: 0,
            to_skip,
        }
    }

    fn push(&mut self, mut samples: &[i16], out: &mut Vec<i16>) {
        self.taken += samples.len() as u64;
        let block_len = self.fft.input_frames_next();
        while !samples.is_empty() {
            let (now, later) = samples.split_at(samples.len().min(block_len - self.block.len()));
            self.block.extend(now.iter().map(|&sample| f32::from(sample) / FULL_SCALE));
            samples = later;
            if self.block.len() == block_len {
                self.convert(usize::MAX, out);
            }
        }
    }

    fn flush(&mut self, out: &mut Vec<i16>) {
        let (from, to) = (u64::from(self.from.hz()), u64::from(self.to.hz()));
        let wanted = (self.taken * to + from / 2) / from;
        while self.given < wanted {
            self.block.resize(self.fft.input_frames_next(), 0.0);
            self.convert((wanted - self.given) as usize, out);
        }
        self.reset();
    }

    fn reset(&mut self) {
        self.fft.reset();
        self.block.clear();
        self.taken = 0;
        self.given = 0;
        self.to_skip = self.fft.output_delay();
    }

    /// Converts the full block and appends at most `limit` samples to `out`.
    fn convert(&mut self, limit: usize, out: &mut Vec<i16>) {
        const FITS: &str = "one channel and one whole block on both sides";
        let output_len = self.converted.len();
        let input = SequentialSlice::new(&self.block, 1, self.block.len()).expect(FITS);
        let mut output = SequentialSlice::new_mut(&mut self.converted, 1, output_len).expect(FITS);
        self.fft.process_into_buffer(&input, &mut output, None).expect(FITS);
        self.block.clear();

        let skipped = self.to_skip.min(output_len);
        self.to_skip -= skipped;
        let kept = &self.converted[skipped..];
        let kept = &kept[..kept.len().min(limit)];
        // `as` saturates, so an overshoot of the filter clips instead of wrapping round.
        out.extend(kept.iter().map(|&sample| (sample * FULL_SCALE).round() as i16));
        self.given += kept.len() as u64;
    }
}

#[cfg(test)]
mod tests {
    use std::f64::consts::TAU;

    use proptest::prelude::*;

    use super::*;

    fn rate(hz: u32) -> SampleRate {
        SampleRate::from_hz(hz).unwrap()
    }

    fn sine(hz: f64, rate: u32, samples: usize, amplitude: f64) -> Vec<i16> {
        (0..samples).map(|n| (amplitude * (TAU * hz * n as f64 / f64::from(rate)).sin()).round() as i16).collect()
    }

    fn convert(from: u32, to: u32, input: &[i16]) -> Vec<i16> {
        resample(input, rate(from), rate(to))
    }

    fn rms(samples: &[i16]) -> f64 {
        let sum: f64 = samples.iter().map(|&s| f64::from(s).powi(2)).sum();
        (sum / samples.len() as f64).sqrt()
    }

    #[test]
    fn lets_nothing_above_the_phone_band_fold_back() {
        let input = sine(5_000.0, 24_000, 24_000, 16_000.0);
        let output = convert(24_000, 8_000, &input);
        // The abrupt ends of a sine are real sound in the band; the alias is what stays between.
        let alias = rms(&output[400..7_600]);
        let alias_db = 20.0 * (alias.max(1e-3) / rms(&input)).log10();
        assert!(alias_db < -60.0, "5 kHz comes back at {alias_db:.1} dB");
    }

    #[test]
    fn keeps_level_and_place_of_a_voice_tone() {
        for (from, to) in [(8_000, 16_000), (16_000, 8_000), (24_000, 8_000), (44_100, 8_000)] {
            let output = convert(from, to, &sine(1_000.0, from, from as usize, 10_000.0));
            let expected = sine(1_000.0, to, to as usize, 10_000.0);
            let middle = to as usize / 10..to as usize * 9 / 10;
            let error: Vec<i16> = output[middle.clone()].iter().zip(&expected[middle]).map(|(a, b)| a - b).collect();
            assert!(rms(&error) < 30.0, "{from} to {to}: off by {:.1}", rms(&error));
        }
    }

    #[test]
    fn gives_as_many_samples_as_it_took_times_the_ratio() {
        for (from, to) in [(8_000, 16_000), (24_000, 8_000), (22_050, 8_000), (48_000, 8_000)] {
            for taken in [0, 1, 2, 159, 160, 441, 4_321, 100_000_usize] {
                let exact = taken as f64 * f64::from(to) / f64::from(from);
                let given = convert(from, to, &vec![100; taken]).len();
                assert_eq!(given, (exact + 0.5).floor() as usize, "{taken} at {from} to {to}");
            }
        }
    }

    #[test]
    fn passes_equal_rates_through_at_once() {
        let mut resampler = Resampler::new(rate(8_000), rate(8_000));
        let mut out = Vec::new();
        resampler.push(&[1, -2, 3], &mut out);
        assert_eq!(out, [1, -2, 3]);
        resampler.flush(&mut out);
        assert_eq!(out.len(), 3);
    }

    #[test]
    fn leaks_nothing_of_a_cut_reply_into_the_next() {
        let loud = sine(700.0, 24_000, 10_007, 30_000.0);
        let next = sine(440.0, 24_000, 5_000, 8_000.0);
        let mut resampler = Resampler::new(rate(24_000), rate(8_000));
        resampler.push(&loud, &mut Vec::new());
        resampler.reset();
        let mut after_reset = Vec::new();
        resampler.push(&next, &mut after_reset);
        resampler.flush(&mut after_reset);
        let mut after_flush = Vec::new();
        resampler.push(&next, &mut after_flush);
        resampler.flush(&mut after_flush);
        let fresh = convert(24_000, 8_000, &next);
        assert_eq!(after_reset, fresh);
        assert_eq!(after_flush, fresh);
    }

    #[test]
    fn does_not_wrap_round_at_full_scale() {
        let square: Vec<i16> = (0..8_000).map(|n| if n / 20 % 2 == 0 { i16::MAX } else { i16::MIN }).collect();
        let output = convert(8_000, 16_000, &square);
        let wrong = (0..output.len() - 40)
            .filter(|&n| n % 40 > 4 && n % 40 < 36)
            .filter(|&n| (output[n] > 0) != (n / 40 % 2 == 0))
            .count();
        assert_eq!(wrong, 0);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]
        #[test]
        fn sounds_the_same_however_the_samples_arrive(
            chunks in prop::collection::vec(prop::collection::vec(any::<i16>(), 0..900), 0..10)
        ) {
            let mut resampler = Resampler::new(rate(24_000), rate(8_000));
            let mut out = Vec::new();
            for chunk in &chunks {
                resampler.push(chunk, &mut out);
            }
            resampler.flush(&mut out);
            prop_assert_eq!(out, convert(24_000, 8_000, &chunks.concat()));
        }
    }
}
