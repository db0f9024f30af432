//! The voice of a call: its line, and who stands in when it is lost.
//!
//! [`Mouth`] holds at most one line, opened when the call begins, so that no piece waits for a handshake.
//! A line that dies while nobody speaks is opened anew at once, if it had been up for a while, else another
//! vendor's is, or, where there is nobody else, the same when the next piece wants it.

use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::BoxStream;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout};
use tracing::Instrument as _;

use super::unsaid::{Pace, Unsaid};
use crate::audio::SampleRate;
use crate::event::EventKind;
use crate::stages::{Context, LEAVE};
use crate::turn::TurnId;
use crate::vendors::VendorError;
use crate::vendors::chain::Chain;
use crate::vendors::tts::{LINE_PIECES, PIECE_EVENTS, Piece, SpeakRequest, Tts, TtsEvent, TtsLine, TtsSignal};

/// A line that was up for so long is worth another at once.
const LIVED: Duration = Duration::from_secs(5);

pub(super) struct Mouth {
    chain: Chain<dyn Tts>,
    voice: Arc<str>,
    context: Context,
    place: usize,
    line: Option<Live>,
    /// Of any voice.
    usual_pace: Option<Pace>,
    /// Of the vendor at `place`.
    pace: Option<Pace>,
    /// Whether the search began again since a piece was spoken whole.
    begun_again: bool,
}

/// An open line.
struct Live {
    pieces: mpsc::Sender<Piece>,
    driver: JoinSet<Result<(), VendorError>>,
    connecting: Option<oneshot::Receiver<Duration>>,
    since: Option<Instant>,
}

