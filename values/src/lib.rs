//! Values as people say them: dates, times, counts, names, codes, phone numbers, e-mail addresses and
//! choices, read from a sentence or from a whole string.
//!
//! [`read`] takes a string that is one value and nothing else, such as an argument somebody filled in
//! with "next Friday". The modules hold the grammars under it, which find a value inside a sentence: pure
//! functions from [`words`] (and, for dates, today) to what they mean and how many words it took.
//!
//! - A grammar's *loose* mode is for the answer to its own question, where a bare or misheard number is
//!   enough ("nine", "for"); in its *strict* mode the words can mean nothing else ("at nine", "for four
//!   people"). [`read`] is loose, since it is told the kind.
//! - No input panics, and a value written with [`Value::to_text`] reads back as itself.
//!
//! No kept crate serves here: the ones for date and time phrases read a whole string into a date, while
//! these have to be found inside a sentence, know the opening hours, and forgive a recogniser's "for" and
//! "to". So the grammars are our own. They are English.
//!
//! # What is understood as what
//!
//! **Dates.** "Today" is the date of [`Context::now`], in the agent's time zone and not in UTC; a timestamp
//! with an offset is seen in that zone too. A weekday, alone or with "this", is its next occurrence, today
//! included. "Next Friday" is the Friday of the calendar week after this one, weeks beginning on Monday: on
//! a Monday it is eleven days ahead, on a Sunday five. "Friday week" is a week after "Friday". "The 28th" is the
//! next 28th, and a month and a day without a year are their next occurrence. Numbers are month first
//! ("11/28"), and a year of two digits is of this century ("11/28/26" is in 2026). "This weekend", and a weekday that
//! does not fit its date, are a choice of two days; "June 31st" is no day at all.
//!
//! **Times.** "Noon" and "midday" are 12:00, "midnight" is 00:00; "half past nine" and "half nine" are
//! 9:30, "quarter to nine" is 8:45. "In the morning", "pm" and the like decide the half of the day. "Half an hour later" counts from
//! the time that was named before. A bare hour is the
//! one inside the opening range, if only one of its two readings is; otherwise 7 to 11 are in the morning,
//! 12 and 1 to 6 in the afternoon, and 7 to 9 are asked back when both readings are inside the range.
//! `HH:MM` with two digits for the hour, alone in a string, is on the 24 hour clock.
//!
//! **Codes** are read character by character: letter names ("gee"), the spelling alphabet ("golf"), "G as in golf",
//! "double four", and numbers of several digits ("forty-eight twenty-one"); "oh" is zero or the letter, as
//! the shape wants it. Fixed first letters that were left out or misheard are put in. **Phone numbers** are 7 to 15 digits; one
//! without a country code gets the agent's, without the national zero.
//!
//! **Counts** are of people or of the agent's own units: "me and my wife" is 2, "a foursome" 4; "one more player" counts
//! from what was booked. **Names**
//! are what is left behind a cue ("it's under …") or, loosely, when everyday words are taken away; spelled letters win over
//! the word before them.

use jiff::civil::{Date, Time};
use serde_json::{Value as Json, json};

use crate::words::{Word, find};

pub use kind::{KindName, UnknownKind, UnreadablePattern};
pub use read::{Context, read};

mod alphabet;
pub mod code;
pub mod count;
pub mod date;
mod kind;
pub mod more_or_less;
pub mod name;
pub mod number;
pub mod numerals;
pub mod people;
mod plain;
mod read;
mod shift;
mod spelling;
pub mod time;
pub mod words;

/// What an argument holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    /// A day; ISO 8601 in arguments.
    Date,
    /// A time of day; `HH:MM` in arguments.
    Time,
    /// The start of a time window.
    WindowStart,
    /// The end of a time window.
    WindowEnd,
    /// A whole number of people or things.
    Count,
    /// A person's name.
    Name,
    /// Letters and digits read out.
    Code(code::CodeShape),
    /// A phone number, with what to put before a national one.
    Phone(String),
    /// An e-mail address.
    Email,
    /// One of a list.
    Choice(Vec<Choice>),
    /// Yes or no.
    Flag,
    /// Whatever the caller says.
    Text,
}

/// One entry of a list to choose from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Choice {
    /// As the schema's `enum` has it.
    pub value: String,
    /// What callers say for it.
    pub phrases: Vec<Vec<String>>,
}

/// A value of a form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    /// A day.
    Date(Date),
    /// A time of day.
    Time(Time),
    /// A whole number.
    Count(u64),
    /// Yes or no.
    Flag(bool),
    /// Everything else.
    Text(String),
}

