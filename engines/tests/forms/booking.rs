//! Booking: filling a form, correcting it, and what happens when the time is taken.

use super::golf::golf;

#[test]
fn books_the_tee_time_of_the_front_page() {
    golf().play(
        r#"
        caller Hi, I'd like to book a tee time for four this Saturday at nine in the morning
        agent  Saturday, November 28th
        agent  What name
        caller Johnson
        agent  a tee time on Saturday, November 28th at 9:00 AM for 4 players, under the name Johnson. Is that right?
        caller yes
        tool   bookTeeTime {"date":"2026-11-28","time":"09:00","players":4,"name":"Johnson"}
        agent  G V 4 8 2 1
        agent  $260
        agent  anything else
        caller No, that's all, thanks.
        agent  goodbye
        ends
        "#,
    );
}

#[test]
fn understands_the_first_sentence_in_many_wordings() {
    for line in [
        "Hi, I'd like to book a tea time for four this Saturday at nine in the morning.",
        "hi i'd like to book a t time for 4 this saturday at 9 in the morning",
        "Hi. I'd like to book a tee time for for this Saturday at 9 AM",
        "I wanna reserve a slot Saturday the 28th, nine a.m., four players",
        "Can you put us down for Saturday at nine? There's four of us.",
        "We need a tee time on November 28th at 9:00 for a foursome",
        "four of us, this Saturday, nine o'clock",
        "could we get out this saturday at nine am, party of four",
        "Hello, good morning, I was hoping to play this Saturday with three friends... so four people at 9:00 a.m.",
        "I'm looking for a tee time, Saturday at 9, me and three others",
        "um yeah can i set up a tee time for uh four people on saturday at uh nine in the morning please",
        "Is it possible to schedule a round for me, my wife and two friends on Saturday the twenty eighth at nine?",
        "make a reservation for 4 on 11/28 at 9am",
        "this coming Saturday 9:00 for four",
    ] {
        golf().play(&format!(
            r#"
            caller {line}
            agent  name
            caller It's under Johnson.
            agent  Saturday, November 28th at 9:00 AM for 4 players, under the name Johnson
            caller Yep, sounds good.
            tool   bookTeeTime {{"date":"2026-11-28","time":"09:00","players":4,"name":"Johnson"}}
            "#
        ));
    }
}

#[test]
fn asks_for_one_thing_at_a_time() {
    golf().play(
        r#"
        caller I'd like to book a tee time
        agent  What day
        caller the 28th
        agent  What time
        caller half past eight
        agent  How many
        caller just me
        agent  What name
        caller Johnson, J O H N S O N
        agent  Saturday, November 28th at 8:30 AM for 1 player, under the name Johnson
        caller that's right
        tool   bookTeeTime {"date":"2026-11-28","time":"08:30","players":1,"name":"Johnson"}
        "#,
    );
}

#[test]
fn takes_values_in_any_order_and_does_not_ask_again() {
    golf().play(
        r#"
        caller The name is Sarah Johnson and there are two of us, I need a tee time
        agent  What day
        caller next Friday at quarter to nine
        agent  step
        "#
        .replace("agent  step", "agent  8:40 AM or 8:50 AM")
        .as_str(),
    );
    golf().play(
        r#"
        caller The name is Sarah Johnson and there are two of us, I need a tee time
        agent  What day
        caller next Friday at ten thirty
        agent  Friday, December 4th at 10:30 AM for 2 players, under the name Sarah Johnson
        caller correct
        tool   bookTeeTime {"date":"2026-12-04","time":"10:30","players":2,"name":"Sarah Johnson"}
        "#,
    );
}

#[test]
fn answers_to_misheard_numbers() {
    golf().play(
        r#"
        caller book a tee time for tomorrow
        agent  What time
        caller ate
        agent  How many
        caller for
        agent  What name
        caller smith
        agent  Tuesday, November 24th at 8:00 AM for 4 players, under the name Smith
        caller Uh-huh.
        tool   bookTeeTime {"date":"2026-11-24","time":"08:00","players":4,"name":"Smith"}
        "#,
    );
    golf().play(
        r#"
        caller book a tee time for tomorrow
        caller at 7.40
        agent  How many
        caller to
        caller O'Brien
        agent  Tuesday, November 24th at 7:40 AM for 2 players, under the name O'Brien
        "#,
    );
}

#[test]
fn takes_corrections_before_and_after_the_read_back() {
    golf().play(
        r#"
        caller I'd like a tee time on Saturday at nine for four
        agent  What name
        caller actually make it ten
        agent  10:00 AM
        agent  What name
        caller Johnson
        agent  at 10:00 AM for 4 players
        caller no, Sunday
        agent  Sunday, November 29th at 10:00 AM for 4 players
        caller change that to three people
        agent  Sunday, November 29th at 10:00 AM for 3 players
        caller yes but make it 10:30
        agent  10:30 AM for 3 players
        caller the name is Johnston
        agent  under the name Johnston
        caller perfect
        tool   bookTeeTime {"date":"2026-11-29","time":"10:30","players":3,"name":"Johnston"}
        "#,
    );
}

