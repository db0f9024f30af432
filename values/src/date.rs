//! Dates as people say them, as seen from today.
//!
//! - A weekday alone, or with "this", is its next occurrence, today included. "Next Friday" is the Friday
//!   of the calendar week after this one, weeks beginning on Monday. "Friday week" is a week later.
//! - "The 28th" is the next 28th; a month and day without a year is its next occurrence.
//! - A weekday that does not fit its date ("Sunday the 28th"), and "the weekend", leave a choice of two
//!   days, which the dialogue puts to the caller.
//! - A day no calendar has ("June 31st") is named as such.

use jiff::ToSpan as _;
use jiff::civil::{Date, Weekday};

use crate::number::{cardinal, is_digits, is_pronoun, ordinal};
use crate::words::{Word, says, text_at, text_before};

/// What a date phrase means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DateWish {
    /// This day.
    On(Date),
    /// One of these days; the caller has to say which.
    Either(Vec<Date>),
    /// So many days after the day that was named before: "the day after", "the same day".
    Later(i64),
    /// A week, not a day.
    Week,
    /// There is no such day.
    Impossible,
}

/// The date phrase at `at`, and how many words it takes. `loose`: a date was asked for, so a bare "28"
/// or "third" is one.
pub fn date_at(words: &[Word], at: usize, today: Date, loose: bool) -> Option<(DateWish, usize)> {
    let lead = usize::from(matches!(text_at(words, at), "on" | "for" | "by"));
    let (wish, used) = relative(words, at + lead, today)
        .or_else(|| weekday_phrase(words, at + lead, today))
        .or_else(|| calendar_day(words, at + lead, today).map(|(day, used)| (named(day), used)))
        .or_else(|| day_of_month(words, at + lead, today, loose))?;
    Some((wish, used + lead))
}

fn named(day: Option<Date>) -> DateWish {
    day.map_or(DateWish::Impossible, DateWish::On)
}

fn plus_days(day: Date, days: i64) -> Option<Date> {
    day.checked_add(days.days()).ok()
}

/// Whether these words name a day by its weekday alone: "on Sunday", "this coming Sunday".
pub fn only_weekday(words: &[Word]) -> bool {
    let lead = |word: &str| matches!(word, "on" | "for" | "by" | "this" | "the" | "coming" | "upcoming");
    let named = words.iter().filter(|word| weekday(&word.text).is_some()).count();
    named > 0 && words.iter().all(|word| lead(&word.text) || weekday(&word.text).is_some())
}

/// Days that count from the one named before.
const LATER: [(&[&str], i64); 15] = [
    (&["the", "day", "after", "that"], 1),
    (&["the", "day", "after"], 1),
    (&["a", "day", "later"], 1),
    (&["one", "day", "later"], 1),
    (&["the", "next", "day"], 1),
    (&["the", "following", "day"], 1),
    (&["two", "days", "later"], 2),
    (&["the", "day", "before"], -1),
    (&["a", "day", "earlier"], -1),
    (&["one", "day", "earlier"], -1),
    (&["a", "week", "later"], 7),
    (&["the", "week", "after"], 7),
    (&["the", "following", "week"], 7),
    (&["a", "week", "earlier"], -7),
    (&["same", "day"], 0),
];

