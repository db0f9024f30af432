use proptest::prelude::*;

use super::*;

const T0: TurnId = TurnId(0);
const T1: TurnId = TurnId(1);
const T2: TurnId = TurnId(2);

fn system() -> Message {
    Message::System("be brief".into())
}

fn caller(text: &str) -> Message {
    Message::Caller(text.into())
}

fn agent(text: &str) -> Message {
    Message::Agent { text: text.into(), tool_calls: vec![] }
}

fn calling(text: &str, ids: &[&str]) -> Message {
    Message::Agent { text: text.into(), tool_calls: ids.iter().map(|id| tool(id)).collect() }
}

fn result(id: &str, content: &str) -> Message {
    Message::ToolResult { id: id.into(), name: "search".into(), content: content.into() }
}

fn tool(id: &str) -> ToolCall {
    ToolCall { id: id.into(), name: "search".into(), arguments: "{}".into() }
}

fn heard(piece: u32, played: u64, of: u64) -> HeardPiece {
    HeardPiece { piece, played: Duration::from_millis(played), of: Duration::from_millis(of) }
}

/// A greeting that was heard and a question that turn 1 answers.
fn asked() -> History {
    let mut history = History::new("be brief");
    history.agent_piece(T0, 0, "Hello.");
    history.agent_heard_all(T0);
    history.caller_said(T1, "any times on Saturday");
    history
}

fn after_the_question(history: &History) -> Vec<Message> {
    let messages = history.messages();
    assert_eq!(messages[..3], [system(), agent("Hello."), caller("any times on Saturday")]);
    messages[3..].to_vec()
}

#[test]
fn shows_a_reply_in_flight_as_said() {
    let mut history = asked();
    history.agent_piece(T1, 0, "We have nine,");
    history.agent_piece(T1, 1, "and ten thirty.");
    assert_eq!(after_the_question(&history), [agent("We have nine, and ten thirty.")]);
    history.agent_heard_all(T1);
    assert_eq!(after_the_question(&history), [agent("We have nine, and ten thirty.")]);
}

#[test]
fn ends_an_interrupted_reply_at_the_last_heard_word() {
    let mut history = asked();
    history.agent_piece(T1, 0, "We have nine,");
    history.agent_piece(T1, 1, "aaaa bbbb cccc dddd.");
    history.piece_lasts(T1, 1, Duration::from_secs(2));
    history.agent_heard(T1, &[heard(0, 1_000, 1_000), heard(1, 1_000, 2_000)]);
    assert_eq!(after_the_question(&history), [agent("We have nine, aaaa bbbb—")]);
    assert_eq!(history.heard_text(T1), "We have nine, aaaa bbbb");
}

#[test]
fn marks_the_cut_between_two_pieces() {
    let mut history = asked();
    history.agent_piece(T1, 0, "We have nine,");
    history.agent_piece(T1, 1, "and ten.");
    history.agent_heard(T1, &[heard(0, 1_000, 1_000), heard(1, 0, 800)]);
    assert_eq!(after_the_question(&history), [agent("We have nine—")]);
    let mut history = asked();
    history.agent_piece(T1, 0, "Sure.");
    history.agent_piece(T1, 1, "Nine or ten?");
    history.agent_heard(T1, &[heard(0, 1_000, 1_000), heard(1, 0, 800)]);
    assert_eq!(after_the_question(&history), [agent("Sure. —")]);
}

#[test]
fn takes_the_synthesisers_word_for_when_words_begin() {
    let mut history = asked();
    history.agent_piece(T1, 0, "nine or ten");
    history.piece_words(T1, 0, vec![WordStart { offset: 0, at: Duration::ZERO }]);
    history.piece_words(
        T1,
        0,
        vec![
            WordStart { offset: 5, at: Duration::from_millis(1_500) },
            WordStart { offset: 8, at: Duration::from_millis(1_700) },
        ],
    );
    history.agent_heard(T1, &[heard(0, 1_400, 2_000)]);
    assert_eq!(after_the_question(&history), [agent("nine—")]);
}

#[test]
fn does_not_take_the_queued_part_of_a_piece_for_the_whole() {
    let long = "we have a tee time at nine in the morning and another one at noon for four";
    let mut history = asked();
    history.agent_piece(T1, 0, long);
    history.piece_lasts(T1, 0, Duration::from_secs(5));
    history.agent_heard(T1, &[heard(0, 1_000, 2_000)]);
    let heard = history.heard_text(T1).len();
    assert!((8..=20).contains(&heard), "a fifth of the words, not a half: {heard} bytes");
}

#[test]
fn leaves_out_a_reply_that_nobody_heard() {
    let mut history = asked();
    history.agent_piece(T1, 0, "We have nine.");
    history.drop_unheard(T1);
    assert_eq!(after_the_question(&history), []);
    history.caller_said(T2, "for four people");
    assert_eq!(after_the_question(&history), [caller("for four people")]);
}

