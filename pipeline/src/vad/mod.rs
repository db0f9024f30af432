//! Whether the caller is speaking, frame by frame.
//!
//! [`SpeechDetector`] is fed every 20 ms frame of the caller, with the moment at which the frame was
//! complete, and says when speech began and when it stopped. A [`FrameClassifier`] (normally
//! [`WebRtcVad`]) gives an opinion on each frame; the detector adds hysteresis, a level gate and a
//! guard against steady noise, which such classifiers take for speech for ever.
//!
//! What always holds:
//! - changes alternate: started, stopped, started …; the onset lies before the end;
//! - without an own clock: the same frames give the same changes;
//! - steady noise does not count as speech for longer than [`VadSettings::doubt_after`].
//!
//! Not here: words (`vendors::stt`), whose turn it is (`turn`), the neural referee (`voice-engines`).

mod detector;
mod webrtc;

pub use detector::{SpeechDetector, VadChange, VadSettings};
pub use webrtc::WebRtcVad;

/// Samples in a frame: 20 ms at 8 kHz.
pub use crate::audio::frames::FRAME_SAMPLES;

/// An opinion on single frames, quick and easily fooled.
pub trait FrameClassifier {
    /// Whether this frame sounds like speech. Frames come in order, without gaps.
    fn is_voiced(&mut self, frame: &[i16; FRAME_SAMPLES]) -> bool;
}

/// A better and slower judge of speech, asked only in doubt.
pub trait Referee: Send {
    /// Takes the next samples at 8 kHz, any number of them, and gives the newest probability that
    /// somebody speaks, from 0 to 1.
    fn speech_probability(&mut self, samples: &[i16]) -> f32;
}
