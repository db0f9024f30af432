//! Names: after a cue ("it's under …"), spelled out, or bare when a name was asked for.
//!
//! A word nobody knows may well be a name, so bare names are what is left when everyday words, numbers
//! and dates are taken away; the read-back lets the caller put it right. Spelled letters win over the
//! recogniser's guess: "Johnson, J O H N S O N".

use std::sync::LazyLock;

use crate::code::letter_name;
use crate::date::is_date_word;
use crate::number::{is_digits, ordinal, word_value};
use crate::plain::{is_everyday, is_surname_too};
use crate::words::{Word, phrase, text_at, text_before};

/// Most words a name has.
const MOST_WORDS: usize = 4;

const CUES: [&str; 24] = [
    "name",
    "the last name is",
    "last name is",
    "last name",
    "first name is",
    "surname is",
    "full name is",
    "the name is",
    "my name is",
    "name is",
    "names",
    "name would be",
    "it under",
    "its under",
    "under the name of",
    "under the name",
    "under",
    "in the name of",
    "call me",
    "this is",
    "my name",
    "name of",
    "name to",
    "for the name",
];

/// Cues that only count when a name was asked for: "I'm late" is no name otherwise.
const LOOSE_CUES: [&str; 5] = ["im", "i am", "its", "it is", "thats"];

static CUE_WORDS: LazyLock<Vec<(bool, Vec<String>)>> = LazyLock::new(|| {
    let read = |loose: bool| move |cue: &&str| (loose, phrase(cue));
    CUES.iter().map(read(false)).chain(LOOSE_CUES.iter().map(read(true))).collect()
});

/// A name found, and the words it took.
pub type Found = (String, std::ops::Range<usize>);

/// The name in `words`, if one is said. `free` tells which words nothing else has claimed; `loose`: a
/// name was asked for.
pub fn name_in(text: &str, words: &[Word], free: &dyn Fn(usize) -> bool, loose: bool) -> Option<Found> {
    let said = Said { text, words, free };
    let from = said.after_cue(loose).or_else(|| said.introduced());
    let start = from.unwrap_or(0);
    let spelled = (start..words.len()).filter(|at| free(*at)).find_map(|at| said.spelled_at(at));
    // Four letters in a row spell a name, asked for or not.
    let spells = spelled.as_ref().is_some_and(|(letters, _)| letters.chars().count() > 3);
    if from.is_none() && !loose && !spells {
        return None;
    }
    let run = match from {
        Some(from) => said.run_behind_cue(from),
        None => said.longest_run().filter(|run| spells || said.is_mostly(run)).or_else(|| said.lone_surname()),
    };
    match (spelled, run) {
        (Some((letters, place)), Some(run)) => {
            let before = words_text(text, words, &run);
            // What stands elsewhere in the sentence is not what was spelled.
            let alone = run.len() == 1 && run.end == place.start;
            let beside = from.is_some() || alone || same_start(&before, &letters).is_some();
            let whole = if beside { join_spelled(&before, &letters) } else { capitalised(&letters) };
            Some((whole, run.start.min(place.start)..run.end.max(place.end)))
        }
        (Some((letters, place)), None) => Some((capitalised(&letters), place)),
        (None, Some(run)) => Some((words_text(text, words, &run), run)),
        (None, None) => None,
    }
}

/// The name that stands behind everything else: "Sunday at seven, two people, Becker". Only a capital tells
/// it there from a word nobody knows.
pub fn name_at_the_end(text: &str, words: &[Word], free: &dyn Fn(usize) -> bool) -> Option<Found> {
    let said = Said { text, words, free };
    let mut end = words.len();
    while end > 0 && matches!(words[end - 1].text.as_str(), "please" | "thanks" | "thank" | "you") {
        end -= 1;
    }
    let belongs = |at: &usize| free(*at) && is_name_word(&words[*at].text) && said.is_capital(*at);
    let start = end - (0..end).rev().take_while(belongs).count();
    let run = start..end;
    (start > 0 && !run.is_empty() && run.len() < MOST_WORDS).then(|| (words_text(text, words, &run), run))
}

/// A sentence in which a name is looked for.
struct Said<'s> {
    text: &'s str,
    words: &'s [Word],
    free: &'s dyn Fn(usize) -> bool,
}

type Run = std::ops::Range<usize>;

