//! `serve`: everything comes up, answers calls, and goes down in order.

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, anyhow};
use backon::{BackoffBuilder, ExponentialBuilder};
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;
use tokio::task::{JoinSet, spawn_blocking};
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};
use voice_engines::weights::Progress;
use voice_gateway::agent::Agents;
use voice_gateway::backend::BackendClient;
use voice_gateway::call::{CallSettings, Desk, Reception, Switchboard};
use voice_gateway::config::{Config, EventsTarget, LogFormat, RecordingFormat, Warning};
use voice_gateway::http::Gateway;
use voice_gateway::http::serve::{Listener, serve};
use voice_gateway::observability::{EventHub, Metrics, init_tracing, jsonl, logs};
use voice_gateway::recording;
use voice_gateway::recording::recorder::Recorder;

use super::engines::{Engines, Wanted};
use super::vendors::Suppliers;
use super::{engines, parts, runtime, vendors};

/// How long calls may take to say their closing line once the drain time is over.
const CLOSING: Duration = Duration::from_secs(25);

/// Attempts at recording the fixed lines beyond the first, with growing pauses from 1 s.
const LINE_ATTEMPTS: usize = 3;

/// How long the tasks of cancelled calls may take to be gone.
const LAST_TASKS: Duration = Duration::from_secs(2);

pub(crate) fn run(config: &Config, warnings: &[Warning]) -> anyhow::Result<ExitCode> {
    let observability = &config.observability;
    init_tracing(&observability.log_level, observability.log_format == LogFormat::Json)?;
    for warning in warnings {
        warn!(setting = %warning.name, "{}", warning.message);
    }
    let runtime = runtime()?;
    let outcome = runtime.block_on(run_async(config));
    // A worker that is stuck in a network must not hold up the exit.
    runtime.shutdown_timeout(Duration::from_secs(1));
    outcome
}

async fn run_async(config: &Config) -> anyhow::Result<ExitCode> {
    let mut background = JoinSet::new();
    let stop = CancellationToken::new();
    let agents = load_agents(config)?;
    let backend = Arc::new(backend_client(config, &agents, &mut background, &stop).await?);
    let metrics = Metrics::install().context("cannot install the metrics recorder")?;
    let events = observers(config, &mut background)?;
    background.spawn(metrics.clone().run_upkeep(stop.clone()));

    let settings: CallSettings = parts::call_settings(config);
    let mut switchboard = Switchboard::new(Arc::clone(&agents), backend, settings, events);
    if let Some(recorder) = recorder(config, &mut background)? {
        switchboard = switchboard.record_with(recorder);
    }
    let switchboard = Arc::new(switchboard);
    let gateway = Gateway::new(parts::telephony_settings(config), Arc::new(Reception(Arc::clone(&switchboard))));
    let listen = TcpListener::bind(config.server.listen)
        .await
        .with_context(|| format!("cannot listen on LISTEN_ADDR {}", config.server.listen))?;
    let admin = TcpListener::bind(config.server.admin)
        .await
        .with_context(|| format!("cannot listen on ADMIN_ADDR {}", config.server.admin))?;
    let (listen_addr, admin_addr) = (listen.local_addr()?, admin.local_addr()?);
    info!(address = %listen_addr, "listening for the carrier");
    info!(address = %admin_addr, "listening for operators");
    let listeners = vec![
        Listener { socket: listen, router: gateway.router() },
        Listener { socket: admin, router: gateway.admin_router(move || metrics.render()) },
    ];
    background.spawn(serve(listeners, stop.clone()));

    let mut signals = Signals::listen()?;
    let opened = tokio::select! {
        opened = open(config, &agents, &switchboard) => opened.map(|()| true),
        () = signals.next() => Ok(false),
    };
    let served = match opened {
        Ok(true) => {
            if !config.twilio.has_keys() {
                info!("TWILIO_AUTH_TOKEN is not set: only calls from this machine are answered");
            }
            info!(webhook = %format_args!("http://{listen_addr}/twilio/voice"), "ready to take calls");
            signals.next().await;
            drain(config, &gateway, &switchboard, &mut signals).await;
            Ok(ExitCode::SUCCESS)
        }
        Ok(false) => Ok(ExitCode::SUCCESS),
        Err(error) => Err(error),
    };
    stop.cancel();
    // The observers end when the last event source is gone.
    drop((gateway, switchboard));
    let _ = timeout(LAST_TASKS, async { while background.join_next().await.is_some() {} }).await;
    served
}

