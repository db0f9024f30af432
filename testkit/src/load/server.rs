//! The gateway as a process of its own.
//!
//! [`Server::start`] blocks until it takes calls; its addresses are learnt from its log.
//! [`Server::stop`] asks it to stop and waits; dropping it ends it at once. Only the process that was
//! started here is ever signalled, by its id.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::io::{BufRead as _, BufReader, Read};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;
use thiserror::Error;

use super::process::Sample;

/// How long it may take to be ready.
const START_LIMIT: Duration = Duration::from_secs(60);
/// How long it may take to stop before it is ended.
const STOP_LIMIT: Duration = Duration::from_secs(5);
/// How often a stopping process is looked at.
const LOOK_AGAIN: Duration = Duration::from_millis(20);

/// Log lines on their way to whoever waits for the start. Later nobody reads them, and they are
/// counted only.
const LOG_CAPACITY: usize = 4_096;
/// Different complaints that are kept; a gateway in trouble repeats itself.
const COMPLAINTS_MAX: usize = 8;

/// What of this process's environment the gateway inherits. Everything else may be a setting.
const INHERITED: [&str; 7] =
    ["PATH", "HOME", "TMPDIR", "XDG_CACHE_HOME", "MODELS_DIR", "SSL_CERT_FILE", "SSL_CERT_DIR"];

/// Why there is no gateway to measure.
#[derive(Debug, Error)]
pub enum ServerError {
    /// The program cannot be run.
    #[error("cannot start {program}; build it with `cargo build --release` or name it with --server")]
    NotStarted {
        /// What was run.
        program: String,
        /// Why it failed.
        #[source]
        cause: std::io::Error,
    },
    /// It ended before it was ready.
    #[error("the gateway ended before it took calls; its last words:\n{log}")]
    Ended {
        /// The end of its log.
        log: String,
    },
    /// It was not ready in time.
    #[error("the gateway took no calls within {START_LIMIT:?}; its last words:\n{log}")]
    TooSlow {
        /// The end of its log.
        log: String,
    },
}

/// How a gateway is started.
#[derive(Debug, Clone, Copy)]
pub struct Launch<'a> {
    /// The program.
    pub program: &'a Path,
    /// The processors it runs on, as `taskset` writes them.
    pub cpus: Option<&'a str>,
    /// Its settings.
    pub settings: &'a [(String, String)],
}

impl Launch<'_> {
    fn command(&self) -> Command {
        let mut command = match self.cpus {
            Some(cpus) => {
                let mut pinned = Command::new(super::pinning::TASKSET);
                pinned.arg("-c").arg(cpus).arg(self.program);
                pinned
            }
            None => Command::new(self.program),
        };
        command
            .arg("serve")
            .env_clear()
            .envs(std::env::vars_os().filter(|(name, _)| is_inherited(name)))
            .envs(self.settings.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }
}

fn is_inherited(name: &OsStr) -> bool {
    INHERITED.iter().any(|inherited| name == *inherited)
}

/// A running gateway.
pub struct Server {
    process: Child,
    carrier_url: String,
    complaints: Arc<Mutex<Complaints>>,
}

impl Server {
    /// Starts the gateway and blocks until it takes calls.
    ///
    /// # Errors
    /// It cannot be started, ends, or takes too long; nothing is left running.
    pub fn start(launch: &Launch<'_>) -> Result<Self, ServerError> {
        let not_started = |cause| ServerError::NotStarted { program: launch.program.display().to_string(), cause };
        let mut process = launch.command().spawn().map_err(not_started)?;
        let complaints = Arc::default();
        let log = follow_log(&mut process, &complaints);
        let mut server = Self { process, carrier_url: String::new(), complaints };
        server.carrier_url = wait_until_ready(&log)?;
        Ok(server)
    }

    /// Where the carrier calls: `http://127.0.0.1:PORT`.
    pub fn carrier_url(&self) -> &str {
        &self.carrier_url
    }

    /// Looks at the process.
    ///
    /// # Errors
    /// It is gone.
    pub fn sample(&self) -> std::io::Result<Sample> {
        Sample::of(&self.pid())
    }

    /// Its id.
    pub fn pid(&self) -> String {
        self.process.id().to_string()
    }

    /// Whether it still runs.
    pub fn is_running(&mut self) -> bool {
        matches!(self.process.try_wait(), Ok(None))
    }

    /// What it warned of so far: every message and how often.
    pub fn complaints(&self) -> BTreeMap<String, u64> {
        self.complaints.lock().unwrap_or_else(PoisonError::into_inner).0.clone()
    }

