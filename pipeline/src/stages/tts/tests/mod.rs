//! Replies whose voices are played by the test, in paused time.

mod lines;
mod pieces;

use std::sync::Mutex;

use futures_util::stream::BoxStream;
use tokio::sync::oneshot;
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout};

use super::*;
use crate::audio::SampleRate;
use crate::chat::WordStart;
use crate::event::{CallEvent, EventSink};
use crate::stages::spans::Spans;
use crate::time::CallClock;
use crate::vendors::tts::{LINE_PIECES, Piece, TtsLine};

/// More than anything here takes.
const LIMIT: Duration = Duration::from_secs(60);

const PATIENCE: Duration = Duration::from_secs(3);

/// The turn that speaks.
const TURN: TurnId = TurnId(4);

const LETTERS: &str = "aaaa bbbb cccc dddd";

/// A vendor whose lines the test plays.
struct Played {
    name: &'static str,
    lines: mpsc::Sender<PlayedLine>,
}

/// One line, from the vendor's side.
struct PlayedLine {
    vendor: &'static str,
    pieces: mpsc::Receiver<Piece>,
    up: Option<oneshot::Sender<Duration>>,
    /// Ends the line's driver; it is closed when the driver was dropped.
    driver: oneshot::Sender<Result<(), VendorError>>,
}

impl Tts for Played {
    fn name(&self) -> &'static str {
        self.name
    }

    fn sample_rate(&self) -> SampleRate {
        SampleRate::TELEPHONY
    }

    fn speak(&self, _: SpeakRequest) -> BoxStream<'static, Result<TtsEvent, VendorError>> {
        unreachable!("there is a line")
    }

    fn open(&self, voice: &Arc<str>) -> Option<TtsLine> {
        assert_eq!(&**voice, "alto");
        let (pieces_tx, pieces) = mpsc::channel(LINE_PIECES);
        let (up, connected) = oneshot::channel();
        let (driver, ends) = oneshot::channel();
        let line = PlayedLine { vendor: self.name, pieces, up: Some(up), driver };
        self.lines.try_send(line).expect("no more lines are opened than a test expects");
        let driver = Box::pin(async { ends.await.unwrap_or(Ok(())) });
        Some(TtsLine { pieces: pieces_tx, connected, driver })
    }
}

impl PlayedLine {
    fn is_up(&mut self) {
        self.up.take().expect("once").send(Duration::from_millis(30)).unwrap();
    }

    async fn piece(&mut self) -> Piece {
        timeout(LIMIT, self.pieces.recv()).await.expect("a piece is wanted").expect("the line is wanted")
    }

    /// The line is lost while nobody speaks.
    fn dies_idle(self, error: VendorError) {
        drop(self.pieces);
        self.driver.send(Err(error)).unwrap();
    }

    /// The line is lost in a piece.
    async fn dies_in(self, piece: Piece, error: VendorError) {
        drop(self.pieces);
        piece.events.send(Err(error)).await.unwrap();
    }
}

/// So many milliseconds of a piece.
async fn sounds(piece: &Piece, millis: usize) {
    piece.events.send(Ok(TtsSignal::Event(TtsEvent::Ulaw(vec![0x55; 8 * millis].into())))).await.unwrap();
}

async fn is_done(piece: &Piece) {
    piece.events.send(Ok(TtsSignal::PieceDone)).await.unwrap();
}

/// A vendor without lines: a tone of a second.
struct Tone;

impl Tts for Tone {
    fn name(&self) -> &'static str {
        "tone"
    }

    fn sample_rate(&self) -> SampleRate {
        SampleRate::TELEPHONY
    }

    fn speak(&self, _: SpeakRequest) -> BoxStream<'static, Result<TtsEvent, VendorError>> {
        Box::pin(futures_util::stream::iter([Ok(TtsEvent::Audio(vec![1_000; 8_000]))]))
    }
}

