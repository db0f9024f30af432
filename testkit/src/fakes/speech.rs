//! Speech whose words can be read back from its bytes.
//!
//! [`speak`] makes 8 kHz μ-law audio that a voice detector takes for a voice; [`speak_with`] lays the
//! same words over a recording. Each word begins with a mark, a few milliseconds of noise that spell
//! it. [`WordReader`] finds the marks again in a stream, however it is cut.
//!
//! What always holds:
//! - the audio is whole 20 ms frames and has no silence inside;
//! - marks survive as long as nobody resamples, mixes or scales the audio; decoding μ-law to PCM and
//!   encoding it again does no harm;
//! - a reader keeps less than one mark between two pushes, whatever the bytes are.
//!
//! A mark is a magic number, the length of the word in bytes, the word in UTF-8, and a check of its bytes.

use std::sync::LazyLock;

use bytes::Bytes;
use voice_pipeline::audio::ulaw;

/// Bytes in 20 ms of μ-law at 8 kHz.
pub const FRAME_BYTES: usize = 160;

/// What a mark begins with: samples near full scale and of alternating sign, which a voice does not
/// have.
const MAGIC: [u8; 4] = [0x01, 0x81, 0x02, 0x82];
/// The longest word of one mark; a longer one is spoken as several. Below 127, because that byte is
/// the negative zero and does not survive a round through PCM. The check stays below it as well.
const WORD_MAX_BYTES: usize = 120;
const CHECK_MODULUS: u8 = 61;
const MARK_MAX_BYTES: usize = MAGIC.len() + 1 + WORD_MAX_BYTES + 1;

const LETTER_BYTES: usize = 60 * 8;
const WORD_MIN_AUDIO_BYTES: usize = 160 * 8;

/// Mean magnitude of a frame's codes from which it is a voice: about -38 dB below full scale.
const VOICE_MEAN_CODE: usize = 32;

/// Half a second of voice, after which it repeats without a seam.
static VOICE: LazyLock<[u8; 4_000]> = LazyLock::new(|| {
    std::array::from_fn(|phase| {
        let t = phase as f64 / 8_000.0;
        let swell = 0.6 + 0.4 * (t * 4.0 * std::f64::consts::TAU).sin();
        let harmonics: f64 =
            (1..=12).map(|n| (t * 140.0 * f64::from(n) * std::f64::consts::TAU).sin() / f64::from(n)).sum();
        let byte = ulaw::encode((harmonics * swell * 5_000.0) as i16);
        // Without the negative zero the audio is the same after a round through PCM.
        if byte == 0x7F { ulaw::SILENCE } else { byte }
    })
});

/// Something like a voice: harmonics of 140 Hz, swelling and ebbing like syllables.
#[derive(Debug, Default)]
pub struct FakeVoice {
    phase: usize,
}

impl FakeVoice {
    /// The next 20 ms, as a carrier sends them.
    pub fn frame(&mut self) -> Bytes {
        let voice: &'static [u8] = &*VOICE;
        let frame = &voice[self.phase..self.phase + FRAME_BYTES];
        self.phase = (self.phase + FRAME_BYTES) % voice.len();
        Bytes::from_static(frame)
    }
}

/// Speaks a text: about 60 ms a letter and at least 160 ms a word, whole frames. No words, no audio.
pub fn speak(text: &str) -> Vec<u8> {
    speak_with(text, &*VOICE)
}

/// Speaks a text with the voice of a recording, 8 kHz μ-law, which is looped or cut to the length
/// [`speak`] would give. An empty recording is no voice; [`speak`]'s is used.
pub fn speak_with(text: &str, clip: &[u8]) -> Vec<u8> {
    let clip = if clip.is_empty() { &*VOICE } else { clip };
    let spoken_bytes: usize = words(text).map(audio_bytes).sum();
    let total_bytes = spoken_bytes.next_multiple_of(FRAME_BYTES);
    let mut audio = Vec::with_capacity(total_bytes);
    while audio.len() < total_bytes {
        let left = total_bytes - audio.len();
        audio.extend_from_slice(&clip[..left.min(clip.len())]);
    }
    let mut at = 0;
    for word in words(text) {
        write_mark(word, &mut audio[at..]);
        at += audio_bytes(word);
    }
    audio
}

