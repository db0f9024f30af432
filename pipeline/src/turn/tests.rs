//! Calls as scripts: what happened at which millisecond, and what was commanded when.

use super::Event::*;
use super::*;

const T0: TurnId = TurnId(0);
pub(super) const T1: TurnId = TurnId(1);
const T2: TurnId = TurnId(2);
pub(super) const P1: PauseId = PauseId(1);
pub(super) const P2: PauseId = PauseId(2);

pub(super) fn at(ms: u64) -> CallTime {
    CallTime::from_millis(ms)
}

/// Plays a script until `end_ms`, firing every timer on time. Notices are left out.
pub(super) fn play(script: &[(u64, Event)], end_ms: u64) -> Vec<(u64, Command)> {
    play_with(TurnPolicy::default(), script, end_ms)
        .into_iter()
        .filter(|(_, command)| !matches!(command, Command::Notice(_)))
        .collect()
}

pub(super) fn play_with(policy: TurnPolicy, script: &[(u64, Event)], end_ms: u64) -> Vec<(u64, Command)> {
    let mut core = Conversation::new(policy);
    let mut commands = Vec::new();
    let mut drain = |core: &mut Conversation, now: CallTime| {
        while let Some(command) = core.poll_command() {
            commands.push((now.as_millis(), command));
        }
    };
    let fire_until = |core: &mut Conversation, limit: u64, drain: &mut dyn FnMut(&mut Conversation, CallTime)| {
        while let Some(due) = core.poll_timeout().filter(|due| due.as_millis() < limit) {
            core.handle_timeout(due);
            drain(core, due);
        }
    };
    for (ms, event) in script {
        fire_until(&mut core, *ms, &mut drain);
        core.handle_event(at(*ms), event.clone());
        drain(&mut core, at(*ms));
    }
    fire_until(&mut core, end_ms, &mut drain);
    commands
}

pub(super) fn final_of(pause: PauseId, text: &str) -> Event {
    Final { pause: Some(pause), text: text.to_owned() }
}

pub(super) fn scored(pause: PauseId, probability: f32) -> Event {
    TurnScored { pause, probability }
}

pub(super) fn start(turn: TurnId, text: &str) -> Command {
    Command::StartReply { turn, text: text.to_owned(), replaces: None }
}

/// The greeting is played to its end at 2 s.
pub(super) fn greeted() -> Vec<(u64, Event)> {
    vec![
        (0, Answered),
        (10, AudioSent(T0)),
        (1_000, ReplyComplete { turn: T0, plays_until: at(2_000), ends_call: false }),
        (2_000, PlayedOut(T0)),
    ]
}

/// The caller speaks from 3 s to 5 s and is surely done; the reply to it is turn 1, from 5.3 s.
pub(super) fn asks_for_a_tee_time() -> Vec<(u64, Event)> {
    let mut script = greeted();
    script.extend([
        (3_060, SpeechStarted { onset: at(3_000) }),
        (3_240, SpeechSustained { onset: at(3_000) }),
        (4_000, Interim("a tee time".into())),
        (5_200, SpeechStopped { end: at(5_000) }),
        (5_250, scored(P1, 0.95)),
        (5_300, final_of(P1, "A tee time please.")),
    ]);
    script
}

/// The reply to the tee time is playing since 6 s; all of it is with the carrier at 7 s.
fn is_being_answered() -> Vec<(u64, Event)> {
    let mut script = asks_for_a_tee_time();
    script.extend([
        (5_500, FirstToken(T1)),
        (6_000, AudioSent(T1)),
        (7_000, ReplyComplete { turn: T1, plays_until: at(12_000), ends_call: false }),
    ]);
    script
}

#[test]
fn greets_and_answers_as_soon_as_all_witnesses_agree() {
    assert_eq!(
        play(&asks_for_a_tee_time(), 5_400),
        [
            (0, Command::Say { turn: T0, line: Line::Greeting }),
            (5_200, Command::AskFinal(P1)),
            (5_300, Command::CommitUtterance),
            (5_300, start(T1, "A tee time please.")),
        ]
    );
}

