//! Random calls against the turn-taking core.
//!
//! A world of its own plays caller, carrier and vendors by dice: most of the time it behaves as they do,
//! sometimes it sends nonsense, late news or nothing at all. Whatever it does, the invariants of
//! [`voice_pipeline::turn`] must hold. A failing call is repeated from its seed.

use std::collections::HashMap;
use std::time::Duration;

use rand::rngs::SmallRng;
use rand::seq::IndexedRandom;
use rand::{Rng, SeedableRng};
use voice_pipeline::time::CallTime;
use voice_pipeline::turn::{Command, Conversation, Event, PauseId, TurnId, TurnPolicy};

/// The longest simulated call; the policy's `call_max`.
const CALL_MAX: Duration = Duration::from_secs(120);

/// How long after the limit a call may still say its last words.
const LAST_WORDS: Duration = Duration::from_secs(60);

/// What a run saw, to show that it did not only simulate silence.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Report {
    /// Calls played to their end.
    pub calls: u64,
    /// Events told.
    pub events: u64,
    /// Replies started.
    pub replies: u64,
    /// Replies cancelled.
    pub cancels: u64,
    /// Replies that were held and went on.
    pub resumed: u64,
}

/// Plays `calls` random calls, the first with `seed`, each following one with the next seed.
///
/// # Panics
/// With the seed and what was broken, when an invariant does not hold.
pub fn run(seed: u64, calls: u64) -> Report {
    let mut report = Report::default();
    for call in 0..calls {
        let call_seed = seed.wrapping_add(call);
        let mut world = World::new(call_seed);
        if let Err(broken) = world.play() {
            panic!("call with seed {call_seed}: {broken} at {:?}\n{:#?}", world.now, world.core);
        }
        report.calls += 1;
        report.events += world.events;
        report.replies += world.replies;
        report.cancels += world.cancels;
        report.resumed += world.resumed;
    }
    report
}

/// One call: the core, the dice, and what the outside knows.
struct World {
    dice: SmallRng,
    core: Conversation,
    now: CallTime,
    newest_turn: Option<TurnId>,
    newest_pause: PauseId,
    /// The reply that was started and is neither cancelled nor played out.
    live: Option<TurnId>,
    /// The reply that was cancelled last: nothing of it can be heard any more.
    cancelled: Option<TurnId>,
    /// The replies to the caller.
    answers: HashMap<TurnId, Answer>,
    /// The reply that is silenced.
    held: Option<TurnId>,
    ended: bool,
    events: u64,
    replies: u64,
    cancels: u64,
    resumed: u64,
}

/// A reply to the caller, as the outside knows it.
struct Answer {
    /// The caller's words.
    text: String,
    /// Whether it was heard, or its tools changed something, while it was live.
    counts: bool,
}

impl World {
    fn new(seed: u64) -> Self {
        let mut dice = SmallRng::seed_from_u64(seed);
        let policy = TurnPolicy {
            silence_prompts: dice.random_range(0..4),
            barge_in_words: dice.random_range(1..4),
            call_max: CALL_MAX,
            ..TurnPolicy::default()
        };
        Self {
            dice,
            core: Conversation::new(policy),
            now: CallTime::ZERO,
            newest_turn: None,
            newest_pause: PauseId(0),
            live: None,
            cancelled: None,
            answers: HashMap::new(),
            held: None,
            ended: false,
            events: 0,
            replies: 0,
            cancels: 0,
            resumed: 0,
        }
    }

    fn play(&mut self) -> Result<(), String> {
        let silent_from = self.dice.random_range(1..120);
        self.tell(Event::Answered)?;
        for _ in 0..silent_from {
            let pause = Duration::from_millis(self.dice.random_range(0..60) * self.dice.random_range(0..60));
            self.pass(pause)?;
            let event = self.roll();
            self.tell(event)?;
            if self.ended {
                break;
            }
        }
        // From here on nobody tells the core anything: it must end by itself.
        self.pass(CALL_MAX + LAST_WORDS)?;
        if !self.ended {
            return Err("the call hangs although nothing happens any more".to_owned());
        }
        for _ in 0..3 {
            let event = self.roll();
            self.tell(event)?;
        }
        Ok(())
    }

