//! The state machine.

use std::collections::VecDeque;

use super::endpoint::Pause;
use super::held::Held;
use super::keypad::Keypad;
use super::{Cause, Command, Event, Line, Notice, PauseId, TurnId, TurnPolicy};
use crate::time::CallTime;

/// How long a closing line may take from being wanted to being played, when no mark comes back.
const CLOSING_MAX: std::time::Duration = std::time::Duration::from_secs(20);

/// Who holds the floor of one call.
#[derive(Debug)]
pub struct Conversation {
    pub(super) policy: TurnPolicy,
    pub(super) state: State,
    pub(super) keypad: Keypad,
    pub(super) newest_turn: Option<TurnId>,
    pub(super) newest_pause: PauseId,
    pub(super) closes_at: CallTime,
    pub(super) commands: VecDeque<Command>,
}

#[derive(Debug)]
pub(super) enum State {
    /// The media stream is not up yet.
    Ringing { give_up_at: CallTime },
    /// Nobody speaks.
    Listening { prompts: u32, prompt_at: CallTime },
    /// The caller speaks, without a pause since then.
    Hearing { utterance: Utterance, since: CallTime, give_up_at: CallTime, stale_at: Option<CallTime> },
    /// The caller paused; are they done?
    Endpointing { utterance: Utterance, pause: Pause },
    /// A reply is being made; nothing of it is playing.
    Thinking { reply: Reply, wait: Wait, floor: Floor },
    /// A reply is playing.
    Speaking { reply: Reply, progress: Progress, floor: Floor },
    /// The last words are playing, then the call ends.
    Closing { turn: TurnId, cause: Cause, hang_up_at: CallTime },
    /// The call is over.
    Ended,
}

/// What the caller is saying, before it is a turn.
#[derive(Debug)]
pub(super) struct Utterance {
    pub(super) onset: CallTime,
    /// Unanswered questions into the silence before it; noise does not reset them.
    pub(super) prompts: u32,
    /// Words of a turn that was given back because nothing of its reply was heard.
    pub(super) carried: Option<Carried>,
    /// The recogniser's newest words.
    pub(super) text: String,
    /// The reply that it silenced, until words show that it is meant to.
    pub(super) held: Option<Box<Held>>,
}

#[derive(Debug)]
pub(super) struct Carried {
    pub(super) from: TurnId,
    pub(super) text: String,
}

#[derive(Debug)]
pub(super) struct Reply {
    pub(super) turn: TurnId,
    pub(super) kind: Kind,
    /// Whether the caller has heard any of it.
    pub(super) audible: bool,
    /// Whether a tool that changes something was started.
    pub(super) acted: bool,
    pub(super) fillers: u32,
    /// Since when nobody is heard: the end of the caller's speech, or of what was played last.
    pub(super) quiet_since: CallTime,
}

#[derive(Debug)]
pub(super) enum Kind {
    /// An answer to the caller's words.
    Answer { text: String },
    /// A fixed line: the greeting, or a question into the silence.
    Line { prompts: u32 },
}

/// What a reply without sound is waiting for.
#[derive(Debug)]
pub(super) enum Wait {
    Model { filler_at: Option<CallTime>, give_up_at: CallTime },
    Tool { filler_at: Option<CallTime>, give_up_at: CallTime },
}

/// How far a playing reply is.
#[derive(Debug)]
pub(super) enum Progress {
    /// More is to come.
    Growing { tool: bool, give_up_at: CallTime },
    /// Everything is with the carrier.
    Complete { plays_until: CallTime, ends_call: bool },
}

/// Whether somebody contests the agent's turn to speak.
#[derive(Debug)]
pub(super) enum Floor {
    Undisputed,
    /// The caller makes sounds; whether they mean to interrupt is open.
    Disputed {
        onset: CallTime,
        pause: Option<Stop>,
        give_up_at: CallTime,
    },
}

