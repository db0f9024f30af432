//! The loop that owns the turn-taking core: facts in, commands out.
//!
//! Nothing here decides about the floor. The loop translates signals of the stages into events of
//! the core, carries out its commands, keeps the history, and tells the observers. It never waits
//! for a stage: what a full channel cannot take fails the turn it belongs to.

use std::sync::{Arc, PoisonError};
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::future::BoxFuture;
use futures_util::stream::FuturesUnordered;
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep_until, timeout};
use tokio_util::sync::CancellationToken;

use super::Normalise;
use super::commands::LINE_PIECES;
use super::lines::FixedLines;
use super::timeline::Timeline;
use super::tool_round::{Returned, ToolRunner};
use crate::audio::playout::{PieceId, Playout};
use crate::chat::ToolCall;
use crate::chat::history::History;
use crate::event::{EndReason, EventKind};
use crate::line::{Fence, Outbound};
use crate::pii::Pii;
use crate::stages::llm::Request;
use crate::stages::pace::{Control, SharedPlayout};
use crate::stages::{Context, Signal, Sound, scorer, stt};
use crate::time::CallTime;
use crate::tools::{Effect, ToolOutcome, Tools};
use crate::turn::{Cause, Conversation, Event, TurnId, TurnPolicy};
use crate::vendors::chain::Chain;
use crate::vendors::llm::Llm;

/// The driver's ends of the channels.
pub(super) struct Links {
    pub(super) carrier: mpsc::Sender<Outbound>,
    pub(super) fence: Fence,
    pub(super) live: watch::Sender<TurnId>,
    pub(super) stt: mpsc::Sender<stt::Input>,
    pub(super) scorer: Option<mpsc::Sender<scorer::Input>>,
    pub(super) models: Chain<dyn Llm>,
    pub(super) requests: mpsc::Sender<Request>,
    pub(super) fixed: mpsc::Sender<Sound>,
    pub(super) pacing: mpsc::Sender<Control>,
    pub(super) playout: SharedPlayout,
    pub(super) close: CancellationToken,
}

/// What the agent says and can do.
pub(super) struct Script {
    pub(super) lines: Arc<FixedLines>,
    pub(super) tools: Arc<dyn Tools>,
    pub(super) max_tool_calls: u32,
    pub(super) time_zone: jiff::tz::TimeZone,
    pub(super) normalise: Normalise,
    pub(super) system_prompt: String,
}

pub(super) struct Driver {
    pub(super) core: Conversation,
    pub(super) history: History,
    pub(super) links: Links,
    pub(super) script: Script,
    pub(super) context: Context,
    pub(super) tools: ToolRunner,
    pub(super) turn: Option<Turn>,
    pub(super) awaiting_mark: Option<PieceId>,
    pub(super) pause_asked: CallTime,
    /// Models that are being got ready for a question.
    preparing: FuturesUnordered<BoxFuture<'static, ()>>,
    /// Why the line is gone, once it is.
    pub(super) gone_for: EndReason,
}

/// The reply that is being made or played.
pub(super) struct Turn {
    pub(super) id: TurnId,
    pub(super) cancel: CancellationToken,
    pub(super) timeline: Option<Timeline>,
    pub(super) next_piece: u32,
    pub(super) next_line: u32,
    pub(super) tool_calls: u32,
    pub(super) slow_tool: Option<String>,
    pub(super) step: Step,
}

/// Where a reply stands between the model and its tools.
#[derive(PartialEq)]
pub(super) enum Step {
    /// The model has not been asked: a change of an earlier turn must return first.
    Queued,
    /// The model answers.
    Thinking,
    /// Tools run; afterwards the model goes on.
    Tools,
    /// Tools run; afterwards the call ends, with these words if there are any.
    LastTools { goodbye: Option<String> },
    /// All words are on their way.
    Finishing { ends_call: bool },
    /// All audio is with the carrier. Until then a mark that comes back is no end of the reply.
    Sent { ends_call: bool },
}

