//! Carrying out what the turn-taking core commands.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::timeout;

use super::driver::{Driver, Step, end_reason};
use super::timeline::Timeline;
use crate::event::{EndReason, EventKind};
use crate::line::Outbound;
use crate::pii::Pii;
use crate::stages::llm::{Request, Think};
use crate::stages::pace::Control;
use crate::stages::{Sound, scorer, stt};
use crate::turn::{Cause, Command, Event, KEYPAD_MARK, Line, Notice, TurnId};
use crate::vendors::llm::LlmRequest;

/// Fixed lines are pieces, too; their numbers start here so that they never meet the model's.
pub(super) const LINE_PIECES: u32 = 1 << 31;

/// How long the carrier's writer may refuse a command before the line counts as dead.
const CARRIER_PATIENCE: Duration = Duration::from_secs(1);

impl Driver {
    pub(super) async fn execute(&mut self, command: Command) -> Option<EndReason> {
        match command {
            Command::AskFinal(pause) => {
                self.pause_asked = self.context.clock.now();
                self.inform_recogniser(stt::Input::Paused(pause), scorer::Input::Score(pause));
            }
            Command::CommitUtterance => self.inform_recogniser(stt::Input::Committed, scorer::Input::Committed),
            Command::StartReply { turn, text, replaces } => self.start_reply(turn, &text, replaces),
            Command::CancelReply(turn) => return self.cancel_reply(turn).await,
            Command::HoldReply(turn) => self.hold_reply(turn),
            Command::ResumeReply(turn) => self.resume_reply(turn),
            Command::Say { turn, line } => self.say(turn, line),
            Command::Notice(notice) => self.notice(notice),
            Command::HangUp(cause) => {
                let _ = timeout(CARRIER_PATIENCE, self.links.carrier.send(Outbound::HangUp)).await;
                return Some(if cause == Cause::HungUp { self.gone_for } else { end_reason(cause) });
            }
        }
        None
    }

    pub(super) fn start_reply(&mut self, id: TurnId, text: &str, replaces: Option<TurnId>) {
        if let Some(replaced) = replaces {
            self.history.give_back(replaced);
        }
        let text = (self.script.normalise)(text);
        let waited = self.turn_timeline().map(|timeline| timeline.measure(self.context.clock.now(), Duration::ZERO));
        let waited = waited.map_or(Duration::ZERO, |latency| latency.endpointing);
        let typed = text.strip_prefix(KEYPAD_MARK).and_then(|rest| rest.split_whitespace().next());
        // Words said after the keys make a new turn of the same entry.
        if let (Some(keys), None) = (typed, replaces) {
            self.context.emit(Some(id), EventKind::DigitsEntered { digits: Pii::new(keys.to_owned()) });
        }
        self.context.emit(Some(id), EventKind::TurnCommitted { text: Pii::new(text.clone()), waited });
        self.history.caller_said(id, &text);
        if self.tools.changes_running() {
            self.turn_mut(id).step = Step::Queued;
            self.tell(Event::ToolStarted { turn: id, changes: false });
        } else {
            self.turn_mut(id);
            self.think();
        }
    }

    pub(super) fn think(&mut self) {
        let tools = match &self.turn {
            Some(turn) if turn.tool_calls > self.script.max_tool_calls => Arc::default(),
            _ => self.script.tools.specs(),
        };
        let messages = self.history.messages();
        let now = jiff::Zoned::now().with_time_zone(self.script.time_zone.clone());
        let Some(turn) = &mut self.turn else { return };
        turn.step = Step::Thinking;
        let request = Request::Think(Think {
            turn: turn.id,
            request: LlmRequest { messages, tools, now },
            next_piece: turn.next_piece,
            cancel: turn.cancel.clone(),
        });
        self.request(request);
    }

    pub(super) fn finish_reply(&mut self, text: Option<String>, ends_call: bool) {
        let Some(turn) = &mut self.turn else { return };
        turn.step = Step::Finishing { ends_call };
        let request = Request::Finish { turn: turn.id, piece: turn.next_piece, text };
        self.request(request);
    }

    pub(super) fn request(&mut self, request: Request) {
        if self.links.requests.try_send(request).is_err()
            && let Some(turn) = &self.turn
        {
            let id = turn.id;
            self.context.emit(Some(id), EventKind::QueueFull { stage: "llm" });
            self.tell(Event::ReplyFailed(id));
        }
    }

