//! `load`: measures the gateway's own speed with many calls at once.
//!
//! Rows are printed as they are done, the whole table at the end. Exits with 0 when everything was
//! measured, with 1 when a bound of `--check` is not kept, with 2 when something broke.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context as _, anyhow, bail};
use clap::Parser;
use tokio::runtime::Runtime;
use voice_testkit::load::check::Bound;
use voice_testkit::load::voice::Voice;
use voice_testkit::load::{LoadSettings, Report, VendorDelays, pinning, row};

/// Makes many calls to a gateway at once, with fake vendors behind it, and measures what the gateway
/// itself needs.
#[derive(Debug, Parser)]
#[command(name = "load", version)]
struct Arguments {
    /// Calls at the same time, a row each.
    #[arg(long, value_delimiter = ',', default_value = "1,5,20,50,100", value_parser = clap::value_parser!(u32).range(1..=5_000))]
    calls: Vec<u32>,
    /// Turns of a row at least, over all its calls.
    #[arg(long, default_value_t = 100)]
    turns: u32,
    /// Turns of a call at least.
    #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(u32).range(1..))]
    turns_per_call: u32,
    /// Every so many turns the caller interrupts the reply. 0: never.
    #[arg(long, default_value_t = 4)]
    interrupt_every: u32,
    /// Over how long the calls of a row begin.
    #[arg(long, default_value = "5s", value_parser = duration)]
    ramp: Duration,
    /// The gateway's program [default: voice-gateway beside this program].
    #[arg(long)]
    server: Option<PathBuf>,
    /// The folder of the gateway's agents.
    #[arg(long, default_value = "prompts")]
    prompts: PathBuf,
    /// A further setting of the gateway; may be given again.
    #[arg(long, value_name = "NAME=VALUE", value_parser = setting)]
    set: Vec<(String, String)>,
    /// Processors of the gateway, such as 0 or 0-1.
    #[arg(long, value_name = "LIST")]
    server_cpus: Option<String>,
    /// Processors of callers and vendors.
    #[arg(long, value_name = "LIST")]
    own_cpus: Option<String>,
    /// How long a final transcript takes.
    #[arg(long, default_value = "50ms", value_parser = duration)]
    stt_delay: Duration,
    /// How long the model's first token takes.
    #[arg(long, default_value = "100ms", value_parser = duration)]
    llm_delay: Duration,
    /// How long the voice's first audio takes.
    #[arg(long, default_value = "80ms", value_parser = duration)]
    tts_delay: Duration,
    /// A recording to speak with (WAV, mono, PCM16, 8 or 16 kHz); may be given again [default:
    /// Asterisk's recordings if they are installed, else a synthetic voice].
    #[arg(long, value_name = "FILE")]
    clip: Vec<PathBuf>,
    /// Decides the pauses between turns.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Where to write everything that was measured.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// An upper bound for every row, such as own.p95=20 or holes=0; may be given again.
    #[arg(long, value_name = "NAME=VALUE")]
    check: Vec<Bound>,
    /// This process runs on its processors already.
    #[arg(long, hide = true)]
    pinned: bool,
}

fn main() -> ExitCode {
    match run(Arguments::parse()) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("load: {error:#}");
            ExitCode::from(2)
        }
    }
}

