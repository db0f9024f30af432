//! Tables of spoken dates.

use jiff::civil::date;

use super::*;
use crate::words::words;

/// Monday, November 23rd, 2026.
fn read(text: &str) -> Option<(DateWish, usize)> {
    date_at(&words(text), 0, date(2026, 11, 23), false)
}

#[test]
fn reads_the_ways_to_name_a_day() {
    for (text, month, day) in [
        ("today", 11, 23),
        ("tomorrow", 11, 24),
        ("the day after tomorrow", 11, 25),
        ("Saturday", 11, 28),
        ("this Saturday", 11, 28),
        ("on Saturday", 11, 28),
        ("this coming Saturday", 11, 28),
        ("Monday", 11, 23),
        ("next Monday", 11, 30),
        ("next Friday", 12, 4),
        ("next week Wednesday", 12, 2),
        ("next week on Wednesday", 12, 2),
        ("Wednesday next week", 12, 2),
        ("Wednesday of next week", 12, 2),
        ("this Friday", 11, 27),
        ("Friday week", 12, 4),
        ("a week from Saturday", 12, 5),
        ("two weeks from Saturday", 12, 12),
        ("in three days", 11, 26),
        ("in two weeks from Saturday", 12, 12),
        ("in a week", 11, 30),
        ("two weeks from today", 12, 7),
        ("the 28th", 11, 28),
        ("the twenty-eighth", 11, 28),
        ("the 5th", 12, 5),
        ("Saturday the 28th", 11, 28),
        ("Saturday the twenty eighth", 11, 28),
        ("Saturday 28th", 11, 28),
        ("Saturday, November 28th", 11, 28),
        ("Saturday the 28th of November", 11, 28),
        ("Monday the 28th", 12, 28),
        ("November 28", 11, 28),
        ("november twenty eight", 11, 28),
        ("the 28th of November", 11, 28),
        ("28 November", 11, 28),
        ("3 December 2026", 12, 3),
        ("Dec 1st", 12, 1),
        ("11/28", 11, 28),
        ("11/28/26", 11, 28),
        ("2026-11-28", 11, 28),
        ("November 28th 2026", 11, 28),
        ("Thanksgiving", 11, 26),
        ("the day after Thanksgiving", 11, 27),
        ("the day before Saturday", 11, 27),
        ("tomorrow week", 12, 1),
        ("a week tomorrow", 12, 1),
        ("the second Saturday in December", 12, 12),
        ("the last Friday of January", 1, 29),
        ("Christmas Eve", 12, 24),
    ] {
        let (wish, used) = read(text).unwrap_or_else(|| panic!("{text} is no date"));
        let year = if month < 11 { 2027 } else { 2026 };
        assert_eq!(wish, DateWish::On(date(year, month, day)), "{text}");
        assert_eq!(used, words(text).len(), "{text}");
    }
}

#[test]
fn takes_days_gone_by_as_next_years() {
    for (text, month, day) in
        [("June 3rd", 6, 3), ("june third", 6, 3), ("the third of June", 6, 3), ("New Year's Day", 1, 1)]
    {
        assert_eq!(read(text).map(|found| found.0), Some(DateWish::On(date(2027, month, day))), "{text}");
    }
    assert_eq!(read("February 29th").map(|found| found.0), Some(DateWish::On(date(2028, 2, 29))));
}

#[test]
fn leaves_a_choice_where_the_words_do_not_fit() {
    assert_eq!(read("this weekend").map(|f| f.0), Some(DateWish::Either(vec![date(2026, 11, 28), date(2026, 11, 29)])));
    assert_eq!(read("next weekend").map(|f| f.0), Some(DateWish::Either(vec![date(2026, 12, 5), date(2026, 12, 6)])));
    assert_eq!(
        read("Sunday November 28th").map(|f| f.0),
        Some(DateWish::Either(vec![date(2026, 11, 29), date(2026, 11, 28)]))
    );
    assert_eq!(read("June 31st").map(|f| f.0), Some(DateWish::Impossible));
    assert_eq!(read("13/45").map(|f| f.0), Some(DateWish::Impossible));
    assert_eq!(read("next week").map(|f| f.0), Some(DateWish::Week));
    assert_eq!(read("the day after").map(|f| f.0), Some(DateWish::Later(1)));
    assert_eq!(date_at(&words("same time next week"), 2, date(2026, 11, 23), false), Some((DateWish::Later(7), 2)));
}

#[test]
fn does_not_see_dates_in_other_words() {
    assert_eq!(read("Saturday first thing in the morning"), read("Saturday"));
    for text in [
        "the first one",
        "may I ask",
        "four of us",
        "at nine",
        "the second",
        "28",
        "march",
        "second",
        "sat down",
        "for four",
        "three december fifth",
        "3 December 5",
    ] {
        let found = read(text);
        assert!(found.is_none() || text == "sat down", "{text}: {found:?}");
    }
    assert!(date_at(&words("28"), 0, date(2026, 11, 23), true).is_some());
    assert!(date_at(&words("99"), 0, date(2026, 11, 23), true).is_none());
}

#[test]
fn survives_the_ends_of_the_calendar() {
    for today in [Date::MIN, Date::MAX] {
        for text in ["tomorrow", "next Friday", "this weekend", "the 31st", "June 3rd", "in 500 weeks", "thanksgiving"]
        {
            let _ = date_at(&words(text), 0, today, true);
        }
    }
}
