//! What is written for every kind of event, and what never is.

use std::io::{self, Write};
use std::sync::{Arc, Mutex};

use jiff::Timestamp;
use serde_json::Value;
use tracing_subscriber::fmt::MakeWriter;
use voice_pipeline::event::CallEvent;

use super::catalogue::tests::samples;
use super::*;

fn stamped(event: CallEvent) -> StampedEvent {
    StampedEvent { time: Timestamp::from_millisecond(1_795_453_509_120).unwrap(), event, span: tracing::Span::none() }
}

/// Collects what is written; shared, so that it can be read while the writer is still in use.
#[derive(Clone, Default)]
struct Page(Arc<Mutex<Vec<u8>>>);

impl Page {
    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

impl Write for Page {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for Page {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        self.clone()
    }
}

fn logged(show_pii: bool, level: tracing::Level) -> String {
    let page = Page::default();
    let lines = tracing_subscriber::fmt().json().flatten_event(true).with_max_level(level).with_writer(page.clone());
    tracing::subscriber::with_default(lines.finish(), || {
        for event in samples() {
            logs::log(&stamped(event), show_pii);
        }
    });
    page.text()
}

#[test]
fn every_event_is_one_line_of_json_with_its_call_time_turn_and_name() {
    for event in samples() {
        let name = event.kind.name();
        for show_pii in [false, true] {
            let line = jsonl::line(&stamped(event.clone()), show_pii);
            assert!(!line.contains('\n'), "{line}");
            let json: Value = serde_json::from_str(&line).unwrap();
            assert_eq!(json["call_id"], "CA1f0c");
            assert_eq!(json["at_ms"], 6_480);
            assert_eq!(json["turn"], 1);
            assert_eq!(json["event"], name);
        }
    }
}

#[test]
fn a_line_reads_as_the_page_about_events_shows_it() {
    let committed = samples().into_iter().find(|event| event.kind.name() == "turn.committed").unwrap();
    assert_eq!(
        jsonl::line(&stamped(committed), true),
        "{\"time\":\"2026-11-23T17:05:09.120Z\",\"call_id\":\"CA1f0c\",\"at_ms\":6480,\"turn\":1,\
         \"event\":\"turn.committed\",\"waited_ms\":120,\"pii.text\":\"planted \\\"turn\\\"\\n\"}"
    );
}

#[test]
fn a_probability_is_written_short_and_one_that_is_no_number_as_null() {
    let mut scored = samples().into_iter().find(|event| event.kind.name() == "turn.scored").unwrap();
    assert!(jsonl::line(&stamped(scored.clone()), false).ends_with("\"probability\":0.8}"));
    scored.kind = voice_pipeline::event::EventKind::TurnScored { probability: f32::NAN };
    assert!(jsonl::line(&stamped(scored), false).ends_with("\"probability\":null}"));
}

#[test]
fn nothing_personal_is_written_unless_it_was_asked_for() {
    let lines = |show_pii| samples().into_iter().map(move |event| jsonl::line(&stamped(event), show_pii));
    let personal = |page: &str| page.contains("planted") || page.contains("pii.");
    assert!(!lines(false).any(|line| personal(&line)));
    assert_eq!(lines(true).filter(|line| personal(line)).count(), 8);
    assert!(!personal(&logged(false, tracing::Level::TRACE)));
    assert_eq!(logged(true, tracing::Level::TRACE).lines().filter(|line| personal(line)).count(), 8);
}

#[test]
fn personal_text_stands_only_in_fields_named_pii() {
    let lines: Vec<String> = samples().into_iter().map(|event| jsonl::line(&stamped(event), true)).collect();
    for line in logged(true, tracing::Level::TRACE).lines().chain(lines.iter().map(String::as_str)) {
        let json: Value = serde_json::from_str(line).unwrap();
        for (name, value) in json.as_object().unwrap() {
            assert!(name.starts_with("pii.") || !value.to_string().contains("planted"), "{name} in {line}");
        }
    }
}

#[test]
fn a_call_is_told_at_info_in_a_few_kinds_of_lines_and_failures_warn() {
    let page = logged(false, tracing::Level::INFO);
    let told: Vec<(String, String)> = page
        .lines()
        .map(|line| {
            let json: Value = serde_json::from_str(line).unwrap();
            let text = |name: &str| json[name].as_str().unwrap().to_owned();
            (text("level"), text("message"))
        })
        .collect();
    let expected = [
        ("INFO", "call answered"),
        ("INFO", "turn committed"),
        ("INFO", "turn measured"),
        ("WARN", "language model gave no answer in time"),
        ("WARN", "synthesiser gave no audio in time"),
        ("WARN", "recogniser gave no transcript in time"),
        ("WARN", "another vendor goes on"),
        ("WARN", "vendor failed"),
        ("INFO", "call turned away"),
        ("INFO", "call ended"),
    ];
    assert_eq!(told, expected.map(|(level, message)| (level.to_owned(), message.to_owned())));
}

#[test]
fn every_event_has_a_log_line_at_debug() {
    assert_eq!(logged(false, tracing::Level::DEBUG).lines().count(), samples().len());
}

#[test]
fn lines_are_in_the_file_when_the_hub_is_gone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("calls.jsonl");
    std::fs::write(&path, "{\"event\":\"of an earlier run\"}\n").unwrap();
    let mut hub = EventHub::new();
    let events = hub.subscribe("jsonl");
    let writer = std::thread::spawn({
        let file = jsonl::open_file(&path).unwrap();
        move || jsonl::write_lines(events, file, false)
    });
    for event in samples() {
        hub.emit(event);
    }
    drop(hub);
    writer.join().unwrap().unwrap();
    let page = std::fs::read_to_string(&path).unwrap();
    assert_eq!(page.lines().count(), samples().len() + 1, "lines are added to what is there");
    assert!(page.lines().all(|line| serde_json::from_str::<Value>(line).is_ok()));
}

#[test]
fn a_writer_that_fails_ends_with_its_error() {
    struct Full;
    impl Write for Full {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(io::ErrorKind::StorageFull.into())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let mut hub = EventHub::new();
    let events = hub.subscribe("jsonl");
    samples().into_iter().for_each(|event| hub.emit(event));
    let error = jsonl::write_lines(events, Full, false).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::StorageFull);
    hub.emit(samples().remove(0));
    assert_eq!(hub.lost(), 1);
}

#[tokio::test]
async fn the_log_task_ends_with_the_hub() {
    let mut hub = EventHub::new();
    let events = hub.subscribe("logs");
    drop(hub);
    logs::run(events, false).await;
}

#[test]
fn a_filter_that_cannot_be_read_is_an_error() {
    assert!(matches!(init_tracing("voice_gateway=loud", false), Err(LogError::Filter(_))));
}
