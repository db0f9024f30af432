//! How many: "four of us", "just me", "me and my wife", "party of six", "for two", "a foursome".
//!
//! Recognisers write "to", "too" and "for" for small numbers. They count as numbers behind "for", "party
//! of" and the like when the words around them leave no other reading, or when a count was asked for.

use crate::date::is_date_word;
use crate::number::{cardinal, homophone, is_pronoun, word_value};
use crate::people::{FAMILY, OTHERS, PEOPLE, SOMEBODY, is_somebody};
use crate::time::is_quantity;
use crate::words::{Word, says, text_at, text_before};

const SPOUSE: [&str; 4] = ["missus", "wife", "husband", "boyfriend"];

/// The count phrase at `at`, and how many words it takes. `units` are the agent's own words for what is
/// counted; `loose`: a count was asked for, so a bare "four" is one.
pub fn count_at(words: &[Word], at: usize, units: &[String], loose: bool) -> Option<(u64, usize)> {
    me_and(words, at)
        .or_else(|| accompanied(words, at))
        .or_else(|| party_of_words(words, at))
        .or_else(|| with_unit(words, at, units))
        .or_else(|| cued(words, at, units))
        .or_else(|| if loose { bare(words, at, units) } else { None })
}

fn party_of_words(words: &[Word], at: usize) -> Option<(u64, usize)> {
    const PHRASES: [(&[&str], u64); 28] = [
        (&["solo"], 1),
        (&["nobody", "else"], 1),
        (&["no", "one", "else"], 1),
        (&["play", "alone"], 1),
        (&["playing", "alone"], 1),
        (&["single", "for"], 1),
        (&["singles"], 1),
        (&["just", "me"], 1),
        (&["only", "me"], 1),
        (&["just", "myself"], 1),
        (&["by", "myself"], 1),
        (&["on", "my", "own"], 1),
        (&["me", "alone"], 1),
        (&["just", "the", "one"], 1),
        (&["for", "myself"], 1),
        (&["a", "single"], 1),
        (&["both", "of", "us"], 2),
        (&["a", "couple", "of"], 2),
        (&["a", "couple"], 2),
        (&["a", "pair"], 2),
        (&["twosome"], 2),
        (&["threesome"], 3),
        (&["foursome"], 4),
        (&["four", "some"], 4),
        (&["fivesome"], 5),
        (&["sixsome"], 6),
        (&["half", "a", "dozen"], 6),
        (&["a", "dozen"], 12),
    ];
    let lead = match text_at(words, at) {
        "its" | "for" => 1,
        _ => 0,
    };
    PHRASES.iter().find_map(|(phrase, count)| {
        let here = [lead, 0].into_iter().find(|lead| says(words, at + lead, phrase))?;
        // "A couple of minutes", "a couple of questions".
        let of = usize::from(text_at(words, at + here + phrase.len()) == "of");
        let after = text_at(words, at + here + phrase.len() + of);
        if (of == 1 || phrase.ends_with(&["of"])) && !PEOPLE.contains(&after) && after != "us" {
            return None;
        }
        Some((*count, here + phrase.len()))
    })
}

/// "me and my wife", "me, my wife and two kids", "my wife and I", "myself plus three".
fn me_and(words: &[Word], at: usize) -> Option<(u64, usize)> {
    let lead = usize::from(matches!(text_at(words, at), "just" | "for" | "its"));
    let start = at + lead;
    if text_at(words, start) == "my" {
        let (others, used) = companions(words, start)?;
        let and_i = says(words, start + used, &["and", "i"])
            || says(words, start + used, &["and", "me"])
            || says(words, start + used, &["and", "myself"]);
        let more = companions(words, start + used + 2).filter(|_| text_at(words, start + used + 2) == "and");
        let (more, took) = more.unwrap_or_default();
        return and_i.then_some((others + 1 + more, lead + used + 2 + took));
    }
    if !matches!(text_at(words, start), "me" | "myself" | "i") {
        return None;
    }
    let linked = matches!(text_at(words, start + 1), "and" | "plus" | "with")
        || words.get(start).is_some_and(|word| word.ends_clause);
    let (others, used) = companions(words, start + 1).filter(|_| linked)?;
    Some((others + 1, lead + 1 + used))
}

