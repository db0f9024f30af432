//! Reads abbreviations, titles, initials, Roman numerals and signs; and every plain word.

use super::super::numbers::{cardinal, ordinal};
use super::super::tokens::Script;
use super::{Ahead, Reading};

/// Titles before a name.
const TITLES: [(&str, &str); 20] = [
    ("Mr", "Mr"),
    ("Mrs", "Mrs"),
    ("Ms", "Miz"),
    ("Dr", "Dr"),
    ("Prof", "Professor"),
    ("St", "Saint"),
    ("Mt", "Mount"),
    ("Ft", "Fort"),
    ("Gen", "General"),
    ("Gov", "Governor"),
    ("Sen", "Senator"),
    ("Rep", "Representative"),
    ("Capt", "Captain"),
    ("Lt", "Lieutenant"),
    ("Col", "Colonel"),
    ("Sgt", "Sergeant"),
    ("Rev", "Reverend"),
    ("Hon", "Honorable"),
    ("Pres", "President"),
    ("Maj", "Major"),
];

/// Abbreviations written with a full stop.
const DOTTED: [(&str, &str); 45] = [
    ("Jr", "Junior"),
    ("Sr", "Senior"),
    ("St", "Street"),
    ("Dr", "Drive"),
    ("Ave", "Avenue"),
    ("Blvd", "Boulevard"),
    ("Rd", "Road"),
    ("Ln", "Lane"),
    ("Ct", "Court"),
    ("Pl", "Place"),
    ("Hwy", "Highway"),
    ("Pkwy", "Parkway"),
    ("Ste", "Suite"),
    ("Apt", "Apartment"),
    ("Bldg", "Building"),
    ("Ltd", "Limited"),
    ("Inc", "Incorporated"),
    ("Corp", "Corporation"),
    ("Co", "Company"),
    ("Bros", "Brothers"),
    ("Dept", "Department"),
    ("dept", "department"),
    ("Univ", "University"),
    ("Assn", "Association"),
    ("approx", "approximately"),
    ("Approx", "approximately"),
    ("appt", "appointment"),
    ("est", "established"),
    ("etc", "etc"),
    ("vs", "versus"),
    ("vol", "volume"),
    ("Vol", "Volume"),
    ("fig", "figure"),
    ("Fig", "Figure"),
    ("incl", "including"),
    ("max", "maximum"),
    ("Max", "maximum"),
    ("min", "minimum"),
    ("avg", "average"),
    ("tel", "telephone"),
    ("Tel", "telephone"),
    ("temp", "temporary"),
    ("asst", "assistant"),
    ("mgr", "manager"),
    ("misc", "miscellaneous"),
];

/// Words that begin sentences more often than they are names.
const SENTENCE_STARTERS: [&str; 66] = [
    "A", "After", "All", "An", "And", "Are", "As", "At", "Before", "But", "Call", "Can", "Come", "Could", "Did", "Do",
    "Does", "Don", "For", "From", "Have", "He", "How", "I", "If", "In", "Is", "It", "Just", "Let", "May", "My", "No",
    "Not", "Now", "On", "Or", "Our", "Please", "Press", "Shall", "She", "Should", "So", "Sorry", "Thank", "Thanks",
    "That", "The", "Then", "There", "These", "They", "This", "To", "We", "Were", "What", "When", "Where", "Which",
    "Who", "Will", "Would", "Yes", "You",
];

pub(super) fn read(ahead: Ahead<'_, '_>, script: &mut Script) -> Option<Reading> {
    sign(ahead, script)
        .or_else(|| numbered(ahead, script))
        .or_else(|| title(ahead, script))
        .or_else(|| abbreviation(ahead, script))
        .or_else(|| initials(ahead, script))
        .or_else(|| roman_numeral(ahead, script))
}

pub(super) fn is_title(core: &str) -> bool {
    TITLES.iter().any(|(short, _)| *short == core) && !matches!(core, "St" | "Dr")
}

/// Whether a capitalised word is likely the first of a sentence.
pub(super) fn begins_sentence(core: &str) -> bool {
    let bare = core.split(['\'', '’']).next().unwrap_or(core);
    SENTENCE_STARTERS.contains(&bare) || bare == "Your"
}

/// A word as it is, without what cannot be spoken.
pub(super) fn plain(core: &str, script: &mut Script) {
    let text = core.replace(['’', '‘'], "'");
    if let Some((left, right)) = text.split_once('&').filter(|(left, right)| !left.is_empty() && !right.is_empty()) {
        for (part, joint) in [(left, true), (right, false)] {
            if part.chars().count() < 3 && part == part.to_uppercase() {
                script.letters(part);
            } else {
                plain(part, script);
            }
            if joint {
                script.word("and");
            }
        }
        return;
    }
    for word in text.split(|c: char| !c.is_alphanumeric() && !matches!(c, '\'' | '-' | '/')) {
        let word = word.trim_matches(['-', '/']);
        if word.chars().any(char::is_alphanumeric) {
            script.word(word);
        }
    }
}

