//! While the floor is the agent's: replies in the making, replies playing, and who contests them.

use super::core::{
    Carried, Contest, Conversation, Floor, Interruption, Kind, Progress, Reply, State, Stop, Utterance, Wait,
};
use super::endpoint::Pause;
use super::held::{Doing, tells_to_stop};
use super::{Cause, Command, Event, Line, Notice, TurnId, TurnPolicy};
use crate::time::CallTime;

/// Words spoken within the last moments of a reply belong to the caller's next turn.
const REPLY_TAIL: std::time::Duration = std::time::Duration::from_millis(1_500);

/// The longest a caller is left without a sound while a reply is made.
const LONGEST_SILENCE: std::time::Duration = std::time::Duration::from_millis(2_700);

impl Conversation {
    pub(super) fn answer(
        &mut self,
        now: CallTime,
        text: String,
        replaces: Option<TurnId>,
        speech_end: CallTime,
    ) -> State {
        let turn = self.new_turn();
        self.notice(Notice::Committed { turn, speech_end });
        self.commands.push_back(Command::StartReply { turn, text: text.clone(), replaces });
        let reply = Reply::new(turn, Kind::Answer { text }, speech_end);
        let wait = self.wait_for_model(now, &reply);
        State::Thinking { reply, wait, floor: Floor::Undisputed }
    }

    pub(super) fn say(&mut self, now: CallTime, line: Line, prompts: u32) -> State {
        let turn = self.new_turn();
        self.commands.push_back(Command::Say { turn, line });
        let wait = Wait::Model { filler_at: None, give_up_at: now + self.policy.give_up_after };
        State::Thinking { reply: Reply::new(turn, Kind::Line { prompts }, now), wait, floor: Floor::Undisputed }
    }

    pub(super) fn new_turn(&mut self) -> TurnId {
        let turn = self.newest_turn.map_or(TurnId(0), TurnId::next);
        self.newest_turn = Some(turn);
        turn
    }

    pub(super) fn wait_for_model(&self, now: CallTime, reply: &Reply) -> Wait {
        let filler_at = Some(reply.filler_at(now, self.policy.filler_after));
        Wait::Model { filler_at, give_up_at: now + self.policy.give_up_after }
    }

    pub(super) fn wait_for_tool(&self, now: CallTime, reply: &Reply) -> Wait {
        let filler_at = Some(reply.filler_at(now, self.policy.tool_filler_after));
        Wait::Tool { filler_at, give_up_at: now + self.policy.tool_give_up_after }
    }

    pub(super) fn in_thinking(
        &mut self,
        now: CallTime,
        mut reply: Reply,
        wait: Wait,
        floor: Floor,
        event: Event,
    ) -> State {
        let turn = reply.turn;
        let (wait, floor) = match event {
            Event::AudioSent(of) | Event::FillerSent(of) if of == turn => {
                reply.audible = true;
                let tool = matches!(wait, Wait::Tool { .. });
                let progress = Progress::Growing { tool, give_up_at: wait.give_up_at() };
                return State::Speaking { reply, progress, floor };
            }
            Event::ReplyComplete { turn: of, plays_until, ends_call } if of == turn => {
                let progress = Progress::Complete { plays_until, ends_call };
                return State::Speaking { reply, progress, floor };
            }
            Event::ReplyFailed(of) if of == turn => return self.fail(now, reply),
            Event::FirstToken(of) if of == turn => {
                let give_up_at = now + self.policy.give_up_after;
                (Wait::Model { filler_at: wait.filler_at(), give_up_at }, floor)
            }
            Event::ToolStarted { turn: of, changes } if of == turn => {
                reply.acted |= changes;
                (self.wait_for_tool(now, &reply), floor)
            }
            Event::ToolsFinished(of) if of == turn => (self.wait_for_model(now, &reply), floor),
            event => match self.contest(now, &reply, floor, event, 1) {
                Contest::Open(floor) => (wait, floor),
                Contest::Silenced { onset } if reply.audible => {
                    return self.hold(now, reply, Doing::Making(wait), onset);
                }
                Contest::Silenced { onset } => {
                    self.notice(Notice::BargeIn { turn, onset, silenced: now });
                    let interruption = Interruption { onset, interim: String::new(), stop: None, words: None };
                    return self.yield_floor(now, reply, interruption);
                }
                Contest::Won(interruption) => return self.yield_floor(now, reply, interruption),
            },
        };
        State::Thinking { reply, wait, floor }
    }