    /// Lets time pass, firing every timer at its time.
    fn pass(&mut self, span: Duration) -> Result<(), String> {
        let until = self.now + span;
        let mut fired_at_once = 0;
        while let Some(due) = self.core.poll_timeout().filter(|due| *due <= until) {
            fired_at_once = if due <= self.now { fired_at_once + 1 } else { 0 };
            if fired_at_once > 16 {
                return Err("a timer fires without end".to_owned());
            }
            self.now = self.now.max(due);
            self.core.handle_timeout(self.now);
            self.check()?;
        }
        self.now = self.now.max(until);
        Ok(())
    }

    fn tell(&mut self, event: Event) -> Result<(), String> {
        self.events += 1;
        let stale = self.names_something_older(&event);
        // Looking at the whole state is slow: a sample is enough.
        let before = (stale && self.events.is_multiple_of(7)).then(|| format!("{:?}", self.core));
        match &event {
            Event::PlayedOut(turn) if self.live == Some(*turn) => self.live = None,
            // Nobody hears what comes while a reply is silenced.
            Event::AudioSent(turn) | Event::FillerSent(turn) if self.held == Some(*turn) => {}
            Event::AudioSent(turn) | Event::FillerSent(turn) | Event::ToolStarted { turn, changes: true } => {
                let answer = self.answers.get_mut(turn).filter(|_| self.live == Some(*turn));
                if let Some(answer) = answer {
                    answer.counts = true;
                }
            }
            _ => {}
        }
        let shown = format!("{event:?}");
        self.core.handle_event(self.now, event);
        if let Some(before) = before
            && before != format!("{:?}", self.core)
        {
            return Err(format!("{shown} is about something older and changed the state from {before}"));
        }
        self.check()
    }

    fn names_something_older(&self, event: &Event) -> bool {
        let older_turn = |turn: &TurnId| self.newest_turn.is_some_and(|newest| *turn < newest);
        match event {
            Event::FirstToken(turn)
            | Event::ToolStarted { turn, .. }
            | Event::ToolsFinished(turn)
            | Event::AudioSent(turn)
            | Event::FillerSent(turn)
            | Event::PlayedOut(turn)
            | Event::RanDry(turn)
            | Event::ReplyComplete { turn, .. }
            | Event::ReplyFailed(turn) => older_turn(turn),
            Event::Final { pause: Some(pause), .. } | Event::TurnScored { pause, .. } => *pause < self.newest_pause,
            _ => false,
        }
    }

    /// Drains the commands and holds them against the invariants.
    fn check(&mut self) -> Result<(), String> {
        while let Some(command) = self.core.poll_command() {
            if self.ended {
                return Err(format!("{command:?} after the call was hung up"));
            }
            self.obey(&command)?;
        }
        match (self.core.is_ended(), self.core.poll_timeout()) {
            (true, _) if !self.ended => Err("ended without hanging up".to_owned()),
            (true, Some(_)) => Err("wants to be woken after the end".to_owned()),
            (false, None) => Err("waits for ever".to_owned()),
            _ => Ok(()),
        }
    }