    pub(super) async fn cancel_reply(&mut self, id: TurnId) -> Option<EndReason> {
        let next = id.next();
        self.links.fence.raise_to(next);
        self.links.live.send_replace(next);
        if let Some(turn) = self.turn.take_if(|turn| turn.id == id) {
            turn.cancel.cancel();
        }
        self.tools.cancel(id);
        let now = self.context.clock.now();
        let heard = self.with_playout(|playout| {
            let heard = playout.heard(now, id);
            playout.cleared(now);
            heard
        });
        self.awaiting_mark = None;
        self.history.agent_heard(id, &heard);
        self.context.emit(Some(id), EventKind::ReplyCancelled { heard: Pii::new(self.history.heard_text(id)) });
        self.context.spans.end(id);
        let cleared = timeout(CARRIER_PATIENCE, self.links.carrier.send(Outbound::Clear)).await;
        // A writer that takes nothing any more serves a dead line.
        (!matches!(cleared, Ok(Ok(())))).then_some(EndReason::CallerHungUp)
    }

    fn hold_reply(&mut self, id: TurnId) {
        self.awaiting_mark = None;
        if let Some(turn) = &mut self.turn
            && let Step::Sent { ends_call } = turn.step
        {
            turn.step = Step::Finishing { ends_call };
        }
        self.pace(id, Control::Hold(id));
        self.context.emit(Some(id), EventKind::ReplyHeld);
    }

    fn resume_reply(&mut self, id: TurnId) {
        self.history.agent_resumed(id);
        self.pace(id, Control::Resume(id));
        self.context.emit(Some(id), EventKind::ReplyResumed);
    }

    fn pace(&mut self, id: TurnId, control: Control) {
        if self.links.pacing.try_send(control).is_err() {
            self.context.emit(Some(id), EventKind::QueueFull { stage: "pace" });
        }
    }

    pub(super) fn say(&mut self, id: TurnId, line: Line) {
        let lines = Arc::clone(&self.script.lines);
        let tools = Arc::clone(&self.script.tools);
        let slow_tool = self.turn.as_ref().and_then(|turn| turn.slow_tool.clone());
        let text = match (line, slow_tool) {
            (Line::ToolFiller(0), Some(tool)) => tools.filler(&tool),
            _ => None,
        };
        let text = text.unwrap_or_else(|| lines.texts.text(line).to_owned());
        if let (Line::ToolFiller(_), Some(name)) = (line, self.turn.as_ref().and_then(|t| t.slow_tool.clone())) {
            self.context.emit(Some(id), EventKind::ToolSlow { name });
        }
        let is_filler = matches!(line, Line::Filler(_) | Line::ToolFiller(_));
        let turn = self.turn_mut(id);
        let number = turn.next_line;
        let piece = LINE_PIECES + number;
        turn.next_line += 1;
        if !is_filler {
            turn.step = Step::Finishing { ends_call: false };
            self.history.agent_piece(id, piece, &text);
        }
        self.context.emit(Some(id), EventKind::ReplyPiece { piece: number, text: Pii::new(text.clone()) });
        match lines.sound(&text) {
            Some(ulaw) => {
                let mut taken = self.links.fixed.try_send(Sound::Line { turn: id, piece, ulaw }).is_ok();
                if !is_filler {
                    taken &= self.links.fixed.try_send(Sound::End(id)).is_ok();
                }
                if !taken {
                    self.context.emit(Some(id), EventKind::QueueFull { stage: "pace" });
                }
            }
            None if is_filler => {}
            None => self.request(Request::Finish { turn: id, piece, text: Some(text) }),
        }
    }

    pub(super) fn notice(&mut self, notice: Notice) {
        let (turn, kind) = match notice {
            Notice::Committed { turn, speech_end } => {
                let now = self.context.clock.now();
                self.turn_mut(turn).timeline = Some(Timeline::committed(speech_end, now));
                return;
            }
            Notice::BargeIn { turn, onset, silenced } => (Some(turn), EventKind::BargeIn { after: silenced - onset }),
            Notice::SttSilent => (None, EventKind::SttSilent),
            Notice::NothingUnderstood => (None, EventKind::NothingUnderstood),
            Notice::LlmSlow(turn) => (Some(turn), EventKind::LlmSlow),
            Notice::LlmGaveUp(turn) => (Some(turn), EventKind::LlmGaveUp),
            // Its name is known where its filler is spoken.
            Notice::ToolSlow(_) => return,
            Notice::SilencePrompted(attempt) => (None, EventKind::SilencePrompted { attempt }),
            Notice::Closing(cause) => (None, EventKind::CallClosing { reason: end_reason(cause) }),
        };
        self.context.emit(turn, kind);
    }
}
