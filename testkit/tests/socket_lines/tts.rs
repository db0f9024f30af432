//! Lines to a voice.

use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;
use tokio::time::{Instant, pause, timeout};
use voice_pipeline::net::tts::SocketTts;
use voice_pipeline::vendors::VendorError;
use voice_pipeline::vendors::tts::deepgram::DeepgramTts;
use voice_pipeline::vendors::tts::{PIECE_EVENTS, Piece, SpeakRequest, Tts, TtsEvent, TtsLine, TtsSignal};
use voice_testkit::fakes::deepgram::{FlushAnswer, Pace, Refusal, Route, Seen};
use voice_testkit::fakes::fault::FaultKind;
use voice_testkit::fakes::speech::speak;

use super::{PATIENCE, Vendor, check_refusal, dialer, ends, refusals};

const WORDS: &str = "We have nine and ten.";

type Listener = mpsc::Receiver<Result<TtsSignal, VendorError>>;

struct Line {
    pieces: mpsc::Sender<Piece>,
    connected: oneshot::Receiver<Duration>,
    driver: JoinSet<Result<(), VendorError>>,
}

fn voice(vendor: &Vendor) -> SocketTts {
    SocketTts::new(Arc::new(DeepgramTts::new(vendor.settings()).unwrap()), dialer())
}

fn request(text: &str) -> SpeakRequest {
    SpeakRequest { text: text.to_owned(), voice: "".into(), speed: 1.0 }
}

impl Line {
    fn dial(vendor: &Vendor) -> Self {
        let TtsLine { pieces, connected, driver: work } = voice(vendor).open(&"".into()).unwrap();
        let mut driver = JoinSet::new();
        driver.spawn(work);
        Self { pieces, connected, driver }
    }

    async fn open(vendor: &Vendor) -> Self {
        let mut line = Self::dial(vendor);
        timeout(PATIENCE, &mut line.connected).await.unwrap().expect("the line is up");
        line
    }

    fn say(&self, text: &str) -> Listener {
        let (events, listener) = mpsc::channel(PIECE_EVENTS);
        self.pieces.try_send(Piece { request: request(text), events }).unwrap();
        listener
    }

    /// How the line ends.
    async fn outcome(&mut self) -> Result<(), VendorError> {
        timeout(PATIENCE, self.driver.join_next()).await.expect("the line ends").unwrap().unwrap()
    }
}

async fn next(listener: &mut Listener) -> Result<TtsSignal, VendorError> {
    timeout(PATIENCE, listener.recv()).await.expect("something happens").expect("the line lives")
}

/// The audio of a piece up to its end.
async fn heard(listener: &mut Listener) -> Result<Vec<u8>, VendorError> {
    let mut audio = Vec::new();
    loop {
        match next(listener).await? {
            TtsSignal::Event(TtsEvent::Ulaw(ulaw)) => audio.extend_from_slice(&ulaw),
            TtsSignal::PieceDone => return Ok(audio),
            other => panic!("{other:?}"),
        }
    }
}

fn is_audio(signal: &TtsSignal) -> bool {
    matches!(signal, TtsSignal::Event(TtsEvent::Ulaw(_)))
}

#[tokio::test]
async fn pieces_are_spoken_byte_for_byte_over_one_socket() {
    let vendor = Vendor::start(|plan| plan.tts.chunk_bytes = 777);
    let line = Line::open(&vendor).await;
    for text in [WORDS, "And half past ten."] {
        assert!(heard(&mut line.say(text)).await.unwrap() == speak(text), "{text:?} sounds different");
    }
    assert_eq!(vendor.fake.requests(Route::Speak), 1);
}

#[tokio::test]
async fn a_refusal_is_the_outcome_of_a_line_or_of_the_piece_that_waits_for_it() {
    for (refusal, kind) in refusals() {
        let vendor = Vendor::start(|plan| plan.refuse(Route::Speak, 2, &refusal));
        let error = Line::dial(&vendor).outcome().await.unwrap_err();
        check_refusal(&error, &refusal, kind);
        let mut line = Line::dial(&vendor);
        let error = next(&mut line.say(WORDS)).await.unwrap_err();
        check_refusal(&error, &refusal, kind);
        assert!(line.outcome().await.is_ok(), "an error is told once");
    }
}

#[tokio::test]
async fn the_way_a_socket_ends_is_told_in_the_words_of_the_seam() {
    for (end, kind) in ends() {
        let vendor = Vendor::start(|plan| plan.tts.pace = Pace::RealTime(1.0));
        let mut idle = Line::open(&vendor).await;
        vendor.fake.break_all(Route::Speak, &end);
        let error = idle.outcome().await.unwrap_err();
        assert_eq!(error.kind(), kind, "{end:?} while nobody speaks: {error}");

        let mut line = Line::open(&vendor).await;
        let mut piece = line.say(WORDS);
        assert!(is_audio(&next(&mut piece).await.unwrap()));
        vendor.fake.break_all(Route::Speak, &end);
        let error = heard(&mut piece).await.unwrap_err();
        assert_eq!(error.kind(), kind, "{end:?} in a piece: {error}");
        assert!(line.pieces.is_closed(), "a line that is lost takes no piece");
        assert!(line.outcome().await.is_ok());
    }
}

#[tokio::test]
async fn an_error_that_nobody_listens_to_is_the_outcome_of_the_line() {
    let vendor = Vendor::start(|plan| plan.refuse(Route::Speak, 1, &Refusal::unavailable()));
    let mut line = Line::dial(&vendor);
    drop(line.say(WORDS));
    let error = line.outcome().await.unwrap_err();
    assert_eq!(error.kind(), "busy");
}

