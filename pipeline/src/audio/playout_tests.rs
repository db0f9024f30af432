use proptest::prelude::*;
use serde_json::Value;

use super::*;

const T1: TurnId = TurnId(1);
const T2: TurnId = TurnId(2);

fn at(millis: u64) -> CallTime {
    CallTime::from_millis(millis)
}

fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

fn heard(piece: u32, played: u64, of: u64) -> HeardPiece {
    HeardPiece { piece, played: ms(played), of: ms(of) }
}

fn prompt_carrier() -> Playout {
    Playout::new(PlayoutSettings { playout_latency: Duration::ZERO })
}

#[test]
fn counts_play_time_from_the_first_batch_on() {
    let mut playout = Playout::new(PlayoutSettings::default());
    assert!(playout.is_idle(at(1_000)));
    playout.queued(at(1_000), T1, 0, ms(100));
    playout.queued(at(1_050), T1, 0, ms(100));
    playout.queued(at(1_060), T1, 1, ms(300));
    assert_eq!(playout.buffered(at(1_060)), ms(500));
    // The first 100 ms pass on the way to the caller.
    assert_eq!(playout.heard(at(1_100), T1), [heard(0, 0, 200), heard(1, 0, 300)]);
    assert_eq!(playout.heard(at(1_350), T1), [heard(0, 200, 200), heard(1, 50, 300)]);
    assert_eq!(playout.buffered(at(1_350)), ms(250));
    assert!(playout.is_idle(at(1_600)));
    assert_eq!(playout.heard(at(9_000), T1), [heard(0, 200, 200), heard(1, 300, 300)]);
}

#[test]
fn starts_anew_when_audio_comes_after_a_pause() {
    let mut playout = prompt_carrier();
    playout.queued(at(0), T1, 0, ms(100));
    playout.queued(at(5_000), T2, 0, ms(400));
    assert_eq!(playout.heard(at(5_100), T2), [heard(0, 100, 400)]);
    assert_eq!(playout.buffered(at(5_100)), ms(300));
}

#[test]
fn believes_a_returned_mark_more_than_the_clock() {
    let mut playout = Playout::new(PlayoutSettings::default());
    playout.queued(at(0), T1, 0, ms(500));
    let mark = playout.mark(T1, 0);
    playout.queued(at(0), T1, 1, ms(500));
    // The network is slower than assumed: the end of piece 0 is not heard before its mark is back.
    assert_eq!(playout.heard(at(800), T1), [heard(0, 500, 500), heard(1, 0, 500)]);
    assert_eq!(playout.mark_returned(at(900), &mark), Some(PieceId { turn: T1, piece: 0 }));
    assert_eq!(playout.heard(at(1_000), T1), [heard(0, 500, 500), heard(1, 100, 500)]);
    assert_eq!(playout.buffered(at(1_000)), ms(400));
}

#[test]
fn moves_on_when_a_mark_comes_back_earlier_than_assumed() {
    let mut playout = Playout::new(PlayoutSettings::default());
    playout.queued(at(0), T1, 0, ms(500));
    let mark = playout.mark(T1, 0);
    playout.queued(at(0), T1, 1, ms(500));
    playout.mark_returned(at(520), &mark);
    assert_eq!(playout.heard(at(530), T1), [heard(0, 500, 500), heard(1, 10, 500)]);
}

#[test]
fn takes_a_mark_that_overtook_another_for_both() {
    let mut playout = prompt_carrier();
    playout.queued(at(0), T1, 0, ms(100));
    let first = playout.mark(T1, 0);
    playout.queued(at(0), T1, 1, ms(100));
    let second = playout.mark(T1, 1);
    assert!(playout.mark_returned(at(210), &second).is_some());
    assert_eq!(playout.mark_returned(at(211), &first), None);
    assert_eq!(playout.heard(at(211), T1), [heard(0, 100, 100), heard(1, 100, 100)]);
}

#[test]
fn learns_nothing_from_names_it_never_made() {
    let mut playout = prompt_carrier();
    playout.queued(at(0), T1, 0, ms(1_000));
    let mark = playout.mark(T1, 0);
    for name in ["", "greet-1", "g0t1p0n1", "\u{0}"] {
        assert_eq!(playout.mark_returned(at(100), name), None);
    }
    assert!(playout.mark_returned(at(1_010), &mark).is_some());
    assert_eq!(playout.mark_returned(at(1_020), &mark), None, "the same mark twice");
}

