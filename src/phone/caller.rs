//! The caller's mouth: what is said into the line, cut into the messages a carrier sends.
//!
//! [`Mouth`] gives 20 ms per tick: speech that is queued, silence when there is none. It knows for
//! every utterance where it is audible, so that the end of speech is known to the sample.
//! [`Chopper`] cuts the line into messages of any size and bunches them, as a bad network does.

use std::collections::VecDeque;
use std::ops::Range;
use std::time::Duration;

use voice_pipeline::audio::ulaw::{self, SILENCE};
use voice_pipeline::time::CallTime;

use super::{FRAME, FRAME_BYTES, duration_of, speech_activity};

/// What the caller says in one tick.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SpokenFrame {
    /// μ-law.
    pub ulaw: [u8; FRAME_BYTES],
    /// When the first audible sample of this frame was said, if it has one.
    pub audible_from: Option<CallTime>,
    /// When the last audible sample of this frame ended.
    pub audible_until: Option<CallTime>,
    /// Whether an utterance's last audible sample is in this frame.
    pub utterance_ends: bool,
}

/// Something to say.
struct Utterance {
    ulaw: Vec<u8>,
    audible: Range<usize>,
    said: usize,
}

/// The caller's queue of speech.
#[derive(Default)]
pub struct Mouth {
    queue: VecDeque<Utterance>,
    queued: u64,
    said: u64,
}

impl Mouth {
    /// Appends samples at 8 kHz. Gives the place in the line at which they have been said.
    pub fn queue(&mut self, samples: &[i16]) -> u64 {
        let audible = speech_activity::voiced_range(samples).unwrap_or(0..0);
        let mut ulaw = Vec::with_capacity(samples.len());
        ulaw::encode_into(samples, &mut ulaw);
        self.queued += samples.len() as u64;
        self.queue.push_back(Utterance { ulaw, audible, said: 0 });
        self.queued
    }

    /// The place in the line up to which everything was said.
    pub fn said(&self) -> u64 {
        self.said
    }

    /// The next 20 ms. A frame leaves the phone when it is complete, so it spans the 20 ms before
    /// `now`.
    pub fn tick(&mut self, now: CallTime) -> SpokenFrame {
        let begin = now - FRAME;
        let mut frame = SpokenFrame {
            ulaw: [SILENCE; FRAME_BYTES],
            audible_from: None,
            audible_until: None,
            utterance_ends: false,
        };
        let mut filled = 0;
        while filled < FRAME_BYTES {
            let Some(utterance) = self.queue.front_mut() else { break };
            let from = utterance.said;
            let to = utterance.ulaw.len().min(from + FRAME_BYTES - filled);
            frame.ulaw[filled..filled + to - from].copy_from_slice(&utterance.ulaw[from..to]);
            let audible = utterance.audible.start.max(from)..utterance.audible.end.min(to);
            if !audible.is_empty() {
                let time_of = |place: usize| begin + duration_of(filled + place - from);
                frame.audible_from.get_or_insert(time_of(audible.start));
                frame.audible_until = Some(time_of(audible.end));
                frame.utterance_ends = audible.end == utterance.audible.end;
            }
            filled += to - from;
            utterance.said = to;
            if to == utterance.ulaw.len() {
                self.queue.pop_front();
            }
        }
        self.said += filled as u64;
        frame
    }
}

/// How the line is cut into messages.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Chopping {
    /// Sizes of the media messages in bytes, used in turn. Empty: always 160.
    pub sizes: Vec<usize>,
    /// Messages are held back and sent in bunches of this many, as a jittery network delivers them.
    /// 0 and 1: every message at once.
    pub bunch: usize,
}

/// Cuts the line into messages.
#[derive(Default)]
pub struct Chopper {
    chopping: Chopping,
    next_size: usize,
    pending: Vec<u8>,
    held: Vec<Vec<u8>>,
}

impl Chopper {
    /// Cuts as told.
    pub fn new(chopping: Chopping) -> Self {
        Self { chopping, ..Self::default() }
    }