/// The stage between the test's reply and the test's vendors.
struct Call {
    speak: mpsc::Sender<Speak>,
    sounds: mpsc::Receiver<Sound>,
    signals: mpsc::Receiver<Signal>,
    live: watch::Sender<TurnId>,
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
    chain: Chain<dyn Tts>,
    lines: mpsc::Receiver<PlayedLine>,
}

fn vendors(names: &[&'static str]) -> Vendors {
    let (lines_tx, lines) = mpsc::channel(4);
    let mut played = names.iter().map(|&name| match name {
        "tone" => Arc::new(Tone) as Arc<dyn Tts>,
        name => Arc::new(Played { name, lines: lines_tx.clone() }),
    });
    Vendors { chain: Chain::new(played.next().expect("a first"), played), lines }
}

impl Call {
    fn begin(Vendors { chain, lines }: Vendors) -> Self {
        let (speak, to_speak) = mpsc::channel(8);
        let (sounds_tx, sounds) = mpsc::channel(64);
        let (signals_tx, signals) = mpsc::channel(64);
        let (live, live_rx) = watch::channel(TURN);
        let events = Arc::new(Events::default());
        let sink = Arc::clone(&events) as Arc<dyn EventSink>;
        let context = Context {
            call_id: "CA1".into(),
            clock: CallClock::start(),
            events: sink,
            signals: signals_tx,
            spans: Spans::default(),
        };
        let voice = Voice { name: "alto".into(), speed: 1.0, patience: PATIENCE };
        let mut stage = JoinSet::new();
        let speaker = Speaker { chain, voice, per_letter: Some(Duration::from_millis(100)) };
        stage.spawn(run(to_speak, speaker, sounds_tx, live_rx, context));
        Self { speak, sounds, signals, live, lines, events, stage }
    }

    fn with(names: &[&'static str]) -> Self {
        Self::begin(vendors(names))
    }

    async fn says(&self, turn: TurnId, piece: u32, text: &str) {
        self.speak.send(Speak::Piece { turn, piece, text: text.into() }).await.unwrap();
    }

    /// The next line that is opened.
    async fn line(&mut self) -> PlayedLine {
        timeout(LIMIT, self.lines.recv()).await.expect("a line is opened").expect("the stage lives")
    }

    fn opens_no_line(&mut self) -> bool {
        self.lines.try_recv().is_err()
    }

    /// The milliseconds of audio up to the end of the piece.
    async fn heard(&mut self, piece: u32) -> usize {
        let mut bytes = 0;
        loop {
            match timeout(LIMIT, self.sounds.recv()).await.expect("a sound").expect("the stage lives") {
                Sound::Audio { piece: of, ulaw, .. } if of == piece => bytes += ulaw.len(),
                Sound::PieceEnd { piece: of, .. } if of == piece => return bytes / 8,
                other => panic!("{other:?}"),
            }
        }
    }

    async fn signal(&mut self) -> Signal {
        timeout(LIMIT, self.signals.recv()).await.expect("the session is told").expect("the stage lives")
    }

    /// A first piece, from which the pace is learned: 50 ms a letter.
    async fn warms_up(&mut self, line: &mut PlayedLine) {
        self.says(TURN, 0, LETTERS).await;
        let piece = line.piece().await;
        sounds(&piece, 1_000).await;
        is_done(&piece).await;
        assert_eq!(self.heard(0).await, 1_000);
    }

    fn count(&self, name: &str) -> usize {
        self.events.0.lock().unwrap().iter().filter(|event| event.kind.name() == name).count()
    }

    /// Waits until the stage has noticed what was done to it.
    async fn until_emitted(&self, name: &str, times: usize) {
        let noticed = async {
            while self.count(name) < times {
                tokio::task::yield_now().await;
            }
        };
        noticed.await;
    }
}

fn broke() -> VendorError {
    VendorError::Failed { vendor: "a", kind: "broke".into() }
}

fn refused() -> VendorError {
    VendorError::Refused { vendor: "a", status: 401, setting: "A_KEY" }
}