/// "today", "tomorrow", "in three days", "a week from Saturday", "this weekend", Christmas.
fn relative(words: &[Word], at: usize, today: Date) -> Option<(DateWish, usize)> {
    const PHRASES: [(&[&str], i64); 13] = [
        (&["the", "day", "after", "tomorrow"], 2),
        (&["day", "after", "tomorrow"], 2),
        (&["a", "week", "from", "today"], 7),
        (&["a", "week", "from", "tomorrow"], 8),
        (&["a", "week", "today"], 7),
        (&["today", "week"], 7),
        (&["tomorrow", "week"], 8),
        (&["a", "week", "tomorrow"], 8),
        (&["a", "week", "on", "tomorrow"], 8),
        (&["today"], 0),
        (&["tonight"], 0),
        (&["tomorrow"], 1),
        (&["tomorow"], 1),
    ];
    for (phrase, days) in PHRASES {
        if says(words, at, phrase) {
            // "this time tomorrow", "tomorrow night" stay with the clock.
            return Some((DateWish::On(plus_days(today, days)?), phrase.len()));
        }
    }
    for phrase in [&["this", "weekend"][..], &["the", "weekend"], &["weekend"], &["next", "weekend"]] {
        if says(words, at, phrase) {
            let saturday = next_weekday(today, Weekday::Saturday, 0)?;
            let shift = if phrase[0] == "next" && weeks_apart(today, saturday) == 0 { 7 } else { 0 };
            let saturday = plus_days(saturday, shift)?;
            return Some((DateWish::Either(vec![saturday, plus_days(saturday, 1)?]), phrase.len()));
        }
    }
    if says(words, at, &["next", "week"]) && at >= 2 && text_at(words, at - 2) == "same" {
        return Some((DateWish::Later(7), 2));
    }
    for (lead, shift) in [(&["the", "day", "after"][..], 1), (&["day", "after"], 1), (&["the", "day", "before"], -1)] {
        if says(words, at, lead)
            && let Some((DateWish::On(day), used)) = date_at(words, at + lead.len(), today, false)
        {
            return Some((DateWish::On(plus_days(day, shift)?), lead.len() + used));
        }
    }
    for (phrase, days) in LATER {
        if says(words, at, phrase) {
            return Some((DateWish::Later(days), phrase.len()));
        }
    }
    if let Some(found) = weekday_phrase(words, at, today).filter(|_| says(words, at, &["next", "week"])) {
        return Some(found);
    }
    for phrase in [&["next", "week"][..], &["this", "week"], &["later", "this", "week"]] {
        if says(words, at, phrase) {
            return Some((DateWish::Week, phrase.len()));
        }
    }
    if says(words, at, &["a", "week", "from"])
        && let Some((DateWish::On(day), used)) = weekday_phrase(words, at + 3, today)
    {
        return Some((DateWish::On(plus_days(day, 7)?), used + 3));
    }
    in_so_many(words, at, today).or_else(|| holiday(words, at, today)).or_else(|| counted_weekday(words, at, today))
}

/// "in three days", "in two weeks", "two weeks from today", "two weeks from Saturday".
fn in_so_many(words: &[Word], at: usize, today: Date) -> Option<(DateWish, usize)> {
    let lead = usize::from(text_at(words, at) == "in");
    let (count, used) = match text_at(words, at + lead) {
        "a" => (1, 1),
        _ => cardinal(words, at + lead)?,
    };
    let days = match text_at(words, at + lead + used) {
        "day" | "days" => 1,
        "week" | "weeks" => 7,
        _ => return None,
    };
    let days = i64::try_from(count).ok()?.checked_mul(days).filter(|days| *days <= 3_660)?;
    let after = at + lead + used + 1;
    if lead == 1 && text_at(words, after) != "from" {
        return Some((DateWish::On(plus_days(today, days)?), lead + used + 1));
    }
    let (from, took) = match (text_at(words, after), text_at(words, after + 1)) {
        ("from", "today" | "now") => (today, 2),
        ("from", "tomorrow") => (plus_days(today, 1)?, 2),
        ("from", _) => match weekday_phrase(words, after + 1, today)? {
            (DateWish::On(day), took) => (day, took + 1),
            _ => return None,
        },
        _ => return None,
    };
    Some((DateWish::On(plus_days(from, days)?), lead + used + 1 + took))
}

