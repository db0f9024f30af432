//! Cuts a stream of any length into whole 20 ms frames of a phone call.
//!
//! [`Framer20ms::push`] appends every frame that is complete; the rest waits for more.
//! [`Framer20ms::finish`] pads what waits with silence. Nothing is lost, doubled or reordered.

use super::ulaw;

/// Samples in a 20 ms frame at 8 kHz.
pub const FRAME_SAMPLES: usize = 160;

/// 20 ms of a phone call, as samples (`i16`) or as μ-law (`u8`).
pub type Frame<T> = [T; FRAME_SAMPLES];

/// Collects samples or μ-law bytes into 20 ms frames.
#[derive(Debug, Clone)]
pub struct Framer20ms<T> {
    frame: Frame<T>,
    filled: usize,
    silence: T,
}

impl Framer20ms<i16> {
    /// A framer of samples; silence is 0.
    pub fn samples() -> Self {
        Self::padded_with(0)
    }
}

impl Framer20ms<u8> {
    /// A framer of μ-law bytes; silence is [`ulaw::SILENCE`].
    pub fn ulaw() -> Self {
        Self::padded_with(ulaw::SILENCE)
    }
}

impl<T: Copy> Framer20ms<T> {
    fn padded_with(silence: T) -> Self {
        Self { frame: [silence; FRAME_SAMPLES], filled: 0, silence }
    }

    /// Takes `input` and appends the frames it completes to `out`.
    pub fn push(&mut self, mut input: &[T], out: &mut Vec<Frame<T>>) {
        while !input.is_empty() {
            let (now, later) = input.split_at(input.len().min(FRAME_SAMPLES - self.filled));
            self.frame[self.filled..self.filled + now.len()].copy_from_slice(now);
            self.filled += now.len();
            input = later;
            if self.filled == FRAME_SAMPLES {
                out.push(self.frame);
                self.filled = 0;
            }
        }
    }

    /// What the frame that waits still lacks: a whole frame when nothing waits.
    pub fn missing(&self) -> usize {
        FRAME_SAMPLES - self.filled
    }

    /// Takes at most what the waiting frame lacks, and gives the frame when that completes it.
    ///
    /// # Panics
    /// When `input` is longer than [`Framer20ms::missing`].
    pub fn fill(&mut self, input: &[T]) -> Option<Frame<T>> {
        self.frame[self.filled..self.filled + input.len()].copy_from_slice(input);
        self.filled += input.len();
        (self.filled == FRAME_SAMPLES).then(|| {
            self.filled = 0;
            self.frame
        })
    }

    /// The last, unfinished frame, padded with silence. Nothing when no sample waits.
    pub fn finish(&mut self) -> Option<Frame<T>> {
        if self.filled == 0 {
            return None;
        }
        self.frame[self.filled..].fill(self.silence);
        self.filled = 0;
        Some(self.frame)
    }

    /// Forgets what waits.
    pub fn clear(&mut self) {
        self.filled = 0;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn pads_the_last_frame_with_silence() {
        let mut framer = Framer20ms::ulaw();
        let mut frames = Vec::new();
        framer.push(&[1; 200], &mut frames);
        assert_eq!(frames, [[1; 160]]);
        let last = framer.finish().unwrap();
        assert_eq!(last[..40], [1; 40]);
        assert_eq!(last[40..], [ulaw::SILENCE; 120]);
        assert_eq!(framer.finish(), None);
    }

    #[test]
    fn forgets_what_waits_when_it_is_cleared() {
        let mut framer = Framer20ms::samples();
        framer.push(&[7; 159], &mut Vec::new());
        framer.clear();
        let mut frames = Vec::new();
        framer.push(&[8; 160], &mut frames);
        assert_eq!(frames, [[8; 160]]);
    }

    proptest! {
        #[test]
        fn keeps_every_sample_in_order_however_they_arrive(
            chunks in prop::collection::vec(prop::collection::vec(any::<i16>(), 0..500), 0..12)
        ) {
            let mut framer = Framer20ms::samples();
            let mut frames = Vec::new();
            for chunk in &chunks {
                framer.push(chunk, &mut frames);
            }
            frames.extend(framer.finish());
            let input = chunks.concat();
            let output = frames.concat();
            prop_assert_eq!(&output[..input.len()], &input[..]);
            prop_assert!(output.len() - input.len() < FRAME_SAMPLES);
            prop_assert!(output[input.len()..].iter().all(|&sample| sample == 0));
        }
    }
}
