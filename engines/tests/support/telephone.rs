//! What a telephone does to speech: 8 kHz, μ-law.

use voice_pipeline::audio::resample::resample;
use voice_pipeline::audio::{SampleRate, ulaw};

/// As the line carries it: 8 kHz, through μ-law.
pub(crate) fn on_the_line(samples: &[i16], rate: SampleRate) -> Vec<i16> {
    let narrow = resample(samples, rate, SampleRate::TELEPHONY);
    narrow.into_iter().map(|sample| ulaw::decode(ulaw::encode(sample))).collect()
}

/// As a recogniser gets it at the end of the line: 16 kHz.
pub(crate) fn through_a_telephone(samples: &[i16], rate: SampleRate) -> Vec<i16> {
    resample(&on_the_line(samples, rate), SampleRate::TELEPHONY, SampleRate::WIDEBAND)
}