/// "With my wife", "with two friends": the caller comes too.
fn accompanied(words: &[Word], at: usize) -> Option<(u64, usize)> {
    if text_at(words, at) != "with" || text_at(words, at + 1) == "the" {
        return None;
    }
    // "Let me check with my wife".
    if matches!(text_before(words, at), "check" | "talk" | "speak" | "discuss" | "confirm" | "live" | "problem") {
        return None;
    }
    // "Let's go with one ten", "with two Ns".
    if let Some((_, used)) = cardinal(words, at + 1)
        && !is_somebody(text_at(words, at + 1 + used))
    {
        return None;
    }
    let (others, used) = companions(words, at)?;
    Some((others + 1, used))
}

/// Whether the words at `at` are only about who comes along, so that a count of all wins over them.
pub fn is_company(words: &[Word], at: usize) -> bool {
    text_at(words, at) == "with"
}

/// People named one after the other: "and my wife", "two friends", "a buddy", "plus three".
fn companions(words: &[Word], at: usize) -> Option<(u64, usize)> {
    let (mut total, mut used) = (0, 0);
    while used < 24 {
        let link = usize::from(matches!(text_at(words, at + used), "and" | "plus" | "with"));
        let here = at + used + link;
        let (count, took) = match text_at(words, here) {
            "a" | "another" if text_at(words, here + 1) == "couple" && text_at(words, here + 2) != "of" => (2, 2),
            "a" if says(words, here + 1, &["couple", "of"]) && is_somebody(text_at(words, here + 3)) => (2, 4),
            "the" if SPOUSE.contains(&text_at(words, here + 1)) => (1, 2),
            "her" | "his"
                if FAMILY.contains(&text_at(words, here + 1)) || SOMEBODY.contains(&text_at(words, here + 1)) =>
            {
                (1, 2)
            }
            "my" | "our" | "the" if word_value(text_at(words, here + 1)).is_some_and(|many| many < 20) => {
                let many = word_value(text_at(words, here + 1)).unwrap_or(1);
                let kind = text_at(words, here + 2);
                if kind.is_empty()
                    || kind == "year"
                    || text_at(words, here) == "the" && !kind.ends_with('s') && !PEOPLE.contains(&kind)
                {
                    break;
                }
                (many, 3)
            }
            "my" if !text_at(words, here + 1).is_empty() => {
                let old = says(words, here + 2, &["year", "old"]);
                if old { break } else { (1, 2) }
            }
            "a" | "another" | "one" if SOMEBODY.contains(&text_at(words, here + 1)) => (1, 2),
            _ => match cardinal(words, here) {
                Some((count, took)) if count < 100 => {
                    let after = text_at(words, here + took);
                    let kind = PEOPLE.contains(&after) || OTHERS.contains(&after);
                    if !kind && link == 0 {
                        break;
                    }
                    (count, took + usize::from(kind))
                }
                _ => break,
            },
        };
        total += count;
        used += link + took;
    }
    (total > 0).then_some((total, used))
}

