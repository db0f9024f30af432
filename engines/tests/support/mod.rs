//! Human speech for tests, as a telephone carries it.

// Each test file uses its own part of this.
#![allow(dead_code)]

use std::f32::consts::PI;
use std::fs;
use std::path::{Path, PathBuf};

use voice_engines::weights::testing::skip;

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
    let on_the_line = on_the_line(clip);
    twice_the_rate(&on_the_line)
}

/// A clip as the phone line carries it: 8 kHz, quantised by μ-law.
pub(crate) fn on_the_line(clip: &Path) -> Vec<i16> {
    let (samples, rate) = read_wav(clip);
    let narrow = match rate {
        8_000 => samples,
        16_000 => half_the_rate(&samples),
        other => panic!("{} has {other} samples a second", clip.display()),
    };
    narrow.into_iter().map(quantised).collect()
}

/// The samples and the rate of a mono file with 16 bits a sample.
fn read_wav(clip: &Path) -> (Vec<i16>, u32) {
    let file = fs::read(clip).unwrap_or_else(|error| panic!("{}: {error}", clip.display()));
    let (mut at, mut rate) = (12, 0);
    loop {
        let size = u32::from_le_bytes(file[at + 4..at + 8].try_into().unwrap()) as usize;
        let body = &file[at + 8..(at + 8 + size).min(file.len())];
        match &file[at..at + 4] {
            b"fmt " => rate = u32::from_le_bytes(body[4..8].try_into().unwrap()),
            b"data" => {
                let samples = body.chunks_exact(2).map(|pair| i16::from_le_bytes([pair[0], pair[1]]));
                return (samples.collect(), rate);
            }
            _ => {}
        }
        at += 8 + size + size % 2;
    }
}

/// The nearest of the values that μ-law has words for.
fn quantised(sample: i16) -> i16 {
    const BIAS: i32 = 132;
    let magnitude = (i32::from(sample).abs() + BIAS).min(32_767);
    let step_bits = magnitude.ilog2() - 4;
    let kept = (magnitude >> step_bits << step_bits) + (1 << step_bits >> 1);
    let value = (kept - BIAS).clamp(0, 32_124) * i32::from(sample).signum();
    i16::try_from(value).unwrap()
}

const HALF_BAND_TAPS: usize = 48;

/// A low-pass at half the band: a windowed sinc.
fn half_band() -> Vec<f32> {
    let centre = (HALF_BAND_TAPS - 1) as f32 / 2.0;
    let tap = |i: usize| {
        let x = (i as f32 - centre) * PI / 2.0;
        let window = 0.5 - 0.5 * (2.0 * PI * (i as f32 + 0.5) / HALF_BAND_TAPS as f32).cos();
        x.sin() / x * window
    };
    let taps: Vec<f32> = (0..HALF_BAND_TAPS).map(tap).collect();
    let sum: f32 = taps.iter().sum();
    taps.into_iter().map(|tap| tap / sum).collect()
}

fn filtered(samples: &[f32]) -> Vec<i16> {
    let taps = half_band();
    let padded: Vec<f32> = std::iter::repeat_n(0.0, HALF_BAND_TAPS - 1).chain(samples.iter().copied()).collect();
    padded
        .windows(HALF_BAND_TAPS)
        .map(|window| {
            let sum: f32 = window.iter().zip(&taps).map(|(sample, tap)| sample * tap).sum();
            sum.clamp(-32_768.0, 32_767.0) as i16
        })
        .collect()
}

fn half_the_rate(samples: &[i16]) -> Vec<i16> {
    let samples: Vec<f32> = samples.iter().map(|&sample| f32::from(sample)).collect();
    filtered(&samples).into_iter().step_by(2).collect()
}

fn twice_the_rate(samples: &[i16]) -> Vec<i16> {
    let spread: Vec<f32> = samples.iter().flat_map(|&sample| [2.0 * f32::from(sample), 0.0]).collect();
    filtered(&spread)
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
