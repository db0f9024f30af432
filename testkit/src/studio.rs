//! A whole call without sockets: a caller and a carrier made of channels around the real session and
//! its stages.
//!
//! The studio is the carrier: every 20 ms it hands in a frame of the caller (voice or silence) and
//! plays a frame of what the gateway sent, returning marks when they are reached or cleared. It
//! writes down what the caller heard. Use it under `#[tokio::test(start_paused = true)]`, or in real
//! time where a vendor is behind a socket: frames keep to their times then, however late the timer.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use voice_pipeline::audio::playout::PlayoutSettings;
use voice_pipeline::audio::ulaw;
use voice_pipeline::event::{CallEvent, EndReason, EventKind, EventSink};
use voice_pipeline::line::{Fence, Inbound, Outbound};
use voice_pipeline::session::lines::{FixedLines, LineTexts};
use voice_pipeline::session::{self, CallSetup, Ends, Line, Vendors};
use voice_pipeline::stages::tts::Voice;
use voice_pipeline::tools::Tools;
use voice_pipeline::turn::TurnPolicy;
use voice_pipeline::vad::VadSettings;
use voice_pipeline::vendors::chain::Chain;
use voice_pipeline::vendors::llm::Llm;
use voice_pipeline::vendors::stt::Stt;
use voice_pipeline::vendors::tts::Tts;

pub use crate::fakes::speech::FakeVoice;
use crate::vendors::{SureDetector, locked};

const FRAME: Duration = Duration::from_millis(20);
const FRAME_SAMPLES: usize = 160;

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

/// What happened to the caller, by the carrier's clock.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Moment {
    /// The agent became audible.
    AgentStarted,
    /// The agent fell silent.
    AgentStopped,
    /// The carrier's buffer was cleared.
    Cleared,
    /// The gateway ended the call.
    HungUp,
}

/// A running call.
pub struct Studio {
    inbound: Option<mpsc::Sender<Inbound>>,
    outbound: mpsc::Receiver<Outbound>,
    call: JoinSet<EndReason>,
    events: Arc<Recorder>,
    buffer: VecDeque<Queued>,
    audible: bool,
    answered: Instant,
    now: Duration,
    moments: Vec<(Duration, Moment)>,
    voice: FakeVoice,
    /// Asks the call to end politely.
    pub close: CancellationToken,
}

enum Queued {
    Frame { sound: bool },
    Mark(String),
}

/// Keeps every event of a call.
#[derive(Default)]
pub struct Recorder(Mutex<Vec<CallEvent>>);

impl EventSink for Recorder {
    fn emit(&self, event: CallEvent) {
        locked(&self.0).push(event);
    }
}

impl Studio {
    /// Answers a call; the greeting is "Hello there."
    pub async fn answer(cast: Cast) -> Self {
        let (inbound, inbound_rx) = mpsc::channel(64);
        let (outbound_tx, outbound) = mpsc::channel(64);
        let events = Arc::new(Recorder::default());
        let close = CancellationToken::new();
        let setup = call_setup(cast, Arc::clone(&events) as Arc<dyn EventSink>).await;
        let line = Line { inbound: inbound_rx, outbound: outbound_tx, fence: Fence::default() };
        let ends = Ends { close: close.clone(), cancel: CancellationToken::new() };
        let mut call = JoinSet::new();
        call.spawn(session::run(setup, line, ends));
        Self {
            inbound: Some(inbound),
            outbound,
            call,
            events,
            buffer: VecDeque::new(),
            audible: false,
            answered: Instant::now(),
            now: Duration::ZERO,
            moments: Vec::new(),
            voice: FakeVoice::default(),
            close,
        }
    }

    /// The caller speaks for so long.
    pub async fn speak(&mut self, span: Duration) {
        self.pass(span, true).await;
    }

    /// The caller is silent for so long.
    pub async fn wait(&mut self, span: Duration) {
        self.pass(span, false).await;
    }

    /// The caller is silent until the agent has been silent for a second.
    pub async fn listen(&mut self) {
        let mut quiet = Duration::ZERO;
        let mut waited = Duration::ZERO;
        while quiet < Duration::from_secs(1) && waited < Duration::from_secs(60) {
            self.tick(false).await;
            waited += FRAME;
            quiet = if self.audible || !self.buffer.is_empty() { Duration::ZERO } else { quiet + FRAME };
        }
    }

    /// The caller presses keys.
    pub async fn press(&mut self, keys: &str) {
        for key in keys.chars() {
            self.hand_in(Inbound::Digit(key)).await;
            self.wait(FRAME * 10).await;
        }
    }

    /// The caller hangs up; gives the reason the call ended for and how long its tasks lived on.
    pub async fn hang_up(mut self) -> (EndReason, Duration) {
        self.hand_in(Inbound::HungUp).await;
        self.inbound = None;
        let begun = Instant::now();
        let reason = self.call.join_next().await.expect("one call was spawned").expect("the call does not panic");
        (reason, begun.elapsed())
    }

