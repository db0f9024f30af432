//! When somebody can be heard: voiced detection by energy, for measuring and for segmenting what
//! was played.
//!
//! [`voiced_range`] judges a whole clip, [`SpeechActivity`] a line that is still going on. Both
//! look at 10 ms windows and call one voiced when it is loud against the loudest speech around it:
//! a synthesiser fades out over tens of milliseconds that nobody hears, and counting that tail
//! would make every reply look faster than it was. Steady noise under a recording is learnt from
//! its quietest windows.
//!
//! This is no VAD for taking turns (`voice_pipeline::vad` is): it is right about clean lines and
//! cheap, and a false start costs a line in a report, not a turn.

use std::ops::Range;

/// Samples in one window: 10 ms at 8 kHz.
const WINDOW: usize = 80;

/// Nothing under this RMS is speech: about -50 dBFS, under the quietest audible speech and above
/// the dither of μ-law.
const FLOOR_RMS: f32 = 100.0;

/// Speech is at most 30 dB under the loudest speech around it.
const BELOW_LOUD: f32 = 32.0;

/// Speech is at least 8 dB above the noise under it.
const ABOVE_NOISE: f32 = 2.5;

/// The loudness that was heard fades by half in about two seconds, so that a quiet voice is heard
/// after a loud one.
const LOUD_FADE_PER_WINDOW: f32 = 0.996_5;

/// The part of a clip (8 kHz) from its first to its last audible sample; `None` when all of it is
/// silence.
pub fn voiced_range(samples: &[i16]) -> Option<Range<usize>> {
    let mut levels: Vec<f32> = samples.chunks(WINDOW).map(rms).collect();
    let loud_at = |levels: &[f32], part: f32| levels[((levels.len() - 1) as f32 * part) as usize];
    let windows = levels.clone();
    levels.sort_unstable_by(f32::total_cmp);
    if levels.is_empty() {
        return None;
    }
    let loud = loud_at(&levels, 0.95);
    let noise = loud_at(&levels, 0.1);
    let threshold = FLOOR_RMS.max(loud / BELOW_LOUD).max((noise * ABOVE_NOISE).min(loud / ABOVE_NOISE));
    let first = windows.iter().position(|&level| level > threshold)?;
    let last = windows.iter().rposition(|&level| level > threshold)?;
    let start = first * WINDOW + first_audible(window(samples, first), threshold);
    let end = last * WINDOW + last_audible(window(samples, last), threshold) + 1;
    Some(start..end)
}

/// Voiced detection on a line, frame by frame.
#[derive(Debug, Clone, Default)]
pub struct SpeechActivity {
    /// The loudest recent window.
    loud: f32,
}

impl SpeechActivity {
    /// Judges the next samples of the line (whole 10 ms windows): the audible part of them, if any.
    pub fn feed(&mut self, samples: &[i16]) -> Option<Range<usize>> {
        let mut audible: Option<Range<usize>> = None;
        for (index, part) in samples.chunks(WINDOW).enumerate() {
            let level = rms(part);
            self.loud = (self.loud * LOUD_FADE_PER_WINDOW).max(level);
            let threshold = FLOOR_RMS.max(self.loud / BELOW_LOUD);
            if level > threshold {
                let offset = index * WINDOW;
                let start = offset + first_audible(part, threshold);
                let end = offset + last_audible(part, threshold) + 1;
                audible = Some(audible.map_or(start, |range| range.start)..end);
            }
        }
        audible
    }
}

fn window(samples: &[i16], index: usize) -> &[i16] {
    &samples[index * WINDOW..samples.len().min((index + 1) * WINDOW)]
}

fn rms(samples: &[i16]) -> f32 {
    let energy: f32 = samples.iter().map(|&s| f32::from(s) * f32::from(s)).sum();
    (energy / samples.len().max(1) as f32).sqrt()
}

fn first_audible(samples: &[i16], threshold: f32) -> usize {
    samples.iter().position(|&s| f32::from(s).abs() > threshold).unwrap_or(0)
}

fn last_audible(samples: &[i16], threshold: f32) -> usize {
    let last = samples.iter().rposition(|&s| f32::from(s).abs() > threshold);
    last.unwrap_or(samples.len() - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tone(len: usize, amplitude: f32) -> Vec<i16> {
        (0..len).map(|n| ((n as f32 * 0.7).sin() * amplitude) as i16).collect()
    }

    fn hiss(len: usize, amplitude: i16) -> Vec<i16> {
        let mut state = 1u32;
        let mut next = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (i32::from((state >> 16) as u16) % i32::from(2 * amplitude + 1)) as i16 - amplitude
        };
        (0..len).map(|_| next()).collect()
    }

    #[test]
    fn finds_where_speech_begins_and_ends_in_a_clip() {
        let clip = [vec![0; 1_000], tone(4_000, 6_000.0), vec![0; 2_000]].concat();
        let voiced = voiced_range(&clip).unwrap();
        assert!(voiced.start.abs_diff(1_000) <= 4, "{voiced:?}");
        assert!(voiced.end.abs_diff(5_000) <= 4, "{voiced:?}");
    }

    #[test]
    fn leaves_out_the_faded_tail_of_a_synthesiser() {
        let clip = [tone(8_000, 8_000.0), tone(1_600, 150.0)].concat();
        let voiced = voiced_range(&clip).unwrap();
        assert!(voiced.end.abs_diff(8_000) <= 8, "{voiced:?}");
    }

    #[test]
    fn hears_speech_over_the_noise_of_a_recording() {
        let mut clip = hiss(12_000, 400);
        for (sample, voice) in clip[3_000..8_000].iter_mut().zip(tone(5_000, 6_000.0)) {
            *sample += voice;
        }
        let voiced = voiced_range(&clip).unwrap();
        assert!(voiced.start.abs_diff(3_000) <= WINDOW, "{voiced:?}");
        assert!(voiced.end.abs_diff(8_000) <= WINDOW, "{voiced:?}");
    }

    #[test]
    fn hears_nothing_in_silence_and_nothing_in_no_audio() {
        assert_eq!(voiced_range(&[]), None);
        assert_eq!(voiced_range(&[0; 900]), None);
        assert_eq!(voiced_range(&hiss(900, 20)), None);
    }

    #[test]
    fn judges_a_line_frame_by_frame() {
        let mut line = SpeechActivity::default();
        assert_eq!(line.feed(&[0; 160]), None);
        let onset = [vec![0; 100], tone(60, 6_000.0)].concat();
        let heard = line.feed(&onset).unwrap();
        assert!(heard.start.abs_diff(100) <= 2 && heard.end > 150, "{heard:?}");
        assert_eq!(line.feed(&tone(160, 150.0)), None, "a tail under loud speech");
    }

    #[test]
    fn hears_a_quiet_voice_a_while_after_a_loud_one() {
        let mut line = SpeechActivity::default();
        line.feed(&tone(1_600, 20_000.0));
        assert_eq!(line.feed(&tone(160, 500.0)), None);
        for _ in 0..150 {
            line.feed(&[0; 160]);
        }
        assert!(line.feed(&tone(160, 500.0)).is_some());
    }
}
