//! Human speech for tests, as a telephone carries it.

use std::fs;
use std::path::{Path, PathBuf};

use voice_engines::weights::testing::skip;
use voice_pipeline::audio::SampleRate;

mod telephone;

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
    let (samples, rate) = read_wav(clip);
    telephone::through_a_telephone(&samples, rate)
}

/// A clip as the phone line carries it: 8 kHz, through μ-law.
pub(crate) fn on_the_line(clip: &Path) -> Vec<i16> {
    let (samples, rate) = read_wav(clip);
    telephone::on_the_line(&samples, rate)
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
