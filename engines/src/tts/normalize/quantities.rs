//! Reads numbers that count or measure: whole and decimal numbers, ordinals, percentages, ranges,
//! fractions, units, degrees and years.

use super::super::numbers::{TOO_LARGE, cardinal, digits, ordinal, year};
use super::super::tokens::Script;
use super::{Ahead, Reading};

/// Units and their words for one and for many.
const UNITS: [(&str, &str, &str); 40] = [
    ("km", "kilometer", "kilometers"),
    ("cm", "centimeter", "centimeters"),
    ("mm", "millimeter", "millimeters"),
    ("m", "meter", "meters"),
    ("kg", "kilogram", "kilograms"),
    ("g", "gram", "grams"),
    ("mg", "milligram", "milligrams"),
    ("lb", "pound", "pounds"),
    ("lbs", "pound", "pounds"),
    ("oz", "ounce", "ounces"),
    ("ft", "foot", "feet"),
    ("in", "inch", "inches"),
    ("mi", "mile", "miles"),
    ("yd", "yard", "yards"),
    ("yds", "yard", "yards"),
    ("ml", "milliliter", "milliliters"),
    ("gal", "gallon", "gallons"),
    ("mph", "mile per hour", "miles per hour"),
    ("kph", "kilometer per hour", "kilometers per hour"),
    ("km/h", "kilometer per hour", "kilometers per hour"),
    ("Hz", "hertz", "hertz"),
    ("kHz", "kilohertz", "kilohertz"),
    ("MHz", "megahertz", "megahertz"),
    ("GHz", "gigahertz", "gigahertz"),
    ("KB", "kilobyte", "kilobytes"),
    ("MB", "megabyte", "megabytes"),
    ("GB", "gigabyte", "gigabytes"),
    ("TB", "terabyte", "terabytes"),
    ("hr", "hour", "hours"),
    ("hrs", "hour", "hours"),
    ("min", "minute", "minutes"),
    ("mins", "minute", "minutes"),
    ("sec", "second", "seconds"),
    ("secs", "second", "seconds"),
    ("ms", "millisecond", "milliseconds"),
    ("kW", "kilowatt", "kilowatts"),
    ("kWh", "kilowatt hour", "kilowatt hours"),
    ("pct", "percent", "percent"),
    ("%", "percent", "percent"),
    ("sq", "square", "square"),
];

/// Units that are also everyday words or letters and so count only right behind the digits.
const ATTACHED_ONLY: [&str; 4] = ["in", "m", "g", "sq"];

/// A number as written: digits with grouping commas and an optional fraction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Number<'t> {
    pub(super) whole: u64,
    pub(super) fraction: Option<&'t str>,
    grouped: bool,
    /// How many digits the whole part is written with.
    written: usize,
    leading_zero: bool,
}

impl<'t> Number<'t> {
    pub(super) fn parse(text: &'t str) -> Option<Self> {
        let (whole, fraction) = text.split_once('.').map_or((text, None), |(whole, fraction)| (whole, Some(fraction)));
        let is_digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
        if fraction.is_some_and(|fraction| !is_digits(fraction)) || whole.is_empty() && fraction.is_none() {
            return None;
        }
        let grouped = whole.contains(',');
        let well_grouped = !grouped
            || whole
                .split(',')
                .enumerate()
                .all(|(at, group)| if at == 0 { (1..=3).contains(&group.len()) } else { group.len() == 3 });
        let digits = whole.replace(',', "");
        if !well_grouped || !whole.is_empty() && !is_digits(&digits) {
            return None;
        }
        let value = if digits.is_empty() { 0 } else { digits.parse().ok().filter(|value| *value < TOO_LARGE)? };
        Some(Self {
            whole: value,
            fraction,
            grouped,
            written: digits.len(),
            leading_zero: digits.len() > 1 && digits.starts_with('0'),
        })
    }

    pub(super) fn is_one(&self) -> bool {
        self.whole == 1 && self.fraction.is_none()
    }
}

/// A number that counts: "fourteen point two".
pub(super) fn say_number(number: &Number<'_>, script: &mut Script) {
    if number.written > 0 {
        script.words(cardinal(number.whole));
    }
    if let Some(fraction) = number.fraction {
        script.unstressed("point");
        script.words(digits(fraction));
    }
}

pub(super) fn read(ahead: Ahead<'_, '_>, script: &mut Script) -> Option<Reading> {
    let core = ahead.core(0);
    if !core.contains(|c: char| c.is_ascii_digit()) {
        return None;
    }
    measure(ahead, script)
        .or_else(|| ordinal_number(core, script))
        .or_else(|| decade(core, script))
        .or_else(|| fraction(core, script))
        .or_else(|| ratio(core, script))
        .or_else(|| plain(ahead, script))
}

/// "10-15 mph", "85°F", "10%", "6 ft", "3-5 players".
fn measure(ahead: Ahead<'_, '_>, script: &mut Script) -> Option<Reading> {
    let core = ahead.core(0);
    let unit_at = core.rfind(|c: char| c.is_ascii_digit())? + 1;
    let (numbers, attached) = core.split_at(unit_at);
    let (unit, chunks) = match unit_words(attached) {
        Some(unit) => (Some(unit), 1),
        None if attached.is_empty() => {
            let following = ahead.core(1);
            let unit = unit_words(following).filter(|_| !ATTACHED_ONLY.contains(&following));
            (unit, if unit.is_some() { 2 } else { 1 })
        }
        None => return None,
    };
    let (negative, numbers) = numbers.strip_prefix(['-', '−']).map_or((false, numbers), |rest| (true, rest));
    let is_plain = unit.is_none() && !negative;
    let last = if let Some((first, last)) = numbers.split_once(['-', '–']) {
        let (first, last) = (Number::parse(first)?, Number::parse(last)?);
        say_in_context(&first, script);
        script.word("to");
        say_in_context(&last, script);
        last
    } else if is_plain {
        return None;
    } else {
        if negative {
            script.word("minus");
        }
        let number = Number::parse(numbers)?;
        say_number(&number, script);
        number
    };
    if let Some([one, many]) = unit {
        if chunks == 2 {
            script.speak_from(ahead.chunk(1)?.at);
        }
        let words = if last.is_one() && !numbers.contains(['-', '–']) { one } else { many };
        script.words(words.split(' '));
    }
    Some(if ahead.core(chunks - 1).len() <= 4 && chunks == 2 { Reading::abbreviation(2) } else { Reading::of(chunks) })
}

