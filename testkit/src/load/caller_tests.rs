//! Callers in made-up time, against a gateway that does at once what a test says.

use super::*;
use crate::fakes::speech;
use crate::load::voice::Voice;
use crate::load::words::{WordFaults, compare, reply, sentence};

const CALL: u32 = 3;
const GREETING: &str = "thanks for calling";

fn tag(turn: u32) -> Tag {
    Tag { call: CALL, turn }
}

/// A caller and what is known about the call so far.
struct Call {
    caller: Caller,
    start: Instant,
    ticks: u64,
    said: WordReader,
    /// The words that were said, in order.
    words: Vec<String>,
    marks: Vec<String>,
}

impl Call {
    fn new(turns: u32, interrupt_every: u32) -> Self {
        let voice = Voice::synthetic();
        let utterances = (0..turns).map(|turn| voice.utter(&sentence(tag(turn)), 0)).collect();
        let start = Instant::now();
        let plan = CallPlan { call: CALL, utterances, interrupt_every, seed: 7 };
        let caller = Caller::new(plan, start);
        Self { caller, start, ticks: 0, said: WordReader::default(), words: Vec::new(), marks: Vec::new() }
    }

    /// A call whose greeting is over.
    fn greeted(turns: u32, interrupt_every: u32) -> Self {
        let mut call = Self::new(turns, interrupt_every);
        call.speaks(GREETING);
        call.until("the greeting is over", |call| call.caller.talking_since().is_some());
        call
    }

    fn now(&self) -> Instant {
        self.start + FRAME_TIME * self.ticks as u32
    }

    fn tick(&mut self) {
        self.ticks += 1;
        let now = self.now();
        let frame = STANDARD.decode(self.caller.tick(now)).unwrap();
        assert_eq!(frame.len(), FRAME_BYTES);
        self.said.push(&frame, |heard| self.words.push(heard.word));
        self.marks.extend(self.caller.take_marks());
    }

    fn until(&mut self, what: &str, reached: impl Fn(&Self) -> bool) {
        let limit = self.ticks + 3_000;
        while !reached(self) {
            assert!(self.ticks < limit, "a minute passed before {what}");
            self.tick();
        }
    }

    fn until_said(&mut self, turn: usize) {
        self.until("the sentence is said", |call| call.turn(turn).is_some_and(|turn| turn.stopped.is_some()));
    }

    fn until_over(&mut self) {
        self.until("the call is over", |call| call.caller.is_done());
    }

    /// The gateway sends this as one piece.
    fn speaks(&mut self, text: &str) {
        self.sends(&speech::speak(text));
        self.caller.mark("end".into());
    }

    fn sends(&mut self, ulaw: &[u8]) {
        let now = self.now();
        for message in ulaw.chunks(5 * FRAME_BYTES) {
            self.caller.audio(now, message);
        }
    }

    fn turn(&self, turn: usize) -> Option<&HeardTurn> {
        self.caller.turns.get(turn)
    }

    fn faults(&self, turn: usize) -> WordFaults {
        let turn = self.turn(turn).unwrap();
        compare(&turn.expected, &turn.heard, turn.cut_short)
    }
}

const FRAME_TIME: Duration = Duration::from_millis(20);
const RIGHT: WordFaults = WordFaults { missing: 0, doubled: 0, strange: 0 };

#[test]
fn a_call_is_greeting_question_answer_and_goodbye() {
    let mut call = Call::greeted(2, 0);
    assert!(call.caller.was_greeted());
    for turn in 0..2 {
        call.until_said(turn as usize);
        for _ in 0..20 {
            call.tick();
        }
        call.speaks(&reply(tag(turn)));
        let arrived = call.now();
        call.until("the reply is heard", |call| call.turn(turn as usize).unwrap().played.is_some());
        let heard = call.turn(turn as usize).unwrap();
        assert_eq!(heard.arrived, Some(arrived));
        assert_eq!(heard.played, Some(arrived + FRAME_TIME));
        assert_eq!(heard.stopped, Some(arrived - FRAME_TIME * 20));
        assert_eq!((heard.interrupts, heard.arrived_behind, heard.cleared), (false, false, None));
        let spoken = heard.stopped.unwrap() - heard.onset.unwrap();
        assert!((1_000..3_000).contains(&spoken.as_millis()), "{spoken:?}");
    }
    call.until_over();
    assert_eq!(call.words.join(" "), format!("{} {}", sentence(tag(0)), sentence(tag(1))));
    assert_eq!(call.marks, ["end", "end", "end"]);
    for turn in 0..2 {
        assert_eq!(call.faults(turn), RIGHT);
        assert_eq!((call.turn(turn).unwrap().late_frames, call.turn(turn).unwrap().unasked_clears), (0, 0));
    }
}

