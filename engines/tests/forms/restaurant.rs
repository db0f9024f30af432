//! The restaurant of `prompts/restaurant`: another trade, with no line of code of its own.

use super::olive_and_thyme::olive_and_thyme;

#[test]
fn reserves_a_table_asking_for_one_thing_at_a_time() {
    olive_and_thyme().play(
        r#"
        caller Hello, I'd like to reserve a table, please.
        agent  For which day
        caller Friday
        agent  Friday, November 27th
        agent  At what time
        caller half past seven
        agent  7:30 PM
        agent  How many guests
        caller two
        agent  inside or on the terrace
        caller inside, please
        agent  What name
        caller Marino
        agent  a table for 2 guests on Friday, November 27th at 7:30 PM, seating inside, under the name Marino. Is that right?
        caller yes
        tool   reserveTable {"day":"2026-11-27","at":"19:30","guests":2,"seating":"inside","guest_name":"Marino"}
        agent  T 2 0 4 1 7
        agent  anything else
        caller no thanks
        agent  goodbye
        ends
        "#,
    );
}

#[test]
fn takes_everything_from_one_sentence() {
    olive_and_thyme().play(
        r#"
        caller A table for four on Saturday at eight, out on the terrace, under Okonkwo, it's my wife's birthday
        agent  a table for 4 guests on Saturday, November 28th at 8:00 PM, seating terrace, under the name Okonkwo, occasion birthday. Is that right?
        caller perfect
        tool   reserveTable {"day":"2026-11-28","at":"20:00","guests":4,"seating":"terrace","guest_name":"Okonkwo","occasion":"birthday"}
        "#,
    );
}

#[test]
fn takes_a_phone_number_that_is_offered_and_asks_for_none() {
    olive_and_thyme().play(
        r#"
        caller table for two tomorrow at noon, inside
        agent  What name
        caller Petra Lang
        agent  under the name Petra Lang. Is that right?
        caller my phone number is 555 201 3344
        agent  under the name Petra Lang, phone 555-201-3344. Is that right?
        caller yes
        tool   reserveTable {"day":"2026-11-24","at":"12:00","guests":2,"seating":"inside","guest_name":"Petra Lang","phone":"5552013344"}
        "#,
    );
}

#[test]
fn offers_what_is_left_when_the_time_is_taken() {
    olive_and_thyme().play(
        r#"
        caller a table for three on December 5th at half past seven, terrace, under Weiss
        agent  Is that right?
        caller yes
        tool   reserveTable {"day":"2026-12-05","at":"19:30","guests":3,"seating":"terrace","guest_name":"Weiss"}
        agent  fully booked at 7:30 PM on Saturday, December 5th
        agent  7:00 PM, 7:15 PM or 8:15 PM
        caller quarter past eight
        agent  at 8:15 PM, seating terrace, under the name Weiss. Is that right?
        caller yes please
        tool   reserveTable {"day":"2026-12-05","at":"20:15","guests":3,"seating":"terrace","guest_name":"Weiss"}
        agent  reserved
        "#,
    );
}

#[test]
fn asks_again_for_what_the_book_refuses() {
    olive_and_thyme().play(
        r#"
        caller a table for two on Monday the 30th at seven, inside, under Weiss
        caller yes
        tool   reserveTable {"day":"2026-11-30","at":"19:00","guests":2,"seating":"inside","guest_name":"Weiss"}
        agent  closed on Monday, November 30th
        agent  which day
        caller then Tuesday the first
        agent  Tuesday, December 1st at 7:00 PM
        caller yes
        tool   reserveTable {"day":"2026-12-01","at":"19:00","guests":2,"seating":"inside","guest_name":"Weiss"}
        "#,
    );
    olive_and_thyme().play(
        r#"
        caller a table for two next Friday at seven on the terrace, under Weiss
        caller yes
        tool   reserveTable {"day":"2026-12-04","at":"19:00","guests":2,"seating":"terrace","guest_name":"Weiss"}
        agent  terrace is full
        agent  inside or on the terrace
        caller inside then
        agent  seating inside
        caller yes
        tool   reserveTable {"day":"2026-12-04","at":"19:00","guests":2,"seating":"inside","guest_name":"Weiss"}
        "#,
    );
}

