//! Sounds over a reply: what silences it, what ends it, and what lets it go on.

use super::Event::*;
use super::tests::{P1, P2, T1, asks_for_a_tee_time, at, final_of, play, play_with, scored};
use super::*;

const T2: TurnId = TurnId(2);
const P3: PauseId = PauseId(3);

/// The reply to the tee time plays since 6 s; at 8 s a sound begins that lasts until `end`, and it is known at
/// once when it lasts.
fn a_sound_over_the_reply(end: u64) -> Vec<(u64, Event)> {
    let mut script = asks_for_a_tee_time();
    script.extend([
        (5_500, FirstToken(T1)),
        (6_000, AudioSent(T1)),
        (7_000, ReplyComplete { turn: T1, plays_until: at(12_000), ends_call: false }),
        (8_060, SpeechStarted { onset: at(8_000) }),
        (8_240, SpeechSustained { onset: at(8_000) }),
        (end + 200, SpeechStopped { end: at(end) }),
    ]);
    script
}

/// What was commanded after the reply began.
fn after_the_reply_began(script: &[(u64, Event)], end_ms: u64) -> Vec<(u64, Command)> {
    let told: Vec<_> = script.iter().filter(|(ms, _)| *ms < end_ms).cloned().collect();
    play(&told, end_ms).into_iter().filter(|(ms, _)| *ms > 6_000).collect()
}

#[test]
fn a_cough_silences_the_reply_for_a_moment_and_it_goes_on() {
    let mut script = a_sound_over_the_reply(8_400);
    script.extend([
        (8_700, final_of(P2, "")),
        (9_000, AudioSent(T1)),
        (9_100, ReplyComplete { turn: T1, plays_until: at(13_000), ends_call: false }),
        (13_000, PlayedOut(T1)),
    ]);
    assert_eq!(
        after_the_reply_began(&script, 21_100),
        [
            (8_240, Command::HoldReply(T1)),
            (8_600, Command::AskFinal(P2)),
            (8_700, Command::CommitUtterance),
            (8_700, Command::ResumeReply(T1)),
            (21_000, Command::Say { turn: T2, line: Line::StillThere(0) }),
        ]
    );
}

#[test]
fn words_end_the_reply_and_are_answered() {
    let mut script = a_sound_over_the_reply(9_000);
    script.extend([(9_300, final_of(P2, "No, Sunday.")), (9_310, scored(P2, 0.95))]);
    assert_eq!(
        after_the_reply_began(&script, 9_400),
        [
            (8_240, Command::HoldReply(T1)),
            (9_200, Command::AskFinal(P2)),
            (9_300, Command::CancelReply(T1)),
            (9_310, Command::CommitUtterance),
            (9_310, Command::StartReply { turn: T2, text: "No, Sunday.".into(), replaces: None }),
        ]
    );
}

#[test]
fn the_first_words_that_are_heard_end_the_reply_at_once() {
    let mut script = a_sound_over_the_reply(9_000);
    script.insert(script.len() - 1, (8_500, Interim("No".into())));
    script.insert(script.len() - 1, (8_700, Interim("No Sunday".into())));
    let cancels: Vec<_> = play(&script, 9_100)
        .into_iter()
        .filter(|(_, command)| matches!(command, Command::CancelReply(_) | Command::ResumeReply(_)))
        .collect();
    assert_eq!(cancels, [(8_500, Command::CancelReply(T1))]);
}

#[test]
fn the_observers_hear_of_an_interruption_when_it_is_one_and_how_soon_the_agent_was_silent() {
    let mut script = a_sound_over_the_reply(9_000);
    script.push((9_300, final_of(P2, "No, Sunday.")));
    let notices: Vec<_> = play_with(TurnPolicy::default(), &script, 9_301)
        .into_iter()
        .filter(|(_, command)| matches!(command, Command::Notice(Notice::BargeIn { .. })))
        .collect();
    let told = Notice::BargeIn { turn: T1, onset: at(8_000), silenced: at(8_240) };
    assert_eq!(notices, [(9_300, Command::Notice(told))]);
}

#[test]
fn a_sign_of_listening_takes_the_floor_from_nobody() {
    let mut script = a_sound_over_the_reply(8_400);
    script.extend([(8_500, Interim("uh-huh".into())), (8_700, final_of(P2, "Uh-huh.")), (8_710, scored(P2, 0.95))]);
    let commands = after_the_reply_began(&script, 8_800);
    assert_eq!(commands.last(), Some(&(8_710, Command::ResumeReply(T1))));
}

#[test]
fn the_same_word_answers_the_last_words_of_a_question() {
    let mut script = asks_for_a_tee_time();
    script.extend([
        (5_500, FirstToken(T1)),
        (6_000, AudioSent(T1)),
        (7_000, ReplyComplete { turn: T1, plays_until: at(9_000), ends_call: false }),
        (8_060, SpeechStarted { onset: at(8_000) }),
        (8_240, SpeechSustained { onset: at(8_000) }),
        (8_600, SpeechStopped { end: at(8_400) }),
        (8_700, final_of(P2, "Okay.")),
        (8_710, scored(P2, 0.95)),
    ]);
    let commands = after_the_reply_began(&script, 8_800);
    assert_eq!(commands[2], (8_700, Command::CancelReply(T1)));
    assert_eq!(commands.last(), Some(&(8_710, Command::StartReply { turn: T2, text: "Okay.".into(), replaces: None })));
}

