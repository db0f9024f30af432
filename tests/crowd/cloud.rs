//! The vendors of a crowd: a Deepgram and a chat-completions server that repeats what it hears.

use std::time::Duration;

use tokio::task::spawn_blocking;
use tokio::time::{interval, timeout};
use voice_pipeline::audio::ulaw;
use voice_testkit::fakes::chat::{self, ChatPlan, FakeChat};
use voice_testkit::fakes::deepgram::{self, DeepgramPlan, FakeDeepgram, Route};
use voice_testkit::fakes::speech;

use super::gateway::Gateway;

/// How long sockets to the vendors may outlive the calls they served.
const LEFT_WITHIN: Duration = Duration::from_secs(5);

pub(crate) struct Cloud {
    deepgram: FakeDeepgram,
    chat: FakeChat,
}

impl Cloud {
    pub(crate) fn open() -> Self {
        Self {
            deepgram: FakeDeepgram::start(DeepgramPlan::default(), deepgram::unobserved()).unwrap(),
            chat: FakeChat::start(ChatPlan::default(), chat::unobserved()).unwrap(),
        }
    }

    /// A gateway with nothing but these vendors, once it takes calls.
    pub(crate) async fn gateway(&self, settings: &[(&str, &str)]) -> Gateway {
        let (deepgram, chat) = (self.deepgram.url(), self.chat.base_url());
        let vendors = [
            ("STT_VENDOR", "deepgram"),
            ("TTS_VENDOR", "deepgram"),
            ("DEEPGRAM_URL", &*deepgram),
            ("DEEPGRAM_API_KEY", "secret"),
            ("LLM_VENDOR", "chat"),
            ("LLM_BASE_URL", &*chat),
        ];
        let settings = vendors.iter().chain(settings).map(|&(name, value)| (name.to_owned(), value.to_owned()));
        let settings: Vec<_> = settings.collect();
        spawn_blocking(move || Gateway::start(&settings)).await.unwrap()
    }

    /// Nobody talks to the recogniser or the voice any more.
    pub(crate) async fn is_left_alone(&self) {
        let open = || (self.deepgram.open(Route::Listen), self.deepgram.open(Route::Speak));
        let left = timeout(LEFT_WITHIN, async {
            let mut look = interval(Duration::from_millis(20));
            while open() != (0, 0) {
                look.tick().await;
            }
        });
        assert!(left.await.is_ok(), "(ears, mouths) still open: {:?}", open());
    }
}

/// A sentence as a caller's phone sends it.
pub(crate) fn voice(text: &str) -> Vec<i16> {
    speech::speak(text).into_iter().map(ulaw::decode).collect()
}
