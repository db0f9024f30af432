//! Everything about a call between the parts of a test: one agent, one voice, the default numbers.

use std::sync::Arc;
use std::time::Duration;

use voice_pipeline::audio::playout::PlayoutSettings;
use voice_pipeline::event::EventSink;
use voice_pipeline::session::lines::{FixedLines, LineTexts};
use voice_pipeline::session::{CallSetup, Vendors};
use voice_pipeline::stages::tts::Voice;
use voice_pipeline::tools::Tools;
use voice_pipeline::turn::TurnPolicy;
use voice_pipeline::vad::VadSettings;
use voice_pipeline::vendors::chain::Chain;
use voice_pipeline::vendors::llm::Llm;
use voice_pipeline::vendors::stt::Stt;
use voice_pipeline::vendors::tts::Tts;

use crate::vendors::{MarkedTts, SureDetector, ToneTts};

/// The parts of a call that a test wants to be its own.
pub struct Cast {
    /// Ears.
    pub stt: Chain<dyn Stt>,
    /// Brains.
    pub llm: Chain<dyn Llm>,
    /// Mouths.
    pub tts: Chain<dyn Tts>,
    /// The hands.
    pub tools: Arc<dyn Tools>,
    /// The numbers of turn-taking.
    pub policy: TurnPolicy,
}

/// The fixed lines of [`call_setup`], spoken so that their words can be read back.
pub async fn marked_lines() -> Arc<FixedLines> {
    let lines = FixedLines::synthesise(texts(), &MarkedTts, &Arc::from("marked"), 1.0).await;
    Arc::new(lines.expect("marked speech never fails"))
}

/// Everything about a call between the parts of a test: one agent, one voice, the default numbers.
/// The greeting is "Hello there."
pub async fn call_setup(cast: Cast, events: Arc<dyn EventSink>) -> CallSetup {
    let voice = Voice { name: "tone".into(), speed: 1.0, patience: Duration::from_secs(3) };
    let lines = FixedLines::synthesise(texts(), &ToneTts::new(), &voice.name, 1.0).await;
    CallSetup {
        call_id: "CA1".into(),
        agent: "test".into(),
        from: "+15550100".to_owned().into(),
        to: "+15550199".to_owned().into(),
        system_prompt: "Be kind.".into(),
        time_zone: jiff::tz::TimeZone::UTC,
        normalise: Arc::new(|text: &str| text.replace("tea time", "tee time")),
        lines: Arc::new(lines.expect("the tone never fails")),
        voice,
        tools: cast.tools,
        max_tool_calls: 3,
        policy: cast.policy,
        vad: VadSettings::default(),
        referee: None,
        playout: PlayoutSettings::default(),
        playout_lead: Duration::from_secs(1),
        vendors: Vendors { stt: cast.stt, llm: cast.llm, tts: cast.tts, turn_detector: Some(Arc::new(SureDetector)) },
        events,
    }
}

fn texts() -> LineTexts {
    LineTexts {
        greeting: "Hello there.".into(),
        still_there: vec!["Are you still there?".into()],
        fillers: vec!["One moment, please.".into()],
        didnt_hear: "Sorry, I didn't catch that.".into(),
        silence_goodbye: "I can't hear you. Goodbye!".into(),
        apology: "I'm sorry, something is wrong. Goodbye!".into(),
        closing: "I have to go. Goodbye!".into(),
        goodbye: "Goodbye!".into(),
        begin_again: "Sorry, let me say that again.".into(),
        tool_fillers: vec!["Let me look at searchTeeTimes.".into(), "Let me look at bookTeeTime.".into()],
    }
}
