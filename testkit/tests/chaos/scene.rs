//! The vendors of a case: two of each kind on loopback, and the chains a call asks them in.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::Value;
use tokio::net::TcpSocket;
use tokio::runtime::Handle;
use tokio::time::{interval, timeout};
use voice_pipeline::net::http::chat_completions::ChatCompletions;
use voice_pipeline::net::stt::SocketStt;
use voice_pipeline::net::tts::SocketTts;
use voice_pipeline::tools::{Effect, Tools};
use voice_pipeline::turn::TurnPolicy;
use voice_pipeline::vendors::chain::Chain;
use voice_pipeline::vendors::deepgram::DeepgramSettings;
use voice_pipeline::vendors::llm::Llm;
use voice_pipeline::vendors::llm::chat_completions::ChatCompletionsSettings;
use voice_pipeline::vendors::stt::Stt;
use voice_pipeline::vendors::stt::deepgram::DeepgramStt;
use voice_pipeline::vendors::tts::Tts;
use voice_pipeline::vendors::tts::deepgram::DeepgramTts;
use voice_testkit::fakes;
use voice_testkit::fakes::chat::{self, ChatPlan, FakeChat};
use voice_testkit::fakes::deepgram::{DeepgramPlan, FakeDeepgram, Route, unobserved};
use voice_testkit::fakes::fault::FaultKind;
use voice_testkit::studio::{Cast, Studio, marked_lines};
use voice_testkit::vendors::{ScriptedTools, locked};

use crate::call::Call;

/// How long a call's tasks and sockets may live on after it.
const GONE_WITHIN: Duration = Duration::from_millis(1_500);

pub(crate) const fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// What a model saw, in order.
pub(crate) type ChatLog = Arc<Mutex<Vec<chat::Seen>>>;

/// Where the vendors are dialled, first choice first.
pub(crate) struct Addresses {
    pub(crate) ears: Vec<String>,
    pub(crate) brains: Vec<String>,
    pub(crate) mouths: Vec<String>,
    /// A model in this process, behind those that are dialled.
    pub(crate) last_brain: Option<Arc<dyn Llm>>,
    /// Taken and not listened at, so that nobody else of this process does.
    nowhere: TcpSocket,
}

impl Addresses {
    /// Host and port where a connection is refused.
    pub(crate) fn nowhere(&self) -> SocketAddr {
        self.nowhere.local_addr().unwrap()
    }

    /// The first choice of every kind and nobody else.
    pub(crate) fn alone(&mut self) {
        self.ears.truncate(1);
        self.brains.truncate(1);
        self.mouths.truncate(1);
    }
}

/// The vendors of one case and the numbers of its calls.
pub(crate) struct Scene {
    /// The first choice to listen and to speak, and who stands in.
    pub(crate) first: FakeDeepgram,
    pub(crate) second: FakeDeepgram,
    /// The first choice to think, and who stands in.
    pub(crate) chat: FakeChat,
    pub(crate) chat2: FakeChat,
    pub(crate) chat_seen: ChatLog,
    chat2_seen: ChatLog,
    pub(crate) policy: TurnPolicy,
    /// How long a piece's next audio may take.
    pub(crate) patience: Duration,
    /// The tools that ran to their end.
    pub(crate) tools_finished: Arc<Mutex<Vec<String>>>,
    tools: Arc<dyn Tools>,
    chains: (Chain<dyn Stt>, Chain<dyn Llm>, Chain<dyn Tts>),
    _nowhere: TcpSocket,
    tasks_before: usize,
}

impl Scene {
    /// One vendor of each kind.
    pub(crate) fn alone() -> Self {
        Self::with(Addresses::alone)
    }

    /// Two of each kind.
    pub(crate) fn with_stand_ins() -> Self {
        Self::with(|_| {})
    }