    pub(super) fn in_speaking(
        &mut self,
        now: CallTime,
        mut reply: Reply,
        progress: Progress,
        floor: Floor,
        event: Event,
    ) -> State {
        let turn = reply.turn;
        let (progress, floor) = match event {
            Event::PlayedOut(of) if of == turn => return self.played_out(now, reply, progress, floor),
            Event::RanDry(of) if of == turn && matches!(progress, Progress::Growing { .. }) => {
                return self.played_out(now, reply, progress, floor);
            }
            Event::ReplyComplete { turn: of, plays_until, ends_call } if of == turn => {
                (Progress::Complete { plays_until, ends_call }, floor)
            }
            Event::ReplyFailed(of) if of == turn => return self.fail(now, reply),
            Event::ToolStarted { turn: of, changes } if of == turn => {
                reply.acted |= changes;
                (Progress::Growing { tool: true, give_up_at: now + self.policy.tool_give_up_after }, floor)
            }
            Event::ToolsFinished(of) | Event::FirstToken(of) if of == turn => {
                let grown = match progress {
                    Progress::Growing { .. } => {
                        Progress::Growing { tool: false, give_up_at: now + self.policy.give_up_after }
                    }
                    complete @ Progress::Complete { .. } => complete,
                };
                (grown, floor)
            }
            Event::FillerSent(of) if of == turn => {
                reply.audible = true;
                (progress, floor)
            }
            Event::AudioSent(of) if of == turn => {
                reply.audible = true;
                let grown = match progress {
                    Progress::Growing { tool, .. } => {
                        Progress::Growing { tool, give_up_at: now + self.policy.give_up_after }
                    }
                    complete @ Progress::Complete { .. } => complete,
                };
                (grown, floor)
            }
            event => {
                // A short "yes" into the last words of a question is the answer to it.
                let words_needed = if progress.ends_within(now, REPLY_TAIL) { 1 } else { self.policy.barge_in_words };
                match self.contest(now, &reply, floor, event, words_needed) {
                    Contest::Open(floor) => (progress, floor),
                    Contest::Silenced { onset } => {
                        let doing = match progress {
                            Progress::Growing { tool, .. } => Doing::Playing { tool },
                            Progress::Complete { .. } if progress.ends_within(now, REPLY_TAIL) => Doing::Ending,
                            Progress::Complete { .. } => Doing::Playing { tool: false },
                        };
                        return self.hold(now, reply, doing, onset);
                    }
                    Contest::Won(interruption) => return self.yield_floor(now, reply, interruption),
                }
            }
        };
        State::Speaking { reply, progress, floor }
    }

    /// The caller makes sounds while a reply is made or played. `words_needed` final words take
    /// the floor.
    pub(super) fn contest(
        &mut self,
        now: CallTime,
        reply: &Reply,
        floor: Floor,
        event: Event,
        words_needed: usize,
    ) -> Contest {
        let stt_timeout = self.policy.stt_timeout;
        match (floor, event) {
            (floor, Event::SpeechStarted { onset }) => {
                // A second sound belongs to the first until that is decided.
                let onset = floor.onset().unwrap_or(onset);
                Contest::Open(Floor::Disputed { onset, pause: None, give_up_at: now + stt_timeout })
            }
            (floor, Event::SpeechSustained { onset }) => Contest::Silenced { onset: floor.onset().unwrap_or(onset) },
            (Floor::Disputed { onset, pause: stop, .. }, Event::Interim(interim))
                if word_count(&interim) >= self.policy.barge_in_words || tells_to_stop(&interim) =>
            {
                self.win(now, reply, Interruption { onset, interim, stop, words: None })
            }
            (Floor::Disputed { onset, pause: None, give_up_at }, Event::SpeechStopped { end }) => {
                let pause = Some(Stop { id: self.ask_final(), speech_end: end });
                Contest::Open(Floor::Disputed { onset, pause, give_up_at })
            }
            (Floor::Disputed { onset, pause: Some(stop), .. }, Event::Final { pause: of, text })
                if of.is_none_or(|id| id == stop.id) =>
            {
                if word_count(&text) >= words_needed || tells_to_stop(&text) {
                    let words = Some(text.trim().to_owned());
                    return self.win(
                        now,
                        reply,
                        Interruption { onset, interim: String::new(), stop: Some(stop), words },
                    );
                }
                // A cough or a murmur: forget it, or it would begin the caller's next utterance.
                self.commands.push_back(Command::CommitUtterance);
                Contest::Open(Floor::Undisputed)
            }
            (floor, _) => Contest::Open(floor),
        }
    }

