//! WAV files: speech to play into a call, and the recording of one.

use std::path::{Path, PathBuf};

use hound::{SampleFormat, WavReader, WavSpec, WavWriter};
use thiserror::Error;
use voice_pipeline::audio::SampleRate;
use voice_pipeline::audio::resample::resample;
use voice_pipeline::audio::ulaw;

use super::line::Legs;

/// The longest recording that is played into a call: ten minutes.
const LONGEST_SECONDS: u32 = 600;

/// Why a WAV file cannot be used.
#[derive(Debug, Error)]
pub enum WavError {
    /// It cannot be read or written, or is no WAV file.
    #[error("cannot use the wav file {path}")]
    Unusable {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        #[source]
        cause: hound::Error,
    },
    /// It is a WAV file of a kind that is not supported.
    #[error("the wav file {path} holds {found}, but must hold {expected}")]
    Unsupported {
        /// The file.
        path: PathBuf,
        /// What it holds.
        found: String,
        /// What it must hold.
        expected: &'static str,
    },
}

/// Reads a recording (PCM16, mono or stereo, 8 to 48 kHz) as the phone line carries it: 8 kHz, mono.
///
/// # Errors
/// The file cannot be read, or is of another kind.
pub fn read(path: &Path) -> Result<Vec<i16>, WavError> {
    let unusable = |cause| WavError::Unusable { path: path.into(), cause };
    let unsupported = |found, expected| WavError::Unsupported { path: path.into(), found, expected };
    let mut file = WavReader::open(path).map_err(unusable)?;
    let WavSpec { channels, sample_rate, bits_per_sample, sample_format } = file.spec();
    if sample_format != SampleFormat::Int || bits_per_sample != 16 {
        let kind = if sample_format == SampleFormat::Int { "integer" } else { "float" };
        let found = format!("{bits_per_sample}-bit {kind} samples");
        return Err(unsupported(found, "16-bit integer samples (PCM16)"));
    }
    if !(1..=2).contains(&channels) {
        return Err(unsupported(format!("{channels} channels"), "one or two channels"));
    }
    let rate = SampleRate::from_hz(sample_rate)
        .ok_or_else(|| unsupported(format!("{sample_rate} samples a second"), "8,000 to 48,000"))?;
    if file.duration() > sample_rate * LONGEST_SECONDS {
        let found = format!("{} seconds", file.duration() / sample_rate);
        return Err(unsupported(found, "at most ten minutes"));
    }
    let samples: Result<Vec<i16>, _> = file.samples().collect();
    let samples = samples.map_err(unusable)?;
    let mono: Vec<i16> = samples
        .chunks_exact(channels.into())
        .map(|frame| (frame.iter().map(|&s| i32::from(s)).sum::<i32>() / i32::from(channels)) as i16)
        .collect();
    Ok(to_line_rate(&mono, rate))
}

/// Samples of any rate as the phone line carries them.
pub fn to_line_rate(samples: &[i16], rate: SampleRate) -> Vec<i16> {
    resample(samples, rate, SampleRate::TELEPHONY)
}

/// Writes both legs of a call: caller left, agent right, 8 kHz PCM16.
///
/// # Errors
/// The file cannot be written.
pub fn write_recording(path: &Path, legs: &Legs) -> Result<(), WavError> {
    let unusable = |cause| WavError::Unusable { path: path.into(), cause };
    let spec = WavSpec {
        channels: 2,
        sample_rate: SampleRate::TELEPHONY.hz(),
        bits_per_sample: 16,
        sample_format: SampleFormat::Int,
    };
    let mut file = WavWriter::create(path, spec).map_err(unusable)?;
    for (&caller, &agent) in legs.caller.iter().zip(&legs.agent) {
        file.write_sample(ulaw::decode(caller)).map_err(unusable)?;
        file.write_sample(ulaw::decode(agent)).map_err(unusable)?;
    }
    file.finalize().map_err(unusable)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(name: &str, spec: WavSpec, samples: &[i16]) -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(name);
        let mut wav = WavWriter::create(&path, spec).unwrap();
        for &sample in samples {
            wav.write_sample(sample).unwrap();
        }
        wav.finalize().unwrap();
        (folder, path)
    }

    fn spec(channels: u16, sample_rate: u32) -> WavSpec {
        WavSpec { channels, sample_rate, bits_per_sample: 16, sample_format: SampleFormat::Int }
    }

    #[test]
    fn reads_stereo_of_another_rate_as_the_line_carries_it() {
        let stereo: Vec<i16> = (0..44_100)
            .flat_map(|n| {
                let left = ((n as f32 * 0.03).sin() * 8_000.0) as i16;
                [left, left / 2]
            })
            .collect();
        let (_folder, path) = file("a.wav", spec(2, 44_100), &stereo);
        let line = read(&path).unwrap();
        assert!(line.len().abs_diff(8_000) <= 200, "{}", line.len());
        let loudest = line[1_000..7_000].iter().map(|s| s.unsigned_abs()).max().unwrap();
        assert!(loudest.abs_diff(6_000) < 300, "{loudest}");
    }

    #[test]
    fn keeps_a_recording_of_the_line_rate_as_it_is() {
        let samples: Vec<i16> = (0..800).collect();
        let (_folder, path) = file("a.wav", spec(1, 8_000), &samples);
        assert_eq!(read(&path).unwrap(), samples);
    }

    #[test]
    fn says_what_is_wrong_with_a_file() {
        let refused = |path: &Path| read(path).unwrap_err().to_string();
        let (_folder, slow) = file("slow.wav", spec(1, 4_000), &[0; 10]);
        assert!(refused(&slow).contains("4000 samples a second"));
        let (_folder, many) = file("many.wav", spec(3, 8_000), &[0; 9]);
        assert!(refused(&many).contains("3 channels"));
        let folder = tempfile::tempdir().unwrap();
        let float = folder.path().join("float.wav");
        let kind = WavSpec { bits_per_sample: 32, sample_format: SampleFormat::Float, ..spec(1, 8_000) };
        let mut wav = WavWriter::create(&float, kind).unwrap();
        wav.write_sample(0.5_f32).unwrap();
        wav.finalize().unwrap();
        assert!(refused(&float).contains("32-bit float"));
        let text = folder.path().join("text.wav");
        std::fs::write(&text, "not a recording").unwrap();
        assert!(refused(&text).contains("text.wav"));
        assert!(refused(&folder.path().join("missing.wav")).contains("missing.wav"));
    }

    #[test]
    fn records_the_caller_left_and_the_agent_right() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("call.wav");
        let legs = Legs { caller: vec![0x80; 160], agent: vec![ulaw::SILENCE; 160] };
        write_recording(&path, &legs).unwrap();
        let mut wav = WavReader::open(&path).unwrap();
        assert_eq!((wav.spec().channels, wav.duration()), (2, 160));
        let first: Vec<i16> = wav.samples().take(2).map(Result::unwrap).collect();
        assert_eq!(first, [32_124, 0]);
    }
}