    /// Those that `choose` leaves.
    pub(crate) fn with(choose: impl FnOnce(&mut Addresses)) -> Self {
        // Another case of this process may have been first.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let [chat_seen, chat2_seen] = [ChatLog::default(), ChatLog::default()];
        let first = FakeDeepgram::start(DeepgramPlan::default(), unobserved()).unwrap();
        let second = FakeDeepgram::start(DeepgramPlan::default(), unobserved()).unwrap();
        let chat = FakeChat::start(ChatPlan::default(), chat_log(&chat_seen)).unwrap();
        let chat2 = FakeChat::start(ChatPlan::default(), chat_log(&chat2_seen)).unwrap();
        let sockets = vec![first.url(), second.url()];
        let nowhere = TcpSocket::new_v4().unwrap();
        nowhere.bind((Ipv4Addr::LOCALHOST, 0).into()).unwrap();
        let brains = vec![chat.base_url(), chat2.base_url()];
        let mut addresses = Addresses { ears: sockets.clone(), brains, mouths: sockets, last_brain: None, nowhere };
        choose(&mut addresses);
        let tasks_before = Handle::current().metrics().num_alive_tasks();
        let tools = ScriptedTools::new(&[
            ("bookTeeTime", Effect::Changes, ms(150), r#"{"code":"GV1"}"#),
            ("searchTeeTimes", Effect::Reads, ms(1_400), r#"{"slots":["10:00"]}"#),
        ]);
        Self {
            first,
            second,
            chat,
            chat2,
            chat_seen,
            chat2_seen,
            policy: TurnPolicy::default(),
            patience: ms(700),
            tools_finished: tools.finished(),
            tools: Arc::new(tools),
            chains: chains(&addresses),
            _nowhere: addresses.nowhere,
            tasks_before,
        }
    }

    /// A call is answered.
    pub(crate) async fn call(&self) -> Call {
        let (stt, llm, tts) = self.chains.clone();
        let cast = Cast { stt, llm, tts, tools: Arc::clone(&self.tools), policy: self.policy.clone() };
        let lines = marked_lines().await;
        let studio = Studio::answer_as(cast, |setup| {
            setup.voice.patience = self.patience;
            setup.lines = lines;
        });
        Call::new(studio.await)
    }

    /// The handshakes that the first choice and its stand-in were asked for.
    pub(crate) fn handshakes(&self, route: Route) -> (u64, u64) {
        (self.first.requests(route), self.second.requests(route))
    }

    /// The bodies of all requests for an answer, in order, of both models.
    pub(crate) fn asked(&self) -> Vec<Arc<Value>> {
        let body = |seen: &chat::Seen| match seen {
            chat::Seen::Request { at, body, .. } => Some((*at, Arc::clone(body))),
            _ => None,
        };
        let logs = [&self.chat_seen, &self.chat2_seen];
        let mut asked: Vec<_> =
            logs.iter().flat_map(|log| locked(log).iter().filter_map(body).collect::<Vec<_>>()).collect();
        asked.sort_by_key(|(at, _)| *at);
        asked.into_iter().map(|(_, body)| body).collect()
    }

    /// The caller hangs up, and nothing of the call is left.
    pub(crate) async fn ends_with(self, call: Call) {
        call.hang_up().await;
        self.leaves_nothing().await;
    }

    /// The same, where sockets stall.
    pub(crate) async fn ends_stalled_with(self, call: Call) {
        call.hang_up().await;
        self.release_stalled();
        self.leaves_nothing().await;
    }

    /// The calls are over: no task and no socket of them is left.
    pub(crate) async fn leaves_nothing(self) {
        let Self { first, second, chat, chat2, chains, tasks_before, .. } = self;
        // Connections to the models are kept for the next call until nobody can make one.
        drop(chains);
        let left = || {
            let open = |fake: &FakeDeepgram| fake.open(Route::Listen) + fake.open(Route::Speak);
            let sockets = open(&first) + open(&second) + chat.counts().open + chat2.counts().open;
            (Handle::current().metrics().num_alive_tasks().saturating_sub(tasks_before), sockets)
        };
        let gone = async {
            let mut look = interval(ms(10));
            while left() != (0, 0) {
                look.tick().await;
            }
        };
        let gone = timeout(GONE_WITHIN, gone).await;
        assert!(gone.is_ok(), "(tasks, sockets) are left: {:?}", left());
    }

    /// Breaks the sockets that stall: their side of them does not notice that the other one is gone.
    pub(crate) fn release_stalled(&self) {
        for route in [Route::Listen, Route::Speak] {
            self.first.break_all(route, &FaultKind::Reset);
            self.second.break_all(route, &FaultKind::Reset);
        }
    }
}

fn chat_log(log: &ChatLog) -> chat::Observer {
    let log = Arc::clone(log);
    Arc::new(move |seen| locked(&log).push(seen))
}

fn chains(addresses: &Addresses) -> (Chain<dyn Stt>, Chain<dyn Llm>, Chain<dyn Tts>) {
    let dialer = fakes::dialer();
    let is_alone = addresses.brains.len() == 1 && addresses.last_brain.is_none();
    let ears = addresses.ears.iter().map(|url| {
        let vendor = DeepgramStt::new(settings(url)).unwrap();
        Arc::new(SocketStt::new(Arc::new(vendor), dialer.clone())) as Arc<dyn Stt>
    });
    let mouths = addresses.mouths.iter().map(|url| {
        let vendor = DeepgramTts::new(settings(url)).unwrap();
        Arc::new(SocketTts::new(Arc::new(vendor), dialer.clone())) as Arc<dyn Tts>
    });
    let brains = addresses.brains.iter().zip(["chat", "chat2"]).map(|(url, name)| {
        let settings = ChatCompletionsSettings {
            name,
            asks_again: is_alone,
            base_url: url.clone(),
            connect_timeout: ms(600),
            first_token_timeout: ms(1_200),
            idle_timeout: ms(1_200),
            ..ChatCompletionsSettings::default()
        };
        Arc::new(ChatCompletions::new(settings).unwrap()) as Arc<dyn Llm>
    });
    (chain(ears), chain(brains.chain(addresses.last_brain.clone())), chain(mouths))
}

fn chain<V: ?Sized>(vendors: impl Iterator<Item = Arc<V>>) -> Chain<V> {
    let mut vendors = vendors;
    Chain::new(vendors.next().expect("a case has a first choice"), vendors)
}

fn settings(url: &str) -> Arc<DeepgramSettings> {
    Arc::new(DeepgramSettings {
        api_key: Some("KEY".into()),
        url: url.to_owned(),
        connect_timeout: ms(600),
        final_timeout: ms(600),
        ..DeepgramSettings::default()
    })
}
