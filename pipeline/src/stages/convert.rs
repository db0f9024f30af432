//! Between the phone's audio and what an engine wants: 8 kHz μ-law to samples at a rate, and back.
//!
//! Only engines that do not take the phone's own format pay for this; where a vendor does, its bytes
//! pass untouched and neither converter exists.

use std::sync::Arc;

use crate::audio::SampleRate;
use crate::audio::frames::{FRAME_SAMPLES, Frame};
use crate::audio::resample::Resampler;
use crate::audio::ulaw;

/// The caller's μ-law to samples at an engine's rate.
pub(crate) struct Widen {
    resampler: Resampler,
    telephone: Vec<i16>,
    samples: Vec<i16>,
}

impl Widen {
    pub(crate) fn new(rate: SampleRate) -> Self {
        let telephone = Vec::with_capacity(FRAME_SAMPLES);
        Self { resampler: Resampler::new(SampleRate::TELEPHONY, rate), telephone, samples: Vec::new() }
    }

    pub(crate) fn convert(&mut self, frame: &Frame<u8>) -> Arc<[i16]> {
        self.telephone.clear();
        ulaw::decode_into(frame, &mut self.telephone);
        self.samples.clear();
        self.resampler.push(&self.telephone, &mut self.samples);
        Arc::from(self.samples.as_slice())
    }
}

/// A synthesiser's samples to the carrier's μ-law, one piece after the other.
pub(crate) struct Narrow {
    resampler: Resampler,
    telephone: Vec<i16>,
}

impl Narrow {
    pub(crate) fn new(rate: SampleRate) -> Self {
        Self { resampler: Resampler::new(rate, SampleRate::TELEPHONY), telephone: Vec::new() }
    }

    /// The next samples of a piece.
    pub(crate) fn convert(&mut self, samples: &[i16]) -> Vec<u8> {
        self.telephone.clear();
        self.resampler.push(samples, &mut self.telephone);
        self.encoded()
    }

    /// The end of a piece: the tail of the filter. What follows is a new stream.
    pub(crate) fn finish(&mut self) -> Vec<u8> {
        self.telephone.clear();
        self.resampler.flush(&mut self.telephone);
        self.resampler.reset();
        self.encoded()
    }

    fn encoded(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(self.telephone.len());
        ulaw::encode_into(&self.telephone, &mut bytes);
        bytes
    }
}