fn sign(ahead: Ahead<'_, '_>, script: &mut Script) -> Option<Reading> {
    let word = match ahead.core(0) {
        "&" => "and",
        "+" => "plus",
        "=" => "equals",
        "@" => "at",
        "%" => "percent",
        "w/" => "with",
        "w/o" => "without",
        "→" => "to",
        "-" | "--" | "–" | "—" | "―" => {
            if ahead.touches_previous() {
                script.mark("—");
            } else {
                script.opening_mark("—");
            }
            return Some(Reading::of(1));
        }
        _ => return None,
    };
    script.word(word);
    Some(Reading::of(1))
}

/// "No. 5": the abbreviation of "number" before digits.
fn numbered(ahead: Ahead<'_, '_>, script: &mut Script) -> Option<Reading> {
    let has_dot = ahead.chunk(0)?.closing == ".";
    let counts = ahead.core_after_dot().starts_with(|c: char| c.is_ascii_digit());
    if !has_dot || !counts || !matches!(ahead.core(0), "No" | "no" | "Nr" | "nr") {
        return None;
    }
    script.word("number");
    Some(Reading::abbreviation(1))
}

/// "Dr. Lee", "St. Andrew's"; but "Main St." and "Andrew's Dr." are streets.
fn title(ahead: Ahead<'_, '_>, script: &mut Script) -> Option<Reading> {
    let (_, spoken) = TITLES.iter().find(|(short, _)| *short == ahead.core(0))?;
    let next = ahead.core_after_dot();
    let before_name = next.starts_with(char::is_uppercase) && !begins_sentence(next);
    let after_name = ahead.previous().starts_with(char::is_uppercase) && !begins_sentence(ahead.previous());
    if !before_name || after_name && ahead.core(0) == "St" {
        return None;
    }
    script.word(spoken);
    Some(Reading::abbreviation(1))
}

fn abbreviation(ahead: Ahead<'_, '_>, script: &mut Script) -> Option<Reading> {
    let core = ahead.core(0);
    let has_dot = ahead.chunk(0)?.closing.starts_with('.');
    let phrase = match core {
        "e.g" | "E.g" => Some("for example"),
        "i.e" | "I.e" => Some("that is"),
        "aka" | "AKA" => Some("also known as"),
        "vs" => Some("versus"),
        "Jr" => Some("Junior"),
        "Sr" => Some("Senior"),
        "Blvd" => Some("Boulevard"),
        _ => None,
    };
    if let Some(phrase) = phrase {
        script.words(phrase.split(' '));
        return Some(Reading::abbreviation(1));
    }
    let (_, spoken) = DOTTED.iter().find(|(short, _)| *short == core).filter(|_| has_dot)?;
    // "Press 1 for the max." may simply end; an abbreviation that is also a word needs company.
    let is_word = matches!(core, "max" | "Max" | "min" | "est" | "fig" | "temp");
    if is_word && ahead.chunk(1).is_none() {
        return None;
    }
    script.word(spoken);
    Some(Reading::abbreviation(1))
}

/// "U.S.", "P.G.A.", and the "J." of "J. Smith".
fn initials(ahead: Ahead<'_, '_>, script: &mut Script) -> Option<Reading> {
    let core = ahead.core(0);
    let has_dot = ahead.chunk(0)?.closing == ".";
    let one_letter = core.chars().count() == 1
        && core.starts_with(char::is_uppercase)
        && has_dot
        && ahead.core_after_dot().starts_with(char::is_uppercase)
        && !begins_sentence(ahead.core_after_dot());
    let dotted = core.contains('.')
        && core.split('.').all(|part| part.chars().count() == 1 && part.chars().all(char::is_alphabetic));
    if !one_letter && !dotted {
        return None;
    }
    script.letters(core);
    Some(Reading::abbreviation(1))
}

/// "Chapter IV", "Henry VIII".
fn roman_numeral(ahead: Ahead<'_, '_>, script: &mut Script) -> Option<Reading> {
    let number = roman(ahead.core(0))?;
    match ahead.previous() {
        "Chapter" | "Part" | "Act" | "Scene" | "Section" | "Volume" | "Book" | "Phase" | "Article" | "War" | "Type"
        | "Level" | "Stage" | "Class" | "Round" | "Bowl" => script.words(cardinal(number)),
        "Henry" | "Louis" | "Edward" | "George" | "William" | "Charles" | "James" | "Richard" | "Elizabeth"
        | "Paul"
            if number > 1 =>
        {
            script.word("the");
            script.words(ordinal(number));
        }
        _ => return None,
    }
    Some(Reading::of(1))
}

fn roman(text: &str) -> Option<u64> {
    let values = text
        .chars()
        .map(|c| match c {
            'I' => Some(1),
            'V' => Some(5),
            'X' => Some(10),
            'L' => Some(50),
            'C' => Some(100),
            _ => None,
        })
        .collect::<Option<Vec<u64>>>()?;
    let mut total = 0;
    for (at, value) in values.iter().enumerate() {
        if values.get(at + 1).is_some_and(|next| next > value) {
            total += values[at + 1] - value;
        } else if at == 0 || values[at - 1] >= *value {
            total += value;
        }
    }
    (total > 0).then_some(total)
}
