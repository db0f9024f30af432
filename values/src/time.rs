//! Clock times and parts of the day as people say them.
//!
//! [`time_at`] reads a phrase into a [`TimeWish`]; [`resolve`] turns a clock reading without "am" or "pm"
//! into a time of day, by these rules:
//! 1. "in the morning", "pm" and the like, in the phrase or elsewhere in the sentence, decide.
//! 2. Otherwise, of the two readings (9:00 and 21:00) the one inside the opening range is meant.
//! 3. If both are inside, or there is no range: 7 to 11 are in the morning, 12 and 1 to 6 in the afternoon.
//!    When both are inside and the reading is 7, 8 or 9, the caller has to say which.
//! 4. If neither is inside, rule 3 says what was meant, and the range check tells the caller why not.

use jiff::civil::{Time, time};

use crate::number::{cardinal, digit, homophone, is_digits, is_pronoun, tens, word_value};
use crate::people::is_people;
use crate::shift::shift_at;
use crate::words::{Word, says, text_at, text_before};

/// The half of the day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Half {
    /// Before noon.
    Am,
    /// From noon on.
    Pm,
}

/// A clock reading.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Clock {
    hour: i8,
    minute: i8,
    half: Option<Half>,
}

impl Clock {
    /// The full hour a bare number may mean.
    pub fn on_the_hour(number: u64) -> Option<Self> {
        let hour = i8::try_from(number).ok().filter(|hour| (1..=12).contains(hour))?;
        Some(Self { hour, minute: 0, half: None })
    }
}

/// What a time phrase means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TimeWish {
    /// At this time.
    At(Clock),
    /// Between two readings, either end open.
    Between(Option<Clock>, Option<Clock>),
    /// From one reading to another: a window, or a change.
    FromTo(Clock, Clock),
    /// A part of the day, as in "tomorrow afternoon"; it also tells which half a bare reading means.
    Part(Time, Time, Half),
    /// The time that was named before.
    Same,
    /// So many minutes after the time that was named before, or before it where negative.
    Shift(i32),
    /// Any time will do.
    Any,
}

/// Opening range within which a time makes sense.
pub type Range = Option<(Time, Time)>;

/// The times of day a clock reading may mean: one, or two that the caller has to choose from.
pub fn resolve(clock: Clock, part: Option<Half>, range: Range) -> Vec<Time> {
    let at = |hour: i8| Time::new(hour, clock.minute, 0, 0).ok();
    if clock.hour > 12 || clock.hour == 0 {
        return at(clock.hour % 24).into_iter().collect();
    }
    let (am, pm) = (at(clock.hour % 12), at(clock.hour % 12 + 12));
    match clock.half.or(part) {
        Some(Half::Am) => return am.into_iter().collect(),
        Some(Half::Pm) => return pm.into_iter().collect(),
        None => {}
    }
    let daytime = if (7..=11).contains(&clock.hour) { am } else { pm };
    let Some((from, to)) = range else { return daytime.into_iter().collect() };
    let inside: Vec<Time> = [am, pm].into_iter().flatten().filter(|time| (from..=to).contains(time)).collect();
    match inside.len() {
        1 => inside,
        2 if (7..=9).contains(&clock.hour) => inside,
        _ => daytime.into_iter().collect(),
    }
}

/// The time phrase at `at`, and how many words it takes. `loose`: a time was asked for, so a bare "nine"
/// is one.
pub fn time_at(words: &[Word], at: usize, loose: bool) -> Option<(TimeWish, usize)> {
    let same = || {
        let the = usize::from(text_at(words, at) == "the");
        says(words, at + the, &["same", "time"]).then_some((TimeWish::Same, the + 2))
    };
    let last = || {
        let the = usize::from(text_at(words, at) == "the");
        let last = says(words, at + the, &["last", "one"]) || says(words, at + the, &["last", "slot"]);
        (loose && last).then_some((TimeWish::Any, the + 2))
    };
    let shift = || shift_at(words, at).map(|(minutes, used)| (TimeWish::Shift(minutes), used));
    shift()
        .or_else(|| window(words, at))
        .or_else(|| any_time(words, at))
        .or_else(last)
        .or_else(same)
        .or_else(|| exact(words, at, loose))
        .or_else(|| part(words, at))
}

