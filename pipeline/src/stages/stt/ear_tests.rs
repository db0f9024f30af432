//! Calls whose recogniser dies, as scripts of what is heard, sent and said.

use std::time::Duration;

use proptest::prelude::*;

use super::*;

/// Twenty milliseconds that are told from all others by their number.
fn frame(number: u32) -> Frame<u8> {
    let mut frame = [0; FRAME_SAMPLES];
    frame[..4].copy_from_slice(&number.to_le_bytes());
    frame
}

fn number(frame: &Frame<u8>) -> u32 {
    u32::from_le_bytes([frame[0], frame[1], frame[2], frame[3]])
}

#[derive(Debug, PartialEq)]
enum Sent {
    /// The numbers of frames in a row.
    Frames(std::ops::Range<u32>),
    Mark(Mark),
}

/// Everything the line is sent now, frames in a row put together.
fn send_all(ear: &mut Ear) -> Vec<Sent> {
    let mut sent = Vec::new();
    while let Some(next) = ear.poll_send() {
        match (next, sent.last_mut()) {
            (Send::Frame(frame), Some(Sent::Frames(run))) if run.end == number(&frame) => run.end += 1,
            (Send::Frame(frame), _) => sent.push(Sent::Frames(number(&frame)..number(&frame) + 1)),
            (Send::Mark(mark), _) => sent.push(Sent::Mark(mark)),
        }
    }
    sent
}

fn hear(ear: &mut Ear, numbers: std::ops::Range<u32>) {
    for number in numbers {
        ear.hear(&frame(number));
    }
}

fn settled(text: &str, frames: u64) -> SttEvent {
    SttEvent::Settled { text: text.to_owned(), audio: Duration::from_millis(20 * frames) }
}

fn last(pause: u32, text: &str) -> SttEvent {
    SttEvent::Final { pause: Some(PauseId(pause)), text: text.to_owned() }
}

#[test]
fn a_sentence_comes_out_whole_and_once_although_its_recogniser_dies() {
    let mut ear = Ear::default();
    ear.line_opened();
    hear(&mut ear, 0..10);
    ear.mark(Mark::SpeechStarted);
    hear(&mut ear, 10..100);
    assert_eq!(send_all(&mut ear), [Sent::Frames(0..10), Sent::Mark(Mark::SpeechStarted), Sent::Frames(10..100)]);
    assert_eq!(ear.event(settled("Book me a tee time", 80)), None);
    assert_eq!(
        ear.event(SttEvent::Interim("Book me a tee time for Sat".into())).as_ref().map(text),
        Some("Book me a tee time for Sat")
    );

    ear.line_opened();
    hear(&mut ear, 100..140);
    ear.mark(Mark::Paused(PauseId(1)));
    // The onset is before what is sent, so the new line is told that somebody speaks first.
    assert_eq!(
        send_all(&mut ear),
        [Sent::Mark(Mark::SpeechStarted), Sent::Frames(80..140), Sent::Mark(Mark::Paused(PauseId(1)))]
    );
    assert_eq!(ear.event(last(1, "for Saturday.")), Some(last(1, "Book me a tee time for Saturday.")));
}

fn text(event: &SttEvent) -> &str {
    match event {
        SttEvent::Interim(text) | SttEvent::Final { text, .. } => text,
        other => panic!("{other:?} has no text"),
    }
}

#[test]
fn a_second_death_loses_nothing_either() {
    let mut ear = Ear::default();
    ear.line_opened();
    ear.mark(Mark::SpeechStarted);
    hear(&mut ear, 0..100);
    send_all(&mut ear);
    ear.event(settled("one two", 50));
    ear.line_opened();
    send_all(&mut ear);
    ear.event(settled("three", 25));
    ear.line_opened();
    assert_eq!(send_all(&mut ear), [Sent::Mark(Mark::SpeechStarted), Sent::Frames(75..100)]);
    assert_eq!(ear.event(last(1, "four")), Some(last(1, "one two three four")));
}

#[test]
fn a_pause_that_was_not_answered_is_asked_again_and_an_older_one_is_not() {
    let mut ear = Ear::default();
    ear.line_opened();
    ear.mark(Mark::SpeechStarted);
    hear(&mut ear, 0..20);
    ear.mark(Mark::Paused(PauseId(1)));
    hear(&mut ear, 20..40);
    ear.mark(Mark::Paused(PauseId(2)));
    send_all(&mut ear);
    ear.line_opened();
    let sent = send_all(&mut ear);
    assert_eq!(sent.last(), Some(&Sent::Mark(Mark::Paused(PauseId(2)))));
    assert!(!sent.contains(&Sent::Mark(Mark::Paused(PauseId(1)))), "{sent:?}");
}

