//! A caller's sentence as words.
//!
//! Recognisers punctuate, capitalise and hyphenate as they like, so everything later works on
//! [`Word`]s: lower case, without punctuation and apostrophes ("I'd" is `id`, "a.m." is `am`, "9am" is
//! `9` `am`, "twenty-eighth" is `twenty` `eighth`). Clock times ("7:40", "7.40") and numeric dates
//! ("11/28", "2026-11-28") stay one word. Each word knows its place in the original text.
//!
//! The phrases of annotations and of this module's own word lists go through the same reading, so both
//! sides always agree. At most [`MOST_WORDS`] words are read: nobody says more in one breath.

use crate::numerals::{TENS, UNITS};

/// Words read of one utterance; the rest is ignored.
pub const MOST_WORDS: usize = 300;

/// One word, as spoken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Word {
    /// Lower case, letters and digits only (and `:` `.` `/` `-` between digits).
    pub text: String,
    /// Where it starts in the original, in bytes.
    pub start: usize,
    /// Where it ends in the original, in bytes.
    pub end: usize,
    /// Whether punctuation follows that ends a clause.
    pub ends_clause: bool,
}

/// Reads `text` as words.
pub fn words(text: &str) -> Vec<Word> {
    let chars: Vec<(usize, char)> = text.char_indices().collect();
    let mut out: Vec<Word> = Vec::new();
    let mut at = 0;
    while at < chars.len() && out.len() < MOST_WORDS {
        let (start, first) = chars[at];
        if !first.is_alphanumeric() {
            if matches!(first, ',' | '.' | '?' | '!' | ';' | ':')
                && let Some(last) = out.last_mut()
            {
                last.ends_clause = true;
            }
            at += 1;
            continue;
        }
        let mut spelled = String::new();
        let mut end = start;
        let mut shortened = false;
        while at < chars.len() {
            let (place, c) = chars[at];
            if c.is_alphanumeric() {
                spelled.extend(c.to_lowercase().filter(|l| l.is_alphanumeric()));
                end = place + c.len_utf8();
            } else if !is_apostrophe(c) && !joins(&spelled, c, &chars[at + 1..]) {
                break;
            } else if matches!(c, ':' | '/' | '-') || (c == '.' && ends_in_digit(&spelled)) {
                spelled.push(c);
            }
            shortened |= is_apostrophe(c);
            at += 1;
        }
        if shortened && spelled == "wed" {
            // "We'd" is no Wednesday.
            let would = |text: &str| Word { text: text.to_owned(), start, end, ends_clause: false };
            out.extend([would("we"), would("would")]);
            continue;
        }
        // "Seven's good".
        let number = spelled.strip_suffix('s').filter(|stem| shortened && is_number_name(stem)).map(str::to_owned);
        push_split(&mut out, number.unwrap_or(spelled), start, end);
        join_old_spelling(&mut out, text);
    }
    out
}

/// `words` without what only fills a pause ("uh", "um", "like" before a value), unless nothing else was
/// said. A clause that ends behind such a word ends before it.
pub fn without_hesitation(words: Vec<Word>) -> Vec<Word> {
    if words.iter().all(|word| hesitates(&word.text)) {
        return words;
    }
    let mut out: Vec<Word> = Vec::with_capacity(words.len());
    for at in 0..words.len() {
        let word = &words[at];
        let (before, after) = (out.last().map_or("", |word| word.text.as_str()), text_at(&words, at + 1));
        // "I'd like", "looks like" and "G like in golf" mean something.
        let liking =
            matches!(before, "id" | "would" | "i" | "we" | "you" | "do" | "looks" | "sounds" | "feels" | "just");
        let fills = word.text == "like" && !before.is_empty() && !liking && after != "in" && after != "to";
        // "Uh-huh" agrees, and "uh-uh" refuses.
        let answers =
            |first: &str, second: &str| matches!((first, second), ("uh", "huh" | "uh") | ("mm", "hmm" | "mm"));
        let pair = answers(&word.text, after) || at > 0 && answers(&words[at - 1].text, &word.text);
        if pair || !hesitates(&word.text) && !fills {
            out.push(word.clone());
        } else if let Some(last) = out.last_mut() {
            last.ends_clause |= word.ends_clause;
        }
    }
    out
}

fn is_number_name(word: &str) -> bool {
    !word.is_empty() && (UNITS.contains(&word) || TENS.contains(&word))
}

fn hesitates(word: &str) -> bool {
    matches!(word, "uh" | "uhh" | "um" | "umm" | "er" | "erm" | "eh" | "ah" | "hm" | "hmm" | "mm" | "ahem")
}

/// The words of a phrase written by us or in an annotation.
pub fn phrase(text: &str) -> Vec<String> {
    words(text).into_iter().map(|word| word.text).collect()
}

/// Where `phrase` occurs in `words`, word by word.
pub fn find(words: &[Word], phrase: &[String]) -> Option<usize> {
    if phrase.is_empty() {
        return None;
    }
    words.windows(phrase.len()).position(|run| run.iter().zip(phrase).all(|(word, wanted)| word.text == *wanted))
}

/// Whether the words at `at` are exactly these.
pub fn says(words: &[Word], at: usize, wanted: &[&str]) -> bool {
    words.len() >= at + wanted.len() && words[at..].iter().zip(wanted).all(|(word, wanted)| word.text == *wanted)
}

/// The text of the word at `at`; empty past the end.
pub fn text_at(words: &[Word], at: usize) -> &str {
    words.get(at).map_or("", |word| word.text.as_str())
}

