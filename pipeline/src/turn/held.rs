//! A reply that a sound has silenced, while it is open whether the caller means to interrupt.
//!
//! Speech over an audible reply *holds* it: the caller hears nothing more of it at once, but the model and the
//! voice go on. Words of the caller cancel it; a cough, a passing car or a mere "uh-huh" lets it go on where it
//! was silenced. Whoever is on the caller's floor carries the held reply in their [`Utterance`].

use std::time::Duration;

use super::core::{Conversation, Floor, Progress, Reply, State, Stop, Utterance, Wait};
use super::endpoint::Pause;
use super::{Command, Event, Notice, TurnId};
use crate::time::CallTime;

/// How long sound without a word may keep a reply silent before a final transcript is asked for.
const WORDLESS_MAX: Duration = Duration::from_millis(1_500);

/// How long that transcript may take. A later one still takes the floor from the reply.
const VERDICT_MAX: Duration = Duration::from_secs(1);

/// What callers say to show that they listen. It takes the floor from nobody.
const LISTENING: &[&str] = &[
    "ah", "alright", "aha", "hm", "hmm", "mhm", "mm", "mmhmm", "mm-hmm", "oh", "okay", "ok", "right", "uh", "uh-huh",
    "uhhuh", "um",
];

/// What recognisers write for a cough, a knock or a breath. Nobody says it alone.
const IMAGINED: &str = "you";

/// Single words that stop a speaker whoever says them.
const STOPPING: &[&str] = &["stop", "wait"];

/// A silenced reply and what it was doing.
#[derive(Debug)]
pub(super) struct Held {
    pub(super) reply: Reply,
    pub(super) doing: Doing,
    pub(super) since: CallTime,
}

/// What a held reply goes back to.
#[derive(Debug)]
pub(super) enum Doing {
    /// Nothing of it was left to play; more is being made.
    Making(Wait),
    /// It was playing.
    Playing {
        /// Whether a tool of it runs.
        tool: bool,
    },
    /// Its last words were playing: whatever the caller says answers them.
    Ending,
}

impl Conversation {
    /// Silences a reply because of a sound that began at `onset`.
    pub(super) fn hold(&mut self, now: CallTime, reply: Reply, doing: Doing, onset: CallTime) -> State {
        self.commands.push_back(Command::HoldReply(reply.turn));
        let held = Some(Box::new(Held { reply, doing, since: now }));
        self.hear(now, Utterance { held, ..Utterance::new(onset) })
    }

    /// Lets go of a held reply when these words take the floor from it.
    pub(super) fn weigh(&mut self, utterance: &mut Utterance, words: &str) {
        if utterance.held.as_ref().is_some_and(|held| held.yields_to(words)) {
            self.let_go(utterance);
        }
    }

    /// The caller means it: a held reply is over.
    pub(super) fn let_go(&mut self, utterance: &mut Utterance) {
        if let Some(held) = utterance.held.take() {
            let turn = held.reply.turn;
            self.notice(Notice::BargeIn { turn, onset: utterance.onset, silenced: held.since });
            self.commands.push_back(Command::CancelReply(turn));
        }
    }

    /// It was no interruption: the reply goes on. `floor` is what is still open about the sound.
    pub(super) fn resume(&mut self, now: CallTime, held: Held, floor: Floor) -> State {
        let Held { mut reply, doing, .. } = held;
        self.commands.push_back(Command::ResumeReply(reply.turn));
        reply.quiet_since = now;
        match doing {
            Doing::Making(wait) => {
                let wait = match wait {
                    Wait::Model { .. } => self.wait_for_model(now, &reply),
                    Wait::Tool { .. } => self.wait_for_tool(now, &reply),
                };
                State::Thinking { reply, wait, floor }
            }
            Doing::Playing { tool: true } => {
                let progress = Progress::Growing { tool: true, give_up_at: now + self.policy.tool_give_up_after };
                State::Speaking { reply, progress, floor }
            }
            Doing::Playing { tool: false } | Doing::Ending => {
                let progress = Progress::Growing { tool: false, give_up_at: now + self.policy.give_up_after };
                State::Speaking { reply, progress, floor }
            }
        }
    }

