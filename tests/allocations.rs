//! What the audio of a call costs in allocations once the call is under way: nothing, per frame.
//!
//! The real path, both ways, over real sockets: carrier socket → decode → VAD → recogniser's stage → vendor
//! socket, and vendor socket → voice's stage → pacing → carrier socket. Carrier and vendors run on a
//! thread of their own; only the gateway's thread is counted.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval, timeout};
use tokio_util::sync::CancellationToken;
use voice_gateway::telephony::socket::{SocketSettings, accept};
use voice_pipeline::event::{CallEvent, EventSink};
use voice_pipeline::net::stt::SocketStt;
use voice_pipeline::net::tts::SocketTts;
use voice_pipeline::net::websocket::{Dialer, Role, WsLimits, WsMessage, split};
use voice_pipeline::session::{self, CallSetup, Ends, Line, Vendors};
use voice_pipeline::turn::TurnPolicy;
use voice_pipeline::vendors::chain::Chain;
use voice_pipeline::vendors::deepgram::DeepgramSettings;
use voice_pipeline::vendors::stt::Stt;
use voice_pipeline::vendors::stt::deepgram::DeepgramStt;
use voice_pipeline::vendors::tts::Tts;
use voice_pipeline::vendors::tts::deepgram::DeepgramTts;
use voice_testkit::fakes::deepgram::{DeepgramPlan, FakeDeepgram, unobserved};
use voice_testkit::studio::{Cast, call_setup};
use voice_testkit::vendors::{Answer, ScriptedLlm, ScriptedStt, ScriptedTools, ToneTts, brain, ear, mouth};

/// Frames of silence before the counting begins: buffers have grown by then.
const WARM_UP: u64 = 400;
/// Frames that are counted.
const COUNTED: u64 = 1_000;
/// The carrier sends so often: faster than real time, so that the test is short.
const FRAME_EVERY: Duration = Duration::from_millis(2);
/// More than anything here takes on a busy machine.
const LIMIT: Duration = Duration::from_secs(60);

thread_local! {
    static ALLOCATIONS: Cell<u64> = const { Cell::new(0) };
}

struct Counting;

