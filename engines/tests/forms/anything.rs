//! Whatever is said, nothing is written that the caller did not agree to.

use proptest::prelude::*;
use serde_json::Value;
use voice_pipeline::chat::Message;

use super::golf::{golf, golf_with_transfer};

/// Words of agreement; a write needs one of them in the caller's last words.
const AGREEMENT: [&str; 12] = [
    "yes",
    "yeah",
    "yep",
    "okay",
    "sure",
    "correct",
    "right",
    "perfect",
    "sounds good",
    "go ahead",
    "uh-huh",
    "please do",
];

/// Things callers say, well and badly heard.
const LINES: [&str; 44] = [
    "I'd like to book a tee time",
    "for four this Saturday at nine",
    "Johnson",
    "it's under Johnson",
    "tomorrow",
    "the 28th",
    "next Friday",
    "ten thirty",
    "nine",
    "4",
    "for",
    "two people",
    "just me",
    "actually make it ten",
    "no, Sunday",
    "change that to three people",
    "no",
    "not quite",
    "never mind",
    "what's the dress code",
    "how much is it",
    "pardon?",
    "hold on",
    "thanks",
    "can you repeat that",
    "what times do you have on Saturday",
    "the first one",
    "anything later",
    "tomorrow afternoon",
    "cancel my reservation",
    "GV4821",
    "G V four eight two one",
    "change my reservation",
    "(keypad) 4821#",
    "June 31st",
    "at 25:99",
    "for 999999999999999999999 people",
    "wait no",
    "no that's right",
    "yes but make it nine thirty",
    "any time",
    "hmm",
    "hello?",
    "December 5th at nine",
];

fn line() -> impl Strategy<Value = String> {
    prop_oneof![
        6 => proptest::sample::select(LINES.to_vec()).prop_map(str::to_owned),
        3 => proptest::sample::select(AGREEMENT.to_vec()).prop_map(str::to_owned),
        1 => proptest::collection::vec(proptest::sample::select(LINES.to_vec()), 2..4).prop_map(|lines| lines.join(" ")),
        1 => "\\PC{0,60}",
        1 => any::<String>(),
    ]
}

/// How a reply went: heard to the end, cut after some words, or followed by a line of the host.
fn heard() -> impl Strategy<Value = Option<usize>> {
    prop_oneof![5 => Just(None), 1 => (0..25_usize).prop_map(Some)]
}

/// What the agent says for the values of a write.
fn spoken(tool: &str, arguments: &Value) -> Vec<String> {
    let text = |key: &str| arguments[key].as_str().map(str::to_owned);
    let clock = |time: String| {
        let (hour, minute) = time.split_once(':').unwrap();
        let hour: u32 = hour.parse().unwrap();
        format!(
            "{}:{minute} {}",
            if hour.is_multiple_of(12) { 12 } else { hour % 12 },
            if hour < 12 { "AM" } else { "PM" }
        )
    };
    let day = |date: String| date.parse::<jiff::civil::Date>().unwrap().strftime("%A, %B %-d").to_string();
    let code = |code: String| code.chars().map(String::from).collect::<Vec<_>>().join(" ");
    let players = |key: &str| arguments[key].as_u64().map(|many| format!("{many} player"));
    let of = |prefix: &str| {
        [
            text(&format!("{prefix}date")).map(day),
            text(&format!("{prefix}time")).map(clock),
            players(&format!("{prefix}players")),
        ]
    };
    let mut out: Vec<String> =
        of(if tool == "modifyReservation" { "new_" } else { "" }).into_iter().flatten().collect();
    out.extend(text("name"));
    out.extend(text("confirmation_code").map(code));
    out
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn never_writes_without_a_yes_to_a_read_back_of_exactly_these_values(
        turns in proptest::collection::vec((line(), heard()), 1..14),
        transfer in any::<bool>(),
    ) {
        let stage = if transfer { golf_with_transfer() } else { golf() };
        let mut call = stage.call();
        for (line, cut) in turns {
            let before = last_heard(&call.messages);
            call.says(&line);
            for (tool, arguments) in call.calls.iter().filter(|(tool, _)| tool != "searchTeeTimes") {
                let agreed = AGREEMENT.iter().any(|yes| line.to_lowercase().contains(yes)) || before.1.iter().any(|said| AGREEMENT.iter().any(|yes| said.to_lowercase().contains(yes)));
                prop_assert!(agreed, "{tool} without a yes in {line:?}");
                for value in spoken(tool, arguments) {
                    prop_assert!(before.0.contains(&value), "{tool} {arguments}: {value:?} was not read back in {:?}", before.0);
                }
            }
            prop_assert!(!call.reply.trim().is_empty() || call.ended, "silence after {line:?}");
            let again = call.answer();
            prop_assert_eq!(&again, &call.answer(), "two answers to the same messages");
            if call.ended {
                return Ok(());
            }
            if let Some(words) = cut {
                call.hears_only(words);
            }
        }
    }
}

/// What the caller heard since their last words, and the words they said without hearing an answer.
fn last_heard(messages: &[Message]) -> (String, Vec<String>) {
    let mut heard = String::new();
    let mut unanswered = Vec::new();
    for message in messages.iter().rev() {
        match message {
            Message::Agent { text, .. } if unanswered.is_empty() => heard = format!("{text} {heard}"),
            Message::Agent { text, .. } if text.trim().is_empty() => {}
            Message::Agent { text, .. } => {
                heard = text.clone();
                break;
            }
            Message::Caller(text) if heard.trim().is_empty() => unanswered.push(text.clone()),
            _ => break,
        }
    }
    (heard, unanswered)
}

#[test]
fn survives_speech_without_end_and_from_other_planets() {
    let stage = golf();
    let mut call = stage.call();
    for line in [
        "tee time ".repeat(20_000),
        "🙂🙃".repeat(5_000),
        "\u{0}\u{1}\u{202e}".to_owned(),
        "Ѐ ЁЂЃ ЄЅІ ﷽ \u{fffd}".to_owned(),
        "nine ".repeat(1_000),
        "G V ".repeat(1_000),
        "(keypad) ".to_owned() + &"4".repeat(10_000),
        "99999999999999999999999999:99 pm on 99/99/9999".to_owned(),
        "in 99999999999999 weeks".to_owned(),
        String::new(),
    ] {
        call.says(&line);
        assert!(!call.reply.is_empty());
        assert!(call.calls.iter().all(|(tool, _)| tool == "searchTeeTimes"));
    }
}

#[test]
fn answers_a_long_call_quickly() {
    let stage = golf();
    let mut call = stage.call();
    for _ in 0..30 {
        call.says("what's the dress code");
        call.says("book a tee time for four this Saturday at nine in the morning");
        call.says("never mind");
    }
    let start = std::time::Instant::now();
    call.says("what are your prices");
    assert!(call.reply.contains("$45"));
    // Generous: the limit catches a replay that grows with the square of the call's length.
    assert!(start.elapsed() < std::time::Duration::from_secs(2), "{:?}", start.elapsed());
}
