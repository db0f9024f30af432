//! Third stage: the caller's audio to a recogniser, its words to the session, and another recogniser
//! when that one dies.
//!
//! One loop owns the line. What it sends comes from the `ear::Ear`, which keeps unsettled audio; who
//! is asked next is decided by `recovery::Recovery`. The line's driver, which owns its
//! connection, is a task of this stage and ends with it.

mod ear;
mod recovery;

use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until, timeout};
use tracing::{Instrument as _, Span};

use self::ear::{Ear, Mark, Send};
use self::recovery::{Lost, Recovery, Remedy};
use super::convert::Widen;
use super::{Context, Signal};
use crate::audio::frames::Frame;
use crate::event::EventKind;
use crate::turn::PauseId;
use crate::vendors::VendorError;
use crate::vendors::chain::Chain;
use crate::vendors::stt::{AudioFormat, Stt, SttEvent, SttInput};

/// Frames and marks on their way to this stage: 2.5 s. It only ever copies them, so a full channel means
/// a starved processor: the newest frame is dropped and counted.
pub const INPUTS: usize = 128;

/// What the stage is told. Almost always a frame, so its size is no waste.
#[derive(Debug, Clone, Copy)]
#[allow(clippy::large_enum_variant)]
pub enum Input {
    /// 20 ms of the caller, μ-law.
    Audio(Frame<u8>),
    /// Speech began.
    SpeechStarted,
    /// Speech paused: a final is wanted.
    Paused(PauseId),
    /// The utterance became a turn.
    Committed,
}

/// Runs until its input ends.
pub async fn run(mut inputs: mpsc::Receiver<Input>, chain: Chain<dyn Stt>, context: Context) {
    let mut stage = Stage::new(chain, context);
    loop {
        stage.send_what_fits();
        let Stage { line, .. } = &mut stage;
        tokio::select! {
            input = inputs.recv() => match input {
                Some(input) => stage.take(&input),
                None => return stage.finish().await,
            },
            happened = line.next() => stage.on_line(happened).await,
        }
    }
}

struct Stage {
    chain: Chain<dyn Stt>,
    context: Context,
    ear: Ear,
    recovery: Recovery,
    line: Line,
    /// While a final transcript is awaited.
    asked: Span,
}

/// Who listens.
enum Line {
    Open(Box<OpenLine>),
    /// The next attempt is due.
    Waiting {
        place: usize,
        at: Instant,
    },
    /// Nobody any more.
    Gone,
}

struct OpenLine {
    place: usize,
    name: &'static str,
    input: mpsc::Sender<SttInput>,
    events: mpsc::Receiver<Result<SttEvent, VendorError>>,
    widen: Option<Widen>,
    /// Something that the input had no room for.
    unsent: Option<SttInput>,
    shown: Shown,
    driver: JoinSet<()>,
}

/// What a line has shown of itself.
#[derive(Debug, Clone, Copy)]
enum Shown {
    Nothing,
    Connection {
        since: Instant,
    },
    /// It says what it hears. Not every recogniser has a connection to tell of before.
    Words {
        since: Instant,
    },
}

impl Shown {
    fn since(self) -> Option<Instant> {
        match self {
            Self::Nothing => None,
            Self::Connection { since } | Self::Words { since } => Some(since),
        }
    }
}

enum Happened {
    Event(SttEvent),
    Lost(VendorError),
    /// The line takes more.
    HasRoom,
    Due,
}

impl Line {
    async fn next(&mut self) -> Happened {
        match self {
            Self::Gone => std::future::pending().await,
            Self::Waiting { at, .. } => {
                sleep_until(*at).await;
                Happened::Due
            }
            Self::Open(line) => {
                let wants_room = line.unsent.is_some();
                tokio::select! {
                    biased;
                    event = line.events.recv() => match event {
                        Some(Ok(event)) => Happened::Event(event),
                        Some(Err(error)) => Happened::Lost(error),
                        None => Happened::Lost(ended(line.name)),
                    },
                    // A line without a receiver is ending; its events say why.
                    Ok(permit) = line.input.reserve(), if wants_room => {
                        if let Some(input) = line.unsent.take() {
                            permit.send(input);
                        }
                        Happened::HasRoom
                    }
                }
            }
        }
    }
}

impl Stage {
    fn new(chain: Chain<dyn Stt>, context: Context) -> Self {
        let place = chain.first(Instant::now());
        let line = Line::Waiting { place, at: Instant::now() };
        let mut stage =
            Self { chain, context, ear: Ear::default(), recovery: Recovery::default(), line, asked: Span::none() };
        // A call begins with a line, not with a wait for one.
        stage.open(place);
        stage
    }

    fn take(&mut self, input: &Input) {
        match input {
            Input::Audio(frame) => self.ear.hear(frame),
            Input::SpeechStarted => self.ear.mark(Mark::SpeechStarted),
            Input::Paused(pause) => {
                self.asked = self.context.spans.stt(self.vendor());
                self.ear.mark(Mark::Paused(*pause));
            }
            Input::Committed => {
                self.asked = Span::none();
                self.ear.mark(Mark::Committed);
            }
        }
    }

