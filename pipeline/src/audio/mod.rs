//! Samples: rates, μ-law, resampling, playout. Pure: no clock, no I/O.
//!
//! [`ulaw`] turns the phone's bytes into samples and back, [`resample`] changes their rate,
//! [`frames`] cuts streams of any length into 20 ms, [`playout`] keeps the account of what the
//! carrier still holds and what the caller has heard, and [`tape`] keeps what may have to be said again.
//!
//! Not here: sockets and pacing by the clock (`stages`), speech detection (`vad`).

pub mod chunk;
pub mod frames;
pub mod playout;
pub mod resample;
pub mod tape;
pub mod ulaw;

/// Samples per second of one channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SampleRate(u32);

impl SampleRate {
    /// 8 kHz: what a phone call carries.
    pub const TELEPHONY: Self = Self(8_000);
    /// 16 kHz: what most recognisers want.
    pub const WIDEBAND: Self = Self(16_000);

    /// A rate in samples per second, between 8,000 and 48,000 and a multiple of 50 so that 20 ms
    /// are a whole number of samples.
    pub const fn from_hz(hz: u32) -> Option<Self> {
        if hz >= 8_000 && hz <= 48_000 && hz.is_multiple_of(50) { Some(Self(hz)) } else { None }
    }

    /// Samples per second.
    pub const fn hz(self) -> u32 {
        self.0
    }

    /// Samples in a 20 ms frame.
    pub const fn samples_per_frame(self) -> usize {
        self.0 as usize / 50
    }
}