/// The recorded conversation: every frame we sent is booked, every mark of the carrier handed in.
#[test]
fn credits_a_barge_in_with_the_audio_before_it_and_not_with_the_marks_of_the_clear() {
    let call: Value = serde_json::from_str(include_str!("../../fixtures/audio/call_twilio.json")).unwrap();
    let mut playout = prompt_carrier();
    let mut names: Vec<(String, String)> = Vec::new();
    let mut returned = Vec::new();
    let mut heard_at_clear = Vec::new();
    for event in call["events"].as_array().unwrap() {
        let now = at(event["at_ms"].as_u64().unwrap());
        let (frame, sent) = (&event["frame"], event["dir"] == "server_to_provider");
        let theirs = frame["mark"]["name"].as_str().unwrap_or_default();
        let (turn, piece) = match theirs {
            "greet-1" => (TurnId(0), 0),
            "a-1" => (T1, 0),
            "a-2" => (T1, 1),
            _ => (T1, 2),
        };
        match (sent, frame["event"].as_str()) {
            (true, Some("media")) => {
                let base64 = frame["media"]["payload"].as_str().unwrap();
                let bytes = base64.len() / 4 * 3 - base64.matches('=').count();
                let first = names.is_empty();
                let piece = u32::try_from(names.len()).unwrap().saturating_sub(1);
                let turn = if first { TurnId(0) } else { T1 };
                playout.queued(now, turn, piece, ms(bytes as u64 / 8));
            }
            (true, Some("mark")) => names.push((theirs.into(), playout.mark(turn, piece))),
            (true, Some("clear")) => {
                heard_at_clear = playout.heard(now, T1);
                playout.cleared(now);
            }
            (false, Some("mark")) => {
                let ours = &names.iter().find(|(name, _)| name == theirs).unwrap().1;
                returned.push((theirs, playout.mark_returned(now, ours).is_some()));
            }
            _ => {}
        }
    }
    assert_eq!(heard_at_clear, [heard(0, 40, 200), heard(1, 0, 200)]);
    assert_eq!(
        returned,
        [("greet-1", true), ("a-1", false), ("a-2", false), ("empty", true)],
        "marks sent back by the clear prove nothing"
    );
    assert!(playout.is_idle(at(311)));
}

#[test]
fn remembers_a_bounded_past_of_a_call_without_end() {
    let mut playout = prompt_carrier();
    for n in 0..20_000_u32 {
        let now = at(u64::from(n) * 100);
        playout.queued(now, TurnId(n / 3), n % 3, ms(100));
        playout.mark(TurnId(n / 3), n % 3);
    }
    assert!(playout.marks.len() <= REMEMBERED);
    assert!(playout.segments.len() <= 2 * REMEMBERED + 2, "{}", playout.segments.len());
}

#[derive(Debug, Clone)]
enum Step {
    Wait(u64),
    Queue(u64),
    NextPiece,
    Mark,
    Return(prop::sample::Index),
    Clear,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        4 => (0_u64..400).prop_map(Step::Wait),
        4 => (1_u64..=200).prop_map(Step::Queue),
        2 => Just(Step::NextPiece),
        2 => Just(Step::Mark),
        2 => any::<prop::sample::Index>().prop_map(Step::Return),
        1 => Just(Step::Clear),
    ];
    prop::collection::vec(step, 0..80)
}

#[test]
fn a_rewind_keeps_what_was_heard_and_counts_on_from_there() {
    let mut playout = Playout::new(PlayoutSettings { playout_latency: ms(0) });
    playout.queued(at(0), T1, 0, ms(2_000));
    let mark = playout.mark(T1, 0);
    assert_eq!(playout.heard_position(at(1_000)), ms(1_000));
    playout.rewound(at(1_000), ms(700));
    assert!(playout.is_idle(at(1_000)) && playout.end() == ms(700));
    assert_eq!(playout.mark_returned(at(1_010), &mark), None, "what was cleared proves nothing");
    assert_eq!(playout.heard(at(5_000), T1), [HeardPiece { piece: 0, played: ms(700), of: ms(700) }]);
    playout.queued(at(5_000), T1, 0, ms(1_300));
    assert_eq!(playout.heard(at(5_500), T1), [HeardPiece { piece: 0, played: ms(1_200), of: ms(2_000) }]);
}

proptest! {
    #[test]
    fn hears_ever_more_until_the_clear_and_never_more_than_was_queued(steps in steps()) {
        let mut playout = Playout::new(PlayoutSettings::default());
        let (mut now, mut piece, mut queued) = (0, 0, 0);
        let mut marks = Vec::new();
        let mut before: Vec<HeardPiece> = Vec::new();
        for step in steps {
            match step {
                Step::Wait(millis) => now += millis,
                Step::Queue(millis) => {
                    playout.queued(at(now), T1, piece, ms(millis));
                    queued += millis;
                }
                Step::NextPiece => piece += 1,
                Step::Mark => {
                    let name = playout.mark(T1, piece);
                    prop_assert!(name.is_ascii() && name.len() < 40 && !marks.contains(&name));
                    marks.push(name);
                }
                Step::Return(index) if !marks.is_empty() => {
                    let name: &String = index.get(&marks);
                    playout.mark_returned(at(now), name);
                }
                Step::Return(_) => {}
                Step::Clear => {
                    playout.cleared(at(now));
                    before.clear();
                    queued = 0;
                }
            }
            let heard = playout.heard(at(now), T1);
            for (earlier, later) in before.iter().zip(&heard) {
                prop_assert_eq!(earlier.piece, later.piece);
                prop_assert!(earlier.played <= later.played, "{:?} then {:?}", earlier, later);
            }
            prop_assert!(heard.iter().all(|piece| piece.played <= piece.of));
            prop_assert_eq!(heard.iter().map(|piece| piece.of).sum::<Duration>(), ms(queued));
            prop_assert!(playout.buffered(at(now)) <= ms(queued));
            before = heard;
        }
    }
}