impl Value {
    /// As it stands in a tool call.
    pub fn to_json(&self) -> Json {
        match self {
            Self::Date(date) => json!(date.to_string()),
            Self::Time(time) => json!(format!("{:02}:{:02}", time.hour(), time.minute())),
            Self::Count(count) => json!(count),
            Self::Flag(flag) => json!(flag),
            Self::Text(text) => json!(text),
        }
    }

    /// As text: `2026-11-28`, `09:00`, `4`, `true`, `GV4821`.
    pub fn to_text(&self) -> String {
        match self.to_json() {
            Json::String(text) => text,
            other => other.to_string(),
        }
    }

    /// Reads what a tool call or a tool's result holds.
    pub fn from_json(kind: &Kind, json: &Json) -> Option<Self> {
        match kind {
            Kind::Date => json.as_str()?.get(..10)?.parse().ok().map(Self::Date),
            Kind::Time | Kind::WindowStart | Kind::WindowEnd => clock_text(json.as_str()?).map(Self::Time),
            Kind::Count => json.as_u64().map(Self::Count),
            Kind::Flag => json.as_bool().map(Self::Flag),
            _ => json.as_str().map(|text| Self::Text(text.to_owned())),
        }
    }
}

/// Reads `HH:MM` (and `HH:MM:SS`), alone or behind a date.
pub fn clock_text(text: &str) -> Option<Time> {
    let clock = text.split_once('T').map_or(text, |(_, clock)| clock);
    let (hour, rest) = clock.split_once(':')?;
    Time::new(hour.parse().ok()?, rest.get(..2)?.parse().ok()?, 0, 0).ok()
}

/// The choice named in `words`: the longest phrase wins.
pub fn choice_in(words: &[Word], choices: &[Choice]) -> Option<(String, std::ops::Range<usize>)> {
    let named = choices.iter().flat_map(|choice| choice.phrases.iter().map(move |phrase| (choice, phrase)));
    let hits = named.filter_map(|(choice, phrase)| Some((choice, phrase.len(), find(words, phrase)?)));
    hits.max_by_key(|(_, length, _)| *length).map(|(choice, length, at)| (choice.value.clone(), at..at + length))
}

/// An e-mail address written out, or said as "sarah dot j at example dot com".
pub fn email_in(text: &str, words: &[Word], loose: bool) -> Option<String> {
    let written = text.split_whitespace().map(|piece| piece.trim_matches(|c: char| !c.is_alphanumeric()));
    if let Some(found) = written.into_iter().find(|piece| is_email(piece)) {
        return Some(found.to_lowercase());
    }
    if !loose {
        return None;
    }
    let at = words.iter().position(|word| word.text == "at")?;
    let part = |word: &Word| match word.text.as_str() {
        "dot" | "point" | "period" => ".".to_owned(),
        "underscore" => "_".to_owned(),
        "dash" | "hyphen" | "minus" => "-".to_owned(),
        other => number::digit(other).map_or_else(|| other.to_owned(), |digit| digit.to_string()),
    };
    let lead = words[..at]
        .iter()
        .rposition(|word| matches!(word.text.as_str(), "is" | "its" | "email" | "address" | "um" | "uh"));
    let local: String = words[lead.map_or(0, |lead| lead + 1)..at].iter().map(part).collect();
    let domain: String = words[at + 1..]
        .iter()
        .take_while(|word| !matches!(word.text.as_str(), "please" | "thanks"))
        .map(part)
        .collect();
    Some(format!("{local}@{domain}")).filter(|email| is_email(email))
}

pub(crate) fn is_email(text: &str) -> bool {
    text.split_once('@').is_some_and(|(local, domain)| {
        let inner = domain.split_once('.').is_some_and(|(name, rest)| !name.is_empty() && rest.len() >= 2);
        !local.is_empty() && inner && !domain.contains('@') && text.len() <= 254
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::words::words;

    #[test]
    fn reads_email_addresses() {
        for (text, expected) in [
            ("it's sarah.j@example.com.", "sarah.j@example.com"),
            ("sarah dot j at example dot com", "sarah.j@example.com"),
            ("my email is bob underscore nine at mail dot example dot org please", "bob_9@mail.example.org"),
        ] {
            assert_eq!(email_in(text, &words(text), true).as_deref(), Some(expected), "{text}");
        }
        for text in ["at nine", "meet me at the shop", "@", "a@b", ""] {
            assert_eq!(email_in(text, &words(text), true), None, "{text}");
        }
    }

    #[test]
    fn reads_the_times_backends_write() {
        for text in ["09:00", "9:00", "09:00:00", "2026-11-28T09:00:00-08:00"] {
            assert_eq!(clock_text(text), Some(jiff::civil::time(9, 0, 0, 0)), "{text}");
        }
        for text in ["", "9", "25:00", "a:b", "9:é"] {
            assert_eq!(clock_text(text), None, "{text}");
        }
    }
}
