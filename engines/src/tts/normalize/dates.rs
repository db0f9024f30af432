//! Reads dates, times of day and days of the week.

use super::super::numbers::{cardinal, hyphenated, ordinal, year};
use super::super::tokens::Script;
use super::{Ahead, Reading};

const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];
const DAYS: [&str; 7] = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];

pub(super) fn read(ahead: Ahead<'_, '_>, script: &mut Script) -> Option<Reading> {
    month_and_day(ahead, script)
        .or_else(|| day_and_month(ahead, script))
        .or_else(|| numeric_date(ahead, script))
        .or_else(|| time(ahead, script))
        .or_else(|| abbreviated_name(ahead, script))
}

pub(super) fn is_day_or_month(word: &str) -> bool {
    DAYS.contains(&word) || MONTHS.contains(&word)
}

/// "June 3rd", "Sept. 4, 2026", "June 3-5".
fn month_and_day(ahead: Ahead<'_, '_>, script: &mut Script) -> Option<Reading> {
    let month = month_named(ahead.core(0))?;
    let (first, last) = match split_range(ahead.core_after_dot()) {
        Some((first, last)) => (day(first)?, Some(day(last)?)),
        None => (day(ahead.core_after_dot())?, None),
    };
    script.word(month);
    script.speak_from(ahead.chunk(1)?.at);
    script.word(&hyphenated(&ordinal(first)));
    if let Some(last) = last {
        script.word("to");
        script.word(&hyphenated(&ordinal(last)));
    }
    let closing = ahead.chunk(1)?.closing;
    if let Some(chunk) = ahead.chunk(2).filter(|_| matches!(closing, "" | ","))
        && let Some(number) = calendar_year(chunk.core)
    {
        if closing == "," {
            script.mark(",");
        }
        script.speak_from(chunk.at);
        script.words(year(number));
        return Some(Reading::of(3));
    }
    Some(Reading::of(2))
}

/// "the 3rd of June" needs nothing; "3 June" and "3rd June" do.
fn day_and_month(ahead: Ahead<'_, '_>, script: &mut Script) -> Option<Reading> {
    let number = day(ahead.core(0))?;
    let has_of = ahead.core(1) == "of";
    let month = month_named(ahead.core(if has_of { 2 } else { 1 }))?;
    if month == "May" && !has_of && ahead.core(2).starts_with(char::is_lowercase) {
        return None;
    }
    if !ahead.previous().eq_ignore_ascii_case("the") {
        script.word("the");
    }
    script.words(ordinal(number));
    script.word("of");
    script.word(month);
    Some(Reading::abbreviation(if has_of { 3 } else { 2 }))
}

/// "2/19", "2/19/26" and "2026-02-19". Small fractions stay fractions unless something says "date".
fn numeric_date(ahead: Ahead<'_, '_>, script: &mut Script) -> Option<Reading> {
    let core = ahead.core(0);
    let numbers = |separator| core.split(separator).map(plain_number).collect::<Option<Vec<_>>>();
    let (month, day, year_number) = match (numbers('/'), numbers('-')) {
        (Some(parts), _) if parts.len() == 2 && (!reads_as_fraction(core) || says_date(ahead.previous())) => {
            (parts[0], parts[1], None)
        }
        (Some(parts), _) if parts.len() == 3 => {
            let century = if parts[2] < 100 { 2000 } else { 0 };
            (parts[0], parts[1], Some(parts[2] + century))
        }
        (_, Some(parts)) if parts.len() == 3 && calendar_year(core.split('-').next()?).is_some() => {
            (parts[1], parts[2], Some(parts[0]))
        }
        _ => return None,
    };
    let (month, day) = if month > 12 { (day, month) } else { (month, day) };
    if !(1..=31).contains(&day) {
        return None;
    }
    script.word(MONTHS.get(usize::try_from(month).ok()?.checked_sub(1)?)?);
    script.word(&hyphenated(&ordinal(day)));
    if let Some(number) = year_number {
        script.mark(",");
        script.words(year(number));
    }
    Some(Reading::of(1))
}

fn reads_as_fraction(core: &str) -> bool {
    matches!(core, "24/7" | "1/2" | "1/3" | "2/3" | "1/4" | "3/4" | "1/5" | "1/8" | "3/8" | "5/8" | "7/8" | "1/10")
}

fn says_date(previous: &str) -> bool {
    let previous = previous.to_lowercase();
    let prepositions = [
        "on", "by", "from", "until", "till", "before", "after", "since", "through", "to", "between", "and", "or",
        "dated",
    ];
    prepositions.contains(&previous.as_str()) || DAYS.iter().any(|day| day.to_lowercase() == previous)
}