/// "The second Saturday in December", "the last Friday of January".
fn counted_weekday(words: &[Word], at: usize, today: Date) -> Option<(DateWish, usize)> {
    let the = usize::from(text_at(words, at) == "the");
    let (nth, took) = match text_at(words, at + the) {
        "last" => (-1, 1),
        _ => ordinal(words, at + the).and_then(|(nth, took)| Some((i8::try_from(nth).ok()?, took)))?,
    };
    let day = weekday(text_at(words, at + the + took))?;
    let link = at + the + took + 1;
    let month = month(text_at(words, link + 1)).filter(|_| matches!(text_at(words, link), "in" | "of"))?;
    let counted = |year: i16| Date::new(year, month, 1).ok()?.nth_weekday_of_month(nth, day).ok();
    let this_year = counted(today.year()).filter(|day| *day >= today);
    let day = this_year.or_else(|| counted(today.year().checked_add(1)?));
    Some((named(day), the + took + 3))
}

fn holiday(words: &[Word], at: usize, today: Date) -> Option<(DateWish, usize)> {
    const FIXED: [(&[&str], i8, i8); 7] = [
        (&["christmas", "eve"], 12, 24),
        (&["christmas", "day"], 12, 25),
        (&["christmas"], 12, 25),
        (&["new", "years", "eve"], 12, 31),
        (&["new", "years", "day"], 1, 1),
        (&["new", "years"], 1, 1),
        (&["independence", "day"], 7, 4),
    ];
    for (phrase, month, day) in FIXED {
        if says(words, at, phrase) {
            return Some((named(next_month_day(today, month, day)), phrase.len()));
        }
    }
    if text_at(words, at) == "thanksgiving" {
        let fourth = |year| Date::new(year, 11, 1).ok()?.nth_weekday_of_month(4, Weekday::Thursday).ok();
        let this_year = fourth(today.year()).filter(|day| *day >= today);
        let day = this_year.or_else(|| fourth(today.year().checked_add(1)?));
        return Some((named(day), 1 + usize::from(text_at(words, at + 1) == "day")));
    }
    None
}

/// "Saturday", "this Saturday", "next Friday", "Saturday the 28th", "Saturday, November 28th".
fn weekday_phrase(words: &[Word], at: usize, today: Date) -> Option<(DateWish, usize)> {
    let mut used = 0;
    let mut next_week = false;
    let mut extra = 0;
    if says(words, at, &["next", "week"]) {
        let on = usize::from(text_at(words, at + 2) == "on");
        weekday(text_at(words, at + 2 + on))?;
        next_week = true;
        used = 2 + on;
    }
    loop {
        match text_at(words, at + used) {
            "this" | "coming" | "upcoming" => {}
            "the" if used == 0 && weekday(text_at(words, at + 1)).is_some() => {}
            "the" if used == 0 && text_at(words, at + 1) == "following" => {}
            "next" if used == 0 => next_week = true,
            "following" => next_week = true,
            _ => break,
        }
        used += 1;
    }
    let day = weekday(text_at(words, at + used))?;
    used += 1;
    let of = usize::from(text_at(words, at + used) == "of");
    if says(words, at + used + of, &["next", "week"]) {
        next_week = true;
        used += of + 2;
    } else if text_at(words, at + used) == "week" {
        extra = 7;
        used += 1;
    } else if says(words, at + used, &["after", "next"]) {
        extra = 7;
        next_week = true;
        used += 2;
    }
    let mut named_day = next_weekday(today, day, extra)?;
    if next_week && weeks_apart(today, plus_days(named_day, -extra)?) == 0 {
        named_day = plus_days(named_day, 7)?;
    }
    // A weekday before or after a calendar day: both have to mean the same day.
    let link = usize::from(matches!(text_at(words, at + used), "on" | "of"));
    let spelled_out = calendar_day(words, at + used + link, today).or_else(|| {
        let the = usize::from(text_at(words, at + used + link) == "the");
        let (number, took) = ordinal(words, at + used + link + the)?;
        // "Saturday, first thing in the morning".
        if is_counted(text_at(words, at + used + link + the + took)) {
            return None;
        }
        Some((next_such_weekday(today, number, day), the + took))
    });
    let Some((calendar, took)) = spelled_out else {
        return Some((DateWish::On(named_day), used));
    };
    let used = used + link + took;
    Some(match calendar {
        None => (DateWish::Impossible, used),
        Some(date) if date.weekday() == day => (DateWish::On(date), used),
        Some(date) if date == named_day => (DateWish::On(date), used),
        Some(date) => (DateWish::Either(vec![named_day, date]), used),
    })
}