fn exact(words: &[Word], at: usize, loose: bool) -> Option<(TimeWish, usize)> {
    let lead = match text_at(words, at) {
        "at" | "around" | "about" | "by" | "approximately" | "roughly" => 1,
        "for" if certain(words, at + 1) => 1,
        _ => 0,
    };
    let about = usize::from(lead == 1 && matches!(text_at(words, at + 1), "around" | "about" | "like"));
    let cued = lead == 1 && text_at(words, at) != "for";
    let (clock, used, sure) = clock(words, at + lead + about, loose && !cued)?;
    (sure || cued || loose).then_some((TimeWish::At(clock), lead + about + used))
}

fn certain(words: &[Word], at: usize) -> bool {
    clock(words, at, false).is_some_and(|(_, _, sure)| sure)
}

/// A clock reading; the flag tells whether it can be nothing else.
fn clock(words: &[Word], at: usize, loose: bool) -> Option<(Clock, usize, bool)> {
    if let Some((clock, used)) = relative_clock(words, at) {
        let (half, more) = half_after(words, at + used);
        return Some((Clock { half, ..clock }, used + more, true));
    }
    for (name, hour) in [("noon", 12), ("noonish", 12), ("midday", 12), ("midnight", 0)] {
        let twelve = usize::from(matches!(text_at(words, at), "twelve" | "12"));
        if text_at(words, at + twelve) == name {
            let half = (hour == 12).then_some(Half::Pm);
            return Some((Clock { hour, minute: 0, half }, twelve + 1, true));
        }
    }
    let (hour, minute, used, mut sure) = digits_clock(words, at, loose).or_else(|| spoken_clock(words, at, loose))?;
    let oclock =
        usize::from(text_at(words, at + used) == "oclock") + 2 * usize::from(says(words, at + used, &["o", "clock"]));
    let (half, more) = half_after(words, at + used + oclock);
    sure |= oclock > 0 || half.is_some();
    // "Nine holes", "two weeks": a plural noun makes it a quantity.
    if !sure && is_quantity(words, at + used) {
        return None;
    }
    Some((Clock { hour, minute, half: half.filter(|_| hour <= 12) }, used + oclock + more, sure))
}

/// Whether the word at `after` makes the number before it a quantity.
pub fn is_quantity(words: &[Word], after: usize) -> bool {
    let next = text_at(words, after);
    let broken = after.checked_sub(1).and_then(|last| words.get(last)).is_some_and(|word| word.ends_clause);
    let not_noun = matches!(
        next,
        "this"
            | "is"
            | "was"
            | "please"
            | "thanks"
            | "its"
            | "thats"
            | "works"
            | "sounds"
            | "yes"
            | "as"
            | "us"
            | "does"
            | "across"
            | "plus"
    );
    let weekday = next.ends_with("days") && crate::date::is_date_word(next);
    !broken
        && !not_noun
        && !weekday
        && ((next.len() > 3 && next.ends_with('s'))
            || matches!(
                next,
                "people"
                    | "year"
                    | "short"
                    | "less"
                    | "fewer"
                    | "of"
                    | "second"
                    | "sec"
                    | "moment"
                    | "minute"
                    | "thing"
                    | "percent"
                    | "more"
                    | "dollar"
                    | "tee"
                    | "hour"
            ))
}