impl Said<'_> {
    /// Where the name starts behind the last cue.
    fn after_cue(&self, loose: bool) -> Option<usize> {
        let words = self.words;
        let ends = CUE_WORDS.iter().filter(|(only_loose, _)| loose || !only_loose).filter_map(|(only_loose, cue)| {
            let at =
                words.windows(cue.len()).rposition(|run| run.iter().zip(cue).all(|(word, cue)| word.text == *cue))?;
            let end = at + cue.len();
            let end = end + usize::from(matches!(text_at(words, end), "is" | "mr" | "mrs" | "ms" | "miss" | "mister"));
            let called = || !only_loose && is_surname_too(text_at(words, end)) && self.is_capital(end);
            (end < words.len() && (is_name_word(text_at(words, end)) || called())).then_some(end)
        });
        ends.max()
    }

    /// "It's Peterson, …" at the beginning, "Pete Larson here": the caller says who is calling.
    fn introduced(&self) -> Option<usize> {
        const OPENING: [&str; 24] = [
            "no",
            "nope",
            "actually",
            "sorry",
            "hi",
            "hello",
            "hey",
            "there",
            "good",
            "morning",
            "afternoon",
            "evening",
            "yes",
            "yeah",
            "oh",
            "well",
            "so",
            "okay",
            "ok",
            "this",
            "is",
            "its",
            "it",
            "im",
        ];
        let words = self.words;
        let opens = |at: usize| words[..at].iter().all(|word| OPENING.contains(&word.text.as_str()));
        let start = (0..words.len()).find(|at| is_name_word(&words[*at].text) && (self.free)(*at))?;
        let run = self.run_from(start);
        let says_who = matches!(text_before(words, start), "its" | "im" | "is") && self.is_capital(start);
        let ends = run.end == words.len() || words.get(run.end - 1).is_some_and(|word| word.ends_clause);
        (opens(start) && (text_at(words, run.end) == "here" || (says_who && ends))).then_some(start)
    }

    fn run_behind_cue(&self, from: usize) -> Option<Run> {
        let first = self.run_from(from);
        if first.is_empty() {
            return None;
        }
        // "Jenny, Jenny Alvarez": the second is the first in full.
        let again = self.run_from(first.end);
        let whole = again.len() > first.len() && self.words[again.start].text == self.words[first.start].text;
        Some(if whole { again } else { first })
    }

    fn longest_run(&self) -> Option<Run> {
        // A capital within a sentence is what recognisers give to names.
        let weight = |run: &Run| (run.start > 0 && run.clone().all(|at| self.is_capital(at)), run.len());
        let mut best: Option<Run> = None;
        let mut at = 0;
        while at < self.words.len() {
            let run = if is_name_word(&self.words[at].text) { self.run_from(at) } else { at..at };
            at = run.end.max(at + 1);
            if !run.is_empty() && best.as_ref().is_none_or(|best| weight(&run) > weight(best)) {
                best = Some(run);
            }
        }
        best
    }

    /// The words of a name from `start` on, within one clause.
    fn run_from(&self, start: usize) -> Run {
        let mut end = start;
        while end < self.words.len() && end - start < MOST_WORDS && (self.free)(end) && self.belongs(start, end) {
            end += 1;
            if self.words[end - 1].ends_clause && self.words[end - 1].text.len() > 1 {
                break;
            }
        }
        start..end
    }

    /// Whether a word is part of a name that starts at `start`: "April May" and "Long" are names when they
    /// are written like them.
    fn belongs(&self, start: usize, at: usize) -> bool {
        let word = &self.words[at].text;
        let cued = at > start || matches!(text_before(self.words, start), "is" | "under" | "name" | "names");
        is_name_word(word) || (cued && is_surname_too(word) && self.is_capital(at))
    }

    /// Whether the run is what the sentence is about, not one odd word of a longer sentence.
    fn is_mostly(&self, run: &Run) -> bool {
        const BESIDE: &str = "a and be for good hello hi i id im is it its just last like made make morning my mm name no of oh ok okay please put said say sir sorry thank thanks that thats the this um uh under was well would yeah yes you";
        let beside = |word: &str| BESIDE.split_ascii_whitespace().any(|beside| beside == word);
        let others = self.words.iter().enumerate().filter(|(at, _)| !run.contains(at) && (self.free)(*at));
        let odd = others.filter(|(_, word)| !beside(&word.text) && word.text.len() > 1).count();
        odd < 2 || (run.start > 0 && run.clone().all(|at| self.is_capital(at)))
    }

    /// "Price", said alone.
    fn lone_surname(&self) -> Option<Run> {
        let polite = |word: &Word| matches!(word.text.as_str(), "please" | "its" | "uh" | "um" | "oh" | "yes");
        let mut left = (0..self.words.len()).filter(|at| !polite(&self.words[*at]));
        let only = left.next().filter(|_| left.next().is_none())?;
        let asks = self.text.trim_end().ends_with('?');
        (!asks && (self.free)(only) && is_surname_too(&self.words[only].text)).then_some(only..only + 1)
    }

    fn is_capital(&self, at: usize) -> bool {
        let written = self.words.get(at).and_then(|word| self.text.get(word.start..word.end));
        written.is_some_and(|written| written.starts_with(char::is_uppercase)) && self.text.contains(char::is_lowercase)
    }

    /// "p.r.": letters said one by one that were written together.
    fn dotted(&self, at: usize) -> Option<&str> {
        let word = self.words.get(at)?;
        let written = self.text.get(word.start..word.end)?;
        let apart = written.len() == 2 * word.text.len() - 1 && written.split('.').all(|letter| letter.len() == 1);
        (word.text.len() > 1 && apart).then_some(word.text.as_str())
    }

    /// A letter written as a word, before two single letters or between them. Words that often stand before
    /// a spelling ("it would be S M I T H") begin none.
    fn letter_by_name(&self, start: usize, at: usize) -> Option<char> {
        let word = text_at(self.words, at);
        let single = |at: usize| single_letter(text_at(self.words, at)).is_some();
        let begins = !matches!(word, "be" | "are" | "you" | "why" | "okay" | "we" | "oh" | "eye");
        let among = if at == start { begins && single(at + 1) && single(at + 2) } else { single(at + 1) };
        named_letter(word).filter(|_| among)
    }

    /// Letters said one by one: "J O H N S O N", "j-o-n", "double n", "N as in Nora".
    fn spelled_at(&self, at: usize) -> Option<Found> {
        let words = self.words;
        // "With an E" is about one letter.
        let one = |word: &str| matches!(word, "a" | "an");
        if one(text_before(words, at)) || one(text_at(words, at)) && text_before(words, at) == "with" {
            return None;
        }
        let mut letters = String::new();
        let mut here = at;
        loop {
            if let Some(several) = self.dotted(here) {
                letters.push_str(several);
                here += 1;
                continue;
            }
            let said = single_letter(text_at(words, here)).or_else(|| self.letter_by_name(at, here));
            let letter = match said {
                Some(letter) => {
                    letters.push(letter);
                    here += 1;
                    letter
                }
                None => match single_letter(text_at(words, here + 1)) {
                    Some(letter) if text_at(words, here) == "double" => {
                        letters.extend([letter, letter]);
                        here += 2;
                        letter
                    }
                    _ => break,
                },
            };
            let example = text_at(words, here + 1);
            if matches!((text_at(words, here), example), ("as" | "like", "in")) {
                here += 3;
            } else if text_at(words, here) == "for" && example.len() > 1 && example.starts_with(letter) {
                here += 2;
            }
        }
        (letters.len() >= 3).then_some((letters, at..here.min(words.len())))
    }
}

