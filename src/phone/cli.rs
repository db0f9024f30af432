//! The `call` subcommand: a call from the command line, or several at once.
//!
//! [`run`] dials, plays the script (or what the user types), prints both sides as they are heard,
//! and ends with a summary. What the caller says is synthesised before the call, so that the
//! machine's load does not disturb what is measured.

mod caller;
mod calls;
mod diary;
mod follow;
mod prompt;
mod voice;

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::future::pending;
use std::io::Write;
use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context, ensure};
use clap::Args;
use secrecy::SecretString;
use tokio::task::spawn_blocking;
use tokio_util::sync::CancellationToken;
use voice_pipeline::vendors::stt::Stt;
use voice_pipeline::vendors::tts::Tts;

pub use self::prompt::Typed;

use self::calls::{Act, Making, make, make_all};
use self::diary::Diary;
use self::voice::{Line, Voice, prepare};
use super::recording::RecordingFile;
use super::report::{Format, Report};
use super::script::Script;
use super::transcript::Ear;
use super::{Phone, PhoneSettings};

/// Call a gateway as Twilio does, and talk to its agent.
#[derive(Debug, Clone, Args)]
#[command(
    after_help = "Exit code: 0 when every call was answered and its script played to the end, 64 when a setting \
                        cannot be used, 2 when the arguments cannot, 1 when a call failed."
)]
pub struct CallArgs {
    #[command(flatten)]
    script: Script,
    /// The gateway's voice webhook; or the socket of a media stream itself (ws://, wss://), without a webhook
    /// [default: the webhook of the gateway on this machine, at LISTEN_ADDR].
    #[arg(long)]
    url: Option<String>,
    /// A parameter for the `start` message, where --url is a socket; may be repeated.
    #[arg(long = "param", value_name = "NAME=VALUE", value_parser = parse_parameter)]
    parameters: Vec<(String, String)>,
    /// Make so many calls at once with the same script, begun within ten seconds.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=1000))]
    calls: u16,
    /// How many seconds the caller waits for the agent to finish before going on regardless.
    #[arg(long, value_name = "SECONDS", default_value_t = 30, value_parser = clap::value_parser!(u64).range(1..=600))]
    patience: u64,
    /// The caller's number.
    #[arg(long, default_value = "+15550100001")]
    from: String,
    /// The number called.
    #[arg(long, default_value = "+15550100000")]
    to: String,
    /// Signs the requests; the same value as the gateway's. Without it they are not signed.
    #[arg(long, env = "TWILIO_AUTH_TOKEN", hide_env_values = true)]
    auth_token: Option<SecretString>,
    /// Where the end of the call is reported [default: the webhook's neighbour `status`].
    #[arg(long)]
    status_url: Option<String>,
    /// The local voice that speaks for the caller.
    #[arg(long, default_value = "heart")]
    voice: String,
    /// How fast the caller speaks; 1.0 is the voice's own pace.
    #[arg(long, default_value_t = 1.0, value_parser = parse_speed)]
    speed: f32,
    /// Hang up after so many seconds.
    #[arg(long, default_value_t = 600, value_parser = clap::value_parser!(u64).range(1..=86_400))]
    max_seconds: u64,
    /// Write a recording, caller left, agent right: to a .wav file, or to an .opus file in a build with
    /// `--features opus`.
    #[arg(long, value_name = "FILE")]
    record: Option<RecordingFile>,
    /// Print one JSON object a line and nothing else: what both sides said, the latency of every reply and its
    /// parts, what each call came to, a summary.
    #[arg(long)]
    json: bool,
}

fn parse_speed(written: &str) -> Result<f32, String> {
    match written.parse() {
        Ok(speed) if (0.5..=2.0).contains(&speed) => Ok(speed),
        _ => Err("it must be a number from 0.5 to 2.0".into()),
    }
}

fn parse_parameter(written: &str) -> Result<(String, String), String> {
    match written.split_once('=') {
        Some((name, value)) if !name.trim().is_empty() => Ok((name.trim().to_owned(), value.to_owned())),
        _ => Err("write a name and a value, such as token=abc".into()),
    }
}

