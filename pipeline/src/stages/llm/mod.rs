//! The model's stage: one request at a time becomes speakable pieces and tool calls.
//!
//! A model that fails makes room for the next in the chain (`relay` says for whom). Before its first
//! word nobody notices. After it, what the voice has been given stays, the unfinished rest is dropped, and
//! where the caller has been told something of this answer the agent's `begin_again` stands between the
//! two: the next model is asked what the first one was, and answers from the beginning. A tool call that
//! arrived whole counts, though its answer broke off: asking again could book twice.

mod relay;

use futures_util::StreamExt;
use tokio::sync::mpsc;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use self::relay::{Begun, Next, Relay};
use super::spans::Within;
use super::{Context, Signal, Speak};
use crate::chat::ToolCall;
use crate::chat::pieces::PieceCutter;
use crate::chat::spoken::SpokenText;
use crate::event::EventKind;
use crate::pii::Pii;
use crate::turn::TurnId;
use crate::vendors::VendorError;
use crate::vendors::chain::Chain;
use crate::vendors::llm::{Finish, Llm, LlmEvent, LlmRequest};

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

/// Who thinks.
pub struct Thinker {
    /// The models.
    pub chain: Chain<dyn Llm>,
    /// Said where a model broke off in what the caller already hears, before another answers.
    pub begin_again: String,
}

/// Runs until its input ends. Cancelling a request drops the vendor's stream.
pub async fn run(
    mut requests: mpsc::Receiver<Request>,
    Thinker { chain, begin_again }: Thinker,
    speak: mpsc::Sender<Speak>,
    context: Context,
) {
    while let Some(request) = requests.recv().await {
        match request {
            Request::Think(Think { turn, request, next_piece, cancel }) => {
                let mut answer = Answer::new(turn, next_piece, &speak, &context);
                let outcome = cancel.run_until_cancelled(answer.of_any(&chain, request, &begin_again)).await;
                if let Some(Err(_)) = outcome {
                    context.signal(Signal::LlmFailed(turn)).await;
                }
            }
            Request::Finish { turn, piece, text } => {
                if let Some(text) = text {
                    Answer::new(turn, piece, &speak, &context).say(&text).await;
                }
                let _ = speak.send(Speak::End(turn)).await;
            }
        }
    }
}

/// No model gave an answer; what failed was told.
struct Unanswered;

/// How an attempt at an answer ended.
enum Attempt {
    /// The model said all it wanted.
    Whole,
    /// It broke off behind whole tool calls, which count.
    Called(VendorError),
    Failed {
        begun: Begun,
        error: VendorError,
    },
}

/// One answer on its way out.
struct Answer<'a> {
    turn: TurnId,
    next_piece: u32,
    markup: SpokenText,
    /// The piece behind which another answer was promised.
    promised_behind: Option<u32>,
    speak: &'a mpsc::Sender<Speak>,
    context: &'a Context,
}

impl<'a> Answer<'a> {
    fn new(turn: TurnId, next_piece: u32, speak: &'a mpsc::Sender<Speak>, context: &'a Context) -> Self {
        Self { turn, next_piece, markup: SpokenText::new(), promised_behind: None, speak, context }
    }

    /// The answer of the first model that gives one.
    async fn of_any(
        &mut self,
        models: &Chain<dyn Llm>,
        request: LlmRequest,
        begin_again: &str,
    ) -> Result<(), Unanswered> {
        let mut relay = Relay::begin(models, Instant::now());
        let mut model = relay.model();
        loop {
            let said_before = self.next_piece;
            let (error, begun) = match self.of(model, request.clone()).await {
                Attempt::Whole => {
                    relay.succeeded();
                    return Ok(());
                }
                Attempt::Called(error) => (error, None),
                Attempt::Failed { begun, error } => (error, Some(begun)),
            };
            let now = Instant::now();
            relay.failed(now, &error);
            // Several vendors may speak one protocol, whose errors know its name only.
            let (vendor, kind) = (model.name(), error.kind());
            self.context.emit(Some(self.turn), EventKind::VendorFailed { stage: "llm", vendor, kind });
            let Some(begun) = begun else { return Ok(()) };
            let Some(next) = relay.hand_over(now, begun) else { return Err(Unanswered) };
            if let Next::Another(next) = next {
                let (from, to) = (model.name(), next.name());
                self.context.emit(Some(self.turn), EventKind::VendorReplaced { stage: "llm", from, to });
                model = next;
            }
            // Markup that was open in what broke off is not closed by anybody.
            self.markup = SpokenText::new();
            if self.next_piece > said_before {
                self.say(begin_again).await;
                self.promised_behind = Some(self.next_piece);
            }
        }
    }

    /// The answer of one model.
    async fn of(&mut self, model: &dyn Llm, request: LlmRequest) -> Attempt {
        let span = self.context.spans.llm(self.turn, model.name());
        let mut events = Within::new(span.in_scope(|| model.answer(request)), span);
        let mut cutter = PieceCutter::new();
        let mut calls = Vec::new();
        let mut begun = Begun::No;
        let error = loop {
            let event = match events.next().await {
                Some(Ok(event)) => event,
                Some(Err(error)) => break error,
                None => break VendorError::Failed { vendor: model.name(), kind: "the answer broke off".to_owned() },
            };
            if begun == Begun::No && !matches!(event, LlmEvent::Done(_)) {
                begun = Begun::Yes;
                self.context.signal(Signal::FirstToken(self.turn)).await;
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
                    if calls.is_empty() && self.promised_behind == Some(self.next_piece) {
                        break VendorError::Failed { vendor: model.name(), kind: "an empty answer".to_owned() };
                    }
                    self.answered(finish, calls).await;
                    return Attempt::Whole;
                }
            }
        };
        if calls.is_empty() {
            return Attempt::Failed { begun, error };
        }
        self.answered(Finish::ToolCalls, calls).await;
        Attempt::Called(error)
    }

    async fn answered(&self, finish: Finish, calls: Vec<ToolCall>) {
        let (turn, next_piece) = (self.turn, self.next_piece);
        self.context.signal(Signal::Answered { turn, finish, calls, next_piece }).await;
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

#[cfg(test)]
mod tests;