#[test]
fn keeps_the_order_of_text_calls_results_and_text() {
    let mut history = asked();
    history.agent_piece(T1, 0, "Let me look.");
    history.tool_called(T1, vec![tool("a"), tool("b")]);
    history.tool_returned("b", "B");
    history.tool_returned("a", "A");
    history.agent_piece(T1, 1, "And prices.");
    history.tool_called(T1, vec![tool("c")]);
    history.tool_returned("c", "C");
    history.agent_piece(T1, 2, "Nine is free.");
    let expected = [
        calling("Let me look.", &["a", "b"]),
        result("a", "A"),
        result("b", "B"),
        calling("And prices.", &["c"]),
        result("c", "C"),
        agent("Nine is free."),
    ];
    assert_eq!(after_the_question(&history), expected);
}

#[test]
fn puts_a_filler_spoken_during_a_call_before_the_call() {
    let mut history = asked();
    history.tool_called(T1, vec![tool("a")]);
    history.agent_piece(T1, 0, "One moment.");
    history.tool_returned("a", "A");
    history.agent_piece(T1, 1, "Nine is free.");
    let expected = [calling("One moment.", &["a"]), result("a", "A"), agent("Nine is free.")];
    assert_eq!(after_the_question(&history), expected);
}

#[test]
fn keeps_calls_and_results_of_a_reply_that_nobody_heard() {
    let mut history = asked();
    history.agent_piece(T1, 0, "Let me look.");
    history.tool_called(T1, vec![tool("a")]);
    history.tool_returned("a", "A");
    history.agent_piece(T1, 1, "Nine is free.");
    history.agent_heard(T1, &[]);
    assert_eq!(after_the_question(&history), [calling("", &["a"]), result("a", "A")]);
}

#[test]
fn answers_a_dropped_call_itself_until_the_result_comes_after_all() {
    let mut history = asked();
    history.tool_called(T1, vec![tool("a"), tool("b")]);
    history.tool_has_effect("b");
    history.drop_unheard(T1);
    history.caller_said(T2, "hello?");
    let expected = |b: &str| [calling("", &["a", "b"]), result("a", CANCELLED), result("b", b), caller("hello?")];
    assert_eq!(after_the_question(&history), expected(RUNNING));
    history.tool_returned("b", "booked");
    assert_eq!(after_the_question(&history), expected("booked"));
}

#[test]
fn gives_a_result_to_the_newest_call_when_ids_repeat() {
    let mut history = asked();
    history.tool_called(T1, vec![tool("call_0")]);
    history.tool_returned("call_0", "first");
    history.tool_called(T1, vec![tool("call_0")]);
    history.tool_returned("call_0", "second");
    history.tool_returned("call_0", "nobody asked");
    history.tool_returned("unknown", "nobody asked");
    let expected =
        [calling("", &["call_0"]), result("call_0", "first"), calling("", &["call_0"]), result("call_0", "second")];
    assert_eq!(after_the_question(&history), expected);
}

#[test]
fn gives_the_words_back_while_nothing_was_audible() {
    let mut history = asked();
    history.caller_said(T1, "in the morning");
    history.agent_piece(T1, 0, "Let me look.");
    history.tool_called(T1, vec![tool("a")]);
    history.agent_heard(T1, &[heard(0, 0, 500)]);
    assert_eq!(history.give_back(T1).unwrap(), "any times on Saturday in the morning");
    assert_eq!(history.messages(), [system(), agent("Hello.")]);
    assert_eq!(history.give_back(T1), None);
}

#[test]
fn keeps_the_words_once_something_was_audible_or_done() {
    let mut history = asked();
    history.agent_piece(T1, 0, "Let me look.");
    history.agent_heard(T1, &[heard(0, 40, 500)]);
    assert_eq!(history.give_back(T1), None);

    let mut history = asked();
    history.tool_called(T1, vec![tool("a")]);
    history.tool_has_effect("a");
    assert_eq!(history.give_back(T1), None);

    let mut history = asked();
    history.agent_piece(T1, 0, "Nine.");
    history.agent_heard_all(T1);
    assert_eq!(history.give_back(T1), None);
    assert_eq!(history.give_back(T0), None, "a greeting answers nobody");
    assert_eq!(after_the_question(&history), [agent("Nine.")]);
}

#[test]
fn keeps_callers_messages_apart() {
    let mut history = asked();
    history.caller_said(T2, "for four");
    assert_eq!(after_the_question(&history), [caller("for four")]);
}