// SAFETY: every call goes to the system's allocator unchanged; counting touches no memory of its own.
#[allow(unsafe_code, reason = "an allocator is unsafe by its trait")]
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // A thread that is ending counts no more.
        let _ = ALLOCATIONS.try_with(|count| count.set(count.get() + 1));
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        unsafe { System.dealloc(memory, layout) }
    }

    unsafe fn realloc(&self, memory: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        let _ = ALLOCATIONS.try_with(|count| count.set(count.get() + 1));
        unsafe { System.realloc(memory, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

struct Nobody;

impl EventSink for Nobody {
    fn emit(&self, _: CallEvent) {}
}

/// What the outside tells and counts.
#[derive(Default)]
struct Outside {
    /// Frames of the caller that were sent.
    sent: AtomicU64,
    /// Bytes of agent audio that arrived.
    heard: AtomicU64,
}

/// The carrier and the vendors, on a thread of their own until `stop`.
fn outside(gateway: std::net::SocketAddr, stop: CancellationToken) -> (String, Arc<Outside>) {
    let (url_tx, url) = std::sync::mpsc::sync_channel(1);
    let counts = Arc::new(Outside::default());
    let seen = Arc::clone(&counts);
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async move {
            let mut plan = DeepgramPlan::default();
            plan.stt.sends_empty_results = false;
            let fake = FakeDeepgram::start(plan, unobserved()).unwrap();
            url_tx.send(fake.url()).unwrap();
            let stream = TcpStream::connect(gateway).await.unwrap();
            let (mut reader, mut writer) = split(stream, Role::Client, &WsLimits::default());
            let start = r#"{"event":"start","start":{"streamSid":"MZ1","callSid":"CA1","tracks":["inbound"]},"streamSid":"MZ1"}"#;
            writer.send_text(r#"{"event":"connected"}"#).await.unwrap();
            writer.send_text(start).await.unwrap();
            let silence = format!(r#"{{"event":"media","streamSid":"MZ1","media":{{"payload":"{}"}}}}"#, "/".repeat(213) + "w==");
            let sending = async {
                let mut ticks = interval(FRAME_EVERY);
                ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
                loop {
                    ticks.tick().await;
                    if writer.send_text(&silence).await.is_err() {
                        return;
                    }
                    seen.sent.fetch_add(1, Ordering::Relaxed);
                }
            };
            let hearing = async {
                while let Ok(WsMessage::Text(text)) = reader.next().await {
                    if text.starts_with(r#"{"event":"media""#) {
                        seen.heard.fetch_add(text.len() as u64 * 3 / 4, Ordering::Relaxed);
                    }
                }
            };
            let both = async { tokio::join!(sending, hearing) };
            stop.run_until_cancelled(both).await;
        });
    });
    (url.recv().unwrap(), counts)
}

#[test]
fn a_frame_of_a_call_under_way_allocates_nothing() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let stop = CancellationToken::new();
        let _stop_at_the_end = stop.clone().drop_guard();
        let (url, outside) = outside(listener.local_addr().unwrap(), stop);
        let (stream, _) = listener.accept().await.unwrap();
        let mut tasks = JoinSet::new();
        let (line, ()) = accept(stream, &SocketSettings::default(), &mut tasks, |_| Ok::<(), ()>(())).await.unwrap();
        let line = Line { inbound: line.inbound, outbound: line.outbound, fence: line.fence };
        let ends = Ends { close: CancellationToken::new(), cancel: CancellationToken::new() };
        tasks.spawn(async move {
            session::run(setup(&url).await, line, ends).await;
        });

        let counted = timeout(LIMIT, async {
            frames(&outside, WARM_UP).await;
            let before = ALLOCATIONS.get();
            frames(&outside, WARM_UP + COUNTED).await;
            ALLOCATIONS.get() - before
        });
        let allocations = counted.await.expect("frames flow");
        assert!(outside.heard.load(Ordering::Relaxed) > 0, "the greeting was heard");
        // A timer wheel or a channel may take a block now and then; a frame may not.
        assert!(allocations < COUNTED / 100, "{allocations} allocations for {COUNTED} frames");
    });
}

/// Waits until the carrier has sent so many frames, looking once a frame.
async fn frames(outside: &Outside, count: u64) {
    let mut look = interval(FRAME_EVERY);
    while outside.sent.load(Ordering::Relaxed) < count {
        look.tick().await;
    }
}

async fn setup(url: &str) -> CallSetup {
    let settings = Arc::new(DeepgramSettings { url: url.to_owned(), api_key: Some("k".into()), ..Default::default() });
    let _ = rustls::crypto::ring::default_provider().install_default();
    let dialer = Dialer::new().unwrap();
    let stt = SocketStt::new(Arc::new(DeepgramStt::new(Arc::clone(&settings)).unwrap()), dialer.clone());
    let tts = SocketTts::new(Arc::new(DeepgramTts::new(settings).unwrap()), dialer);
    let cast = Cast {
        stt: ear(ScriptedStt::new(&[], Duration::ZERO)),
        llm: brain(ScriptedLlm::new(&[Answer::Never])),
        tts: mouth(ToneTts::new()),
        tools: Arc::new(ScriptedTools::new(&[])),
        policy: TurnPolicy { silence_prompt_after: Duration::from_secs(600), ..TurnPolicy::default() },
    };
    let setup = call_setup(cast, Arc::new(Nobody)).await;
    let llm = setup.vendors.llm.clone();
    let vendors = Vendors {
        stt: Chain::from(Arc::new(stt) as Arc<dyn Stt>),
        tts: Chain::from(Arc::new(tts) as Arc<dyn Tts>),
        llm,
        turn_detector: None,
    };
    CallSetup { vendors, ..setup }
}
