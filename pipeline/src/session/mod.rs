//! One call: wires the stages together and owns everything until the call is over.
//!
//! [`run`] takes a live line of the carrier and the parts of an agent, starts one task per stage,
//! and drives the turn-taking core in one loop (`driver`). When it returns, no task of the call
//! is left.
//!
//! Not here: what a carrier says (the server's telephony room), when the floor passes ([`crate::turn`]).

mod commands;
mod driver;
pub mod lines;
mod timeline;
mod tool_round;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use crate::audio::playout::{Playout, PlayoutSettings};
use crate::event::{EndReason, EventKind, EventSink};
use crate::line::{Fence, Inbound, Outbound};
use crate::pii::Pii;
use crate::stages::spans::Spans;
use crate::stages::{self, Context, decode, llm, pace, scorer, stt, tts, vad};
use crate::time::CallClock;
use crate::tools::Tools;
use crate::turn::{TurnId, TurnPolicy};
use crate::vad::{Referee, SpeechDetector, VadSettings, WebRtcVad};
use crate::vendors::chain::Chain;
use crate::vendors::llm::Llm;
use crate::vendors::stt::{Stt, TurnDetector};
use crate::vendors::tts::Tts;
use lines::FixedLines;

/// How long a tool that changes something may go on after the call, so that a booking that is
/// already on its way is not torn. Shorter than the second in which a call's tasks must end.
const LAST_TOOLS: Duration = Duration::from_millis(800);

/// How long stages may take to end by themselves: a vendor's line takes its leave in less.
const LEAVE: Duration = Duration::from_millis(600);

/// The vendors of a call.
#[derive(Clone)]
pub struct Vendors {
    /// Ears, in the order in which they are asked.
    pub stt: Chain<dyn Stt>,
    /// Brains.
    pub llm: Chain<dyn Llm>,
    /// Mouths.
    pub tts: Chain<dyn Tts>,
    /// Judges pauses by their sound; without one the words and the silence decide.
    pub turn_detector: Option<Arc<dyn TurnDetector>>,
}

/// Turns the recogniser's words into what the agent understands ("tea time" → "tee time").
pub type Normalise = Arc<dyn Fn(&str) -> String + Send + Sync>;

/// Everything about one call but its line.
pub struct CallSetup {
    /// The carrier's id of the call.
    pub call_id: Arc<str>,
    /// The agent's name.
    pub agent: Arc<str>,
    /// The caller's number.
    pub from: Pii<String>,
    /// The dialled number.
    pub to: Pii<String>,
    /// The agent's instructions, rendered for this call.
    pub system_prompt: String,
    /// Where the agent works.
    pub time_zone: jiff::tz::TimeZone,
    /// Applied to every utterance before the model sees it.
    pub normalise: Normalise,
    /// Synthesised lines.
    pub lines: Arc<FixedLines>,
    /// How the agent speaks.
    pub voice: tts::Voice,
    /// What the agent can do.
    pub tools: Arc<dyn Tools>,
    /// Tool calls the model may make before it has to answer.
    pub max_tool_calls: u32,
    /// The numbers of turn-taking.
    pub policy: TurnPolicy,
    /// The numbers of the VAD.
    pub vad: VadSettings,
    /// Decides in noise whether it is speech.
    pub referee: Option<Box<dyn Referee>>,
    /// The numbers of the playout ledger.
    pub playout: PlayoutSettings,
    /// `PLAYOUT_LEAD`: how far ahead of the caller's ear audio is sent. Default `1s`, from
    /// `100ms` to `10s`.
    pub playout_lead: Duration,
    /// Ears, brain and mouth.
    pub vendors: Vendors,
    /// Who listens to events.
    pub events: Arc<dyn EventSink>,
}

/// A carrier's live line.
pub struct Line {
    /// From the carrier.
    pub inbound: mpsc::Receiver<Inbound>,
    /// To the carrier's writer.
    pub outbound: mpsc::Sender<Outbound>,
    /// The writer's fence.
    pub fence: Fence,
}

/// What ends a call from outside.
#[derive(Clone)]
pub struct Ends {
    /// The call should say its closing line and end.
    pub close: CancellationToken,
    /// The call ends at once.
    pub cancel: CancellationToken,
}

