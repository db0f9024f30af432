//! Interruptions: the history holds only what the caller heard.

use super::golf::golf;

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

mod while_a_tool_works {
    use serde_json::json;
    use voice_pipeline::chat::{Message, ToolCall};

    use crate::golf::golf;

    fn books() -> ToolCall {
        let arguments = json!({"date": "2026-11-24", "time": "09:00", "players": 2, "name": "Garcia"});
        ToolCall { id: "call_1".into(), name: "bookTeeTime".into(), arguments: arguments.to_string() }
    }

    fn agent(text: &str, tool_calls: Vec<ToolCall>) -> Message {
        Message::Agent { text: text.to_owned(), tool_calls }
    }

    #[test]
    fn asks_for_patience_and_then_tells_the_result() {
        let stage = golf();
        let mut call = stage.call();
        call.messages.extend([
            Message::Caller("tee time for two tomorrow at nine, name's Garcia".into()),
            agent("So that's a tee time on Tuesday, November 24th at 9:00 AM for 2 players, under the name Garcia. Is that right?", vec![]),
            Message::Caller("yes".into()),
            agent("", vec![books()]),
            Message::Caller("yes? hello?".into()),
        ]);
        let (text, calls) = call.answer();
        assert!(text.contains("still working"), "{text}");
        assert_eq!(calls, []);
        let result = json!({"confirmation_code": "GV4821", "date": "2026-11-24", "time": "09:00", "players": 2, "name": "Garcia"});
        call.messages.extend([
            agent("I'm still working on that", vec![]),
            Message::ToolResult { id: "call_1".into(), name: "bookTeeTime".into(), content: result.to_string() },
        ]);
        let (text, calls) = call.answer();
        assert!(text.contains("G V 4 8 2 1"), "{text}");
        assert_eq!(calls, []);
    }

    #[test]
    fn goes_on_where_another_model_left_off() {
        let stage = golf();
        let mut call = stage.call();
        call.messages.extend([
            Message::Caller("the usual, please".into()),
            agent("Sure thing, Ms. Garcia!", vec![books()]),
            Message::ToolResult {
                id: "call_1".into(),
                name: "bookTeeTime".into(),
                content: json!({"error": "slot_taken", "status": 409, "nearest": ["08:40"]}).to_string(),
            },
        ]);
        let (text, _) = call.answer();
        assert!(
            text.contains("9:00 AM on Tuesday, November 24th is already taken. The nearest I have is 8:40 AM."),
            "{text}"
        );
    }

    #[test]
    fn takes_a_result_that_is_no_json_for_a_failure() {
        let stage = golf();
        let mut call = stage.call();
        call.messages.extend([
            Message::Caller("the usual, please".into()),
            agent("", vec![books()]),
            Message::ToolResult {
                id: "call_1".into(),
                name: "bookTeeTime".into(),
                content: "players must be at most 4".into(),
            },
        ]);
        let (text, calls) = call.answer();
        assert!(text.contains("that didn't work. Would you like me to try again?"), "{text}");
        assert_eq!(calls, []);
    }
}

#[test]
fn takes_words_with_nothing_audible_between_them_for_one_thought() {
    golf().play(
        r#"
        caller I'd like to book a tee time for
        heard  0
        caller four on Saturday at nine
        agent  What name
        "#,
    );
}
