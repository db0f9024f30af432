//! One caller: what is said in every 20 ms of a call, and what becomes of it at the ear.
//!
//! [`Caller`] is a state machine without I/O. Its driver ticks it every 20 ms ([`Caller::tick`]
//! gives the frame to send), hands it what the gateway sent ([`Caller::audio`], [`Caller::mark`],
//! [`Caller::clear`]), returns the marks that were reached ([`Caller::take_marks`]), and hangs up
//! when it is done. What is left of the call is a [`HeardTurn`] for every turn.
//!
//! What always holds:
//! - every state but the last has a deadline, so a call ends whatever the gateway does;
//! - a turn begins with the reply before it heard to its end, unless it interrupts;
//! - a word counts as heard once its first byte was played; what a `clear` drops was not heard.

use std::collections::VecDeque;
use std::sync::LazyLock;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rand::rngs::SmallRng;
use rand::{Rng as _, SeedableRng as _};
use voice_pipeline::audio::ulaw::SILENCE;

use super::FRAME_BYTES;
use super::heard_turn::HeardTurn;
use super::playout::Playout;
use super::voice::Utterance;
use super::words::{self, Tag};
use crate::fakes::speech::WordReader;

/// Silence after which a reply whose last word was heard is over.
const REPLY_QUIET: Duration = Duration::from_millis(300);
/// Silence after which a reply is over although words are missing.
const BROKEN_REPLY_QUIET: Duration = Duration::from_secs(2);
/// Silence after which the greeting is over.
const GREETING_QUIET: Duration = Duration::from_millis(500);
/// How long the greeting, or what comes in its place, may take.
const GREETING_LIMIT: Duration = Duration::from_secs(15);
/// How long a reply may take to begin.
const REPLY_LIMIT: Duration = Duration::from_secs(10);
/// How long a reply may take from its first word to its end.
const LISTENING_LIMIT: Duration = Duration::from_secs(20);
/// Audio that is less late than this is not heard as a hole.
const AUDIBLE_HOLE: Duration = Duration::from_millis(10);

static SILENT_FRAME: LazyLock<String> = LazyLock::new(|| STANDARD.encode([SILENCE; FRAME_BYTES]));

/// What a caller does.
#[derive(Debug, Clone, Default)]
pub struct CallPlan {
    /// The call's number, which its tags repeat.
    pub call: u32,
    /// What is said, turn by turn.
    pub utterances: Vec<Utterance>,
    /// Every so many turns one interrupts the reply before it. 0: none does.
    pub interrupt_every: u32,
    /// Decides how long the pauses between the turns are.
    pub seed: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Greeting { until: Instant },
    Pausing { until: Instant },
    Speaking { frame: usize },
    Awaiting { until: Instant },
    Listening { until: Instant },
    Done,
}

/// One caller.
pub struct Caller {
    plan: CallPlan,
    rng: SmallRng,
    state: State,
    turns: Vec<HeardTurn>,
    greeted: bool,
    talking_since: Option<Instant>,

    playout: Playout,
    last_sound: Option<Instant>,
    reader: WordReader,
    /// Where in the stream the reader began.
    reader_origin: u64,
    /// Words that arrived and were not played yet, with the position of their first byte.
    coming: VecDeque<(u64, String)>,
    /// Turns whose reply arrived and was not played yet, with the position of its first byte.
    first_frames: VecDeque<(u64, usize)>,
    /// The turn whose reply is at the ear.
    replying: Option<usize>,
}

impl Caller {
    /// A caller whose stream begins now.
    pub fn new(plan: CallPlan, now: Instant) -> Self {
        Self {
            rng: SmallRng::seed_from_u64(plan.seed ^ u64::from(plan.call)),
            plan,
            state: State::Greeting { until: now + GREETING_LIMIT },
            turns: Vec::new(),
            greeted: false,
            talking_since: None,
            playout: Playout::default(),
            last_sound: None,
            reader: WordReader::default(),
            reader_origin: 0,
            coming: VecDeque::new(),
            first_frames: VecDeque::new(),
            replying: None,
        }
    }

    /// Plays 20 ms and gives the 20 ms to send, in base64.
    pub fn tick(&mut self, now: Instant) -> &str {
        if self.playout.tick(now) {
            self.last_sound = Some(now);
            self.listen(now);
        }
        self.advance(now);
        self.speak(now)
    }

    /// Audio arrived.
    pub fn audio(&mut self, now: Instant, ulaw: &[u8]) {
        let behind = !self.playout.is_empty();
        let hole = self.playout.audio(now, ulaw.len());
        if let (Some(hole), Some(turn)) = (hole, self.replying) {
            let turn = &mut self.turns[turn];
            turn.late_frames += hole.ticks;
            turn.holes.extend((hole.late > AUDIBLE_HOLE).then_some(hole.late));
        }
        let known = self.coming.len();
        let Self { reader, reader_origin, coming, .. } = self;
        reader.push(ulaw, |word| coming.push_back((*reader_origin + word.at, word.word)));
        for new in known..self.coming.len() {
            let (position, word) = &self.coming[new];
            if let Some(index) = self.turn_named(word)
                && self.turns[index].arrived.is_none()
            {
                self.first_frames.push_back((*position, index));
                self.turns[index].arrived = Some(now);
                self.turns[index].arrived_behind = behind;
            }
        }
    }

    /// A mark arrived.
    pub fn mark(&mut self, name: String) {
        self.playout.mark(name);
    }

