//! Hysteresis over single frames, and doubt about what never ends.
//!
//! A frame passes three gates. It must be loud enough, its classifier must call it voiced, and in
//! doubt a second opinion must agree. Doubt begins when speech lasts suspiciously long or the line
//! is noisy, and ends when the classifier itself hears a pause on a quiet line. The second opinion is the
//! [`Referee`]'s or, without one, a margin over the noise floor: speech rises and falls, steady
//! noise lies on its floor.

use std::collections::VecDeque;
use std::time::Duration;

use super::{FRAME_SAMPLES, FrameClassifier, Referee};
use crate::time::CallTime;

const FRAME: Duration = Duration::from_millis(20);
/// What the referee hears of the past when it is first asked, so that it does not judge cold.
const REFEREE_WARM_UP_FRAMES: usize = 25;
/// Once the referee heard speech it must be this much less sure to take it back.
const REFEREE_HYSTERESIS: f32 = 0.15;
const FLOOR_BLOCK_FRAMES: u32 = 25;
/// Blocks whose quietest frame is the floor: together 2 s, longer than speech goes without a gap.
const FLOOR_BLOCKS: usize = 4;
/// Level given to a frame of zeros.
const DIGITAL_SILENCE_DBFS: f32 = -96.0;

/// When a caller counts as speaking.
#[derive(Debug, Clone, PartialEq)]
pub struct VadSettings {
    /// `VAD_START_FRAMES`: voiced frames of 20 ms in a row that make a beginning.
    ///
    /// Higher ignores more clicks and coughs and notices speech later. Default `3`, from `1` to
    /// `25`.
    pub start_frames: u32,
    /// `VAD_PAUSE`: silence that makes an end.
    ///
    /// Lower reports pauses sooner and more often within words. Default `200ms`, from `100ms` to
    /// `1s`.
    pub pause: Duration,
    /// `VAD_MIN_LEVEL`: level in dB below full scale under which a frame is silence.
    ///
    /// Higher ignores more of the background and of quiet callers. Default `-52`, from `-90` to
    /// `-20`.
    pub min_level_dbfs: f32,
    /// `VAD_DOUBT_AFTER`: speech without a pause that brings up doubt whether it is speech.
    ///
    /// Lower ends noise sooner and asks the second opinion, which costs time, more often. Default
    /// `4s`, from `1s` to `60s`.
    pub doubt_after: Duration,
    /// `VAD_NOISY_FLOOR`: noise floor in dB below full scale above which every frame is doubted.
    ///
    /// Lower asks the second opinion on cleaner lines. Default `-35`, from `-90` to `-20`.
    pub noisy_floor_dbfs: f32,
    /// `VAD_MIN_SNR`: how many dB over the noise floor speech must be, where there is no referee.
    ///
    /// Higher ignores more noise and more of the quiet parts of words. Default `4.5`, from `2` to
    /// `20`.
    pub min_snr_db: f32,
    /// `VAD_REFEREE_THRESHOLD`: the referee's probability from which a doubted frame is speech.
    ///
    /// Higher ignores more noise and more quiet speech. Default `0.5`, from `0.1` to `0.9`.
    pub referee_threshold: f32,
    /// `VAD_KEYPAD_MUTE`: how long the caller's audio is silence after a key was pressed.
    ///
    /// Longer hides more of the tone that some carriers leave in the audio, and of what is said
    /// right after it. Default `200ms`, from `0s` to `1s`.
    pub keypad_mute: Duration,
}

impl Default for VadSettings {
    fn default() -> Self {
        Self {
            start_frames: 3,
            pause: Duration::from_millis(200),
            min_level_dbfs: -52.0,
            doubt_after: Duration::from_secs(4),
            noisy_floor_dbfs: -35.0,
            min_snr_db: 4.5,
            referee_threshold: 0.5,
            keypad_mute: Duration::from_millis(200),
        }
    }
}

