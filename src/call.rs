//! One call: joins the carrier's line and an agent, and runs the pipeline between them.
//!
//! The [`Switchboard`] is what the gateway hands its calls to. It knows the agents, who hears,
//! thinks and speaks for each, and the backend their tools call. It renders the
//! agent's instructions for this caller, starts the pipeline's session with the line's channels,
//! and returns when no task of the call is left.
//!
//! Not here: sockets and signatures (`telephony`), when the floor passes (the pipeline).

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use tokio_util::sync::CancellationToken;
use tracing::{Instrument as _, info_span};
use voice_pipeline::audio::playout::PlayoutSettings;
use voice_pipeline::chat::ToolCall;
use voice_pipeline::event::{CallEvent, EventKind, EventSink};
use voice_pipeline::pii::Pii;
use voice_pipeline::session::lines::{FixedLines, LineTexts};
use voice_pipeline::session::{self, CallSetup, Ends, Line, Vendors};
use voice_pipeline::stages::tts::Voice;
use voice_pipeline::time::{CallClock, CallTime};
use voice_pipeline::tools::{Effect, ToolOutcome, ToolSpec, Tools};
use voice_pipeline::turn::TurnPolicy;
use voice_pipeline::vad::{Referee, VadSettings};
use voice_pipeline::vendors::VendorError;

use crate::agent::{Agent, Agents, CallFacts, TRANSFER_TO_PERSON};
use crate::backend::{BackendClient, BackendTools};
use crate::recording::recorder::{CallRecording, Recorder};
use crate::telephony::admission::Turned;
use crate::telephony::after_stream::AfterStream;
use crate::telephony::tap::{Listener, Tap};
use crate::telephony::{AgentLine, CallHost, CarrierEvent, IncomingCall};

mod recorded;

/// The numbers of every call.
#[derive(Debug, Clone, PartialEq)]
pub struct CallSettings {
    /// When the floor passes. Its longest call is the agent's.
    pub policy: TurnPolicy,
    /// When there is speech.
    pub vad: VadSettings,
    /// How the carrier's playout is estimated.
    pub playout: PlayoutSettings,
    /// `PLAYOUT_LEAD`: how far ahead of the caller's ear audio is sent. Default `1s`.
    pub playout_lead: Duration,
    /// `TTS_TIMEOUT`: how long the synthesiser may take for the next audio. Default `2s`.
    pub tts_timeout: Duration,
}

impl Default for CallSettings {
    fn default() -> Self {
        Self {
            policy: TurnPolicy::default(),
            vad: VadSettings::default(),
            playout: PlayoutSettings::default(),
            playout_lead: Duration::from_secs(1),
            tts_timeout: Duration::from_secs(2),
        }
    }
}

/// Makes a judge of speech for one call.
pub type RefereeOfCall = Arc<dyn Fn() -> Box<dyn Referee> + Send + Sync>;

/// An agent with its ears, brain and mouth, and its synthesised lines.
pub struct Desk {
    agent: Arc<Agent>,
    vendors: Vendors,
    /// Judges noise.
    referee: Option<RefereeOfCall>,
    lines: Arc<FixedLines>,
}

impl Desk {
    /// A desk whose lines are spoken when they are wanted, like everything else the agent says.
    pub fn new(agent: Arc<Agent>, vendors: Vendors, referee: Option<RefereeOfCall>) -> Self {
        let lines = Arc::new(FixedLines::silent(line_texts(&agent)));
        Self { agent, vendors, referee, lines }
    }

    /// The agent's name.
    pub fn agent_name(&self) -> &str {
        &self.agent.name
    }

    /// Synthesises the agent's fixed lines by the first voice that can.
    ///
    /// # Errors
    /// The last voice's, for the first line it cannot speak.
    pub async fn record_lines(&mut self) -> Result<(), VendorError> {
        let (name, speed) = (voice_name(&self.agent), self.agent.speed);
        let mut recorded = Ok(());
        for voice in self.vendors.tts.vendors() {
            let texts = line_texts(&self.agent);
            match FixedLines::synthesise(texts, voice.as_ref(), &name, speed).await {
                Ok(lines) => {
                    self.lines = Arc::new(lines);
                    return Ok(());
                }
                Err(error) => {
                    tracing::warn!(vendor = voice.name(), %error, "cannot speak the fixed lines");
                    recorded = Err(error);
                }
            }
        }
        recorded
    }
}

