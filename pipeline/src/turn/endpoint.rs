//! Is the caller done? The judgement on one pause.
//!
//! Several witnesses: the final transcript, the turn model's score, the vendor's own end of the
//! utterance, and the words themselves. The pause lasts until the wait that their agreement deserves has
//! passed since the end of speech; a wait that has passed already is not waited again.

use std::time::Duration;

use super::{PauseId, TurnPolicy};
use crate::time::CallTime;

/// No word is shorter.
const SHORTEST_WORD: Duration = Duration::from_millis(120);

/// One pause in an utterance and what is known about it.
#[derive(Debug, Clone)]
pub(super) struct Pause {
    pub(super) id: PauseId,
    /// When the utterance began.
    pub(super) onset: CallTime,
    /// When the last voiced frame before it ended.
    pub(super) speech_end: CallTime,
    pub(super) asked_at: CallTime,
    pub(super) text: Option<String>,
    pub(super) probability: Option<f32>,
    /// Whether the recogniser's vendor found the utterance complete by itself.
    pub(super) vendor_ended: bool,
}

impl Pause {
    /// A pause that was just asked about.
    pub(super) fn new(id: PauseId, onset: CallTime, speech_end: CallTime, asked_at: CallTime) -> Self {
        Self { id, onset, speech_end, asked_at, text: None, probability: None, vendor_ended: false }
    }

    /// When the turn may be committed if nothing else happens; `None` while there is no transcript.
    pub(super) fn commit_at(&self, policy: &TurnPolicy) -> Option<CallTime> {
        let text = self.text.as_deref()?;
        if text.is_empty() {
            return Some(self.asked_at);
        }
        if unfinished(text).is_some() {
            return Some(self.speech_end + policy.unfinished_after);
        }
        // Without doubt from the turn model the vendor's own end of the utterance is as good as being sure.
        let wait = match (self.probability, self.vendor_ended) {
            (Some(p), _) if p > policy.sure_probability => policy.sure_after,
            (Some(p), ended) if p > policy.likely_probability => {
                if ended {
                    policy.sure_after
                } else {
                    policy.likely_after
                }
            }
            (Some(_), true) => policy.likely_after,
            (Some(_), false) => policy.unlikely_after,
            (None, true) => policy.sure_after,
            (None, false) => policy.unscored_after,
        };
        // A breath or a first sound, for which a recogniser invents words; who made it goes on.
        let is_a_blip = self.speech_end - self.onset < SHORTEST_WORD && !self.vendor_ended;
        Some(self.speech_end + if is_a_blip { wait.max(policy.likely_after) } else { wait })
    }

    /// Whether it was asked about while the caller was still heard: no silence lies before the question.
    pub(super) fn sound_goes_on(&self) -> bool {
        self.speech_end >= self.asked_at
    }
}

/// Why an utterance looks as if more is to come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unfinished {
    /// The last word leans on a next one: "a table for".
    HangingWord,
    /// A number, code or spelled word breaks off: "five five five".
    HalfDictated,
}

/// Words after which English goes on.
const HANGING: &[&str] = &[
    "a",
    "about",
    "after",
    "an",
    "and",
    "around",
    "at",
    "because",
    "before",
    "between",
    "but",
    "by",
    "dash",
    "dot",
    "er",
    "for",
    "from",
    "hmm",
    "i",
    "i'd",
    "i'll",
    "i'm",
    "if",
    "in",
    "is",
    "it's",
    "let's",
    "like",
    "maybe",
    "my",
    "next",
    "of",
    "on",
    "or",
    "our",
    "so",
    "than",
    "the",
    "their",
    "to",
    "uh",
    "um",
    "under",
    "underscore",
    "until",
    "was",
    "we",
    "we're",
    "with",
    "your",
];

/// Whether the words of an utterance want more words.
///
/// A question mark settles it: "Who am I talking to?" is complete.
pub fn unfinished(text: &str) -> Option<Unfinished> {
    if text.trim_end().ends_with('?') {
        return None;
    }
    let words: Vec<String> = text
        .split(|c: char| c.is_whitespace() || c == '-')
        .map(|word| word.trim_matches(|c: char| !c.is_alphanumeric()).to_lowercase())
        .filter(|word| !word.is_empty())
        .collect();
    let last = words.last()?;
    if HANGING.contains(&last.as_str()) && !takes_leave(&words) {
        return Some(Unfinished::HangingWord);
    }
    let run = Dictation::at_end_of(&words);
    run.breaks_off().then_some(Unfinished::HalfDictated)
}