/// Whether a word may be part of a name.
pub fn is_name_word(word: &str) -> bool {
    let letters = word.chars().filter(|c| c.is_alphabetic()).count();
    letters >= 2 && !word.chars().any(|c| c.is_ascii_digit()) && !is_plain(word)
}

/// Whether a word is everyday English, a number or a date.
pub fn is_plain(word: &str) -> bool {
    let number =
        word_value(word).is_some() || is_digits(word) || matches!(word, "hundred" | "thousand" | "quarter" | "half");
    let month_name = matches!(word, "may" | "april" | "june" | "august");
    let date = is_date_word(word) && !month_name;
    let ordinal = ordinal(&[Word { text: word.to_owned(), start: 0, end: 0, ends_clause: false }], 0).is_some();
    number || date || ordinal || is_everyday(word)
}

/// "Ess", "aitch": what a recogniser writes for a letter, among letters.
fn named_letter(word: &str) -> Option<char> {
    match word {
        "as" => Some('s'),
        _ => letter_name(word).map(|letter| letter.to_ascii_lowercase()),
    }
}

fn single_letter(word: &str) -> Option<char> {
    let mut chars = word.chars();
    chars.next().filter(|c| c.is_alphabetic() && chars.next().is_none())
}

/// The spelling replaces the word it sounds like: the last one, or all of a single one.
fn join_spelled(before: &str, letters: &str) -> String {
    let spelled = capitalised(letters);
    let mut parts: Vec<&str> = before.split_whitespace().collect();
    match same_start(before, letters) {
        Some(place) => parts[place] = &spelled,
        None if parts.len() == 1 => parts[0] = &spelled,
        None => parts.push(&spelled),
    }
    parts.join(" ")
}

/// Which word of a name begins like its spelling.
fn same_start(before: &str, letters: &str) -> Option<usize> {
    let parts: Vec<&str> = before.split_whitespace().collect();
    parts.iter().rposition(|part| part.to_lowercase().chars().next() == letters.chars().next())
}