    /// Takes the next 20 ms of the line and gives the messages that leave now.
    pub fn push(&mut self, ulaw: &[u8]) -> Vec<Vec<u8>> {
        self.pending.extend_from_slice(ulaw);
        while self.pending.len() >= self.size() {
            let rest = self.pending.split_off(self.size());
            self.held.push(std::mem::replace(&mut self.pending, rest));
            self.next_size += 1;
        }
        if self.held.len() >= self.chopping.bunch { std::mem::take(&mut self.held) } else { vec![] }
    }

    fn size(&self) -> usize {
        let sizes = &self.chopping.sizes;
        if sizes.is_empty() { FRAME_BYTES } else { sizes[self.next_size % sizes.len()].max(1) }
    }
}

/// Keys waiting to be pressed, one every 100 ms, as fast as a hand is.
#[derive(Default)]
pub struct Keypad {
    waiting: VecDeque<char>,
    next_at: CallTime,
}

/// From one key to the next.
const KEY_INTERVAL: Duration = Duration::from_millis(100);

impl Keypad {
    /// Appends keys.
    pub fn queue(&mut self, digits: impl IntoIterator<Item = char>) {
        self.waiting.extend(digits);
    }

    /// The key that is pressed now, if one is due.
    pub fn tick(&mut self, now: CallTime) -> Option<char> {
        if now < self.next_at {
            return None;
        }
        let digit = self.waiting.pop_front()?;
        self.next_at = now + KEY_INTERVAL;
        Some(digit)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: u64) -> CallTime {
        CallTime::from_millis(millis)
    }

    #[test]
    fn says_silence_when_there_is_nothing_to_say() {
        let frame = Mouth::default().tick(at(20));
        assert_eq!(frame.ulaw, [SILENCE; FRAME_BYTES]);
        assert_eq!(frame.audible_from, None);
    }

    #[test]
    fn knows_to_the_sample_when_the_caller_stopped() {
        let mut mouth = Mouth::default();
        // 30 ms of silence, 20 ms of voice, 30 ms of silence.
        let mut samples = vec![0; 640];
        samples[240..400].fill(8_000);
        assert_eq!(mouth.queue(&samples), 640);

        assert_eq!(mouth.tick(at(20)).audible_from, None);
        let first = mouth.tick(at(40));
        assert_eq!((first.audible_from, first.utterance_ends), (Some(at(30)), false));
        let last = mouth.tick(at(60));
        assert_eq!((last.audible_until, last.utterance_ends), (Some(at(50)), true));
        assert_eq!(mouth.tick(at(80)).audible_from, None);
        assert_eq!(mouth.said(), 640);
    }

    #[test]
    fn goes_on_with_the_next_utterance_inside_a_frame() {
        let mut mouth = Mouth::default();
        mouth.queue(&[8_000; 80]);
        mouth.queue(&[8_000; 80]);
        let frame = mouth.tick(at(20));
        assert!(!frame.ulaw.contains(&SILENCE));
        assert_eq!((frame.audible_from, frame.audible_until), (Some(at(0)), Some(at(20))));
    }

    #[test]
    fn cuts_odd_sizes_without_losing_a_byte() {
        let mut chopper = Chopper::new(Chopping { sizes: vec![1, 159, 161, 400], bunch: 0 });
        let line: Vec<u8> = (0..1_600).map(|n| (n % 251) as u8).collect();
        let messages: Vec<_> = line.chunks(FRAME_BYTES).flat_map(|part| chopper.push(part)).collect();
        let sizes: Vec<_> = messages.iter().map(Vec::len).collect();
        assert_eq!(sizes, [1, 159, 161, 400, 1, 159, 161, 400, 1]);
        assert!(line.starts_with(&messages.concat()));
    }

    #[test]
    fn bunches_messages_like_a_jittery_network() {
        let mut chopper = Chopper::new(Chopping { sizes: vec![], bunch: 3 });
        let counts: Vec<_> = (0..6).map(|_| chopper.push(&[0; FRAME_BYTES]).len()).collect();
        assert_eq!(counts, [0, 0, 3, 0, 0, 3]);
    }

    #[test]
    fn presses_keys_one_after_the_other() {
        let mut keypad = Keypad::default();
        keypad.queue("12#".chars());
        let pressed: Vec<_> = (1..=12).filter_map(|n| keypad.tick(at(n * 20)).map(|k| (n * 20, k))).collect();
        assert_eq!(pressed, [(20, '1'), (120, '2'), (220, '#')]);
    }
}
