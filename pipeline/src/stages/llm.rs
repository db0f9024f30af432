//! The model's stage: one request at a time becomes speakable pieces and tool calls.
//!
//! A model that fails before its first word makes room for the next in the chain at once. One that
//! fails later does not: the caller has heard its words.

use futures_util::StreamExt;
use tokio::sync::mpsc;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::spans::Within;
use super::{Context, Signal, Speak};
use crate::chat::pieces::PieceCutter;
use crate::chat::spoken::SpokenText;
use crate::event::EventKind;
use crate::pii::Pii;
use crate::turn::TurnId;
use crate::vendors::VendorError;
use crate::vendors::chain::Chain;
use crate::vendors::llm::{Llm, LlmEvent, LlmRequest};

/// Requests waiting for the model. Cancelled ones leave at once, so it never fills in practice; a
/// request that finds it full fails its turn.
pub const REQUESTS: usize = 8;

/// What the session wants of this stage.
pub enum Request {
    /// Ask the model.
    Think(Think),
    /// Say `text`, if there is any, and nothing more in this turn.
    Finish {
        /// The turn.
        turn: TurnId,
        /// The number of the piece that `text` becomes.
        piece: u32,
        /// Words that do not come from the model.
        text: Option<String>,
    },
}

/// A question to the model.
pub struct Think {
    /// The turn it belongs to.
    pub turn: TurnId,
    /// The conversation and the tools.
    pub request: LlmRequest,
    /// The number of the turn's next piece: after tools a turn goes on.
    pub next_piece: u32,
    /// Cancelled when the turn is.
    pub cancel: CancellationToken,
}

/// Runs until its input ends. Cancelling a request drops the vendor's stream.
pub async fn run(
    mut requests: mpsc::Receiver<Request>,
    models: Chain<dyn Llm>,
    speak: mpsc::Sender<Speak>,
    context: Context,
) {
    while let Some(request) = requests.recv().await {
        match request {
            Request::Think(Think { turn, request, next_piece, cancel }) => {
                let mut answer =
                    Answer { turn, next_piece, markup: SpokenText::new(), speak: &speak, context: &context };
                let outcome = cancel.run_until_cancelled(answer.of_any(&models, request)).await;
                if let Some(Err(_)) = outcome {
                    context.signal(Signal::LlmFailed(turn)).await;
                }
            }
            Request::Finish { turn, piece, text } => {
                let mut answer =
                    Answer { turn, next_piece: piece, markup: SpokenText::new(), speak: &speak, context: &context };
                if let Some(text) = text {
                    answer.say(&text).await;
                }
                let _ = speak.send(Speak::End(turn)).await;
            }
        }
    }
}

/// No model gave an answer; what failed was told.
struct Unanswered;

/// Whether anything of an answer was handed on.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Begun {
    No,
    Yes,
}

/// One answer on its way out.
struct Answer<'a> {
    turn: TurnId,
    next_piece: u32,
    markup: SpokenText,
    speak: &'a mpsc::Sender<Speak>,
    context: &'a Context,
}

impl Answer<'_> {
    /// The answer of the first model that begins one.
    async fn of_any(&mut self, models: &Chain<dyn Llm>, request: LlmRequest) -> Result<(), Unanswered> {
        let turn = Some(self.turn);
        let mut place = models.first(Instant::now());
        loop {
            let model = models.vendor(place);
            let Err((begun, error)) = self.of(model.as_ref(), request.clone()).await else {
                models.succeeded(place);
                return Ok(());
            };
            let now = Instant::now();
            models.failed(place, now, &error);
            let (vendor, kind) = (error.vendor(), error.kind());
            self.context.emit(turn, EventKind::VendorFailed { stage: "llm", vendor, kind });
            if begun == Begun::Yes {
                return Err(Unanswered);
            }
            // A model that failed others may be well again, and without one the call is over.
            let Some(next) = models.after(place, now).or_else(|| models.behind(place)) else { return Err(Unanswered) };
            let (from, to) = (model.name(), models.vendor(next).name());
            self.context.emit(turn, EventKind::VendorReplaced { stage: "llm", from, to });
            place = next;
        }
    }

    /// The answer of one model.
    async fn of(&mut self, model: &dyn Llm, request: LlmRequest) -> Result<(), (Begun, VendorError)> {
        let turn = self.turn;
        let span = self.context.spans.llm(turn, model.name());
        let mut events = Within::new(span.in_scope(|| model.answer(request)), span);
        let mut cutter = PieceCutter::new();
        let mut calls = Vec::new();
        let mut begun = Begun::No;
        while let Some(event) = events.next().await {
            let event = event.map_err(|error| (begun, error))?;
            if begun == Begun::No {
                begun = Begun::Yes;
                self.context.signal(Signal::FirstToken(turn)).await;
            }
            match event {
                LlmEvent::Text(delta) => {
                    for piece in cutter.push(&delta) {
                        self.say(&piece).await;
                    }
                }
                LlmEvent::ToolCall(call) => {
                    // What is said before a tool is heard while the tool runs.
                    if let Some(piece) = cutter.finish() {
                        self.say(&piece).await;
                    }
                    calls.push(call);
                }
                LlmEvent::Done(finish) => {
                    if let Some(piece) = cutter.finish() {
                        self.say(&piece).await;
                    }
                    let next_piece = self.next_piece;
                    self.context.signal(Signal::Answered { turn, finish, calls, next_piece }).await;
                    return Ok(());
                }
            }
        }
        Err((begun, VendorError::Failed { vendor: model.name(), kind: "the answer broke off".to_owned() }))
    }

    async fn say(&mut self, piece: &str) {
        let Some(text) = self.markup.clean(piece) else { return };
        let (turn, piece) = (self.turn, self.next_piece);
        self.next_piece += 1;
        self.context.emit(Some(turn), EventKind::ReplyPiece { piece, text: Pii::new(text.clone()) });
        self.context.signal(Signal::Piece { turn, piece, text: text.clone() }).await;
        let _ = self.speak.send(Speak::Piece { turn, piece, text }).await;
    }
}