#[test]
fn without_a_verdict_the_reply_goes_on_and_a_late_one_still_counts() {
    let mut script = a_sound_over_the_reply(8_400);
    script.push((10_500, final_of(P2, "Make it Sunday please.")));
    let commands = after_the_reply_began(&script, 10_600);
    assert_eq!(
        commands,
        [
            (8_240, Command::HoldReply(T1)),
            (8_600, Command::AskFinal(P2)),
            (9_600, Command::ResumeReply(T1)),
            (10_500, Command::CancelReply(T1)),
            (10_500, Command::CommitUtterance),
            (10_500, Command::StartReply { turn: T2, text: "Make it Sunday please.".into(), replaces: None }),
        ]
    );
}

#[test]
fn a_noise_that_does_not_end_cannot_keep_the_agent_silent() {
    let mut script = a_sound_over_the_reply(20_000);
    script.insert(script.len() - 1, (9_900, final_of(P2, "")));
    let commands = after_the_reply_began(&script, 11_000);
    assert_eq!(
        commands,
        [
            (8_240, Command::HoldReply(T1)),
            (9_740, Command::AskFinal(P2)),
            (9_900, Command::CommitUtterance),
            (9_900, Command::ResumeReply(T1)),
        ]
    );
    // The noise goes on, and now it has words.
    script.insert(script.len() - 1, (11_500, Interim("hello hello".into())));
    let commands = after_the_reply_began(&script, 12_000);
    assert_eq!(commands.last(), Some(&(11_500, Command::CancelReply(T1))));
}

#[test]
fn who_types_does_not_want_the_reply_to_go_on() {
    let mut script = a_sound_over_the_reply(20_000);
    script.insert(script.len() - 1, (8_500, Digit('4')));
    script.insert(script.len() - 1, (8_600, Digit('#')));
    let commands = after_the_reply_began(&script, 8_700);
    assert_eq!(
        commands,
        [
            (8_240, Command::HoldReply(T1)),
            (8_500, Command::CancelReply(T1)),
            (8_600, Command::CommitUtterance),
            (8_600, Command::StartReply { turn: T2, text: format!("{KEYPAD_MARK} 4"), replaces: None }),
        ]
    );
}

#[test]
fn a_tool_that_returns_meanwhile_is_not_forgotten() {
    let mut script = asks_for_a_tee_time();
    script.extend([
        (5_500, FirstToken(T1)),
        (6_000, AudioSent(T1)),
        (6_500, ToolStarted { turn: T1, changes: true }),
        (8_060, SpeechStarted { onset: at(8_000) }),
        (8_240, SpeechSustained { onset: at(8_000) }),
        (8_300, ToolsFinished(T1)),
        (8_600, SpeechStopped { end: at(8_400) }),
        (8_700, final_of(P2, "")),
        (8_710, RanDry(T1)),
    ]);
    let commands = after_the_reply_began(&script, 11_000);
    assert_eq!(
        commands[3..],
        [
            (8_700, Command::ResumeReply(T1)),
            // It waits for the model, not for the tool, and says so in time.
            (10_210, Command::Say { turn: T1, line: Line::Filler(0) }),
        ]
    );
}

#[test]
fn a_reply_that_fails_while_it_is_held_ends_as_any_other() {
    let mut script = a_sound_over_the_reply(20_000);
    script.insert(script.len() - 1, (8_500, ReplyFailed(T1)));
    let commands = after_the_reply_began(&script, 8_600);
    assert_eq!(
        commands[1..],
        [(8_500, Command::CancelReply(T1)), (8_500, Command::Say { turn: T2, line: Line::Apology })]
    );
}

#[test]
fn a_call_that_is_closed_leaves_no_reply_held() {
    let mut script = a_sound_over_the_reply(20_000);
    script.insert(script.len() - 1, (8_500, CloseWanted));
    let commands = after_the_reply_began(&script, 8_600);
    assert_eq!(
        commands[1..],
        [(8_500, Command::CancelReply(T1)), (8_500, Command::Say { turn: T2, line: Line::Closing })]
    );
}

#[test]
fn one_short_word_stops_the_agent_when_it_means_stop() {
    for (word, stops) in [("Wait.", true), ("Stop!", true), ("Well.", false)] {
        let mut script = asks_for_a_tee_time();
        script.extend([
            (5_500, FirstToken(T1)),
            (6_000, AudioSent(T1)),
            (7_000, ReplyComplete { turn: T1, plays_until: at(12_000), ends_call: false }),
            (8_060, SpeechStarted { onset: at(8_000) }),
            (8_380, SpeechStopped { end: at(8_180) }),
            (8_450, final_of(P2, word)),
        ]);
        let cancelled = after_the_reply_began(&script, 8_460).contains(&(8_450, Command::CancelReply(T1)));
        assert_eq!(cancelled, stops, "{word}");
    }
}

#[test]
fn a_second_cough_right_after_the_first_holds_again() {
    let mut script = a_sound_over_the_reply(8_400);
    script.extend([
        (8_700, final_of(P2, "")),
        (8_750, AudioSent(T1)),
        (9_060, SpeechStarted { onset: at(9_000) }),
        (9_240, SpeechSustained { onset: at(9_000) }),
        (9_700, SpeechStopped { end: at(9_500) }),
        (9_800, final_of(P3, "you")),
    ]);
    let commands = after_the_reply_began(&script, 9_900);
    assert_eq!(
        commands[4..],
        [(9_240, Command::HoldReply(T1)), (9_700, Command::AskFinal(P3)),],
        "invented words are weighed as words are"
    );
    let commands = after_the_reply_began(&script, 11_500);
    assert!(commands.contains(&(11_000, Command::ResumeReply(T1))), "{commands:?}");
    assert_ne!(P1, P3);
}
