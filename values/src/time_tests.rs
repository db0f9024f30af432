//! Tables of spoken times.

use super::*;
use crate::words::words;

const GOLF: Range = Some((time(6, 30, 0, 0), time(16, 10, 0, 0)));
const DINNER: Range = Some((time(7, 0, 0, 0), time(22, 0, 0, 0)));

fn times(text: &str, loose: bool, range: Range) -> Option<(Vec<Time>, usize)> {
    match time_at(&words(text), 0, loose)? {
        (TimeWish::At(clock), used) => Some((resolve(clock, None, range), used)),
        _ => None,
    }
}

#[test]
fn one_of_several_is_no_minute() {
    assert_eq!(
        time_at(&words("the nine twenty one"), 1, false),
        time_at(&words("the nine twenty"), 1, false).map(|(wish, used)| (wish, used + 1))
    );
    assert_eq!(times("nine twenty one", true, GOLF), Some((vec![time(9, 21, 0, 0)], 3)));
}

#[test]
fn reads_the_ways_to_tell_a_time() {
    for (text, hour, minute) in [
        ("at nine", 9, 0),
        ("at 9", 9, 0),
        ("nine in the morning", 9, 0),
        ("9 in the morning", 9, 0),
        ("9 am", 9, 0),
        ("9am", 9, 0),
        ("nine a.m.", 9, 0),
        ("nine a m", 9, 0),
        ("nine o'clock", 9, 0),
        ("at around nine", 9, 0),
        ("half past eight", 8, 30),
        ("half eight", 8, 30),
        ("quarter to nine", 8, 45),
        ("a quarter to nine", 8, 45),
        ("quarter of nine", 8, 45),
        ("quarter past 9", 9, 15),
        ("ten to nine", 8, 50),
        ("twenty past nine", 9, 20),
        ("five minutes after nine", 9, 5),
        ("quarter to one", 12, 45),
        ("7:40 am", 7, 40),
        ("7:40", 7, 40),
        ("7.40", 7, 40),
        ("at 740", 7, 40),
        ("1030 am", 10, 30),
        ("ten thirty", 10, 30),
        ("at ten thirty", 10, 30),
        ("ten thirty-five", 10, 35),
        ("nine oh five", 9, 5),
        ("9 30", 9, 30),
        ("two thirty", 14, 30),
        ("at two", 14, 0),
        ("3 in the afternoon", 15, 0),
        ("15:20", 15, 20),
        ("noon", 12, 0),
        ("twelve noon", 12, 0),
        ("at twelve", 12, 0),
        ("midnight", 0, 0),
        ("12 am", 0, 0),
        ("6:45", 6, 45),
        ("eight pm", 20, 0),
        ("by nine", 9, 0),
        ("for two thirty", 14, 30),
    ] {
        let (read, used) = times(text, false, GOLF).unwrap_or_else(|| panic!("{text} is no time"));
        assert_eq!(read, [time(hour, minute, 0, 0)], "{text}");
        assert_eq!(used, words(text).len(), "{text}");
    }
}

#[test]
fn takes_bare_and_misheard_numbers_only_when_a_time_was_asked_for() {
    for (text, hour) in [("nine", 9), ("9", 9), ("ate", 8), ("to", 14), ("eleven", 11)] {
        assert_eq!(times(text, true, GOLF).map(|read| read.0), Some(vec![time(hour, 0, 0, 0)]), "{text}");
        assert_eq!(times(text, false, GOLF), None, "{text}");
    }
}

#[test]
fn does_not_take_quantities_for_times() {
    for text in [
        "four people",
        "nine holes",
        "at 45 dollars",
        "two weeks",
        "99",
        "4821",
        "at 9999",
        "25:99",
        "seven.",
        "four of us",
    ] {
        assert_eq!(times(text, false, GOLF), None, "{text}");
    }
    assert_eq!(times("nine holes", true, GOLF), None);
}

#[test]
fn asks_when_both_halves_of_the_day_are_possible() {
    assert_eq!(times("at eight", false, DINNER).unwrap().0, [time(8, 0, 0, 0), time(20, 0, 0, 0)]);
    assert_eq!(times("at seven pm", false, DINNER).unwrap().0, [time(19, 0, 0, 0)]);
    assert_eq!(times("at six", false, DINNER).unwrap().0, [time(18, 0, 0, 0)]);
    assert_eq!(times("at five", false, GOLF).unwrap().0, [time(17, 0, 0, 0)]);
}

#[test]
fn reads_windows_and_parts_of_the_day() {
    let window = |text: &str| match time_at(&words(text), 0, false) {
        Some((TimeWish::FromTo(from, to), used)) if used == words(text).len() => {
            Some((resolve(from, None, GOLF)[0].hour(), resolve(to, None, GOLF)[0].hour()))
        }
        Some((TimeWish::Between(from, to), used)) if used == words(text).len() => {
            let end = |clock: Option<Clock>| clock.map_or(-1, |clock| resolve(clock, None, GOLF)[0].hour());
            Some((end(from), end(to)))
        }
        Some((TimeWish::Part(from, to, _), used)) if used == words(text).len() => Some((from.hour(), to.hour())),
        Some((TimeWish::Any, used)) if used == words(text).len() => Some((-1, -1)),
        _ => None,
    };
    for (text, expected) in [
        ("after ten", (10, -1)),
        ("before noon", (-1, 12)),
        ("between nine and eleven", (9, 11)),
        ("from nine to eleven am", (9, 11)),
        ("nine or later", (9, -1)),
        ("nine or nine thirty", (9, 9)),
        ("in the afternoon", (12, 18)),
        ("this morning", (0, 12)),
        ("late morning", (10, 12)),
        ("late in the afternoon", (15, 18)),
        ("first thing", (0, 8)),
        ("any time", (-1, -1)),
        ("whatever you have", (-1, -1)),
    ] {
        assert_eq!(window(text), Some(expected), "{text}");
    }
    assert_eq!(window("good morning"), None);
    assert_eq!(window("morning, I'd like to book"), None);
}