fn unit_words(unit: &str) -> Option<[&'static str; 2]> {
    match unit {
        "°" => Some(["degree", "degrees"]),
        "°F" => Some(["degree Fahrenheit", "degrees Fahrenheit"]),
        "°C" => Some(["degree Celsius", "degrees Celsius"]),
        _ => UNITS.iter().find(|(name, ..)| *name == unit).map(|(_, one, many)| [*one, *many]),
    }
}

/// "3rd", "1,000th".
fn ordinal_number(core: &str, script: &mut Script) -> Option<Reading> {
    let bare = ["st", "nd", "rd", "th"].into_iter().find_map(|ending| core.strip_suffix(ending))?;
    let number = Number::parse(bare).filter(|number| number.fraction.is_none())?;
    script.words(ordinal(number.whole));
    Some(Reading::of(1))
}

/// "1990s", "the 80s".
fn decade(core: &str, script: &mut Script) -> Option<Reading> {
    let bare = core.strip_suffix("'s").or_else(|| core.strip_suffix("’s")).or_else(|| core.strip_suffix('s'))?;
    let number = Number::parse(bare.trim_start_matches(['\'', '’']))?;
    let mut words = if number.written == 4 { year(number.whole) } else { cardinal(number.whole) };
    let last = words.pop()?;
    script.words(words);
    script.word(&last.strip_suffix('y').map_or_else(|| format!("{last}s"), |stem| format!("{stem}ies")));
    Some(Reading::of(1))
}

/// "3/4" as "three quarters".
fn fraction(core: &str, script: &mut Script) -> Option<Reading> {
    let (above, below) = core.split_once('/')?;
    let (above, below) = (Number::parse(above)?, Number::parse(below)?);
    if above.fraction.is_some() || below.fraction.is_some() {
        return None;
    }
    let name = match below.whole {
        2 => Some(["half", "halves"]),
        3 => Some(["third", "thirds"]),
        4 => Some(["quarter", "quarters"]),
        5 => Some(["fifth", "fifths"]),
        8 => Some(["eighth", "eighths"]),
        10 => Some(["tenth", "tenths"]),
        _ => None,
    };
    script.words(cardinal(above.whole));
    match name.filter(|_| above.whole < below.whole) {
        Some([one, many]) => script.word(if above.whole == 1 { one } else { many }),
        // "24/7" and whatever else two numbers may be.
        None => script.words(cardinal(below.whole)),
    }
    Some(Reading::of(1))
}

/// "16:9", "3x".
fn ratio(core: &str, script: &mut Script) -> Option<Reading> {
    if let Some(times) = core.strip_suffix(['x', 'X', '×']) {
        say_number(&Number::parse(times)?, script);
        script.word("times");
        return Some(Reading::of(1));
    }
    let (left, right) = core.split_once(':')?;
    let (left, right) = (Number::parse(left)?, Number::parse(right)?);
    say_number(&left, script);
    script.word("to");
    say_number(&right, script);
    Some(Reading::of(1))
}

/// A number on its own.
fn plain(ahead: Ahead<'_, '_>, script: &mut Script) -> Option<Reading> {
    let core = ahead.core(0);
    let bare = core.strip_prefix(['#', '№']).or_else(|| core.strip_prefix('+')).unwrap_or(core);
    let Some(number) = Number::parse(bare) else {
        return long_digits(bare, script);
    };
    match core.chars().next() {
        Some('#' | '№') => script.word("number"),
        Some('+') => script.word("plus"),
        _ => {}
    }
    let begins_address = ahead.core(1).starts_with(char::is_uppercase);
    if begins_address && number.written == 4 && !number.grouped && number.fraction.is_none() && number.whole % 100 != 0
    {
        // A house number: "forty eight twenty one Fairway Drive".
        script.words(year(number.whole));
    } else {
        say_in_context(&number, script);
    }
    Some(Reading::of(1))
}

/// Years are read in pairs, numbers with leading zeros digit by digit.
fn say_in_context(number: &Number<'_>, script: &mut Script) {
    let bare = number.fraction.is_none() && !number.grouped;
    if bare && number.leading_zero {
        script.words(std::iter::repeat_n("zero", number.written - cardinal_width(number.whole)));
        script.words(digits(&number.whole.to_string()));
    } else if bare && number.written == 4 && (1100..2100).contains(&number.whole) {
        script.words(year(number.whole));
    } else {
        say_number(number, script);
    }
}

fn cardinal_width(whole: u64) -> usize {
    whole.to_string().len()
}

fn long_digits(core: &str, script: &mut Script) -> Option<Reading> {
    let only_digits = core.bytes().all(|byte| byte.is_ascii_digit() || byte == b',' || byte == b'.' || byte == b'-');
    only_digits.then(|| {
        script.words(digits(core));
        Reading::of(1)
    })
}