fn load_agents(config: &Config) -> anyhow::Result<Arc<Agents>> {
    let agents = Agents::load(config.agent.prompts_dir.as_deref(), config.agent.default_agent.as_deref())
        .map_err(|problems| anyhow!("the agents cannot be used:\n{problems}"))?;
    Ok(Arc::new(agents))
}

async fn backend_client(
    config: &Config,
    agents: &Agents,
    background: &mut JoinSet<()>,
    stop: &CancellationToken,
) -> anyhow::Result<BackendClient> {
    let base_url = match &config.agent.backend_base_url {
        Some(url) => url.to_string(),
        None => demo_backend(agents, background, stop).await?,
    };
    Ok(BackendClient::new(&parts::backend_settings(config, base_url))?)
}

/// Starts the golf backend in the process.
#[cfg(feature = "demo")]
async fn demo_backend(
    agents: &Agents,
    background: &mut JoinSet<()>,
    stop: &CancellationToken,
) -> anyhow::Result<String> {
    let socket = TcpListener::bind("127.0.0.1:0").await.context("cannot listen for the built-in golf backend")?;
    let base_url = format!("http://{}", socket.local_addr()?);
    let zone = agents.for_number("").timezone.clone();
    let settings = golf_backend::Settings { clock: golf_backend::Clock::in_zone(zone), ..Default::default() };
    let stop = stop.clone();
    background.spawn(async move {
        if let Err(error) = golf_backend::serve(socket, settings, stop.cancelled_owned()).await {
            tracing::error!(%error, "the built-in golf backend failed");
        }
    });
    info!(%base_url, "BACKEND_BASE_URL is not set: started the built-in golf backend");
    Ok(base_url)
}

#[cfg(not(feature = "demo"))]
async fn demo_backend(_: &Agents, _: &mut JoinSet<()>, _: &CancellationToken) -> anyhow::Result<String> {
    Err(anyhow!("BACKEND_BASE_URL is not set, and this build has no built-in backend (feature `demo`)"))
}

fn observers(config: &Config, background: &mut JoinSet<()>) -> anyhow::Result<Arc<EventHub>> {
    let show_pii = config.observability.show_pii;
    let mut hub = EventHub::new();
    background.spawn(logs::run(hub.subscribe("logs"), show_pii));
    let log_failure = |written: std::io::Result<()>| {
        if let Err(error) = written {
            tracing::error!(%error, "call events can no longer be written");
        }
    };
    match &config.observability.events {
        EventsTarget::Off => {}
        EventsTarget::Stdout => {
            let events = hub.subscribe("stdout");
            background.spawn_blocking(move || log_failure(jsonl::write_lines(events, std::io::stdout(), show_pii)));
        }
        EventsTarget::File(path) => {
            let file = jsonl::open_file(path)
                .with_context(|| format!("EVENTS is {}, which cannot be opened", path.display()))?;
            let events = hub.subscribe("file");
            background.spawn_blocking(move || log_failure(jsonl::write_lines(events, file, show_pii)));
        }
    }
    Ok(Arc::new(hub))
}

/// Records calls, if they are to be recorded.
fn recorder(config: &Config, background: &mut JoinSet<()>) -> anyhow::Result<Option<Recorder>> {
    let Some(folder) = &config.recordings.folder else { return Ok(None) };
    let format = match config.recordings.format {
        RecordingFormat::Wav => recording::Format::Wav,
        RecordingFormat::Opus => recording::Format::Opus,
    };
    let (recorder, writer) = recording::recorder::open(folder, format)
        .with_context(|| format!("RECORDINGS_DIR is {}, which cannot be written to", folder.display()))?;
    background.spawn_blocking(move || writer.run());
    Ok(Some(recorder))
}