fn run(arguments: Arguments) -> anyhow::Result<ExitCode> {
    let server_cpus = pin(&arguments)?;
    // Whoever installs one first wins; all that counts is that there is one.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let voice = if arguments.clip.is_empty() { Voice::installed() } else { Voice::of_recordings(&arguments.clip)? };
    let settings = LoadSettings {
        calls: arguments.calls,
        turns: arguments.turns,
        turns_per_call: arguments.turns_per_call,
        interrupt_every: arguments.interrupt_every,
        ramp: arguments.ramp,
        delays: VendorDelays { stt: arguments.stt_delay, llm: arguments.llm_delay, tts: arguments.tts_delay },
        seed: arguments.seed,
        server: arguments.server.map_or_else(server_beside, Ok)?,
        prompts: arguments.prompts,
        server_settings: arguments.set,
        server_cpus,
    };
    let runtime = Runtime::new().context("cannot start the runtime")?;
    let mut report = Report::new(&settings, voice.origin());
    let mut broken = Vec::new();
    for &calls in &settings.calls {
        eprintln!("{calls} calls, {} turns each …", settings.turns_of_each(calls));
        match runtime.block_on(row::run(&settings, &voice, calls)) {
            Ok(row) => report.add(&row),
            Err(error) => broken.push(format!("{calls} calls: {:#}", anyhow!(error))),
        }
    }
    // A row's last task must not hold up the exit.
    runtime.shutdown_timeout(Duration::from_secs(1));
    println!("{}", report.table());
    if let Some(path) = &arguments.json {
        write_json(path, &report)?;
    }
    if !broken.is_empty() {
        bail!("{}", broken.join("\n"));
    }
    let missed = report.broken(&arguments.check);
    for problem in &missed {
        eprintln!("missed: {problem}");
    }
    Ok(if missed.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Moves this process to its processors, and gives those of the gateway. Without `taskset` both stay
/// where they are.
fn pin(arguments: &Arguments) -> anyhow::Result<Option<String>> {
    let wanted = arguments.own_cpus.is_some() || arguments.server_cpus.is_some();
    if wanted && !pinning::is_available() {
        eprintln!(
            "load: there is no program `taskset` (util-linux): gateway and generator are NOT pinned and share the \
             processors, so the figures hold the generator's own load as well"
        );
        return Ok(None);
    }
    if let (Some(cpus), false) = (&arguments.own_cpus, arguments.pinned) {
        let again: Vec<OsString> = std::env::args_os().skip(1).chain(["--pinned".into()]).collect();
        let error = pinning::restart_on(cpus, again);
        return Err(anyhow!(error).context(format!("cannot restart on the processors {cpus}")));
    }
    Ok(arguments.server_cpus.clone())
}

fn server_beside() -> anyhow::Result<PathBuf> {
    let own = std::env::current_exe().context("cannot tell where this program lies")?;
    Ok(own.with_file_name("voice-gateway"))
}

fn write_json(path: &Path, report: &Report) -> anyhow::Result<()> {
    let text = serde_json::to_string_pretty(&report.to_json())?;
    std::fs::write(path, text + "\n").with_context(|| format!("cannot write {}", path.display()))
}

/// Reads `50ms`, `1.5s` or `2m`.
fn duration(text: &str) -> Result<Duration, String> {
    let problem = || format!("{text:?} is not a duration such as 50ms, 1.5s or 2m");
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let seconds = match &text[digits.len()..] {
        "ms" => 0.001,
        "s" => 1.0,
        "m" => 60.0,
        _ => return Err(problem()),
    };
    let number: f64 = digits.parse().map_err(|_| problem())?;
    Duration::try_from_secs_f64(number * seconds).map_err(|_| problem())
}

fn setting(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or_else(|| format!("{text:?} is not of the form NAME=VALUE"))?;
    Ok((name.to_owned(), value.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_its_arguments() {
        let words =
            "load --calls 1,5 --turns 20 --check own.p95=20 --check holes=0 --set A=b=c --ramp 1.5s --llm-delay 0ms";
        let arguments = Arguments::parse_from(words.split(' '));
        assert_eq!((arguments.calls, arguments.turns), (vec![1, 5], 20));
        assert_eq!(arguments.set, [("A".to_owned(), "b=c".to_owned())]);
        assert_eq!((arguments.ramp, arguments.llm_delay), (Duration::from_millis(1_500), Duration::ZERO));
        assert_eq!(arguments.check.len(), 2);
    }

    #[test]
    fn refuses_what_it_cannot_read() {
        for words in ["--calls 0", "--calls 1,x", "--ramp 5", "--ramp -1s", "--ramp fast", "--check own", "--set A"] {
            let words = ["load"].into_iter().chain(words.split(' '));
            assert!(Arguments::try_parse_from(words).is_err());
        }
    }
}