#[test]
fn callers_pause_between_turns_like_people() {
    let mut pauses = Vec::new();
    for seed in 0..20 {
        let mut call = Call::new(1, 0);
        call.caller.rng = SmallRng::seed_from_u64(seed);
        call.speaks(GREETING);
        call.until("the greeting is over", |call| call.caller.talking_since().is_some());
        call.until("somebody speaks", |call| call.turn(0).is_some());
        pauses.push((call.now() - call.caller.talking_since().unwrap()).as_millis());
    }
    assert!(pauses.iter().all(|pause| (300..=820).contains(pause)), "{pauses:?}");
    pauses.dedup();
    assert!(pauses.len() > 5, "{pauses:?}");
}

#[test]
fn an_interruption_begins_in_the_middle_of_the_reply() {
    let mut call = Call::greeted(2, 2);
    call.until_said(0);
    call.speaks(&reply(tag(0)));
    call.until("the caller interrupts", |call| call.turn(1).is_some_and(|turn| turn.onset.is_some()));
    let heard = call.turn(0).unwrap();
    let (words, of) = (heard.heard.len(), heard.expected.len());
    assert!(words * 2 >= of && words < of, "{words} of {of}");
    for _ in 0..12 {
        call.tick();
    }
    let now = call.now();
    call.caller.clear(now);
    call.tick();
    assert_eq!(call.marks.len(), 2, "a clear returns the marks: {:?}", call.marks);
    call.until_said(1);
    call.speaks(&reply(tag(1)));
    call.until_over();

    let (first, second) = (call.turn(0).unwrap(), call.turn(1).unwrap());
    assert!(first.cut_short && first.heard.len() < first.expected.len());
    assert_eq!((second.interrupts, second.cleared), (true, Some(now)));
    assert_eq!(now - second.onset.unwrap(), FRAME_TIME * 12);
    assert_eq!((call.faults(0), call.faults(1)), (RIGHT, RIGHT));
    assert_eq!((first.unasked_clears, second.unasked_clears), (0, 0));
}

#[test]
fn every_so_many_turns_one_interrupts() {
    let mut call = Call::greeted(7, 3);
    for turn in 0..7 {
        call.until_said(turn as usize);
        let now = call.now();
        call.caller.clear(now);
        call.speaks(&reply(tag(turn)));
    }
    call.until_over();
    let interrupting: Vec<_> = call.caller.turns.iter().map(|turn| turn.interrupts).collect();
    assert_eq!(interrupting, [false, false, true, false, false, true, false]);
}

#[test]
fn an_interruption_that_is_not_cleared_is_known_as_such() {
    let mut call = Call::greeted(2, 1);
    call.until_said(0);
    call.speaks(&reply(tag(0)));
    call.until_said(1);
    call.speaks(&reply(tag(1)));
    call.until_over();
    let second = call.turn(1).unwrap();
    assert_eq!((second.interrupts, second.cleared, second.arrived.is_some()), (true, None, true));
}

#[test]
fn goes_on_when_a_turn_is_not_answered() {
    let mut call = Call::greeted(2, 0);
    call.until_said(0);
    let said = call.now();
    call.until_said(1);
    let waited = call.turn(1).unwrap().onset.unwrap() - said;
    assert!((10_300..10_900).contains(&waited.as_millis()), "{waited:?}");
    assert_eq!(call.turn(0).unwrap().arrived, None);
    call.speaks(&reply(tag(1)));
    call.until_over();
    assert_eq!((call.turn(0).unwrap().heard.len(), call.faults(1)), (0, RIGHT));
}

#[test]
fn a_reply_that_breaks_off_ends_by_itself() {
    let mut call = Call::greeted(1, 0);
    call.until_said(0);
    call.speaks(&format!("{} works for", tag(0)));
    call.until_over();
    let missing = call.turn(0).unwrap().expected.len() as u32 - 3;
    assert_eq!(call.faults(0), WordFaults { missing, ..RIGHT });
}

#[test]
fn words_that_do_not_belong_to_the_reply_are_noticed() {
    let mut call = Call::greeted(1, 0);
    call.until_said(0);
    let reply = reply(tag(0));
    let twice = reply.replace("players,", "players, players,");
    // Tag and words of another call: somebody hears what is not for them.
    call.speaks(&format!("{twice} {}", Tag { call: CALL + 1, turn: 0 }));
    call.until_over();
    assert_eq!(call.faults(0), WordFaults { missing: 0, doubled: 1, strange: 1 });
}