/// Loads the engines that are wanted, opens a desk for every agent.
async fn open(config: &Config, agents: &Agents, switchboard: &Switchboard) -> anyhow::Result<()> {
    let plans = vendors::plans(config, agents.all())?;
    let engines = load_engines(config, vendors::wanted(config, &plans)).await?;
    let mut suppliers = Suppliers::new(config, engines)?;
    let mut desks = Vec::new();
    for (agent, plan) in agents.all().iter().zip(&plans) {
        let mut desk = suppliers.desk(Arc::clone(agent), plan)?;
        record_lines(&mut desk).await;
        desks.push(desk);
    }
    switchboard.open(desks);
    Ok(())
}

/// Has the desk's fixed lines spoken once. A voice that is away now is no reason to answer no calls: its
/// lines are then spoken when they are wanted.
async fn record_lines(desk: &mut Desk) {
    let mut pauses = ExponentialBuilder::default().with_max_times(LINE_ATTEMPTS).with_jitter().build();
    while let Err(error) = desk.record_lines().await {
        let agent = desk.agent_name().to_owned();
        let Some(pause) = pauses.next().filter(|_| error.is_retryable()) else {
            warn!(agent, %error, "fixed lines are not recorded: each is spoken when it is wanted, fillers not at all");
            return;
        };
        sleep(pause).await;
    }
}

async fn load_engines(config: &Config, wanted: Wanted) -> anyhow::Result<Engines> {
    // Progress is logged here, while the loading blocks a thread of its own.
    let (progress, mut news) = mpsc::channel(64);
    let config = config.clone();
    let loading = spawn_blocking(move || {
        engines::load(&config, wanted, &mut |step| {
            // The log may miss a step, never hold one up.
            let _ = progress.try_send(step);
        })
    });
    if wanted != Wanted::NONE {
        let Wanted { stt, tts, turn_and_vad } = wanted;
        info!(stt, tts, turn_model = turn_and_vad, "loading the speech engines");
    }
    let mut logged = 0;
    while let Some(step) = news.recv().await {
        match step {
            Progress::WaitingForAnotherProcess => info!("another process is fetching the weights; waiting for it"),
            Progress::Started { package, bytes } => {
                logged = 0;
                info!(package, megabytes = bytes / 1_000_000, "fetching weights");
            }
            Progress::Downloaded { package, bytes } if bytes / 20_000_000 > logged => {
                logged = bytes / 20_000_000;
                info!(package, megabytes = bytes / 1_000_000, "fetching weights, so far");
            }
            Progress::Downloaded { .. } => {}
            Progress::Verified { package, files } => info!(package, files, "weights are in place"),
            Progress::Preparing { file } => info!(file, "preparing a network, once"),
        }
    }
    loading.await.context("loading the engines broke down")?
}

/// No new calls; running ones finish, within reason. A second signal ends it at once.
async fn drain(config: &Config, gateway: &Gateway, switchboard: &Switchboard, signals: &mut Signals) {
    gateway.drain();
    gateway.calls().close();
    info!(calls = gateway.calls_now(), drain = ?config.server.drain, "stopping: running calls may finish");
    let orderly = async {
        if timeout(config.server.drain, gateway.calls().wait()).await.is_err() {
            info!(calls = gateway.calls_now(), "the drain time is over: calls say their closing line");
            switchboard.close_calls();
            let _ = timeout(CLOSING, gateway.calls().wait()).await;
        }
    };
    tokio::select! {
        () = orderly => {}
        () = signals.next() => info!("a second signal: stopping at once"),
    }
    gateway.stop_calls();
    let _ = timeout(LAST_TASKS, gateway.calls().wait()).await;
    info!("stopped");
}

/// The signals that ask the process to stop.
struct Signals {
    terminate: tokio::signal::unix::Signal,
    interrupt: tokio::signal::unix::Signal,
}

impl Signals {
    fn listen() -> anyhow::Result<Self> {
        let of = |kind| signal(kind).context("cannot listen for signals");
        Ok(Self { terminate: of(SignalKind::terminate())?, interrupt: of(SignalKind::interrupt())? })
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}
