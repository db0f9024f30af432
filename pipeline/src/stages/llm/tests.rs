//! Answers of scripted models, and what of them goes to the voice and to the session.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use futures_util::stream::{self, BoxStream};
use tokio::task::JoinSet;

use super::*;
use crate::chat::Message;
use crate::event::{CallEvent, EventSink};
use crate::stages::spans::Spans;
use crate::time::CallClock;

const TURN: TurnId = TurnId(4);
const AGAIN: &str = "Sorry, once more.";

/// What a model's stream brings; without an end it breaks off.
type Script = Vec<Result<LlmEvent, VendorError>>;

/// Who was asked, and with which messages.
type Asked = Vec<(&'static str, Vec<Message>)>;

struct Scripted {
    name: &'static str,
    answers: Mutex<VecDeque<Script>>,
    asked: Arc<Mutex<Asked>>,
}

impl Llm for Scripted {
    fn name(&self) -> &'static str {
        self.name
    }

    fn answer(&self, request: LlmRequest) -> BoxStream<'static, Result<LlmEvent, VendorError>> {
        self.asked.lock().unwrap().push((self.name, request.messages));
        stream::iter(self.answers.lock().unwrap().pop_front().expect("an answer for every question")).boxed()
    }
}

#[derive(Default)]
struct Events(Mutex<Vec<EventKind>>);

impl EventSink for Events {
    fn emit(&self, event: CallEvent) {
        self.0.lock().unwrap().push(event.kind);
    }
}

/// What became of one question.
struct Told {
    /// The pieces for the voice.
    spoken: Vec<String>,
    /// The same, as the session heard of them, numbered.
    pieces: Vec<(u32, String)>,
    /// The answer's tool calls and the number of the next piece; `None` when the reply failed.
    answered: Option<(Vec<String>, u32)>,
    asked: Asked,
    events: Vec<EventKind>,
}

impl Told {
    fn models(&self) -> Vec<&'static str> {
        self.asked.iter().map(|(name, _)| *name).collect()
    }

    fn count(&self, event: &str) -> usize {
        self.events.iter().filter(|kind| kind.name() == event).count()
    }

    /// The models that failed, as the observers know them.
    fn failed(&self) -> Vec<&'static str> {
        let failed = self.events.iter().filter_map(|kind| match kind {
            EventKind::VendorFailed { vendor, .. } => Some(*vendor),
            _ => None,
        });
        failed.collect()
    }
}