    /// The sound over a held reply was judged to hold no words.
    pub(super) fn was_no_interruption(&mut self, now: CallTime, held: Held, pause: &Pause) -> State {
        let floor = if pause.sound_goes_on() {
            Floor::Disputed { onset: now, pause: None, give_up_at: now + self.policy.stt_timeout }
        } else {
            Floor::Undisputed
        };
        self.resume(now, held, floor)
    }

    /// No verdict came: the reply goes on, and a late one still counts.
    pub(super) fn was_not_decided(&mut self, now: CallTime, held: Held, pause: &Pause) -> State {
        let stop = Some(Stop { id: pause.id, speech_end: pause.speech_end });
        let give_up_at = pause.asked_at + self.policy.stt_timeout;
        self.resume(now, held, Floor::Disputed { onset: pause.onset, pause: stop, give_up_at })
    }
}

impl Utterance {
    /// When the sound of this utterance has to have shown words, if it silenced a reply.
    pub(super) fn wordless_until(&self, now: CallTime) -> Option<CallTime> {
        self.held.as_ref().map(|_| now + WORDLESS_MAX)
    }

    /// When a missing transcript is given up.
    pub(super) fn verdict_by(&self, pause: &Pause, stt_timeout: Duration) -> CallTime {
        pause.asked_at + if self.held.is_some() { stt_timeout.min(VERDICT_MAX) } else { stt_timeout }
    }
}

impl Held {
    /// What happens to a reply while it is held. Gives the event back when it is about something else.
    pub(super) fn follow(&mut self, now: CallTime, event: Event, core: &Conversation) -> Option<Event> {
        let turn = self.reply.turn;
        match event {
            Event::ToolStarted { turn: of, changes } if of == turn => {
                self.reply.acted |= changes;
                self.works(core.wait_for_tool(now, &self.reply), true);
            }
            Event::ToolsFinished(of) | Event::FirstToken(of) if of == turn => {
                self.works(core.wait_for_model(now, &self.reply), false);
            }
            // Audio that was on its way when the reply was silenced, and what is known of its end: both are told
            // again when the reply goes on.
            Event::AudioSent(of) | Event::FillerSent(of) | Event::ReplyComplete { turn: of, .. } if of == turn => {
                if let Doing::Making(wait) = &self.doing {
                    self.doing = Doing::Playing { tool: matches!(wait, Wait::Tool { .. }) };
                }
            }
            event => return Some(event),
        }
        None
    }

    fn works(&mut self, wait: Wait, on_tool: bool) {
        self.doing = match self.doing {
            Doing::Making(_) => Doing::Making(wait),
            Doing::Playing { .. } | Doing::Ending => Doing::Playing { tool: on_tool },
        };
    }

    fn yields_to(&self, words: &str) -> bool {
        match self.doing {
            Doing::Ending => spoken_words(words).any(|word| word != IMAGINED),
            Doing::Making(_) | Doing::Playing { .. } => !only_listening(words),
        }
    }

    pub(super) fn is(&self, turn: TurnId) -> bool {
        self.reply.turn == turn
    }
}

/// Whether the words are no more than a sign of listening, or none at all.
fn only_listening(text: &str) -> bool {
    spoken_words(text).all(|word| word == IMAGINED || LISTENING.contains(&word.as_str()))
}

/// What recognisers write for a sound without words.
pub(super) fn imagined(text: &str) -> bool {
    spoken_words(text).eq([IMAGINED])
}

/// Whether the words stop a speaker although they are few.
pub(super) fn tells_to_stop(text: &str) -> bool {
    spoken_words(text).any(|word| STOPPING.contains(&word.as_str()))
}

fn spoken_words(text: &str) -> impl Iterator<Item = String> {
    text.split_whitespace()
        .map(|word| word.trim_matches(|c: char| !c.is_alphanumeric()).to_lowercase())
        .filter(|word| !word.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tells_a_sign_of_listening_from_words() {
        for text in ["", " ", "Uh-huh.", "Okay.", "mm-hmm, right", "You.", "Oh, okay!"] {
            assert!(only_listening(text), "{text:?}");
        }
        for text in ["No.", "okay so what about ten", "yes", "wait", "what", "you can stop"] {
            assert!(!only_listening(text), "{text:?}");
        }
        assert!(tells_to_stop("Wait, wait."));
        assert!(!tells_to_stop("waiting"));
    }
}