impl Driver {
    pub(super) fn new(links: Links, script: Script, policy: TurnPolicy, context: Context) -> Self {
        Self {
            core: Conversation::new(policy),
            history: History::new(script.system_prompt.clone()),
            tools: ToolRunner::new(Arc::clone(&script.tools), context.spans.clone()),
            links,
            script,
            context,
            turn: None,
            awaiting_mark: None,
            pause_asked: CallTime::ZERO,
            preparing: FuturesUnordered::new(),
            gone_for: EndReason::CallerHungUp,
        }
    }

    /// Drives the call until it is over.
    pub(super) async fn run(&mut self, mut signals: mpsc::Receiver<Signal>) -> EndReason {
        self.core.handle_event(self.context.clock.now(), Event::Answered);
        self.prepare();
        let close = self.links.close.clone();
        let mut closing = false;
        loop {
            while let Some(command) = self.core.poll_command() {
                if let Some(reason) = self.execute(command).await {
                    return reason;
                }
            }
            let Some(deadline) = self.core.poll_timeout() else { return EndReason::CallerHungUp };
            tracing::trace!(phase = ?self.core.phase(), "waiting for what happens next");
            tokio::select! {
                signal = signals.recv() => match signal {
                    Some(signal) => self.on_signal(signal),
                    None => return EndReason::CallerHungUp,
                },
                returned = self.tools.next() => self.on_tool(&returned),
                () = sleep_until(self.context.clock.instant(deadline)) => {
                    self.core.handle_timeout(self.context.clock.now().max(deadline));
                }
                () = next_prepared(&mut self.preparing) => {}
                () = close.cancelled(), if !closing => {
                    closing = true;
                    self.tell(Event::CloseWanted);
                }
            }
        }
    }

    /// Lets tools that change something end, within reason.
    pub(super) async fn finish(&mut self, patience: Duration) {
        let _ = timeout(patience, async {
            while self.tools.changes_running() {
                let returned = self.tools.next().await;
                self.record(&returned);
            }
        })
        .await;
    }

    /// A question to the model is to be expected: its connection is opened now, not when a caller waits.
    fn prepare(&mut self) {
        if self.preparing.is_empty() {
            let place = self.links.models.likely_first(Instant::now());
            self.preparing.push(self.links.models.vendor(place).prepare());
        }
    }

    pub(super) fn tell(&mut self, event: Event) {
        self.core.handle_event(self.context.clock.now(), event);
    }

    fn on_signal(&mut self, signal: Signal) {
        match signal {
            Signal::Digit(key) => self.tell(Event::Digit(key)),
            Signal::HungUp(reason) => {
                self.gone_for = reason;
                self.tell(Event::HungUp);
            }
            Signal::Mark(name) => self.on_mark(&name),
            Signal::SpeechStarted { onset } => {
                self.inform_recogniser(stt::Input::SpeechStarted, scorer::Input::SpeechStarted);
                self.prepare();
                self.tell(Event::SpeechStarted { onset });
            }
            Signal::SpeechSustained { onset } => self.tell(Event::SpeechSustained { onset }),
            Signal::SpeechStopped { end } => self.tell(Event::SpeechStopped { end }),
            Signal::SttGone => self.tell(Event::SttGone),
            Signal::Interim(text) => {
                self.context.emit(None, EventKind::TranscriptInterim { text: Pii::new(text.clone()) });
                self.tell(Event::Interim(text));
            }
            Signal::Final { pause, text } => {
                let took = self.context.clock.now() - self.pause_asked;
                self.context.emit(None, EventKind::TranscriptFinal { text: Pii::new(text.clone()), took });
                self.tell(Event::Final { pause, text });
            }
            Signal::Scored { pause, probability } => self.tell(Event::TurnScored { pause, probability }),
            signal => self.on_reply_signal(signal),
        }
    }