    /// Who listens, or will next.
    fn vendor(&self) -> &'static str {
        match &self.line {
            Line::Open(line) => line.name,
            Line::Waiting { place, .. } => self.chain.vendor(*place).name(),
            Line::Gone => "",
        }
    }

    fn send_what_fits(&mut self) {
        let Line::Open(line) = &mut self.line else { return };
        while line.unsent.is_none()
            && let Some(next) = self.ear.poll_send()
        {
            let input = match (next, &mut line.widen) {
                (Send::Frame(frame), None) => SttInput::Ulaw(frame),
                (Send::Frame(frame), Some(widen)) => SttInput::Audio(widen.convert(&frame)),
                (Send::Mark(Mark::SpeechStarted), _) => SttInput::SpeechStarted,
                (Send::Mark(Mark::Paused(pause)), _) => SttInput::Paused(pause),
                (Send::Mark(Mark::Committed), _) => SttInput::Committed,
            };
            if let Err(mpsc::error::TrySendError::Full(input)) = line.input.try_send(input) {
                line.unsent = Some(input);
            }
        }
    }

    async fn on_line(&mut self, happened: Happened) {
        match happened {
            Happened::HasRoom => {}
            Happened::Due => {
                if let Line::Waiting { place, .. } = self.line {
                    self.open(place);
                }
            }
            Happened::Event(event) => {
                self.note(&event);
                match self.ear.event(event) {
                    Some(SttEvent::Interim(text)) => self.context.signal(Signal::Interim(text)).await,
                    Some(SttEvent::Final { pause, text }) => {
                        self.asked = Span::none();
                        self.context.signal(Signal::Final { pause, text }).await;
                    }
                    Some(SttEvent::Overloaded) => self.context.emit(None, EventKind::QueueFull { stage: "stt" }),
                    Some(SttEvent::Connected { .. } | SttEvent::Settled { .. }) | None => {}
                }
            }
            // A job that failed is not a line that is lost: its driver goes on.
            Happened::Lost(error) if self.is_alive() => self.report(&error),
            Happened::Lost(error) => self.lost(&error).await,
        }
    }

    /// Whether the line's driver still runs.
    fn is_alive(&self) -> bool {
        matches!(&self.line, Line::Open(line) if !line.input.is_closed())
    }

    /// What an event says about its line.
    fn note(&mut self, event: &SttEvent) {
        let Line::Open(line) = &mut self.line else { return };
        let since = line.shown.since().unwrap_or_else(Instant::now);
        match (line.shown, event) {
            (shown, SttEvent::Connected { took }) => {
                if matches!(shown, Shown::Nothing) {
                    line.shown = Shown::Connection { since };
                }
                self.context.emit(None, EventKind::VendorConnected { stage: "stt", vendor: line.name, took: *took });
            }
            (Shown::Words { .. }, _) => {}
            (Shown::Nothing | Shown::Connection { .. }, _) => {
                line.shown = Shown::Words { since };
                self.chain.succeeded(line.place);
            }
        }
    }

    fn report(&self, error: &VendorError) {
        let (vendor, kind) = (error.vendor(), error.kind());
        self.context.emit(None, EventKind::VendorFailed { stage: "stt", vendor, kind });
    }

    async fn lost(&mut self, error: &VendorError) {
        let Line::Open(line) = &self.line else { return };
        let (place, name, shown) = (line.place, line.name, line.shown);
        self.report(error);
        let connected_for = shown.since().map(|since| since.elapsed());
        let lost = Lost { place, error, connected_for, gave_words: matches!(shown, Shown::Words { .. }) };
        let remedy = self.recovery.lost(Instant::now(), &self.chain, &lost, rand::random());
        match remedy {
            Remedy::Open { place: next, at } => {
                if next != place {
                    let to = self.chain.vendor(next).name();
                    self.context.emit(None, EventKind::VendorReplaced { stage: "stt", from: name, to });
                }
                self.line = Line::Waiting { place: next, at };
                if at <= Instant::now() {
                    self.open(next);
                }
            }
            Remedy::GiveUp => {
                self.line = Line::Gone;
                self.context.signal(Signal::SttGone).await;
            }
        }
    }

    /// The call is over: the line may take its leave.
    async fn finish(self) {
        if let Line::Open(line) = self.line {
            let OpenLine { input, mut driver, .. } = *line;
            drop(input);
            // A vendor that does not let go is left.
            let _ = timeout(super::LEAVE, driver.join_next()).await;
        }
    }

    fn open(&mut self, place: usize) {
        let vendor = self.chain.vendor(place);
        let opened = vendor.open();
        let mut driver = JoinSet::new();
        driver.spawn(opened.driver.instrument(self.context.spans.call()));
        let widen = match vendor.format() {
            AudioFormat::Ulaw => None,
            AudioFormat::Pcm(rate) => Some(Widen::new(rate)),
        };
        self.ear.line_opened();
        self.line = Line::Open(Box::new(OpenLine {
            place,
            name: vendor.name(),
            input: opened.input,
            events: opened.events,
            widen,
            unsent: None,
            shown: Shown::Nothing,
            driver,
        }));
    }
}

fn ended(vendor: &'static str) -> VendorError {
    VendorError::Failed { vendor, kind: "the line ended".to_owned() }
}

#[cfg(test)]
mod tests;