#[test]
fn a_late_answer_to_an_older_pause_changes_nothing() {
    let mut script = greeted();
    script.extend([
        (3_060, SpeechStarted { onset: at(3_000) }),
        (4_200, SpeechStopped { end: at(4_000) }),
        (4_400, SpeechStarted { onset: at(4_350) }),
        (5_200, SpeechStopped { end: at(5_000) }),
        (5_250, final_of(P1, "On Saturday.")),
        (5_260, scored(P1, 0.99)),
        (5_300, final_of(P2, "On Saturday at nine.")),
        (5_310, scored(P2, 0.99)),
    ]);
    assert_eq!(play(&script, 6_000).last(), Some(&(5_310, start(T1, "On Saturday at nine."))));
}

#[test]
fn silences_the_reply_when_the_caller_keeps_talking_over_it() {
    let mut script = is_being_answered();
    script.extend([(8_060, SpeechStarted { onset: at(8_000) }), (8_240, SpeechSustained { onset: at(8_000) })]);
    assert_eq!(play(&script, 9_000)[4..], [(8_240, Command::HoldReply(T1))]);
}

#[test]
fn stops_the_reply_at_two_recognised_words() {
    let mut script = is_being_answered();
    script.extend([(8_060, SpeechStarted { onset: at(8_000) }), (8_200, Interim("no wait".into()))]);
    assert_eq!(play(&script, 9_000)[4..], [(8_200, Command::CancelReply(T1))]);
}

#[test]
fn keeps_speaking_through_a_short_cough() {
    let mut script = is_being_answered();
    script.extend([
        (8_060, SpeechStarted { onset: at(8_000) }),
        (8_300, SpeechStopped { end: at(8_100) }),
        (8_400, final_of(P2, "")),
        (12_000, PlayedOut(T1)),
    ]);
    assert_eq!(play(&script, 13_000)[4..], [(8_300, Command::AskFinal(P2)), (8_400, Command::CommitUtterance)]);
}

#[test]
fn a_short_yes_into_the_last_words_is_the_answer() {
    let mut script = is_being_answered();
    script.extend([
        (11_260, SpeechStarted { onset: at(11_200) }),
        (11_600, SpeechStopped { end: at(11_400) }),
        (11_700, final_of(P2, "Yes.")),
        (11_720, scored(P2, 0.9)),
    ]);
    assert_eq!(
        play(&script, 12_500)[4..],
        [
            (11_600, Command::AskFinal(P2)),
            (11_700, Command::CancelReply(T1)),
            (11_720, Command::CommitUtterance),
            (11_720, start(T2, "Yes.")),
        ]
    );
}

#[test]
fn a_caller_who_goes_on_before_any_sound_is_still_in_the_same_thought() {
    let mut script = asks_for_a_tee_time();
    script.extend([
        (5_460, SpeechStarted { onset: at(5_400) }),
        (5_640, SpeechSustained { onset: at(5_400) }),
        (6_700, SpeechStopped { end: at(6_500) }),
        (6_800, final_of(P2, "For four people.")),
        (6_810, scored(P2, 0.99)),
    ]);
    let replaced =
        Command::StartReply { turn: T2, text: "A tee time please. For four people.".into(), replaces: Some(T1) };
    let commands = play(&script, 7_000);
    assert!(commands.contains(&(5_640, Command::CancelReply(T1))));
    assert_eq!(commands.last(), Some(&(6_810, replaced)));
}

#[test]
fn a_cough_before_any_sound_does_not_lose_the_question() {
    let mut script = asks_for_a_tee_time();
    script.extend([
        (5_460, SpeechStarted { onset: at(5_400) }),
        (5_640, SpeechSustained { onset: at(5_400) }),
        (5_950, SpeechStopped { end: at(5_750) }),
        (6_050, final_of(P2, "")),
    ]);
    let again = Command::StartReply { turn: T2, text: "A tee time please.".into(), replaces: Some(T1) };
    assert_eq!(play(&script, 7_000).last(), Some(&(6_050, again)));
}

#[test]
fn a_question_whose_tool_already_acts_is_not_given_back() {
    let mut script = asks_for_a_tee_time();
    script.extend([
        (5_400, ToolStarted { turn: T1, changes: true }),
        (5_560, SpeechStarted { onset: at(5_500) }),
        (5_740, SpeechSustained { onset: at(5_500) }),
        (6_700, SpeechStopped { end: at(6_500) }),
        (6_800, final_of(P2, "Actually, make it ten.")),
        (6_810, scored(P2, 0.99)),
    ]);
    assert_eq!(play(&script, 7_000).last(), Some(&(6_810, start(T2, "Actually, make it ten."))));
}