/// Recognisers write "bye" as "by": after these words, or alone, nobody leaves out what follows it.
fn takes_leave(words: &[String]) -> bool {
    const BEFORE: &[&str] =
        &["good", "by", "bye", "thanks", "thank", "you", "okay", "ok", "alright", "then", "all", "now", "it", "no"];
    match words {
        [by] => by == "by",
        [.., before, by] => by == "by" && BEFORE.contains(&before.as_str()),
        [] => false,
    }
}

/// The run of digits and letters said one by one at the end of an utterance.
#[derive(Default)]
struct Dictation {
    digits: usize,
    letters: usize,
}

impl Dictation {
    fn at_end_of(words: &[String]) -> Self {
        let mut run = Self::default();
        for (at, word) in words.iter().enumerate().rev() {
            let before = at.checked_sub(1).map_or("", |before| words[before].as_str());
            match digits_in(word) {
                Some(digits) if run.letters == 0 => run.digits += digits,
                // "G V for eight two": a four.
                None if run.takes_for_a_digit(word, before) => run.digits += 1,
                None if run.digits > 0 && is_letter_pair(word) => run.letters += 2,
                None if is_spelled_letter(word) => run.letters += 1,
                _ => break,
            }
        }
        run
    }

    /// A word that sounds like a digit, between a letter and a digit or inside a longer number. "Two to
    /// four" stays two hours.
    fn takes_for_a_digit(&self, word: &str, before: &str) -> bool {
        let after_letter = is_spelled_letter(before) || is_letter_pair(before);
        let inside = self.digits > 1 && digits_in(before).is_some();
        self.letters == 0 && self.digits > 0 && is_misheard_digit(word) && (after_letter || inside)
    }

    /// Three digits want the rest of a phone number, and so do five, six, eight and nine. One or
    /// two are a time or a count, four a code, seven and ten or more a whole phone number. Letters
    /// that no digit follows are a code or a name on its way.
    fn breaks_off(&self) -> bool {
        match (self.letters, self.digits) {
            (0 | 1, 0) => false,
            (_, 0) => true,
            (_, digits) => matches!(digits, 3 | 5 | 6 | 8 | 9),
        }
    }
}

/// How many dictated digits a word holds: "five" one, "555" three. Two-digit numbers are said as
/// numbers ("thirty", "30"), not dictated.
fn digits_in(word: &str) -> Option<usize> {
    const SPOKEN: &[&str] = &["zero", "oh", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"];
    if SPOKEN.contains(&word) {
        return Some(1);
    }
    let all_digits = word.bytes().all(|b| b.is_ascii_digit());
    (all_digits && word.len() != 2).then_some(word.len())
}

/// How recognisers write a digit that they took for a word.
fn is_misheard_digit(word: &str) -> bool {
    matches!(word, "for" | "to" | "too" | "ate" | "won")
}

/// Two letters written together: "Gv" for "G V".
fn is_letter_pair(word: &str) -> bool {
    word.len() == 2 && word.bytes().all(|b| b.is_ascii_alphabetic() && !b"aeiouy".contains(&b))
}

fn is_spelled_letter(word: &str) -> bool {
    word.len() == 1 && word.bytes().all(|b| b.is_ascii_alphabetic())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_for_more_after_hanging_words_and_half_dictated_numbers() {
        let cases = [
            ("I'd like a tee time for", Some(Unfinished::HangingWord)),
            ("It's for Saturday and, um...", Some(Unfinished::HangingWord)),
            ("Five five five.", Some(Unfinished::HalfDictated)),
            ("My number is 555", Some(Unfinished::HalfDictated)),
            ("555 1 2", Some(Unfinished::HalfDictated)),
            ("G V", Some(Unfinished::HalfDictated)),
            ("Five five five one two one two.", None),
            ("555-1212", None),
            ("G V four eight two one", None),
            ("I said Gv for eight, two one.", None),
            ("Gv for eight, two", Some(Unfinished::HalfDictated)),
            ("Five to one", None),
            ("At nine pm", None),
            ("At nine.", None),
            ("At 7:30", None),
            ("7 30", None),
            ("For four of us", None),
            ("Who am I talking to?", None),
            ("Yes.", None),
            ("No thanks, by.", None),
            ("That's all, good-by.", None),
            ("By.", None),
            ("We will be there by", Some(Unfinished::HangingWord)),
            ("", None),
        ];
        for (text, expected) in cases {
            assert_eq!(unfinished(text), expected, "{text:?}");
        }
    }
}
