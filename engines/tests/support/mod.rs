//! Human speech for tests, as a telephone carries it.

use std::fs;
use std::path::{Path, PathBuf};

use voice_engines::weights::testing::skip;
use voice_pipeline::audio::resample::Resampler;
use voice_pipeline::audio::{SampleRate, ulaw};

/// One professional speaker, 8 kHz (Debian: `asterisk-core-sounds-en-wav`, CC-BY-SA-3.0).
const PROMPTS: &str = "/usr/share/asterisk/sounds/en_US_f_Allison";
/// Readers of LibriVox books, 16 kHz (Debian: `pocketsphinx-testdata`, BSD-2).
const READERS: &str = "/usr/share/pocketsphinx/test/data/librivox";

/// The folder of prompts, or `None` after saying that the test is skipped.
pub(crate) fn prompts() -> Option<PathBuf> {
    installed(PROMPTS, "asterisk-core-sounds-en-wav")
}

/// The folder of read sentences, or `None` after saying that the test is skipped.
pub(crate) fn readers() -> Option<PathBuf> {
    installed(READERS, "pocketsphinx-testdata")
}

fn installed(folder: &str, package: &str) -> Option<PathBuf> {
    let folder = PathBuf::from(folder);
    if !folder.is_dir() {
        skip(&format!("human speech is not installed: apt-get install {package}"));
        return None;
    }
    Some(folder)
}

/// A clip as a recogniser gets it at the end of a phone line: through 8 kHz μ-law, at 16 kHz.
pub(crate) fn through_a_telephone(clip: &Path) -> Vec<i16> {
    resampled(&on_the_line(clip), SampleRate::TELEPHONY, SampleRate::WIDEBAND)
}

/// A clip as the phone line carries it: 8 kHz, through μ-law.
pub(crate) fn on_the_line(clip: &Path) -> Vec<i16> {
    let (samples, rate) = read_wav(clip);
    let narrow = resampled(&samples, rate, SampleRate::TELEPHONY);
    narrow.into_iter().map(|sample| ulaw::decode(ulaw::encode(sample))).collect()
}

fn resampled(samples: &[i16], from: SampleRate, to: SampleRate) -> Vec<i16> {
    let (mut resampler, mut out) = (Resampler::new(from, to), Vec::new());
    resampler.push(samples, &mut out);
    resampler.flush(&mut out);
    out
}

/// The samples and the rate of a mono file with 16 bits a sample.
fn read_wav(clip: &Path) -> (Vec<i16>, SampleRate) {
    let file = fs::read(clip).unwrap_or_else(|error| panic!("{}: {error}", clip.display()));
    let word = |at: usize| u32::from_le_bytes([file[at], file[at + 1], file[at + 2], file[at + 3]]);
    let (mut at, mut rate) = (12, None);
    loop {
        let size = word(at + 4) as usize;
        let body = &file[at + 8..(at + 8 + size).min(file.len())];
        match &file[at..at + 4] {
            b"fmt " => rate = SampleRate::from_hz(word(at + 12)),
            b"data" => {
                let samples = body.chunks_exact(2).map(|pair| i16::from_le_bytes([pair[0], pair[1]]));
                return (samples.collect(), rate.expect("the format stands before the data"));
            }
            _ => {}
        }
        at += 8 + size + size % 2;
    }
}

/// Words in lower case, digits and punctuation made comparable.
pub(crate) fn words(text: &str) -> Vec<String> {
    let spelled = text
        .to_lowercase()
        .replace("it's", "it is")
        .replace("that's", "that is")
        .replace("i'm", "i am")
        .replace("you'd", "you would");
    spelled
        .split(|c: char| !c.is_alphanumeric() && c != '\'')
        .filter(|word| !word.is_empty())
        .map(|word| {
            let digits = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"];
            match word.parse::<usize>() {
                Ok(digit) if digit < 10 => digits[digit].to_owned(),
                _ => word.to_owned(),
            }
        })
        .collect()
}

/// Words that must be changed, added or removed to get from one text to the other.
pub(crate) fn word_errors(said: &str, recognised: &str) -> usize {
    let (said, recognised) = (words(said), words(recognised));
    let mut row: Vec<usize> = (0..=recognised.len()).collect();
    for (i, word) in said.iter().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, other) in recognised.iter().enumerate() {
            let substituted = diagonal + usize::from(word != other);
            diagonal = row[j + 1];
            row[j + 1] = substituted.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[recognised.len()]
}