    /// Asks it to stop, and ends it when it does not.
    pub fn stop(mut self) {
        // Where `kill` is missing the drop ends it.
        let _ = Command::new("kill").args(["-TERM", &self.pid()]).status();
        let deadline = Instant::now() + STOP_LIMIT;
        while self.is_running() && Instant::now() < deadline {
            thread::sleep(LOOK_AGAIN);
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Both fail only for a process that is gone already.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn wait_until_ready(log: &Receiver<String>) -> Result<String, ServerError> {
    let deadline = Instant::now() + START_LIMIT;
    let mut seen = Vec::new();
    let mut carrier_url = String::new();
    loop {
        let line = match log.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
            Ok(line) => line,
            Err(error) => {
                let log = seen[seen.len().saturating_sub(20)..].join("\n");
                return Err(match error {
                    RecvTimeoutError::Disconnected => ServerError::Ended { log },
                    RecvTimeoutError::Timeout => ServerError::TooSlow { log },
                });
            }
        };
        match LogLine::read(&line) {
            Some(LogLine { message, address, .. }) if message == "listening for the carrier" => {
                carrier_url = format!("http://{address}");
            }
            Some(LogLine { message, .. }) if message == "ready to take calls" => return Ok(carrier_url),
            _ => {}
        }
        seen.push(line);
    }
}

struct LogLine {
    level: String,
    message: String,
    address: String,
}

impl LogLine {
    fn read(line: &str) -> Option<Self> {
        let line: Value = serde_json::from_str(line).ok()?;
        let text = |field: &str| line[field].as_str().unwrap_or_default().to_owned();
        Some(Self { level: text("level"), message: text("message"), address: text("address") })
    }
}

/// Warnings and errors by their constant text.
#[derive(Default)]
struct Complaints(BTreeMap<String, u64>);

impl Complaints {
    fn note(&mut self, line: &str) {
        let complaint = match LogLine::read(line) {
            Some(line) if line.level == "WARN" || line.level == "ERROR" => format!("{}: {}", line.level, line.message),
            Some(_) => return,
            None => line.to_owned(),
        };
        if self.0.len() < COMPLAINTS_MAX || self.0.contains_key(&complaint) {
            *self.0.entry(complaint).or_default() += 1;
        }
    }
}

/// Reads both outputs to their ends, so that the gateway never waits for a reader.
fn follow_log(process: &mut Child, complaints: &Arc<Mutex<Complaints>>) -> Receiver<String> {
    let (lines, log) = sync_channel(LOG_CAPACITY);
    let outputs = [
        process.stdout.take().map(|output| Box::new(output) as Box<dyn Read + Send>),
        process.stderr.take().map(|output| Box::new(output) as Box<dyn Read + Send>),
    ];
    for output in outputs.into_iter().flatten() {
        let (lines, complaints) = (lines.clone(), Arc::clone(complaints));
        // It ends with the process, which is ended when the server is dropped.
        thread::spawn(move || follow(output, &lines, &complaints));
    }
    log
}

fn follow(output: impl Read, lines: &SyncSender<String>, complaints: &Mutex<Complaints>) {
    for line in BufReader::new(output).lines().map_while(Result::ok) {
        complaints.lock().unwrap_or_else(PoisonError::into_inner).note(&line);
        // Nobody waits for it any more once the gateway is up.
        let _ = lines.try_send(line);
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt as _;
    use std::path::PathBuf;

    use super::*;

    /// A program that behaves as this shell script says.
    fn program(folder: &Path, script: &str) -> PathBuf {
        let path = folder.join("gateway");
        fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        path
    }

    /// A file that is open for writing while another test forks cannot be run.
    static WRITE_AND_FORK: Mutex<()> = Mutex::new(());

    fn start(script: &str) -> Result<Server, ServerError> {
        let _alone = WRITE_AND_FORK.lock().unwrap_or_else(PoisonError::into_inner);
        let folder = tempfile::tempdir().unwrap();
        let program = program(folder.path(), script);
        let settings = [("MAX_CALLS".to_owned(), "7".to_owned())];
        Server::start(&Launch { program: &program, cpus: None, settings: &settings })
    }

    #[test]
    fn learns_the_address_and_ends_with_its_owner() {
        let server = start(
            r#"echo '{"level":"INFO","message":"listening for the carrier","address":"127.0.0.1:'$MAX_CALLS'"}'
            echo '{"level":"INFO","message":"ready to take calls","arguments":"'$1'"}'
            exec sleep 60"#,
        )
        .unwrap();
        assert_eq!(server.carrier_url(), "http://127.0.0.1:7");
        assert!(server.sample().unwrap().threads >= 1);
        let proc = PathBuf::from("/proc").join(server.pid());
        assert!(proc.exists());
        server.stop();
        assert!(!proc.exists());
    }

    #[test]
    fn says_why_it_did_not_come_up() {
        let ended = start("echo 'no such setting' >&2; exit 64").map(|_| ()).unwrap_err();
        assert!(ended.to_string().contains("no such setting"), "{ended}");
        let nothing = Path::new("/nonexistent/voice-gateway");
        let not_started = Server::start(&Launch { program: nothing, cpus: None, settings: &[] }).map(|_| ());
        assert!(not_started.unwrap_err().to_string().contains("--server"));
    }

    #[test]
    fn inherits_no_settings() {
        for (name, inherited) in [("PATH", true), ("HOME", true), ("STT_VENDOR", false), ("MAX_CALLS", false)] {
            assert_eq!(is_inherited(OsStr::new(name)), inherited, "{name}");
        }
    }

    #[test]
    fn keeps_complaints_by_their_text() {
        let mut complaints = Complaints::default();
        let line = |level: &str, message: &str| format!(r#"{{"level":"{level}","message":"{message}"}}"#);
        complaints.note(&line("INFO", "a call began"));
        for _ in 0..3 {
            complaints.note(&line("WARN", "stt reconnecting"));
        }
        complaints.note("thread 'main' panicked");
        for number in 0..20 {
            complaints.note(&line("ERROR", &format!("trouble {number}")));
        }
        assert_eq!(complaints.0["WARN: stt reconnecting"], 3);
        assert_eq!(complaints.0["thread 'main' panicked"], 1);
        assert_eq!(complaints.0.len(), COMPLAINTS_MAX);
    }
}
