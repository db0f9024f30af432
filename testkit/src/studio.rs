//! A whole call without sockets: a caller and a carrier made of channels around the real session and
//! its stages.
//!
//! The studio is the carrier: every 20 ms it hands in a frame of the caller (voice or silence) and
//! plays a frame of what the gateway sent, returning marks when they are reached or cleared. It
//! writes down what the caller heard, words included where the voice marks them. Use it under
//! `#[tokio::test(start_paused = true)]`, or in real time where a vendor is behind a socket: frames keep to
//! their times then, however late the timer.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use voice_pipeline::audio::ulaw;
use voice_pipeline::event::{CallEvent, EndReason, EventKind, EventSink};
use voice_pipeline::line::{Fence, Inbound, Outbound};
use voice_pipeline::session::{self, CallSetup, Ends, Line};

use crate::ear::{Ear, Word};
pub use crate::fakes::speech::FakeVoice;
use crate::fakes::speech::speak;
use crate::vendors::locked;

mod setup;

pub use setup::{Cast, call_setup, marked_lines};

const FRAME: Duration = Duration::from_millis(20);
const FRAME_SAMPLES: usize = 160;

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
    ear: Ear,
    sent: Vec<u8>,
    received: Vec<u8>,
    /// Asks the call to end politely.
    pub close: CancellationToken,
}

enum Queued {
    Frame(Bytes),
    Mark(String),
}

/// Keeps every event of a call and when it came.
#[derive(Default)]
pub struct Recorder(Mutex<Vec<(Instant, CallEvent)>>);

impl EventSink for Recorder {
    fn emit(&self, event: CallEvent) {
        locked(&self.0).push((Instant::now(), event));
    }
}

impl Studio {
    /// Answers a call; the greeting is "Hello there."
    pub async fn answer(cast: Cast) -> Self {
        Self::answer_as(cast, |_| {}).await
    }

    /// The same, with other numbers or lines.
    pub async fn answer_as(cast: Cast, change: impl FnOnce(&mut CallSetup)) -> Self {
        let (inbound, inbound_rx) = mpsc::channel(64);
        let (outbound_tx, outbound) = mpsc::channel(64);
        let events = Arc::new(Recorder::default());
        let close = CancellationToken::new();
        let mut setup = call_setup(cast, Arc::clone(&events) as Arc<dyn EventSink>).await;
        change(&mut setup);
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
            ear: Ear::default(),
            sent: Vec::new(),
            received: Vec::new(),
            close,
        }
    }

    /// The caller speaks for so long.
    pub async fn speak(&mut self, span: Duration) {
        self.pass(span, true).await;
    }

    /// The caller says a text whose words can be read back.
    pub async fn say(&mut self, text: &str) {
        self.say_while(text, |_, _| {}).await;
    }

    /// The same; `watch` is called before every frame with how much was said.
    pub async fn say_while(&mut self, text: &str, mut watch: impl FnMut(&Self, Duration)) {
        let audio = Bytes::from(speak(text));
        for begin in (0..audio.len()).step_by(FRAME_SAMPLES) {
            watch(self, Duration::from_millis(begin as u64 / 8));
            self.tick_with(audio.slice(begin..begin + FRAME_SAMPLES)).await;
        }
    }

    /// The caller's telephone sends these bytes, cut into frames.
    pub async fn send(&mut self, ulaw: &[u8]) {
        for frame in ulaw.chunks(FRAME_SAMPLES) {
            self.tick_with(Bytes::copy_from_slice(frame)).await;
        }
    }

    /// The caller is silent until something is the case; false when it never was within `limit`.
    pub async fn wait_until(&mut self, limit: Duration, mut is_so: impl FnMut(&Self) -> bool) -> bool {
        let until = self.now + limit;
        while !is_so(self) {
            if self.now >= until {
                return false;
            }
            self.tick(false).await;
        }
        true
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
        (reason, self.moments, self.events.all())
    }

    /// What the caller experienced so far.
    pub fn moments(&self) -> &[(Duration, Moment)] {
        &self.moments
    }

    /// Time since the call was answered.
    pub fn now(&self) -> Duration {
        self.now
    }

    /// The words at the caller's ear so far.
    pub fn words(&self) -> Vec<Word> {
        self.ear.words()
    }

    /// What the caller's telephone has sent, byte for byte.
    pub fn sent(&self) -> &[u8] {
        &self.sent
    }

    /// What the gateway has sent the carrier, byte for byte.
    pub fn received(&self) -> &[u8] {
        &self.received
    }

    /// The events so far.
    pub fn events(&self) -> Vec<CallEvent> {
        self.events.all()
    }

    /// When an event of this name came, each time.
    pub fn times_of(&self, name: &str) -> Vec<Instant> {
        let events = locked(&self.events.0);
        events.iter().filter(|(_, event)| event.kind.name() == name).map(|(at, _)| *at).collect()
    }

    /// The texts of what the agent said so far, fixed lines included.
    pub fn said(&self) -> Vec<String> {
        let said = |event: &CallEvent| match &event.kind {
            EventKind::ReplyPiece { text, .. } => Some(text.expose().clone()),
            _ => None,
        };
        self.events.all().iter().filter_map(said).collect()
    }

    /// Whether an event of this name was seen.
    pub fn saw(&self, name: &str) -> bool {
        self.count(name) > 0
    }

    /// How many events of this name were seen.
    pub fn count(&self, name: &str) -> usize {
        locked(&self.events.0).iter().filter(|(_, event)| event.kind.name() == name).count()
    }

    async fn pass(&mut self, span: Duration, voice: bool) {
        let frames = span.as_millis() / FRAME.as_millis();
        for _ in 0..frames {
            self.tick(voice).await;
        }
    }

    /// 20 ms of the call.
    async fn tick(&mut self, voice: bool) {
        let frame = if voice { self.voice.frame() } else { silent_frame() };
        self.tick_with(frame).await;
    }

    async fn tick_with(&mut self, frame: Bytes) {
        self.now += FRAME;
        tokio::time::sleep_until(self.answered + self.now).await;
        self.sent.extend_from_slice(&frame);
        self.hand_in(Inbound::Audio(frame.into())).await;
        while let Ok(command) = self.outbound.try_recv() {
            self.take(command).await;
        }
        self.play().await;
    }

    async fn take(&mut self, command: Outbound) {
        match command {
            Outbound::Audio { ulaw, .. } => {
                self.received.extend_from_slice(&ulaw);
                for begin in (0..ulaw.len()).step_by(FRAME_SAMPLES) {
                    let frame = ulaw.slice(begin..ulaw.len().min(begin + FRAME_SAMPLES));
                    self.buffer.push_back(Queued::Frame(frame));
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
        let frame = match self.buffer.pop_front() {
            Some(Queued::Frame(frame)) => frame,
            Some(mark) => {
                self.buffer.push_front(mark);
                silent_frame()
            }
            None => silent_frame(),
        };
        let sound = frame.iter().any(|&byte| ulaw::decode(byte).unsigned_abs() > 500);
        self.ear.hear(&frame, sound);
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

impl Recorder {
    fn all(&self) -> Vec<CallEvent> {
        locked(&self.0).iter().map(|(_, event)| event.clone()).collect()
    }
}

/// 20 ms of silence as a carrier sends it.
pub fn silent_frame() -> Bytes {
    Bytes::from_static(&[ulaw::SILENCE; FRAME_SAMPLES])
}
