//! What is traced of a call: its spans, their order, and the log lines within them.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

#[path = "spans/collector.rs"]
mod collector;

use std::collections::BTreeSet;
use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::Value;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::{Interval, interval};
use tokio_util::sync::CancellationToken;
use tracing_subscriber::Layer as _;
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::layer::SubscriberExt as _;
use voice_gateway::agent::Agents;
use voice_gateway::backend::{BackendClient, BackendSettings};
use voice_gateway::call::{CallSettings, Desk, Reception, Switchboard};
use voice_gateway::observability::{EventHub, logs};
use voice_gateway::telephony::after_stream::Transfers;
use voice_gateway::telephony::socket::MediaLine;
use voice_gateway::telephony::tap::Tap;
use voice_gateway::telephony::twilio::codec::StreamStart;
use voice_gateway::telephony::{CallHost as _, CallLeg, IncomingCall};
use voice_pipeline::line::{Fence, Inbound, Outbound};
use voice_pipeline::session::Vendors;
use voice_testkit::studio::{FakeVoice, silent_frame};
use voice_testkit::vendors::{Answer, ScriptedLlm, ScriptedStt, SureDetector, ToneTts, brain, ear, locked, mouth};

use collector::Collector;

const FRAME: Duration = Duration::from_millis(20);
const CALLER: &str = "+14155550123";
const QUESTION: &str = "Is anything open on Saturday?";

/// Log lines as they are written.
#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl Lines {
    /// The first line with a message.
    fn with(&self, message: &str) -> Value {
        let text = String::from_utf8(locked(&self.0).clone()).unwrap();
        let lines = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        lines.into_iter().find(|line| line["message"] == message).unwrap_or_else(|| panic!("no {message:?} in\n{text}"))
    }
}

impl io::Write for Lines {
    fn write(&mut self, part: &[u8]) -> io::Result<usize> {
        locked(&self.0).extend_from_slice(part);
        Ok(part.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The carrier of a call. Marks come back at once: nothing is really played.
struct Carrier {
    inbound: mpsc::Sender<Inbound>,
    outbound: mpsc::Receiver<Outbound>,
    frames: Interval,
}

impl Carrier {
    async fn sends(&mut self, frames: usize, mut frame: impl FnMut() -> bytes::Bytes) {
        for _ in 0..frames {
            self.frames.tick().await;
            self.inbound.send(Inbound::Audio(frame().into())).await.unwrap();
            while let Ok(outbound) = self.outbound.try_recv() {
                if let Outbound::Mark { name, .. } = outbound {
                    self.inbound.send(Inbound::Mark(name)).await.unwrap();
                }
            }
        }
    }
}

/// A call that is about to be answered, and its carrier.
fn ringing() -> (IncomingCall, Carrier) {
    let (inbound_tx, inbound) = mpsc::channel(128);
    let (outbound, outbound_rx) = mpsc::channel(64);
    let call_sid: Arc<str> = "CA1".into();
    let start = StreamStart { stream_sid: "MZ1".into(), call_sid: "CA1".into(), parameters: [].into() };
    let call = IncomingCall {
        line: MediaLine {
            start,
            inbound,
            outbound,
            fence: Fence::default(),
            stats: Arc::default(),
            tap: Tap::default(),
        },
        leg: CallLeg {
            call_sid: Arc::clone(&call_sid),
            from: CALLER.to_owned().into(),
            to: "+18005550199".to_owned().into(),
            agent: "golf".into(),
            parameters: [].into(),
        },
        cancel: CancellationToken::new(),
        after: Transfers::default().of_call(&call_sid),
    };
    (call, Carrier { inbound: inbound_tx, outbound: outbound_rx, frames: interval(FRAME) })
}

/// The golf agent's switchboard with scripted vendors: one question, which takes a tool.
fn switchboard(events: EventHub) -> Reception {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let prompts = Path::new(env!("CARGO_MANIFEST_DIR")).join("prompts");
    let agents = Arc::new(Agents::load(Some(&prompts), Some("golf")).unwrap());
    // No request is made: the arguments below are none that the tool takes.
    let backend = BackendClient::new(&BackendSettings::new("http://127.0.0.1:9")).unwrap();
    let answers = [Answer::Calls("Let me see.", "searchTeeTimes", "{}"), Answer::Says("Nothing is open.")];
    let vendors = Vendors {
        stt: ear(ScriptedStt::new(&[QUESTION], Duration::from_millis(80))),
        llm: brain(ScriptedLlm::new(&answers)),
        tts: mouth(ToneTts::new()),
        turn_detector: Some(Arc::new(SureDetector)),
    };
    let desk = Desk::new(Arc::clone(agents.for_number("")), vendors, None);
    let switchboard = Switchboard::new(agents, Arc::new(backend), CallSettings::default(), Arc::new(events));
    switchboard.open(vec![desk]);
    Reception(Arc::new(switchboard))
}

#[tokio::test(start_paused = true)]
async fn a_call_is_traced_down_to_its_vendors_and_its_log_lines_say_where_they_belong() {
    let (spans, lines) = (Collector::default(), Lines::default());
    let writer = lines.clone();
    let log = tracing_subscriber::fmt::layer().json().flatten_event(true).with_writer(move || writer.clone());
    let subscriber = tracing_subscriber::registry().with(spans.clone()).with(log.with_filter(LevelFilter::INFO));
    let _tracing = tracing::subscriber::set_default(subscriber);
    let mut events = EventHub::new();
    let mut tasks = JoinSet::new();
    tasks.spawn(logs::run(events.subscribe("logs"), false));
    let reception = switchboard(events);
    let (call, mut carrier) = ringing();
    tasks.spawn(reception.run(call));
    drop(reception);

    let mut voice = FakeVoice::default();
    carrier.sends(250, silent_frame).await;
    carrier.sends(50, || voice.frame()).await;
    carrier.sends(200, silent_frame).await;
    assert_eq!(spans.open(), ["call"], "the turns are over");
    carrier.inbound.send(Inbound::HungUp).await.unwrap();
    while let Some(ended) = tasks.join_next().await {
        ended.unwrap();
    }

    assert_eq!(spans.open(), Vec::<&str>::new(), "they close with the call");
    let paths = spans.paths();
    let expected = [
        "call CA1",
        "call CA1 > turn 0",
        "call CA1 > turn 0 > tts tone",
        "call CA1 > turn 1",
        "call CA1 > turn 1 > stt scripted",
        "call CA1 > turn 1 > llm scripted",
        "call CA1 > turn 1 > tool searchTeeTimes",
        "call CA1 > turn 1 > tts tone",
    ];
    assert_eq!(paths.iter().map(String::as_str).collect::<BTreeSet<_>>(), expected.into_iter().collect(), "{paths:#?}");
    assert!(!paths.iter().any(|path| path.contains(CALLER) || path.contains("Saturday")), "{paths:#?}");
    let models = paths.iter().filter(|path| path.ends_with("llm scripted")).count();
    assert_eq!(models, 2, "one before the tool and one after it");

    for (message, span) in [("call answered", "call"), ("turn committed", "turn"), ("call ended", "call")] {
        let line = lines.with(message);
        assert_eq!(line["span"]["name"], span, "{line:#}");
        assert_eq!(line["spans"][0]["call_id"], "CA1", "{line:#}");
    }
    assert_eq!(lines.with("turn committed")["span"]["turn"], 1);
}
