//! The gateway as a child process, and everything that can be asked about it from outside.
//!
//! [`Gateway::start`] waits until it takes calls and learns its addresses from its log. Dropping it
//! ends the process.

use std::io::{BufRead as _, BufReader};
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, sync_channel};
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;
use tokio::time::sleep;
use voice_gateway::phone::PhoneSettings;

/// How long the engines may take to load on a busy machine.
const START_LIMIT: Duration = Duration::from_secs(120);

/// How often a file or a metric is looked at again.
const LOOK_AGAIN: Duration = Duration::from_millis(20);

/// Log lines that wait to be read. Once the gateway is up nobody reads them any more.
const LOG_CAPACITY: usize = 4_096;

pub(crate) struct Gateway {
    process: Child,
    /// Where the carrier calls.
    pub(crate) carrier_url: String,
    operators_url: String,
    backend_url: Option<String>,
    events: PathBuf,
    _folder: TempDir,
}

impl Gateway {
    /// Starts the program with these settings beside the usual ones; blocks until it is ready.
    pub(crate) fn start(settings: &[(String, String)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let events = folder.path().join("events.jsonl");
        let mut command = Command::new(env!("CARGO_BIN_EXE_voice-gateway"));
        command.arg("serve").current_dir(env!("CARGO_MANIFEST_DIR")).env_clear();
        // What the settings of this machine's user say about calls must not change a story.
        let kept = ["PATH", "HOME", "XDG_CACHE_HOME", "MODELS_DIR", "TMPDIR"];
        command.envs(std::env::vars_os().filter(|(name, _)| {
            let name = name.to_string_lossy();
            kept.contains(&&*name) || name.starts_with("PIP_") || name.starts_with("SSL_")
        }));
        command
            .env("LISTEN_ADDR", "127.0.0.1:0")
            .env("ADMIN_ADDR", "127.0.0.1:0")
            .env("LOG_FORMAT", "json")
            .env("LOG_PII", "true")
            .env("EVENTS", &events)
            .envs(settings.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut process = command.spawn().unwrap();
        let log = follow_log(&mut process);
        let mut gateway = Self {
            process,
            carrier_url: String::new(),
            operators_url: String::new(),
            backend_url: None,
            events,
            _folder: folder,
        };
        gateway.wait_until_ready(&log);
        gateway
    }

    fn wait_until_ready(&mut self, log: &Receiver<String>) {
        let deadline = Instant::now() + START_LIMIT;
        let mut seen = String::new();
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let Ok(line) = log.recv_timeout(left) else {
                panic!("the gateway did not become ready; its log:\n{seen}");
            };
            seen.push_str(&line);
            seen.push('\n');
            let Ok(line) = serde_json::from_str::<Value>(&line) else { continue };
            let text = |field: &str| line[field].as_str().unwrap_or_default().to_owned();
            let message = text("message");
            match message.as_str() {
                "listening for the carrier" => self.carrier_url = format!("http://{}", text("address")),
                "listening for operators" => self.operators_url = format!("http://{}", text("address")),
                "ready to take calls" => return,
                _ if message.contains("started the built-in golf backend") => {
                    self.backend_url = Some(text("base_url"));
                }
                _ => {}
            }
        }
    }

    /// A phone that calls this gateway.
    pub(crate) fn phone(&self) -> PhoneSettings {
        PhoneSettings {
            webhook_url: format!("{}/twilio/voice", self.carrier_url),
            max_duration: Duration::from_secs(180),
            ..PhoneSettings::default()
        }
    }

    /// What the gateway reported so far.
    fn all_events(&self) -> Vec<Value> {
        let written = std::fs::read_to_string(&self.events).unwrap_or_default();
        // The last line may still be on its way.
        let whole = written.rsplit_once('\n').map_or("", |(whole, _)| whole);
        whole.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// What the gateway reported under one name, about all calls.
    pub(crate) fn all_events_named(&self, name: &str) -> Vec<Value> {
        self.all_events().into_iter().filter(|event| event["event"] == name).collect()
    }

    /// What the gateway reported about a call so far.
    pub(crate) fn events_of(&self, call_sid: &str) -> Vec<Value> {
        self.all_events().into_iter().filter(|event| event["call_id"] == call_sid).collect()
    }

    /// What the gateway reported about a call under one name.
    pub(crate) fn events_named(&self, call_sid: &str, name: &str) -> Vec<Value> {
        self.all_events_named(name).into_iter().filter(|event| event["call_id"] == call_sid).collect()
    }

    /// Waits for the first event with a name.
    pub(crate) async fn event(&self, call_sid: &str, name: &str, limit: Duration) -> Value {
        let deadline = Instant::now() + limit;
        loop {
            if let Some(event) = self.events_named(call_sid, name).into_iter().next() {
                return event;
            }
            assert!(Instant::now() < deadline, "no {name} within {limit:?}: {:#?}", self.events_of(call_sid));
            sleep(LOOK_AGAIN).await;
        }
    }

    /// The texts of all events with a name, in order.
    pub(crate) fn texts(&self, call_sid: &str, name: &str) -> Vec<String> {
        let events = self.events_named(call_sid, name);
        events.iter().map(|event| event["pii.text"].as_str().unwrap_or_default().to_owned()).collect()
    }

    /// The value of a metric without labels.
    pub(crate) async fn metric(&self, name: &str) -> f64 {
        let url = format!("{}/metrics", self.operators_url);
        let text = reqwest::get(url).await.unwrap().text().await.unwrap();
        let value = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        value.unwrap_or_else(|| panic!("no metric {name} in:\n{text}")).parse().unwrap()
    }

    /// Waits until a metric has a value.
    pub(crate) async fn metric_becomes(&self, name: &str, value: f64, limit: Duration) {
        let deadline = Instant::now() + limit;
        loop {
            let now = self.metric(name).await;
            if (now - value).abs() < f64::EPSILON {
                return;
            }
            assert!(Instant::now() < deadline, "{name} is {now} after {limit:?}, not {value}");
            sleep(LOOK_AGAIN).await;
        }
    }

    /// Waits until the gateway says that it takes no call.
    pub(crate) async fn becomes_unready(&self, limit: Duration) {
        let deadline = Instant::now() + limit;
        while self.status_of("/readyz").await != 503 {
            assert!(Instant::now() < deadline, "still ready after {limit:?}");
            sleep(LOOK_AGAIN).await;
        }
    }

    /// The status of a page for the carrier.
    pub(crate) async fn status_of(&self, path: &str) -> u16 {
        reqwest::get(format!("{}{path}", self.carrier_url)).await.unwrap().status().as_u16()
    }

    /// Who stands in the backend's tee sheet at a time: name and number of players.
    pub(crate) async fn tee_sheet(&self, date: jiff::civil::Date, time: &str) -> Vec<(String, u64)> {
        let backend = self.backend_url.as_ref().expect("this gateway has its built-in backend");
        let body = reqwest::get(format!("{backend}/tee-sheet?date={date}")).await.unwrap().text().await.unwrap();
        let sheet: Value = serde_json::from_str(&body).unwrap();
        let slots = sheet["slots"].as_array().unwrap();
        let slot = slots.iter().find(|slot| slot["time"] == time).unwrap();
        let held = slot["reservations"].as_array().unwrap().iter();
        held.map(|group| (group["name"].as_str().unwrap().to_owned(), group["players"].as_u64().unwrap())).collect()
    }

    /// Asks the process to stop (SIGTERM).
    pub(crate) fn ask_to_stop(&self) {
        let pid = self.process.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
    }

    /// Whether the process runs.
    pub(crate) fn is_running(&mut self) -> bool {
        self.process.try_wait().unwrap().is_none()
    }

    /// Waits for the end of the process.
    pub(crate) async fn exit(&mut self, limit: Duration) -> ExitStatus {
        let deadline = Instant::now() + limit;
        loop {
            if let Some(status) = self.process.try_wait().unwrap() {
                return status;
            }
            assert!(Instant::now() < deadline, "the gateway still runs after {limit:?}");
            sleep(LOOK_AGAIN).await;
        }
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        // Both fail only for a process that is gone already.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Reads both outputs to their ends, so that the gateway never waits for a reader.
fn follow_log(process: &mut Child) -> Receiver<String> {
    let (lines, log) = sync_channel(LOG_CAPACITY);
    let outputs: [Box<dyn std::io::Read + Send>; 2] =
        [Box::new(process.stdout.take().unwrap()), Box::new(process.stderr.take().unwrap())];
    for output in outputs {
        let lines = lines.clone();
        std::thread::spawn(move || {
            for line in BufReader::new(output).lines().map_while(Result::ok) {
                // Nobody is interested any more once the gateway is up.
                let _ = lines.try_send(line);
            }
        });
    }
    log
}

/// An address of this machine at which nobody listens.
pub(crate) fn closed_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}
