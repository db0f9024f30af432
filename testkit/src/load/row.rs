//! One row of the measurement: a gateway of its own, vendors of its own, so many calls at once.
//!
//! [`run`] owns everything of a row: when it returns, its calls, its vendors and its gateway are
//! gone. It lasts no longer than its turns can take.

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use thiserror::Error;
use tokio::task::{JoinSet, spawn_blocking};
use tokio::time::{interval, sleep, sleep_until};
use tokio_util::sync::CancellationToken;

use super::FRAME;
use super::caller::CallPlan;
use super::line::{CallEnd, CallOutcome, Office, Punctuality};
use super::process::Sample;
use super::server::{Launch, Server, ServerError};
use super::settings::LoadSettings;
use super::steady::Steady;
use super::tally::Tally;
use super::vendor_log::{Vendor, VendorLog};
use super::voice::Voice;
use super::words::{self, Tag};
use crate::fakes::chat::{Answer, ChatPlan, DefaultAnswer, FakeChat, last_words};
use crate::fakes::deepgram::{DeepgramPlan, FakeDeepgram};

/// Processes are looked at this often.
const LOOK_EVERY: Duration = Duration::from_millis(200);
/// After its last call the gateway gets so long to put things away.
const SETTLE: Duration = Duration::from_secs(2);
/// What a row may take beside its turns.
const CALL_LIMIT: Duration = Duration::from_secs(60);
/// What a turn may take: its sentence, its reply or the wait for it, the pause.
const TURN_LIMIT: Duration = Duration::from_secs(20);
/// Calls the gateway takes beyond those of the row.
const SPARE_CALLS: u32 = 10;