/// "four people", "two adults and two kids", "4 players", "the four of us", "all four of us".
fn with_unit(words: &[Word], at: usize, units: &[String]) -> Option<(u64, usize)> {
    let lead = match text_at(words, at) {
        "the" | "all" | "for" | "just" | "only" | "with" => 1,
        _ => 0,
    };
    let number = |at: usize| {
        let before = text_before(words, at);
        let misheard = matches!(before, "" | "for" | "be" | "are" | "with" | "just");
        let heard_as = || homophone(text_at(words, at)).filter(|_| misheard);
        cardinal(words, at).or_else(|| heard_as().map(|value| (value, 1)))
    };
    let is_unit = |at: usize| {
        let word = text_at(words, at);
        (PEOPLE.contains(&word) && word != "of")
            || units.iter().any(|unit| unit == word)
            || says(words, at, &["of", "us"])
            || says(words, at, &["of", "them"])
    };
    let unit_words = |at: usize| 1 + usize::from(text_at(words, at) == "of");
    let start =
        [at + lead, at].into_iter().find(|start| number(*start).is_some_and(|(_, used)| is_unit(start + used)))?;
    let (mut total, took) = number(start)?;
    let mut end = start + took + unit_words(start + took);
    while text_at(words, end) == "and"
        && let Some((more, took)) = cardinal(words, end + 1)
        && is_unit(end + 1 + took)
    {
        total += more;
        end += 1 + took + unit_words(end + 1 + took);
    }
    if text_at(words, end) == "plus"
        && let Some((more, took)) = companions(words, end)
    {
        total += more;
        end += took;
    } else if matches!(text_at(words, end), "plus" | "and")
        && matches!(text_at(words, end + 1), "me" | "myself" | "i")
        && is_somebody(text_at(words, end - 1))
    {
        // "Two friends plus me".
        total += 1;
        end += 2;
    }
    Some((total, end - at))
}

/// "for four", "party of six", "a table for two", "group of three", "there are five".
fn cued(words: &[Word], at: usize, units: &[String]) -> Option<(u64, usize)> {
    let lead = match (text_at(words, at), text_at(words, at + 1)) {
        ("party" | "group" | "table" | "team", "of" | "for") | ("there", "are" | "is" | "will") | ("therell", "be") => {
            2
        }
        ("were" | "are", "going") if says(words, at + 2, &["to", "be"]) && cardinal(words, at + 4).is_some() => 4,
        ("therere" | "theres" | "were", _) if cardinal(words, at + 1).is_some() => 1,
        ("were" | "are", "actually" | "now" | "only" | "just" | "about" | "going")
            if cardinal(words, at + 2).is_some() =>
        {
            2
        }
        ("for", _) => 1,
        // "Seven fifty with four": nobody "goes with four" people.
        ("with", _)
            if !matches!(text_before(words, at), "go" | "going" | "start" | "begin" | "")
                && cardinal(words, at + 1).is_some_and(|(_, used)| at + 1 + used == words.len()) =>
        {
            1
        }
        ("only" | "just", _) if cardinal(words, at + 1).is_some_and(|(_, used)| at + 1 + used == words.len()) => 1,
        _ => return None,
    };
    let lead = lead + usize::from(lead == 2 && says(words, at, &["there", "will", "be"]));
    let here = at + lead + usize::from(matches!(text_at(words, at + lead), "just" | "only" | "about"));
    let (count, used, misheard) = match cardinal(words, here) {
        Some((count, used)) => (count, used, false),
        None => (homophone(text_at(words, here))?, 1, true),
    };
    let after = here + used;
    let next = text_at(words, after);
    let ends = words.get(after - 1).is_some_and(|word| word.ends_clause);
    let is_unit = units.iter().any(|unit| unit == next) || PEOPLE.contains(&next);
    let is_clock = matches!(next, "am" | "pm" | "oclock" | "a" | "p" | "hundred" | "past" | "minutes")
        || word_value(next).is_some_and(|value| value >= 10)
        || says(words, after, &["in", "the"])
        || !misheard && crate::date::date_at(words, here, jiff::civil::Date::ZERO, false).is_some();
    if is_clock || (!is_unit && is_quantity(words, after) && next != "of") {
        return None;
    }
    // "For to play" is not "for two": a misheard number has to end there or be followed by a day or time.
    let bounded = ends
        || next.is_empty()
        || is_unit
        || is_date_word(next)
        || matches!(
            next,
            "this"
                | "next"
                | "on"
                | "at"
                | "around"
                | "please"
                | "in"
                | "tomorrow"
                | "today"
                | "thanks"
                | "the"
                | "and"
                | "under"
        );
    if misheard && !bounded {
        return None;
    }
    Some((count, after - at + usize::from(is_unit && next != "of")))
}

