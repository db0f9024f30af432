//! Human speech with its words: clips that Debian installs, chosen by rule.

use std::error::Error;
use std::fs::{self, File};
use std::io::Read as _;
use std::path::{Path, PathBuf};

use flate2::read::MultiGzDecoder;
use voice_pipeline::audio::SampleRate;
use voice_pipeline::audio::resample::resample;

use crate::telephone::through_a_telephone;
use crate::words::words;

/// One professional speaker, 8 kHz (`asterisk-core-sounds-en-wav`, CC-BY-SA-3.0).
const PROMPTS: &str = "/usr/share/asterisk/sounds/en_US_f_Allison";
/// What she says (`asterisk-core-sounds-en`).
const PROMPT_TEXTS: &str = "/usr/share/doc/asterisk-core-sounds-en/core-sounds-en.txt.gz";
/// Readers of LibriVox books and callers of cards, 16 kHz (`pocketsphinx-testdata`, BSD-2).
const READERS: &str = "/usr/share/pocketsphinx/test/data";

/// How the clips are chosen, for the page.
pub(crate) const RULES: &str = "Human clips: of Debian's `asterisk-core-sounds-en-wav` (one speaker, recorded at 8 kHz; the \
    texts are in `asterisk-core-sounds-en`) all whose text has three words or more, holds no brackets, keys or web address, \
    and that last 1 to 15 s, of those every n-th by name; of `pocketsphinx-testdata` (several speakers, 16 kHz) all with \
    three words or more. *Clean* is the clip as it is; *telephone* is the clip at 8 kHz through μ-law.";

/// A recording and what is said in it.
pub(crate) struct Clip {
    pub(crate) name: String,
    pub(crate) said: String,
    samples: Vec<i16>,
    rate: SampleRate,
}

impl Clip {
    /// As a recogniser gets it from a studio: 16 kHz.
    pub(crate) fn clean(&self) -> Vec<i16> {
        resample(&self.samples, self.rate, SampleRate::WIDEBAND)
    }

    /// As a recogniser gets it from a telephone line: 16 kHz, but 8 kHz and μ-law on the way.
    pub(crate) fn telephone(&self) -> Vec<i16> {
        through_a_telephone(&self.samples, self.rate)
    }

    pub(crate) fn seconds(&self) -> f64 {
        self.samples.len() as f64 / f64::from(self.rate.hz())
    }

    /// Whether its text is one whole sentence of five words or more.
    pub(crate) fn is_one_sentence(&self) -> bool {
        let said = self.said.trim();
        let ends = said.matches(['.', '!', '?', ';', ':']).count();
        let begins = said.starts_with(char::is_uppercase);
        begins && ends == 1 && said.ends_with(['.', '!', '?']) && words(said).len() >= 5
    }
}

/// The speaker's prompts, at most `most` of them, evenly over the alphabet. None when they are not
/// installed.
pub(crate) fn prompts(most: usize) -> Result<Vec<Clip>, Box<dyn Error>> {
    let Ok(file) = File::open(PROMPT_TEXTS) else { return Ok(Vec::new()) };
    let mut texts = String::new();
    MultiGzDecoder::new(file).read_to_string(&mut texts)?;
    let mut clips = Vec::new();
    for (name, said) in texts.lines().filter_map(|line| line.split_once(':')) {
        let path = Path::new(PROMPTS).join(name).with_extension("wav");
        if is_plain(said) && path.is_file() {
            clips.push(read(&path, name, said)?);
        }
    }
    clips.retain(|clip| (1.0..=15.0).contains(&clip.seconds()));
    clips.sort_by(|one, other| one.name.cmp(&other.name));
    let total = clips.len();
    let mut at = 0;
    clips.retain(|_| {
        at += 1;
        at * most / total.max(1) > (at - 1) * most / total.max(1)
    });
    Ok(clips)
}

fn is_plain(said: &str) -> bool {
    let marks = said.contains(|c: char| "[]<>()*#@;".contains(c)) || said.contains("www") || said.contains("H.323");
    !marks && words(said).len() >= 3
}

/// The readers' sentences. None when they are not installed.
pub(crate) fn readers() -> Result<Vec<Clip>, Box<dyn Error>> {
    let mut clips = Vec::new();
    for (folder, list) in [("librivox", "transcription"), ("cards", "cards.transcription")] {
        let folder = PathBuf::from(READERS).join(folder);
        let Ok(lines) = fs::read_to_string(folder.join(list)) else { continue };
        for line in lines.lines() {
            let Some((said, name)) = line.trim_end_matches(')').split_once("</s> (") else { continue };
            let said = said.replace("<s>", "");
            if words(&said).len() >= 3 {
                clips.push(read(&folder.join(name).with_extension("wav"), name, &said)?);
            }
        }
    }
    Ok(clips)
}

fn read(path: &Path, name: &str, said: &str) -> Result<Clip, Box<dyn Error>> {
    let mut file = hound::WavReader::open(path)?;
    let rate = SampleRate::from_hz(file.spec().sample_rate).ok_or("a clip has a rate that no phone has")?;
    let samples = file.samples::<i16>().collect::<Result<Vec<_>, _>>()?;
    Ok(Clip { name: name.to_owned(), said: said.trim().to_owned(), samples, rate })
}