    /// Signals about a reply; those of an older turn change nothing.
    fn on_reply_signal(&mut self, signal: Signal) {
        let now = self.context.clock.now();
        let Some(turn) = &mut self.turn else { return };
        let id = turn.id;
        match signal {
            Signal::FirstToken(of) if of == id => {
                if turn.timeline.as_mut().is_some_and(|timeline| timeline.first_token(now)) {
                    self.context.emit(Some(id), EventKind::ReplyFirstToken);
                }
                self.tell(Event::FirstToken(id));
            }
            Signal::Piece { turn: of, piece, text } if of == id => {
                if turn.timeline.as_mut().is_some_and(|timeline| timeline.first_piece(now)) {
                    self.context.emit(Some(id), EventKind::ReplyFirstPiece);
                }
                turn.next_piece = piece + 1;
                self.history.agent_piece(id, piece, &text);
            }
            Signal::Words { turn: of, piece, words } if of == id => self.history.piece_words(id, piece, words),
            Signal::Spoken { turn: of, piece, lasts } if of == id => self.history.piece_lasts(id, piece, lasts),
            Signal::FirstAudio(of)
                if of == id && turn.timeline.as_mut().is_some_and(|timeline| timeline.first_audio(now)) =>
            {
                self.context.emit(Some(id), EventKind::ReplyFirstAudio);
            }
            Signal::Sent { turn: of, piece, behind } if of == id => {
                if piece < LINE_PIECES
                    && let Some(timeline) = turn.timeline.take()
                {
                    self.context.emit(Some(id), EventKind::PlayoutStarted);
                    self.context.emit(Some(id), EventKind::TurnMeasured(timeline.measure(now, behind)));
                }
                self.awaiting_mark = Some(PieceId { turn: of, piece });
                let is_filler =
                    piece >= LINE_PIECES && !matches!(turn.step, Step::Finishing { .. } | Step::Sent { .. });
                self.tell(if is_filler { Event::FillerSent(id) } else { Event::AudioSent(id) });
            }
            Signal::RanDry(of) if of == id => self.tell(Event::RanDry(id)),
            Signal::Held { turn: of, heard } if of == id => self.history.agent_heard(id, &heard),
            Signal::AllSent { turn: of, plays_until } if of == id => {
                let ends_call =
                    matches!(turn.step, Step::Finishing { ends_call: true } | Step::Sent { ends_call: true });
                turn.step = Step::Sent { ends_call };
                self.tell(Event::ReplyComplete { turn: id, plays_until, ends_call });
                if self.awaiting_mark.is_none() {
                    self.played_out(id);
                }
            }
            Signal::Answered { turn: of, calls, next_piece, .. } if of == id => {
                turn.next_piece = next_piece;
                self.on_answer(id, calls);
            }
            Signal::LlmFailed(of) | Signal::TtsFailed(of) if of == id => self.tell(Event::ReplyFailed(id)),
            _ => {}
        }
    }

    fn on_mark(&mut self, name: &str) {
        let now = self.context.clock.now();
        let Some(piece) = self.with_playout(|playout| playout.mark_returned(now, name)) else { return };
        if self.awaiting_mark == Some(piece) {
            self.awaiting_mark = None;
            self.played_out(piece.turn);
        }
    }

    fn played_out(&mut self, turn: TurnId) {
        if let Some(current) = &self.turn
            && current.id == turn
            && matches!(current.step, Step::Sent { .. })
        {
            self.history.agent_heard_all(turn);
            self.context.emit(Some(turn), EventKind::PlayoutFinished);
            self.context.spans.end(turn);
        }
        self.tell(Event::PlayedOut(turn));
    }