    pub(super) fn win(&mut self, now: CallTime, reply: &Reply, interruption: Interruption) -> Contest {
        self.notice(Notice::BargeIn { turn: reply.turn, onset: interruption.onset, silenced: now });
        Contest::Won(interruption)
    }

    /// The caller takes the floor from a reply.
    pub(super) fn yield_floor(&mut self, now: CallTime, reply: Reply, interruption: Interruption) -> State {
        self.commands.push_back(Command::CancelReply(reply.turn));
        let carried = match reply.kind {
            // Nothing was heard: the caller is still in the same thought.
            Kind::Answer { text } if !reply.audible && !reply.acted => Some(Carried { from: reply.turn, text }),
            _ => None,
        };
        let Interruption { onset, interim, stop, words } = interruption;
        let utterance = Utterance { carried, text: interim, ..Utterance::new(onset) };
        match stop {
            None => self.hear(now, utterance),
            Some(Stop { id, speech_end }) => {
                let pause = Pause { text: words, ..Pause::new(id, onset, speech_end, now) };
                self.judge(now, utterance, pause)
            }
        }
    }

    pub(super) fn played_out(&mut self, now: CallTime, mut reply: Reply, progress: Progress, floor: Floor) -> State {
        reply.quiet_since = now;
        match (progress, &reply.kind) {
            (Progress::Complete { ends_call: true, .. }, _) => self.hang_up(Cause::Goodbye),
            (Progress::Complete { .. }, kind) => {
                let prompts = match kind {
                    Kind::Line { prompts } => *prompts,
                    Kind::Answer { .. } => 0,
                };
                match floor {
                    Floor::Undisputed => self.listen(now, prompts),
                    Floor::Disputed { onset, pause: None, .. } => self.hear(now, Utterance::new(onset)),
                    Floor::Disputed { onset, pause: Some(Stop { id, speech_end }), .. } => {
                        let pause = Pause::new(id, onset, speech_end, now);
                        State::Endpointing { utterance: Utterance::new(onset), pause }
                    }
                }
            }
            (Progress::Growing { tool: true, give_up_at }, _) => {
                let filler_at = Some(now + another_filler(self.policy.tool_filler_after, reply.fillers));
                State::Thinking { reply, wait: Wait::Tool { filler_at, give_up_at }, floor }
            }
            (Progress::Growing { tool: false, give_up_at }, _) => {
                let filler_at = Some(now + another_filler(self.policy.filler_after, reply.fillers));
                State::Thinking { reply, wait: Wait::Model { filler_at, give_up_at }, floor }
            }
        }
    }

    /// A deadline of a silent reply may have passed.
    pub(super) fn waited(&mut self, now: CallTime, mut reply: Reply, wait: Wait, floor: Floor) -> State {
        if wait.give_up_at() <= now {
            self.notice(Notice::LlmGaveUp(reply.turn));
            return self.fail(now, reply);
        }
        if wait.filler_at().is_none_or(|at| at > now) {
            return State::Thinking { reply, wait, floor };
        }
        let (notice, line) = match wait {
            Wait::Model { .. } => (Notice::LlmSlow(reply.turn), Line::Filler(reply.fillers)),
            Wait::Tool { .. } => (Notice::ToolSlow(reply.turn), Line::ToolFiller(reply.fillers)),
        };
        self.notice(notice);
        self.commands.push_back(Command::Say { turn: reply.turn, line });
        reply.fillers += 1;
        reply.quiet_since = now;
        State::Thinking { reply, wait: wait.without_filler(), floor }
    }