/// Takes the gateway's calls. Until its desks are open it answers nothing.
pub struct Switchboard {
    agents: Arc<Agents>,
    staff: OnceLock<Staff>,
    backend: Arc<BackendClient>,
    settings: CallSettings,
    events: Arc<dyn EventSink>,
    recorder: Option<Recorder>,
    close: CancellationToken,
    /// When the calls that are up were answered, for what the carrier reports beside the stream.
    clocks: Mutex<HashMap<Arc<str>, CallClock>>,
}

/// Who answers, once the engines are loaded.
type Staff = HashMap<Arc<str>, Desk>;

impl fmt::Debug for Switchboard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Switchboard").field("staffed", &self.staff.get().is_some()).finish_non_exhaustive()
    }
}

impl Switchboard {
    /// A switchboard that knows its agents, but whose desks are not open yet.
    pub fn new(
        agents: Arc<Agents>,
        backend: Arc<BackendClient>,
        settings: CallSettings,
        events: Arc<dyn EventSink>,
    ) -> Self {
        Self {
            agents,
            staff: OnceLock::new(),
            backend,
            settings,
            events,
            recorder: None,
            close: CancellationToken::new(),
            clocks: Mutex::default(),
        }
    }

    /// Has every call recorded.
    pub fn record_with(self, recorder: Recorder) -> Self {
        Self { recorder: Some(recorder), ..self }
    }

    /// Calls are answered from now on. Only the first time counts.
    pub fn open(&self, desks: Vec<Desk>) {
        let staff = desks.into_iter().map(|desk| (Arc::clone(&desk.agent.name), desk)).collect();
        // A second opening would change agents under running calls.
        let _ = self.staff.set(staff);
    }

    /// Every running call says its closing line and ends.
    pub fn close_calls(&self) {
        self.close.cancel();
    }

    async fn answer(&self, call: IncomingCall) {
        let IncomingCall { line, leg, cancel, after } = call;
        let Some(staff) = self.staff.get() else { return };
        let Some(desk) = staff.get(&leg.agent) else { return };
        let agent = &desk.agent;
        let facts = CallFacts {
            caller_number: leg.from.clone(),
            dialled_number: leg.to.expose().clone(),
            now: jiff::Zoned::now(),
            custom: Pii::new(leg.parameters),
        };
        let system_prompt = match agent.system_prompt(&facts) {
            Ok(prompt) => prompt,
            Err(error) => {
                // The template was rendered once at start-up; a caller's parameters can still break it.
                tracing::error!(agent = %agent.name, %error, "instructions cannot be rendered for this call");
                return;
            }
        };
        let tools = CallTools {
            backend: BackendTools::new(Arc::clone(agent), Arc::clone(&self.backend), Arc::clone(&leg.call_sid)),
            person: agent.person_number.clone(),
            after,
        };
        let normalising = Arc::clone(agent);
        let setup = CallSetup {
            call_id: Arc::clone(&leg.call_sid),
            agent: Arc::clone(&agent.name),
            from: leg.from,
            to: leg.to,
            system_prompt,
            time_zone: agent.timezone.clone(),
            normalise: Arc::new(move |text: &str| normalising.normalise(text)),
            lines: Arc::clone(&desk.lines),
            voice: Voice { name: voice_name(agent), speed: agent.speed, patience: self.settings.tts_timeout },
            tools: Arc::new(tools),
            max_tool_calls: agent.limits.max_tool_calls_per_turn,
            policy: TurnPolicy { call_max: agent.limits.max_call, ..self.settings.policy.clone() },
            vad: self.settings.vad.clone(),
            referee: desk.referee.as_ref().map(|of_call| of_call()),
            playout: self.settings.playout,
            playout_lead: self.settings.playout_lead,
            vendors: desk.vendors.clone(),
            events: Arc::clone(&self.events),
        };
        self.clocks().insert(Arc::clone(&leg.call_sid), CallClock::start());
        let recording = self.record(&leg.call_sid, &line.tap);
        let stats = Arc::clone(&line.stats);
        let line = Line { inbound: line.inbound, outbound: line.outbound, fence: line.fence };
        session::run(setup, line, Ends { close: self.close.clone(), cancel }).await;
        if let Ok(frames @ 1..) = u32::try_from(stats.dropped_audio_messages()) {
            self.tell(&leg.call_sid, EventKind::AudioDropped { stage: "socket", frames });
        }
        if let Some(messages @ 1..) = recording.map(|recording| recording.lost()) {
            tracing::warn!(call_id = %leg.call_sid, messages, "a recording lacks a part of its call");
        }
        self.clocks().remove(&leg.call_sid);
    }

