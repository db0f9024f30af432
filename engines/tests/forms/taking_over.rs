//! Taking over a call that a language model led so far: the history is enough to go on.

use serde_json::{Value, json};
use voice_pipeline::chat::{Message, ToolCall};

use super::golf::golf;
use super::script::Call;

fn agent(text: &str) -> Message {
    Message::Agent { text: text.to_owned(), tool_calls: Vec::new() }
}

fn caller(text: &str) -> Message {
    Message::Caller(text.to_owned())
}

/// A tool call as a vendor's model makes it, with its own id, and what came back.
fn called(name: &str, arguments: &Value, result: &Value) -> [Message; 2] {
    let call = ToolCall { id: "call_8fK2xQ".into(), name: name.into(), arguments: arguments.to_string() };
    let result = Message::ToolResult { id: call.id.clone(), name: name.into(), content: result.to_string() };
    [Message::Agent { text: "Let me have a look for you.".into(), tool_calls: vec![call] }, result]
}

/// A booking whose first half was led in words of the model's own.
fn half_a_booking(call: &mut Call<'_>) {
    call.messages.extend([
        caller("Hi there, my buddies and I want to play this Saturday, there's four of us"),
        agent("Awesome, a foursome on Saturday sounds like fun! Are you more of a morning or an afternoon crew?"),
        caller("morning, if you can"),
    ]);
    call.messages.extend(called(
        "searchTeeTimes",
        &json!({"date": "2026-11-28", "players": 4, "before": "12:00"}),
        &json!({"date": "2026-11-28", "players": 4, "slots": [
            {"time": "08:40", "open_players": 4}, {"time": "09:00", "open_players": 4}, {"time": "09:20", "open_players": 4}]}),
    ));
    call.messages.push(agent(
        "Good news, I've got 8:40, 9 o'clock and 9:20 on Saturday morning. Any of those tickle your fancy?",
    ));
}

#[test]
fn does_not_ask_again_for_what_the_caller_told_the_model() {
    let stage = golf();
    let mut call = stage.call();
    half_a_booking(&mut call);
    call.says("nine works");
    assert!(call.reply.contains("What name"), "{}", call.reply);
    assert_eq!(call.calls, []);
    call.says("Johnson");
    assert!(
        call.reply.contains("Saturday, November 28th at 9:00 AM for 4 players, under the name Johnson"),
        "{}",
        call.reply
    );
    call.says("yes");
    let booked = json!({"date": "2026-11-28", "time": "09:00", "players": 4, "name": "Johnson"});
    assert_eq!(call.calls, [("bookTeeTime".to_owned(), booked)]);
}

#[test]
fn takes_no_question_of_the_model_for_its_own_read_back() {
    for question in [
        "Okay, so shall I book that for you?",
        "Alright Johnson, Saturday the 28th at nine for the four of you. Shall I book it?",
        "Great, Johnson! That's Saturday, November 28th at 9:00 AM for 4 players. Want me to lock it in?",
    ] {
        let stage = golf();
        let mut call = stage.call();
        half_a_booking(&mut call);
        call.messages.extend([caller("nine o'clock, and it's under Johnson"), agent(question)]);
        call.says("yes please");
        assert_eq!(call.calls, [], "{question}");
        assert!(
            call.reply
                .contains("Saturday, November 28th at 9:00 AM for 4 players, under the name Johnson. Is that right?"),
            "{question}: {}",
            call.reply
        );
        call.says("yes");
        assert_eq!(call.calls.len(), 1, "{question}");
    }
}

#[test]
fn goes_on_with_an_answer_to_a_question_of_the_model() {
    let stage = golf();
    for (question, answer, asked) in [
        ("Sure thing! And what name should I put on that?", "Johnson", "Is that right"),
        ("Lovely. Who's the booking for?", "it's under Johnson", "Is that right"),
        ("Perfect, nine it is. What's your last name?", "Johnson, J O H N S O N", "Is that right"),
    ] {
        let mut call = stage.call();
        half_a_booking(&mut call);
        call.messages.extend([caller("nine o'clock please"), agent(question)]);
        call.says(answer);
        assert!(
            call.reply.contains(asked) && call.reply.contains("under the name Johnson"),
            "{question}: {}",
            call.reply
        );
        assert!(call.reply.contains("Saturday, November 28th at 9:00 AM for 4 players"), "{question}: {}", call.reply);
    }
}

#[test]
fn hears_bare_answers_as_answers_to_what_the_model_asked() {
    let stage = golf();
    let mut call = stage.call();
    call.messages.extend([
        caller("Hi, I'd like to come out and play"),
        agent("Love to have you! Who am I speaking with?"),
        caller("Johnson"),
        agent("Hi there! And how many of you are coming along?"),
        caller("three"),
        agent("A threesome, nice. When were you hoping to come out?"),
        caller("on Saturday"),
        agent("Great choice, it'll be sunny. Around what time?"),
    ]);
    call.says("nine");
    assert!(
        call.reply.contains("Saturday, November 28th at 9:00 AM for 3 players, under the name Johnson. Is that right?"),
        "{}",
        call.reply
    );
    assert_eq!(call.calls, []);
}

#[test]
fn knows_what_the_model_booked() {
    let stage = golf();
    let mut call = stage.call();
    half_a_booking(&mut call);
    call.messages.extend([
        caller("nine, the name is Johnson"),
        agent("So four of you, Saturday the 28th at nine, under Johnson. Shall I go ahead?"),
        caller("yes"),
    ]);
    let arguments = json!({"date": "2026-11-28", "time": "09:00", "players": 4, "name": "Johnson"});
    let result = json!({"confirmation_code": "GV4821", "date": "2026-11-28", "time": "09:00", "players": 4,
        "name": "Johnson", "total": 260.0});
    call.messages.extend(called("bookTeeTime", &arguments, &result));
    call.messages.push(agent("You're booked! Your code is G V 4 8 2 1. Can I do anything else for you?"));
    call.says("what was that code again?");
    assert!(call.reply.contains("G V 4 8 2 1"), "{}", call.reply);
    call.says("actually can you make it ten");
    assert!(call.reply.contains("change reservation G V 4 8 2 1 at 10:00 AM. Is that right?"), "{}", call.reply);
    call.says("no that's all, leave it");
    assert_eq!(call.calls, []);
}

#[test]
fn reads_the_arguments_of_a_model_that_writes_as_people_speak() {
    let stage = golf();
    let mut call = stage.call();
    call.messages.extend([
        caller("we'd like to come out some time soon"),
        agent("How about Saturday morning, for the four of you?"),
        caller("perfect"),
    ]);
    call.messages.extend(called(
        "searchTeeTimes",
        &json!({"date": "this Saturday", "players": "a foursome", "before": "noon"}),
        &json!({"date": "2026-11-28", "players": 4, "slots": [
            {"time": "08:40", "open_players": 4}, {"time": "09:00", "open_players": 4}]}),
    ));
    call.messages.push(agent("I've got 8:40 and nine o'clock, which one suits you?"));
    call.says("nine works");
    call.says("Johnson");
    assert!(
        call.reply.contains("Saturday, November 28th at 9:00 AM for 4 players, under the name Johnson"),
        "{}",
        call.reply
    );
}