fn bare(words: &[Word], at: usize, units: &[String]) -> Option<(u64, usize)> {
    if is_pronoun(words, at) {
        return None;
    }
    let (count, used) = cardinal(words, at).or_else(|| {
        // "Can he play too?" counts nobody.
        let alone = words.len() <= 2 || at == 0 && words.get(at).is_some_and(|word| word.ends_clause);
        let heard_as = homophone(text_at(words, at)).filter(|_| alone);
        // On its own a clipped "two" comes out as these.
        let clipped = || (words.len() == 1 && matches!(text_at(words, at), "till" | "tool" | "chew")).then_some(2);
        heard_as.or_else(clipped).map(|value| (value, 1))
    })?;
    let next = text_at(words, at + used);
    let is_unit = units.iter().any(|unit| unit == next) || PEOPLE.contains(&next);
    let is_clock = matches!(next, "am" | "pm" | "oclock");
    (!is_clock && (is_unit || !is_quantity(words, at + used))).then_some((count, used))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::words::words;

    fn units() -> Vec<String> {
        ["players", "player", "golfers"].map(str::to_owned).to_vec()
    }

    fn first(text: &str, loose: bool) -> Option<u64> {
        let words = words(text);
        (0..words.len()).find_map(|at| count_at(&words, at, &units(), loose)).map(|(count, _)| count)
    }

    #[test]
    fn counts_people_however_they_are_named() {
        for (text, expected) in [
            ("four of us", 4),
            ("the four of us", 4),
            ("there's four of us", 4),
            ("there are 3", 3),
            ("there will be five", 5),
            ("just me", 1),
            ("it's just me", 1),
            ("me and my wife", 2),
            ("my wife and I", 2),
            ("me, my wife and two kids", 4),
            ("me and two friends", 3),
            ("me and three others", 4),
            ("just me and a friend", 2),
            ("myself plus three", 4),
            ("a foursome", 4),
            ("two people", 2),
            ("to people", 2),
            ("for players", 4),
            ("2 players", 2),
            ("two adults and two kids", 4),
            ("party of six", 6),
            ("a table for two", 2),
            ("group of 12", 12),
            ("a tee time for four this Saturday at nine", 4),
            ("a tee time for for this Saturday", 4),
            ("book for to, please", 2),
            ("for 4", 4),
            ("for just two", 2),
            ("both of us", 2),
            ("a couple of people", 2),
            ("four golfers", 4),
            ("for 1000000 people", 1_000_000),
            ("three of us plus my son", 4),
            ("me, my wife and the two kids", 4),
            ("it's me, my wife and our two boys", 4),
            ("my wife and I and another couple", 4),
            ("with one friend", 2),
            ("with my wife", 2),
            ("with two friends", 3),
            ("with two brothers", 3),
            ("nobody else", 1),
            ("it's only three", 3),
            ("we're actually three now", 3),
        ] {
            assert_eq!(first(text, false), Some(expected), "{text}");
        }
    }

    #[test]
    fn takes_bare_and_misheard_numbers_only_when_a_count_was_asked_for() {
        for (text, expected) in
            [("four", 4), ("for", 4), ("to.", 2), ("too", 2), ("3", 3), ("won", 1), ("uh four", 4), ("Till,", 2)]
        {
            assert_eq!(first(text, true), Some(expected), "{text}");
        }
        assert_eq!(first("four", false), None);
        assert_eq!(first("wait till then", true), None);
    }

    #[test]
    fn does_not_count_what_is_not_people() {
        for text in [
            "for nine am",
            "for 9 o'clock",
            "for two thirty",
            "for nine holes",
            "for nine in the morning",
            "a couple of minutes",
            "for to play",
            "for the 28th",
            "for June 3rd",
            "me too",
            "what is there for kids",
            "with my nine year old",
            "just two thirty",
            "with the two of those",
            "let's go with one ten",
            "with two Ns",
            "let me check with my wife",
        ] {
            assert_eq!(first(text, false), None, "{text}");
        }
    }
}