    fn obey(&mut self, command: &Command) -> Result<(), String> {
        if let (Some(held), Command::StartReply { .. } | Command::Say { .. }) = (self.held, command) {
            return Err(format!("{command:?} while {held:?} is held"));
        }
        match command {
            Command::AskFinal(pause) => {
                if *pause <= self.newest_pause {
                    return Err(format!("{pause:?} does not grow"));
                }
                self.newest_pause = *pause;
            }
            Command::StartReply { turn, text, replaces } => {
                if text.trim().is_empty() {
                    return Err("a reply to nothing".to_owned());
                }
                if replaces.is_some_and(|replaced| replaced >= *turn) {
                    return Err(format!("{turn:?} replaces {replaces:?}"));
                }
                match replaces.and_then(|replaced| self.answers.get(&replaced)) {
                    Some(given_back) if given_back.counts => {
                        return Err(format!("{turn:?} replaces {replaces:?}, which was heard or changed something"));
                    }
                    Some(given_back) if !text.starts_with(&given_back.text) => {
                        return Err(format!("{turn:?} loses the words of {replaces:?}"));
                    }
                    _ => {}
                }
                self.replies += 1;
                self.answers.insert(*turn, Answer { text: text.clone(), counts: false });
                self.begin(*turn)?;
            }
            Command::Say { turn, .. } if self.cancelled == Some(*turn) => {
                return Err(format!("{turn:?} was cancelled, so nothing said in it is heard"));
            }
            Command::Say { turn, .. } if self.live == Some(*turn) => {}
            Command::Say { turn, .. } if self.newest_turn == Some(*turn) => {}
            Command::Say { turn, .. } => self.begin(*turn)?,
            Command::CancelReply(turn) => {
                if self.newest_turn != Some(*turn) {
                    return Err(format!("{turn:?} is cancelled, but the newest is {:?}", self.newest_turn));
                }
                self.live = None;
                self.cancelled = Some(*turn);
                self.held = None;
                self.cancels += 1;
            }
            Command::HoldReply(turn) => {
                if self.newest_turn != Some(*turn) || self.held.is_some() {
                    return Err(format!("{turn:?} is held, but the newest is {:?}", self.newest_turn));
                }
                self.held = Some(*turn);
            }
            Command::ResumeReply(turn) => {
                if self.held.take() != Some(*turn) {
                    return Err(format!("{turn:?} goes on without having been held"));
                }
                self.resumed += 1;
            }
            Command::HangUp(_) => self.ended = true,
            Command::CommitUtterance | Command::Notice(_) => {}
        }
        Ok(())
    }

    fn begin(&mut self, turn: TurnId) -> Result<(), String> {
        if self.newest_turn.is_some_and(|newest| turn <= newest) {
            return Err(format!("{turn:?} does not grow"));
        }
        self.newest_turn = Some(turn);
        self.live = Some(turn);
        Ok(())
    }

    /// The next thing that happens. Mostly about the newest turn and pause, sometimes about older.
    fn roll(&mut self) -> Event {
        let now = self.now;
        let older = u32::from(self.dice.random_bool(0.1));
        let turn = TurnId(self.newest_turn.map_or(0, |turn| turn.0.saturating_sub(older)));
        let pause = PauseId(self.newest_pause.0.saturating_sub(older));
        let words = ["", "yes", "okay", "a tee time for four", "at nine, um", "five five five", "for", "no no no"];
        let text = (*words.choose(&mut self.dice).unwrap_or(&"")).to_owned();
        let span = Duration::from_millis(self.dice.random_range(0..4_000));
        match self.dice.random_range(0..100) {
            0..14 => Event::SpeechStarted { onset: now - span / 50 },
            14..20 => Event::SpeechSustained { onset: now - span / 10 },
            20..34 => Event::SpeechStopped { end: now - span / 20 },
            34..40 => Event::Interim(text),
            40..52 => Event::Final { pause: self.dice.random_bool(0.9).then_some(pause), text },
            52..60 => Event::TurnScored { pause, probability: self.dice.random() },
            60..64 => Event::FirstToken(turn),
            64..67 => Event::ToolStarted { turn, changes: self.dice.random() },
            67..70 => Event::ToolsFinished(turn),
            70..77 => Event::AudioSent(turn),
            77..79 => Event::FillerSent(turn),
            79..85 => Event::PlayedOut(turn),
            85..87 => Event::RanDry(turn),
            87..93 => Event::ReplyComplete { turn, plays_until: now + span, ends_call: self.dice.random_bool(0.05) },
            93..94 => Event::ReplyFailed(turn),
            94..98 => Event::Digit(*['1', '5', '#', '*', 'A', '?'].choose(&mut self.dice).unwrap_or(&'0')),
            98 => Event::CloseWanted,
            _ if self.dice.random_bool(0.2) => Event::SttGone,
            _ => Event::HungUp,
        }
    }
}