#[test]
fn takes_corrections_to_every_value() {
    olive_and_thyme().play(
        r#"
        caller a table for two on Friday at seven, inside, under Marino
        agent  Is that right?
        caller no, on the terrace
        agent  seating terrace
        caller make it five people
        agent  for 5 guests
        caller no, Saturday at half past six
        agent  Saturday, November 28th at 6:30 PM, seating terrace
        caller the name is Merino
        agent  under the name Merino
        caller that's right
        tool   reserveTable {"day":"2026-11-28","at":"18:30","guests":5,"seating":"terrace","guest_name":"Merino"}
        "#,
    );
}

#[test]
fn answers_questions_about_the_restaurant_in_the_middle_of_a_reservation() {
    olive_and_thyme().play(
        r#"
        caller I'd like a table for six on Sunday
        agent  At what time
        caller do you have vegan dishes?
        agent  marked with a leaf
        agent  At what time
        caller where can we park?
        agent  ferry terminal garage
        agent  At what time
        caller one o'clock
        agent  1:00 PM
        agent  inside or on the terrace
        caller is the terrace heated?
        agent  covered and heated
        agent  inside or on the terrace
        caller outside
        agent  What name
        caller Abbasi
        agent  for 6 guests on Sunday, November 29th at 1:00 PM, seating terrace
        caller yes
        tool   reserveTable {"day":"2026-11-29","at":"13:00","guests":6,"seating":"terrace","guest_name":"Abbasi"}
        "#,
    );
}

#[test]
fn looks_at_the_book_and_reserves_what_is_free() {
    olive_and_thyme().play(
        r#"
        caller do you have a table for two tomorrow evening?
        tool   findTables {"day":"2026-11-24","guests":2,"from":"17:00","until":"23:00"}
        agent  On Tuesday, November 24th I have a table at 5:00 PM, 5:15 PM or 5:30 PM
        caller how about seven
        agent  inside or on the terrace
        caller either is fine
        agent  What name
        caller Sato
        agent  at 7:00 PM, seating no preference, under the name Sato
        caller yes
        tool   reserveTable {"day":"2026-11-24","at":"19:00","guests":2,"seating":"no_preference","guest_name":"Sato"}
        "#,
    );
}

#[test]
fn changes_a_booking_by_its_reference() {
    olive_and_thyme().play(
        r#"
        caller I need to change my reservation
        agent  booking reference
        caller T two zero four one seven
        agent  What would you like to change
        caller there will be five of us, and I want to sit inside
        agent  change booking T 2 0 4 1 7 for 5 guests, seating inside. Is that right?
        caller yes
        tool   changeBooking {"reference":"T20417","new_guests":5,"new_seating":"inside"}
        agent  now on Friday, November 27th at 7:30 PM for 5 guests
        "#,
    );
    olive_and_thyme().play(
        r#"
        caller move my table T20417 to December 5th at eight
        agent  to Saturday, December 5th at 8:00 PM
        caller yes
        tool   changeBooking {"reference":"T20417","new_day":"2026-12-05","new_at":"20:00"}
        agent  fully booked
        agent  7:00 PM, 7:15 PM or 8:15 PM
        caller the last one
        agent  at 8:15 PM
        caller yes
        tool   changeBooking {"reference":"T20417","new_day":"2026-12-05","new_at":"20:15"}
        "#,
    );
}

#[test]
fn cancels_by_a_reference_said_or_typed() {
    olive_and_thyme().play(
        r#"
        caller we can't make it tonight, I want to cancel our table
        agent  booking reference
        keypad 20418
        agent  cancel booking T 2 0 4 1 8. Is that right?
        caller yes
        tool   cancelBooking {"reference":"T20418"}
        agent  can't find a booking with the reference T 2 0 4 1 8
        agent  booking reference
        caller T as in Thomas, two oh four one seven
        agent  cancel booking T 2 0 4 1 7
        caller yes
        tool   cancelBooking {"reference":"T20417"}
        agent  cancelled
        "#,
    );
    olive_and_thyme().play(
        r#"
        caller cancel my booking please
        caller I don't have the reference
        agent  555-555-0177
        "#,
    );
}

#[test]
fn seats_no_party_that_is_too_large_and_drops_what_nobody_wants() {
    olive_and_thyme().play(
        r#"
        caller a table for fourteen on Saturday at seven
        agent  one to ten guests
        agent  How many guests
        caller never mind
        agent  leave it at that
        caller do you have live music?
        agent  jazz every Thursday
        caller thanks, bye
        agent  goodbye
        ends
        "#,
    );
}
