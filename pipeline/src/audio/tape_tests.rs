use proptest::prelude::*;

use super::*;

const T1: TurnId = TurnId(1);

fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// Frames of audio, each of one byte value.
fn audio(piece: u32, frames: &[u8]) -> Item {
    let ulaw = frames.iter().flat_map(|&byte| [byte; FRAME_SAMPLES]).collect::<Vec<_>>().into();
    Item::Audio { turn: T1, piece, ulaw }
}

/// A voice: every frame another loud byte.
fn loud(piece: u32, frames: u8, first: u8) -> Item {
    audio(piece, &(0..frames).map(|index| 0x80 + first + index).collect::<Vec<_>>())
}

/// Gives out everything from `at` on; returns where it ends, and the frames.
fn give_out(tape: &mut Tape, mut at: Duration) -> (Duration, Vec<Item>) {
    let mut items = Vec::new();
    while let Some(item) = tape.next(at) {
        at += item.lasts();
        items.push(item);
    }
    (at, items)
}

fn frames_of(items: &[Item]) -> Vec<u8> {
    let bytes = items.iter().filter_map(|item| match item {
        Item::Audio { ulaw, .. } => Some(ulaw.chunks(FRAME_SAMPLES).map(|frame| frame[0])),
        Item::Mark { .. } | Item::End(_) => None,
    });
    bytes.flatten().collect()
}

#[test]
fn goes_on_at_the_pause_between_two_words() {
    let mut tape = Tape::default();
    // Ten loud frames, two of silence, ten loud ones; the caller heard 100 ms of the second word.
    tape.load(loud(0, 10, 0));
    tape.load(audio(0, &[ulaw::SILENCE; 2]));
    tape.load(loud(0, 10, 10));
    tape.load(Item::Mark { turn: T1, piece: 0 });
    tape.load(Item::End(T1));
    give_out(&mut tape, Duration::ZERO);
    let resume = tape.rewind(ms(340));
    assert_eq!(resume, ms(220), "the last silent frame");
    let (end, again) = give_out(&mut tape, resume);
    assert_eq!(end, ms(440));
    assert_eq!(frames_of(&again)[0], ulaw::SILENCE);
    assert_eq!(frames_of(&again).len(), 11);
    assert_eq!(again[again.len() - 2..], [Item::Mark { turn: T1, piece: 0 }, Item::End(T1)]);
}

#[test]
fn tells_the_end_again_when_everything_was_heard() {
    let mut tape = Tape::default();
    tape.load(loud(0, 5, 0));
    tape.load(Item::End(T1));
    give_out(&mut tape, Duration::ZERO);
    tape.heard(ms(5_000));
    let resume = tape.rewind(ms(100));
    let (_, again) = give_out(&mut tape, resume);
    assert_eq!(again, [Item::End(T1)]);
}

#[test]
fn keeps_no_more_than_can_be_said_again() {
    let mut tape = Tape::default();
    let mut at = Duration::ZERO;
    for _ in 0..1_000 {
        tape.load(loud(0, 1, 0));
        at += tape.next(at).map_or(Duration::ZERO, |item| item.lasts());
        tape.heard(at);
    }
    assert!(tape.sent.len() <= 41, "{}", tape.sent.len());
}

proptest! {
    /// Whatever was heard and however often it is silenced: what is played in the end is the whole, in order, with
    /// at most the reach said twice at each seam.
    #[test]
    fn nothing_is_lost_however_often_it_is_silenced(
        pieces in prop::collection::vec(prop::collection::vec(any::<u8>(), 1..12), 1..10),
        silenced in prop::collection::vec((0usize..40, 0u64..1_500), 0..5),
    ) {
        let mut tape = Tape::default();
        let whole: Vec<u8> = pieces.iter().flatten().copied().collect();
        for (piece, frames) in (0u32..).zip(&pieces) {
            tape.load(audio(piece, frames));
            tape.load(Item::Mark { turn: T1, piece });
        }
        tape.load(Item::End(T1));
        // What the caller heard, by playout position in frames.
        let mut played: Vec<u8> = Vec::new();
        let (mut at, mut resumed_at) = (Duration::ZERO, Duration::ZERO);
        for (items, heard_ms) in silenced {
            for _ in 0..items {
                let Some(item) = tape.next(at) else { break };
                at += item.lasts();
                played.extend(frames_of(&[item]));
            }
            let heard = ms(heard_ms).max(resumed_at).min(at);
            tape.heard(heard);
            let resume = tape.rewind(heard);
            prop_assert!(resume <= at && resume <= heard && heard <= resume + REACH + FRAME);
            played.truncate(frames_in(resume));
            (at, resumed_at) = (resume, resume);
        }
        let (_, rest) = give_out(&mut tape, at);
        played.extend(frames_of(&rest));
        prop_assert_eq!(played, whole);
        prop_assert_eq!(rest.last(), Some(&Item::End(T1)));
    }
}