/// The caller began or stopped to speak.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum VadChange {
    /// Speech began.
    SpeechStarted {
        /// The beginning of its first voiced frame.
        onset: CallTime,
    },
    /// Speech stopped.
    SpeechStopped {
        /// The end of its last voiced frame.
        end: CallTime,
    },
}

/// Tells speech from silence for one caller.
pub struct SpeechDetector {
    settings: VadSettings,
    classifier: Box<dyn FrameClassifier + Send>,
    judge: Option<Judge>,
    floor: NoiseFloor,
    state: State,
    last_voiced: Option<CallTime>,
    muted_until: Option<CallTime>,
    doubting: bool,
    /// Frames in a row that the classifier or the level gate called silence.
    quiet_frames: u32,
}

#[derive(Debug, Clone, Copy)]
enum State {
    Silent { voiced_frames: u32, onset: CallTime },
    Speaking { frames: u32, unvoiced_frames: u32, end: CallTime },
}

const SILENT: State = State::Silent { voiced_frames: 0, onset: CallTime::ZERO };

impl SpeechDetector {
    /// A detector for one call.
    pub fn new(
        settings: VadSettings,
        classifier: Box<dyn FrameClassifier + Send>,
        referee: Option<Box<dyn Referee>>,
    ) -> Self {
        Self {
            settings,
            classifier,
            judge: referee.map(Judge::new),
            floor: NoiseFloor::default(),
            state: SILENT,
            last_voiced: None,
            muted_until: None,
            doubting: false,
            quiet_frames: 0,
        }
    }

    /// Takes the frame that is complete `now`.
    pub fn push(&mut self, now: CallTime, frame: &[i16; FRAME_SAMPLES]) -> Option<VadChange> {
        // A muted frame teaches nothing: the tone in it is neither speech nor the line's noise.
        let is_voiced = self.muted_until.is_none_or(|until| now > until) && self.is_voiced(frame);
        if is_voiced {
            self.last_voiced = Some(now);
        }
        match &mut self.state {
            State::Silent { voiced_frames, .. } if !is_voiced => {
                *voiced_frames = 0;
                None
            }
            State::Silent { voiced_frames, onset } => {
                if *voiced_frames == 0 {
                    *onset = now - FRAME;
                }
                *voiced_frames += 1;
                let (frames, onset) = (*voiced_frames, *onset);
                (frames >= self.settings.start_frames).then(|| {
                    self.state = State::Speaking { frames, unvoiced_frames: 0, end: now };
                    VadChange::SpeechStarted { onset }
                })
            }
            State::Speaking { frames, unvoiced_frames, end } => {
                *frames += 1;
                if is_voiced {
                    *unvoiced_frames = 0;
                    *end = now;
                    return None;
                }
                *unvoiced_frames += 1;
                let end = *end;
                (FRAME * *unvoiced_frames >= self.settings.pause).then(|| {
                    self.state = SILENT;
                    VadChange::SpeechStopped { end }
                })
            }
        }
    }

    /// A key was pressed: the tone around it is not speech.
    pub fn keypad_pressed(&mut self, now: CallTime) {
        self.mute_until(now + self.settings.keypad_mute);
    }

    /// Every frame complete by `until` is silence. An earlier, longer window stays.
    pub fn mute_until(&mut self, until: CallTime) {
        self.muted_until = self.muted_until.max(Some(until));
    }

    /// Whether the caller is speaking: between a start and its stop.
    pub fn is_speaking(&self) -> bool {
        matches!(self.state, State::Speaking { .. })
    }

    /// The end of the newest voiced frame, whether or not it made a beginning.
    pub fn last_voiced(&self) -> Option<CallTime> {
        self.last_voiced
    }