#[test]
fn another_calls_reply_answers_nothing() {
    let mut call = Call::greeted(1, 0);
    call.until_said(0);
    call.speaks(&reply(Tag { call: CALL + 1, turn: 0 }));
    call.until_over();
    assert_eq!(call.turn(0).unwrap().arrived, None);
}

#[test]
fn audio_that_comes_too_late_is_a_hole_in_its_reply() {
    let mut call = Call::greeted(1, 0);
    call.until_said(0);
    let audio = speech::speak(&reply(tag(0)));
    let (first, rest) = audio.split_at(10 * FRAME_BYTES);
    call.sends(first);
    // Ten frames are played, two more ticks have nothing to play.
    for _ in 0..12 {
        call.tick();
    }
    call.sends(rest);
    call.caller.mark("end".into());
    call.until_over();
    let turn = call.turn(0).unwrap();
    assert_eq!((turn.late_frames, turn.holes.as_slice()), (2, [FRAME_TIME].as_slice()));
    assert_eq!(call.faults(0), RIGHT);
}

#[test]
fn a_pause_between_two_pieces_is_no_hole() {
    let mut call = Call::greeted(1, 0);
    call.until_said(0);
    let reply = reply(tag(0));
    let (first, second) = reply.split_once(", ").unwrap();
    call.speaks(first);
    call.until("the line is empty", |call| call.caller.playout.is_empty());
    for _ in 0..5 {
        call.tick();
    }
    call.speaks(second);
    call.until_over();
    assert_eq!((call.turn(0).unwrap().late_frames, call.faults(0)), (0, RIGHT));
}

#[test]
fn a_clear_that_nobody_asked_for_is_counted_and_costs_words() {
    let mut call = Call::greeted(1, 0);
    call.until_said(0);
    call.speaks(&reply(tag(0)));
    call.until("some words are heard", |call| call.turn(0).unwrap().heard.len() == 4);
    let now = call.now();
    call.caller.clear(now);
    call.until_over();
    let turn = call.turn(0).unwrap();
    assert_eq!((turn.unasked_clears, turn.cleared), (1, None));
    assert_eq!(call.faults(0).missing, turn.expected.len() as u32 - 4);
}

#[test]
fn a_clear_of_an_empty_line_means_nothing() {
    let mut call = Call::greeted(1, 0);
    call.until_said(0);
    let now = call.now();
    call.caller.clear(now);
    call.speaks(&reply(tag(0)));
    call.until_over();
    assert_eq!((call.turn(0).unwrap().unasked_clears, call.faults(0)), (0, RIGHT));
}

#[test]
fn a_reply_behind_a_filler_is_told_from_one_that_could_be_played_at_once() {
    let mut call = Call::greeted(1, 0);
    call.until_said(0);
    call.speaks("one moment please");
    call.tick();
    call.speaks(&reply(tag(0)));
    let arrived = call.now();
    call.until_over();
    let turn = call.turn(0).unwrap();
    assert_eq!((turn.arrived, turn.arrived_behind), (Some(arrived), true));
    assert!(turn.played.unwrap() > arrived + Duration::from_millis(500));
    assert_eq!(call.faults(0), RIGHT, "the filler is nobody's reply");
}

#[test]
fn speaks_at_last_when_nobody_greets() {
    let mut call = Call::new(1, 0);
    call.until_said(0);
    assert!(!call.caller.was_greeted());
    call.speaks(&reply(tag(0)));
    call.until_over();
    assert_eq!(call.faults(0), RIGHT);
}

#[test]
fn a_call_ends_whatever_the_gateway_does() {
    let mut silent = Call::new(3, 2);
    silent.until_over();
    assert_eq!(silent.caller.into_turns().len(), 3);

    // A gateway that never stops talking.
    let mut endless = Call::new(2, 0);
    let babble = speech::speak(&"and so on ".repeat(10));
    while !endless.caller.is_done() {
        if endless.caller.playout.is_empty() {
            let answered = endless.caller.turns.last().map(|turn| format!("{} well", turn.tag));
            endless.sends(&answered.map_or(vec![], |text| speech::speak(&text)));
            endless.sends(&babble);
        }
        endless.tick();
        assert!(endless.ticks < 6_000, "two minutes have passed");
    }
}