/// "7:40", "7.40", "15:20"; with a cue or "pm" behind also "740".
fn digits_clock(words: &[Word], at: usize, loose: bool) -> Option<(i8, i8, usize, bool)> {
    let word = text_at(words, at);
    let valid = |hour: &str, minute: &str| {
        let (hour, minute) = (hour.parse::<i8>().ok()?, minute.parse::<i8>().ok()?);
        ((0..=23).contains(&hour) && (0..=59).contains(&minute)).then_some((hour, minute))
    };
    if let Some((hour, minute)) = word.split_once([':', '.']) {
        let (hour, minute) = valid(hour, minute).filter(|_| minute.len() == 2)?;
        return Some((hour, minute, 1, true));
    }
    if !is_digits(word) || !(3..=4).contains(&word.len()) {
        return None;
    }
    let half = half_after(words, at + 1).0.is_some();
    let cued = matches!(text_before(words, at), "at" | "around" | "about" | "by");
    let (hour, minute) = valid(&word[..word.len() - 2], &word[word.len() - 2..])?;
    (half || cued || loose).then_some((hour, minute, 1, true))
}

/// "nine", "nine thirty", "nine oh five", "9 30", "twelve forty-five".
fn spoken_clock(words: &[Word], at: usize, loose: bool) -> Option<(i8, i8, usize, bool)> {
    if is_pronoun(words, at) {
        return None;
    }
    let word = text_at(words, at);
    // "For a second", "to my wife": no number stands before these.
    let next = text_at(words, at + 1);
    let before_noun = matches!(next, "a" | "an" | "the" | "my" | "me" | "us" | "you" | "it" | "that" | "know")
        || crate::date::is_date_word(next);
    let half = half_after(words, at + 1).0.is_some();
    // In a long sentence "free" and "to" are themselves.
    let clear = half || loose && (words.len() <= 4 || minutes(words, at + 1).is_some());
    let misheard = || if clear && !before_noun { homophone(word) } else { None };
    let hour = word_value(word).filter(|_| word.len() <= 2 || !is_digits(word)).or_else(misheard)?;
    let hour = i8::try_from(hour).ok().filter(|hour| (1..=24).contains(hour))?;
    if hour <= 12
        && let Some((minute, used)) = minutes(words, at + 1)
    {
        // "The nine twenty one" is one of several, at 9:20.
        let pronoun = used == 2 && text_before(words, at) == "the" && text_at(words, at + 2) == "one";
        if pronoun {
            return Some((hour, minute - 1, 3, true));
        }
        // "Ten forty two people" is 10:40 for two.
        let units = used == 2 && minute > 20 && is_people(text_at(words, at + 3));
        if units {
            return Some((hour, minute - minute % 10, used, true));
        }
        return Some((hour, minute, 1 + used, true));
    }
    (hour <= 12).then_some((hour, 0, 1, false))
}

fn minutes(words: &[Word], at: usize) -> Option<(i8, usize)> {
    let word = text_at(words, at);
    if matches!(word, "oh" | "o" | "zero") {
        let unit = digit(text_at(words, at + 1))?;
        return i8::try_from(unit).ok().map(|unit| (unit, 2));
    }
    if is_digits(word) {
        return word.parse().ok().filter(|minute: &i8| word.len() == 2 && (0..=59).contains(minute)).map(|m| (m, 1));
    }
    if tens(word).is_some_and(|tens| tens <= 50) || word_value(word).is_some_and(|value| (10..20).contains(&value)) {
        let (minute, used) = cardinal(words, at)?;
        return i8::try_from(minute).ok().filter(|minute| *minute < 60).map(|minute| (minute, used));
    }
    None
}