    fn is_voiced(&mut self, frame: &[i16; FRAME_SAMPLES]) -> bool {
        let level = level_dbfs(frame);
        let floor = self.floor.push(level);
        let sounds_voiced = self.classifier.is_voiced(frame) && level >= self.settings.min_level_dbfs;

        self.quiet_frames = if sounds_voiced { 0 } else { self.quiet_frames.saturating_add(1) };
        let is_noisy = floor.is_some_and(|floor| floor >= self.settings.noisy_floor_dbfs);
        let lasts_long = match self.state {
            State::Speaking { frames, .. } => FRAME * frames >= self.settings.doubt_after,
            State::Silent { .. } => false,
        };
        let paused = FRAME * self.quiet_frames >= self.settings.pause;
        self.doubting = is_noisy || lasts_long || (self.doubting && !paused);

        match &mut self.judge {
            Some(judge) if self.doubting => {
                // The referee hears every doubted frame, or it would lose the thread.
                let is_speech = judge.hears_speech(frame, self.settings.referee_threshold);
                sounds_voiced && is_speech
            }
            Some(judge) => {
                judge.remember(frame);
                sounds_voiced
            }
            None if self.doubting => {
                sounds_voiced && floor.is_none_or(|floor| level >= floor + self.settings.min_snr_db)
            }
            None => sounds_voiced,
        }
    }
}

/// The referee with what it missed while nobody asked.
struct Judge {
    referee: Box<dyn Referee>,
    missed: VecDeque<i16>,
    heard_speech: bool,
}

impl Judge {
    fn new(referee: Box<dyn Referee>) -> Self {
        let missed = VecDeque::with_capacity(REFEREE_WARM_UP_FRAMES * FRAME_SAMPLES);
        Self { referee, missed, heard_speech: false }
    }

    fn remember(&mut self, frame: &[i16; FRAME_SAMPLES]) {
        if self.missed.len() == REFEREE_WARM_UP_FRAMES * FRAME_SAMPLES {
            self.missed.drain(..FRAME_SAMPLES);
        }
        self.missed.extend(frame);
        self.heard_speech = false;
    }

    fn hears_speech(&mut self, frame: &[i16; FRAME_SAMPLES], threshold: f32) -> bool {
        if !self.missed.is_empty() {
            self.referee.speech_probability(self.missed.make_contiguous());
            self.missed.clear();
        }
        let probability = self.referee.speech_probability(frame);
        let needed = if self.heard_speech { threshold - REFEREE_HYSTERESIS } else { threshold };
        self.heard_speech = probability >= needed;
        self.heard_speech
    }
}

/// The quietest frame of the last two seconds.
///
/// It follows noise that sets in after as much time, and sinks at once; within speech the gaps
/// between sounds keep it down.
struct NoiseFloor {
    blocks: [f32; FLOOR_BLOCKS],
    blocks_known: usize,
    block: f32,
    frames_in_block: u32,
}

impl Default for NoiseFloor {
    fn default() -> Self {
        Self { blocks: [f32::INFINITY; FLOOR_BLOCKS], blocks_known: 0, block: f32::INFINITY, frames_in_block: 0 }
    }
}

impl NoiseFloor {
    /// The floor in dB below full scale, this frame included; unknown in the first second.
    fn push(&mut self, level: f32) -> Option<f32> {
        self.block = self.block.min(level);
        self.frames_in_block += 1;
        if self.frames_in_block == FLOOR_BLOCK_FRAMES {
            self.blocks.rotate_left(1);
            self.blocks[FLOOR_BLOCKS - 1] = self.block;
            self.blocks_known += 1;
            self.block = f32::INFINITY;
            self.frames_in_block = 0;
        }
        let floor = self.blocks.iter().copied().fold(self.block, f32::min);
        (self.blocks_known >= 2).then_some(floor)
    }
}

fn level_dbfs(frame: &[i16; FRAME_SAMPLES]) -> f32 {
    let energy: u64 = frame.iter().map(|&sample| u64::from(sample.unsigned_abs()).pow(2)).sum();
    if energy == 0 {
        return DIGITAL_SILENCE_DBFS;
    }
    let mean = energy as f32 / FRAME_SAMPLES as f32;
    10.0 * (mean / (32_768.0 * 32_768.0)).log10()
}

#[cfg(test)]
#[path = "detector_tests.rs"]
mod tests;