#[test]
fn a_committed_utterance_is_never_heard_again() {
    let mut ear = Ear::default();
    ear.line_opened();
    ear.mark(Mark::SpeechStarted);
    hear(&mut ear, 0..50);
    ear.mark(Mark::Paused(PauseId(1)));
    send_all(&mut ear);
    ear.event(settled("Yes", 50));
    ear.mark(Mark::Committed);
    hear(&mut ear, 50..60);
    ear.line_opened();
    assert_eq!(send_all(&mut ear), [Sent::Mark(Mark::Committed), Sent::Frames(50..60)]);
    assert_eq!(ear.event(last(2, "No")), Some(last(2, "No")), "the words before are no part of it");
}

#[test]
fn silence_is_not_kept() {
    let mut ear = Ear::default();
    ear.line_opened();
    for number in 0..5_000 {
        ear.hear(&frame(number));
        send_all(&mut ear);
    }
    ear.line_opened();
    assert_eq!(send_all(&mut ear), [Sent::Frames(4_950..5_000)]);
}

#[test]
fn keeps_thirty_seconds_of_a_caller_whom_nobody_hears() {
    let mut ear = Ear::default();
    ear.mark(Mark::SpeechStarted);
    hear(&mut ear, 0..5_000);
    ear.line_opened();
    assert_eq!(send_all(&mut ear), [Sent::Mark(Mark::SpeechStarted), Sent::Frames(3_500..5_000)]);
}

#[test]
fn a_line_that_settles_what_it_was_never_sent_is_not_believed() {
    let mut ear = Ear::default();
    ear.line_opened();
    ear.mark(Mark::SpeechStarted);
    hear(&mut ear, 0..10);
    send_all(&mut ear);
    ear.event(settled("words", 1_000_000_000));
    hear(&mut ear, 10..20);
    ear.line_opened();
    assert_eq!(send_all(&mut ear), [Sent::Mark(Mark::SpeechStarted), Sent::Frames(10..20)]);
}

#[derive(Debug, Clone)]
enum Step {
    Hear(u8),
    Send(u8),
    Mark(u8),
    Settle(u8),
    Reopen,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => any::<u8>().prop_map(Step::Hear),
        4 => any::<u8>().prop_map(Step::Send),
        1 => any::<u8>().prop_map(Step::Mark),
        1 => any::<u8>().prop_map(Step::Settle),
        1 => Just(Step::Reopen),
    ]
}

proptest! {
    #[test]
    fn every_line_gets_frames_in_order_without_a_hole(steps in prop::collection::vec(step(), 0..200)) {
        let mut ear = Ear::default();
        ear.line_opened();
        let (mut heard, mut expected, mut of_line) = (0, None, 0_u64);
        for step in steps {
            match step {
                Step::Hear(count) => {
                    hear(&mut ear, heard..heard + u32::from(count % 20));
                    heard += u32::from(count % 20);
                }
                Step::Send(count) => for _ in 0..count {
                    let Some(next) = ear.poll_send() else { break };
                    if let Send::Frame(frame) = next {
                        let number = number(&frame);
                        of_line += 1;
                        prop_assert!(expected.is_none_or(|expected| expected == number));
                        expected = Some(number + 1);
                    }
                },
                Step::Mark(kind) => ear.mark(match kind % 3 {
                    0 => Mark::SpeechStarted,
                    1 => Mark::Paused(PauseId(u32::from(kind))),
                    _ => {
                        // What was not sent of a committed utterance is never sent.
                        expected = None;
                        Mark::Committed
                    }
                }),
                Step::Settle(share) => {
                    ear.event(settled("words", of_line * u64::from(share) / 255));
                }
                Step::Reopen => {
                    ear.line_opened();
                    (expected, of_line) = (None, 0);
                }
            }
            prop_assert!(ear.audio.len() as u64 <= LONGEST_BYTES);
            let pauses = ear.marks.iter().filter(|(_, mark)| matches!(mark, Mark::Paused(_))).count();
            prop_assert!(pauses <= 1);
        }
    }
}