    /// Begins to record the call, where calls are recorded.
    fn record(&self, call_sid: &str, tap: &Tap) -> Option<Arc<CallRecording>> {
        let recording = self.recorder.as_ref()?.begin(call_sid).map(Arc::new);
        match &recording {
            Some(recording) => tap.attach(Arc::clone(recording) as Arc<dyn Listener>),
            None => tracing::error!(call_id = call_sid, "the recorder is behind: this call is not recorded"),
        }
        recording
    }

    /// Tells the observers something about a call that its session does not know. Reports come
    /// before and after the call, too; its time is then nought.
    fn tell(&self, call_sid: &str, kind: EventKind) {
        let at = self.clocks().get(call_sid).map_or(CallTime::ZERO, |clock| clock.now());
        self.events.emit(CallEvent { call_id: call_sid.into(), at, turn: None, kind });
    }

    fn clocks(&self) -> MutexGuard<'_, HashMap<Arc<str>, CallClock>> {
        self.clocks.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The agent's tools, and the carrier told where the caller wants to go. It has to know before the
/// stream closes: it asks at once.
struct CallTools {
    backend: BackendTools,
    person: Option<String>,
    after: AfterStream,
}

impl Tools for CallTools {
    fn specs(&self) -> Arc<[ToolSpec]> {
        self.backend.specs()
    }

    fn effect(&self, name: &str) -> Effect {
        self.backend.effect(name)
    }

    fn filler(&self, name: &str) -> Option<String> {
        self.backend.filler(name)
    }

    fn call(&self, call: ToolCall) -> BoxFuture<'static, ToolOutcome> {
        if call.name == TRANSFER_TO_PERSON
            && let Some(number) = &self.person
        {
            self.after.transfer_to(number);
        }
        self.backend.call(call)
    }
}

/// The gateway's view of a shared switchboard.
#[derive(Debug, Clone)]
pub struct Reception(pub Arc<Switchboard>);

impl CallHost for Reception {
    fn agent_for(&self, called: &str) -> AgentLine {
        let agent = self.0.agents.for_number(called);
        AgentLine {
            name: Arc::clone(&agent.name),
            busy_line: agent.lines.busy.clone(),
            apology: agent.lines.apology.clone(),
        }
    }

    fn not_ready(&self) -> Option<&'static str> {
        self.0.staff.get().is_none().then_some("the engines are being loaded")
    }

    fn run(&self, call: IncomingCall) -> BoxFuture<'static, ()> {
        let switchboard = Arc::clone(&self.0);
        // Everything that is logged or traced about the call hangs below this span.
        let span = info_span!("call", call_id = &*call.leg.call_sid);
        async move { switchboard.answer(call).await }.instrument(span).boxed()
    }

    fn carrier_event(&self, event: CarrierEvent) {
        let (call_sid, kind) = match event {
            CarrierEvent::TurnedAway { call_sid, reason } => {
                let reason = match reason {
                    Turned::Full => "full",
                    Turned::Draining => "draining",
                };
                (call_sid, EventKind::CallTurnedAway { reason })
            }
            CarrierEvent::CallStatus { call_sid, status, .. } => (call_sid, EventKind::CarrierStatus { status }),
            CarrierEvent::StreamStatus { call_sid, event, .. } => (call_sid, EventKind::StreamStatus { status: event }),
        };
        self.0.tell(&call_sid, kind);
    }
}

/// The agent's voice; an empty name is the vendor's own default.
fn voice_name(agent: &Agent) -> Arc<str> {
    Arc::from(agent.voice.as_deref().unwrap_or_default())
}

fn line_texts(agent: &Agent) -> LineTexts {
    let lines = agent.lines.clone();
    LineTexts {
        greeting: lines.greeting,
        still_there: lines.still_there,
        fillers: lines.filler,
        didnt_hear: lines.didnt_hear,
        silence_goodbye: lines.silence_goodbye,
        apology: lines.apology,
        closing: lines.closing,
        goodbye: lines.goodbye,
        begin_again: lines.begin_again,
        tool_fillers: agent.tools.iter().filter_map(|tool| tool.filler.clone()).collect(),
    }
}
