//! Replies whose voices are played by the test, in paused time.

use std::ops::Range;
use std::sync::Mutex;

use futures_util::stream::BoxStream;
use tokio::sync::oneshot;
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout};

use super::*;
use crate::audio::SampleRate;
use crate::chat::WordStart;
use crate::event::{CallEvent, EventSink};
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
        let context = Context { call_id: "CA1".into(), clock: CallClock::start(), events: sink, signals: signals_tx };
        let voice = Voice { name: "alto".into(), speed: 1.0, patience: PATIENCE };
        let mut stage = JoinSet::new();
        stage.spawn(run(to_speak, chain, voice, sounds_tx, live_rx, context));
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

    /// A first piece, from which the pace is learned: 100 ms a letter.
    async fn warms_up(&mut self, line: &mut PlayedLine) {
        self.says(TURN, 0, LETTERS).await;
        let piece = line.piece().await;
        sounds(&piece, 2_000).await;
        is_done(&piece).await;
        assert_eq!(self.heard(0).await, 2_000);
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

#[tokio::test(start_paused = true)]
async fn the_next_voice_goes_on_where_the_lost_one_stopped() {
    let mut call = Call::with(&["a", "b"]);
    let mut first = call.line().await;
    first.is_up();
    call.warms_up(&mut first).await;
    call.says(TURN, 1, LETTERS).await;
    let piece = first.piece().await;
    assert_eq!(piece.request.text, LETTERS);
    // Two words and a little of the third.
    sounds(&piece, 1_100).await;
    first.dies_in(piece, broke()).await;

    let mut second = call.line().await;
    let rest = second.piece().await;
    assert_eq!((second.vendor, rest.request.text.as_str()), ("b", "cccc dddd"));
    let word = WordStart { offset: 5, at: Duration::from_millis(500) };
    rest.events.send(Ok(TtsSignal::Event(TtsEvent::Words(vec![word])))).await.unwrap();
    sounds(&rest, 1_000).await;
    is_done(&rest).await;
    assert_eq!(call.heard(1).await, 2_100);
    let mut told = Vec::new();
    while let Ok(signal) = call.signals.try_recv() {
        match signal {
            Signal::Words { words, .. } => told.extend(words),
            Signal::Spoken { piece: 1, lasts, .. } => assert_eq!(lasts, Duration::from_millis(2_100)),
            _ => {}
        }
    }
    assert_eq!(told, [WordStart { offset: 15, at: Duration::from_millis(1_600) }], "counted in the whole piece");
    assert_eq!((call.count("vendor.failed"), call.count("vendor.replaced")), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn a_voice_that_stands_alone_is_dialled_once_more() {
    let mut call = Call::with(&["a"]);
    let mut first = call.line().await;
    call.says(TURN, 0, LETTERS).await;
    let piece = first.piece().await;
    first.dies_in(piece, broke()).await;
    let mut second = call.line().await;
    let piece = second.piece().await;
    assert_eq!(piece.request.text, LETTERS);
    sounds(&piece, 2_000).await;
    is_done(&piece).await;
    assert_eq!(call.heard(0).await, 2_000);
    assert_eq!(call.count("vendor.replaced"), 0);
}

#[tokio::test(start_paused = true)]
async fn behind_the_last_voice_the_first_one_is_asked_again() {
    let mut call = Call::with(&["a", "b"]);
    call.says(TURN, 0, LETTERS).await;
    for name in ["a", "b", "a", "b"] {
        let mut line = call.line().await;
        assert_eq!(line.vendor, name);
        let piece = line.piece().await;
        line.dies_in(piece, broke()).await;
    }
    assert!(matches!(call.signal().await, Signal::TtsFailed(TURN)), "but not for ever");
    assert_eq!(call.count("vendor.replaced"), 3);
}

#[tokio::test(start_paused = true)]
async fn a_first_voice_that_has_recovered_takes_over_from_its_stand_in() {
    let mut call = Call::with(&["a", "b"]);
    call.says(TURN, 0, LETTERS).await;
    let mut line = call.line().await;
    for (number, next) in [(0, "b"), (1, "a"), (2, "b")] {
        let broken = line.piece().await;
        line.dies_in(broken, broke()).await;
        line = call.line().await;
        assert_eq!(line.vendor, next);
        let spoken = line.piece().await;
        sounds(&spoken, 2_000).await;
        is_done(&spoken).await;
        assert_eq!(call.heard(number).await, 2_000);
        call.says(TURN, number + 1, LETTERS).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_turn_that_no_voice_speaks_has_failed_and_the_next_one_is_tried() {
    let mut call = Call::with(&["a"]);
    for piece in 0..3 {
        call.says(TURN, piece, LETTERS).await;
    }
    for _ in 0..2 {
        let mut line = call.line().await;
        let piece = line.piece().await;
        line.dies_in(piece, broke()).await;
    }
    assert!(matches!(call.signal().await, Signal::TtsFailed(TURN)));
    call.says(TURN.next(), 0, LETTERS).await;
    let mut line = call.line().await;
    let piece = line.piece().await;
    sounds(&piece, 100).await;
    is_done(&piece).await;
    assert_eq!(call.heard(0).await, 100, "the later pieces of the failed turn were not tried");
}

#[tokio::test(start_paused = true)]
async fn a_refusal_that_lasts_is_not_tried_again() {
    let mut call = Call::with(&["a"]);
    let mut line = call.line().await;
    call.says(TURN, 0, LETTERS).await;
    let piece = line.piece().await;
    line.dies_in(piece, refused()).await;
    assert!(matches!(call.signal().await, Signal::TtsFailed(TURN)));
    assert!(call.opens_no_line());
}

#[tokio::test(start_paused = true)]
async fn the_next_call_begins_behind_a_voice_that_refuses_us() {
    let both = vendors(&["a", "b"]);
    let chain = both.chain.clone();
    let mut call = Call::begin(both);
    call.line().await.dies_idle(refused());
    let stand_in = call.line().await;
    assert_eq!(stand_in.vendor, "b", "not when the first piece wants it");
    let mut next = Call::begin(Vendors { chain, lines: call.lines });
    assert_eq!(next.line().await.vendor, "b");
}

#[tokio::test(start_paused = true)]
async fn an_idle_line_that_lived_is_dialled_again_at_once() {
    let mut call = Call::with(&["a", "b"]);
    let mut first = call.line().await;
    first.is_up();
    call.until_emitted("vendor.connected", 1).await;
    tokio::time::advance(Duration::from_secs(6)).await;
    first.dies_idle(broke());
    let mut again = call.line().await;
    assert_eq!(again.vendor, "a");
    // One that dies young makes room.
    again.is_up();
    call.until_emitted("vendor.connected", 2).await;
    again.dies_idle(broke());
    assert_eq!(call.line().await.vendor, "b");
    assert_eq!((call.count("vendor.failed"), call.count("vendor.replaced")), (2, 1));
}

#[tokio::test(start_paused = true)]
async fn a_young_line_with_nobody_else_is_dialled_when_it_is_wanted() {
    let mut call = Call::with(&["a"]);
    let mut first = call.line().await;
    first.is_up();
    first.dies_idle(broke());
    call.until_emitted("vendor.failed", 1).await;
    assert!(call.opens_no_line());
    call.says(TURN, 0, LETTERS).await;
    let mut second = call.line().await;
    let piece = second.piece().await;
    sounds(&piece, 100).await;
    is_done(&piece).await;
    assert_eq!(call.heard(0).await, 100);
}

#[tokio::test(start_paused = true)]
async fn a_silent_voice_is_replaced_when_the_patience_is_over() {
    let mut call = Call::with(&["a", "b"]);
    let mut first = call.line().await;
    call.says(TURN, 0, LETTERS).await;
    let piece = first.piece().await;
    let began = Instant::now();
    sounds(&piece, 40).await;
    let mut second = call.line().await;
    assert_eq!(began.elapsed(), PATIENCE);
    assert!(piece.events.is_closed(), "nobody listens to the silent one any more");
    assert_eq!(second.piece().await.request.text, LETTERS, "no word was spoken to its middle");
    assert_eq!(call.count("tts.silent"), 1);
}

#[tokio::test(start_paused = true)]
async fn a_piece_without_a_sound_is_said_by_the_next_voice() {
    let mut call = Call::with(&["a", "tone"]);
    let mut line = call.line().await;
    call.says(TURN, 0, LETTERS).await;
    let piece = line.piece().await;
    is_done(&piece).await;
    assert_eq!(call.heard(0).await, 1_000, "by a voice without lines");
}

#[tokio::test(start_paused = true)]
async fn an_interruption_drops_the_piece_and_keeps_the_line() {
    let mut call = Call::with(&["a"]);
    let mut line = call.line().await;
    line.is_up();
    call.says(TURN, 0, LETTERS).await;
    call.says(TURN, 1, "never spoken").await;
    let piece = line.piece().await;
    sounds(&piece, 500).await;
    assert!(matches!(call.signal().await, Signal::FirstAudio(TURN)));
    call.live.send_replace(TURN.next());
    timeout(LIMIT, piece.events.closed()).await.expect("the piece is dropped");
    call.says(TURN.next(), 0, "and now").await;
    let next = line.piece().await;
    assert_eq!(next.request.text, "and now");
    assert!(call.opens_no_line());
}

#[tokio::test(start_paused = true)]
async fn a_line_that_queues_what_was_cancelled_hangs_and_is_left() {
    let mut call = Call::with(&["a", "b"]);
    let first = call.line().await;
    for turn in (TURN.0..).take(LINE_PIECES).map(TurnId) {
        call.says(turn, 0, LETTERS).await;
        while first.pieces.len() <= (turn.0 - TURN.0) as usize {
            tokio::task::yield_now().await;
        }
        call.live.send_replace(turn.next());
    }
    call.says(*call.live.borrow(), 0, "hello").await;
    let mut second = call.line().await;
    assert_eq!((second.vendor, second.piece().await.request.text.as_str()), ("b", "hello"));
}

#[tokio::test(start_paused = true)]
async fn a_line_takes_its_leave_when_the_call_is_over() {
    let mut call = Call::with(&["a"]);
    let mut line = call.line().await;
    drop(call.speak);
    assert!(line.pieces.recv().await.is_none());
    assert!(!line.driver.is_closed(), "the driver is given its time");
    assert!(call.stage.try_join_next().is_none());
    line.driver.send(Ok(())).unwrap();
    call.stage.join_next().await.unwrap().unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_line_that_does_not_let_go_is_left() {
    let mut call = Call::with(&["a"]);
    let line = call.line().await;
    let began = Instant::now();
    drop(call.speak);
    call.stage.join_next().await.unwrap().unwrap();
    assert_eq!(began.elapsed(), crate::stages::LEAVE);
    assert!(line.driver.is_closed(), "its driver is gone with it");
}

#[tokio::test(start_paused = true)]
async fn voices_that_die_in_any_moment_lose_and_double_no_word_of_equal_length() {
    for (died_after, rest) in
        [(0, 0..4), (240, 0..4), (260, 1..4), (740, 1..4), (760, 2..4), (1_300, 3..4)] as [(usize, Range<usize>); 6]
    {
        let mut call = Call::with(&["a", "b"]);
        let mut first = call.line().await;
        call.warms_up(&mut first).await;
        call.says(TURN, 1, LETTERS).await;
        let piece = first.piece().await;
        sounds(&piece, died_after).await;
        first.dies_in(piece, broke()).await;
        let words: Vec<_> = LETTERS.split(' ').collect();
        let asked = call.line().await.piece().await.request.text;
        assert_eq!(asked, words[rest].join(" "), "after {died_after} ms");
    }
}