#[tokio::test]
async fn an_error_is_told_to_the_piece_that_is_still_wanted() {
    let vendor = Vendor::start(|plan| plan.refuse(Route::Speak, 1, &Refusal::unauthorized()));
    let mut line = Line::dial(&vendor);
    drop(line.say("Nobody wants to know."));
    let error = next(&mut line.say(WORDS)).await.unwrap_err();
    assert_eq!(error.kind(), "refused");
    assert!(line.outcome().await.is_ok());
}

#[tokio::test]
async fn a_piece_nobody_listens_to_is_cleared_and_the_next_one_is_spoken_whole() {
    let vendor = Vendor::start(|plan| {
        plan.tts.pace = Pace::RealTime(1.0);
        plan.tts.late_chunks = 5;
    });
    let line = Line::open(&vendor).await;
    let mut first = line.say("Where shall I begin, we have so many tee times.");
    assert!(is_audio(&next(&mut first).await.unwrap()));
    drop(first);
    let mut second = line.say(WORDS);
    assert!(heard(&mut second).await.unwrap() == speak(WORDS), "the first piece is heard in the second");
    assert_eq!(vendor.count(|seen| matches!(seen, Seen::TtsCleared { .. })), 1);
    assert_eq!(vendor.fake.requests(Route::Speak), 1);
}

#[tokio::test]
async fn a_piece_that_is_dropped_before_its_turn_is_never_sent() {
    let vendor = Vendor::start(|_| {});
    let line = Line::dial(&vendor);
    drop(line.say("Nobody wants to know."));
    assert!(heard(&mut line.say(WORDS)).await.unwrap() == speak(WORDS));
    assert_eq!(vendor.count(|seen| matches!(seen, Seen::TtsText { .. })), 1);
    assert_eq!(vendor.count(|seen| matches!(seen, Seen::TtsCleared { .. })), 0);
}

#[tokio::test]
async fn an_idle_line_stays_open() {
    let vendor = Vendor::start(|_| {});
    let mut line = Line::open(&vendor).await;
    pause();
    let quiet = timeout(Duration::from_secs(120), line.driver.join_next()).await;
    assert!(quiet.is_err(), "a line that was idle ended: {quiet:?}");
    assert!(heard(&mut line.say(WORDS)).await.unwrap() == speak(WORDS));
}

#[tokio::test]
async fn a_vendor_that_shows_no_sign_of_life_is_given_up() {
    let vendor = Vendor::start(|_| {});
    let mut line = Line::open(&vendor).await;
    assert_eq!(vendor.fake.break_all(Route::Speak, &FaultKind::Stall), 1);
    pause();
    let began = Instant::now();
    let error = line.outcome().await.unwrap_err();
    assert!(matches!(error, VendorError::TimedOut { awaited: "sign of life", .. }), "{error}");
    assert!((12..=14).contains(&began.elapsed().as_secs()), "{:?}", began.elapsed());
}

#[tokio::test]
async fn a_vendor_that_is_only_slow_is_waited_for() {
    let vendor = Vendor::start(|plan| plan.tts.flush = FlushAnswer::Nothing);
    let line = Line::open(&vendor).await;
    let mut piece = line.say(WORDS);
    vendor.until(|seen| matches!(seen, Seen::TtsFlush { .. })).await;
    pause();
    let quiet = timeout(Duration::from_secs(60), piece.recv()).await;
    assert!(quiet.is_err(), "how long a piece may take is the stage's business: {quiet:?}");
}

#[tokio::test]
async fn a_line_that_is_not_wanted_any_more_is_closed() {
    let vendor = Vendor::start(|_| {});
    let mut line = Line::open(&vendor).await;
    assert!(heard(&mut line.say(WORDS)).await.is_ok());
    drop(std::mem::replace(&mut line.pieces, mpsc::channel(1).0));
    line.outcome().await.unwrap();
    vendor.until(|seen| matches!(seen, Seen::Closed { .. })).await;
    assert_eq!(vendor.fake.open(Route::Speak), 0);
}

#[tokio::test]
async fn a_vendor_that_does_not_let_go_is_left() {
    let vendor = Vendor::start(|_| {});
    let mut line = Line::open(&vendor).await;
    assert_eq!(vendor.fake.break_all(Route::Speak, &FaultKind::Stall), 1);
    pause();
    let began = Instant::now();
    drop(std::mem::replace(&mut line.pieces, mpsc::channel(1).0));
    line.outcome().await.unwrap();
    assert!(began.elapsed() < Duration::from_millis(500), "{:?}", began.elapsed());
}

#[tokio::test]
async fn a_single_piece_has_a_line_of_its_own() {
    let vendor = Vendor::start(|plan| plan.refuse(Route::Speak, 1, &Refusal::unauthorized()));
    let tts = voice(&vendor);
    let refused: Vec<_> = tts.speak(request(WORDS)).collect().await;
    assert!(matches!(refused[..], [Err(VendorError::Refused { status: 401, .. })]), "{refused:?}");
    let mut audio = Vec::new();
    let mut events = tts.speak(request(WORDS));
    while let Some(event) = events.next().await {
        match event.unwrap() {
            TtsEvent::Ulaw(ulaw) => audio.extend_from_slice(&ulaw),
            other => panic!("{other:?}"),
        }
    }
    assert!(audio == speak(WORDS));
    drop(events);
    vendor.until(|seen| matches!(seen, Seen::Closed { .. })).await;
}
