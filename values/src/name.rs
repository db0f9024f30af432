//! Names: after a cue ("it's under …"), spelled out, or bare when a name was asked for.
//!
//! A word nobody knows may well be a name, so bare names are what is left when everyday words, numbers
//! and dates are taken away; the read-back lets the caller put it right. Spelled letters win over the
//! recogniser's guess: "Johnson, J O H N S O N".

use std::collections::HashSet;
use std::sync::LazyLock;

use crate::date::is_date_word;
use crate::number::{is_digits, ordinal, word_value};
use crate::words::{Word, phrase, text_at};

/// Most words a name has.
const MOST_WORDS: usize = 4;

const CUES: [&str; 23] = [
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

/// Everyday words that are nobody's name.
const PLAIN: &str = "a about actually add after afternoon again ah all already also alright always am an and another any anyone \
anything are around as ask asked at available away back bad bag be because been before being best better between big book booked \
booking both busy but by bye call called can cancel cant card case change check close club code come confirm correct cost could \
couple course day days definitely did didnt different do does doesnt doing done dont down each earlier early easy either else end \
enough even evening ever every everyone everything exactly excuse far few find fine first for forget four free from fun get give \
go going gonna good goodbye got great guess had happen has have havent he hear heard hello help her here hey hi hiya him his hold holes \
hour hours how huh i id idea if ill im in instead into is isnt it its ive just keep know last late later least leave less let lets \
like listen little long look looking lot lots make many may maybe me mean mhm middle mind mine minute minutes mm moment money more morning most \
move much must my myself name need never new next nice no nobody none noon nope not nothing now number o oclock of off oh ok okay \
old on once one ones only open opening or other our out over pardon part party pay people perfect perhaps person phone pick place play playing \
player players please pm possible price probably problem put question quick quite rather ready real really remember repeat \
reservation reserve right round same saturday saw say said says second see seems send set she should show since slot slow so some somebody someone \
something soon sorry sounds speak spell spelled spelling start still stop stuff sure sunday take talk tee tell than thank thanks that thats the their them then there \
theres these they thing things think this those though thought through time times to today together told tomorrow tonight too took \
try twice two uh uhh um umm under understand until up us use used very wait wanna want wanted was wasnt way we wed week weekend well went were weve what whatever \
whats when whens where wheres which while who whole whos whose why will with without wont word words work works worry would wouldnt wow wrong yea yeah year yep yes \
yesterday yet you youd youll your youre yours yup afternoon apologies confused hmm hm er eh er erm ahem huhu mister sir maam miss mrs mr ms \
yours cheers bit big small also calling caller agent machine robot human manager staff operator representative assistant voice bot computer shop";

static PLAIN_WORDS: LazyLock<HashSet<&str>> = LazyLock::new(|| PLAIN.split_ascii_whitespace().collect());

static CUE_WORDS: LazyLock<Vec<(bool, Vec<String>)>> = LazyLock::new(|| {
    let read = |loose: bool| move |cue: &&str| (loose, phrase(cue));
    CUES.iter().map(read(false)).chain(LOOSE_CUES.iter().map(read(true))).collect()
});

/// A name found, and the words it took.
pub type Found = (String, std::ops::Range<usize>);

/// The name in `words`, if one is said. `free` tells which words nothing else has claimed; `loose`: a
/// name was asked for.
pub fn name_in(text: &str, words: &[Word], free: &dyn Fn(usize) -> bool, loose: bool) -> Option<Found> {
    let from = after_cue(words, loose);
    let start = from.unwrap_or(0);
    if from.is_none() && !loose {
        return None;
    }
    let spelled = (start..words.len()).filter(|at| free(*at)).find_map(|at| spelled_at(words, at));
    let run = longest_run(words, start, free, from.is_some());
    match (spelled, run) {
        (Some((letters, place)), Some(run)) => {
            let before = words_text(text, words, &run);
            let whole = join_spelled(&before, &letters);
            Some((whole, run.start.min(place.start)..run.end.max(place.end)))
        }
        (Some((letters, place)), None) => Some((capitalised(&letters), place)),
        (None, Some(run)) => Some((words_text(text, words, &run), run)),
        (None, None) => None,
    }
}

/// Where the name starts behind the last cue.
fn after_cue(words: &[Word], loose: bool) -> Option<usize> {
    let ends = CUE_WORDS.iter().filter(|(only_loose, _)| loose || !only_loose).filter_map(|(_, cue)| {
        let at = words.windows(cue.len()).rposition(|run| run.iter().zip(cue).all(|(word, cue)| word.text == *cue))?;
        let end = at + cue.len();
        let end = end + usize::from(matches!(text_at(words, end), "is" | "mr" | "mrs" | "ms" | "miss" | "mister"));
        (end < words.len() && is_name_word(text_at(words, end))).then_some(end)
    });
    ends.max()
}

fn longest_run(
    words: &[Word],
    start: usize,
    free: &dyn Fn(usize) -> bool,
    cued: bool,
) -> Option<std::ops::Range<usize>> {
    let mut best: Option<std::ops::Range<usize>> = None;
    let mut at = start;
    while at < words.len() {
        if !free(at) || !is_name_word(&words[at].text) {
            at += 1;
            if cued {
                break;
            }
            continue;
        }
        let mut end = at;
        while end < words.len() && free(end) && is_name_word(&words[end].text) && end - at < MOST_WORDS {
            end += 1;
            if words[end - 1].ends_clause && !is_initial(words, end - 1) {
                break;
            }
        }
        if best.as_ref().is_none_or(|best| end - at > best.len()) {
            best = Some(at..end);
        }
        if cued {
            break;
        }
        at = end;
    }
    best
}

fn is_initial(words: &[Word], at: usize) -> bool {
    words[at].text.len() == 1
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
    number || date || ordinal || PLAIN_WORDS.contains(word)
}

/// Letters said one by one: "J O H N S O N", "j-o-n", "double n", "N as in Nora".
fn spelled_at(words: &[Word], at: usize) -> Option<Found> {
    let mut letters = String::new();
    let mut here = at;
    loop {
        let letter = match single_letter(text_at(words, here)) {
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

fn single_letter(word: &str) -> Option<char> {
    let mut chars = word.chars();
    chars.next().filter(|c| c.is_alphabetic() && chars.next().is_none())
}

/// The spelling replaces the word it sounds like: the last one, or all of a single one.
fn join_spelled(before: &str, letters: &str) -> String {
    let spelled = capitalised(letters);
    let mut parts: Vec<&str> = before.split_whitespace().collect();
    let same_start = parts.iter().rposition(|part| part.to_lowercase().chars().next() == letters.chars().next());
    match same_start {
        Some(place) => parts[place] = &spelled,
        None if parts.len() == 1 => parts[0] = &spelled,
        None => parts.push(&spelled),
    }
    parts.join(" ")
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
        ] {
            assert_eq!(read(text, true).as_deref(), Some(expected), "{text}");
        }
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
        ] {
            assert_eq!(read(text, true), None, "{text}");
        }
        assert_eq!(read("Johnson", false), None);
    }
}
