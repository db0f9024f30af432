//! Whole strings as values: examples, and what holds for every string.

use jiff::civil::{Date, Time};
use proptest::prelude::*;

use super::*;
use crate::words::phrase;

/// Monday, November 23rd, 2026, in the morning.
fn context() -> Context {
    Context {
        now: "2026-11-23T09:05:00[America/Los_Angeles]".parse().unwrap(),
        range: None,
        units: vec!["player".into(), "players".into()],
    }
}

fn code() -> Kind {
    Kind::Code(CodeShape { classes: CodeShape::from_pattern("^[A-Z]{2}[0-9]{4}$").unwrap(), prefix: "GV".into() })
}

fn choice() -> Kind {
    let choice = |value: &str, said: &str| Choice { value: value.into(), phrases: vec![phrase(value), phrase(said)] };
    Kind::Choice(vec![choice("window", "by the window"), choice("terrace", "outside")])
}

/// The value of `text` as a tool call would hold it.
fn text_of(kind: &Kind, text: &str) -> Option<String> {
    read(kind, text, &context()).map(|value| value.to_text())
}

#[test]
fn reads_what_machines_and_people_write_for_a_value() {
    for (kind, text, expected) in [
        (Kind::Date, "2026-11-28", "2026-11-28"),
        (Kind::Date, "2026-11-28T09:00", "2026-11-28"),
        (Kind::Date, "2026-11-28T02:00:00Z", "2026-11-27"),
        (Kind::Date, "tomorrow", "2026-11-24"),
        (Kind::Date, "this Friday", "2026-11-27"),
        (Kind::Date, "next Friday please", "2026-12-04"),
        (Kind::Date, "11/28/26", "2026-11-28"),
        (Kind::Date, "um, the 28th", "2026-11-28"),
        (Kind::Time, "09:00", "09:00"),
        (Kind::Time, "01:00", "01:00"),
        (Kind::Time, "1:00", "13:00"),
        (Kind::Time, "9am", "09:00"),
        (Kind::Time, "noon", "12:00"),
        (Kind::Time, "midnight", "00:00"),
        (Kind::Time, "half past nine", "09:30"),
        (Kind::Time, "7 in the evening", "19:00"),
        (Kind::Time, "2026-11-28T17:30:00Z", "09:30"),
        (Kind::Count, "4", "4"),
        (Kind::Count, "four players", "4"),
        (Kind::Count, "just me", "1"),
        (Kind::Count, "a foursome", "4"),
        (Kind::Count, "for", "4"),
        (Kind::Name, "it's under johnson", "Johnson"),
        (Kind::Name, "Sarah Johnson", "Sarah Johnson"),
        (code(), "gv 4821", "GV4821"),
        (code(), "golf victor four eight two one", "GV4821"),
        (code(), "4821", "GV4821"),
        (Kind::Phone("+1".into()), "(555) 123-4567", "+15551234567"),
        (Kind::Phone("+1".into()), "+49 30 1234567", "+49301234567"),
        (Kind::Phone(String::new()), "five five five one two one two", "5551212"),
        (Kind::Email, "Sarah.J@example.com", "sarah.j@example.com"),
        (Kind::Email, "sarah at example dot com", "sarah@example.com"),
        (choice(), "Window", "window"),
        (choice(), "somewhere outside please", "terrace"),
        (Kind::Flag, "true", "true"),
        (Kind::Flag, "no thanks", "false"),
        (Kind::Text, "  no nuts ", "no nuts"),
    ] {
        assert_eq!(text_of(&kind, text).as_deref(), Some(expected), "{text}");
    }
}

#[test]
fn leaves_alone_what_is_doubtful_or_more_than_the_value() {
    for (kind, text) in [
        (Kind::Date, "this weekend"),
        (Kind::Date, "Sunday the 28th"),
        (Kind::Date, "June 31st"),
        (Kind::Date, "Saturday at nine"),
        (Kind::Date, "Saturday or Sunday"),
        (Kind::Date, ""),
        (Kind::Time, "in the morning"),
        (Kind::Time, "between nine and ten"),
        (Kind::Time, "25:00"),
        (Kind::Count, "a few"),
        (Kind::Count, "four at nine"),
        (Kind::Name, "Johnson and Smith"),
        (Kind::Name, "nobody"),
        (code(), "4"),
        (code(), "GV48213"),
        (Kind::Phone(String::new()), "12"),
        (Kind::Email, "at home"),
        (choice(), "window or terrace"),
        (Kind::Flag, "perhaps"),
        (Kind::Text, "  "),
    ] {
        assert_eq!(text_of(&kind, text), None, "{text}");
    }
}