    /// A deadline of a playing reply may have passed.
    pub(super) fn played(&mut self, now: CallTime, reply: Reply, progress: Progress, floor: Floor) -> State {
        match progress {
            Progress::Growing { give_up_at, .. } if give_up_at <= now => {
                self.notice(Notice::LlmGaveUp(reply.turn));
                self.fail(now, reply)
            }
            // The last mark never came back: the audio is over all the same.
            Progress::Complete { plays_until, .. } if plays_until + self.policy.mark_grace <= now => {
                self.played_out(now, reply, progress, floor)
            }
            progress => State::Speaking { reply, progress, floor },
        }
    }
}

impl Reply {
    pub(super) fn new(turn: TurnId, kind: Kind, quiet_since: CallTime) -> Self {
        Self { turn, kind, audible: false, acted: false, fillers: 0, quiet_since }
    }

    /// When the next filler is due in a wait that begins now. One wait after the other makes no longer silence.
    fn filler_at(&self, now: CallTime, after: std::time::Duration) -> CallTime {
        (now + after).min(self.quiet_since + LONGEST_SILENCE).max(now)
    }
}

impl Wait {
    pub(super) fn give_up_at(&self) -> CallTime {
        match self {
            Self::Model { give_up_at, .. } | Self::Tool { give_up_at, .. } => *give_up_at,
        }
    }

    pub(super) fn filler_at(&self) -> Option<CallTime> {
        match self {
            Self::Model { filler_at, .. } | Self::Tool { filler_at, .. } => *filler_at,
        }
    }

    pub(super) fn deadline(&self) -> CallTime {
        self.filler_at().map_or(self.give_up_at(), |at| at.min(self.give_up_at()))
    }

    pub(super) fn without_filler(self) -> Self {
        match self {
            Self::Model { give_up_at, .. } => Self::Model { filler_at: None, give_up_at },
            Self::Tool { give_up_at, .. } => Self::Tool { filler_at: None, give_up_at },
        }
    }
}

impl Progress {
    pub(super) fn deadline(&self, policy: &TurnPolicy) -> CallTime {
        match self {
            Self::Growing { give_up_at, .. } => *give_up_at,
            Self::Complete { plays_until, .. } => *plays_until + policy.mark_grace,
        }
    }

    pub(super) fn ends_within(&self, now: CallTime, span: std::time::Duration) -> bool {
        matches!(self, Self::Complete { plays_until, .. } if *plays_until - now <= span)
    }
}

impl Floor {
    pub(super) fn onset(&self) -> Option<CallTime> {
        match self {
            Self::Undisputed => None,
            Self::Disputed { onset, .. } => Some(*onset),
        }
    }

    pub(super) fn deadline(&self, other: CallTime) -> CallTime {
        match self {
            Self::Undisputed => other,
            Self::Disputed { give_up_at, .. } => other.min(*give_up_at),
        }
    }

    /// A dispute that nothing decided in time is over.
    pub(super) fn settle(self, now: CallTime) -> Self {
        match self {
            Self::Disputed { give_up_at, .. } if give_up_at <= now => Self::Undisputed,
            floor => floor,
        }
    }
}

/// Every further filler waits longer, reassurance and not chatter, but never as long as a caller takes for a
/// dead line.
fn another_filler(first: std::time::Duration, fillers: u32) -> std::time::Duration {
    (first * (1 + 2 * fillers)).min(LONGEST_SILENCE).max(first)
}

fn word_count(text: &str) -> usize {
    text.split_whitespace().filter(|word| word.chars().any(char::is_alphanumeric)).count()
}