/// Why a row could not be measured.
#[derive(Debug, Error)]
pub enum RowError {
    /// The gateway did not come up.
    #[error(transparent)]
    Server(#[from] ServerError),
    /// The gateway is gone.
    #[error("the gateway ended in the middle of the row")]
    ServerDied,
    /// No call ever talked.
    #[error("none of the calls got a reply: {0}")]
    NoReply(String),
    /// Something of this process does not work.
    #[error("cannot {what}: {problem}")]
    Own {
        /// What was tried.
        what: &'static str,
        /// Why it failed.
        problem: String,
    },
}

/// What a row measured.
#[derive(Debug, Clone)]
pub struct Row {
    /// Calls at the same time.
    pub calls: u32,
    /// Turns of each.
    pub turns_per_call: u32,
    /// All turns.
    pub tally: Tally,
    /// How many calls ended how.
    pub ends: BTreeMap<&'static str, u32>,
    /// Why calls were refused or dropped, and how often.
    pub reasons: BTreeMap<String, u32>,
    /// Calls that heard no greeting.
    pub not_greeted: u32,
    /// Messages no carrier would understand.
    pub unreadable: u32,
    /// The clock of this process.
    pub punctuality: Punctuality,
    /// While all calls talked.
    pub steady: Option<Steady>,
    /// Connections to each vendor that were opened in that time: handshakes during turns.
    pub handshakes: BTreeMap<Vendor, usize>,
    /// Connections and requests the vendors did not take.
    pub vendors_refused: u32,
    /// Calls that talked to their end, and so in all of that time.
    pub talked: usize,
    /// Looks at the gateway.
    pub server: Vec<Sample>,
    /// Looks at this process.
    pub own: Vec<Sample>,
    /// What the gateway warned of.
    pub complaints: BTreeMap<String, u64>,
}

/// Measures one row.
///
/// # Errors
/// Something broke: there is nothing to report.
pub async fn run(settings: &LoadSettings, voice: &Voice, calls: u32) -> Result<Row, RowError> {
    let log = Arc::new(Mutex::new(VendorLog::default()));
    let vendors = Vendors::start(settings, &log).map_err(|error| own("serve the vendors", &error))?;
    let mut server = start_server(settings, server_settings(settings, &vendors, calls)).await?;
    let gone = |_| RowError::ServerDied;
    let mut looks = (vec![server.sample().map_err(gone)?], vec![look_at_self()?]);

    let stop = CancellationToken::new();
    let office = Office::new(server.carrier_url(), stop.clone()).map_err(|problem| own("call", &problem))?;
    let mut dialled = dial_all(settings, voice, calls, office);
    let limit = tokio::time::Instant::now() + settings.ramp + CALL_LIMIT + TURN_LIMIT * settings.turns_of_each(calls);
    let mut look = interval(LOOK_EVERY);
    let mut outcomes = Vec::new();
    loop {
        tokio::select! {
            outcome = dialled.join_next() => match outcome {
                Some(outcome) => outcomes.push(outcome.map_err(|error| own("make a call", &error))?),
                None => break,
            },
            () = sleep_until(limit), if !stop.is_cancelled() => stop.cancel(),
            _ = look.tick() => {
                looks.0.push(server.sample().map_err(gone)?);
                looks.1.push(look_at_self()?);
            }
        }
    }
    sleep(SETTLE).await;
    looks.0.push(server.sample().map_err(gone)?);
    if !server.is_running() {
        return Err(RowError::ServerDied);
    }
    let complaints = server.complaints();
    // Stopping blocks until the process is gone.
    spawn_blocking(move || server.stop()).await.map_err(|error| own("stop the gateway", &error))?;
    drop(vendors);
    let log = log.lock().unwrap_or_else(PoisonError::into_inner);
    let mut row = Row::of(calls, settings.turns_of_each(calls), outcomes, &log)?;
    (row.server, row.own, row.complaints) = (looks.0, looks.1, complaints);
    Ok(row)
}

fn own(what: &'static str, problem: &dyn std::fmt::Display) -> RowError {
    RowError::Own { what, problem: problem.to_string() }
}

fn look_at_self() -> Result<Sample, RowError> {
    Sample::of("self").map_err(|error| own("look at this process", &error))
}

/// The vendors of a row, which end with it.
struct Vendors {
    speech: FakeDeepgram,
    chat: FakeChat,
}

impl Vendors {
    fn start(settings: &LoadSettings, log: &Arc<Mutex<VendorLog>>) -> io::Result<Self> {
        let mut plan = DeepgramPlan::default();
        plan.stt.final_delay = settings.delays.stt;
        plan.tts.first_byte_delay = settings.delays.tts;
        let seen = Arc::clone(log);
        let observer = move |event| seen.lock().unwrap_or_else(PoisonError::into_inner).deepgram(&event);
        let speech = FakeDeepgram::start(plan, Arc::new(observer))?;

        let answer = |request: &_| match Tag::last_in(&last_words(request)) {
            Some(tag) => Answer::says(words::reply(tag)),
            None => Answer::says("Pardon me?"),
        };
        let plan = ChatPlan {
            default: DefaultAnswer::by(answer),
            first_token_delay: settings.delays.llm,
            ..ChatPlan::default()
        };
        let seen = Arc::clone(log);
        let observer = move |event| seen.lock().unwrap_or_else(PoisonError::into_inner).chat(&event);
        let chat = FakeChat::start(plan, Arc::new(observer))?;
        Ok(Self { speech, chat })
    }
}

fn server_settings(settings: &LoadSettings, vendors: &Vendors, calls: u32) -> Vec<(String, String)> {
    let fixed = [
        ("LISTEN_ADDR", "127.0.0.1:0".to_owned()),
        ("ADMIN_ADDR", "127.0.0.1:0".to_owned()),
        ("LOG_FORMAT", "json".to_owned()),
        ("PROMPTS_DIR", settings.prompts.display().to_string()),
        ("MAX_CALLS", (calls + SPARE_CALLS).to_string()),
        ("STT_VENDOR", "deepgram".to_owned()),
        ("TTS_VENDOR", "deepgram".to_owned()),
        ("DEEPGRAM_URL", vendors.speech.url()),
        ("DEEPGRAM_API_KEY", "load".to_owned()),
        ("LLM_VENDOR", "chat".to_owned()),
        ("LLM_BASE_URL", vendors.chat.base_url()),
        ("LLM_MODEL", "fake".to_owned()),
    ];
    let mut all: BTreeMap<_, _> = fixed.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
    all.extend(settings.server_settings.iter().cloned());
    all.into_iter().collect()
}

async fn start_server(settings: &LoadSettings, environment: Vec<(String, String)>) -> Result<Server, RowError> {
    let (program, cpus) = (settings.server.clone(), settings.server_cpus.clone());
    // Starting blocks until the gateway takes calls, and the vendors have to answer it meanwhile.
    let started = spawn_blocking(move || {
        Server::start(&Launch { program: &program, cpus: cpus.as_deref(), settings: &environment })
    });
    Ok(started.await.map_err(|error| own("start the gateway", &error))??)
}

/// Makes all calls, spread over the ramp. Their ticks are spread over 20 ms as well, so that frames
/// of different calls do not arrive in the same instant.
fn dial_all(settings: &LoadSettings, voice: &Voice, calls: u32, office: Office) -> JoinSet<CallOutcome> {
    let plans: Vec<_> = (0..calls).map(|call| plan(settings, voice, calls, call)).collect();
    let office = Arc::new(office);
    let begin = Instant::now();
    let mut dialled = JoinSet::new();
    for (call, plan) in (0..calls).zip(plans) {
        let office = Arc::clone(&office);
        let clock = begin + FRAME * call / calls;
        let starts = clock + settings.ramp * call / calls;
        dialled.spawn(async move {
            sleep_until(starts.into()).await;
            office.call(plan, clock).await
        });
    }
    dialled
}

fn plan(settings: &LoadSettings, voice: &Voice, calls: u32, call: u32) -> CallPlan {
    let utter = |turn| {
        let tag = Tag { call, turn };
        voice.utter(&words::sentence(tag), (call + turn) as usize)
    };
    CallPlan {
        call,
        utterances: (0..settings.turns_of_each(calls)).map(utter).collect(),
        interrupt_every: settings.interrupt_every,
        seed: settings.seed,
    }
}

impl Row {
    /// Adds up what became of the calls.
    fn of(calls: u32, turns_per_call: u32, outcomes: Vec<CallOutcome>, log: &VendorLog) -> Result<Self, RowError> {
        let whole = outcomes.iter().filter(|outcome| matches!(outcome.end, CallEnd::HungUp | CallEnd::Stopped));
        let talked: Vec<_> = whole.filter_map(|outcome| Some((outcome.talking_since?, outcome.ended_at))).collect();
        let steady = Steady::of(talked.iter().copied());
        let handshakes = |vendor| steady.map_or(0, |steady| log.connections(vendor, steady.from, steady.until));
        let mut row = Self {
            calls,
            turns_per_call,
            tally: Tally::default(),
            ends: ["hung_up", "busy", "refused", "dropped", "stopped"].map(|end| (end, 0)).into(),
            reasons: BTreeMap::new(),
            not_greeted: 0,
            unreadable: 0,
            punctuality: Punctuality::default(),
            steady,
            handshakes: [Vendor::Stt, Vendor::Llm, Vendor::Tts].map(|vendor| (vendor, handshakes(vendor))).into(),
            vendors_refused: log.refused(),
            talked: talked.len(),
            server: Vec::new(),
            own: Vec::new(),
            complaints: BTreeMap::new(),
        };
        for outcome in outcomes {
            row.add(outcome, log);
        }
        if row.tally.answered() == 0 {
            return Err(RowError::NoReply(row.how_calls_ended()));
        }
        Ok(row)
    }