/// "half past eight", "quarter to nine", "ten past nine", "20 minutes before ten".
fn relative_clock(words: &[Word], at: usize) -> Option<(Clock, usize)> {
    // "From ten to nine" is a change, not 8:50.
    if matches!(text_before(words, at), "from" | "between") {
        return None;
    }
    let lead = usize::from(matches!(text_at(words, at), "a"));
    let first = text_at(words, at + lead);
    let (amount, mut used) = match first {
        "half" => (30, lead + 1),
        "quarter" => (15, lead + 1),
        _ => {
            let (amount, used) = cardinal(words, at)?;
            let minutes = usize::from(matches!(text_at(words, at + used), "minutes" | "minute" | "mins"));
            if !(amount < 60 && (minutes == 1 || (amount % 5 == 0 && amount > 0))) {
                return None;
            }
            (i8::try_from(amount).ok()?, used + minutes)
        }
    };
    let before = match text_at(words, at + used) {
        "past" | "after" => false,
        "to" | "till" | "til" | "before" | "of" if first != "half" => true,
        _ if first == "half" => {
            let hour = hour_word(text_at(words, at + used))?;
            return Some((Clock { hour, minute: 30, half: None }, used + 1));
        }
        _ => return None,
    };
    used += 1;
    let noon = text_at(words, at + used) == "noon";
    let hour = if noon { 12 } else { hour_word(text_at(words, at + used))? };
    let hour = if before { if hour == 1 { 12 } else { hour - 1 } } else { hour };
    let minute = if before { 60 - amount } else { amount };
    Some((Clock { hour, minute, half: None }, used + 1))
}

fn hour_word(word: &str) -> Option<i8> {
    word_value(word).and_then(|hour| i8::try_from(hour).ok()).filter(|hour| (1..=12).contains(hour))
}

/// "am", "p m", "in the morning", "at night", "this evening" behind a reading.
fn half_after(words: &[Word], at: usize) -> (Option<Half>, usize) {
    const PHRASES: [(&[&str], Half); 18] = [
        (&["am"], Half::Am),
        (&["a", "m"], Half::Am),
        (&["pm"], Half::Pm),
        (&["p", "m"], Half::Pm),
        (&["in", "the", "morning"], Half::Am),
        (&["in", "the", "afternoon"], Half::Pm),
        (&["in", "the", "evening"], Half::Pm),
        (&["at", "night"], Half::Pm),
        (&["this", "morning"], Half::Am),
        (&["this", "afternoon"], Half::Pm),
        (&["this", "evening"], Half::Pm),
        (&["tonight"], Half::Pm),
        (&["on", "the", "morning"], Half::Am),
        (&["morning"], Half::Am),
        (&["afternoon"], Half::Pm),
        (&["evening"], Half::Pm),
        (&["in", "morning"], Half::Am),
        (&["sharp"], Half::Am),
    ];
    for (phrase, half) in PHRASES {
        if says(words, at, phrase) {
            let half = (phrase[0] != "sharp").then_some(half);
            return (half, phrase.len());
        }
    }
    (None, 0)
}

/// "after ten", "before noon", "between nine and eleven", "from nine to eleven", "ten or later".
fn window(words: &[Word], at: usize) -> Option<(TimeWish, usize)> {
    let two = |link: &[&str]| {
        let (from, used, _) = clock(words, at + 1, false)?;
        if !link.contains(&text_at(words, at + 1 + used)) {
            return None;
        }
        let (to, more, _) = clock(words, at + 2 + used, false)?;
        let from = Clock { half: from.half.or(to.half.filter(|_| from.hour < to.hour && to.hour < 12)), ..from };
        Some((TimeWish::Between(Some(from), Some(to)), 2 + used + more))
    };
    match text_at(words, at) {
        "between" => two(&["and", "to"]),
        "from" => match two(&["to", "till", "til", "until"])? {
            (TimeWish::Between(Some(from), Some(to)), used) => Some((TimeWish::FromTo(from, to), used)),
            other => Some(other),
        },
        "after" | "past" => {
            clock(words, at + 1, false).map(|(from, used, _)| (TimeWish::Between(Some(from), None), 1 + used))
        }
        "before" => clock(words, at + 1, false).map(|(to, used, _)| (TimeWish::Between(None, Some(to)), 1 + used)),
        _ => {
            let (reading, used, _) = clock(words, at, false)?;
            let rest = (text_at(words, at + used), text_at(words, at + used + 1));
            match rest {
                ("or", "later" | "after") | ("and", "later") => {
                    Some((TimeWish::Between(Some(reading), None), used + 2))
                }
                ("or", "earlier" | "before") => Some((TimeWish::Between(None, Some(reading)), used + 2)),
                ("or", _) => {
                    let (other, more, _) = clock(words, at + used + 1, false)?;
                    Some((TimeWish::Between(Some(reading), Some(other)), used + 1 + more))
                }
                _ => None,
            }
        }
    }
}

