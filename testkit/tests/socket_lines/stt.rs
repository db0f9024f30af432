//! Lines to a recogniser.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::{Instant, pause, timeout};
use voice_pipeline::audio::ulaw::SILENCE;
use voice_pipeline::net::stt::SocketStt;
use voice_pipeline::turn::PauseId;
use voice_pipeline::vendors::VendorError;
use voice_pipeline::vendors::stt::deepgram::DeepgramStt;
use voice_pipeline::vendors::stt::{Stt, SttEvent, SttInput, SttLine};
use voice_testkit::fakes::deepgram::{Endpointing, Route, Seen};
use voice_testkit::fakes::fault::FaultKind;
use voice_testkit::fakes::speech::{FRAME_BYTES, speak};

use super::{PATIENCE, Vendor, check_refusal, dialer, ends, refusals};

const WORDS: &str = "A tee time please";

struct Line {
    input: mpsc::Sender<SttInput>,
    events: mpsc::Receiver<Result<SttEvent, VendorError>>,
    driver: JoinSet<()>,
}

impl Line {
    fn dial(vendor: &Vendor) -> Self {
        let stt = SocketStt::new(Arc::new(DeepgramStt::new(vendor.settings()).unwrap()), dialer());
        let SttLine { input, events, driver: work } = stt.open();
        let mut driver = JoinSet::new();
        driver.spawn(work);
        Self { input, events, driver }
    }

    /// A line that is up.
    async fn open(vendor: &Vendor) -> Self {
        let mut line = Self::dial(vendor);
        let first = line.next().await.unwrap();
        assert!(matches!(first, SttEvent::Connected { took } if took < PATIENCE), "{first:?}");
        line
    }

    async fn next(&mut self) -> Result<SttEvent, VendorError> {
        timeout(PATIENCE, self.events.recv()).await.expect("something happens").expect("the line lives")
    }

    async fn error(&mut self) -> VendorError {
        loop {
            if let Err(error) = self.next().await {
                assert!(self.input.is_closed(), "a line that is lost takes nothing more");
                return error;
            }
        }
    }

    async fn play(&self, audio: &[u8]) {
        for frame in audio.as_chunks::<FRAME_BYTES>().0 {
            self.input.send(SttInput::Ulaw(*frame)).await.unwrap();
        }
    }

    /// The next final.
    async fn settled(&mut self) -> SttEvent {
        loop {
            let event = self.next().await.unwrap();
            if matches!(event, SttEvent::Final { .. }) {
                return event;
            }
        }
    }
}

fn answer(pause: u32, text: &str) -> SttEvent {
    SttEvent::Final { pause: Some(PauseId(pause)), text: text.to_owned() }
}

#[tokio::test]
async fn a_refusal_is_told_in_the_words_of_the_seam() {
    for (refusal, kind) in refusals() {
        let vendor = Vendor::start(|plan| plan.refuse(Route::Listen, 1, &refusal));
        let error = Line::dial(&vendor).error().await;
        check_refusal(&error, &refusal, kind);
    }
}

#[tokio::test]
async fn the_way_a_socket_ends_is_told_in_the_words_of_the_seam() {
    for (end, kind) in ends() {
        let vendor = Vendor::start(|_| {});
        let mut line = Line::open(&vendor).await;
        assert_eq!(vendor.fake.break_all(Route::Listen, &end), 1);
        let error = line.error().await;
        assert_eq!(error.kind(), kind, "{end:?}: {error}");
    }
}

#[tokio::test]
async fn what_came_before_an_end_is_still_told() {
    let vendor = Vendor::start(|_| {});
    let mut line = Line::open(&vendor).await;
    line.play(&speak(WORDS)).await;
    line.input.send(SttInput::Paused(PauseId(1))).await.unwrap();
    vendor.until(|seen| matches!(seen, Seen::SttFinal { from_finalize: true, .. })).await;
    vendor.fake.break_all(Route::Listen, &FaultKind::CloseTcp);
    assert_eq!(line.settled().await, answer(1, WORDS));
    assert_eq!(line.error().await.kind(), "disconnected");
}

