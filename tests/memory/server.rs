//! The server of the test: everything `serve` starts but the signals, with every vendor on loopback.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::http::header::CONNECTION;
use axum::{Json, Router};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio::time::{interval, timeout};
use tokio_util::sync::CancellationToken;
use voice_gateway::agent::Agents;
use voice_gateway::backend::{BackendClient, BackendSettings};
use voice_gateway::call::{CallSettings, Desk, Reception, Switchboard};
use voice_gateway::http::Gateway;
use voice_gateway::http::serve::{Listener, serve};
use voice_gateway::observability::{EventHub, Metrics, jsonl, logs};
use voice_gateway::telephony::TelephonySettings;
use voice_pipeline::event::{CallEvent, EndReason, EventKind, EventSink};
use voice_pipeline::net::http::chat_completions::ChatCompletions;
use voice_pipeline::net::stt::SocketStt;
use voice_pipeline::net::tts::SocketTts;
use voice_pipeline::session::Vendors;
use voice_pipeline::turn::TurnPolicy;
use voice_pipeline::vad::VadSettings;
use voice_pipeline::vendors::chain::Chain;
use voice_pipeline::vendors::deepgram::DeepgramSettings;
use voice_pipeline::vendors::llm::Llm;
use voice_pipeline::vendors::llm::chat_completions::ChatCompletionsSettings;
use voice_pipeline::vendors::stt::Stt;
use voice_pipeline::vendors::stt::deepgram::DeepgramStt;
use voice_pipeline::vendors::tts::Tts;
use voice_pipeline::vendors::tts::deepgram::DeepgramTts;
use voice_testkit::fakes;
use voice_testkit::fakes::chat::{self, Answer, ChatPlan, DefaultAnswer, FakeChat, last_words};
use voice_testkit::fakes::deepgram::{self, DeepgramPlan, FakeDeepgram, Route};
use voice_testkit::vendors::locked;

/// Rounds after which the metrics have given back what they can.
const RENDERINGS: usize = 512;

/// The word that makes the agent look something up.
const LOOK_UP: &str = "look";

pub(crate) struct Server {
    gateway: Gateway,
    carrier_url: String,
    metrics: Metrics,
    counted: Arc<Counted>,
    deepgram: FakeDeepgram,
    /// `None` only while it is started anew.
    chat: Option<FakeChat>,
    _tasks: JoinSet<()>,
}

/// Counts what went through the hub.
struct Counted {
    hub: EventHub,
    ended: AtomicU64,
    turns: AtomicU64,
    /// What went wrong, and how often.
    mishaps: Mutex<BTreeMap<String, u64>>,
}

impl EventSink for Counted {
    fn emit(&self, event: CallEvent) {
        let mishap = match &event.kind {
            EventKind::CallEnded { reason, .. } => {
                self.ended.fetch_add(1, Ordering::Relaxed);
                (*reason != EndReason::CallerHungUp).then(|| format!("ended: {}", reason.as_str()))
            }
            EventKind::TurnMeasured(_) => {
                self.turns.fetch_add(1, Ordering::Relaxed);
                None
            }
            EventKind::VendorFailed { stage, kind, .. } => Some(format!("{stage} failed: {kind}")),
            _ => None,
        };
        if let Some(mishap) = mishap {
            *locked(&self.mishaps).entry(mishap).or_default() += 1;
        }
        self.hub.emit(event);
    }
}

impl Server {
    pub(crate) async fn start() -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let mut tasks = JoinSet::new();
        let deepgram = FakeDeepgram::start(quick(), deepgram::unobserved()).unwrap();
        let chat = FakeChat::start(model(), chat::unobserved()).unwrap();

        let metrics = Metrics::install().unwrap();
        tasks.spawn(metrics.clone().run_upkeep(CancellationToken::new()));
        let mut hub = EventHub::new();
        let lines = hub.subscribe("file");
        tasks.spawn_blocking(move || jsonl::write_lines(lines, std::io::sink(), true).unwrap());
        tasks.spawn(logs::run(hub.subscribe("logs"), true));
        let counted =
            Arc::new(Counted { hub, ended: AtomicU64::new(0), turns: AtomicU64::new(0), mishaps: Mutex::default() });

        let prompts = Path::new(env!("CARGO_MANIFEST_DIR")).join("prompts");
        let agents = Arc::new(Agents::load(Some(&prompts), Some("golf")).unwrap());
        let backend = BackendSettings::new(backend(&mut tasks).await);
        let backend = Arc::new(BackendClient::new(&backend).unwrap());
        let events = Arc::clone(&counted) as Arc<dyn EventSink>;
        let switchboard = Switchboard::new(Arc::clone(&agents), backend, quick_calls(), events);
        let vendors = vendors(&deepgram, &chat);
        let mut desk = Desk::new(Arc::clone(agents.for_number("")), vendors, None);
        desk.record_lines().await.unwrap();
        switchboard.open(vec![desk]);

