//! What a container does, without one: the image's healthcheck and Prometheus' request, to a gateway that runs.

#[path = "../whole_calls/gateway.rs"]
#[allow(dead_code, reason = "other stories ask the gateway more")]
mod gateway;

use std::process::{Command, Output};
use std::time::Duration;

use tokio::task::spawn_blocking;
use voice_testkit::fakes::deepgram::{DeepgramPlan, FakeDeepgram, unobserved};

use crate::dockerfile::{dockerfile, only_in_stage, words};
use gateway::{Gateway, closed_port};

/// Nothing is loaded and nobody is on the phone, so it stops at once.
const STOP_LIMIT: Duration = Duration::from_secs(10);

/// Runs what stands behind HEALTHCHECK, for a gateway that listens there.
fn healthcheck(listen: &str) -> Output {
    let dockerfile = dockerfile();
    let command = words(only_in_stage(&dockerfile, "voice-gateway", "HEALTHCHECK"));
    let mut check = Command::new(env!("CARGO_BIN_EXE_voice-gateway"));
    check.args(&command[1..]).env_clear().env("LISTEN_ADDR", listen).output().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_healthcheck_passes_while_the_gateway_runs_and_fails_when_it_is_gone() {
    // Whoever asks for metrics is an HTTP client. It fails only when one is installed already.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let deepgram = FakeDeepgram::start(DeepgramPlan::default(), unobserved()).unwrap();
    let url = deepgram.url();
    let settings = [
        ("STT_VENDOR", "deepgram"),
        ("TTS_VENDOR", "deepgram"),
        ("DEEPGRAM_URL", url.as_str()),
        ("DEEPGRAM_API_KEY", "secret"),
    ];
    let settings = settings.map(|(name, value)| (name.to_owned(), value.to_owned()));
    let mut gateway = spawn_blocking(move || Gateway::start(&settings)).await.unwrap();

    let listen = gateway.carrier_url.strip_prefix("http://").unwrap().to_owned();
    let healthy = healthcheck(&listen);
    assert!(healthy.status.success(), "{healthy:?}");
    assert!(gateway.metric("voice_gateway_calls_active").await.abs() < f64::EPSILON);

    gateway.ask_to_stop();
    assert!(gateway.exit(STOP_LIMIT).await.success());
    let gone = healthcheck(&listen);
    assert_eq!(gone.status.code(), Some(1), "{gone:?}");
    assert!(String::from_utf8_lossy(&gone.stderr).contains("no answer from"), "{gone:?}");
}

#[test]
fn the_healthcheck_asks_where_the_settings_say() {
    let nobody = format!("0.0.0.0:{}", closed_port());
    let answer = healthcheck(&nobody);
    assert_eq!(answer.status.code(), Some(1));
    let asked = nobody.replace("0.0.0.0", "127.0.0.1");
    assert!(String::from_utf8_lossy(&answer.stderr).contains(&format!("http://{asked}/healthz")), "{answer:?}");
}
