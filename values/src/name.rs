//! Names: after a cue ("it's under …"), spelled out, or bare when a name was asked for.
//!
//! A word nobody knows may well be a name, so bare names are what is left when everyday words, numbers
//! and dates are taken away; the read-back lets the caller put it right. Spelled letters win over the
//! recogniser's guess: "Johnson, J O H N S O N".

use std::sync::LazyLock;

use crate::alphabet::spelled_with_examples;
use crate::date::is_date_word;
use crate::number::{is_digits, ordinal, word_value};
use crate::plain::{is_everyday, is_surname_too};
use crate::spelling::{believes_word, spelled_at};
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
    let spelled = (start..words.len()).filter(|at| free(*at)).find_map(|at| spelled_at(text, words, at));
    let unspelled = |at: usize| free(at) && spelled.as_ref().is_none_or(|(_, place)| !place.contains(&at));
    let said = Said { text, words, free: &unspelled };
    // Four letters in a row spell a name, asked for or not.
    let single = |at: &usize| words[*at].text.chars().count() == 1;
    let spells = spelled.as_ref().is_some_and(|(_, place)| {
        let singles = place.clone().filter(single).count();
        let by_examples = spelled_with_examples(words, place.start).is_some();
        singles > 3 || by_examples || (singles == words.len() && singles > 2)
    });
    if from.is_none() && !loose && !spells {
        return None;
    }
    let run = match from {
        Some(from) => said.run_behind_cue(from),
        None => said.longest_run().filter(|run| spells || said.is_mostly(run)).or_else(|| said.lone_surname()),
    };
    match (spelled.clone(), run) {
        (Some((letters, place)), Some(run)) => {
            let before = words_text(text, words, &run);
            // What stands elsewhere in the sentence is not what was spelled.
            let last = before.rsplit(' ').next().unwrap_or_default();
            let near = run.end <= place.start && run.end + 2 >= place.start;
            let alone = (run.end == place.start && run.len() == 1) || (near && believes_word(last, &letters));
            let beside = from.is_some() || alone || same_start(&before, &letters).is_some();
            let whole = if beside { join_spelled(&before, &letters) } else { capitalised(&letters) };
            Some((whole, run.start.min(place.start)..run.end.max(place.end)))
        }
        (Some((letters, place)), None) => Some((capitalised(&letters), place)),
        (None, Some(run)) => Some((words_text(text, words, &said.without_echo(&run)), run)),
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
            let named = cue.last().is_some_and(|last| last == "name") && end + 1 == words.len();
            let called = || !only_loose && self.is_capital(end) && (named || is_surname_too(text_at(words, end)));
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

    /// "No, ellie's ellis": a name and its spelling, run together. The spelling is the better one unless it
    /// lost letters. Recognisers give capitals to two names.
    fn without_echo(&self, run: &Run) -> Run {
        let [first, second, ..] = self.words.get(run.clone()).unwrap_or_default() else { return run.clone() };
        let alike = first.text.chars().zip(second.text.chars()).take_while(|(a, b)| a == b).count();
        let short = first.text.len().min(second.text.len()) < 4;
        let echoes = alike >= 3 || (alike >= 1 && short && first.text.chars().last() == second.text.chars().last());
        if !echoes || self.is_capital(run.start + 1) {
            return run.clone();
        }
        let whole = first.text.len().abs_diff(second.text.len()) < 2;
        if whole { run.start + 1..run.start + 2 } else { run.start..run.start + 1 }
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
        let last = text_before(self.words, start) == "name" && at + 1 == self.words.len();
        is_name_word(word) || (cued && (last || is_surname_too(word)) && self.is_capital(at))
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

/// The spelling replaces the word it sounds like: the last one, or all of a single one.
fn join_spelled(before: &str, letters: &str) -> String {
    let spelled = capitalised(letters);
    let mut parts: Vec<&str> = before.split_whitespace().collect();
    match same_start(before, letters) {
        Some(place) if believes_word(parts[place], letters) => {}
        Some(place) => parts[place] = &spelled,
        None if parts.last().is_some_and(|last| believes_word(last, letters)) => {}
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
            ("No ellie's ellis.", "Ellis"),
            ("No underwood undrw oot.", "Underwood"),
            ("No, Anna Annason", "Anna Annason"),
            ("No Anderson A and D E R S O M.", "Anderson"),
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