/// "any time", "whatever you have", "the earliest", "as soon as possible".
fn any_time(words: &[Word], at: usize) -> Option<(TimeWish, usize)> {
    const PHRASES: [&[&str]; 36] = [
        &["the", "latest"],
        &["latest"],
        &["whatever", "youve", "got"],
        &["whatever", "you", "can", "do"],
        &["whatevers", "free"],
        &["whatever", "is", "free"],
        &["you", "pick"],
        &["you", "choose"],
        &["up", "to", "you"],
        &["im", "easy"],
        &["were", "easy"],
        &["soonest"],
        &["any", "time"],
        &["anytime"],
        &["any", "of", "them"],
        &["whenever"],
        &["whatever", "you", "have"],
        &["whatever", "you", "got"],
        &["whatever", "is", "open"],
        &["whatevers", "open"],
        &["whatever", "is", "available"],
        &["whatevers", "available"],
        &["whatever", "works"],
        &["first", "available"],
        &["next", "available"],
        &["the", "earliest"],
        &["earliest"],
        &["as", "early", "as", "possible"],
        &["as", "soon", "as", "possible"],
        &["im", "flexible"],
        &["were", "flexible"],
        &["flexible"],
        &["doesnt", "matter"],
        &["dont", "care"],
        &["dont", "mind"],
        &["right", "now"],
    ];
    PHRASES.iter().find(|phrase| says(words, at, phrase)).map(|phrase| (TimeWish::Any, phrase.len()))
}

/// "in the morning", "tomorrow afternoon", "late morning", "first thing".
fn part(words: &[Word], at: usize) -> Option<(TimeWish, usize)> {
    let lead = match text_at(words, at) {
        "in" if text_at(words, at + 1) == "the" => 2,
        "in" | "this" | "the" => 1,
        _ => 0,
    };
    let shade = match text_at(words, at + lead) {
        "early" | "earlier" => -1,
        "late" | "later" | "mid" => 1,
        _ => 0,
    };
    let in_the = usize::from(shade != 0) * 2 * usize::from(says(words, at + lead + 1, &["in", "the"]));
    let used = lead + usize::from(shade != 0) + in_the;
    if says(words, at, &["first", "thing"]) {
        return Some((TimeWish::Part(Time::MIN, time(8, 30, 0, 0), Half::Am), 2));
    }
    let name = text_at(words, at + used);
    // "Good morning" greets, and so does "Morning, I'd like …".
    let greets = text_before(words, at + used) == "good" || (at == 0 && used == 0 && words.len() > 1);
    if greets {
        return None;
    }
    let (from, to, half) = match (name, shade) {
        ("morning" | "mornings", -1) => (Time::MIN, time(9, 0, 0, 0), Half::Am),
        ("morning" | "mornings", 1) => (time(10, 0, 0, 0), time(12, 0, 0, 0), Half::Am),
        ("morning" | "mornings", _) => (Time::MIN, time(12, 0, 0, 0), Half::Am),
        ("afternoon" | "afternoons", -1) => (time(12, 0, 0, 0), time(14, 0, 0, 0), Half::Pm),
        ("afternoon" | "afternoons", 1) => (time(15, 0, 0, 0), time(18, 0, 0, 0), Half::Pm),
        ("afternoon" | "afternoons", _) => (time(12, 0, 0, 0), time(18, 0, 0, 0), Half::Pm),
        ("evening" | "evenings" | "night", _) => (time(17, 0, 0, 0), time(23, 0, 0, 0), Half::Pm),
        ("lunchtime" | "lunch", _) => (time(11, 30, 0, 0), time(13, 30, 0, 0), Half::Pm),
        _ => return None,
    };
    Some((TimeWish::Part(from, to, half), used + 1))
}

#[cfg(test)]
#[path = "time_tests.rs"]
mod tests;