#[test]
fn asks_what_to_change_after_a_bare_no() {
    golf().play(
        r#"
        caller tee time for two tomorrow at nine, name's Garcia
        agent  Is that right?
        caller not quite
        agent  what would you like to change
        caller the time
        agent  What time
        caller eleven
        agent  11:00 AM for 2 players
        caller no
        agent  what would you like to change
        caller ten people
        agent  one to four players
        "#,
    );
}

#[test]
fn asks_when_a_number_can_be_two_things() {
    golf().play(
        r#"
        caller tee time for two tomorrow at nine, name's Garcia
        agent  Is that right?
        caller make it three
        agent  3:00 PM or 3 players
        caller three players
        agent  at 9:00 AM for 3 players
        caller yes
        tool   bookTeeTime {"date":"2026-11-24","time":"09:00","players":3,"name":"Garcia"}
        "#,
    );
}

#[test]
fn explains_what_is_not_possible() {
    golf().play(
        r#"
        caller book a tee time for six people tomorrow at nine
        agent  one to four players
        agent  How many
        caller four then
        agent  What name
        caller at 5 am
        agent  first tee time is 6:30 AM
        caller Johnson
        agent  at 9:00 AM for 4 players
        caller make it August 1st
        agent  ninety days ahead
        caller the thirtieth
        agent  Monday, November 30th
        "#,
    );
    golf().play(
        r#"
        caller book a tee time on June 31st
        agent  no such day
        agent  What day
        caller Sunday November 28th
        agent  Sunday, November 29th or Saturday, November 28th
        caller the second one
        agent  What time
        caller 9:05
        agent  9:00 AM or 9:10 AM
        caller the later one
        agent  How many
        "#,
    );
}

#[test]
fn offers_the_nearest_times_when_one_is_taken() {
    golf().play(
        r#"
        caller tee time for two on December 5th at nine, under Miller
        caller yes
        tool   bookTeeTime {"date":"2026-12-05","time":"09:00","players":2,"name":"Miller"}
        agent  9:00 AM on Saturday, December 5th is already taken
        agent  8:40 AM, 8:50 AM or 9:20 AM
        caller nine twenty
        agent  at 9:20 AM for 2 players, under the name Miller. Is that right?
        caller yes please
        tool   bookTeeTime {"date":"2026-12-05","time":"09:20","players":2,"name":"Miller"}
        agent  all set
        "#,
    );
    for (pick, time) in [
        ("the first one", "8:40 AM"),
        ("the last one please", "9:20 AM"),
        ("8:50 works", "8:50 AM"),
        ("ten", "10:00 AM"),
        ("2", "8:50 AM"),
        ("the earlier one", "8:40 AM"),
    ] {
        golf().play(&format!(
            r#"
            caller tee time for two on December 5th at nine, under Miller
            caller yes
            tool   bookTeeTime {{"date":"2026-12-05","time":"09:00","players":2,"name":"Miller"}}
            caller {pick}
            agent  at {time} for 2 players
            "#
        ));
    }
    golf().play(
        r#"
        caller tee time for two on Thanksgiving at nine, under Miller
        caller yes
        tool   bookTeeTime {"date":"2026-11-26","time":"09:00","players":2,"name":"Miller"}
        caller none of those
        agent  What time
        caller what about Friday
        agent  Friday, November 27th
        "#,
    );
}

#[test]
fn searches_when_the_caller_names_a_part_of_the_day() {
    golf().play(
        r#"
        caller I'd like to book for tomorrow afternoon
        agent  How many
        caller two
        tool   searchTeeTimes {"date":"2026-11-24","players":2,"after":"12:00","before":"18:00"}
        agent  12:00 PM, 12:10 PM or 12:20 PM
        caller anything later?
        agent  12:30 PM, 12:40 PM or 12:50 PM
        caller the second one
        agent  What name
        caller Lee
        agent  at 12:40 PM for 2 players, under the name Lee
        caller okay
        tool   bookTeeTime {"date":"2026-11-24","time":"12:40","players":2,"name":"Lee"}
        "#,
    );
}

#[test]
fn corrects_a_name_after_a_no() {
    golf().play(
        r#"
        caller tee time for two tomorrow at nine under Harris
        caller no, it's Harrison
        agent  under the name Harrison
        caller no
        agent  what would you like to change
        caller Harriet Jones
        agent  under the name Harriet Jones
        caller the number of players is wrong
        agent  How many
        caller three
        agent  for 3 players
        "#,
    );
}

#[test]
fn takes_this_afternoon_for_today() {
    golf().play(
        r#"
        caller can we play this afternoon, four of us
        tool   searchTeeTimes {"date":"2026-11-23","players":4,"after":"12:00","before":"18:00"}
        agent  On Monday, November 23rd I have 12:00 PM
        caller later
        agent  12:30 PM
        "#,
    );
}
