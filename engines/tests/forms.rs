//! The scripted agent in whole dialogues.

#[path = "forms/golf.rs"]
mod golf;
#[path = "forms/script.rs"]
mod script;

use golf::golf;

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
