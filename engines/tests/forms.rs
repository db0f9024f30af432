//! The scripted agent in whole dialogues.

#[path = "forms/anything.rs"]
mod anything;
#[path = "forms/golf.rs"]
mod golf;
#[path = "forms/script.rs"]
mod script;

use golf::{golf, golf_with_transfer};

mod booking {
    use super::*;

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
}

mod searching {
    use super::*;

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
}

mod changing {
    use super::*;

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
}

mod conversation {
    use super::*;

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
}

mod interruptions {
    use super::*;

    #[test]
    fn does_not_book_on_a_yes_to_a_read_back_that_was_cut_short() {
        golf().play(
            r#"
            caller tee time for two tomorrow at nine, name's Garcia
            heard  9
            caller yes
            agent  at 9:00 AM for 2 players, under the name Garcia. Is that right?
            caller yes
            tool   bookTeeTime {"date":"2026-11-24","time":"09:00","players":2,"name":"Garcia"}
            "#,
        );
        golf().play(
            r#"
            caller tee time for two tomorrow at nine, name's Garcia
            heard  0
            caller yes
            agent  Is that right?
            "#,
        );
    }

    #[test]
    fn books_when_only_the_question_was_cut() {
        golf().play(
            r#"
            caller tee time for two tomorrow at nine, name's Garcia
            heard  19
            caller yes
            tool   bookTeeTime {"date":"2026-11-24","time":"09:00","players":2,"name":"Garcia"}
            "#,
        );
    }

    #[test]
    fn takes_a_correction_into_a_read_back() {
        golf().play(
            r#"
            caller tee time for two tomorrow at nine, name's Garcia
            heard  8
            caller no, ten o'clock
            agent  at 10:00 AM for 2 players
            caller yes
            tool   bookTeeTime {"date":"2026-11-24","time":"10:00","players":2,"name":"Garcia"}
            "#,
        );
    }

    #[test]
    fn does_not_book_on_a_yes_to_somebody_elses_question() {
        golf().play(
            r#"
            caller tee time for two tomorrow at nine, name's Garcia
            host   Are you still there?
            caller yes
            agent  Is that right?
            caller yes
            tool   bookTeeTime {"date":"2026-11-24","time":"09:00","players":2,"name":"Garcia"}
            "#,
        );
    }

    #[test]
    fn tells_the_result_the_caller_talked_over() {
        golf().play(
            r#"
            caller tee time for two tomorrow at nine, name's Garcia
            caller yes
            tool   bookTeeTime {"date":"2026-11-24","time":"09:00","players":2,"name":"Garcia"}
            heard  0
            caller hello?
            agent  G V 4 8 2 1
            "#,
        );
    }
}

mod another_trade {
    use serde_json::{Value, json};

    use super::script::Stage;

    const AGENT: &str = include_str!("forms/restaurant.toml");
    const PROMPT: &str = "You answer the phone.\n\n## Facts\n- **Wine** (wine list): We have red and white.\n";

    fn restaurant() -> Stage {
        let backend = |tool: &str, arguments: &Value| match tool {
            "reserveTable" => json!({"table": 7, "when": arguments["when"], "at": arguments["at"]}),
            _ => json!({"queued": true}),
        };
        Stage::new(AGENT, PROMPT, backend, false)
    }

    #[test]
    fn reserves_a_table() {
        restaurant().play(
            r#"
            caller I'd like to book a table for two tomorrow at eight, outside please
            agent  8:00 AM or 8:00 PM
            caller in the evening
            agent  What number
            caller oh two oh, seven nine four six, oh nine five eight
            agent  A table for 2 guests on Tuesday, November 24th at 8:00 PM, terrace
            caller do you have a wine list
            agent  red and white
            caller go ahead
            tool   reserveTable {"guests":2,"when":"2026-11-24","at":"20:00","phone":"+442079460958","seating":"terrace"}
            agent  table 7
            caller cheers, bye
            agent  Cheerio
            ends
            "#,
        );
    }

    #[test]
    fn mails_the_menu() {
        restaurant().play(
            r#"
            caller could you send me the menu
            agent  e-mail
            caller sarah dot j at example dot com
            agent  diet
            caller veggie
            agent  kitchen
            caller please say hello to Tom
            agent  sarah.j@example.com, diet vegetarian, with the note please say hello to Tom
            caller yes
            tool   sendMenu {"email":"sarah.j@example.com","diet":"vegetarian","note":"please say hello to Tom"}
            agent  on its way
            "#,
        );
    }
}
