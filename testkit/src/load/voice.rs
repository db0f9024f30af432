//! The callers' voices: recordings of people under the marks, or the synthetic voice.
//!
//! [`Voice::utter`] makes an [`Utterance`] of a text: frames that were encoded beforehand, so that
//! saying them costs a caller under load next to nothing.

use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hound::{SampleFormat, WavReader, WavSpec};
use thiserror::Error;
use voice_pipeline::audio::resample::resample;
use voice_pipeline::audio::{SampleRate, ulaw};

use super::FRAME_BYTES;
use crate::fakes::speech;

/// Where Debian's asterisk-core-sounds-en-wav puts its recordings.
const INSTALLED_RECORDINGS: &str = "/usr/share/asterisk/sounds/en_US_f_Allison";

/// Recordings that are used of a folder; more of them make no other load.
const RECORDINGS_MAX: usize = 24;

/// Recordings with less speech are loops of a syllable.
const SHORTEST_FRAMES: usize = 50;

/// Silence that stays in a recording: 100 ms. A longer pause could end the caller's turn.
const PAUSE_MAX_FRAMES: usize = 5;

/// Characters of a frame in base64.
const PAYLOAD_CHARS: usize = FRAME_BYTES.div_ceil(3) * 4;

/// Why a recording cannot be used.
#[derive(Debug, Error)]
pub enum ClipError {
    /// It cannot be read, or is no WAV file.
    #[error("cannot read the recording {path}")]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        #[source]
        cause: hound::Error,
    },
    /// It is another kind of WAV file.
    #[error("the recording {path} must be mono PCM16 with 8,000 or 16,000 samples a second")]
    Unsupported {
        /// The file.
        path: PathBuf,
    },
    /// It is silent or very short.
    #[error("the recording {path} holds less than a second of speech")]
    TooShort {
        /// The file.
        path: PathBuf,
    },
}

/// The sound under the marks.
#[derive(Debug, Clone, Default)]
pub struct Voice {
    /// μ-law, without leading silence and long pauses. None: the synthetic voice.
    clips: Vec<Vec<u8>>,
    origin: String,
}

impl Voice {
    /// The voice that needs no recording.
    pub fn synthetic() -> Self {
        Self { clips: Vec::new(), origin: "synthetic voice".into() }
    }

    /// The voices of these recordings.
    ///
    /// # Errors
    /// The first recording that cannot be used.
    pub fn of_recordings(paths: &[PathBuf]) -> Result<Self, ClipError> {
        let clips: Vec<_> = paths.iter().map(|path| read_clip(path)).collect::<Result<_, _>>()?;
        Ok(Self { origin: format!("{} recording(s) of the command line", clips.len()), clips })
    }

    /// The voices that are installed on this machine, else the synthetic one.
    pub fn installed() -> Self {
        Self::of_folder(Path::new(INSTALLED_RECORDINGS)).unwrap_or_else(Self::synthetic)
    }

    /// The longest usable recordings of a folder.
    fn of_folder(folder: &Path) -> Option<Self> {
        let entries = std::fs::read_dir(folder).ok()?;
        let mut paths: Vec<_> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
        paths.retain(|path| path.extension().is_some_and(|extension| extension == "wav"));
        // The order of a folder differs from machine to machine.
        paths.sort();
        let mut clips: Vec<_> = paths.iter().filter_map(|path| read_clip(path).ok()).collect();
        clips.sort_by_key(|clip| std::cmp::Reverse(clip.len()));
        clips.truncate(RECORDINGS_MAX);
        let origin = format!("{} recordings in {}", clips.len(), folder.display());
        (!clips.is_empty()).then_some(Self { clips, origin })
    }

    /// Where the voices come from.
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// Speaks a text; `speaker` chooses the voice.
    pub fn utter(&self, text: &str, speaker: usize) -> Utterance {
        match self.clips.len() {
            0 => Utterance::of(&speech::speak(text)),
            count => Utterance::of(&speech::speak_with(text, &self.clips[speaker % count])),
        }
    }
}

/// Something to say, in frames.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Utterance {
    /// All frames in base64, one after the other, each of the same length.
    payloads: String,
    onset_frame: usize,
}

impl Utterance {
    /// Whole frames of μ-law, up to the last one that is a voice.
    pub fn of(ulaw: &[u8]) -> Self {
        let (frames, _) = ulaw.as_chunks::<FRAME_BYTES>();
        let voiced = |frame: &[u8; FRAME_BYTES]| speech::is_voice(frame);
        let end = frames.iter().rposition(voiced).map_or(0, |last| last + 1);
        let onset_frame = frames.iter().position(voiced).unwrap_or_default();
        let mut payloads = String::with_capacity(end * PAYLOAD_CHARS);
        for frame in &frames[..end] {
            STANDARD.encode_string(frame, &mut payloads);
        }
        Self { payloads, onset_frame }
    }

    /// How many frames it has.
    pub fn frames(&self) -> usize {
        self.payloads.len() / PAYLOAD_CHARS
    }

    /// The first frame that is a voice.
    pub fn onset_frame(&self) -> usize {
        self.onset_frame
    }

    /// A frame in base64.
    pub fn frame(&self, index: usize) -> &str {
        &self.payloads[index * PAYLOAD_CHARS..(index + 1) * PAYLOAD_CHARS]
    }
}

