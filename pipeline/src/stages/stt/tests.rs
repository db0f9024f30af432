//! Calls whose recognisers are played by the test, in paused time.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout};

use super::*;
use crate::audio::frames::FRAME_SAMPLES;
use crate::event::{CallEvent, EventSink};
use crate::stages::spans::Spans;
use crate::time::CallClock;
use crate::vendors::stt::SttLine;

/// More than anything here takes but a call's patience with everybody deaf.
const LIMIT: Duration = Duration::from_secs(60);

const PAUSE: PauseId = PauseId(1);

/// A vendor whose lines the test plays.
struct Played {
    name: &'static str,
    lines: mpsc::Sender<PlayedLine>,
    room: usize,
}

/// One line, from the vendor's side.
struct PlayedLine {
    vendor: &'static str,
    inputs: mpsc::Receiver<SttInput>,
    events: mpsc::Sender<Result<SttEvent, VendorError>>,
    /// Dropping it ends the line's driver; it is closed when the driver was dropped.
    driver: oneshot::Sender<()>,
}

impl Stt for Played {
    fn name(&self) -> &'static str {
        self.name
    }

    fn format(&self) -> AudioFormat {
        AudioFormat::Ulaw
    }

    fn open(&self) -> SttLine {
        let (input, inputs) = mpsc::channel(self.room);
        let (events_tx, events) = mpsc::channel(8);
        let (driver, ends) = oneshot::channel();
        let line = PlayedLine { vendor: self.name, inputs, events: events_tx, driver };
        self.lines.try_send(line).expect("no more lines are opened than a test expects");
        SttLine { input, events, driver: Box::pin(async { drop(ends.await) }) }
    }
}

impl PlayedLine {
    async fn says(&self, event: SttEvent) {
        self.events.send(Ok(event)).await.unwrap();
    }

    async fn is_up(&self) {
        self.says(SttEvent::Connected { took: Duration::from_millis(30) }).await;
    }

    /// The line is lost.
    async fn dies(self, error: VendorError) {
        drop(self.inputs);
        self.events.send(Err(error)).await.unwrap();
    }

    async fn next(&mut self) -> SttInput {
        timeout(LIMIT, self.inputs.recv()).await.unwrap().expect("the line is wanted")
    }

    /// What the line is sent up to the pause that is asked about: the numbers of frames, the other things as
    /// they are.
    async fn until_asked(&mut self) -> (Vec<u8>, Vec<SttInput>) {
        let (mut frames, mut others) = (Vec::new(), Vec::new());
        loop {
            match self.next().await {
                SttInput::Ulaw(frame) => frames.push(frame[0]),
                SttInput::Paused(PAUSE) => return (frames, others),
                other => others.push(other),
            }
        }
    }
}

/// The stage between the test's caller and the test's vendors.
struct Call {
    caller: mpsc::Sender<Input>,
    signals: mpsc::Receiver<Signal>,
    lines: mpsc::Receiver<PlayedLine>,
    events: Arc<Events>,
    stage: JoinSet<()>,
}

#[derive(Default)]
struct Events(Mutex<Vec<CallEvent>>);

impl EventSink for Events {
    fn emit(&self, event: CallEvent) {
        self.0.lock().unwrap().push(event);
    }
}

struct Vendors {
    chain: Chain<dyn Stt>,
    lines: mpsc::Receiver<PlayedLine>,
}

