//! Changing and cancelling: codes, and what was just booked.

use super::golf::golf;

#[test]
fn changes_a_reservation_by_its_code() {
    golf().play(
        r#"
        caller I need to change my reservation
        agent  confirmation code
        caller G V four eight two one
        agent  change it to
        caller Sunday at ten thirty
        agent  change reservation G V 4 8 2 1 to Sunday, November 29th at 10:30 AM. Is that right?
        caller that's correct
        tool   modifyReservation {"confirmation_code":"GV4821","new_date":"2026-11-29","new_time":"10:30"}
        agent  now on Sunday, November 29th at 10:30 AM for 4 players
        "#,
    );
    golf().play(
        r#"
        caller can you move my tee time GV4821 from nine to ten past nine
        agent  change reservation G V 4 8 2 1 at 9:10 AM. Is
        caller yes
        tool   modifyReservation {"confirmation_code":"GV4821","new_time":"09:10"}
        agent  already taken
        agent  8:50 AM or 9:20 AM
        caller 8:50
        agent  at 8:50 AM. Is that right
        caller do it
        tool   modifyReservation {"confirmation_code":"GV4821","new_time":"08:50"}
        "#,
    );
}

#[test]
fn changes_what_was_just_booked_without_asking_for_the_code() {
    golf().play(
        r#"
        caller tee time for two tomorrow at nine, name's Garcia
        caller yes
        tool   bookTeeTime {"date":"2026-11-24","time":"09:00","players":2,"name":"Garcia"}
        caller actually can you make it ten
        agent  change reservation G V 4 8 2 1 at 10:00 AM
        caller yeah
        tool   modifyReservation {"confirmation_code":"GV4821","new_time":"10:00"}
        caller cancel it
        agent  cancel reservation G V 4 8 2 1
        caller yes cancel it
        tool   cancelReservation {"confirmation_code":"GV4821"}
        agent  cancelled
        "#,
    );
}

#[test]
fn cancels_by_a_code_typed_or_said() {
    golf().play(
        r#"
        caller I want to cancel my booking
        agent  confirmation code
        caller gee vee forty-eight twenty-one
        agent  cancel reservation G V 4 8 2 1. Is that right?
        caller no
        agent  change
        caller never mind
        agent  leave it
        caller cancel my tee time
        agent  confirmation code
        caller golf victor four nine two one
        agent  G V 4 9 2 1
        caller yes
        tool   cancelReservation {"confirmation_code":"GV4921"}
        agent  can't find a reservation with the code G V 4 9 2 1
        agent  confirmation code
        caller GV4821
        caller yes
        tool   cancelReservation {"confirmation_code":"GV4821"}
        agent  cancelled
        "#,
    );
    golf().play(
        r#"
        caller cancel my reservation please
        keypad 4821
        agent  two letters and four digits
        caller I don't have the code
        agent  555-555-0100
        "#,
    );
}

#[test]
fn keeps_the_reservation_when_the_caller_thinks_better_of_it() {
    golf().play(
        r#"
        caller please cancel my tee time GV4821
        agent  cancel reservation
        caller no no, don't cancel it
        agent  leave it at that
        caller please cancel GV4821
        agent  cancel reservation
        caller cancel it
        agent  yes or no
        caller yes
        tool   cancelReservation {"confirmation_code":"GV4821"}
        "#,
    );
}