    /// The gateway clears the line.
    pub fn clear(&mut self, now: Instant) {
        let dropped = !self.playout.is_empty();
        self.playout.clear();
        self.coming.clear();
        self.first_frames.clear();
        // What comes next does not continue what was dropped.
        self.reader = WordReader::default();
        self.reader_origin = self.playout.arrived();
        match self.turns.last_mut() {
            Some(turn) if turn.interrupts && turn.arrived.is_none() && turn.onset.is_some() => {
                turn.cleared.get_or_insert(now);
            }
            Some(turn) if dropped => turn.unasked_clears += 1,
            _ => {}
        }
    }

    /// The marks to return, in order.
    pub fn take_marks(&mut self) -> Vec<String> {
        self.playout.take_marks()
    }

    /// Whether everything was said and heard: time to hang up.
    pub fn is_done(&self) -> bool {
        self.state == State::Done
    }

    /// Whether a greeting was heard.
    pub fn was_greeted(&self) -> bool {
        self.greeted
    }

    /// Since when caller and agent talk with each other: the end of the greeting.
    pub fn talking_since(&self) -> Option<Instant> {
        self.talking_since
    }

    /// Every turn that has begun.
    pub fn into_turns(self) -> Vec<HeardTurn> {
        self.turns
    }

    /// The caller's ear: what the frame that was just played brought.
    fn listen(&mut self, now: Instant) {
        let played = self.playout.played();
        while let Some(turn) = take_played(&mut self.first_frames, played) {
            self.turns[turn].played = Some(now);
        }
        while let Some(word) = take_played(&mut self.coming, played) {
            // A reply that begins again is not a new one.
            let named = self.turn_named(&word);
            if named.is_some() && named > self.replying {
                self.replying = named;
            }
            if let Some(turn) = self.replying {
                self.turns[turn].heard.extend(words::words(&word));
            }
        }
    }

    /// The caller's mind: what comes next.
    fn advance(&mut self, now: Instant) {
        let quiet = self.quiet(now);
        match self.state {
            State::Greeting { until } => {
                self.greeted = self.last_sound.is_some();
                if (self.greeted && quiet >= GREETING_QUIET) || now >= until {
                    self.talking_since = Some(now);
                    self.pause(now);
                }
            }
            State::Pausing { until } if now >= until => self.begin_turn(false),
            State::Awaiting { until } => {
                if self.current().played.is_some() {
                    self.state = State::Listening { until: now + LISTENING_LIMIT };
                } else if now >= until {
                    self.pause(now);
                }
            }
            State::Listening { until } => {
                let HeardTurn { expected, heard, .. } = self.current();
                let complete = expected.last().is_some_and(|last| heard.contains(last));
                let half = heard.len() * 2 >= expected.len();
                if (complete && quiet >= REPLY_QUIET) || quiet >= BROKEN_REPLY_QUIET || now >= until {
                    self.pause(now);
                } else if half && !complete && self.next_interrupts() {
                    self.current_mut().cut_short = true;
                    self.begin_turn(true);
                }
            }
            State::Pausing { .. } | State::Speaking { .. } | State::Done => {}
        }
    }

    /// The caller's mouth.
    fn speak(&mut self, now: Instant) -> &str {
        let State::Speaking { frame } = &mut self.state else { return &SILENT_FRAME };
        let index = *frame;
        *frame += 1;
        let turn = self.turns.len() - 1;
        let utterance = &self.plan.utterances[turn];
        if index == utterance.onset_frame() {
            self.turns[turn].onset = Some(now);
        }
        if index + 1 == utterance.frames() {
            self.turns[turn].stopped = Some(now);
            self.state = State::Awaiting { until: now + REPLY_LIMIT };
        }
        utterance.frame(index)
    }

    /// The turn of this call that has begun and is named by this word.
    fn turn_named(&self, word: &str) -> Option<usize> {
        let tag = Tag::read(word).filter(|tag| tag.call == self.plan.call)?;
        Some(tag.turn as usize).filter(|&turn| turn < self.turns.len())
    }

    fn quiet(&self, now: Instant) -> Duration {
        match self.last_sound {
            Some(at) if self.playout.is_empty() => now.saturating_duration_since(at),
            _ => Duration::ZERO,
        }
    }

    fn current(&self) -> &HeardTurn {
        self.turns.last().expect("this state is reached by a turn")
    }

    fn current_mut(&mut self) -> &mut HeardTurn {
        self.turns.last_mut().expect("this state is reached by a turn")
    }

    fn next_interrupts(&self) -> bool {
        let (next, every) = (self.turns.len(), self.plan.interrupt_every as usize);
        next < self.plan.utterances.len() && every > 0 && (next + 1).is_multiple_of(every)
    }

    fn begin_turn(&mut self, interrupts: bool) {
        let tag = Tag { call: self.plan.call, turn: self.turns.len() as u32 };
        self.turns.push(HeardTurn::new(tag, interrupts));
        self.state = State::Speaking { frame: 0 };
    }

    /// Goes on to the next turn after a moment, if there is one.
    fn pause(&mut self, now: Instant) {
        self.state = if self.turns.len() < self.plan.utterances.len() {
            State::Pausing { until: now + Duration::from_millis(self.rng.random_range(300..=800)) }
        } else {
            State::Done
        };
    }
}

/// The first entry, if what stands at its position was played.
fn take_played<T>(queue: &mut VecDeque<(u64, T)>, played: u64) -> Option<T> {
    queue.front().filter(|(position, _)| *position < played)?;
    queue.pop_front().map(|(_, entry)| entry)
}

#[cfg(test)]
#[path = "caller_tests.rs"]
mod tests;