fn vendors(names: &[&'static str], room: usize) -> Vendors {
    let (lines_tx, lines) = mpsc::channel(4);
    let mut played = names.iter().map(|name| Arc::new(Played { name, lines: lines_tx.clone(), room }) as Arc<dyn Stt>);
    Vendors { chain: Chain::new(played.next().expect("a first"), played), lines }
}

impl Call {
    fn begin(vendors: Vendors) -> Self {
        let (caller, inputs) = mpsc::channel(INPUTS);
        let (signals_tx, signals) = mpsc::channel(64);
        let events = Arc::new(Events::default());
        let sink = Arc::clone(&events) as Arc<dyn EventSink>;
        let context = Context {
            call_id: "CA1".into(),
            clock: CallClock::start(),
            events: sink,
            signals: signals_tx,
            spans: Spans::default(),
        };
        let mut stage = JoinSet::new();
        stage.spawn(run(inputs, vendors.chain, context));
        Self { caller, signals, lines: vendors.lines, events, stage }
    }

    fn with(names: &[&'static str]) -> Self {
        Self::begin(vendors(names, 256))
    }

    /// Frames whose every byte is their number.
    async fn hears(&self, numbers: std::ops::Range<u8>) {
        for number in numbers {
            self.caller.send(Input::Audio([number; FRAME_SAMPLES])).await.unwrap();
        }
    }

    async fn is_told(&self, input: Input) {
        self.caller.send(input).await.unwrap();
    }

    /// The next line that is opened.
    async fn line(&mut self) -> PlayedLine {
        timeout(LIMIT, self.lines.recv()).await.expect("a line is opened").expect("the stage lives")
    }

    async fn signal(&mut self) -> Signal {
        timeout(LIMIT, self.signals.recv()).await.expect("the session is told").expect("the stage lives")
    }

    /// The next final.
    async fn understood(&mut self) -> (Option<PauseId>, String) {
        loop {
            if let Signal::Final { pause, text } = self.signal().await {
                return (pause, text);
            }
        }
    }

    fn emitted(&self) -> Vec<&'static str> {
        self.events.0.lock().unwrap().iter().map(|event| event.kind.name()).collect()
    }

    /// The caller has hung up; gives the chain's lines back for the next call.
    async fn end(mut self) -> mpsc::Receiver<PlayedLine> {
        drop(self.caller);
        timeout(LIMIT, self.stage.join_next()).await.unwrap().unwrap().unwrap();
        self.lines
    }
}

fn broke() -> VendorError {
    VendorError::Failed { vendor: "a", kind: "broke".into() }
}

fn refused() -> VendorError {
    VendorError::Refused { vendor: "a", status: 401, setting: "A_KEY" }
}

fn answer(text: &str) -> SttEvent {
    SttEvent::Final { pause: Some(PAUSE), text: text.into() }
}

#[tokio::test(start_paused = true)]
async fn those_who_cannot_be_reached_are_passed_over_in_their_order() {
    let mut call = Call::with(&["a", "b", "c"]);
    for name in ["a", "b"] {
        let line = call.line().await;
        assert_eq!(line.vendor, name);
        line.dies(broke()).await;
    }
    let mut line = call.line().await;
    assert_eq!(line.vendor, "c");
    call.hears(0..3).await;
    call.is_told(Input::Paused(PAUSE)).await;
    assert_eq!(line.until_asked().await.0, [0, 1, 2]);
    line.says(answer("Hello")).await;
    assert_eq!(call.understood().await, (Some(PAUSE), "Hello".to_owned()));
    assert_eq!(call.emitted(), ["vendor.failed", "vendor.replaced", "vendor.failed", "vendor.replaced"]);
}

#[tokio::test(start_paused = true)]
async fn the_next_call_begins_behind_a_vendor_that_refuses_us() {
    let both = vendors(&["a", "b"], 256);
    let chain = both.chain.clone();
    let mut call = Call::begin(both);
    call.line().await.dies(refused()).await;
    let first = call.line().await;
    assert_eq!(first.vendor, "b");
    let mut next = Call::begin(Vendors { chain: chain.clone(), lines: call.end().await });
    let second = next.line().await;
    assert_eq!(second.vendor, "b");
    let lines = next.end().await;
    // Its time out is over: the next call makes the trial.
    tokio::time::advance(Duration::from_secs(5)).await;
    let mut later = Call::begin(Vendors { chain, lines });
    assert_eq!(later.line().await.vendor, "a");
}

#[tokio::test(start_paused = true)]
async fn what_a_lost_line_had_not_settled_is_heard_by_the_next_one() {
    let mut call = Call::with(&["a", "b"]);
    let mut first = call.line().await;
    first.is_up().await;
    call.is_told(Input::SpeechStarted).await;
    call.hears(0..50).await;
    call.is_told(Input::Paused(PAUSE)).await;
    assert_eq!(first.until_asked().await, ((0..50).collect(), vec![SttInput::SpeechStarted]));
    let text = "Book me a".to_owned();
    first.says(SttEvent::Settled { text, audio: Duration::from_millis(20 * 30) }).await;
    first.says(SttEvent::Interim("Book me a tee".into())).await;
    assert!(matches!(call.signal().await, Signal::Interim(text) if text == "Book me a tee"));
    first.dies(broke()).await;

    let mut again = call.line().await;
    assert_eq!(again.vendor, "a", "a line that was up is dialled again");
    assert_eq!(again.until_asked().await, ((30..50).collect(), vec![SttInput::SpeechStarted]));
    again.dies(broke()).await;

    let mut other = call.line().await;
    assert_eq!(other.vendor, "b");
    assert_eq!(other.until_asked().await, ((30..50).collect(), vec![SttInput::SpeechStarted]));
    other.says(SttEvent::Interim("tee time".into())).await;
    assert!(matches!(call.signal().await, Signal::Interim(text) if text == "Book me a tee time"));
    other.says(answer("tee time please")).await;
    assert_eq!(call.understood().await, (Some(PAUSE), "Book me a tee time please".to_owned()));
}

#[tokio::test(start_paused = true)]
async fn what_was_committed_is_not_heard_again() {
    let mut call = Call::with(&["a"]);
    let mut first = call.line().await;
    first.is_up().await;
    call.hears(0..20).await;
    call.is_told(Input::Paused(PAUSE)).await;
    first.until_asked().await;
    first.says(answer("Yes")).await;
    call.understood().await;
    call.is_told(Input::Committed).await;
    assert_eq!(first.next().await, SttInput::Committed);
    first.dies(broke()).await;
    let mut second = call.line().await;
    call.hears(20..25).await;
    call.is_told(Input::Paused(PAUSE)).await;
    assert_eq!(second.until_asked().await, ((20..25).collect(), vec![SttInput::Committed]));
    second.says(answer("No")).await;
    assert_eq!(call.understood().await, (Some(PAUSE), "No".to_owned()));
}

#[tokio::test(start_paused = true)]
async fn a_line_without_room_gets_everything_later_and_in_order() {
    let mut call = Call::begin(vendors(&["a"], 4));
    let mut line = call.line().await;
    call.is_told(Input::SpeechStarted).await;
    call.hears(0..100).await;
    call.is_told(Input::Paused(PAUSE)).await;
    assert_eq!(line.until_asked().await, ((0..100).collect(), vec![SttInput::SpeechStarted]));
}

#[tokio::test(start_paused = true)]
async fn a_job_that_failed_is_told_and_the_line_goes_on() {
    let mut call = Call::with(&["a", "b"]);
    let mut line = call.line().await;
    line.events.send(Err(broke())).await.unwrap();
    call.hears(0..1).await;
    call.is_told(Input::Paused(PAUSE)).await;
    line.until_asked().await;
    line.says(answer("Hello")).await;
    assert_eq!(call.understood().await.1, "Hello");
    assert_eq!(call.emitted(), ["vendor.failed"]);
    assert!(call.lines.try_recv().is_err(), "nobody else is asked");
}

#[tokio::test(start_paused = true)]
async fn a_call_that_nobody_hears_is_given_up_in_time() {
    let mut call = Call::with(&["a", "b"]);
    let began = Instant::now();
    loop {
        tokio::select! {
            line = call.lines.recv() => line.expect("the stage lives").dies(broke()).await,
            signal = call.signals.recv() => {
                assert!(matches!(signal, Some(Signal::SttGone)), "{signal:?}");
                break;
            }
        }
    }
    let deaf = began.elapsed();
    assert!(deaf >= Duration::from_secs(12) && deaf < Duration::from_secs(15), "{deaf:?}");
    // The stage goes on taking what nobody hears.
    call.hears(0..200).await;
    call.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_recogniser_without_a_connection_may_die_now_and_then() {
    let mut call = Call::with(&["a"]);
    for minute in 0..3 {
        let line = call.line().await;
        line.says(SttEvent::Interim(format!("minute {minute}"))).await;
        assert!(matches!(call.signal().await, Signal::Interim(text) if text == format!("minute {minute}")));
        tokio::time::advance(Duration::from_secs(60)).await;
        line.dies(broke()).await;
    }
    call.line().await;
}

#[tokio::test(start_paused = true)]
async fn a_line_takes_its_leave_when_the_call_is_over() {
    let mut call = Call::with(&["a"]);
    let mut line = call.line().await;
    call.hears(0..3).await;
    drop(call.caller);
    while line.inputs.recv().await.is_some() {}
    assert!(!line.driver.is_closed(), "the driver is given its time");
    assert!(call.stage.try_join_next().is_none());
    drop(line.driver);
    call.stage.join_next().await.unwrap().unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_line_that_does_not_let_go_is_left() {
    let mut call = Call::with(&["a"]);
    let line = call.line().await;
    let began = Instant::now();
    drop(call.caller);
    call.stage.join_next().await.unwrap().unwrap();
    assert_eq!(began.elapsed().as_millis(), crate::stages::LEAVE.as_millis());
    assert!(line.driver.is_closed(), "its driver is gone with it");
}
