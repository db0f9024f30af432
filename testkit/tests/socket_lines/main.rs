//! What only the drivers of `net::stt` and `net::tts` do, against a fake vendor on loopback: dialling,
//! keeping a line open, noticing that the other side is gone, and leaving.
//!
//! Time is paused once a line is up, and then passes as fast as everybody waits: a minute of silence takes
//! none.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

mod stt;
mod tts;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::timeout;
use voice_pipeline::vendors::VendorError;
use voice_pipeline::vendors::deepgram::DeepgramSettings;
use voice_testkit::fakes::deepgram::{DeepgramPlan, FakeDeepgram, Refusal, Seen};
use voice_testkit::fakes::dialer;
use voice_testkit::fakes::fault::FaultKind;
use voice_testkit::vendors::locked;

/// Far more than anything here takes; a test that hits it fails.
const PATIENCE: Duration = Duration::from_secs(20);

/// The vendor at hand, and what it saw.
struct Vendor {
    fake: FakeDeepgram,
    seen: Arc<(Mutex<Vec<Seen>>, Notify)>,
}

impl Vendor {
    fn start(change: impl FnOnce(&mut DeepgramPlan)) -> Self {
        let mut plan = DeepgramPlan::default();
        plan.stt.interim_delay = Duration::ZERO;
        plan.stt.final_delay = Duration::ZERO;
        plan.tts.first_byte_delay = Duration::ZERO;
        change(&mut plan);
        let seen: Arc<(Mutex<Vec<Seen>>, Notify)> = Arc::default();
        let log = Arc::clone(&seen);
        let observer = move |seen| {
            locked(&log.0).push(seen);
            log.1.notify_waiters();
        };
        Self { fake: FakeDeepgram::start(plan, Arc::new(observer)).unwrap(), seen }
    }

    fn settings(&self) -> Arc<DeepgramSettings> {
        Arc::new(DeepgramSettings {
            api_key: Some("KEY".into()),
            url: self.fake.url(),
            final_timeout: Duration::from_millis(300),
            ..DeepgramSettings::default()
        })
    }

    /// Waits until the vendor has seen something.
    async fn until(&self, wanted: impl Fn(&Seen) -> bool) {
        let found = async {
            loop {
                let mut changed = std::pin::pin!(self.seen.1.notified());
                changed.as_mut().enable();
                if self.count(&wanted) > 0 {
                    return;
                }
                changed.await;
            }
        };
        timeout(PATIENCE, found).await.unwrap_or_else(|_| panic!("not seen, but: {:#?}", locked(&self.seen.0)));
    }

    fn count(&self, wanted: impl Fn(&Seen) -> bool) -> usize {
        locked(&self.seen.0).iter().filter(|seen| wanted(seen)).count()
    }
}

/// What a server's close frame with this code is.
fn close_frame(code: u16) -> FaultKind {
    let [high, low] = code.to_be_bytes();
    FaultKind::Garbage(vec![0x88, 0x02, high, low])
}

/// Ways in which a socket ends, and how the line has to call them.
fn ends() -> Vec<(FaultKind, &'static str)> {
    vec![
        (close_frame(1000), "disconnected"),
        (close_frame(1001), "disconnected"),
        (close_frame(1008), "refused"),
        (close_frame(1011), "failed"),
        (FaultKind::Garbage(vec![0x88, 0x00]), "disconnected"),
        (FaultKind::Garbage(vec![0xFF; 8]), "failed"),
        (FaultKind::Garbage(b"\x81\x08not json".to_vec()), "malformed"),
        (FaultKind::CloseTcp, "disconnected"),
        (FaultKind::Reset, "disconnected"),
    ]
}

/// Refused handshakes, and how the line has to call them.
fn refusals() -> Vec<(Refusal, &'static str)> {
    vec![
        (Refusal::unauthorized(), "refused"),
        (Refusal::new(400, "INVALID_QUERY_PARAMETER", "No such model."), "refused"),
        (Refusal::new(402, "ASR_PAYMENT_REQUIRED", "No credit."), "refused"),
        (Refusal::new(404, "NOT_FOUND", "No such endpoint."), "refused"),
        (Refusal::too_many(7), "busy"),
        (Refusal::unavailable(), "busy"),
        (Refusal::new(500, "INTERNAL", "Something broke."), "failed"),
    ]
}

fn check_refusal(error: &VendorError, refusal: &Refusal, kind: &str) {
    assert_eq!((error.kind(), error.vendor()), (kind, "deepgram"), "{refusal:?}");
    match error {
        VendorError::Refused { status, setting, .. } => {
            assert_eq!(*status, refusal.status);
            assert!(setting.starts_with("DEEPGRAM_API_KEY"), "{setting}");
        }
        VendorError::Busy { status, retry_after, .. } => {
            let asked = (refusal.status == 429).then_some(Duration::from_secs(7));
            assert_eq!((*status, *retry_after), (refusal.status, asked));
        }
        _ => {}
    }
}