/// How much audio a word of [`speak`] takes.
pub fn audio_bytes(word: &str) -> usize {
    (word.chars().count() * LETTER_BYTES).max(WORD_MIN_AUDIO_BYTES)
}

/// Whether this stretch of μ-law is loud enough to be a voice.
pub fn is_voice(frame: &[u8]) -> bool {
    let loudness: usize = frame.iter().map(|&byte| loudness(byte)).sum();
    loudness > frame.len() * VOICE_MEAN_CODE
}

/// How loud a μ-law byte is: 0 for silence to 127, in steps that grow with the loudness.
fn loudness(byte: u8) -> usize {
    usize::from(!byte & 0x7F)
}

/// A word and where in the stream it begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeardWord {
    /// As it was spoken.
    pub word: String,
    /// The offset of its first byte.
    pub at: u64,
}

/// Reads words from a stream of audio.
#[derive(Debug, Default)]
pub struct WordReader {
    /// The beginning of what may become a mark, at the end of what was pushed.
    held: Vec<u8>,
    /// The offset of the first byte that is neither held nor decided.
    at: u64,
}

impl WordReader {
    /// Takes the next bytes and tells every word whose mark they complete.
    pub fn push(&mut self, bytes: &[u8], mut heard: impl FnMut(HeardWord)) {
        let mut rest = bytes;
        if !self.held.is_empty() {
            // A mark that began earlier is decided within the longest mark's length.
            let before = self.held.len();
            let joined = &bytes[..bytes.len().min(MARK_MAX_BYTES)];
            self.held.extend_from_slice(joined);
            let decided = scan(&self.held, self.at - before as u64, &mut heard);
            if decided < before {
                self.held.drain(..decided);
                self.at += joined.len() as u64;
                return;
            }
            self.held.clear();
            let used = decided - before;
            self.at += used as u64;
            rest = &bytes[used..];
        }
        let decided = scan(rest, self.at, &mut heard);
        self.held.extend_from_slice(&rest[decided..]);
        self.at += rest.len() as u64;
    }
}

/// Tells the words in `bytes`, which begin at `offset`. Gives the length of what is decided; what
/// follows is a mark that may be cut off.
fn scan(bytes: &[u8], offset: u64, heard: &mut impl FnMut(HeardWord)) -> usize {
    let mut at = 0;
    while let Some(skipped) = bytes[at..].iter().position(|&byte| byte == MAGIC[0]) {
        at += skipped;
        match read_mark(&bytes[at..]) {
            Mark::Word(word) => {
                heard(HeardWord { word: word.to_owned(), at: offset + at as u64 });
                at += mark_bytes(word.len());
            }
            Mark::CutOff => return at,
            Mark::None => at += 1,
        }
    }
    bytes.len()
}

enum Mark<'a> {
    Word(&'a str),
    CutOff,
    None,
}

fn read_mark(bytes: &[u8]) -> Mark<'_> {
    let magic = bytes.len().min(MAGIC.len());
    if bytes[..magic] != MAGIC[..magic] {
        return Mark::None;
    }
    let Some(&length) = bytes.get(MAGIC.len()) else { return Mark::CutOff };
    let length = usize::from(length);
    if length == 0 || length > WORD_MAX_BYTES {
        return Mark::None;
    }
    let Some(mark) = bytes.get(..mark_bytes(length)) else { return Mark::CutOff };
    let word = &mark[MAGIC.len() + 1..mark.len() - 1];
    match std::str::from_utf8(word) {
        Ok(text) if check(word) == mark[mark.len() - 1] => Mark::Word(text),
        _ => Mark::None,
    }
}

