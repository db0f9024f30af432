//! The `call` command as a process of its own, with its standard input and output.

use std::io::Write as _;
use std::process::{Command, Output, Stdio};

use tokio::task::spawn_blocking;

use super::caller::Story;
use super::gateway::Gateway;
use super::words::has_any;

/// Runs `call` against a gateway with these lines typed into it.
async fn call(gateway: &Gateway, arguments: &[&str], typed: &'static str) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_voice-gateway"));
    command.args(["call", "--url", &format!("{}/twilio/voice", gateway.carrier_url)]).args(arguments);
    command.env_remove("TWILIO_AUTH_TOKEN");
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let run = move || {
        let mut process = command.spawn().unwrap();
        process.stdin.take().unwrap().write_all(typed.as_bytes()).unwrap();
        process.wait_with_output().unwrap()
    };
    spawn_blocking(run).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn lines_that_are_piped_in_are_answered_one_after_the_other() {
    let Some((_story, gateway)) = Story::begin_at_shared_gateway().await else { return };
    let ended = call(&gateway, &[], "What are your opening hours?\n/hangup\n").await;
    let told = String::from_utf8(ended.stdout).unwrap();
    assert!(ended.status.success(), "{told}{}", String::from_utf8_lossy(&ended.stderr));
    let lines: Vec<_> = told.lines().collect();
    let asked = lines.iter().position(|line| *line == "caller: What are your opening hours?");
    assert!(
        asked.is_some_and(|at| at > 0 && lines[at - 1].starts_with("agent:  ")),
        "the greeting comes first: {told}"
    );
    let answer = lines.iter().skip(asked.unwrap()).find(|line| line.starts_with("agent:  "));
    assert!(answer.is_some_and(|words| has_any(words, &["open", "dusk", "six"])), "the hang-up waits for it: {told}");
    assert!(told.trim_end().ends_with("ended by: caller"), "{told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn several_calls_share_one_set_of_engines_and_are_told_in_json() {
    let Some((_story, gateway)) = Story::begin_at_shared_gateway().await else { return };
    let arguments = ["--calls", "2", "--json", "--say", "What are your opening hours?"];
    let ended = call(&gateway, &arguments, "").await;
    let told = String::from_utf8(ended.stdout).unwrap();
    assert!(ended.status.success(), "{told}{}", String::from_utf8_lossy(&ended.stderr));
    let lines: Vec<serde_json::Value> = told.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    for call in 1..=2 {
        let of_call = lines.iter().filter(|line| line["call"] == call && line["type"] == "agent");
        let words: String = of_call.filter_map(|line| line["text"].as_str()).collect();
        assert!(has_any(&words, &["open", "dusk", "six"]), "{told}");
    }
    assert_eq!((&lines.last().unwrap()["answered"], &lines.last().unwrap()["failed"]), (&2.into(), &0.into()));
}
