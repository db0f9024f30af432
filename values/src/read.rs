//! A value from a whole string: what somebody said or wrote for one argument, and nothing besides.

use jiff::civil::DateTime;
use jiff::{Timestamp, Zoned};

use crate::code::{CodeShape, code_at, international, phone_at};
use crate::count::count_at;
use crate::date::{DateWish, date_at};
use crate::name::{is_plain, name_in};
use crate::time::{Range, TimeWish, resolve, time_at};
use crate::words::{Word, text_at, words};
use crate::{Choice, Kind, Value, choice_in, email_in, is_email};

/// What a reading depends on besides the words.
#[derive(Debug, Clone)]
pub struct Context {
    /// What time it is where the agent is: its date is "today", and its zone is the one in which a
    /// timestamp's day and hour are seen.
    pub now: Zoned,
    /// The opening range, which decides between morning and evening where the words do not.
    pub range: Range,
    /// What is counted, in the agent's own words: `["player", "players"]`.
    pub units: Vec<String>,
}

impl Context {
    /// Only a time, no opening range and no units.
    pub fn at(now: Zoned) -> Self {
        Self { now, range: None, units: Vec::new() }
    }
}

/// Reads all of `text` as one value of this kind, as an argument may hold it: ready for a machine
/// ("2026-11-28", "09:00", "GV4821", "true") or as people say it ("next Friday", "half past nine", "golf
/// victor four eight two one", "yes").
///
/// Politeness and hesitation around it are passed over ("uh, nine thirty please"). `None` when the words
/// are no such value, could mean two ("this weekend"), or say something else as well. Bounds are not
/// checked: a day gone by and forty players are values too.
pub fn read(kind: &Kind, text: &str, context: &Context) -> Option<Value> {
    written(kind, text.trim(), context).or_else(|| spoken(kind, text, context))
}

/// The forms machines write; these are never taken for anything else.
fn written(kind: &Kind, text: &str, context: &Context) -> Option<Value> {
    match kind {
        Kind::Date => moment(text, context).map(|at| Value::Date(at.date())),
        Kind::Time | Kind::WindowStart | Kind::WindowEnd => {
            let two_digits = text.len() >= 5 && text.as_bytes().get(2) == Some(&b':');
            let clock = two_digits.then(|| text.parse().ok()).flatten();
            clock.or_else(|| moment(text, context).map(DateTime::time)).and_then(on_the_minute).map(Value::Time)
        }
        Kind::Code(shape) => written_code(text, shape).map(Value::Text),
        Kind::Phone(prefix) => written_phone(text, prefix).map(Value::Text),
        Kind::Email => is_email(text).then(|| Value::Text(text.to_lowercase())),
        Kind::Choice(choices) => {
            let same = choices.iter().find(|choice| choice.value.eq_ignore_ascii_case(text))?;
            Some(Value::Text(same.value.clone()))
        }
        Kind::Text => (!text.is_empty()).then(|| Value::Text(text.to_owned())),
        Kind::Count | Kind::Name | Kind::Flag => None,
    }
}

/// A timestamp, seen in the agent's zone, or a date and time without one.
fn moment(text: &str, context: &Context) -> Option<DateTime> {
    let numeric = text.starts_with(|c: char| c.is_ascii_digit()) && text.contains(['T', 't', ' ']);
    if !numeric {
        return None;
    }
    let zoned = text.parse::<Timestamp>().ok().map(|at| at.to_zoned(context.now.time_zone().clone()).datetime());
    zoned.or_else(|| text.parse().ok())
}

fn on_the_minute(time: jiff::civil::Time) -> Option<jiff::civil::Time> {
    jiff::civil::Time::new(time.hour(), time.minute(), 0, 0).ok()
}

/// A code in capitals or with digits in every piece: "GV-4821", "gv 4821"; words are left to the grammar.
fn written_code(text: &str, shape: &CodeShape) -> Option<String> {
    let mut pieces = text.split(|c: char| !c.is_alphanumeric()).filter(|piece| !piece.is_empty());
    let is_code = |piece: &str| {
        piece.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit()) || piece.bytes().any(|b| b.is_ascii_digit())
    };
    if !pieces.clone().all(is_code) || pieces.next().is_none() {
        return None;
    }
    let joined: String = text.chars().filter(|c| c.is_alphanumeric()).collect();
    shape.fit(&joined.to_ascii_uppercase()).filter(|code| code.is_ascii())
}

