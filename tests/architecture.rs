//! Who may import whom. The table is the rule; this test reads every `use` and every path of the
//! sources and fails on an arrow that is not in it.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// The rooms of the pipeline crate and the rooms each may use.
const PIPELINE: &[(&str, &[&str])] = &[
    ("time", &[]),
    ("pii", &[]),
    ("turn", &["time"]),
    ("audio", &["time", "turn"]),
    ("line", &["audio", "turn"]),
    ("vad", &["audio", "time"]),
    ("chat", &["audio", "pii", "time", "turn"]),
    ("tools", &["chat"]),
    ("vendors", &["audio", "chat", "tools", "turn"]),
    ("net", &["audio", "chat", "pii", "tools", "vendors"]),
    ("event", &["pii", "time", "turn"]),
    ("stages", &["audio", "chat", "event", "line", "net", "pii", "time", "tools", "turn", "vad", "vendors"]),
    ("session", &["audio", "chat", "event", "line", "pii", "stages", "time", "tools", "turn", "vad", "vendors"]),
];

/// The rooms of the values crate and the rooms each may use.
const VALUES: &[(&str, &[&str])] = &[
    ("numerals", &[]),
    ("people", &[]),
    ("words", &["numerals"]),
    ("number", &["numerals", "words"]),
    ("date", &["number", "words"]),
    ("time", &["date", "number", "people", "words"]),
    ("count", &["date", "number", "people", "time", "words"]),
    ("more_or_less", &["number", "people", "words"]),
    ("name", &["date", "number", "words"]),
    ("code", &["name", "number", "words"]),
];

/// The rooms of the server and the rooms of the server each may use.
const SERVER: &[(&str, &[&str])] = &[
    ("config", &[]),
    ("telephony", &[]),
    ("agent", &[]),
    ("backend", &["agent"]),
    ("observability", &[]),
    ("recording", &[]),
    ("phone", &["recording"]),
    ("http", &["telephony"]),
    ("call", &["agent", "backend", "http", "recording", "telephony"]),
];

/// What the server's rooms may use of the pipeline crate; rooms that are not named may use all.
const SERVER_TO_PIPELINE: &[(&str, &[&str])] = &[
    ("config", &[]),
    ("telephony", &["audio", "line", "net", "pii", "turn"]),
    ("recording", &["audio"]),
    ("observability", &["event", "pii", "time", "turn"]),
    ("agent", &["pii", "tools", "chat"]),
];

#[test]
fn the_rooms_of_the_pipeline_keep_to_the_rule() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("pipeline/src");
    assert_eq!(forbidden_arrows(&root, "crate::", PIPELINE), Vec::<String>::new());
}

#[test]
fn the_rooms_of_the_values_keep_to_the_rule_and_know_nothing_of_ours() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("values/src");
    assert_eq!(forbidden_arrows(&root, "crate::", VALUES), Vec::<String>::new());
    for file in sources(&root) {
        assert!(!production_code(&file).contains("voice_"), "{} knows another crate of ours", file.display());
    }
}

#[test]
fn the_rooms_of_the_server_keep_to_the_rule() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    assert_eq!(forbidden_arrows(&root, "crate::", SERVER), Vec::<String>::new());
    assert_eq!(forbidden_arrows(&root, "voice_pipeline::", SERVER_TO_PIPELINE), Vec::<String>::new());
}

#[test]
fn every_room_has_its_line_in_the_table() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    for (folder, table) in [("pipeline/src", PIPELINE), ("values/src", VALUES), ("src", SERVER)] {
        let lib = fs::read_to_string(root.join(folder).join("lib.rs")).unwrap();
        let rooms: BTreeSet<_> =
            lib.lines().filter_map(|line| line.strip_prefix("pub mod ")?.strip_suffix(';')).collect();
        assert_eq!(rooms, table.iter().map(|(room, _)| *room).collect(), "{folder}");
    }
}

#[test]
fn only_the_command_line_knows_the_engines() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    for file in sources(&root) {
        let room = room_of(&root, &file);
        if room != "main" && room != "command" {
            let text = production_code(&file);
            assert!(!text.contains("voice_engines"), "{} knows the engines", file.display());
        }
    }
    for file in sources(&root.join("../pipeline/src")) {
        assert!(!production_code(&file).contains("voice_engines"), "{} knows the engines", file.display());
    }
}

#[test]
fn of_the_server_only_the_agents_read_values() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    for file in sources(&root) {
        let reads = production_code(&file).contains("voice_values");
        assert!(!reads || room_of(&root, &file) == "agent", "{} reads values", file.display());
    }
    for file in sources(&root.join("../pipeline/src")) {
        assert!(!production_code(&file).contains("voice_values"), "{} reads values", file.display());
    }
}

#[test]
fn the_pipeline_knows_no_environment_and_no_server() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("pipeline/src");
    for file in sources(&root) {
        let text = production_code(&file);
        for word in ["std::env::var", "axum", "twilio"] {
            assert!(!text.contains(word), "{} knows {word}", file.display());
        }
    }
}

fn forbidden_arrows(root: &Path, prefix: &str, table: &[(&str, &[&str])]) -> Vec<String> {
    let mut found = Vec::new();
    for file in sources(root) {
        let room = room_of(root, &file);
        let Some((_, allowed)) = table.iter().find(|(name, _)| *name == room) else { continue };
        for target in rooms_named(&production_code(&file), prefix) {
            let known = prefix != "crate::" || table.iter().any(|(name, _)| *name == target);
            if known && target != room && !allowed.contains(&target.as_str()) {
                found.push(format!("{} → {target} in {}", room, file.display()));
            }
        }
    }
    found
}

/// The rooms named after `prefix`, in `prefix::room` and in `prefix::{room, …}`.
fn rooms_named(text: &str, prefix: &str) -> BTreeSet<String> {
    let name = |text: &str| text.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect::<String>();
    text.match_indices(prefix)
        .filter(|(at, _)| !text[..*at].ends_with(|c: char| c.is_alphanumeric() || c == '_'))
        .flat_map(|(at, _)| {
            let rest = &text[at + prefix.len()..];
            match rest.strip_prefix('{') {
                Some(group) => {
                    group.split('}').next().unwrap_or("").split(',').map(|part| name(part.trim())).collect::<Vec<_>>()
                }
                None => vec![name(rest)],
            }
        })
        .filter(|room| !room.is_empty())
        .collect()
}

fn room_of(root: &Path, file: &Path) -> String {
    let below_root = file.strip_prefix(root).expect("the file was found below the root");
    let first = below_root.components().next().expect("a file has a name");
    first.as_os_str().to_string_lossy().trim_end_matches(".rs").to_owned()
}

/// The file without comments and without what follows its test module.
fn production_code(file: &Path) -> String {
    if file.file_stem().is_some_and(|stem| stem.to_string_lossy().ends_with("tests")) {
        return String::new();
    }
    let text = fs::read_to_string(file).expect("a source is readable");
    text.lines()
        .take_while(|line| !line.contains("#[cfg(test)]"))
        .filter(|line| !line.trim_start().starts_with("//"))
        .collect::<Vec<_>>()
        .join("\n")
}

fn sources(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).expect("a source folder is readable") {
        let path = entry.expect("a source folder is readable").path();
        if path.is_dir() {
            found.extend(sources(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
    found.sort();
    found
}
