//! The spans of a call, for whoever traces: `call` > `turn` > `stt` `llm` `tts` `tool`.
//!
//! The span in which the session begins is the call's; whoever answers the call opens it. A turn's span opens
//! with the first pause that is asked about and may become it, or with the reply where there was none, and
//! closes when the reply is over or the next turn begins. A pause that becomes no turn leaves its span to
//! the next one.
//!
//! What always holds:
//! - a span says which call, which turn, which vendor or tool, and nothing that anybody said;
//! - where nobody traces, no span is made and nothing is locked.

use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use futures_util::Stream;
use tracing::field::Empty;
use tracing::{Span, info_span};

use crate::tools::Tools;
use crate::turn::TurnId;

/// The open spans of one call; clones share them.
#[derive(Debug, Clone, Default)]
pub struct Spans {
    call: Option<Span>,
    turns: Arc<Mutex<Turns>>,
}

#[derive(Debug, Default)]
struct Turns {
    /// Of the pause that is judged.
    coming: Option<Span>,
    /// Of the reply that is made or played.
    current: Option<(TurnId, Span)>,
}

impl Spans {
    /// The spans of the call whose span is entered now, if there is one.
    pub fn of_current_call() -> Self {
        let call = Span::current();
        Self { call: (!call.is_disabled()).then_some(call), turns: Arc::default() }
    }

    /// The call's own.
    pub fn call(&self) -> Span {
        self.call.clone().unwrap_or_else(Span::none)
    }

    /// The turn's, or the call's for a turn that is over.
    pub fn of(&self, turn: Option<TurnId>) -> Span {
        let Some(call) = &self.call else { return Span::none() };
        match (&self.turns().current, turn) {
            (Some((current, span)), Some(turn)) if *current == turn => span.clone(),
            _ => call.clone(),
        }
    }

    /// A turn begins, unless it has already.
    pub fn begin(&self, turn: TurnId) {
        let Some(call) = &self.call else { return };
        let mut turns = self.turns();
        if turns.current.as_ref().is_none_or(|(current, _)| *current < turn) {
            let span = turns.coming.take().unwrap_or_else(|| turn_below(call));
            span.record("turn", turn.0);
            turns.current = Some((turn, span));
        }
    }

    /// A turn is over.
    pub fn end(&self, turn: TurnId) {
        if self.call.is_some() {
            self.turns().current.take_if(|(current, _)| *current == turn);
        }
    }

    /// A recogniser is asked for a final transcript, of the turn to come.
    pub fn stt(&self, vendor: &'static str) -> Span {
        let Some(call) = &self.call else { return Span::none() };
        let mut turns = self.turns();
        let turn = turns.coming.get_or_insert_with(|| turn_below(call));
        info_span!(parent: &*turn, "stt", vendor)
    }

    /// A model answers.
    pub fn llm(&self, turn: TurnId, vendor: &'static str) -> Span {
        self.below(turn, |turn| info_span!(parent: turn, "llm", vendor))
    }

    /// A voice speaks a piece.
    pub fn tts(&self, turn: TurnId, vendor: &'static str) -> Span {
        self.below(turn, |turn| info_span!(parent: turn, "tts", vendor))
    }

    /// A tool runs. A model may call a tool by a name of its own making: such a name is not kept.
    pub fn tool(&self, turn: TurnId, tools: &dyn Tools, name: &str) -> Span {
        self.below(turn, |turn| {
            let specs = tools.specs();
            let known = specs.iter().find(|spec| spec.name == name);
            info_span!(parent: turn, "tool", tool = known.map(|spec| spec.name.as_str()))
        })
    }

    fn below(&self, turn: TurnId, open: impl FnOnce(&Span) -> Span) -> Span {
        if self.call.is_some() { open(&self.of(Some(turn))) } else { Span::none() }
    }

    fn turns(&self) -> MutexGuard<'_, Turns> {
        // Nothing panics while the lock is held.
        self.turns.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn turn_below(call: &Span) -> Span {
    info_span!(parent: call, "turn", turn = Empty)
}

/// A stream that works within a span, which closes with it.
#[derive(Debug)]
pub struct Within<S> {
    stream: S,
    span: Span,
}

impl<S> Within<S> {
    /// `stream`, within `span`.
    pub fn new(stream: S, span: Span) -> Self {
        Self { stream, span }
    }
}

impl<S: Stream + Unpin> Stream for Within<S> {
    type Item = S::Item;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<S::Item>> {
        let Self { stream, span } = &mut *self;
        let _entered = span.enter();
        Pin::new(stream).poll_next(cx)
    }
}