        let settings = TelephonySettings { max_calls: 200, ..TelephonySettings::default() };
        let gateway = Gateway::new(settings, Arc::new(Reception(Arc::new(switchboard))));
        let socket = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let carrier_url = format!("http://{}", socket.local_addr().unwrap());
        let listeners = vec![Listener { socket, router: gateway.router() }];
        tasks.spawn(serve(listeners, CancellationToken::new()));
        Self { gateway, carrier_url, metrics, counted, deepgram, chat: Some(chat), _tasks: tasks }
    }

    pub(crate) fn carrier_url(&self) -> &str {
        &self.carrier_url
    }

    /// Calls that ended so far.
    pub(crate) fn calls_ended(&self) -> u64 {
        self.counted.ended.load(Ordering::Relaxed)
    }

    /// Turns whose answer began to play.
    pub(crate) fn turns(&self) -> u64 {
        self.counted.turns.load(Ordering::Relaxed)
    }

    /// What went wrong so far, and how often.
    pub(crate) fn mishaps(&self) -> BTreeMap<String, u64> {
        locked(&self.counted.mishaps).clone()
    }

    /// Waits until no call is up, no socket of one is open, and no task ends any more. Connections to the
    /// language model that wait for the next question are closed.
    pub(crate) async fn is_quiet(&mut self, limit: Duration) {
        let chat = self.chat.take().expect("it runs");
        let address = chat.address();
        chat.stop().await;
        self.chat = Some(FakeChat::start_on(address, model(), chat::unobserved()).unwrap());
        let is_over = async {
            let mut look = interval(Duration::from_millis(100));
            let mut tasks = usize::MAX;
            loop {
                look.tick().await;
                let open = self.deepgram.open(Route::Listen) + self.deepgram.open(Route::Speak);
                let tasks_before = std::mem::replace(&mut tasks, alive_tasks());
                if self.gateway.calls_now() == 0 && open == 0 && tasks == tasks_before {
                    return;
                }
            }
        };
        timeout(limit, is_over).await.expect("calls end");
        assert_eq!(self.counted.hub.lost(), 0, "the observers keep up");
        // Samples that wait to be sorted into buckets are no leak. Their memory is given back some rounds later.
        for _ in 0..RENDERINGS {
            self.metrics.render();
        }
    }
}

fn alive_tasks() -> usize {
    tokio::runtime::Handle::current().metrics().num_alive_tasks()
}

/// Vendors that need no time.
fn quick() -> DeepgramPlan {
    let mut plan = DeepgramPlan::default();
    plan.stt.final_delay = Duration::ZERO;
    plan.stt.interim_delay = Duration::ZERO;
    plan.tts.first_byte_delay = Duration::ZERO;
    plan
}

fn model() -> ChatPlan {
    ChatPlan { default: DefaultAnswer::by(answer), ..ChatPlan::default() }
}

/// Looks something up when asked to, else repeats the caller's words.
fn answer(request: &Value) -> Answer {
    let last = request["messages"].as_array().and_then(|messages| messages.last()).unwrap();
    let words = last_words(request);
    if last["role"] != "tool" && words.contains(LOOK_UP) {
        let date = jiff::Zoned::now().with_time_zone(jiff::tz::TimeZone::UTC).date();
        return Answer::calls("searchTeeTimes", json!({"date": date.to_string(), "players": 2}));
    }
    Answer::says(format!("You said: {words}"))
}

/// A backend that finds nothing, whatever it is asked, and keeps no connection.
async fn backend(tasks: &mut JoinSet<()>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let router = Router::new().fallback(async || ([(CONNECTION, "close")], Json(json!({"slots": []}))));
    tasks.spawn(async move { axum::serve(listener, router).await.unwrap() });
    url
}

/// The caller's words alone end a turn, so that a call is short.
fn quick_calls() -> CallSettings {
    CallSettings {
        policy: TurnPolicy {
            sure_after: Duration::ZERO,
            unscored_after: Duration::ZERO,
            barge_in_after: Duration::from_millis(60),
            ..TurnPolicy::default()
        },
        vad: VadSettings { pause: Duration::from_millis(100), ..VadSettings::default() },
        ..CallSettings::default()
    }
}

fn vendors(deepgram: &FakeDeepgram, chat: &FakeChat) -> Vendors {
    let speech = DeepgramSettings { url: deepgram.url(), api_key: Some("k".into()), ..DeepgramSettings::default() };
    let speech = Arc::new(speech);
    let model = ChatCompletionsSettings { base_url: chat.base_url(), ..ChatCompletionsSettings::default() };
    let stt = SocketStt::new(Arc::new(DeepgramStt::new(Arc::clone(&speech)).unwrap()), fakes::dialer());
    let tts = SocketTts::new(Arc::new(DeepgramTts::new(speech).unwrap()), fakes::dialer());
    Vendors {
        stt: Chain::from(Arc::new(stt) as Arc<dyn Stt>),
        llm: Chain::from(Arc::new(ChatCompletions::new(model).unwrap()) as Arc<dyn Llm>),
        tts: Chain::from(Arc::new(tts) as Arc<dyn Tts>),
        turn_detector: None,
    }
}
