//! Names said letter by letter, as recognisers write them: "J O H N S O N", "j-o-n", "p.r. c.", "double n",
//! "N as in Nora", "t, you are n e r", "Fos T E R".
//!
//! Letters are the least sure of all that comes over a telephone: several are written as one short word or
//! as a word that sounds like them. They count as letters only among letters.

use std::ops::Range;

use crate::alphabet::spelled_with_examples;
use crate::code::letter_name;
use crate::name::is_plain;
use crate::words::{Word, text_at, text_before};

/// Letters that sound alike on a telephone.
const ALIKE: [&str; 5] = ["bcdegptvz", "mn", "fsx", "ajkh", "qu"];

/// The letters spelled from `at` on, in lower case, and the words they took.
pub(crate) fn spelled_at(text: &str, words: &[Word], at: usize) -> Option<(String, Range<usize>)> {
    if let Some((letters, used)) = spelled_with_examples(words, at) {
        return Some((letters, at..at + used));
    }
    // "With an E" is about one letter.
    let one = |word: &str| matches!(word, "a" | "an");
    if one(text_before(words, at)) || one(text_at(words, at)) && text_before(words, at) == "with" {
        return None;
    }
    let spelling = Spelling { text, words, start: at };
    let (mut letters, mut singles, mut here) = (String::new(), 0, at);
    while let Some((piece, used)) = spelling.piece(here) {
        let last = piece.chars().next_back();
        singles += usize::from(piece.chars().count() == 1);
        letters.push_str(&piece);
        here += used;
        let example = text_at(words, here + 1);
        if matches!((text_at(words, here), example), ("as" | "like", "in")) {
            here += 3;
        } else if text_at(words, here) == "for"
            && example.len() > 1
            && last.is_some_and(|last| example.starts_with(last))
        {
            here += 2;
        }
    }
    let here = here.min(words.len());
    let repeats_a_word = sounds_like(&letters, text_before(words, at));
    let by_letters =
        (singles > 1 && (spelling.chunk(at).is_none() || spelling.hyphened(at))) || spelling.dotted(at).is_some();
    let enough = letters.chars().count() >= 3 && (by_letters || repeats_a_word);
    enough.then_some((letters, at..here))
}

/// Whether the word that was heard is to be believed, not the letters after it: they differ by one letter
/// that sounds like the other, or by a letter written twice.
pub(crate) fn believes_word(heard: &str, letters: &str) -> bool {
    let heard = heard.to_lowercase();
    let (mut word, mut spelled) = (heard.chars(), letters.chars());
    let (long, short) = (heard.chars().count(), letters.chars().count());
    let same_length = long == short;
    let differ: Vec<(char, char)> = word.by_ref().zip(spelled.by_ref()).filter(|(a, b)| a != b).collect();
    let alike = |(a, b): &(char, char)| ALIKE.iter().any(|group| group.contains(*a) && group.contains(*b));
    // "Anderson, a and d e r s o m": the first letters were lost.
    let end = heard.chars().skip(long.saturating_sub(short)).zip(letters.chars()).filter(|(a, b)| a != b);
    let end: Vec<(char, char)> = end.collect();
    let lost_start =
        short >= 4 && (1..=3).contains(&long.saturating_sub(short)) && end.len() <= 1 && end.iter().all(alike);
    let once = |text: &str| {
        let mut out: Vec<char> = text.chars().collect();
        out.dedup();
        out
    };
    lost_start
        || (same_length && differ.len() == 1 && differ.iter().all(alike))
        || (letters.chars().count() == heard.chars().count() + 1 && once(&heard) == once(letters))
}

fn sounds_like(letters: &str, word: &str) -> bool {
    let shared = letters.chars().zip(word.chars()).take_while(|(a, b)| a == b).count();
    let ending = letters.chars().rev().zip(word.chars().rev()).take_while(|(a, b)| a == b).count();
    (shared >= 2 || ending >= 2) && word.chars().count().abs_diff(letters.chars().count()) <= 1
}

struct Spelling<'s> {
    text: &'s str,
    words: &'s [Word],
    start: usize,
}