#[tokio::test]
async fn a_vendor_that_hears_nothing_for_long_is_told_that_we_are_there() {
    let vendor = Vendor::start(|plan| plan.stt.idle_timeout = Duration::from_secs(6));
    let mut line = Line::open(&vendor).await;
    pause();
    let quiet = timeout(Duration::from_secs(60), line.events.recv()).await;
    assert!(quiet.is_err(), "the vendor closed a line that was idle: {quiet:?}");
    line.play(&speak(WORDS)).await;
    line.input.send(SttInput::Paused(PauseId(1))).await.unwrap();
    assert_eq!(line.settled().await, answer(1, WORDS));
    assert_eq!(vendor.fake.requests(Route::Listen), 1);
}

#[tokio::test]
async fn a_vendor_that_shows_no_sign_of_life_is_given_up() {
    let vendor = Vendor::start(|_| {});
    let mut line = Line::open(&vendor).await;
    assert_eq!(vendor.fake.break_all(Route::Listen, &FaultKind::Stall), 1);
    pause();
    let began = Instant::now();
    let error = line.error().await;
    assert!(matches!(error, VendorError::TimedOut { awaited: "sign of life", .. }), "{error}");
    assert!((12..=14).contains(&began.elapsed().as_secs()), "{:?}", began.elapsed());
}

#[tokio::test]
async fn a_pause_without_an_answer_ends_with_what_is_known() {
    let vendor = Vendor::start(|plan| {
        plan.stt.answers_finalize = false;
        plan.stt.endpointing = Some(Endpointing::Off);
    });
    let mut line = Line::open(&vendor).await;
    line.play(&speak(WORDS)).await;
    line.play(&[SILENCE; 30 * FRAME_BYTES]).await;
    loop {
        if line.next().await.unwrap() == SttEvent::Interim(WORDS.to_owned()) {
            break;
        }
    }
    pause();
    let began = Instant::now();
    line.input.send(SttInput::Paused(PauseId(1))).await.unwrap();
    assert_eq!(line.settled().await, answer(1, WORDS));
    assert_eq!(began.elapsed().as_millis() / 100, 3, "after the final's own limit");
    assert_eq!(vendor.fake.open(Route::Listen), 1, "a vendor that has nothing to say is not gone");
}

#[tokio::test]
async fn a_pause_that_is_met_by_dead_silence_ends_the_line() {
    let vendor = Vendor::start(|_| {});
    let mut line = Line::open(&vendor).await;
    line.play(&speak(WORDS)).await;
    vendor.until(|seen| matches!(seen, Seen::SttInterim { .. })).await;
    assert_eq!(vendor.fake.break_all(Route::Listen, &FaultKind::Stall), 1);
    assert!(matches!(line.next().await, Ok(SttEvent::Interim(_))));
    pause();
    let began = Instant::now();
    line.input.send(SttInput::Paused(PauseId(1))).await.unwrap();
    let error = line.error().await;
    assert!(matches!(error, VendorError::TimedOut { awaited: "sign of life", .. }), "{error}");
    assert!(began.elapsed() < Duration::from_secs(1), "{:?}", began.elapsed());
}

#[tokio::test]
async fn a_line_that_is_not_wanted_any_more_is_closed() {
    let vendor = Vendor::start(|_| {});
    let mut line = Line::open(&vendor).await;
    line.play(&speak(WORDS)).await;
    drop(line.input);
    timeout(PATIENCE, line.driver.join_next()).await.unwrap().unwrap().unwrap();
    vendor.until(|seen| matches!(seen, Seen::Closed { .. })).await;
    assert_eq!(vendor.fake.open(Route::Listen), 0);
}

#[tokio::test]
async fn a_vendor_that_does_not_let_go_is_left() {
    let vendor = Vendor::start(|_| {});
    let mut line = Line::open(&vendor).await;
    assert_eq!(vendor.fake.break_all(Route::Listen, &FaultKind::Stall), 1);
    pause();
    let began = Instant::now();
    drop(line.input);
    line.driver.join_next().await.unwrap().unwrap();
    assert!(began.elapsed() < Duration::from_millis(500), "{:?}", began.elapsed());
}

#[tokio::test]
async fn what_is_said_while_the_line_is_dialled_is_heard() {
    let vendor = Vendor::start(|plan| plan.keeps_audio = true);
    let mut line = Line::dial(&vendor);
    let audio = speak(WORDS);
    line.play(&audio).await;
    line.input.send(SttInput::Paused(PauseId(1))).await.unwrap();
    assert_eq!(line.settled().await, answer(1, WORDS));
    assert!(vendor.fake.received_audio(1) == audio, "the audio was changed on its way");
}