    /// How many calls ended how, and why.
    fn how_calls_ended(&self) -> String {
        let ends = self.ends.iter().filter(|(_, count)| **count > 0).map(|(end, count)| format!("{count} {end}"));
        ends.chain(self.reasons.keys().cloned()).collect::<Vec<_>>().join(", ")
    }

    fn add(&mut self, outcome: CallOutcome, log: &VendorLog) {
        let (end, reason) = match outcome.end {
            CallEnd::HungUp => ("hung_up", None),
            CallEnd::Busy => ("busy", None),
            CallEnd::Stopped => ("stopped", None),
            CallEnd::Refused(reason) => ("refused", Some(reason)),
            CallEnd::Dropped(reason) => ("dropped", Some(reason)),
        };
        *self.ends.entry(end).or_default() += 1;
        if let Some(reason) = reason {
            *self.reasons.entry(reason).or_default() += 1;
        }
        self.not_greeted += u32::from(outcome.talking_since.is_some() && !outcome.greeted);
        self.unreadable += outcome.unreadable;
        self.punctuality.add(&outcome.punctuality);
        for turn in &outcome.turns {
            // A turn that was not spoken to its end, because the call broke off, measures nothing.
            if turn.stopped.is_some() {
                self.tally.add(turn, &log.turn(turn.tag));
            }
        }
    }
}