impl Spelling<'_> {
    /// The letters of the word at `at`, and how many words they took.
    fn piece(&self, at: usize) -> Option<(String, usize)> {
        let word = text_at(self.words, at);
        if let Some(several) = self.dotted(at) {
            return Some((several.to_owned(), 1));
        }
        if let Some(letter) = single_letter(word) {
            return Some((letter.to_string(), 1));
        }
        if word == "double"
            && let Some(letter) = single_letter(text_at(self.words, at + 1))
        {
            return Some((format!("{letter}{letter}"), 2));
        }
        self.named(at).map(|letter| (letter.to_string(), 1)).or_else(|| self.chunk(at).map(|chunk| (chunk, 1)))
    }

    /// "p.r.": letters said one by one that were written together.
    fn dotted(&self, at: usize) -> Option<&str> {
        let word = self.words.get(at)?;
        let written = self.text.get(word.start..word.end)?;
        let apart = written.len() == 2 * word.text.len() - 1 && written.split('.').all(|letter| letter.len() == 1);
        (word.text.len() > 1 && apart).then_some(word.text.as_str())
    }

    /// A letter written as a word, before letters or between them. Words that often stand before a spelling
    /// ("it would be S M I T H") begin none.
    fn named(&self, at: usize) -> Option<char> {
        let word = text_at(self.words, at);
        let begins = !matches!(word, "be" | "are" | "you" | "why" | "okay" | "we" | "oh" | "eye");
        let among = if at == self.start {
            begins && self.single(at + 1) && self.single(at + 2)
        } else {
            self.single(at + 1) || (named_letter(text_at(self.words, at + 1)).is_some() && self.single(at + 2))
        };
        named_letter(word).filter(|_| among)
    }

    /// Two to four letters written as one word, beside single ones: "M, it, c, h", "Fos T E R".
    fn chunk(&self, at: usize) -> Option<String> {
        let word = text_at(self.words, at);
        let short = (2..=4).contains(&word.len()) && word.bytes().all(|b| b.is_ascii_lowercase());
        let joins =
            !matches!(word, "and" | "as" | "for" | "like" | "with" | "then" | "yes" | "no" | "not" | "is" | "the");
        let fits = if at == self.start {
            // Only the name that is being spelled tells that this is its beginning.
            let named = text_before(self.words, at);
            let named = named.len() > word.len() && !is_plain(named) && !is_plain(word);
            (named || self.hyphened(at)) && self.single(at + 1)
        } else {
            // "I want a", "I need a" are no letters.
            let pronoun = at == self.start + 1 && matches!(text_at(self.words, at - 1), "i" | "a" | "o");
            let sure = !is_plain(word) || (self.single(at + 1) && self.single(at + 2) && !pronoun);
            self.single(at - 1) && sure && (self.single(at + 1) || at + 1 == self.words.len())
        };
        (short && joins && fits).then(|| word.to_owned())
    }

    /// "kl-e-i-n", "prcy-b-y-l": written as letters in a row. The longer the beginning, the more letters have to
    /// follow.
    fn hyphened(&self, at: usize) -> bool {
        let letters = |at: usize| {
            let [word, next, ..] = self.words.get(at..).unwrap_or_default() else { return false };
            self.text.get(word.end..next.start) == Some("-") && self.single(at + 1)
        };
        let Some(word) = self.words.get(at) else { return false };
        let begins = !self.text.get(..word.start).is_some_and(|before| before.ends_with('-'));
        let length = word.text.len();
        begins && (2..=4).contains(&length) && (0..length - 1).all(|step| letters(at + step))
    }

    fn single(&self, at: usize) -> bool {
        single_letter(text_at(self.words, at)).is_some()
    }
}

/// "Ess", "aitch": what a recogniser writes for a letter, among letters.
fn named_letter(word: &str) -> Option<char> {
    match word {
        "as" => Some('s'),
        "key" => Some('k'),
        _ => letter_name(word).map(|letter| letter.to_ascii_lowercase()),
    }
}

fn single_letter(word: &str) -> Option<char> {
    let mut chars = word.chars();
    chars.next().filter(|c| c.is_alphabetic() && chars.next().is_none())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::words::words;

    fn spelled(text: &str) -> Option<String> {
        let words = words(text);
        (0..words.len()).find_map(|at| spelled_at(text, &words, at)).map(|found| found.0)
    }

    #[test]
    fn reads_letters_however_a_recogniser_writes_them() {
        for (text, letters) in [
            ("J O H N S O N", "johnson"),
            ("B-a-k-e-r.", "baker"),
            ("L E double N as in Nora O N", "lennon"),
            ("it is p.r. c. y. b. l.s. k.i.", "prcyblski"),
            ("No Mitchell M, it, c, h, e l l.", "mitchell"),
            ("No foster Fos T E R", "foster"),
            ("No Erwin Ir W I N", "irwin"),
            ("No turner t, you are n e r.", "turner"),
            ("No-celler-key-e-l-l-e-r.", "keller"),
            ("No moss mos s.", "moss"),
            ("No claim kl-e-i-n.", "klein"),
            ("Prcy-b-y-l-s-k-i.", "prcybylski"),
            ("No pay-dle-p-a-t-e-l.", "patel"),
            ("Zielinskizz and zebra i-e-l-i-n-s-k-i.", "zielinski"),
            ("R as in Romeo, U as in uniform, I as an India, Z as in Zulu", "ruiz"),
            ("See H. L.", "chl"),
            ("S em I tee H", "smith"),
        ] {
            assert_eq!(spelled(text).as_deref(), Some(letters), "{text}");
        }
        for text in [
            "is it a b",
            "are you in",
            "no not me",
            "Johnson with a T",
            "I want a b",
            "I need a t",
            "as I said",
            "for a day",
        ] {
            assert_eq!(spelled(text), None, "{text}");
        }
    }

    #[test]
    fn believes_a_word_before_letters_that_sound_alike() {
        for (heard, letters, believed) in [
            ("Green", "treen", true),
            ("Owens", "owwens", true),
            ("Hansen", "hansem", true),
            ("Anderson", "dersom", true),
            ("Johnson", "johnsen", false),
            ("read", "reid", false),
            ("Simmer", "zimmers", false),
            ("", "abc", false),
        ] {
            assert_eq!(believes_word(heard, letters), believed, "{heard} {letters}");
        }
    }
}