fn written_phone(text: &str, prefix: &str) -> Option<String> {
    let digits: String = text.chars().filter(char::is_ascii_digit).collect();
    let plain = text.chars().all(|c| c.is_ascii_digit() || matches!(c, '+' | '-' | '.' | '(' | ')' | '/' | ' '));
    if !plain || !(7..=15).contains(&digits.len()) {
        return None;
    }
    Some(if text.starts_with('+') { format!("+{digits}") } else { international(&digits, prefix) })
}

/// What people say for a value, with nothing else said.
fn spoken(kind: &Kind, text: &str, context: &Context) -> Option<Value> {
    let words = words(text);
    match kind {
        Kind::Date => whole(&words, |words, at| match date_at(words, at, context.now.date(), true)? {
            (DateWish::On(day), used) => Some((Value::Date(day), used)),
            _ => None,
        }),
        Kind::Time | Kind::WindowStart | Kind::WindowEnd => whole(&words, |words, at| {
            let (TimeWish::At(clock), used) = time_at(words, at, true)? else { return None };
            match resolve(clock, None, context.range).as_slice() {
                [time] => Some((Value::Time(*time), used)),
                _ => None,
            }
        }),
        Kind::Count => whole(&words, |words, at| {
            let article = usize::from(text_at(words, at) == "a");
            let count = [0, article].into_iter().find_map(|skipped| {
                count_at(words, at + skipped, &context.units, true).map(|(count, used)| (count, skipped + used))
            });
            count.map(|(count, used)| (Value::Count(count), used))
        }),
        Kind::Code(shape) => {
            whole(&words, |words, at| code_at(words, at, shape, true).map(|(code, used)| (Value::Text(code), used)))
        }
        Kind::Phone(prefix) => whole(&words, |words, at| {
            phone_at(words, at, true).map(|(digits, used)| (Value::Text(international(&digits, prefix)), used))
        }),
        Kind::Email => email_in(text, &words, true).map(Value::Text),
        Kind::Name => whole_name(text, &words).map(Value::Text),
        Kind::Choice(choices) => only_choice(&words, choices).map(Value::Text),
        Kind::Flag => whole(&words, |words, at| flag_at(words, at).map(|(flag, used)| (Value::Flag(flag), used))),
        Kind::Text => None,
    }
}

/// The value that takes every word but those that only lead to it or end it politely.
fn whole(words: &[Word], grammar: impl Fn(&[Word], usize) -> Option<(Value, usize)>) -> Option<Value> {
    let polite = |word: &Word| matches!(word.text.as_str(), "please" | "thanks" | "thank" | "you" | "then" | "sir");
    let end = words.iter().rposition(|word| !polite(word)).map_or(0, |last| last + 1);
    let said = words.get(..end)?;
    for at in 0..end {
        if let Some((value, used)) = grammar(said, at)
            && at + used == end
        {
            return Some(value);
        }
        if !leads(&said[at].text) {
            return None;
        }
    }
    None
}

/// Words that may stand before a value without adding to it.
fn leads(word: &str) -> bool {
    matches!(
        word,
        "um" | "uh" | "er" | "hmm" | "well" | "its" | "it" | "is" | "thats" | "at" | "on" | "for" | "the" | "please"
    )
}

fn whole_name(text: &str, said: &[Word]) -> Option<String> {
    let name = only_name(text, said)?;
    // Letters that change with every capitalisation are nobody's name.
    (only_name(&name, &words(&name))? == name).then_some(name)
}

fn only_name(text: &str, words: &[Word]) -> Option<String> {
    let (name, span) = name_in(text, words, &|_| true, true)?;
    let rest = words.iter().enumerate().filter(|(at, _)| !span.contains(at));
    rest.into_iter().all(|(_, word)| is_plain(&word.text)).then_some(name)
}

/// The choice that is named, when no other one is.
fn only_choice(words: &[Word], choices: &[Choice]) -> Option<String> {
    let (named, span) = choice_in(words, choices)?;
    let rest: Vec<Word> =
        words.iter().enumerate().filter(|(at, _)| !span.contains(at)).map(|(_, word)| word.clone()).collect();
    choice_in(&rest, choices).is_none().then_some(named)
}

fn flag_at(words: &[Word], at: usize) -> Option<(bool, usize)> {
    let flag = match words.get(at)?.text.as_str() {
        "yes" | "yeah" | "yep" | "yup" | "true" | "sure" | "y" | "ok" | "okay" | "correct" | "right" => true,
        "no" | "nope" | "nah" | "false" | "n" | "not" | "none" => false,
        _ => return None,
    };
    Some((flag, 1))
}

#[cfg(test)]
#[path = "read_tests.rs"]
mod tests;
