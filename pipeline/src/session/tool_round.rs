//! The tools of one answer: reads run side by side, changes one after another, and a change is
//! finished whatever happens to its turn. A model that has a change's result before its eyes and asks
//! for the very same once more in its turn gets that result again, and nothing is changed twice; several
//! equal changes in one answer are meant.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::Value;
use tokio::task::{AbortHandle, Id, JoinSet};
use tracing::Instrument as _;

use crate::chat::ToolCall;
use crate::stages::spans::Spans;
use crate::tools::{Effect, ToolOutcome, Tools};
use crate::turn::TurnId;

/// A tool that came back.
#[derive(Debug)]
pub(super) struct Returned {
    pub(super) turn: TurnId,
    pub(super) call: ToolCall,
    pub(super) outcome: ToolOutcome,
    pub(super) took: Duration,
}

/// Runs the tools of one call.
pub(super) struct ToolRunner {
    tools: Arc<dyn Tools>,
    spans: Spans,
    running: JoinSet<(ToolOutcome, Duration)>,
    calls: HashMap<Id, Running>,
    /// Changes that wait for the change before them.
    queued: VecDeque<(TurnId, ToolCall)>,
    /// The changes that succeeded in the last turn that had any.
    done: Vec<Done>,
}

struct Done {
    turn: TurnId,
    call: ToolCall,
    outcome: ToolOutcome,
}

impl Done {
    /// Whether `call` asks for the same; the order of arguments and blanks between them mean nothing.
    fn answers(&self, turn: TurnId, call: &ToolCall) -> bool {
        let read = |text: &str| serde_json::from_str::<Value>(text).unwrap_or_else(|_| text.into());
        self.turn == turn && self.call.name == call.name && read(&self.call.arguments) == read(&call.arguments)
    }
}

struct Running {
    turn: TurnId,
    call: ToolCall,
    effect: Effect,
    abort: AbortHandle,
}

impl ToolRunner {
    pub(super) fn new(tools: Arc<dyn Tools>, spans: Spans) -> Self {
        Self { tools, spans, running: JoinSet::new(), calls: HashMap::new(), queued: VecDeque::new(), done: Vec::new() }
    }

    /// Starts a call; a change waits until no other change runs.
    pub(super) fn start(&mut self, turn: TurnId, call: ToolCall) {
        if let Some(done) = self.done.iter().find(|done| done.answers(turn, &call)) {
            let outcome = done.outcome.clone();
            return self.spawn(turn, call, Effect::Reads, std::future::ready((outcome, Duration::ZERO)));
        }
        match self.tools.effect(&call.name) {
            Effect::Changes if self.changes_running() => self.queued.push_back((turn, call)),
            effect => self.run(turn, call, effect),
        }
    }

    /// Whether a tool that changes something is under way.
    pub(super) fn changes_running(&self) -> bool {
        self.calls.values().any(|running| running.effect == Effect::Changes)
    }

    /// Whether nothing of `turn` is running or queued.
    pub(super) fn is_done_with(&self, turn: TurnId) -> bool {
        !self.calls.values().any(|running| running.turn == turn) && !self.queued.iter().any(|(of, _)| *of == turn)
    }

    /// Drops the reads of a cancelled turn and the changes that have not begun.
    pub(super) fn cancel(&mut self, turn: TurnId) {
        self.queued.retain(|(of, _)| *of != turn);
        self.calls.retain(|_, running| {
            let drop = running.turn == turn && running.effect != Effect::Changes;
            if drop {
                running.abort.abort();
            }
            !drop
        });
    }

    /// The next tool to come back; never, while none runs.
    pub(super) async fn next(&mut self) -> Returned {
        loop {
            let Some(joined) = self.running.join_next_with_id().await else {
                return std::future::pending().await;
            };
            let (id, outcome, took) = match joined {
                Ok((id, (outcome, took))) => (id, outcome, took),
                Err(error) => {
                    let content = r#"{"error":"the tool broke down; apologise and offer another way"}"#.to_owned();
                    (error.id(), ToolOutcome { content, succeeded: false, normalised: 0 }, Duration::ZERO)
                }
            };
            // A read of a cancelled turn is not missed.
            let Some(Running { turn, call, effect, .. }) = self.calls.remove(&id) else { continue };
            if effect == Effect::Changes {
                self.done.retain(|done| done.turn == turn);
                if outcome.succeeded {
                    self.done.push(Done { turn, call: call.clone(), outcome: outcome.clone() });
                }
                if let Some((turn, call)) = self.queued.pop_front() {
                    self.run(turn, call, Effect::Changes);
                }
            }
            return Returned { turn, call, outcome, took };
        }
    }

    fn run(&mut self, turn: TurnId, call: ToolCall, effect: Effect) {
        let span = self.spans.tool(turn, &*self.tools, &call.name);
        let work = span.in_scope(|| self.tools.call(call.clone()));
        let timed = async move {
            let begun = Instant::now();
            let outcome = work.await;
            (outcome, begun.elapsed())
        };
        self.spawn(turn, call, effect, timed.instrument(span));
    }

    fn spawn<W>(&mut self, turn: TurnId, call: ToolCall, effect: Effect, work: W)
    where
        W: Future<Output = (ToolOutcome, Duration)> + Send + 'static,
    {
        let abort = self.running.spawn(work);
        self.calls.insert(abort.id(), Running { turn, call, effect, abort });
    }
}
