//! `voice-gateway check` as an operator runs it: the program, an environment, and servers on loopback.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

#[path = "whole_calls/gateway.rs"]
#[allow(dead_code, reason = "other stories ask the gateway more")]
mod gateway;

use std::net::TcpListener;
use std::path::Path;
use std::process::{Command, Output};
use std::time::{Duration, Instant};

use axum::Router;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use serde_json::Value;
use tempfile::TempDir;
use tokio::task::{JoinSet, spawn_blocking};
use voice_engines::weights::ModelSet;
use voice_engines::weights::testing::weights_or_skip;
use voice_testkit::fakes::chat::{ChatPlan, FakeChat, unobserved as chat_unobserved};
use voice_testkit::fakes::deepgram::{DeepgramPlan, FakeDeepgram, unobserved as deepgram_unobserved};

use gateway::{Gateway, closed_port};

const DEEPGRAM_KEY: &str = "deepgram-secret";
const CHAT_KEY: &str = "chat-secret";
const BACKEND_TOKEN: &str = "backend-secret";

/// Longer than the check's own deadline by what a busy machine takes to start a program.
const NEVER_HANGS: Duration = Duration::from_secs(60);

/// Runs `check` with these arguments and nothing else in the environment.
async fn check(arguments: &[&str], environment: &[(&str, &str)]) -> Output {
    run("check", arguments, environment).await
}

async fn run(command: &str, arguments: &[&str], environment: &[(&str, &str)]) -> Output {
    let mut program = Command::new(env!("CARGO_BIN_EXE_voice-gateway"));
    program.arg(command).args(arguments).current_dir(env!("CARGO_MANIFEST_DIR")).env_clear();
    // Certificates and caches are where they are for every program of this user.
    let kept = ["HOME", "XDG_CACHE_HOME", "SSL_CERT_FILE"];
    program.envs(std::env::vars_os().filter(|(name, _)| kept.iter().any(|kept| name == kept)));
    program.envs(environment.iter().copied());
    spawn_blocking(move || program.output().unwrap()).await.unwrap()
}

/// What `check --json` found.
struct Found {
    exit_code: Option<i32>,
    page: Value,
}

impl Found {
    async fn by(environment: &[(&str, &str)]) -> Self {
        let output = check(&["--json"], environment).await;
        let text = String::from_utf8(output.stdout).unwrap();
        for secret in [DEEPGRAM_KEY, CHAT_KEY, BACKEND_TOKEN] {
            assert!(!text.contains(secret), "a secret is printed: {text}");
        }
        let page = serde_json::from_str(&text).unwrap_or_else(|_| panic!("no JSON: {text}{:?}", output.stderr));
        Self { exit_code: output.status.code(), page }
    }

    /// Whether there is a finding of this area and severity with these words, and a remedy with those.
    fn has(&self, area: &str, severity: &str, words: &str, remedy: &str) -> bool {
        self.page["findings"].as_array().unwrap().iter().any(|finding| {
            let has = |field: &str, words: &str| finding[field].as_str().is_some_and(|text| text.contains(words));
            finding["area"] == area && finding["severity"] == severity && has("problem", words) && has("remedy", remedy)
        })
    }

    fn is_fine(&self, area: &str, words: &str) -> bool {
        let fine = self.page["fine"].as_array().unwrap();
        fine.iter().any(|one| one["area"] == area && one["what"].as_str().is_some_and(|what| what.contains(words)))
    }
}

fn deepgram() -> FakeDeepgram {
    let plan = DeepgramPlan { key: Some(DEEPGRAM_KEY.into()), ..DeepgramPlan::default() };
    FakeDeepgram::start(plan, deepgram_unobserved()).unwrap()
}

fn chat() -> FakeChat {
    let plan = ChatPlan { key: Some(CHAT_KEY.into()), models: vec!["big".into()], ..ChatPlan::default() };
    FakeChat::start(plan, chat_unobserved()).unwrap()
}

/// A backend that wants the token and tells the time as told.
struct Backend {
    url: String,
    _server: JoinSet<()>,
}

impl Backend {
    async fn start(date: Option<&'static str>) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let answer = move |headers: HeaderMap| async move {
            let is_right =
                headers.get("authorization").is_some_and(|token| token == &format!("Bearer {BACKEND_TOKEN}"));
            let status = if is_right { StatusCode::NOT_FOUND } else { StatusCode::UNAUTHORIZED };
            let date = date.map(|date| (header::DATE, HeaderValue::from_static(date)));
            (status, date.into_iter().collect::<HeaderMap>())
        };
        let mut server = JoinSet::new();
        server.spawn(async move { axum::serve(listener, Router::new().fallback(answer)).await.unwrap() });
        Self { url, _server: server }
    }
}

