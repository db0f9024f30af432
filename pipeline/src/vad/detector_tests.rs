use std::collections::VecDeque;
use std::f32::consts::TAU;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use proptest::prelude::*;

use super::super::WebRtcVad;
use super::*;

/// Calls a frame voiced when its script says so: `#` voiced, anything else not.
struct Scripted(VecDeque<bool>);

impl FrameClassifier for Scripted {
    fn is_voiced(&mut self, _: &[i16; FRAME_SAMPLES]) -> bool {
        self.0.pop_front().unwrap_or(false)
    }
}

struct Sure {
    probability: f32,
    asked: Arc<AtomicUsize>,
}

impl Referee for Sure {
    fn speech_probability(&mut self, samples: &[i16]) -> f32 {
        self.asked.fetch_add(samples.len(), Ordering::Relaxed);
        self.probability
    }
}

const LOUD: [i16; FRAME_SAMPLES] = [3_000; FRAME_SAMPLES];
const QUIET: [i16; FRAME_SAMPLES] = [5; FRAME_SAMPLES];

fn started(onset: u64) -> VadChange {
    VadChange::SpeechStarted { onset: CallTime::from_millis(onset) }
}

fn stopped(end: u64) -> VadChange {
    VadChange::SpeechStopped { end: CallTime::from_millis(end) }
}

fn scripted(script: &str) -> SpeechDetector {
    let classifier = Scripted(script.chars().map(|c| c == '#').collect());
    SpeechDetector::new(VadSettings::default(), Box::new(classifier), None)
}

/// Frame n is complete at (n + 1) × 20 ms.
fn play(detector: &mut SpeechDetector, frames: impl IntoIterator<Item = [i16; FRAME_SAMPLES]>) -> Vec<VadChange> {
    frames.into_iter().zip(1..).filter_map(|(frame, n)| detector.push(CallTime::from_millis(n * 20), &frame)).collect()
}

fn changes(script: &str) -> Vec<VadChange> {
    let frames = script.chars().map(|c| if c == '#' { LOUD } else { QUIET });
    play(&mut scripted(script), frames)
}

#[test]
fn starts_at_the_first_of_three_voiced_frames_and_stops_at_the_last() {
    assert_eq!(changes("..######............"), [started(40), stopped(160)]);
}

#[test]
fn ignores_a_click() {
    assert_eq!(changes("..##..#.##......"), []);
}

#[test]
fn bridges_the_gaps_between_words() {
    assert_eq!(changes("###.........###.........#..........#"), [started(0), stopped(500)]);
}

#[test]
fn speaks_again_after_a_pause() {
    assert_eq!(changes("###..........###..........").len(), 4);
}

#[test]
fn takes_whispers_below_the_minimum_level_for_silence() {
    let mut detector = scripted(&"#".repeat(50));
    assert_eq!(play(&mut detector, [QUIET; 50]), []);
    assert_eq!(detector.last_voiced(), None);
}

#[test]
fn remembers_the_last_voiced_frame_even_of_a_click() {
    let mut detector = scripted("..#...");
    play(&mut detector, [LOUD; 6]);
    assert_eq!(detector.last_voiced(), Some(CallTime::from_millis(60)));
    assert!(!detector.is_speaking());
}

#[test]
fn hears_speech_from_the_first_moment_of_a_call() {
    let mut detector = scripted("###");
    let changes: Vec<_> = (0..3).filter_map(|_| detector.push(CallTime::ZERO, &LOUD)).collect();
    assert_eq!(changes, [started(0)]);
}

#[test]
fn hears_no_speech_in_a_keypad_tone() {
    let mut detector = scripted(&"#".repeat(14));
    detector.keypad_pressed(CallTime::from_millis(20));
    detector.mute_until(CallTime::from_millis(40));
    assert_eq!(play(&mut detector, [LOUD; 14]), [started(220)]);
}

#[test]
fn a_key_pressed_while_its_tone_counts_as_speech_ends_it() {
    let mut detector = scripted(&"#".repeat(40));
    assert_eq!(play(&mut detector, [LOUD; 5]), [started(0)]);
    detector.keypad_pressed(CallTime::from_millis(100));
    let after = (6..=15).find_map(|n| detector.push(CallTime::from_millis(n * 20), &LOUD));
    assert_eq!(after, Some(stopped(100)));
}