fn read_clip(path: &Path) -> Result<Vec<u8>, ClipError> {
    let unreadable = |cause| ClipError::Unreadable { path: path.into(), cause };
    let mut file = WavReader::open(path).map_err(unreadable)?;
    let WavSpec { channels, sample_rate, bits_per_sample, sample_format } = file.spec();
    let rate = SampleRate::from_hz(sample_rate).filter(|_| [8_000, 16_000].contains(&sample_rate));
    let (Some(rate), 1, 16, SampleFormat::Int) = (rate, channels, bits_per_sample, sample_format) else {
        return Err(ClipError::Unsupported { path: path.into() });
    };
    let samples: Vec<i16> = file.samples().collect::<Result<_, _>>().map_err(unreadable)?;
    let line = resample(&samples, rate, SampleRate::TELEPHONY);
    let mut encoded = Vec::new();
    ulaw::encode_into(&line, &mut encoded);
    let speech = without_pauses(&encoded);
    if speech.len() < SHORTEST_FRAMES * FRAME_BYTES {
        return Err(ClipError::TooShort { path: path.into() });
    }
    Ok(speech)
}

/// The voiced frames, with a little of the silence between them.
fn without_pauses(ulaw: &[u8]) -> Vec<u8> {
    let mut speech = Vec::new();
    let mut silent_frames = PAUSE_MAX_FRAMES;
    let (frames, _) = ulaw.as_chunks::<FRAME_BYTES>();
    for frame in frames {
        silent_frames = if speech::is_voice(frame) { 0 } else { silent_frames + 1 };
        if silent_frames <= PAUSE_MAX_FRAMES {
            speech.extend_from_slice(frame);
        }
    }
    speech
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fakes::speech::{FakeVoice, WordReader};

    const SILENT: [u8; FRAME_BYTES] = [ulaw::SILENCE; FRAME_BYTES];

    fn said(utterance: &Utterance) -> Vec<u8> {
        (0..utterance.frames()).flat_map(|frame| STANDARD.decode(utterance.frame(frame)).unwrap()).collect()
    }

    fn words_of(ulaw: &[u8]) -> Vec<String> {
        let mut words = Vec::new();
        WordReader::default().push(ulaw, |heard| words.push(heard.word));
        words
    }

    /// One second of a voice after a second of silence, with a pause in between.
    fn recording() -> Vec<i16> {
        let mut voice = FakeVoice::default();
        // The synthetic voice begins with this frame, and a recording is told from it.
        voice.frame();
        let voiced: Vec<u8> = (0..100).flat_map(|_| voice.frame()).collect();
        let line = [SILENT.repeat(50), voiced[..8_000].to_vec(), SILENT.repeat(30), voiced[8_000..].to_vec()].concat();
        line.iter().map(|&byte| ulaw::decode(byte)).collect()
    }

    fn write_wav(path: &Path, channels: u16, sample_rate: u32, samples: &[i16]) {
        let spec = WavSpec { channels, sample_rate, bits_per_sample: 16, sample_format: SampleFormat::Int };
        let mut file = hound::WavWriter::create(path, spec).unwrap();
        for &sample in samples {
            file.write_sample(sample).unwrap();
        }
        file.finalize().unwrap();
    }

    #[test]
    fn an_utterance_ends_with_its_voice() {
        let mut voice = FakeVoice::default();
        let line = [SILENT.to_vec(), voice.frame().to_vec(), voice.frame().to_vec(), SILENT.to_vec()].concat();
        let utterance = Utterance::of(&line);
        assert_eq!((utterance.onset_frame(), utterance.frames()), (1, 3));
        assert_eq!(said(&utterance), line[..3 * FRAME_BYTES]);
        assert_eq!(Utterance::of(&SILENT).frames(), 0);
    }

    #[test]
    fn says_its_words_with_any_voice() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.wav");
        write_wav(&path, 1, 8_000, &recording());
        write_wav(&folder.path().join("stereo.wav"), 2, 8_000, &recording());
        std::fs::write(folder.path().join("note.txt"), "no recording").unwrap();
        let voices =
            [Voice::synthetic(), Voice::of_recordings(&[path]).unwrap(), Voice::of_folder(folder.path()).unwrap()];
        for voice in &voices {
            let utterance = voice.utter("c1t2 book a tee time please", 7);
            assert_eq!(words_of(&said(&utterance)), ["c1t2", "book", "a", "tee", "time", "please"], "{voice:?}");
            assert_eq!(utterance.onset_frame(), 0);
        }
        assert_ne!(voices[0].utter("one two", 0), voices[1].utter("one two", 0));
        assert!(voices[2].origin().starts_with("1 recordings in "));
        assert!(Voice::of_folder(&folder.path().join("absent")).is_none());
    }

    #[test]
    fn long_pauses_are_taken_out() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.wav");
        write_wav(&path, 1, 8_000, &recording());
        let clip = read_clip(&path).unwrap();
        let silent = clip.as_chunks::<FRAME_BYTES>().0.iter().filter(|frame| !speech::is_voice(*frame)).count();
        assert!((100..=110).contains(&(clip.len() / FRAME_BYTES)), "{}", clip.len() / FRAME_BYTES);
        assert!((1..=10).contains(&silent), "{silent}");
    }

    #[test]
    fn says_which_recording_cannot_be_used() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.wav");
        let refused = |path: &Path| Voice::of_recordings(&[path.into()]).unwrap_err();
        assert!(matches!(refused(&path), ClipError::Unreadable { .. }));
        write_wav(&path, 2, 8_000, &recording());
        assert!(matches!(refused(&path), ClipError::Unsupported { .. }));
        write_wav(&path, 1, 44_100, &recording());
        assert!(matches!(refused(&path), ClipError::Unsupported { .. }));
        write_wav(&path, 1, 8_000, &[0; 16_000]);
        assert!(matches!(refused(&path), ClipError::TooShort { .. }));
    }
}
