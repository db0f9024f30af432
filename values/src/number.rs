//! Numbers as people say them: "nine", "9", "forty-eight", "two hundred and five", "twenty-first".
//!
//! [`homophone`] lists what recognisers write for a short number ("to", "for", "ate"). It is asked only
//! where a number is expected; anywhere else these are ordinary words.

use crate::numerals::{TEN_ORDINALS, TENS, UNIT_ORDINALS, UNITS};
use crate::words::{Word, text_at, text_before};

/// The number one word stands for: 0 to 20, tens, or written digits.
pub fn word_value(word: &str) -> Option<u64> {
    if is_digits(word) && word.len() <= 9 {
        return word.parse().ok();
    }
    if let Some(value) = UNITS.iter().position(|unit| *unit == word) {
        return u64::try_from(value).ok();
    }
    tens(word)
}

/// Whether the word is written in digits only.
pub fn is_digits(word: &str) -> bool {
    !word.is_empty() && word.bytes().all(|b| b.is_ascii_digit())
}

/// A number below ten, as one word.
pub fn digit(word: &str) -> Option<u64> {
    word_value(word).filter(|value| *value < 10 && (word.len() == 1 || !is_digits(word)))
}

/// "twenty" to "ninety".
pub fn tens(word: &str) -> Option<u64> {
    let word = if word == "fourty" { "forty" } else { word };
    let place = TENS.iter().skip(2).position(|name| *name == word)?;
    u64::try_from((place + 2) * 10).ok()
}

/// What a recogniser may have written for a number: `to` for two, `for` for four.
pub fn homophone(word: &str) -> Option<u64> {
    match word {
        "to" | "too" | "tu" => Some(2),
        "for" | "fore" | "foor" => Some(4),
        "won" | "wan" => Some(1),
        "ate" => Some(8),
        "tree" | "free" => Some(3),
        "sicks" => Some(6),
        "nein" => Some(9),
        "tin" => Some(10),
        _ => None,
    }
}

/// "The first one", "another one": here "one" stands for a thing, not for a number.
pub fn is_pronoun(words: &[Word], at: usize) -> bool {
    const BEFORE: [&str; 18] = [
        "the", "another", "this", "that", "which", "any", "each", "every", "last", "later", "earlier", "middle",
        "latest", "earliest", "next", "other", "no", "good",
    ];
    let before = text_before(words, at);
    text_at(words, at) == "one"
        && (BEFORE.contains(&before) || at.checked_sub(1).is_some_and(|at| ordinal(words, at).is_some()))
}

/// The cardinal number that starts at `at`, and how many words it takes.
pub fn cardinal(words: &[Word], at: usize) -> Option<(u64, usize)> {
    let (mut total, mut used) = below_hundred(words, at)
        .or_else(|| (text_at(words, at) == "a" && text_at(words, at + 1) == "hundred").then_some((1, 1)))?;
    for (name, scale) in [("hundred", 100), ("thousand", 1_000)] {
        if text_at(words, at + used) != name || total >= 1_000_000 {
            continue;
        }
        total *= scale;
        used += 1;
        let and = usize::from(text_at(words, at + used) == "and");
        if let Some((more, took)) = cardinal_below(words, at + used + and, scale) {
            total += more;
            used += and + took;
        }
    }
    Some((total, used))
}

fn cardinal_below(words: &[Word], at: usize, limit: u64) -> Option<(u64, usize)> {
    let (mut value, mut used) = below_hundred(words, at)?;
    if limit > 100 && text_at(words, at + used) == "hundred" && value < 10 {
        value *= 100;
        used += 1;
        let and = usize::from(text_at(words, at + used) == "and");
        if let Some((more, took)) = below_hundred(words, at + used + and) {
            value += more;
            used += and + took;
        }
    }
    (value < limit).then_some((value, used))
}

fn below_hundred(words: &[Word], at: usize) -> Option<(u64, usize)> {
    let word = text_at(words, at);
    if let Some(tens) = tens(word) {
        // "Eight thirty, two players": the number ends where the clause does.
        let goes_on = words.get(at).is_some_and(|word| !word.ends_clause);
        let unit =
            digit(text_at(words, at + 1)).filter(|unit| goes_on && *unit > 0 && !is_digits(text_at(words, at + 1)));
        return Some(unit.map_or((tens, 1), |unit| (tens + unit, 2)));
    }
    word_value(word).map(|value| (value, 1))
}

/// The ordinal that starts at `at` ("28th", "twenty eighth", "third"), and how many words it takes.
pub fn ordinal(words: &[Word], at: usize) -> Option<(u64, usize)> {
    let word = text_at(words, at);
    if let Some(value) = ordinal_word(word) {
        return Some((value, 1));
    }
    for ending in ["st", "nd", "rd", "th"] {
        if let Some(number) = word.strip_suffix(ending)
            && is_digits(number)
            && number.len() <= 3
        {
            return number.parse().ok().map(|value| (value, 1));
        }
    }
    let tens = tens(word)?;
    let unit = ordinal_word(text_at(words, at + 1)).filter(|unit| *unit < 10)?;
    Some((tens + unit, 2))
}

fn ordinal_word(word: &str) -> Option<u64> {
    let index = |names: &[&str], from| names.iter().skip(from).position(|name| *name == word).map(|place| place + from);
    let value = index(&UNIT_ORDINALS, 1).or_else(|| index(&TEN_ORDINALS[..4], 2).map(|tens| tens * 10))?;
    u64::try_from(value).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::words::words;

    #[test]
    fn reads_cardinals() {
        for (text, value, used) in [
            ("nine", 9, 1),
            ("9", 9, 1),
            ("forty-eight", 48, 2),
            ("twenty one", 21, 2),
            ("a hundred", 100, 2),
            ("two hundred and five", 205, 4),
            ("four thousand eight hundred twenty one", 4_821, 6),
            ("twenty 5", 20, 1),
            ("fifteen people", 15, 1),
            ("999999999", 999_999_999, 1),
        ] {
            assert_eq!(cardinal(&words(text), 0), Some((value, used)), "{text}");
        }
        for text in ["", "people", "to", "12345678901", "9th", "7:40"] {
            assert_eq!(cardinal(&words(text), 0), None, "{text}");
        }
    }

    #[test]
    fn reads_ordinals() {
        for (text, value, used) in [
            ("28th", 28, 1),
            ("twenty-eighth", 28, 2),
            ("third", 3, 1),
            ("1st", 1, 1),
            ("thirtieth", 30, 1),
            ("thirty first", 31, 2),
        ] {
            assert_eq!(ordinal(&words(text), 0), Some((value, used)), "{text}");
        }
        for text in ["28", "twenty", "th", "fourty", "9999th"] {
            assert_eq!(ordinal(&words(text), 0), None, "{text}");
        }
    }
}