#[test]
fn asks_the_referee_only_in_doubt_and_then_believes_it() {
    for (probability, expected) in [(0.1, vec![started(0), stopped(3_980)]), (0.9, vec![started(0)])] {
        let asked = Arc::new(AtomicUsize::new(0));
        let referee = Sure { probability, asked: asked.clone() };
        let classifier = Scripted(vec![true; 400].into());
        // One silent frame a second keeps the noise floor low: only the length raises doubt.
        let frames = (0..400).map(|n| if n % 50 == 49 { QUIET } else { LOUD });
        let mut detector = SpeechDetector::new(VadSettings::default(), Box::new(classifier), Some(Box::new(referee)));
        assert_eq!(play(&mut detector, frames.clone().take(199)), [started(0)]);
        assert_eq!(asked.load(Ordering::Relaxed), 0, "four seconds of speech are nothing odd");

        let classifier = Scripted(vec![true; 400].into());
        let referee = Sure { probability, asked: asked.clone() };
        let mut detector = SpeechDetector::new(VadSettings::default(), Box::new(classifier), Some(Box::new(referee)));
        assert_eq!(play(&mut detector, frames), expected);
        assert!(asked.load(Ordering::Relaxed) > REFEREE_WARM_UP_FRAMES * FRAME_SAMPLES);
    }
}

#[test]
fn trusts_the_classifier_again_after_a_real_pause() {
    let asked = Arc::new(AtomicUsize::new(0));
    let referee = Sure { probability: 0.0, asked: asked.clone() };
    let script = format!("{}{}{}", "#".repeat(250), ".".repeat(10), "#".repeat(20));
    let frames = script.chars().zip(0..).map(|(c, n)| if c == '#' && n % 50 != 49 { LOUD } else { QUIET });
    let classifier = Scripted(script.chars().map(|c| c == '#').collect());
    let mut detector = SpeechDetector::new(VadSettings::default(), Box::new(classifier), Some(Box::new(referee)));
    assert_eq!(play(&mut detector, frames), [started(0), stopped(3_980), started(5_200)]);
}

// ---- the real classifier on synthetic sound ----

/// A reproducible stream of samples around zero, uniform, at a level in dB below full scale.
fn white_noise(seconds: f32, dbfs: f32, seed: u32) -> Vec<f32> {
    let amplitude = 32_768.0 * 10_f32.powf(dbfs / 20.0) * 3_f32.sqrt();
    let mut state = seed.max(1);
    (0..(seconds * 8_000.0) as usize)
        .map(|_| {
            state ^= state << 13;
            state ^= state >> 17;
            state ^= state << 5;
            amplitude * (state as f32 / u32::MAX as f32 * 2.0 - 1.0)
        })
        .collect()
}

/// Voice-like sound: harmonics of a gliding pitch under a formant, in four syllables a second.
fn voice(seconds: f32, dbfs: f32) -> Vec<f32> {
    let mut phase = 0.0_f32;
    let raw: Vec<f32> = (0..(seconds * 8_000.0) as usize)
        .map(|n| {
            let t = n as f32 / 8_000.0;
            let pitch = 120.0 + 20.0 * (TAU * 1.3 * t).sin();
            phase += pitch / 8_000.0;
            let formant = 600.0 + 250.0 * (TAU * 2.1 * t).sin();
            let syllable = (TAU * 4.0 * t).sin().mul_add(0.5, 0.5).powi(2);
            let sum: f32 = (1..25)
                .map(|k| {
                    let distance = (k as f32 * pitch - formant) / 400.0;
                    (-distance * distance).exp().max(0.02) * (TAU * phase * k as f32).sin()
                })
                .sum();
            sum * syllable
        })
        .collect();
    let rms = (raw.iter().map(|x| x * x).sum::<f32>() / raw.len() as f32).sqrt();
    let gain = 32_768.0 * 10_f32.powf(dbfs / 20.0) / rms;
    raw.iter().map(|x| x * gain).collect()
}

fn frames_of(sound: &[f32]) -> Vec<[i16; FRAME_SAMPLES]> {
    let samples: Vec<i16> = sound.iter().map(|&x| x as i16).collect();
    samples.as_chunks().0.to_vec()
}

fn with_webrtc() -> SpeechDetector {
    SpeechDetector::new(VadSettings::default(), Box::new(WebRtcVad::new()), None)
}

fn mix(a: &[f32], b: &[f32]) -> Vec<f32> {
    a.iter().zip(b).map(|(a, b)| a + b).collect()
}

