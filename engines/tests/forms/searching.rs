//! Searching: lists that are offered and picked from.

use super::golf::golf;

#[test]
fn lists_at_most_three_times_and_books_the_one_picked() {
    golf().play(
        r#"
        caller What tee times do you have on Saturday?
        agent  how many players
        caller three of us
        tool   searchTeeTimes {"date":"2026-11-28","players":3}
        agent  6:30 AM, 6:40 AM or 6:50 AM
        caller around nine would be better
        agent  What name
        caller Kim
        agent  at 9:00 AM for 3 players
        caller yes
        tool   bookTeeTime {"date":"2026-11-28","time":"09:00","players":3,"name":"Kim"}
        "#,
    );
}

#[test]
fn answers_whether_a_time_is_open() {
    golf().play(
        r#"
        caller Do you have anything open at nine on Saturday for four?
        tool   searchTeeTimes {"date":"2026-11-28","players":4}
        agent  Yes, 9:00 AM is open on Saturday, November 28th
        caller sure
        agent  What name
        caller Wong
        agent  at 9:00 AM for 4 players, under the name Wong
        "#,
    );
    golf().play(
        r#"
        caller is there a tee time available at nine on December 5th for two people
        tool   searchTeeTimes {"date":"2026-12-05","players":2}
        agent  9:00 AM isn't open
        agent  8:40 AM, 8:50 AM or 9:20 AM
        caller what about ten past nine
        agent  9:10 AM isn't open
        caller the latest one
        agent  What name
        "#,
    );
}

#[test]
fn looks_at_another_day_when_one_is_full() {
    golf().play(
        r#"
        caller what's available on Thanksgiving morning for two
        tool   searchTeeTimes {"date":"2026-11-26","players":2,"after":"06:30","before":"12:00"}
        agent  nothing is open
        agent  which day
        caller the day after tomorrow
        tool   searchTeeTimes {"date":"2026-11-25","players":2}
        agent  On Wednesday, November 25th I have
        caller no, Friday
        tool   searchTeeTimes {"date":"2026-11-27","players":2}
        agent  On Friday, November 27th I have
        "#,
    );
}

#[test]
fn searches_on_when_none_of_the_nearest_will_do() {
    golf().play(
        r#"
        caller tee time for two on December 5th at nine, under Miller
        caller yes
        tool   bookTeeTime {"date":"2026-12-05","time":"09:00","players":2,"name":"Miller"}
        agent  8:40 AM, 8:50 AM or 9:20 AM
        caller anything later than that?
        tool   searchTeeTimes {"date":"2026-12-05","players":2,"after":"09:21"}
        agent  9:30 AM, 9:40 AM or 9:50 AM
        caller the first one
        agent  at 9:30 AM for 2 players, under the name Miller. Is that right?
        "#,
    );
}