#[test]
fn a_bare_hour_is_inside_the_opening_range() {
    let evening =
        Context { range: Some((jiff::civil::time(17, 0, 0, 0), jiff::civil::time(23, 0, 0, 0))), ..context() };
    let eight = |context| read(&Kind::Time, "eight", context).map(|value| value.to_text());
    assert_eq!(eight(&evening).as_deref(), Some("20:00"));
    assert_eq!(eight(&context()).as_deref(), Some("08:00"));
}

fn kinds() -> Vec<Kind> {
    let free = CodeShape { classes: Vec::new(), prefix: String::new() };
    vec![
        Kind::Date,
        Kind::Time,
        Kind::WindowStart,
        Kind::WindowEnd,
        Kind::Count,
        Kind::Name,
        code(),
        Kind::Code(free),
        Kind::Phone("+1".into()),
        Kind::Phone(String::new()),
        Kind::Email,
        choice(),
        Kind::Flag,
        Kind::Text,
    ]
}

fn kind() -> impl Strategy<Value = Kind> {
    proptest::sample::select(kinds())
}

fn date() -> impl Strategy<Value = Date> {
    (1990_i16..2150, 1_i8..=12, 1_i8..=28).prop_map(|(year, month, day)| Date::constant(year, month, day))
}

fn time() -> impl Strategy<Value = Time> {
    (0_i8..24, 0_i8..60).prop_map(|(hour, minute)| Time::constant(hour, minute, 0, 0))
}

/// Values that exist, with the kind they are of.
fn value() -> impl Strategy<Value = (Kind, Value)> {
    prop_oneof![
        date().prop_map(|day| (Kind::Date, Value::Date(day))),
        time().prop_map(|time| (Kind::Time, Value::Time(time))),
        time().prop_map(|time| (Kind::WindowEnd, Value::Time(time))),
        (0_u64..999_999_999).prop_map(|count| (Kind::Count, Value::Count(count))),
        "[A-Z]{2}[0-9]{4}".prop_map(|text| (code(), Value::Text(text))),
        "\\+1[2-9][0-9]{9}".prop_map(|text| (Kind::Phone("+1".into()), Value::Text(text))),
        "[1-9][0-9]{6,9}".prop_map(|text| (Kind::Phone(String::new()), Value::Text(text))),
        "[a-z]{1,8}[._]?[a-z0-9]{1,8}@[a-z]{1,8}\\.(com|org)".prop_map(|text| (Kind::Email, Value::Text(text))),
        any::<bool>().prop_map(|flag| (Kind::Flag, Value::Flag(flag))),
        proptest::sample::select(vec!["window", "terrace"]).prop_map(|text| (choice(), Value::Text(text.into()))),
    ]
}

/// Words callers use, in any order.
const SAID: [&str; 48] = [
    "tomorrow",
    "Saturday",
    "next",
    "this",
    "the",
    "28th",
    "November",
    "weekend",
    "nine",
    "thirty",
    "half",
    "past",
    "quarter",
    "to",
    "for",
    "four",
    "people",
    "players",
    "me",
    "my",
    "wife",
    "and",
    "am",
    "pm",
    "in",
    "morning",
    "noon",
    "G",
    "V",
    "golf",
    "victor",
    "4821",
    "double",
    "eight",
    "oh",
    "Johnson",
    "O'Brien",
    "under",
    "Smith-Jones",
    "sarah",
    "at",
    "dot",
    "com",
    "window",
    "yes",
    "no",
    "please",
    "11/28/26",
];

fn speech() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => proptest::collection::vec(proptest::sample::select(SAID.to_vec()), 0..6).prop_map(|words| words.join(" ")),
        1 => "\\PC{0,40}",
        1 => any::<String>(),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, ..ProptestConfig::default() })]

    #[test]
    fn a_formatted_value_reads_back_as_itself((kind, value) in value()) {
        prop_assert_eq!(read(&kind, &value.to_text(), &context()), Some(value));
    }

    #[test]
    fn what_was_read_once_reads_the_same_again(kind in kind(), said in speech()) {
        if let Some(value) = read(&kind, &said, &context()) {
            prop_assert_eq!(read(&kind, &value.to_text(), &context()), Some(value));
        }
    }

    #[test]
    fn no_string_and_no_day_panics(kind in kind(), said in speech(), day in -9_999_i16..=9_999) {
        let now = Date::constant(day, 12, 31).at(23, 59, 0, 0).to_zoned(jiff::tz::TimeZone::UTC);
        if let Ok(now) = now {
            let _ = read(&kind, &said, &Context { now, ..context() });
        }
    }
}