    /// Waits until the gateway has ended the call.
    pub async fn until_ended(mut self) -> (EndReason, Vec<(Duration, Moment)>, Vec<CallEvent>) {
        for _ in 0..20_000 {
            if self.moments.iter().any(|(_, moment)| *moment == Moment::HungUp) {
                break;
            }
            self.tick(false).await;
        }
        self.inbound = None;
        let reason = self.call.join_next().await.expect("one call was spawned").expect("the call does not panic");
        let events = std::mem::take(&mut *locked(&self.events.0));
        (reason, self.moments, events)
    }

    /// What the caller experienced so far.
    pub fn moments(&self) -> &[(Duration, Moment)] {
        &self.moments
    }

    /// Time since the call was answered.
    pub fn now(&self) -> Duration {
        self.now
    }

    /// The events so far.
    pub fn events(&self) -> Vec<CallEvent> {
        locked(&self.events.0).clone()
    }

    /// The texts of what the agent said so far, fixed lines included.
    pub fn said(&self) -> Vec<String> {
        let said = |event: &CallEvent| match &event.kind {
            EventKind::ReplyPiece { text, .. } => Some(text.expose().clone()),
            _ => None,
        };
        locked(&self.events.0).iter().filter_map(said).collect()
    }

    /// Whether an event of this name was seen.
    pub fn saw(&self, name: &str) -> bool {
        locked(&self.events.0).iter().any(|event| event.kind.name() == name)
    }

    async fn pass(&mut self, span: Duration, voice: bool) {
        let frames = span.as_millis() / FRAME.as_millis();
        for _ in 0..frames {
            self.tick(voice).await;
        }
    }

    /// 20 ms of the call.
    async fn tick(&mut self, voice: bool) {
        self.now += FRAME;
        tokio::time::sleep_until(self.answered + self.now).await;
        let frame = if voice { self.voice.frame() } else { silent_frame() };
        self.hand_in(Inbound::Audio(frame.into())).await;
        while let Ok(command) = self.outbound.try_recv() {
            self.take(command).await;
        }
        self.play().await;
    }

    async fn take(&mut self, command: Outbound) {
        match command {
            Outbound::Audio { ulaw, .. } => {
                for frame in ulaw.chunks(FRAME_SAMPLES) {
                    let sound = frame.iter().any(|&byte| ulaw::decode(byte).unsigned_abs() > 500);
                    self.buffer.push_back(Queued::Frame { sound });
                }
            }
            Outbound::Mark { name, .. } if self.buffer.is_empty() => self.hand_in(Inbound::Mark(name)).await,
            Outbound::Mark { name, .. } => self.buffer.push_back(Queued::Mark(name)),
            Outbound::Clear => {
                self.moments.push((self.now, Moment::Cleared));
                for queued in std::mem::take(&mut self.buffer) {
                    if let Queued::Mark(name) = queued {
                        self.hand_in(Inbound::Mark(name)).await;
                    }
                }
            }
            Outbound::HangUp => self.moments.push((self.now, Moment::HungUp)),
        }
    }

    async fn play(&mut self) {
        let sound = match self.buffer.pop_front() {
            Some(Queued::Frame { sound }) => sound,
            Some(mark) => {
                self.buffer.push_front(mark);
                false
            }
            None => false,
        };
        if sound != self.audible {
            self.audible = sound;
            self.moments.push((self.now, if sound { Moment::AgentStarted } else { Moment::AgentStopped }));
        }
        while let Some(Queued::Mark(_)) = self.buffer.front() {
            if let Some(Queued::Mark(name)) = self.buffer.pop_front() {
                self.hand_in(Inbound::Mark(name)).await;
            }
        }
    }

    async fn hand_in(&mut self, inbound: Inbound) {
        if let Some(line) = &self.inbound {
            // A call that is over takes nothing any more.
            let _ = line.send(inbound).await;
        }
    }
}

/// Everything about a call between the parts of a test: one agent, one voice, the default numbers.
/// The greeting is "Hello there."
pub async fn call_setup(cast: Cast, events: Arc<dyn EventSink>) -> CallSetup {
    let voice = Voice { name: "tone".into(), speed: 1.0, patience: Duration::from_secs(3) };
    let lines = FixedLines::synthesise(texts(), &crate::vendors::ToneTts::new(), &voice.name, 1.0).await;
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

/// 20 ms of silence as a carrier sends it.
pub fn silent_frame() -> Bytes {
    Bytes::from_static(&[ulaw::SILENCE; FRAME_SAMPLES])
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
        tool_fillers: vec!["Let me look at searchTeeTimes.".into(), "Let me look at bookTeeTime.".into()],
    }
}