#[test]
fn a_slow_model_gets_a_filler_and_at_last_an_apology() {
    let commands = play(&asks_for_a_tee_time(), 40_000);
    assert_eq!(
        commands[4..],
        [
            (6_800, Command::Say { turn: T1, line: Line::Filler(0) }),
            (17_300, Command::CancelReply(T1)),
            (17_300, Command::Say { turn: T2, line: Line::Apology }),
            (37_300, Command::HangUp(Cause::Failure)),
        ]
    );
}

#[test]
fn a_filler_comes_sooner_to_a_caller_whose_pause_was_long() {
    let mut script = greeted();
    script.extend([
        (3_060, SpeechStarted { onset: at(3_000) }),
        (5_200, SpeechStopped { end: at(5_000) }),
        (5_300, final_of(P1, "A tee time for")),
    ]);
    assert_eq!(
        play(&script, 9_000)[2..],
        [
            (7_000, Command::CommitUtterance),
            (7_000, start(T1, "A tee time for")),
            (7_700, Command::Say { turn: T1, line: Line::Filler(0) }),
        ]
    );
}

#[test]
fn a_slow_tool_gets_its_own_filler_and_more_patience() {
    let mut script = asks_for_a_tee_time();
    script.extend([
        (5_400, ToolStarted { turn: T1, changes: false }),
        (6_910, AudioSent(T1)),
        (8_000, PlayedOut(T1)),
        (20_000, ToolsFinished(T1)),
        (20_200, FirstToken(T1)),
        (20_300, AudioSent(T1)),
    ]);
    assert_eq!(
        play(&script, 21_000)[4..],
        [
            (6_900, Command::Say { turn: T1, line: Line::ToolFiller(0) }),
            // This one has no sound, so the silence since then is long enough for the next at once.
            (10_700, Command::Say { turn: T1, line: Line::ToolFiller(1) }),
            (20_000, Command::Say { turn: T1, line: Line::Filler(2) }),
        ]
    );
}

#[test]
fn a_voice_that_falls_silent_in_mid_sentence_is_covered_by_a_filler() {
    let mut script = asks_for_a_tee_time();
    script.extend([
        (6_000, AudioSent(T1)),
        (7_000, RanDry(T1)),
        (9_000, AudioSent(T1)),
        (10_000, ReplyComplete { turn: T1, plays_until: at(11_000), ends_call: false }),
        (10_500, RanDry(T1)),
        (11_000, PlayedOut(T1)),
    ]);
    assert_eq!(play(&script, 15_000)[4..], [(8_500, Command::Say { turn: T1, line: Line::Filler(0) })]);
}

#[test]
fn waits_that_follow_each_other_make_no_long_silence() {
    let mut script = asks_for_a_tee_time();
    script.extend([
        (6_500, FirstToken(T1)),
        (6_500, ToolStarted { turn: T1, changes: false }),
        (7_600, ToolsFinished(T1)),
        (8_600, FirstToken(T1)),
        (8_700, AudioSent(T1)),
    ]);
    assert_eq!(play(&script, 9_000)[4..], [(7_700, Command::Say { turn: T1, line: Line::Filler(0) })]);
}

#[test]
fn asks_into_the_silence_twice_and_then_says_goodbye() {
    let mut script = greeted();
    script.extend([
        (10_100, AudioSent(T1)),
        (10_200, ReplyComplete { turn: T1, plays_until: at(11_000), ends_call: false }),
        (11_000, PlayedOut(T1)),
        (19_100, AudioSent(T2)),
        (19_200, ReplyComplete { turn: T2, plays_until: at(20_000), ends_call: false }),
        (20_000, PlayedOut(T2)),
        (28_100, ReplyComplete { turn: TurnId(3), plays_until: at(30_000), ends_call: false }),
        (30_000, PlayedOut(TurnId(3))),
    ]);
    assert_eq!(
        play(&script, 40_000)[1..],
        [
            (10_000, Command::Say { turn: T1, line: Line::StillThere(0) }),
            (19_000, Command::Say { turn: T2, line: Line::StillThere(1) }),
            (28_000, Command::Say { turn: TurnId(3), line: Line::SilenceGoodbye }),
            (30_000, Command::HangUp(Cause::Silence)),
        ]
    );
}

