//! The classifier of libfvad, made safe to own and to move between threads.

use webrtc_vad::{SampleRate, Vad, VadMode};

use super::{FRAME_SAMPLES, FrameClassifier};

/// WebRTC's detector in its most aggressive mode, at 8 kHz.
///
/// It knows energy and spectrum, not speech: keypad tones, music and noise count as voiced.
pub struct WebRtcVad(Vad);

// SAFETY: `Vad` holds the only pointer to a state that libfvad allocates for it. libfvad keeps no
// mutable global or thread-local state, so the state may be used and freed on any thread as long as
// one at a time does so, which `&mut self` ensures. `WebRtcVad` is deliberately not `Sync`.
#[allow(unsafe_code)]
unsafe impl Send for WebRtcVad {}

impl WebRtcVad {
    /// A classifier that has heard nothing yet.
    ///
    /// There is no reset: the library's own also forgets mode and rate.
    pub fn new() -> Self {
        Self(Vad::new_with_rate_and_mode(SampleRate::Rate8kHz, VadMode::VeryAggressive))
    }
}

impl Default for WebRtcVad {
    fn default() -> Self {
        Self::new()
    }
}

impl FrameClassifier for WebRtcVad {
    fn is_voiced(&mut self, frame: &[i16; FRAME_SAMPLES]) -> bool {
        self.0.is_voice_segment(frame).expect("160 samples are 20 ms at 8 kHz")
    }
}