/// A month and a day in any of their forms; `None` inside when the calendar has no such day.
fn calendar_day(words: &[Word], at: usize, today: Date) -> Option<(Option<Date>, usize)> {
    if let Some(numeric) = numeric_date(text_at(words, at), today) {
        return Some((numeric, 1));
    }
    let number = |at| ordinal(words, at).or_else(|| cardinal(words, at)).filter(|(value, _)| (1..=31).contains(value));
    let (month_number, day, mut used) = if let Some(month_number) = month(text_at(words, at)) {
        let the = usize::from(text_at(words, at + 1) == "the");
        let (day, took) = number(at + 1 + the)?;
        // "May 4 people …": a count after a word that is also a name of a month.
        if the == 0 && is_person(text_at(words, at + 1 + took)) {
            return None;
        }
        (month_number, day, 1 + the + took)
    } else {
        let the = usize::from(text_at(words, at) == "the");
        let (day, took) = number(at + the)?;
        let of = usize::from(text_at(words, at + the + took) == "of");
        let month_number = month(text_at(words, at + the + took + of))?;
        // "For three, December fifth": the number before the month is of something else.
        let counted = the + of == 0 && ordinal(words, at).is_none();
        if counted && number(at + took + 1).is_some() {
            return None;
        }
        (month_number, day, the + took + of + 1)
    };
    let day = i8::try_from(day).ok()?;
    let year_word = text_at(words, at + used);
    if let Some(year) =
        is_digits(year_word).then(|| year_word.parse::<i16>().ok()).flatten().filter(|y| (2000..2200).contains(y))
    {
        used += 1;
        return Some((Date::new(year, month_number, day).ok(), used));
    }
    Some((next_month_day(today, month_number, day), used))
}

/// Whether an ordinal before this word counts these and is no day: "the eighth green", "the first one".
fn is_counted(word: &str) -> bool {
    matches!(word, "thing" | "one" | "available" | "slot" | "green" | "hole" | "tee" | "fairway" | "floor" | "time")
}

fn is_person(word: &str) -> bool {
    matches!(word, "people" | "persons" | "of" | "guests")
}

/// "11/28", "11/28/2026", "2026-11-28".
fn numeric_date(word: &str, today: Date) -> Option<Option<Date>> {
    let number = |part: Option<&str>| part.and_then(|part| part.parse::<i16>().ok());
    let small = |part: Option<&str>| number(part).and_then(|value| i8::try_from(value).ok());
    if word.contains('-') {
        let mut parts = word.split('-');
        let (year, month, day) = (number(parts.next())?, small(parts.next())?, small(parts.next())?);
        return Some(Date::new(year, month, day).ok());
    }
    if !word.contains('/') {
        return None;
    }
    let mut parts = word.split('/');
    let (month, day) = (small(parts.next())?, small(parts.next())?);
    Some(match number(parts.next()) {
        Some(year) if year < 100 => Date::new(2000 + year, month, day).ok(),
        Some(year) => Date::new(year, month, day).ok(),
        None => next_month_day(today, month, day),
    })
}

