//! Conversation: questions, politeness, misunderstanding, and tools that fail.

use super::golf::{golf, golf_with_transfer};

#[test]
fn answers_questions_in_the_middle_of_a_booking() {
    golf().play(
        r#"
        caller book a tee time for four on Saturday
        agent  What time
        caller how much is it on weekends?
        agent  $65
        agent  What time
        caller what's the dress code
        agent  Collared shirts
        agent  What time
        caller can I get a cart
        agent  $18
        caller nine, and do you rent clubs?
        agent  What name
        caller Johnson
        agent  Is that right?
        caller is there a restaurant?
        agent  Valley Grill
        agent  at 9:00 AM for 4 players
        caller yes
        tool   bookTeeTime {"date":"2026-11-28","time":"09:00","players":4,"name":"Johnson"}
        "#,
    );
}

#[test]
fn answers_questions_without_any_booking() {
    golf().play(
        r#"
        caller What time do you open?
        agent  six in the morning
        caller where are you located
        agent  1200 Pine Valley Road
        caller how much does it cost to book a tee time
        agent  $45
        never  What day
        caller what's your cancellation policy?
        agent  twenty four hours
        never  confirmation code
        caller how late can I cancel
        agent  twenty four hours
        caller do you give lessons
        agent  golf pro
        caller Are you a robot?
        agent  automated assistant
        caller can I pay by credit card
        agent  by card or in cash
        caller no thank you bye
        agent  goodbye
        ends
        "#,
    );
}

#[test]
fn repeats_waits_helps_and_is_polite() {
    golf().play(
        r#"
        caller hello?
        agent  Hello
        caller what can you do
        agent  I can book a tee time
        caller book a tee time for two
        agent  What day
        caller pardon?
        agent  What day
        caller hold on a second
        agent  take your time
        caller okay, thanks
        caller Saturday at nine
        agent  What name
        caller could you repeat that
        agent  What name
        caller Johnson
        caller sorry, what was that?
        agent  at 9:00 AM for 2 players
        caller yes
        tool   bookTeeTime {"date":"2026-11-28","time":"09:00","players":2,"name":"Johnson"}
        caller what was my confirmation code again
        agent  G V 4 8 2 1
        caller thanks a lot
        agent  welcome
        caller bye
        agent  goodbye
        ends
        "#,
    );
}

#[test]
fn tries_twice_in_other_words_before_offering_a_person() {
    golf().play(
        r#"
        caller book a tee time
        agent  What day would you like to play?
        caller the thing with the whatsit
        agent  Sorry, I didn't catch that. Which day is that for?
        caller blargh
        agent  still didn't get that. Just tell me a day
        caller hmm
        agent  pro shop answers at
        caller Saturday
        agent  What time
        "#,
    );
    golf_with_transfer().play(
        r#"
        caller book a tee time
        caller ...
        caller ?
        caller uh
        agent  put you through
        caller no
        agent  What day
        caller zzz
        caller zzz
        caller zzz
        caller yes
        agent  Let me put you through
        ends
        "#,
    );
}

#[test]
fn gives_callers_a_person_when_they_ask() {
    golf().play(
        r#"
        caller can I talk to a real person please
        agent  555-555-0100
        "#,
    );
    golf_with_transfer().play(
        r#"
        caller book a tee time for two
        caller just give me an operator
        agent  put you through
        ends
        "#,
    );
}

#[test]
fn drops_a_booking_the_caller_no_longer_wants() {
    golf().play(
        r#"
        caller tee time for two tomorrow at nine, name's Garcia
        caller never mind
        agent  leave it at that
        caller yes
        never  all set
        caller no
        agent  goodbye
        ends
        "#,
    );
}

#[test]
fn goes_from_one_wish_to_another() {
    golf().play(
        r#"
        caller book a tee time for two tomorrow
        agent  What time
        caller wait, actually I need to cancel my reservation GV4821
        agent  cancel reservation G V 4 8 2 1
        caller yes
        tool   cancelReservation {"confirmation_code":"GV4821"}
        caller now book a tee time on Sunday at nine for two under Park
        caller yes
        tool   bookTeeTime {"date":"2026-11-29","time":"09:00","players":2,"name":"Park"}
        caller and another one on Sunday at 9:10 for two
        agent  under the name Park
        "#,
    );
}

#[test]
fn says_gracefully_that_the_backend_is_down_and_tries_again() {
    golf().play(
        r#"
        caller tee time for two tomorrow at nine, name's Garcia
        backend down
        caller yes
        tool   bookTeeTime {"date":"2026-11-24","time":"09:00","players":2,"name":"Garcia"}
        agent  can't reach our booking system
        backend up
        caller yes
        agent  at 9:00 AM for 2 players, under the name Garcia. Is that right?
        caller yes
        tool   bookTeeTime {"date":"2026-11-24","time":"09:00","players":2,"name":"Garcia"}
        agent  all set
        "#,
    );
}

#[test]
fn remembers_what_a_question_was_about() {
    golf().play(
        r#"
        caller How much would it be for four people on Saturday?
        agent  $65
        caller okay, book it for nine am
        agent  What name
        caller Taylor
        agent  Saturday, November 28th at 9:00 AM for 4 players
        caller wait, what's the cancellation policy?
        agent  twenty four hours
        agent  Is that right?
        caller ok that's fine, yes
        tool   bookTeeTime {"date":"2026-11-28","time":"09:00","players":4,"name":"Taylor"}
        "#,
    );
}

#[test]
fn understands_typed_digits() {
    golf().play(
        r#"
        caller book a tee time for tomorrow
        keypad 930
        agent  9:30 AM
        agent  How many
        keypad 3
        agent  What name
        keypad 77
        agent  didn't catch
        caller Wu
        agent  at 9:30 AM for 3 players, under the name Wu
        keypad 1
        never  all set
        "#,
    );
}

#[test]
fn offers_no_day_whose_last_tee_time_is_gone() {
    golf().play(
        r#"
        clock  18:17
        caller book a tee time for two
        agent  What day
        caller today
        agent  too late for today
        agent  What day
        caller Monday
        agent  Monday, November 30th
        "#,
    );
}

#[test]
fn takes_leave_in_the_middle_of_an_offer_however_bye_is_spelled() {
    golf().play(
        r#"
        caller what do you have on Saturday for two
        tool   searchTeeTimes {"date":"2026-11-28","players":2}
        agent  Which would you like
        caller No thanks by,
        agent  goodbye
        ends
        "#,
    );
}

#[test]
fn keeps_the_part_of_the_day_while_the_day_is_settled() {
    golf().play(
        r#"
        caller anything open this weekend in the afternoon for four of us?
        agent  Would that be Saturday, November 28th or Sunday, November 29th
        caller the first one
        tool   searchTeeTimes {"date":"2026-11-28","players":4,"after":"12:00","before":"18:00"}
        agent  Which would you like
        "#,
    );
    golf().play(
        r#"
        caller he is in town this weekend so is there anything on Saturday in the afternoon for the four of us
        tool   searchTeeTimes {"date":"2026-11-28","players":4,"after":"12:00","before":"18:00"}
        agent  Which would you like
        "#,
    );
}

#[test]
fn apologises_before_naming_the_pro_shop_unasked() {
    golf().play(
        r#"
        caller book a tee time
        caller purple umbrellas
        caller purple umbrellas
        caller purple umbrellas
        agent  having trouble understanding you
        agent  555-555-0100
        "#,
    );
}
