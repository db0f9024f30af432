//! When a pause is the end of a turn, as scripts: the witnesses agree, differ, come late or not at all.

use super::Event::*;
use super::tests::{P1, P2, T1, asks_for_a_tee_time, at, final_of, greeted, play, play_with, scored, start};
use super::*;

#[test]
fn the_vendors_own_end_of_the_utterance_ends_the_wait_at_once() {
    let mut script = asks_for_a_tee_time();
    script.truncate(8);
    script.push((5_260, Final { pause: None, text: "A tee time please.".into() }));
    assert_eq!(play(&script, 6_000).last(), Some(&(5_260, start(T1, "A tee time please."))));
}

#[test]
fn without_a_turn_model_a_final_that_looks_finished_is_enough() {
    let policy = TurnPolicy { unscored_after: TurnPolicy::default().sure_after, ..TurnPolicy::default() };
    for (words, committed_ms) in [("A tee time please.", 5_300), ("A tee time for", 7_000)] {
        let mut script = asks_for_a_tee_time();
        script.truncate(8);
        script.push((5_300, final_of(P1, words)));
        let commands = play_with(policy.clone(), &script, 8_000);
        assert!(commands.contains(&(committed_ms, start(T1, words))), "{commands:?}");
    }
}

#[test]
fn an_end_that_comes_late_does_not_cut_off_who_went_on_speaking() {
    let mut script = asks_for_a_tee_time();
    script.truncate(8);
    script.extend([
        (5_300, SpeechStarted { onset: at(5_240) }),
        (5_450, Final { pause: None, text: "A tee time".into() }),
        (6_700, SpeechStopped { end: at(6_500) }),
        (6_800, final_of(P2, "A tee time for Saturday.")),
        (6_810, scored(P2, 0.9)),
    ]);
    let replies: Vec<_> =
        play(&script, 8_000).into_iter().filter(|(_, command)| matches!(command, Command::StartReply { .. })).collect();
    assert_eq!(replies, [(6_810, start(T1, "A tee time for Saturday."))]);
}

#[test]
fn over_noise_that_does_not_end_the_vendors_end_counts() {
    let mut script = greeted();
    script.extend([
        (3_060, SpeechStarted { onset: at(3_000) }),
        (4_000, Interim("four players".into())),
        (5_000, Final { pause: None, text: "Four players.".into() }),
    ]);
    assert_eq!(play(&script, 6_000).last(), Some(&(5_000, start(T1, "Four players."))));
}

#[test]
fn guessed_words_are_answered_when_their_final_never_comes() {
    let mut script = asks_for_a_tee_time();
    script.truncate(8);
    let answered = [(7_700, start(T1, "a tee time")), (7_700, Command::Say { turn: T1, line: Line::Filler(0) })];
    assert!(play(&script, 9_000).ends_with(&answered), "a caller who waited for so long hears something at once");
}

#[test]
fn a_mute_recogniser_is_not_waited_for_for_ever() {
    let mut script = greeted();
    script.extend([(3_060, SpeechStarted { onset: at(3_000) }), (5_200, SpeechStopped { end: at(5_000) })]);
    assert_eq!(
        play(&script, 9_000)[1..],
        [
            (5_200, Command::AskFinal(P1)),
            (7_700, Command::CommitUtterance),
            (7_700, Command::Say { turn: T1, line: Line::DidntHear }),
        ]
    );
}

#[test]
fn an_unsure_turn_model_makes_the_caller_wait_longer() {
    for (probability, committed_ms) in [(0.95, 5_300), (0.6, 5_500), (0.1, 6_200)] {
        let mut script = asks_for_a_tee_time();
        script[8].1 = scored(P1, probability);
        let commands = play(&script, 7_400);
        assert!(commands.contains(&(committed_ms, start(T1, "A tee time please."))), "{probability}: {commands:?}");
    }
}

#[test]
fn hearing_only_the_recogniser_is_hearing() {
    let mut script = greeted();
    script.push((3_000, Final { pause: None, text: "Hello?".into() }));
    script.push((3_050, scored(P1, 0.99)));
    assert_eq!(play(&script, 4_000).last(), Some(&(3_000, start(T1, "Hello?"))));
}

#[test]
fn without_the_models_opinion_the_silence_decides() {
    let mut script = asks_for_a_tee_time();
    script.remove(8);
    assert_eq!(play(&script, 7_400).last(), Some(&(6_500, start(T1, "A tee time please."))));
}

#[test]
fn words_that_stand_still_end_the_turn_although_the_noise_goes_on() {
    let mut script = greeted();
    script.extend([
        (3_060, SpeechStarted { onset: at(3_000) }),
        (4_000, Interim("four".into())),
        (4_750, Interim("four players".into())),
        (5_500, Interim("four players".into())),
        (7_400, final_of(P1, "Four players.")),
        (7_410, scored(P1, 0.9)),
    ]);
    assert_eq!(play(&script, 8_000).last(), Some(&(7_450, start(T1, "Four players."))));
}

#[test]
fn numbers_dictated_with_pauses_are_one_turn() {
    let mut script = greeted();
    script.extend([
        (3_060, SpeechStarted { onset: at(3_000) }),
        (4_200, SpeechStopped { end: at(4_000) }),
        (4_300, final_of(P1, "Five five five.")),
        (4_310, scored(P1, 0.99)),
        (5_560, SpeechStarted { onset: at(5_500) }),
        (7_200, SpeechStopped { end: at(7_000) }),
        (7_300, final_of(P2, "Five five five one two one two.")),
        (7_310, scored(P2, 0.99)),
    ]);
    assert_eq!(
        play(&script, 8_000)[1..],
        [
            (4_200, Command::AskFinal(P1)),
            (7_200, Command::AskFinal(P2)),
            (7_310, Command::CommitUtterance),
            (7_310, start(T1, "Five five five one two one two.")),
        ]
    );
}

#[test]
fn a_sound_shorter_than_any_word_is_not_believed_at_once() {
    let blip = |lasts: u64, then: &[(u64, Event)]| {
        let mut script = greeted();
        script.extend([
            (3_060, SpeechStarted { onset: at(3_000) }),
            (3_200 + lasts, SpeechStopped { end: at(3_000 + lasts) }),
            (3_215 + lasts, final_of(P1, "The three.")),
            (3_236 + lasts, scored(P1, 0.98)),
        ]);
        script.extend_from_slice(then);
        play(&script, 8_000)
    };
    assert!(blip(180, &[]).contains(&(3_416, start(T1, "The three."))), "a word is");
    assert!(blip(80, &[]).contains(&(3_580, start(T1, "The three."))));
    let goes_on = [
        (3_340, SpeechStarted { onset: at(3_280) }),
        (6_200, SpeechStopped { end: at(6_000) }),
        (6_230, scored(P2, 0.95)),
        (6_240, final_of(P2, "He was not an ill-disposed young man.")),
    ];
    let commands = blip(80, &goes_on);
    let replies: Vec<_> =
        commands.iter().filter(|(_, command)| matches!(command, Command::StartReply { .. })).collect();
    assert_eq!(replies, [&(6_240, start(T1, "He was not an ill-disposed young man."))]);
}