fn write_mark(word: &str, audio: &mut [u8]) {
    let mark = &mut audio[..mark_bytes(word.len())];
    let (head, tail) = mark.split_at_mut(MAGIC.len() + 1);
    head[..MAGIC.len()].copy_from_slice(&MAGIC);
    head[MAGIC.len()] = word.len() as u8;
    tail[..word.len()].copy_from_slice(word.as_bytes());
    tail[word.len()] = check(word.as_bytes());
}

const fn mark_bytes(word_bytes: usize) -> usize {
    MAGIC.len() + 1 + word_bytes + 1
}

fn check(word: &[u8]) -> u8 {
    word.iter().fold(0_u8, |sum, &byte| sum.rotate_left(3) ^ byte) % CHECK_MODULUS
}

/// What stands between spaces, cut where it is too long for a mark.
fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split_whitespace().flat_map(|word| {
        let mut rest = word;
        std::iter::from_fn(move || {
            let fits = (0..=rest.len().min(WORD_MAX_BYTES)).rev().find(|&end| rest.is_char_boundary(end));
            let (head, tail) = rest.split_at(fits.unwrap_or_default());
            rest = tail;
            (!head.is_empty()).then_some(head)
        })
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use voice_pipeline::time::CallTime;
    use voice_pipeline::vad::{SpeechDetector, VadChange, VadSettings, WebRtcVad};

    use super::*;

    /// Pushes `audio` in pieces of the given sizes, in turn.
    fn read(audio: &[u8], sizes: &[usize]) -> Vec<HeardWord> {
        let mut reader = WordReader::default();
        let mut heard = Vec::new();
        let mut rest = audio;
        for &size in sizes.iter().cycle() {
            if rest.is_empty() {
                break;
            }
            let (piece, tail) = rest.split_at(size.clamp(1, rest.len()));
            reader.push(piece, |word| heard.push(word));
            assert!(reader.held.len() < MARK_MAX_BYTES, "{} bytes are held", reader.held.len());
            rest = tail;
        }
        heard
    }

    fn texts(heard: &[HeardWord]) -> Vec<&str> {
        heard.iter().map(|heard| heard.word.as_str()).collect()
    }

    #[test]
    fn words_stand_where_they_begin() {
        let heard = read(&speak("A tee time, please."), &[FRAME_BYTES]);
        assert_eq!(texts(&heard), ["A", "tee", "time,", "please."]);
        // 160 ms for the shortest words, 60 ms a letter for the others.
        assert_eq!(heard.iter().map(|heard| heard.at / 8).collect::<Vec<_>>(), [0, 160, 340, 640]);
        assert_eq!(speak("A tee time, please.").len() / 8, 1_060);
    }

    #[test]
    fn no_words_make_no_audio() {
        assert!(speak(" \n").is_empty());
    }

    #[test]
    fn every_frame_is_a_voice_and_silence_is_none() {
        let audio = speak("Book me a tee time for Saturday at eight, please.");
        assert_eq!(audio.len() % FRAME_BYTES, 0);
        assert!(audio.chunks(FRAME_BYTES).all(is_voice));
        assert!(!is_voice(&[ulaw::SILENCE; FRAME_BYTES]));
        assert!(!is_voice(&[]));
        // The noise of a quiet line, 30 of 32,635.
        assert!(!is_voice(&[ulaw::encode(30), ulaw::encode(-30)].repeat(80)));
    }

    #[test]
    fn a_voice_detector_hears_one_utterance_without_a_pause() {
        let mut detector = SpeechDetector::new(VadSettings::default(), Box::new(WebRtcVad::new()), None);
        let silence = vec![ulaw::SILENCE; 40 * FRAME_BYTES];
        let text = "I would like to book a tee time for two players on Saturday. ".repeat(4);
        let spoken = speak(&text);
        let audio = [silence.clone(), spoken.clone(), silence].concat();
        let mut changes = Vec::new();
        for (number, frame) in (1..).zip(audio.chunks(FRAME_BYTES)) {
            let frame: Vec<i16> = frame.iter().map(|&byte| ulaw::decode(byte)).collect();
            let now = CallTime::from_millis(number * 20);
            changes.extend(detector.push(now, &frame.try_into().unwrap()));
        }
        let spoken_ms = spoken.len() as u64 / 8;
        let [VadChange::SpeechStarted { onset }, VadChange::SpeechStopped { end }] = changes[..] else {
            panic!("{changes:?}")
        };
        assert!(onset.as_millis().abs_diff(800) <= 100, "{onset:?}");
        assert!(end.as_millis().abs_diff(800 + spoken_ms) <= 100, "{end:?}");
    }

    #[test]
    fn words_lie_over_a_recording_of_any_length() {
        let recording: Vec<u8> = (0..=255).cycle().take(1_000).collect();
        for clip in [&recording[..], &recording[..7], &recording.repeat(20)] {
            let audio = speak_with("over my voice", clip);
            assert_eq!(audio.len(), speak("over my voice").len());
            assert_eq!(texts(&read(&audio, &[FRAME_BYTES])), ["over", "my", "voice"]);
        }
        let audio = speak_with("over my voice", &recording.repeat(20));
        assert_eq!(audio[100..500], recording[100..500], "the recording is untouched between the marks");
    }

    #[test]
    fn words_survive_pcm() {
        let text = "Ünïcode 5,55 and words";
        let audio = speak(text);
        let again: Vec<u8> = audio.iter().map(|&byte| ulaw::encode(ulaw::decode(byte))).collect();
        assert!(again == audio);
        assert_eq!(texts(&read(&again, &[33])).join(" "), text);
    }

    #[test]
    fn a_word_too_long_for_a_mark_becomes_several() {
        let word = "ä".repeat(100);
        let heard = read(&speak(&word), &[1]);
        assert_eq!(heard.len(), 2);
        assert_eq!(texts(&heard).concat(), word);
    }

    #[test]
    fn the_voice_holds_nothing_that_looks_like_a_mark() {
        assert!(!VOICE.contains(&MAGIC[0]));
    }

    proptest! {
        #[test]
        fn words_come_back_however_the_audio_is_cut(
            words in proptest::collection::vec("[a-zA-Z0-9äß€,.!?'-]{1,30}", 0..12),
            sizes in proptest::collection::vec(1..700_usize, 1..8),
            silence in 0..400_usize,
        ) {
            let audio = [vec![ulaw::SILENCE; silence], speak(&words.join(" "))].concat();
            let heard = read(&audio, &sizes);
            prop_assert_eq!(texts(&heard), words);
            prop_assert_eq!(heard, read(&audio, &[1]));
        }

        #[test]
        fn no_bytes_break_a_reader(
            bytes in proptest::collection::vec(
                prop_oneof![Just(0x01_u8), Just(0x81), Just(0x02), Just(0x82), any::<u8>()],
                0..2_000,
            ),
            sizes in proptest::collection::vec(1..300_usize, 1..8),
        ) {
            let heard = read(&bytes, &sizes);
            prop_assert_eq!(&heard, &read(&bytes, &[1]));
            prop_assert_eq!(&heard, &read(&bytes, &[usize::MAX]));
        }

        #[test]
        fn words_are_found_after_any_noise(
            noise in proptest::collection::vec(any::<u8>(), 0..300),
            cut_off in 0..16_usize,
        ) {
            let lost = &speak("unfinished")[..cut_off];
            let audio = [&noise[..], lost, &[ulaw::SILENCE; MARK_MAX_BYTES], &speak("found")].concat();
            let heard = read(&audio, &[160]);
            prop_assert_eq!(&heard.last().expect("a word").word, "found");
        }
    }
}