/// Of the changes, the spans of speech in ms, an open one up to `until`.
fn spans(changes: &[VadChange], until: u64) -> Vec<(u64, u64)> {
    let mut spans: Vec<(u64, u64)> = Vec::new();
    for change in changes {
        match change {
            VadChange::SpeechStarted { onset } => spans.push((onset.as_millis(), until)),
            VadChange::SpeechStopped { end } => spans.last_mut().unwrap().1 = end.as_millis(),
        }
    }
    spans
}

#[test]
fn finds_a_voice_between_comfort_noise() {
    let mut sound = white_noise(4.0, -65.0, 7);
    let said = voice(1.5, -22.0);
    sound[8_000..20_000].iter_mut().zip(&said).for_each(|(x, v)| *x += v);
    let changes = play(&mut with_webrtc(), frames_of(&sound));
    let [(from, to)] = spans(&changes, 4_000)[..] else { panic!("{changes:?}") };
    assert!((960..=1_160).contains(&from), "onset at {from} ms");
    assert!((2_350..=2_640).contains(&to), "end at {to} ms");
}

#[test]
fn goes_on_through_a_long_story_after_doubt_set_in() {
    let sound = mix(&voice(10.0, -22.0), &white_noise(10.0, -65.0, 3));
    let changes = play(&mut with_webrtc(), frames_of(&sound));
    let spoken: u64 = spans(&changes, 10_000).iter().map(|(from, to)| to - from).sum();
    assert!(spoken > 9_000, "{changes:?}");
}

#[test]
fn does_not_stay_on_in_steady_noise() {
    for (dbfs, seed) in [(-40.0, 1), (-30.0, 2), (-20.0, 3), (-12.0, 4)] {
        let changes = play(&mut with_webrtc(), frames_of(&white_noise(30.0, dbfs, seed)));
        let noisy = spans(&changes, 30_000);
        assert!(noisy.len() <= 1, "{dbfs} dBFS: {noisy:?}");
        assert!(noisy.iter().all(|(from, to)| to - from < 4_500), "{dbfs} dBFS: {noisy:?}");
    }
}

#[test]
fn finds_the_end_of_a_voice_in_noise_five_db_below_it() {
    let mut sound = white_noise(12.0, -27.0, 5);
    let said = voice(2.0, -22.0);
    sound[48_000..64_000].iter_mut().zip(&said).for_each(|(x, v)| *x += v);
    let changes = play(&mut with_webrtc(), frames_of(&sound));
    let spans = spans(&changes, 12_000);
    let spoken: Vec<_> = spans.iter().filter(|(_, to)| *to > 5_000).collect();
    assert!(!spoken.is_empty(), "{changes:?}");
    assert!(spoken.iter().all(|(from, to)| *from >= 5_900 && *to <= 8_200), "{spans:?}");
}

#[test]
fn does_not_stay_on_when_noise_sets_in_during_a_call() {
    let mut sound = white_noise(5.0, -70.0, 9);
    sound.extend(white_noise(30.0, -25.0, 10));
    let changes = play(&mut with_webrtc(), frames_of(&sound));
    let noisy: u64 = spans(&changes, 35_000).iter().map(|(from, to)| to - from).sum();
    assert!(noisy < 4_500, "{changes:?}");
}

#[test]
fn does_not_stay_on_during_a_steady_tone() {
    let tone: Vec<f32> = (0..160_000).map(|n| 6_000.0 * (TAU * 440.0 * n as f32 / 8_000.0).sin()).collect();
    let changes = play(&mut with_webrtc(), frames_of(&tone));
    let sounding: u64 = spans(&changes, 20_000).iter().map(|(from, to)| to - from).sum();
    assert!(sounding < 4_500, "{changes:?}");
}

#[test]
fn hears_nothing_in_digital_silence_and_moves_between_threads() {
    let mut detector = with_webrtc();
    let changes = std::thread::spawn(move || play(&mut detector, [[0; FRAME_SAMPLES]; 100])).join().unwrap();
    assert_eq!(changes, []);
}

proptest! {
    #[test]
    fn alternates_and_keeps_its_promises_about_time(voiced in prop::collection::vec(any::<bool>(), 0..600)) {
        let script: String = voiced.iter().map(|&v| if v { '#' } else { '.' }).collect();
        let mut last = 0;
        for (change, is_start) in changes(&script).into_iter().zip([true, false].into_iter().cycle()) {
            let moment = match change {
                VadChange::SpeechStarted { onset } => onset,
                VadChange::SpeechStopped { end } => end,
            };
            prop_assert_eq!(matches!(change, VadChange::SpeechStarted { .. }), is_start);
            prop_assert!(moment.as_millis() >= last);
            last = moment.as_millis();
        }
    }
}