/// The words as the recogniser wrote them, each with a capital.
fn words_text(text: &str, words: &[Word], run: &std::ops::Range<usize>) -> String {
    let mut out = String::new();
    for word in words.get(run.clone()).unwrap_or_default() {
        let written = text.get(word.start..word.end).unwrap_or(&word.text);
        let dash = out.len() > 1 && text.get(..word.start).is_some_and(|before| before.ends_with('-'));
        if !out.is_empty() {
            out.push(if dash { '-' } else { ' ' });
        }
        let mixed = written.chars().skip(1).any(char::is_lowercase) && written.starts_with(char::is_uppercase);
        if mixed {
            out.push_str(written);
        } else {
            out.push_str(&capitalised(written));
        }
    }
    out.strip_suffix("'s").map_or(out.clone(), str::to_owned)
}

fn capitalised(word: &str) -> String {
    let mut chars = word.chars();
    chars
        .next()
        .map_or_else(String::new, |first| first.to_uppercase().chain(chars.flat_map(char::to_lowercase)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::words::words;

    fn read(text: &str, loose: bool) -> Option<String> {
        name_in(text, &words(text), &|_| true, loose).map(|found| found.0)
    }

    #[test]
    fn hears_names_behind_a_cue() {
        for (text, expected) in [
            ("it's under Johnson", "Johnson"),
            ("The name is Sarah Johnson.", "Sarah Johnson"),
            ("my name's o'brien", "O'brien"),
            ("put it under the name Smith-Jones please", "Smith-Jones"),
            ("last name Garcia", "Garcia"),
            ("my last name is Nguyen", "Nguyen"),
            ("this is Mr. Patel", "Patel"),
            ("hi this is McDonald, I'd like to book", "McDonald"),
            ("under JOHNSON", "Johnson"),
            ("the name is June Carter", "June Carter"),
            ("the name is April May", "April May"),
            ("put it under Jenny, Jenny Alvarez", "Jenny Alvarez"),
            ("under Price please", "Price"),
            ("on 12/6 for three, name Olsen.", "Olsen"),
            ("It's Peterson, two of us, for a round", "Peterson"),
            ("hi it's miller here, what is open", "Miller"),
            ("Hey there, Pete Larson here, how's it going?", "Pete Larson"),
            ("No, it is spelled S C H A E F E R.", "Schaefer"),
            ("It's Johnston, with a T. J O H N S T O N.", "Johnston"),
        ] {
            assert_eq!(read(text, false).as_deref(), Some(expected), "{text}");
        }
    }

    #[test]
    fn hears_bare_names_when_one_was_asked_for() {
        for (text, expected) in [
            ("Johnson", "Johnson"),
            ("johnson.", "Johnson"),
            ("uh, Johnson please", "Johnson"),
            ("It's Johnson", "Johnson"),
            ("I'm Sarah Johnson", "Sarah Johnson"),
            ("Johnson, J O H N S O N", "Johnson"),
            ("Johnsen, J-O-H-N-S-O-N", "Johnson"),
            ("Sarah Smith, S M Y T H", "Sarah Smyth"),
            ("J. O. H. N. S. O. N.", "Johnson"),
            ("L E double N as in Nora O N", "Lennon"),
            ("Jürgen Müller", "Jürgen Müller"),
            ("that's Larsen with an E, L A R S E N", "Larsen"),
            ("Price", "Price"),
            ("See H. L.", "Chl"),
            ("it is p.r. c. y. b. l.s. k.i.", "Prcyblski"),
            ("S em I tee H", "Smith"),
            ("it would be S M I T H", "Smith"),
            ("I suppose you can make it out to Okafor", "Okafor"),
        ] {
            assert_eq!(read(text, true).as_deref(), Some(expected), "{text}");
        }
    }

    #[test]
    fn hears_a_name_behind_everything_else() {
        let read =
            |text: &str, claimed: usize| name_at_the_end(text, &words(text), &|at| at >= claimed).map(|found| found.0);
        assert_eq!(read("sunday seven ten two people Becker", 5).as_deref(), Some("Becker"));
        assert_eq!(read("Sunday, two people, Ann Becker please", 3).as_deref(), Some("Ann Becker"));
        assert_eq!(read("sunday two people golfing", 3), None);
        assert_eq!(read("Becker", 0), None);
    }

    #[test]
    fn does_not_take_ordinary_words_for_names() {
        for text in [
            "yes",
            "what do you mean",
            "at nine",
            "hold on",
            "I don't know",
            "make it ten",
            "for four people",
            "",
            "7:40",
            "this is nice",
            "I beg your pardon?",
            "I gotta go, bye",
            "does it come with blorps and zweefs",
            "price?",
        ] {
            assert_eq!(read(text, true), None, "{text}");
        }
        assert_eq!(read("Johnson", false), None);
    }
}
