//! What a caller hears of marked speech: its words, when each began, and whether it was whole.
//!
//! [`Ear::hear`] is given every 20 ms of a call, silence too, so that the place in the stream is the time
//! of the call. What always holds: a word lasts until the next one, until silence, or for as long as
//! [`speech::speak`](crate::fakes::speech::speak) gives it, whichever comes first.
//!
//! Not here: sound without marks, such as a tone.

use std::time::Duration;

use crate::fakes::speech::{WordReader, audio_bytes};

/// Bytes of μ-law in a millisecond.
const BYTES_PER_MS: u64 = 8;

/// A word at the ear.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Word {
    /// As it was spoken.
    pub text: String,
    /// When it began.
    pub at: Duration,
    /// How much of it was heard.
    pub lasted: Duration,
}

impl Word {
    /// Whether more than its first half was heard. A voice that is lost in the middle of a word leaves
    /// less of it, or another goes on behind it.
    pub fn is_whole(&self) -> bool {
        let lasts = Duration::from_millis(audio_bytes(&self.text) as u64 / BYTES_PER_MS);
        self.lasted * 2 >= lasts
    }
}

/// Listens to one call.
#[derive(Debug, Default)]
pub struct Ear {
    reader: WordReader,
    words: Vec<(String, u64)>,
    /// Where in the stream each word ended, as far as another word or silence told.
    ends: Vec<Option<u64>>,
    heard: u64,
}

impl Ear {
    /// The next 20 ms, or whatever was played of them.
    pub fn hear(&mut self, frame: &[u8], is_sound: bool) {
        if !is_sound {
            self.end_word(self.heard);
        }
        let mut begun = Vec::new();
        self.reader.push(frame, |word| begun.push((word.word, word.at)));
        for (text, at) in begun {
            self.end_word(at);
            self.words.push((text, at));
            self.ends.push(None);
        }
        self.heard += frame.len() as u64;
    }

    /// All words so far.
    pub fn words(&self) -> Vec<Word> {
        let word = |((text, at), end): (&(String, u64), &Option<u64>)| {
            let lasted = end.unwrap_or(self.heard).min(at + audio_bytes(text) as u64) - at;
            Word { text: text.clone(), at: millis(*at), lasted: millis(lasted) }
        };
        self.words.iter().zip(&self.ends).map(word).collect()
    }

    fn end_word(&mut self, at: u64) {
        if let Some(end) = self.ends.last_mut() {
            end.get_or_insert(at);
        }
    }
}

fn millis(bytes: u64) -> Duration {
    Duration::from_millis(bytes / BYTES_PER_MS)
}

#[cfg(test)]
mod tests {
    use voice_pipeline::audio::ulaw;

    use super::*;
    use crate::fakes::speech::{FRAME_BYTES, speak};

    #[test]
    fn tells_whole_words_from_those_that_are_cut() {
        let audio = speak("Book it please please");
        let mut ear = Ear::default();
        ear.hear(&[ulaw::SILENCE; FRAME_BYTES], false);
        // "please" lasts 360 ms and begins after 400 ms; the second one is lost after 100 ms.
        for frame in audio[..8 * 860].chunks(FRAME_BYTES) {
            ear.hear(frame, true);
        }
        for _ in 0..50 {
            ear.hear(&[ulaw::SILENCE; FRAME_BYTES], false);
        }
        let words = ear.words();
        let told: Vec<_> = words.iter().map(|word| (word.text.as_str(), word.at.as_millis())).collect();
        assert_eq!(told, [("Book", 20), ("it", 260), ("please", 420), ("please", 780)]);
        assert_eq!(words.iter().map(Word::is_whole).collect::<Vec<_>>(), [true, true, true, false]);
        assert_eq!(words[3].lasted, Duration::from_millis(100));
    }

    #[test]
    fn a_word_that_is_being_heard_lasts_until_now() {
        let mut ear = Ear::default();
        ear.hear(&speak("please")[..8 * 200], true);
        assert_eq!(ear.words()[0].lasted, Duration::from_millis(200));
    }
}