/// The pause after a contesting sound.
#[derive(Debug, Clone, Copy)]
pub(super) struct Stop {
    pub(super) id: PauseId,
    pub(super) speech_end: CallTime,
}

/// How a contest over the floor stands.
pub(super) enum Contest {
    Open(Floor),
    /// The sound that began at `onset` lasts, but no words of it are known.
    Silenced {
        onset: CallTime,
    },
    Won(Interruption),
}

/// What is known of the words that took the floor.
pub(super) struct Interruption {
    pub(super) onset: CallTime,
    /// Interim words while the caller still speaks or the final transcript is awaited.
    pub(super) interim: String,
    pub(super) stop: Option<Stop>,
    pub(super) words: Option<String>,
}

impl Conversation {
    /// A call that is about to be answered.
    pub fn new(policy: TurnPolicy) -> Self {
        Self {
            closes_at: CallTime::ZERO + policy.call_max,
            state: State::Ringing { give_up_at: CallTime::ZERO + policy.give_up_after },
            policy,
            keypad: Keypad::default(),
            newest_turn: None,
            newest_pause: PauseId(0),
            commands: VecDeque::new(),
        }
    }

    /// The next thing to do, if any.
    pub fn poll_command(&mut self) -> Option<Command> {
        self.commands.pop_front()
    }

    /// Whether the call is over.
    pub fn is_ended(&self) -> bool {
        matches!(self.state, State::Ended)
    }

    /// When [`Conversation::handle_timeout`] wants to be called, unless something happens before.
    pub fn poll_timeout(&self) -> Option<CallTime> {
        use State::*;
        let state = match &self.state {
            Ringing { give_up_at } => *give_up_at,
            Listening { prompt_at, .. } => *prompt_at,
            Hearing { give_up_at, stale_at, .. } => stale_at.map_or(*give_up_at, |at| at.min(*give_up_at)),
            Endpointing { utterance, pause } => {
                pause.commit_at(&self.policy).unwrap_or_else(|| utterance.verdict_by(pause, self.policy.stt_timeout))
            }
            Thinking { wait, floor, .. } => floor.deadline(wait.deadline()),
            Speaking { progress, floor, .. } => floor.deadline(progress.deadline(&self.policy)),
            Closing { hang_up_at, .. } => return Some(*hang_up_at),
            Ended => return None,
        };
        let keypad = self.keypad.deadline().unwrap_or(state);
        Some(state.min(keypad).min(self.closes_at))
    }

    /// Something happened at `now`.
    pub fn handle_event(&mut self, now: CallTime, event: Event) {
        use State::*;
        self.state = match (std::mem::replace(&mut self.state, Ended), event) {
            (Ended, _) => Ended,
            (_, Event::HungUp) => self.hang_up(Cause::HungUp),
            (state @ Closing { .. }, event) => self.in_closing(state, &event),
            (Ringing { .. }, Event::Answered) => self.say(now, Line::Greeting, 0),
            (state @ Ringing { .. }, _) => state,
            (state, Event::CloseWanted) => self.close(now, state, Cause::CloseWanted, Line::Closing),
            (state, Event::SttGone) => self.close(now, state, Cause::Failure, Line::Apology),
            (state, Event::Digit(key)) => self.key_pressed(now, state, key),
            (state @ (Listening { .. } | Hearing { .. } | Endpointing { .. }), event) => {
                self.on_callers_floor(now, state, event)
            }
            (Thinking { reply, wait, floor }, event) => self.in_thinking(now, reply, wait, floor, event),
            (Speaking { reply, progress, floor }, event) => self.in_speaking(now, reply, progress, floor, event),
        };
    }