/// "the 28th", "on the twenty eighth"; loosely also "28" and "third".
fn day_of_month(words: &[Word], at: usize, today: Date, loose: bool) -> Option<(DateWish, usize)> {
    let the = usize::from(text_at(words, at) == "the");
    let cued = the == 1 || text_before(words, at) == "on";
    // "Hold on a second".
    if text_at(words, at) == "second" && matches!(text_before(words, at), "a" | "one" | "just" | "per" | "another") {
        return None;
    }
    let written = text_at(words, at + the).starts_with(|c: char| c.is_ascii_digit());
    let (day, used) = match ordinal(words, at + the) {
        // "The first one", "the second of those" pick from a list; they name no day.
        Some((day, used)) if loose || (cued && (day > 3 || written)) => (day, used),
        None if loose
            && words.len() <= 4
            && !is_pronoun(words, at + the)
            && !matches!(text_before(words, at), "for" | "at") =>
        {
            cardinal(words, at + the)?
        }
        _ => return None,
    };
    let after = text_at(words, at + the + used);
    if !(1..=31).contains(&day) || matches!(after, "am" | "pm" | "oclock" | "people" | "of") || is_counted(after) {
        return None;
    }
    Some((named(next_day_of_month(today, day)), the + used))
}

fn next_weekday(today: Date, day: Weekday, extra: i64) -> Option<Date> {
    let ahead = i64::from(today.weekday().until(day));
    plus_days(today, ahead + extra)
}

/// Whole calendar weeks, beginning on Monday, between two days.
fn weeks_apart(today: Date, day: Date) -> i64 {
    let monday = |day: Date| plus_days(day, -i64::from(day.weekday().to_monday_zero_offset())).unwrap_or(day);
    monday(today).until(monday(day)).map_or(0, |span| i64::from(span.get_days()) / 7)
}

fn next_month_day(today: Date, month: i8, day: i8) -> Option<Date> {
    (0..8).filter_map(|years| Date::new(today.year().checked_add(years)?, month, day).ok()).find(|date| *date >= today)
}

fn next_day_of_month(today: Date, day: u64) -> Option<Date> {
    days_of_month(today, day).next()
}

fn next_such_weekday(today: Date, day: u64, weekday: Weekday) -> Option<Date> {
    let fits = days_of_month(today, day).take(3).find(|date| date.weekday() == weekday);
    fits.or_else(|| next_day_of_month(today, day))
}

/// The coming dates with this day of the month.
fn days_of_month(today: Date, day: u64) -> impl Iterator<Item = Date> {
    let day = i8::try_from(day).unwrap_or(0);
    (0..14).filter_map(move |months: i64| {
        let month = today.first_of_month().checked_add(months.months()).ok()?;
        Date::new(month.year(), month.month(), day).ok().filter(|date| *date >= today)
    })
}

fn weekday(word: &str) -> Option<Weekday> {
    Some(match word.strip_suffix('s').filter(|day| day.ends_with("day")).unwrap_or(word) {
        "monday" | "mon" => Weekday::Monday,
        "tuesday" | "tues" | "tue" => Weekday::Tuesday,
        "wednesday" | "wed" | "wensday" => Weekday::Wednesday,
        "thursday" | "thurs" | "thur" => Weekday::Thursday,
        "friday" | "fri" => Weekday::Friday,
        "saturday" | "sat" => Weekday::Saturday,
        "sunday" => Weekday::Sunday,
        _ => return None,
    })
}

fn month(word: &str) -> Option<i8> {
    Some(match word {
        "january" | "jan" => 1,
        "february" | "feb" => 2,
        "march" | "mar" => 3,
        "april" | "apr" => 4,
        "may" => 5,
        "june" | "jun" => 6,
        "july" | "jul" => 7,
        "august" | "aug" => 8,
        "september" | "sept" | "sep" => 9,
        "october" | "oct" => 10,
        "november" | "nov" => 11,
        "december" | "dec" => 12,
        _ => return None,
    })
}

/// Whether a word belongs to dates, so that it is nobody's name by itself.
pub fn is_date_word(word: &str) -> bool {
    weekday(word).is_some()
        || month(word).is_some()
        || matches!(word, "today" | "tomorrow" | "tonight" | "weekend" | "week")
}

#[cfg(test)]
#[path = "date_tests.rs"]
mod tests;
