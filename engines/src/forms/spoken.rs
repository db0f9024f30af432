//! Values as the agent speaks them: "Saturday, November 28th", "9:00 AM", "G V 4 8 2 1", "$45".

use jiff::civil::{Date, Time};
use serde_json::Value as Json;
use voice_values::{Kind, Value, clock_text};

/// How a value is spoken, when a template does not leave that to its kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Filter {
    /// "Saturday, November 28th".
    Date,
    /// "9:00 AM".
    Time,
    /// "G V 4 8 2 1".
    Code,
    /// "555-123-4567".
    Phone,
    /// "$45".
    Money,
    /// Without its unit.
    Number,
    /// As it is.
    Plain,
}

impl Filter {
    /// The filter a template names.
    pub(crate) fn named(name: &str) -> Option<Self> {
        Some(match name {
            "date" => Self::Date,
            "time" => Self::Time,
            "code" => Self::Code,
            "phone" => Self::Phone,
            "money" => Self::Money,
            "number" => Self::Number,
            "plain" => Self::Plain,
            _ => return None,
        })
    }

    fn of(kind: &Kind) -> Self {
        match kind {
            Kind::Date => Self::Date,
            Kind::Time | Kind::WindowStart | Kind::WindowEnd => Self::Time,
            Kind::Code(_) => Self::Code,
            Kind::Phone(_) => Self::Phone,
            _ => Self::Plain,
        }
    }
}

/// A value of a form, with the unit of its field.
pub(crate) fn value(
    value: &Value,
    kind: &Kind,
    unit: Option<&(String, String)>,
    filter: Option<Filter>,
    today: Date,
) -> String {
    let text = match value {
        Value::Date(day) => return date(*day, today),
        Value::Time(at) => return time(*at),
        Value::Count(count) => match unit.filter(|_| filter.is_none()) {
            Some((one, _)) if *count == 1 => return format!("1 {one}"),
            Some((_, many)) => return format!("{count} {many}"),
            None => return count.to_string(),
        },
        Value::Flag(flag) => return if *flag { "yes" } else { "no" }.to_owned(),
        Value::Text(text) => text,
    };
    match filter.unwrap_or_else(|| Filter::of(kind)) {
        Filter::Code => code(text),
        Filter::Phone => phone(text),
        _ => text.replace('_', " "),
    }
}

/// A value of a tool's result.
pub(crate) fn json(json: &Json, filter: Option<Filter>, today: Date) -> Option<String> {
    let text = match json {
        Json::String(text) => text.clone(),
        Json::Number(number) => {
            let money = filter == Some(Filter::Money);
            return Some(if money { self::money(number.as_f64()?) } else { number.to_string() });
        }
        Json::Bool(flag) => return Some(if *flag { "yes" } else { "no" }.to_owned()),
        _ => return None,
    };
    Some(match filter {
        Some(Filter::Date) => text.get(..10).and_then(|day| day.parse().ok()).map_or(text, |day| date(day, today)),
        Some(Filter::Time) => clock_text(&text).map_or(text, time),
        Some(Filter::Code) => code(&text),
        Some(Filter::Phone) => phone(&text),
        _ => text,
    })
}

/// "Saturday, November 28th", with its year when that is not obvious.
pub(crate) fn date(day: Date, today: Date) -> String {
    let ending = match day.day() {
        1 | 21 | 31 => "st",
        2 | 22 => "nd",
        3 | 23 => "rd",
        _ => "th",
    };
    let near = today.until(day).is_ok_and(|span| (-30..=300).contains(&span.get_days()));
    let year = if near { String::new() } else { format!(", {}", day.year()) };
    format!("{} {}{ending}{year}", day.strftime("%A, %B"), day.day())
}

/// "9:00 AM".
pub(crate) fn time(at: Time) -> String {
    let half = if at.hour() < 12 { "AM" } else { "PM" };
    let hour = if at.hour() % 12 == 0 { 12 } else { at.hour() % 12 };
    format!("{hour}:{:02} {half}", at.minute())
}

/// One character after the other.
pub(crate) fn code(text: &str) -> String {
    let spaced: Vec<String> = text.chars().filter(|c| c.is_alphanumeric()).map(String::from).collect();
    spaced.join(" ")
}

/// Digits in groups, as numbers are read out.
pub(crate) fn phone(text: &str) -> String {
    let digits: String = text.chars().filter(char::is_ascii_digit).collect();
    let national = digits.strip_prefix('1').filter(|rest| rest.len() == 10).unwrap_or(&digits);
    match national.len() {
        10 => format!("{}-{}-{}", &national[..3], &national[3..6], &national[6..]),
        7 => format!("{}-{}", &national[..3], &national[3..]),
        _ => code(national),
    }
}

fn money(amount: f64) -> String {
    if amount.fract() == 0.0 { format!("${amount:.0}") } else { format!("${amount:.2}") }
}

/// "a", "a or b", "a, b or c".
pub(crate) fn either(options: &[String]) -> String {
    match options {
        [] => String::new(),
        [one] => one.clone(),
        [first @ .., last] => format!("{} or {last}", first.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use jiff::civil;
    use serde_json::json;

    use super::*;

    #[test]
    fn speaks_dates_and_times() {
        let today = civil::date(2026, 11, 23);
        for (day, expected) in [
            (civil::date(2026, 11, 28), "Saturday, November 28th"),
            (civil::date(2026, 12, 1), "Tuesday, December 1st"),
            (civil::date(2026, 12, 22), "Tuesday, December 22nd"),
            (civil::date(2027, 1, 3), "Sunday, January 3rd"),
            (civil::date(2026, 12, 11), "Friday, December 11th"),
            (civil::date(2028, 2, 29), "Tuesday, February 29th, 2028"),
        ] {
            assert_eq!(date(day, today), expected);
        }
        for (hour, minute, expected) in
            [(9, 0, "9:00 AM"), (12, 5, "12:05 PM"), (0, 0, "12:00 AM"), (16, 10, "4:10 PM")]
        {
            assert_eq!(time(civil::time(hour, minute, 0, 0)), expected);
        }
    }

    #[test]
    fn speaks_codes_phones_and_money() {
        let today = civil::date(2026, 11, 23);
        let say = |value: Json, filter| super::json(&value, filter, today);
        assert_eq!(say(json!("GV4821"), Some(Filter::Code)).unwrap(), "G V 4 8 2 1");
        assert_eq!(say(json!("+15551234567"), Some(Filter::Phone)).unwrap(), "555-123-4567");
        assert_eq!(say(json!(180.0), Some(Filter::Money)).unwrap(), "$180");
        assert_eq!(say(json!(45.5), Some(Filter::Money)).unwrap(), "$45.50");
        assert_eq!(say(json!("2026-11-28"), Some(Filter::Date)).unwrap(), "Saturday, November 28th");
        assert_eq!(say(json!("soon"), Some(Filter::Time)).unwrap(), "soon");
        assert_eq!(say(json!({}), None), None);
        assert_eq!(either(&["a".into(), "b".into(), "c".into()]), "a, b or c");
    }
}