/// "7:30 AM", "6:05", "4 p.m.", "7:30-9:00", "10am".
fn time(ahead: Ahead<'_, '_>, script: &mut Script) -> Option<Reading> {
    let core = ahead.core(0);
    let (from, until) = split_range(core).map_or((None, core), |(from, until)| (Some(from), until));
    let (until, attached) = without_meridiem(until);
    let following = if attached.is_some() { None } else { meridiem(ahead.core(1)) };
    let half = attached.or(following);
    let mut times = Vec::new();
    if let Some(from) = from {
        let (from, from_half) = without_meridiem(from);
        times.push((clock(from)?, from_half));
    }
    times.push((clock(until)?, half));
    // A bare number is a time only with AM or PM beside it.
    if half.is_none() && times.iter().all(|(clock, _)| clock.minute.is_none()) {
        return None;
    }
    let is_range = times.len() > 1;
    for (at, (clock, half)) in times.into_iter().enumerate() {
        if at > 0 {
            script.word("to");
        }
        say_clock(clock, half.is_none() && !is_range, script);
        if let Some(half) = half {
            if following.is_some()
                && let Some(chunk) = ahead.chunk(1)
            {
                script.speak_from(chunk.at);
            }
            script.letters(half);
        }
    }
    Some(match (following, attached) {
        (Some(_), _) if ahead.core(1).contains('.') => Reading::abbreviation(2),
        (Some(_), _) => Reading::of(2),
        (None, Some(_)) if core.contains('.') => Reading::abbreviation(1),
        (None, _) => Reading::of(1),
    })
}

#[derive(Clone, Copy)]
struct Clock {
    hour: u64,
    minute: Option<u64>,
}

fn clock(text: &str) -> Option<Clock> {
    let (hour, minute) = match text.split_once(':') {
        Some((hour, minute)) if minute.len() == 2 => (hour, Some(plain_number(minute).filter(|minute| *minute < 60)?)),
        Some(_) => return None,
        None => (text, None),
    };
    let hour = plain_number(hour).filter(|number| hour.len() <= 2 && *number <= 24)?;
    Some(Clock { hour, minute })
}

fn say_clock(clock: Clock, alone: bool, script: &mut Script) {
    script.word(&hyphenated(&cardinal(clock.hour)));
    match clock.minute {
        Some(0) if alone => script.word("o'clock"),
        Some(0) | None => {}
        Some(minute) => {
            if minute < 10 {
                script.word("oh");
            }
            script.word(&hyphenated(&cardinal(minute)));
        }
    }
}

fn meridiem(text: &str) -> Option<&'static str> {
    match text {
        "am" | "AM" | "a.m" | "A.M" => Some("AM"),
        "pm" | "PM" | "p.m" | "P.M" => Some("PM"),
        _ => None,
    }
}

/// "7:30pm" as "7:30" and PM.
fn without_meridiem(core: &str) -> (&str, Option<&'static str>) {
    let letters_at = core.find(|c: char| c.is_alphabetic()).unwrap_or(core.len());
    match meridiem(&core[letters_at..]) {
        Some(half) if letters_at > 0 => (&core[..letters_at], Some(half)),
        _ => (core, None),
    }
}

/// "Mon.", "Sept.": expanded where no day follows.
fn abbreviated_name(ahead: Ahead<'_, '_>, script: &mut Script) -> Option<Reading> {
    let core = ahead.core(0);
    let has_dot = ahead.chunk(0)?.closing.starts_with('.');
    let name = match core {
        "Mon" | "Tue" | "Tues" | "Wed" | "Thu" | "Thur" | "Thurs" | "Fri" | "Sat" | "Sun" if has_dot => {
            DAYS.iter().find(|day| day.starts_with(&core[..3]))?
        }
        "Tue" | "Tues" | "Thu" | "Thurs" | "Fri" => DAYS.iter().find(|day| day.starts_with(&core[..3]))?,
        _ if has_dot && core.len() < 5 => month_named(core).filter(|month| *month != core)?,
        _ => return None,
    };
    script.word(name);
    Some(Reading::abbreviation(1))
}

fn month_named(word: &str) -> Option<&'static str> {
    MONTHS.into_iter().find(|month| {
        *month == word || word == "Sept" && *month == "September" || word.len() == 3 && month.starts_with(word)
    })
}

/// A day of the month, with or without its ending.
fn day(text: &str) -> Option<u64> {
    let bare = ["st", "nd", "rd", "th"].into_iter().find_map(|ending| text.strip_suffix(ending)).unwrap_or(text);
    plain_number(bare).filter(|number| bare.len() <= 2 && (1..=31).contains(number))
}

fn calendar_year(text: &str) -> Option<u64> {
    plain_number(text).filter(|number| text.len() == 4 && (1800..2200).contains(number))
}

fn plain_number(text: &str) -> Option<u64> {
    if text.is_empty() || text.len() > 9 || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    text.parse().ok()
}

fn split_range(core: &str) -> Option<(&str, &str)> {
    core.split_once('-').or_else(|| core.split_once('–'))
}