#[test]
fn forgets_nothing_that_was_heard_when_a_resumed_reply_is_cut_again() {
    let mut history = asked();
    history.agent_piece(T1, 0, "aaaa bbbb");
    history.agent_piece(T1, 1, "cccc dddd");
    history.agent_heard(T1, &[heard(0, 1_000, 1_000), heard(1, 0, 1_000)]);
    history.piece_lasts(T1, 1, Duration::from_secs(1));
    history.agent_heard(T1, &[heard(1, 500, 600)]);
    assert_eq!(after_the_question(&history), [agent("aaaa bbbb cccc—")]);
}

#[test]
fn writes_down_what_was_said_beside_what_was_heard() {
    let mut history = asked();
    history.agent_piece(T1, 0, "aaaa bbbb");
    history.tool_called(T2, vec![tool("a")]);
    history.piece_lasts(T1, 0, Duration::from_secs(1));
    history.agent_heard(T1, &[heard(0, 500, 1_000)]);
    let line = |turn, said: &str, heard: &str| TranscriptLine::Agent {
        turn,
        said: said.to_owned().into(),
        heard: heard.to_owned().into(),
    };
    let question = TranscriptLine::Caller { turn: T1, text: "any times on Saturday".to_owned().into() };
    assert_eq!(history.transcript(), [line(T0, "Hello.", "Hello."), question, line(T1, "aaaa bbbb", "aaaa")]);
    assert!(!format!("{history:?}{:?}", history.transcript()).contains("aaaa"));
}

#[derive(Debug, Clone)]
enum Step {
    Said(u32),
    Piece(u32),
    Heard(u32, u64),
    HeardAll(u32),
    Drop(u32),
    Called(u32, u8),
    Effect(u8),
    Returned(u8),
    GiveBack(u32),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        (0_u32..4).prop_map(Step::Said),
        (0_u32..4).prop_map(Step::Piece),
        (0_u32..4, 0_u64..2_000).prop_map(|(turn, played)| Step::Heard(turn, played)),
        (0_u32..4).prop_map(Step::HeardAll),
        (0_u32..4).prop_map(Step::Drop),
        (0_u32..4, 0_u8..3).prop_map(|(turn, id)| Step::Called(turn, id)),
        (0_u8..3).prop_map(Step::Effect),
        (0_u8..3).prop_map(Step::Returned),
        (0_u32..4).prop_map(Step::GiveBack),
    ]
}

proptest! {
    #[test]
    fn answers_every_call_at_once_whatever_happened(steps in prop::collection::vec(step(), 0..60)) {
        let mut history = History::new("be brief");
        for (step, n) in steps.into_iter().zip(0..) {
            match step {
                Step::Said(turn) => history.caller_said(TurnId(turn), "words"),
                Step::Piece(turn) => history.agent_piece(TurnId(turn), n, "some more words."),
                Step::Heard(turn, played) => {
                    let pieces: Vec<_> = (0..n).map(|piece| heard(piece, played, 2_000)).collect();
                    history.agent_heard(TurnId(turn), &pieces);
                }
                Step::HeardAll(turn) => history.agent_heard_all(TurnId(turn)),
                Step::Drop(turn) => history.drop_unheard(TurnId(turn)),
                Step::Called(turn, id) => history.tool_called(TurnId(turn), vec![tool(&id.to_string())]),
                Step::Effect(id) => history.tool_has_effect(&id.to_string()),
                Step::Returned(id) => history.tool_returned(&id.to_string(), "done"),
                Step::GiveBack(turn) => {
                    history.give_back(TurnId(turn));
                }
            }
        }
        let mut awaited: Vec<String> = Vec::new();
        for message in history.messages() {
            match message {
                Message::ToolResult { id, .. } => prop_assert_eq!(awaited.remove(0), id),
                other => {
                    prop_assert!(awaited.is_empty());
                    if let Message::Agent { text, tool_calls } = other {
                        prop_assert!(!(text.is_empty() && tool_calls.is_empty()));
                        awaited = tool_calls.into_iter().map(|call| call.id).collect();
                    }
                }
            }
        }
        prop_assert!(awaited.is_empty());
    }
}

#[test]
fn a_piece_of_unknown_length_is_measured_by_the_pace_of_the_pieces_before() {
    let heard_after = |pace_ms: u64| {
        let mut history = History::new("Be kind.");
        history.agent_piece(TurnId(0), 0, "aaaa bbbb cccc dddd");
        // Twenty letters, the gaps included.
        history.piece_lasts(TurnId(0), 0, Duration::from_millis(20 * pace_ms));
        history.agent_heard_all(TurnId(0));
        history.agent_piece(TurnId(1), 0, "eeee ffff gggg hhhh iiii jjjj");
        let second = Duration::from_secs(1);
        history.agent_heard(TurnId(1), &[HeardPiece { piece: 0, played: second, of: second }]);
        history.heard_text(TurnId(1))
    };
    assert_eq!(heard_after(50), "eeee ffff gggg hhhh");
    assert_eq!(heard_after(100), "eeee ffff");
}