impl CallArgs {
    /// Calls the gateway that listens at `address`, unless another one is named.
    #[must_use]
    pub fn or_gateway_at(mut self, address: SocketAddr) -> Self {
        self.url.get_or_insert_with(|| format!("http://{address}/twilio/voice"));
        self
    }

    fn settings(&self) -> PhoneSettings {
        let defaults = PhoneSettings::default();
        PhoneSettings {
            webhook_url: self.url.clone().unwrap_or(defaults.webhook_url),
            stream_parameters: self.parameters.iter().cloned().collect::<BTreeMap<_, _>>(),
            auth_token: self.auth_token.clone(),
            from: self.from.clone(),
            to: self.to.clone(),
            status_url: self.status_url.clone(),
            max_duration: Duration::from_secs(self.max_seconds),
            ..defaults
        }
    }

    /// What clap cannot see.
    fn check(&self) -> anyhow::Result<()> {
        let is_socket = self.url.as_deref().is_some_and(|url| url.starts_with("ws://") || url.starts_with("wss://"));
        ensure!(is_socket || self.parameters.is_empty(), "--param needs a --url that begins with ws:// or wss://");
        if self.calls > 1 {
            ensure!(!self.script.steps.is_empty(), "--calls needs a script: --say, --wav, --interrupt or --dtmf");
            ensure!(self.record.is_none(), "--record records one call, not several");
        }
        Ok(())
    }
}

/// Makes a call, or several, and prints them to the standard output. What is not scripted is typed on the
/// standard input.
///
/// # Errors
/// Says why the call did not go through, or what of the script could not be done.
pub async fn run(args: CallArgs, tts: Arc<dyn Tts>, stt: Arc<dyn Stt>) -> anyhow::Result<ExitCode> {
    Box::pin(run_to(args, tts, stt, Typed::standard_input(), std::io::stdout())).await
}

/// Makes a call, or several, and prints them to `out`.
///
/// # Errors
/// As [`run`].
pub async fn run_to(
    args: CallArgs,
    tts: Arc<dyn Tts>,
    stt: Arc<dyn Stt>,
    typed: Typed,
    out: impl Write + Send,
) -> anyhow::Result<ExitCode> {
    args.check()?;
    let voice = Voice { tts, name: args.voice.as_str().into(), speed: args.speed };
    let lines = prepare(&args.script, &voice).await?;
    let format = if args.json { Format::Json } else { Format::Text };
    let report = Mutex::new(Report::new(format, out));
    let stop = CancellationToken::new();
    let phone = Phone::new()?;
    let making = Making { phone, settings: args.settings(), patience: Duration::from_secs(args.patience), stop: &stop };
    let calls = async {
        if args.calls > 1 {
            let summary = make_all(&making, args.calls.into(), &lines, &stt, &report, format).await;
            return Ok(if summary.failures.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE });
        }
        make_one(&args, &making, &lines, (&voice, typed), &stt, &report).await
    };
    tokio::select! {
        done = Box::pin(calls) => done,
        never = stop_at_ctrl_c(&stop) => match never {},
    }
}

async fn make_one<W: Write>(
    args: &CallArgs,
    making: &Making<'_>,
    lines: &[Line],
    (voice, typed): (&Voice, Typed),
    stt: &Arc<dyn Stt>,
    report: &Mutex<Report<W>>,
) -> anyhow::Result<ExitCode> {
    let act = if lines.is_empty() { Act::Prompt(typed, voice) } else { Act::Script(lines) };
    let diary = Diary::open(1, report);
    let made = make(making, 1, act, Some(Ear::open(&**stt)), &diary).await;
    report.lock().unwrap_or_else(PoisonError::into_inner).only_call(&made.outcome);
    if let (Some(file), Some(record)) = (args.record.clone(), made.record) {
        let written = spawn_blocking(move || file.write(&record.legs)).await;
        written.context("the recording was not written to its end")??;
    }
    made.error.map_or(Ok(ExitCode::SUCCESS), Err)
}

/// The user has heard enough: everybody hangs up.
async fn stop_at_ctrl_c(stop: &CancellationToken) -> Infallible {
    if tokio::signal::ctrl_c().await.is_ok() {
        stop.cancel();
    }
    pending().await
}
