//! What of a piece is still to be spoken when a voice is lost in the middle.
//!
//! [`Unsaid`] is told what audio came and when words begin, where the vendor tells. When a voice is
//! lost it keeps the text from the first word that is in none of the audio: a word counts as
//! spoken when it was spoken to its middle.

use std::time::Duration;

use crate::chat::WordStart;
use crate::chat::heard::{PER_LETTER, letters, unspoken_from};

/// How a voice fills time: learned from the pieces it finished.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Pace {
    pub(super) per_letter: Duration,
}

/// One piece on its way through one or more voices.
#[derive(Debug)]
pub(super) struct Unsaid {
    text: String,
    /// Where the text of the current voice begins in the piece.
    begins: usize,
    words: Vec<WordStart>,
    /// Audio of the voices before the current one.
    before: Duration,
    /// Audio of the current voice.
    now: Duration,
}

impl Unsaid {
    pub(super) fn new(text: &str) -> Self {
        Self { text: text.to_owned(), begins: 0, words: Vec::new(), before: Duration::ZERO, now: Duration::ZERO }
    }

    /// What the next voice has to say.
    pub(super) fn text(&self) -> &str {
        self.text[self.begins..].trim_start()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.text().is_empty()
    }

    /// More audio of the current voice.
    pub(super) fn audio(&mut self, lasts: Duration) {
        self.now += lasts;
    }

    /// Whether the current voice gave no audio, although there was something to say.
    pub(super) fn heard_nothing(&self) -> bool {
        self.now.is_zero() && self.text().chars().any(char::is_alphanumeric)
    }

    /// The audio of all voices.
    pub(super) fn total(&self) -> Duration {
        self.before + self.now
    }

    /// The current voice told when words begin; gives the same for the whole piece.
    pub(super) fn words(&mut self, words: Vec<WordStart>) -> Vec<WordStart> {
        let skipped = self.text.len() - self.text().len();
        self.words.extend(&words);
        let of_piece = |word: WordStart| WordStart { offset: word.offset + skipped, at: word.at + self.before };
        words.into_iter().map(of_piece).collect()
    }

    /// The current voice is lost: the next one goes on behind what is in the audio.
    pub(super) fn voice_lost(&mut self, pace: Option<Pace>) {
        let text = self.text();
        let per_letter = pace.map_or(PER_LETTER, |pace| pace.per_letter);
        let spoken = unspoken_from(text, &self.words, self.now, per_letter);
        self.begins = self.text.len() - text.len() + spoken;
        self.words.clear();
        self.before += self.now;
        self.now = Duration::ZERO;
    }

    /// How fast the voice spoke that said all of the piece; `None` when it took more than one, or when
    /// the piece is too short to tell.
    pub(super) fn pace(&self) -> Option<Pace> {
        let letters = letters(&self.text);
        (self.begins == 0 && letters >= 12 && !self.now.is_zero()).then(|| Pace { per_letter: self.now / letters })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn ms(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    #[test]
    fn the_next_voice_goes_on_with_the_first_word_that_is_not_in_the_audio() {
        let mut unsaid = Unsaid::new("aaaa bbbb cccc dddd");
        let pace = Some(Pace { per_letter: ms(100) });
        unsaid.audio(ms(1_000));
        unsaid.voice_lost(pace);
        assert_eq!(unsaid.text(), "cccc dddd");
        unsaid.audio(ms(500));
        unsaid.voice_lost(pace);
        assert_eq!(unsaid.text(), "dddd");
        assert_eq!(unsaid.total(), ms(1_500));
    }

    #[test]
    fn a_voice_that_said_nothing_is_followed_by_the_whole_text() {
        let mut unsaid = Unsaid::new("One moment, please.");
        assert!(unsaid.heard_nothing());
        unsaid.voice_lost(None);
        assert_eq!(unsaid.text(), "One moment, please.");
    }

    #[test]
    fn word_times_of_a_second_voice_are_counted_from_the_begin_of_the_piece() {
        let mut unsaid = Unsaid::new("aaaa bbbb cccc");
        unsaid.words(vec![WordStart { offset: 0, at: ms(0) }, WordStart { offset: 5, at: ms(400) }]);
        unsaid.audio(ms(400));
        unsaid.voice_lost(None);
        assert_eq!(unsaid.text(), "bbbb cccc");
        let words = unsaid.words(vec![WordStart { offset: 5, at: ms(300) }]);
        assert_eq!(words, [WordStart { offset: 10, at: ms(700) }]);
    }

    #[test]
    fn learns_a_pace_from_whole_pieces_only() {
        let mut unsaid = Unsaid::new("aaaa bbbb cccc");
        unsaid.audio(ms(1_500));
        assert_eq!(unsaid.pace(), Some(Pace { per_letter: ms(100) }));
        unsaid.voice_lost(None);
        unsaid.audio(ms(1_500));
        assert_eq!(unsaid.pace(), None);
    }
}