/// Runs one call to its end. The span in which it begins is the call's.
pub async fn run(setup: CallSetup, line: Line, ends: Ends) -> EndReason {
    let clock = CallClock::start();
    let (signals_tx, signals) = mpsc::channel(stages::SIGNALS);
    let context = Context {
        call_id: Arc::clone(&setup.call_id),
        clock,
        events: Arc::clone(&setup.events),
        signals: signals_tx,
        spans: Spans::of_current_call(),
    };
    context.emit(
        None,
        EventKind::CallAnswered { agent: Arc::clone(&setup.agent), from: setup.from.clone(), to: setup.to.clone() },
    );
    let mut tasks = JoinSet::new();
    let Ends { close, cancel } = ends;
    let leaving = CancellationToken::new();
    let mut driver = wire(setup, line, (close, leaving.clone()), &context, &mut tasks);
    let reason = cancel.run_until_cancelled(driver.run(signals)).await.unwrap_or(EndReason::Draining);
    driver.finish(LAST_TOOLS).await;
    // With its inputs gone every stage ends by itself, and vendors are told goodbye.
    drop(driver);
    leaving.cancel();
    let _ = timeout(LEAVE, async { while tasks.join_next().await.is_some() {} }).await;
    tasks.shutdown().await;
    context.emit(None, EventKind::CallEnded { reason, lasted: clock.now().since_answer() });
    reason
}

/// Starts the stages and gives the driver that joins them.
fn wire(
    setup: CallSetup,
    line: Line,
    (close, leaving): (CancellationToken, CancellationToken),
    context: &Context,
    tasks: &mut JoinSet<()>,
) -> driver::Driver {
    let Vendors { stt: recognisers, llm: models, tts: voices, turn_detector } = setup.vendors;
    let (live, live_rx) = watch::channel(TurnId(0));
    let playout = Arc::new(Mutex::new(Playout::new(setup.playout)));
    let mut policy = setup.policy;
    if turn_detector.is_none() {
        // No opinion is coming, so none is waited for.
        policy.unscored_after = policy.sure_after;
    }

    // The way in.
    let (decoded, to_vad) = mpsc::channel(stages::INBOUND_FRAMES);
    let (to_stt, stt_inputs) = mpsc::channel(stt::INPUTS);
    let to_scorer = turn_detector.map(|model| {
        let (inputs, rx) = mpsc::channel(scorer::INPUTS);
        tasks.spawn(scorer::run(rx, model, context.clone()));
        inputs
    });
    let listeners = vad::Listeners { stt: to_stt.clone(), scorer: to_scorer.clone() };
    let detector = SpeechDetector::new(setup.vad, Box::new(WebRtcVad::new()), setup.referee);
    let decoding = decode::run(line.inbound, decoded, context.clone());
    tasks.spawn(async move { leaving.run_until_cancelled_owned(decoding).await.unwrap_or_default() });
    tasks.spawn(vad::run(to_vad, listeners, detector, policy.barge_in_after, context.clone()));
    tasks.spawn(stt::run(stt_inputs, recognisers, context.clone()));

    // The way out.
    let (requests, to_llm) = mpsc::channel(llm::REQUESTS);
    let (speak, to_tts) = mpsc::channel(stages::PIECES);
    let (spoken, to_pace) = mpsc::channel(stages::OUTBOUND_CHUNKS);
    let (fixed, to_pace_lines) = mpsc::channel(stages::LINES);
    let (pacing, controls) = mpsc::channel(pace::CONTROLS);
    let thinker = llm::Thinker { chain: models.clone(), begin_again: setup.lines.texts.begin_again.clone() };
    tasks.spawn(llm::run(to_llm, thinker, speak, context.clone()));
    let mouth = tts::Speaker { chain: voices, voice: setup.voice, per_letter: setup.lines.per_letter() };
    tasks.spawn(tts::run(to_tts, mouth, spoken, live_rx.clone(), context.clone()));
    let egress = pace::Egress {
        carrier: line.outbound.clone(),
        playout: Arc::clone(&playout),
        live: live_rx,
        controls,
        lead: setup.playout_lead,
    };
    tasks.spawn(pace::run(to_pace_lines, to_pace, egress, context.clone()));

    driver::Driver::new(
        driver::Links {
            carrier: line.outbound,
            fence: line.fence,
            live,
            stt: to_stt,
            scorer: to_scorer,
            models,
            requests,
            fixed,
            pacing,
            playout,
            close,
        },
        driver::Script {
            lines: setup.lines,
            tools: setup.tools,
            max_tool_calls: setup.max_tool_calls,
            time_zone: setup.time_zone,
            normalise: setup.normalise,
            system_prompt: setup.system_prompt,
        },
        policy,
        context.clone(),
    )
}
