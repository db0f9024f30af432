//! The program as an operator meets it: what it prints, and how it ends. Nothing here uses a network.

#![allow(clippy::unwrap_used)]

use std::process::{Command, Output};

/// Runs the program with these arguments and no other environment than this.
fn run(arguments: &[&str], environment: &[(&str, &str)]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_voice-gateway"));
    command.args(arguments).env_clear().envs(environment.iter().copied());
    command.output().unwrap()
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

const WRONG: [(&str, &str); 4] = [
    ("LISTEN_ADDR", "8080"),
    ("MAX_CALLS", "many"),
    ("PUBLIC_URL", "voice.example.com"),
    ("TWILIO_ACCOUNT_TOKENS", "AC01:a-secret-token"),
];

#[test]
fn wrong_settings_are_all_listed_and_the_exit_code_is_64() {
    for arguments in [&[][..], &["serve"], &["call"], &["models", "list"]] {
        let ended = run(arguments, &WRONG);
        assert_eq!(ended.status.code(), Some(64), "{arguments:?}");
        assert_eq!(text(&ended.stdout), "");
        let report = text(&ended.stderr);
        let names: Vec<_> = report.lines().skip(1).filter_map(|line| line.split_whitespace().next()).collect();
        assert_eq!(names, ["LISTEN_ADDR", "PUBLIC_URL", "MAX_CALLS", "TWILIO_ACCOUNT_TOKENS"], "{report}");
        assert!(report.starts_with("4 settings cannot be used\n"), "{report}");
        assert!(report.contains("must be an http or https URL"), "{report}");
        assert!(!report.contains("a-secret-token"), "{report}");
    }
}

#[test]
fn the_pages_in_docs_are_what_the_program_prints_even_with_wrong_settings() {
    for (page, docs) in
        [("settings", include_str!("../docs/SETTINGS.md")), ("events", include_str!("../docs/EVENTS.md"))]
    {
        for environment in [&[][..], &WRONG] {
            let printed = run(&[page], environment);
            assert!(printed.status.success(), "{page}");
            assert!(text(&printed.stdout) == docs, "`voice-gateway {page}` prints another page than docs has");
        }
    }
}

#[test]
fn whoever_stops_reading_ends_the_output_without_a_word() {
    for arguments in [&["settings"][..], &["models", "list"], &["check", "--offline"]] {
        let mut command = Command::new(env!("CARGO_BIN_EXE_voice-gateway"));
        command.args(arguments).env_clear().env("MODELS_DIR", "/nowhere");
        // Nobody holds the other end any more.
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let ended = command.stdout(writer).output().unwrap();
        assert_eq!((ended.status.code(), text(&ended.stderr)), (Some(1), ""), "{arguments:?}");
    }
}

#[test]
fn help_names_every_subcommand() {
    let help = run(&["--help"], &[]);
    assert!(help.status.success());
    let commands: Vec<_> = text(&help.stdout)
        .lines()
        .skip_while(|line| *line != "Commands:")
        .skip(1)
        .take_while(|line| !line.is_empty())
        .filter_map(|line| line.split_whitespace().next())
        .collect();
    assert_eq!(commands, ["serve", "check", "call", "models", "healthcheck", "settings", "events", "help"]);
}

#[test]
fn help_names_every_option_and_exit_code_of_the_operators_commands() {
    for (command, words) in [
        ("check", &["--json", "--offline", "64 when a setting cannot be used", "1 when anything else is wrong"][..]),
        (
            "call",
            &[
                "--say",
                "--wav",
                "--interrupt",
                "--dtmf",
                "--url",
                "--param",
                "--calls",
                "--json",
                "--record",
                "--patience",
                "/dtmf 123#",
                "/hangup",
                "/help",
                "ws://, wss://",
                "1 when a call failed",
            ],
        ),
    ] {
        let help = run(&[command, "--help"], &[]);
        assert!(help.status.success(), "{command}");
        let text = text(&help.stdout).split_whitespace().collect::<Vec<_>>().join(" ");
        for word in words {
            assert!(text.contains(word), "{word:?} is not in the help of {command}: {text}");
        }
    }
}

#[test]
fn a_check_goes_on_behind_settings_that_cannot_be_used() {
    let ended = run(&["check", "--offline"], &WRONG);
    assert_eq!(ended.status.code(), Some(64));
    let report = text(&ended.stdout);
    for name in ["LISTEN_ADDR", "MAX_CALLS", "PUBLIC_URL", "TWILIO_ACCOUNT_TOKENS"] {
        assert!(report.contains(&format!("  problem  {name} ")), "{report}");
    }
    assert!(report.contains("\nagents\n  ok  "), "{report}");
    assert!(!report.contains("a-secret-token"), "{report}");
}

#[test]
fn a_call_that_makes_no_sense_is_refused_by_its_arguments() {
    for arguments in [["--calls", "0"], ["--calls", "many"], ["--param", "token"], ["--dtmf", "12x"]] {
        let ended = run(&["call", arguments[0], arguments[1]], &[]);
        assert_eq!(ended.status.code(), Some(2), "{arguments:?}");
    }
}

#[test]
fn missing_weights_are_listed_with_the_command_that_fetches_them() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().to_str().unwrap();
    let listed = run(&["models", "list"], &[("MODELS_DIR", path)]);
    assert_eq!(listed.status.code(), Some(1));
    let listing = text(&listed.stdout);
    assert!(listing.starts_with(&format!("{path}\n")), "{listing}");
    assert!(listing.lines().any(|line| line.starts_with("missing")), "{listing}");
    assert!(listing.contains("fetch the rest with: voice-gateway models fetch"), "{listing}");
    assert!(listing.contains("pip download"), "{listing}");
    assert_eq!(folder.path().read_dir().unwrap().count(), 0, "listing must fetch nothing");
}

#[test]
fn nothing_is_served_when_an_agent_is_wanted_that_is_not_there() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().to_str().unwrap();
    let ended = run(&["serve"], &[("PROMPTS_DIR", path)]);
    assert_eq!(ended.status.code(), Some(1));
    assert!(text(&ended.stderr).contains("holds no folder with an agent.toml"), "{}", text(&ended.stderr));
}
