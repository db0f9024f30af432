//! The caller of a story: a voice, an ear, and a place in the row of stories.

use std::sync::{Arc, Weak};
use std::time::Duration;

use futures_util::StreamExt as _;
use tokio::sync::{Mutex, MutexGuard, OnceCell};
use tokio::task::spawn_blocking;
use voice_engines::runtime::Runtime;
use voice_engines::stt::{MoonshineStt, SttSettings};
use voice_engines::tts::{HibariTts, TtsSettings};
use voice_engines::weights::ModelSet;
use voice_engines::weights::testing::weights_or_skip;
use voice_gateway::phone::speech_activity::voiced_range;
use voice_gateway::phone::{LiveCall, Phone, PhoneSettings, Waited, wav};
use voice_pipeline::audio::SampleRate;
use voice_pipeline::audio::resample::resample;
use voice_pipeline::time::CallTime;
use voice_pipeline::vendors::tts::{SpeakRequest, Tts as _, TtsEvent};

use super::gateway::Gateway;

/// How long a caller waits for the agent on a busy machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// The agent has said everything after so much silence: more than any pause between two pieces or
/// around a quick tool.
const SILENCE: Duration = Duration::from_millis(1_300);

/// Silence that a recogniser gets around the words: 200 ms.
const MARGIN: usize = 1_600;

/// The caller's mouth and ear, loaded once.
#[derive(Clone)]
pub(crate) struct Engines {
    tts: Arc<HibariTts>,
    stt: Arc<MoonshineStt>,
}

impl Engines {
    fn load() -> Option<Self> {
        let paths = weights_or_skip(ModelSet::DEFAULT)?;
        let runtime = Runtime::load(&paths.onnxruntime).unwrap();
        let tts = HibariTts::load(runtime, &paths.tts, &TtsSettings::default()).unwrap();
        let stt = MoonshineStt::load(runtime, &paths.stt, SttSettings::default()).unwrap();
        Some(Self { tts: Arc::new(tts), stt: Arc::new(stt) })
    }

    /// A text as the line carries it.
    pub(crate) async fn voice(&self, text: &str) -> Vec<i16> {
        let request = SpeakRequest { text: text.into(), voice: "heart".into(), speed: 1.0 };
        let mut speech = self.tts.speak(request);
        let mut samples = Vec::new();
        while let Some(event) = speech.next().await {
            if let TtsEvent::Audio(part) = event.unwrap() {
                samples.extend(part);
            }
        }
        wav::to_line_rate(&samples, self.tts.sample_rate())
    }

    /// The words in a piece of the line.
    pub(crate) async fn understand(&self, line: &[i16]) -> String {
        let audio = resample(line, SampleRate::TELEPHONY, SampleRate::WIDEBAND);
        self.stt.recognise(&audio).await.unwrap()
    }
}

static TURN: Mutex<()> = Mutex::const_new(());
static ENGINES: OnceCell<Option<Engines>> = OnceCell::const_new();
static SHARED: Mutex<Weak<Gateway>> = Mutex::const_new(Weak::new());

/// A story's turn: while it is held, no other story runs.
pub(crate) struct Story {
    pub(crate) engines: Engines,
    _turn: MutexGuard<'static, ()>,
}

impl Story {
    /// Waits for the turn; `None`, after saying so, when there are no weights.
    pub(crate) async fn begin() -> Option<Self> {
        let turn = TURN.lock().await;
        let load = async || spawn_blocking(Engines::load).await.unwrap();
        match ENGINES.get_or_init(load).await {
            Some(engines) => Some(Self { engines: engines.clone(), _turn: turn }),
            None => {
                // The story that came first has said why; every other one says that it is skipped.
                voice_engines::weights::testing::skip("the engines' weights are not there");
                None
            }
        }
    }

    /// Waits for the turn, with the gateway that stories share.
    ///
    /// It is taken hold of before the wait already, so that it outlives the stories before.
    pub(crate) async fn begin_at_shared_gateway() -> Option<(Self, Arc<Gateway>)> {
        let held = SHARED.lock().await.upgrade();
        let story = Self::begin().await?;
        let gateway = match held {
            Some(gateway) => gateway,
            None => shared_gateway().await,
        };
        Some((story, gateway))
    }

    /// A gateway with these settings, for this story alone.
    pub(crate) async fn gateway(&self, settings: &[(&str, &str)]) -> Gateway {
        let settings: Vec<_> = settings.iter().map(|&(name, value)| (name.to_owned(), value.to_owned())).collect();
        spawn_blocking(move || Gateway::start(&settings)).await.unwrap()
    }

    /// Calls a gateway.
    pub(crate) async fn call(&self, gateway: &Gateway) -> Caller {
        self.call_with(gateway.phone()).await
    }

    /// Calls with a phone.
    pub(crate) async fn call_with(&self, phone: PhoneSettings) -> Caller {
        let live = Box::pin(Phone::dial(phone)).await.unwrap();
        Caller { live, engines: self.engines.clone(), understood: CallTime::ZERO }
    }
}

/// A gateway with the usual settings. It lives as long as any story holds it, so the last one ends it.
async fn shared_gateway() -> Arc<Gateway> {
    let mut shared = SHARED.lock().await;
    if let Some(gateway) = shared.upgrade() {
        return gateway;
    }
    let gateway = Arc::new(spawn_blocking(|| Gateway::start(&[])).await.unwrap());
    *shared = Arc::downgrade(&gateway);
    gateway
}

/// A caller in a call.
pub(crate) struct Caller {
    pub(crate) live: LiveCall,
    engines: Engines,
    /// Up to when the agent's words have been understood.
    understood: CallTime,
}

impl Caller {
    /// The carrier's id of the call.
    pub(crate) fn sid(&self) -> String {
        self.live.sids().call.clone()
    }

    /// Waits until the agent has said all it has to say; gives what was audible since last time.
    pub(crate) async fn hears(&mut self) -> String {
        let waited = self.live.wait_until_agent_finishes(PATIENCE).await;
        assert_eq!(waited, Waited::Happened, "the agent says nothing");
        self.live.wait_until_agent_is_quiet_for(SILENCE, PATIENCE).await;
        let now = self.live.clock().now();
        let line = self.live.heard_between(self.understood, now);
        self.understood = now;
        // Long silence around a few words makes a recogniser imagine music.
        let audible = voiced_range(&line).expect("the agent was audible");
        let line = &line[audible.start.saturating_sub(MARGIN)..(audible.end + MARGIN).min(line.len())];
        self.engines.understand(line).await
    }

    /// Says a line, and hears the answer.
    pub(crate) async fn says(&mut self, text: &str) -> String {
        self.plays(&self.engines.voice(text).await).await
    }

    /// Plays speech, and hears the answer.
    pub(crate) async fn plays(&mut self, line: &[i16]) -> String {
        self.live.speak(line).await.unwrap();
        self.hears().await
    }

    /// Presses keys, and hears the answer.
    pub(crate) async fn presses(&mut self, keys: &str) -> String {
        self.live.press(keys).unwrap();
        self.hears().await
    }
}