    /// The time of [`Conversation::poll_timeout`] has come.
    pub fn handle_timeout(&mut self, now: CallTime) {
        use State::*;
        if let Some(words) = self.keypad.complete(now) {
            let state = std::mem::replace(&mut self.state, Ended);
            self.state = self.take_turn(now, state, words);
        }
        let limit = self.closes_at <= now;
        self.state = match std::mem::replace(&mut self.state, Ended) {
            Ended => Ended,
            Closing { cause, hang_up_at, .. } if hang_up_at <= now => self.hang_up(cause),
            state @ Closing { .. } => state,
            state if limit => self.close(now, state, Cause::TimeLimit, Line::Closing),
            Ringing { give_up_at } if give_up_at <= now => self.hang_up(Cause::HungUp),
            Listening { prompts, prompt_at } if prompt_at <= now => self.break_silence(now, prompts),
            Hearing { utterance, give_up_at, stale_at, .. }
                if give_up_at.min(stale_at.unwrap_or(give_up_at)) <= now =>
            {
                self.pause(now, utterance, now)
            }
            Endpointing { utterance, pause } => self.judge(now, utterance, pause),
            Thinking { reply, wait, floor } => {
                let floor = floor.settle(now);
                self.waited(now, reply, wait, floor)
            }
            Speaking { reply, progress, floor } => {
                let floor = floor.settle(now);
                self.played(now, reply, progress, floor)
            }
            state => state,
        };
    }

    pub(super) fn fail(&mut self, now: CallTime, reply: Reply) -> State {
        let state = State::Speaking {
            progress: Progress::Complete { plays_until: now, ends_call: false },
            reply,
            floor: Floor::Undisputed,
        };
        self.close(now, state, Cause::Failure, Line::Apology)
    }

    pub(super) fn close(&mut self, now: CallTime, state: State, cause: Cause, line: Line) -> State {
        match state {
            State::Thinking { reply, .. } | State::Speaking { reply, .. } => {
                self.commands.push_back(Command::CancelReply(reply.turn));
            }
            State::Hearing { utterance: Utterance { held: Some(held), .. }, .. }
            | State::Endpointing { utterance: Utterance { held: Some(held), .. }, .. } => {
                self.commands.push_back(Command::CancelReply(held.reply.turn));
            }
            State::Ringing { .. } => return self.hang_up(cause),
            _ => {}
        }
        self.notice(Notice::Closing(cause));
        let turn = self.new_turn();
        self.commands.push_back(Command::Say { turn, line });
        State::Closing { turn, cause, hang_up_at: now + CLOSING_MAX }
    }

    pub(super) fn in_closing(&mut self, state: State, event: &Event) -> State {
        match (state, event) {
            (State::Closing { turn, cause, .. }, Event::PlayedOut(of) | Event::ReplyFailed(of)) if *of == turn => {
                self.hang_up(cause)
            }
            (State::Closing { turn, cause, .. }, Event::ReplyComplete { turn: of, plays_until, .. }) if *of == turn => {
                State::Closing { turn, cause, hang_up_at: *plays_until + self.policy.mark_grace }
            }
            (state, _) => state,
        }
    }

    pub(super) fn hang_up(&mut self, cause: Cause) -> State {
        self.commands.push_back(Command::HangUp(cause));
        State::Ended
    }

    pub(super) fn notice(&mut self, notice: Notice) {
        self.commands.push_back(Command::Notice(notice));
    }
}

impl Utterance {
    pub(super) fn new(onset: CallTime) -> Self {
        Self { onset, prompts: 0, carried: None, text: String::new(), held: None }
    }

    /// The whole turn: carried words first.
    pub(super) fn with_words(self, words: &str) -> (String, Option<TurnId>) {
        match self.carried {
            Some(carried) => (format!("{} {words}", carried.text), Some(carried.from)),
            None => (words.to_owned(), None),
        }
    }

    /// Words said so far, then the typed ones.
    pub(super) fn with_typed(self, typed: &str) -> (String, Option<TurnId>) {
        let said = self.text.trim().to_owned();
        if said.is_empty() { self.with_words(typed) } else { self.with_words(&format!("{said} {typed}")) }
    }
}
