//! A whole row of the load generator: this program measures itself, started a second time as the
//! gateway. It has no test harness, so that `serve` is its own argument.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod load_support;

use std::path::PathBuf;
use std::time::Duration;

use load_support::{Manners, serve};
use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use voice_testkit::load::row::{self, RowError};
use voice_testkit::load::voice::Voice;
use voice_testkit::load::{LoadSettings, Report, VendorDelays};

fn main() {
    let runtime = Runtime::new().unwrap();
    if std::env::args().nth(1).as_deref() == Some("serve") {
        return runtime.block_on(stand_in());
    }
    // Whoever installs one first wins.
    let _ = rustls::crypto::ring::default_provider().install_default();
    runtime.block_on(measures_a_row());
    println!("measures_a_row ... ok");
    runtime.block_on(says_when_there_is_nothing_to_measure());
    println!("says_when_there_is_nothing_to_measure ... ok");
}

/// The gateway's side: its log and its calls, as the settings in the environment say.
async fn stand_in() {
    let setting = |name: &str| std::env::var(name).unwrap_or_default();
    assert_eq!([setting("STT_VENDOR"), setting("TTS_VENDOR"), setting("LLM_VENDOR")], ["deepgram", "deepgram", "chat"]);
    assert!(setting("DEEPGRAM_URL").starts_with("ws://127.0.0.1:") && setting("LLM_BASE_URL").ends_with("/v1"));
    let listener = TcpListener::bind(setting("LISTEN_ADDR")).await.unwrap();
    let address = listener.local_addr().unwrap();
    println!(r#"{{"level":"INFO","message":"listening for the carrier","address":"{address}"}}"#);
    println!(r#"{{"level":"WARN","message":"this is a stand-in"}}"#);
    println!(r#"{{"level":"INFO","message":"ready to take calls"}}"#);
    serve(listener, if setting("MANNERS") == "busy" { Manners::Busy } else { Manners::Good }).await;
}

fn settings(server_settings: &[(&str, &str)]) -> LoadSettings {
    LoadSettings {
        calls: vec![3],
        turns: 6,
        turns_per_call: 1,
        interrupt_every: 0,
        ramp: Duration::from_millis(300),
        delays: VendorDelays::default(),
        seed: 1,
        server: std::env::current_exe().unwrap(),
        prompts: PathBuf::from("prompts"),
        server_settings: server_settings.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect(),
        server_cpus: None,
    }
}

async fn measures_a_row() {
    let (settings, voice) = (settings(&[]), Voice::synthetic());
    let row = row::run(&settings, &voice, 3).await.unwrap();
    let mut report = Report::new(&settings, voice.origin());
    report.add(&row);
    let json = report.to_json();
    let measured = &json["rows"][0];
    for (name, expected) in [
        ("turns", 6),
        ("unanswered", 0),
        ("wrong_words", 0),
        ("calls_hung_up", 3),
        ("calls_dropped", 0),
        ("not_greeted", 0),
    ] {
        assert_eq!(measured["counts"][name], expected, "{name}: {json:#}");
    }
    assert_eq!(measured["figures_ms"]["voice_to_voice"]["count"], 6);
    assert_eq!(measured["figures_ms"]["own"]["count"], 0, "the stand-in asks no vendor");
    assert!(measured["server"]["rss_peak_kib"].as_u64().unwrap() > 0);
    assert!(measured["server"]["cpu_ms_per_call_second"].as_f64().is_some(), "{json:#}");
    assert_eq!(measured["complaints"]["WARN: this is a stand-in"], 1);

    let kept = ["holes=0", "voice_to_voice.p50=5000"].map(|bound| bound.parse().unwrap());
    assert_eq!(report.broken(&kept), Vec::<String>::new());
    let missed = ["turns=5", "own.p95=1000"].map(|bound| bound.parse().unwrap());
    assert_eq!(report.broken(&missed).len(), 2);
    let table = report.table();
    assert!(table.contains("3 calls") && table.contains("voice to voice"), "{table}");
    println!("{table}");
}

async fn says_when_there_is_nothing_to_measure() {
    let busy = row::run(&settings(&[("MANNERS", "busy")]), &Voice::synthetic(), 2).await;
    assert!(matches!(busy, Err(RowError::NoReply(_))));
    let mut absent = settings(&[]);
    absent.server = "/nonexistent/voice-gateway".into();
    assert!(matches!(row::run(&absent, &Voice::synthetic(), 1).await, Err(RowError::Server(_))));
}