#[test]
fn keys_are_collected_until_the_hash_or_a_quiet_moment() {
    let mut script = greeted();
    script.extend([(3_000, Digit('4')), (3_300, Digit('8')), (3_600, Digit('#'))]);
    assert_eq!(play(&script, 5_000)[1..], [(3_600, start(T1, "(keypad) 48"))]);
    script.pop();
    assert_eq!(play(&script, 6_000)[1..], [(5_300, start(T1, "(keypad) 48"))]);
}

#[test]
fn a_key_silences_the_reply_at_once() {
    let mut script = is_being_answered();
    script.push((8_000, Digit('1')));
    assert_eq!(play(&script, 10_500)[4..], [(8_000, Command::CancelReply(T1)), (10_000, start(T2, "(keypad) 1"))]);
}

#[test]
fn hangs_up_when_the_goodbye_was_played() {
    let mut script = asks_for_a_tee_time();
    script.extend([
        (6_000, AudioSent(T1)),
        (6_500, ReplyComplete { turn: T1, plays_until: at(8_000), ends_call: true }),
        (8_040, PlayedOut(T1)),
    ]);
    assert_eq!(play(&script, 20_000)[4..], [(8_040, Command::HangUp(Cause::Goodbye))]);
}

#[test]
fn hangs_up_after_the_goodbye_even_when_its_mark_is_lost() {
    let mut script = asks_for_a_tee_time();
    script
        .extend([(6_000, AudioSent(T1)), (6_500, ReplyComplete { turn: T1, plays_until: at(8_000), ends_call: true })]);
    assert_eq!(play(&script, 20_000)[4..], [(10_000, Command::HangUp(Cause::Goodbye))]);
}

#[test]
fn long_speech_without_words_gets_a_question_short_noise_does_not() {
    let spoken_for = |ms: u64, text: &str| {
        let mut script = greeted();
        script.extend([
            (3_060, SpeechStarted { onset: at(3_000) }),
            (3_200 + ms, SpeechStopped { end: at(3_000 + ms) }),
            (3_250 + ms, scored(P1, 0.9)),
            (3_300 + ms, final_of(P1, text)),
        ]);
        play(&script, 5_000).last().cloned()
    };
    assert_eq!(spoken_for(1_200, ""), Some((4_500, Command::Say { turn: T1, line: Line::DidntHear })));
    assert_eq!(spoken_for(300, ""), Some((3_600, Command::CommitUtterance)));
    assert_eq!(spoken_for(300, "You."), Some((3_600, Command::CommitUtterance)), "a cough as recognisers write it");
    assert_eq!(spoken_for(300, "You too."), Some((3_600, start(T1, "You too."))));
}

#[test]
fn the_longest_call_ends_with_a_closing_line() {
    let policy = TurnPolicy { call_max: std::time::Duration::from_secs(6), ..TurnPolicy::default() };
    let commands: Vec<_> = play_with(policy, &is_being_answered()[..11], 40_000)
        .into_iter()
        .filter(|(_, command)| !matches!(command, Command::Notice(_)))
        .collect();
    assert_eq!(
        commands[4..],
        [
            (6_000, Command::CancelReply(T1)),
            (6_000, Command::Say { turn: T2, line: Line::Closing }),
            (26_000, Command::HangUp(Cause::TimeLimit)),
        ]
    );
}

#[test]
fn a_call_to_which_nobody_listens_ends_with_an_apology() {
    let mut script = greeted();
    script.extend([(3_000, SttGone), (5_000, PlayedOut(T1))]);
    assert_eq!(
        play(&script, 6_000)[1..],
        [(3_000, Command::Say { turn: T1, line: Line::Apology }), (5_000, Command::HangUp(Cause::Failure)),]
    );
}

#[test]
fn nothing_is_commanded_after_the_end() {
    let mut script = is_being_answered();
    script.extend([
        (8_000, HungUp),
        (8_100, SpeechStarted { onset: at(8_050) }),
        (8_200, Digit('#')),
        (9_000, CloseWanted),
    ]);
    assert_eq!(play(&script, 60_000)[4..], [(8_000, Command::HangUp(Cause::HungUp))]);
}