/// Agents made of the golf agent: a name, and replacements in its file.
fn agents(agents: &[(&str, &[(&str, &str)])]) -> TempDir {
    let golf = Path::new(env!("CARGO_MANIFEST_DIR")).join("prompts/golf");
    let folder = tempfile::tempdir().unwrap();
    for (name, changes) in agents {
        let mut text = std::fs::read_to_string(golf.join("agent.toml")).unwrap();
        text = text.replace("name = \"golf\"", &format!("name = {name:?}"));
        for (from, to) in *changes {
            assert!(text.contains(from), "{from}");
            text = text.replacen(from, to, 1);
        }
        let own = folder.path().join(name);
        std::fs::create_dir(&own).unwrap();
        std::fs::write(own.join("agent.toml"), text).unwrap();
        std::fs::copy(golf.join("system.md"), own.join("system.md")).unwrap();
    }
    folder
}

fn free_address() -> String {
    format!("127.0.0.1:{}", closed_port())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_setup_with_cloud_vendors_that_is_right_is_found_right() {
    let (deepgram, chat, backend) = (deepgram(), chat(), Backend::start(None).await);
    let (deepgram_url, chat_url) = (deepgram.url(), chat.base_url());
    let (listen, admin) = (free_address(), free_address());
    let environment = [
        ("LISTEN_ADDR", listen.as_str()),
        ("ADMIN_ADDR", &admin),
        ("STT_VENDOR", "deepgram"),
        ("TTS_VENDOR", "deepgram"),
        ("DEEPGRAM_URL", &deepgram_url),
        ("DEEPGRAM_API_KEY", DEEPGRAM_KEY),
        ("LLM_BASE_URL", &chat_url),
        ("LLM_MODEL", "big"),
        ("OPENAI_API_KEY", CHAT_KEY),
        ("BACKEND_BASE_URL", &backend.url),
        ("BACKEND_TOKEN", BACKEND_TOKEN),
    ];
    let output = check(&[], &environment).await;
    let text = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(0), "{text}");
    assert!(text.ends_with("\n0 problems, 0 warnings\n"), "{text}");
    for area in ["settings", "agents", "tools", "weights", "backend", "vendors", "public url", "clock"] {
        assert!(text.lines().any(|line| line == area), "{area} in {text}");
    }
    for words in ["for hearing", "for speaking", "has the model \"big\"", "status 404", "clock agrees", "is free"] {
        assert!(text.contains(words), "{words} in {text}");
    }
    assert_eq!(chat.counts().requests, 0, "no model is asked for an answer");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_local_setup_with_its_weights_is_found_right() {
    if weights_or_skip(ModelSet::DEFAULT).is_none() {
        return;
    }
    let (listen, admin) = (free_address(), free_address());
    let models = std::env::var("MODELS_DIR").unwrap_or_default();
    let found =
        Found::by(&[("LISTEN_ADDR", listen.as_str()), ("ADMIN_ADDR", &admin), ("MODELS_DIR", models.as_str())]).await;
    assert_eq!((found.exit_code, &found.page["problems"]), (Some(0), &0.into()), "{:#}", found.page);
    assert!(found.is_fine("weights", "files are in place"), "{:#}", found.page);
    assert!(found.is_fine("backend", "built-in golf backend"), "{:#}", found.page);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_mistake_of_an_environment_is_told_in_one_run() {
    let (deepgram, chat, backend) = (deepgram(), chat(), Backend::start(None).await);
    let deepgram_url = deepgram.url();
    let chat_url = format!("http://127.0.0.1:{}/v1", closed_port());
    let second_url = chat.base_url();
    let public_url = format!("https://localhost:{}", closed_port());
    let held = chat.address().to_string();
    let models = tempfile::tempdir().unwrap();
    let prompts = agents(&[
        ("annex", &[("numbers = []", "numbers = [\"+15555550100\"]")]),
        ("club", &[("numbers = []", "numbers = [\"+15555550100\"]")]),
        ("zone", &[("America/Los_Angeles", "Mars/Olympus")]),
        ("code", &[("/reservations/{confirmation_code}", "/reservations/{code}")]),
        (
            "salon",
            &[("language = \"en-US\"", "language = \"de-DE\""), ("[limits]", "[vendors]\ntts = \"local\"\n\n[limits]")],
        ),
        ("sloppy", &[("days_ahead = 90", "days_ahed = 90"), ("[limits]", "[vendors]\nllm = \"forms\"\n\n[limits]")]),
    ]);
    let found = Found::by(&[
        ("LISTEN_ADDR", held.as_str()),
        ("ADMIN_ADDR", "localhost"),
        ("MAX_CALLS", "many"),
        ("TWILLIO_AUTH_TOKEN", "0123456789abcdef0123456789abcdef"),
        ("PUBLIC_URL", &public_url),
        ("PROMPTS_DIR", prompts.path().to_str().unwrap()),
        ("MODELS_DIR", models.path().to_str().unwrap()),
        ("STT_VENDOR", "deepgram,local"),
        ("TTS_VENDOR", "deepgram"),
        ("DEEPGRAM_URL", &deepgram_url),
        ("DEEPGRAM_API_KEY", "not-the-key"),
        ("LLM_VENDOR", "chat,chat2"),
        ("LLM_BASE_URL", &chat_url),
        ("LLM2_BASE_URL", &second_url),
        ("LLM2_API_KEY", "not-the-key-either"),
        ("BACKEND_BASE_URL", &backend.url),
    ])
    .await;
    let expected = [
        ("settings", "problem", "MAX_CALLS is \"many\"", "a number from 1 to 10000"),
        ("settings", "problem", "ADMIN_ADDR is \"localhost\"", "an IP address with a port"),
        ("settings", "warning", "TWILLIO_AUTH_TOKEN is not a setting; did you mean TWILIO_AUTH_TOKEN?", ""),
        ("agents", "problem", "+15555550100 belongs to the agents \"annex\" and \"club\"", ""),
        ("agents", "problem", "timezone is \"Mars/Olympus\"", ""),
        (
            "agents",
            "problem",
            "agent salon speaks de-DE, but vendors.tts in its agent.toml names local",
            "name deepgram",
        ),
        ("agents", "problem", "agent salon speaks de-DE, but STT_VENDOR names local", "STT_VENDOR"),
        ("tools", "problem", "path: {code} is not among the parameters", ""),
        ("tools", "problem", "days_ahed", "forms"),
        ("weights", "problem", "files are missing", "models fetch"),
        ("backend", "problem", "answers with status 401", "BACKEND_TOKEN"),
        ("vendors", "problem", "refuses the key for hearing (status 401)", "DEEPGRAM_API_KEY"),
        ("vendors", "problem", "refuses the key for speaking (status 401)", "DEEPGRAM_API_KEY"),
        ("vendors", "problem", "cannot be connected to", "LLM_BASE_URL"),
        ("vendors", "problem", "chat2 at", "LLM2_API_KEY"),
        ("public url", "problem", "LISTEN_ADDR", "stop it"),
        ("public url", "problem", "TWILIO_AUTH_TOKEN is not", "set TWILIO_AUTH_TOKEN"),
        ("public url", "warning", "the gateway is not running", "when the gateway runs"),
    ];
    for (area, severity, words, remedy) in expected {
        assert!(found.has(area, severity, words, remedy), "{area} {severity}: {words} in {:#}", found.page);
    }
    assert_eq!(found.exit_code, Some(64));
    assert_eq!(found.page["exit_code"], 64);
}

#[tokio::test(flavor = "multi_thread")]
async fn vendors_are_asked_although_the_only_agent_cannot_be_used() {
    let deepgram = deepgram();
    let prompts = agents(&[("club", &[("America/Los_Angeles", "Mars/Olympus")])]);
    let found = Found::by(&[
        ("PROMPTS_DIR", prompts.path().to_str().unwrap()),
        ("STT_VENDOR", "deepgram"),
        ("TTS_VENDOR", "deepgram"),
        ("DEEPGRAM_URL", &deepgram.url()),
        ("DEEPGRAM_API_KEY", "not-the-key"),
    ])
    .await;
    assert!(found.has("agents", "problem", "Mars/Olympus", ""), "{:#}", found.page);
    assert!(found.has("vendors", "problem", "refuses the key for hearing", "DEEPGRAM_API_KEY"), "{:#}", found.page);
}

#[tokio::test(flavor = "multi_thread")]
async fn problems_beside_the_settings_have_an_exit_code_of_their_own() {
    let prompts = agents(&[("club", &[("America/Los_Angeles", "Mars/Olympus")])]);
    let prompts = prompts.path().to_str().unwrap();
    let output = check(&["--offline"], &[("PROMPTS_DIR", prompts)]).await;
    let text = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(1), "{text}");
    assert!(text.contains("problem  ") && text.contains("Mars/Olympus") && text.contains("           → "), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_takes_connections_and_says_nothing_does_not_hold_the_check_up() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = silent.local_addr().unwrap();
    let (backend, models) = (format!("http://{address}"), format!("http://{address}/v1"));
    let deepgram = format!("ws://{address}");
    let began = Instant::now();
    let found = Found::by(&[
        ("BACKEND_BASE_URL", backend.as_str()),
        ("LLM_BASE_URL", &models),
        ("STT_VENDOR", "deepgram"),
        ("TTS_VENDOR", "deepgram"),
        ("DEEPGRAM_URL", &deepgram),
        ("LISTEN_ADDR", &address.to_string()),
        ("ADMIN_ADDR", &free_address()),
    ])
    .await;
    assert!(began.elapsed() < NEVER_HANGS, "{:?}", began.elapsed());
    assert!(found.has("backend", "problem", "does not answer in time", "BACKEND_BASE_URL"), "{:#}", found.page);
    assert!(found.has("vendors", "problem", "does not answer in time", "LLM_BASE_URL"), "{:#}", found.page);
    assert!(found.has("vendors", "problem", "does not answer in time", "DEEPGRAM_URL"), "{:#}", found.page);
    assert!(found.has("public url", "problem", "held by another program", "LISTEN_ADDR"), "{:#}", found.page);
    assert!(found.is_fine("clock", "no server told the time"), "{:#}", found.page);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clock_that_the_servers_disagree_with_is_a_problem() {
    let backend = Backend::start(Some("Thu, 01 Jan 2026 00:00:00 GMT")).await;
    let environment = [("BACKEND_BASE_URL", backend.url.as_str()), ("BACKEND_TOKEN", BACKEND_TOKEN)];
    let found = Found::by(&environment).await;
    assert!(found.has("clock", "problem", "ahead of that of the backend", "NTP"), "{:#}", found.page);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_running_gateway_is_recognised_and_found_at_its_public_url() {
    let deepgram = deepgram();
    let settings = [
        ("STT_VENDOR", "deepgram"),
        ("TTS_VENDOR", "deepgram"),
        ("DEEPGRAM_URL", &deepgram.url()),
        ("DEEPGRAM_API_KEY", DEEPGRAM_KEY),
        ("TWILIO_AUTH_TOKEN", "0123456789abcdef0123456789abcdef"),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()));
    let own = settings.clone();
    let gateway = spawn_blocking(move || Gateway::start(&own)).await.unwrap();
    let url = gateway.carrier_url.clone();
    let (listen, admin) = (url.trim_start_matches("http://"), free_address());
    let mut environment: Vec<_> = settings.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    environment.extend([("LISTEN_ADDR", listen), ("ADMIN_ADDR", &admin), ("PUBLIC_URL", &url)]);
    let found = Found::by(&environment).await;
    assert_eq!(found.exit_code, Some(0), "{:#}", found.page);
    assert!(found.is_fine("public url", "a gateway runs at LISTEN_ADDR"), "{:#}", found.page);
    assert!(found.is_fine("public url", "reaches a gateway"), "{:#}", found.page);
    drop(gateway);
}

#[tokio::test(flavor = "multi_thread")]
async fn serve_refuses_what_check_finds_about_languages_in_the_same_words() {
    let prompts = agents(&[("salon", &[("language = \"en-US\"", "language = \"de-DE\"")])]);
    let prompts = prompts.path().to_str().unwrap();
    let models = tempfile::tempdir().unwrap();
    let environment = [
        ("PROMPTS_DIR", prompts),
        ("MODELS_DIR", models.path().to_str().unwrap()),
        ("LISTEN_ADDR", "127.0.0.1:0"),
        ("ADMIN_ADDR", "127.0.0.1:0"),
    ];
    let served = run("serve", &[], &environment).await;
    let refused = String::from_utf8(served.stderr).unwrap();
    assert_eq!(served.status.code(), Some(1), "{refused}");
    let found = Found::by(&environment).await;
    for setting in ["STT_VENDOR names local", "TTS_VENDOR names local", "LLM_VENDOR is unset, which means forms"] {
        let words = format!("agent salon speaks de-DE, but {setting}, which knows English only");
        assert!(refused.contains(&words), "{refused}");
        assert!(found.has("agents", "problem", &words, "name "), "{:#}", found.page);
    }
    assert_eq!(models.path().read_dir().unwrap().count(), 0, "nothing was fetched for it");
}