/// The text of the word before `at`; empty at the start.
pub fn text_before(words: &[Word], at: usize) -> &str {
    at.checked_sub(1).map_or("", |before| text_at(words, before))
}

fn is_apostrophe(c: char) -> bool {
    matches!(c, '\'' | '’' | '‘' | '`' | '´')
}

fn ends_in_digit(spelled: &str) -> bool {
    spelled.ends_with(|c: char| c.is_ascii_digit())
}

/// Whether `c` inside a word continues it: "7:40", "11/28", "2026-11-28", "1,000", "a.m.".
fn joins(spelled: &str, c: char, rest: &[(usize, char)]) -> bool {
    let Some(&(_, next)) = rest.first() else { return false };
    let digits = rest.iter().take_while(|(_, c)| c.is_ascii_digit()).count();
    match c {
        ':' | '/' => ends_in_digit(spelled) && digits > 0,
        // A dash joins only an ISO date: "555-1212" and "9-10" are two numbers.
        '-' => {
            let iso_year = spelled.len() == 4 && digits == 2 && rest.get(2).is_some_and(|(_, c)| *c == '-');
            let iso_month = spelled.len() == 7 && spelled.contains('-') && digits == 2;
            ends_in_digit(spelled) && (iso_year || iso_month)
        }
        ',' => ends_in_digit(spelled) && digits == 3 && rest.get(3).is_none_or(|(_, c)| !c.is_alphanumeric()),
        '.' if ends_in_digit(spelled) => digits > 0,
        '.' => {
            let letters = spelled.chars().rev().take_while(|c| c.is_alphabetic()).count();
            let dotted = letters == 1 || spelled.len() <= 4;
            let single = rest.get(1).is_none_or(|(_, c)| !c.is_alphanumeric());
            dotted && next.is_alphabetic() && single
        }
        _ => false,
    }
}

/// Some recognisers write "to-morrow", "to-day" and "to-night".
fn join_old_spelling(out: &mut Vec<Word>, text: &str) {
    let [.., to, day] = out.as_slice() else { return };
    let hyphenated = text.get(to.end..day.start) == Some("-");
    if hyphenated && to.text == "to" && matches!(day.text.as_str(), "morrow" | "day" | "night") {
        let joined = Word { text: format!("to{}", day.text), start: to.start, ..day.clone() };
        out.truncate(out.len() - 2);
        out.push(joined);
    }
}

/// Splits "9am" and "7:40pm" in two; ordinals ("28th") and codes ("gv4821") stay whole.
fn push_split(out: &mut Vec<Word>, spelled: String, start: usize, end: usize) {
    let word = |text: String| Word { text, start, end, ends_clause: false };
    for half in ["am", "pm", "hrs", "oclock"] {
        if let Some(number) = spelled.strip_suffix(half)
            && ends_in_digit(number)
            && number.starts_with(|c: char| c.is_ascii_digit())
        {
            out.push(word(number.to_owned()));
            out.push(word(half.to_owned()));
            return;
        }
    }
    if !spelled.is_empty() {
        out.push(word(spelled));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> String {
        phrase(text).join(" ")
    }

    #[test]
    fn reads_what_recognisers_write_in_one_way() {
        for (text, expected) in [
            ("Hi, I'd like a tee-time!", "hi id like a tee time"),
            ("at 9am or 7:40 P.M.", "at 9 am or 7:40 pm"),
            ("7.40 a.m.", "7.40 am"),
            ("It’s nine o’clock", "its nine oclock"),
            ("Saturday the 28th.", "saturday the 28th"),
            ("11/28 or 2026-11-28", "11/28 or 2026-11-28"),
            ("G.V. 4821, GV4821", "gv 4821 gv4821"),
            ("555-1212", "555 1212"),
            ("To-morrow, from to day to-night", "tomorrow from to day tonight"),
            ("1,000 people", "1000 people"),
            ("twenty-eighth... uh-huh", "twenty eighth uh huh"),
            ("yes.no", "yes no"),
            ("…?!", ""),
            ("Ünal ＮＩＮＥ 🙂", "ünal ｎｉｎｅ"),
        ] {
            assert_eq!(read(text), expected, "{text}");
        }
    }

    #[test]
    fn remembers_where_a_word_stood_and_where_a_clause_ended() {
        let read = words("Well, O'Brien");
        assert!(read[0].ends_clause);
        assert_eq!(&"Well, O'Brien"[read[1].start..read[1].end], "O'Brien");
    }

    #[test]
    fn passes_over_hesitation_unless_nothing_else_was_said() {
        let read = |text: &str| {
            let left = without_hesitation(words(text)).into_iter();
            left.map(|word| if word.ends_clause { word.text + "," } else { word.text }).collect::<Vec<_>>().join(" ")
        };
        for (text, expected) in [
            ("G V, uh, four eight", "g v, four eight"),
            ("uh in like three days", "in three days"),
            ("I'd like two", "id like two"),
            ("hmm", "hmm"),
            ("uh-huh", "uh huh"),
            ("mm-hmm, yes", "mm hmm, yes"),
            ("We'd like the 5th", "we would like the 5th"),
        ] {
            assert_eq!(read(text), expected, "{text}");
        }
    }

    #[test]
    fn finds_phrases_word_by_word() {
        let said = words("no, that's NOT right");
        assert_eq!(find(&said, &phrase("that's not")), Some(1));
        assert_eq!(find(&said, &phrase("ight")), None);
        assert_eq!(find(&said, &[]), None);
    }

    #[test]
    fn stops_reading_a_speech_that_never_ends() {
        assert_eq!(words(&"blah ".repeat(50_000)).len(), MOST_WORDS);
    }
}