/// A piece that is being spoken.
pub(super) enum Saying {
    /// By a line.
    Line { vendor: &'static str, events: mpsc::Receiver<Result<TtsSignal, VendorError>> },
    /// By a vendor without lines.
    Stream(BoxStream<'static, Result<TtsEvent, VendorError>>),
}

impl Saying {
    /// What comes next. Cancel-safe.
    pub(super) async fn next(&mut self) -> Result<TtsSignal, VendorError> {
        match self {
            Self::Line { vendor, events } => events.recv().await.unwrap_or_else(|| Err(lost(vendor))),
            Self::Stream(events) => events.next().await.map_or(Ok(TtsSignal::PieceDone), |e| e.map(TtsSignal::Event)),
        }
    }
}

impl Mouth {
    pub(super) fn open(chain: Chain<dyn Tts>, voice: Arc<str>, usual_pace: Option<Pace>, context: Context) -> Self {
        let place = chain.first(Instant::now());
        let mut mouth = Self { chain, voice, context, place, line: None, usual_pace, pace: None, begun_again: false };
        mouth.dial();
        mouth
    }

    /// The vendor's name.
    pub(super) fn name(&self) -> &'static str {
        self.chain.vendor(self.place).name()
    }

    /// The rate of the vendor's samples.
    pub(super) fn sample_rate(&self) -> SampleRate {
        self.chain.vendor(self.place).sample_rate()
    }

    /// How fast the vendor speaks, as far as that is known.
    pub(super) fn pace(&self) -> Option<Pace> {
        self.pace.or(self.usual_pace)
    }

    /// Looks after the line between two pieces; returns when something happened to it.
    pub(super) async fn watch(&mut self) {
        let Some(live) = &mut self.line else { return std::future::pending().await };
        let outcome = tokio::select! {
            biased;
            took = connected(&mut live.connecting) => return self.connected(took),
            outcome = live.driver.join_next() => outcome,
        };
        let now = Instant::now();
        let lived = live.since.is_some_and(|since| now - since >= LIVED);
        self.line = None;
        if let Some(Ok(Err(error))) = outcome {
            self.chain.failed(self.place, now, &error);
            self.report(None, &error);
        }
        if lived || self.give_way(None, now) {
            self.dial();
        }
    }

    /// Begins a piece.
    pub(super) fn say(&mut self, request: SpeakRequest) -> Result<Saying, VendorError> {
        if self.line.as_ref().is_none_or(|live| live.pieces.is_closed()) {
            self.dial();
        }
        let vendor = self.name();
        let Some(live) = &self.line else { return Ok(Saying::Stream(self.chain.vendor(self.place).speak(request))) };
        let (events, listener) = mpsc::channel(PIECE_EVENTS);
        match live.pieces.try_send(Piece { request, events }) {
            Ok(()) => Ok(Saying::Line { vendor, events: listener }),
            // Earlier pieces were cancelled and the line has not even noticed: it hangs.
            Err(_) => Err(lost(vendor)),
        }
    }

    /// A piece was spoken whole.
    pub(super) fn spoke(&mut self, piece: &Unsaid) {
        self.chain.succeeded(self.place);
        self.begun_again = false;
        self.pace = piece.pace().or(self.pace);
        if let Some(live) = &mut self.line
            && let Some(Ok(took)) = live.connecting.take().map(|mut connecting| connecting.try_recv())
        {
            self.connected(took);
        }
    }

    /// The vendor failed at a piece. True when somebody can go on: the next in the chain, or behind the last
    /// one, once until a piece is spoken whole, whoever may have recovered.
    pub(super) fn failed(&mut self, turn: Option<TurnId>, error: &VendorError) -> bool {
        let now = Instant::now();
        self.report(turn, error);
        self.chain.failed(self.place, now, error);
        self.line = None;
        // What one socket may not do any more, the vendor's next one may.
        let is_over_its_limit = matches!(error, VendorError::Busy { status: 0, .. });
        if is_over_its_limit && !std::mem::replace(&mut self.begun_again, true) {
            return true;
        }
        if self.give_way(turn, now) {
            return true;
        }
        let first = self.chain.first(now);
        let is_hopeless = first == self.place && error.is_lasting();
        if is_hopeless || std::mem::replace(&mut self.begun_again, true) {
            return false;
        }
        self.replace(turn, first);
        true
    }

    /// The call is over: the line may take its leave.
    pub(super) async fn close(self) {
        if let Some(Live { pieces, mut driver, .. }) = self.line {
            drop(pieces);
            // A vendor that does not let go is left.
            let _ = timeout(LEAVE, driver.join_next()).await;
        }
    }

    /// The next vendor in the chain takes over, if there is one.
    fn give_way(&mut self, turn: Option<TurnId>, now: Instant) -> bool {
        let next = self.chain.after(self.place, now);
        next.inspect(|&next| self.replace(turn, next)).is_some()
    }

    fn replace(&mut self, turn: Option<TurnId>, next: usize) {
        if next != self.place {
            let (from, to) = (self.name(), self.chain.vendor(next).name());
            self.context.emit(turn, EventKind::VendorReplaced { stage: "tts", from, to });
            (self.place, self.pace) = (next, None);
        }
    }

    fn dial(&mut self) {
        self.line = self.chain.vendor(self.place).open(&self.voice).map(|line| {
            let TtsLine { pieces, connected, driver: work } = line;
            debug_assert!(pieces.max_capacity() <= LINE_PIECES, "a line that queues more hides that it hangs");
            let mut driver = JoinSet::new();
            driver.spawn(work.instrument(self.context.spans.call()));
            Live { pieces, driver, connecting: Some(connected), since: None }
        });
    }

    fn connected(&mut self, took: Duration) {
        let vendor = self.name();
        if let Some(live) = &mut self.line {
            live.since = Some(Instant::now());
            self.context.emit(None, EventKind::VendorConnected { stage: "tts", vendor, took });
        }
    }

    fn report(&self, turn: Option<TurnId>, error: &VendorError) {
        let (vendor, kind) = (error.vendor(), error.kind());
        self.context.emit(turn, EventKind::VendorFailed { stage: "tts", vendor, kind });
    }
}

/// Resolves once, when the line is up; never for a line that is not.
async fn connected(connecting: &mut Option<oneshot::Receiver<Duration>>) -> Duration {
    let Some(receiver) = connecting else { return std::future::pending().await };
    let took = receiver.await;
    *connecting = None;
    match took {
        Ok(took) => took,
        Err(_) => std::future::pending().await,
    }
}

fn lost(vendor: &'static str) -> VendorError {
    VendorError::Failed { vendor, kind: "the line was lost".to_owned() }
}