/// Asks a chain of these models, each with its answers, one question; two pieces were said before.
async fn ask(models: Vec<(&'static str, Vec<Script>)>) -> Told {
    let (asked, events) = (Arc::<Mutex<Asked>>::default(), Arc::new(Events::default()));
    let mut models = models.into_iter().map(|(name, answers)| {
        let answers = Mutex::new(answers.into());
        Arc::new(Scripted { name, answers, asked: Arc::clone(&asked) }) as Arc<dyn Llm>
    });
    let chain = Chain::new(models.next().expect("a first"), models);
    let (requests, to_stage) = mpsc::channel(REQUESTS);
    let (speak, mut spoken) = mpsc::channel(64);
    let (signals_tx, mut signals) = mpsc::channel(64);
    let sink = Arc::clone(&events) as Arc<dyn EventSink>;
    let context = Context {
        call_id: "CA1".into(),
        clock: CallClock::start(),
        events: sink,
        signals: signals_tx,
        spans: Spans::default(),
    };
    let mut stage = JoinSet::new();
    stage.spawn(run(to_stage, Thinker { chain, begin_again: AGAIN.into() }, speak, context));
    let messages = vec![Message::System("Be kind.".into()), Message::Caller("What is open?".into())];
    let request = LlmRequest { messages, tools: Arc::default(), now: jiff::Zoned::default() };
    let think = Think { turn: TURN, request, next_piece: 2, cancel: CancellationToken::new() };
    requests.send(Request::Think(think)).await.unwrap();
    drop(requests);
    let mut told = Told { spoken: vec![], pieces: vec![], answered: None, asked: vec![], events: vec![] };
    while let Some(signal) = signals.recv().await {
        match signal {
            Signal::Piece { piece, text, .. } => told.pieces.push((piece, text)),
            Signal::Answered { calls, next_piece, .. } => {
                let calls = calls.into_iter().map(|call| call.id).collect();
                assert_eq!(told.answered.replace((calls, next_piece)), None, "one answer to one question");
            }
            Signal::FirstToken(_) | Signal::LlmFailed(_) => {}
            other => panic!("{other:?}"),
        }
    }
    while let Some(Speak::Piece { text, .. }) = spoken.recv().await {
        told.spoken.push(text);
    }
    told.asked = std::mem::take(&mut *asked.lock().unwrap());
    told.events = std::mem::take(&mut *events.0.lock().unwrap());
    told
}

fn text(words: &str) -> Result<LlmEvent, VendorError> {
    Ok(LlmEvent::Text(words.to_owned()))
}

fn calls(id: &str) -> Result<LlmEvent, VendorError> {
    Ok(LlmEvent::ToolCall(ToolCall { id: id.to_owned(), name: "bookTeeTime".into(), arguments: "{}".into() }))
}

fn whole(words: &str) -> Script {
    vec![text(words), Ok(LlmEvent::Done(Finish::Stop))]
}

/// As two servers say it that speak the same protocol.
fn refused() -> Script {
    vec![Err(VendorError::Failed { vendor: "chat", kind: "overloaded".into() })]
}

#[tokio::test(start_paused = true)]
async fn another_model_answers_behind_what_the_voice_was_given_and_the_rest_is_dropped() {
    let broken = vec![text("We have nine open. And we have ten "), text("and eleven")];
    let told = ask(vec![("a", vec![broken]), ("b", vec![whole("Nine and ten are open.")])]).await;
    assert_eq!(told.spoken, ["We have nine open.", AGAIN, "Nine and ten are open."]);
    let numbered = told.spoken.iter().cloned().enumerate().map(|(at, text)| (at as u32 + 2, text));
    assert_eq!(told.pieces, numbered.collect::<Vec<_>>());
    assert_eq!(told.answered, Some((vec![], 5)));
    assert_eq!(told.models(), ["a", "b"]);
    assert_eq!(told.asked[0].1, told.asked[1].1, "the same question");
    assert_eq!((told.count("vendor.failed"), told.count("vendor.replaced")), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn of_words_that_no_voice_was_given_the_caller_is_told_nothing() {
    let told = ask(vec![("a", vec![vec![text("We have")]]), ("b", vec![whole("Nine is open.")])]).await;
    assert_eq!(told.spoken, ["Nine is open."]);
}

#[tokio::test(start_paused = true)]
async fn the_caller_is_told_once_for_every_answer_that_was_begun_at_the_voice() {
    let begun = || vec![text("We have nine open. And "), text("ten")];
    let last = whole("Nine is open.");
    let told = ask(vec![("a", vec![begun()]), ("b", vec![refused()]), ("c", vec![begun()]), ("d", vec![last])]).await;
    assert_eq!(told.spoken, ["We have nine open.", AGAIN, "We have nine open.", AGAIN, "Nine is open."]);
    assert_eq!(told.models(), ["a", "b", "c", "d"]);
    assert_eq!(told.failed(), ["a", "b", "c"]);
}

#[tokio::test(start_paused = true)]
async fn a_model_that_is_alone_is_asked_once_again() {
    let begun = || vec![text("We have nine open. And "), text("ten")];
    let told = ask(vec![("a", vec![begun(), whole("Nine is open.")])]).await;
    assert_eq!(told.spoken, ["We have nine open.", AGAIN, "Nine is open."]);
    assert_eq!((told.count("vendor.failed"), told.count("vendor.replaced")), (1, 0));
    let told = ask(vec![("a", vec![begun(), begun()])]).await;
    assert_eq!((told.answered, told.asked.len()), (None, 2));
}

#[tokio::test(start_paused = true)]
async fn when_nobody_can_go_on_nothing_is_promised() {
    let begun = || vec![text("We have nine open. And "), text("ten")];
    let told = ask(vec![("a", vec![begun()]), ("b", vec![begun()])]).await;
    assert_eq!(told.spoken, ["We have nine open.", AGAIN, "We have nine open."]);
    assert_eq!(told.answered, None);
}

#[tokio::test(start_paused = true)]
async fn after_the_promise_of_another_answer_an_empty_one_is_none() {
    let begun = || vec![text("We have nine open. And "), text("ten")];
    let empty = || vec![Ok(LlmEvent::Done(Finish::Stop))];
    let told = ask(vec![("a", vec![begun(), whole("Nine is open.")]), ("b", vec![empty()])]).await;
    assert_eq!(told.spoken, ["We have nine open.", AGAIN, "Nine is open."]);
    assert_eq!((told.models(), told.failed()), (vec!["a", "b", "a"], vec!["a", "b"]));
    let told = ask(vec![("a", vec![begun(), empty()])]).await;
    assert_eq!(told.answered, None);
    let told = ask(vec![("a", vec![empty()])]).await;
    assert_eq!(told.answered, Some((vec![], 2)), "without a promise the session knows what to say");
}

#[tokio::test(start_paused = true)]
async fn a_tool_call_that_arrived_whole_is_made_and_nobody_else_is_asked() {
    let broken = vec![text("Let me book that"), calls("1"), refused().remove(0)];
    let told = ask(vec![("a", vec![broken]), ("b", vec![])]).await;
    assert_eq!(told.spoken, ["Let me book that"]);
    assert_eq!(told.answered, Some((vec!["1".to_owned()], 3)));
    assert_eq!(told.models(), ["a"]);
    assert_eq!((told.count("vendor.failed"), told.count("vendor.replaced")), (1, 0));
}

#[tokio::test(start_paused = true)]
async fn markup_that_was_left_open_does_not_spoil_the_next_answer() {
    let broken = vec![text("We have nine open now.\n```\nlet nine = open; and so on for long\n"), text("more")];
    let told = ask(vec![("a", vec![broken]), ("b", vec![whole("Nine is open.")])]).await;
    assert_eq!(told.spoken.last().map(String::as_str), Some("Nine is open."), "{:?}", told.spoken);
}