    /// The model has answered one request: run its tools, or let the words be the reply.
    fn on_answer(&mut self, id: TurnId, calls: Vec<ToolCall>) {
        let Some(turn) = &mut self.turn else { return };
        if calls.is_empty() {
            // An answer without a word would leave the caller in silence.
            let text = (turn.next_piece == 0).then(|| self.script.lines.texts.didnt_hear.clone());
            return self.finish_reply(text, false);
        }
        self.history.tool_called(id, calls.clone());
        let words_said = turn.next_piece > 0;
        let mut ends_call = None;
        for call in calls {
            turn.tool_calls += 1;
            let arguments = Pii::new(call.arguments.clone());
            self.context.emit(Some(id), EventKind::ToolCalled { name: call.name.clone(), arguments });
            let effect = self.script.tools.effect(&call.name);
            if turn.tool_calls > self.script.max_tool_calls && effect != Effect::EndsCall {
                self.history.tool_returned(&call.id, r#"{"error":"too many tool calls; answer the caller now"}"#);
                continue;
            }
            let changes = effect == Effect::Changes;
            match effect {
                Effect::EndsCall => ends_call = Some(goodbye_in(&call.arguments)),
                Effect::Changes => self.history.tool_has_effect(&call.id),
                Effect::Reads => {}
            }
            turn.slow_tool = Some(call.name.clone());
            self.tools.start(id, call);
            self.core.handle_event(self.context.clock.now(), Event::ToolStarted { turn: id, changes });
        }
        turn.step = match ends_call {
            None => Step::Tools,
            Some(_) if words_said => Step::LastTools { goodbye: None },
            Some(goodbye) => {
                let goodbye = goodbye.unwrap_or_else(|| self.script.lines.texts.goodbye.clone());
                Step::LastTools { goodbye: Some(goodbye) }
            }
        };
        if self.tools.is_done_with(id) {
            self.after_tools();
        }
    }

    fn on_tool(&mut self, returned: &Returned) {
        self.record(returned);
        let Some(turn) = &self.turn else { return };
        match turn.step {
            Step::Queued if !self.tools.changes_running() => {
                self.tell_tools_finished();
                self.think();
            }
            Step::Tools | Step::LastTools { .. } if self.tools.is_done_with(turn.id) => self.after_tools(),
            _ => {}
        }
    }

    fn record(&mut self, returned: &Returned) {
        self.history.tool_returned(&returned.call.id, &returned.outcome.content);
        let ToolOutcome { succeeded, normalised, .. } = returned.outcome;
        let (name, took) = (returned.call.name.clone(), returned.took);
        self.context.emit(Some(returned.turn), EventKind::ToolReturned { name, took, succeeded, normalised });
    }

    fn after_tools(&mut self) {
        let Some(turn) = &mut self.turn else { return };
        match std::mem::replace(&mut turn.step, Step::Thinking) {
            Step::LastTools { goodbye } => self.finish_reply(goodbye, true),
            _ => {
                self.tell_tools_finished();
                self.think();
            }
        }
    }

    pub(super) fn tell_tools_finished(&mut self) {
        if let Some(turn) = &self.turn {
            let id = turn.id;
            self.tell(Event::ToolsFinished(id));
        }
    }

    /// The turn `id`, which becomes the current one.
    pub(super) fn turn_mut(&mut self, id: TurnId) -> &mut Turn {
        self.context.spans.begin(id);
        let current = self.turn.take().filter(|turn| turn.id == id);
        self.turn.insert(current.unwrap_or_else(|| Turn {
            id,
            cancel: CancellationToken::new(),
            timeline: None,
            next_piece: 0,
            next_line: 0,
            tool_calls: 0,
            slow_tool: None,
            step: Step::Thinking,
        }))
    }

    pub(super) fn turn_timeline(&self) -> Option<&Timeline> {
        self.turn.as_ref()?.timeline.as_ref()
    }

    pub(super) fn inform_recogniser(&self, stt: stt::Input, score: scorer::Input) {
        if self.links.stt.try_send(stt).is_err() {
            self.context.emit(None, EventKind::QueueFull { stage: "stt" });
        }
        if let Some(scorer) = &self.links.scorer {
            // Without a score the silence limits decide.
            let _ = scorer.try_send(score);
        }
    }

    pub(super) fn with_playout<T>(&self, look: impl FnOnce(&mut Playout) -> T) -> T {
        look(&mut self.links.playout.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// The end of a preparation; never, while there is none.
async fn next_prepared(preparing: &mut FuturesUnordered<BoxFuture<'static, ()>>) {
    if preparing.next().await.is_none() {
        std::future::pending::<()>().await;
    }
}

fn goodbye_in(arguments: &str) -> Option<String> {
    let arguments: serde_json::Value = serde_json::from_str(arguments).ok()?;
    let goodbye = arguments.get("goodbye")?.as_str()?.trim();
    (!goodbye.is_empty()).then(|| goodbye.to_owned())
}

pub(super) fn end_reason(cause: Cause) -> EndReason {
    match cause {
        Cause::HungUp => EndReason::CallerHungUp,
        Cause::Goodbye => EndReason::AgentGoodbye,
        Cause::Silence => EndReason::CallerSilent,
        Cause::Failure => EndReason::VendorFailure,
        Cause::TimeLimit => EndReason::TimeLimit,
        Cause::CloseWanted => EndReason::Draining,
    }
}
