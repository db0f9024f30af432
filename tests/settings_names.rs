//! One truth about settings: whatever the sources call one is declared in `config`, and what is
//! declared is used.

#![allow(clippy::unwrap_used)]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use voice_gateway::config::settings_markdown;

/// Names with an underscore in back quotes that are no settings of the gateway.
const FOREIGN: [&str; 2] = ["EX_USAGE", "XDG_CACHE_HOME"];

#[test]
fn every_setting_a_comment_names_is_declared() {
    let declared = declared();
    let mut found = 0;
    let mut unknown = Vec::new();
    for file in sources() {
        let text = fs::read_to_string(&file).unwrap();
        for (number, line) in text.lines().enumerate() {
            let Some(comment) = line.trim_start().strip_prefix("//") else { continue };
            for name in names_in(comment) {
                found += 1;
                if !declared.contains(name) && !FOREIGN.contains(&name) {
                    unknown.push(format!("{}:{}: {name}", file.display(), number + 1));
                }
            }
        }
    }
    assert!(found > 60, "only {found} names were found: the sources are no longer read");
    assert_eq!(unknown, Vec::<String>::new(), "declare these in src/config/sections or rename them");
}

#[test]
fn every_declared_setting_is_handed_to_somebody() {
    let used = sources()
        .iter()
        .filter(|file| {
            let asks = ["sections/llm.rs", "src/config/mod.rs"];
            file.starts_with(root().join("src/command")) || asks.iter().any(|part| file.ends_with(part))
        })
        .map(|file| fs::read_to_string(file).unwrap())
        .collect::<String>();
    let unused: Vec<_> = fields().into_iter().filter(|(_, field)| !reads(&used, field)).collect();
    assert_eq!(unused, [], "nothing in src/command reads these");
    assert_eq!(fields().len(), declared().len());
}

#[test]
fn names_are_told_from_links_and_other_words() {
    let comment = "/ `VAD_PAUSE`: see [`MAX_TOKENS`], `LLM_MODEL` and `max_tokens`, `GET`, `X-Forwarded-Host`.";
    assert_eq!(names_in(comment), ["VAD_PAUSE", "LLM_MODEL"]);
    assert_eq!(names_in(" `TURN_A`"), ["TURN_A"]);
}

/// The back-quoted names of a comment that look like a setting. Links are the compiler's to check.
fn names_in(comment: &str) -> Vec<&str> {
    let parts: Vec<_> = comment.split('`').collect();
    let quoted =
        |(position, name): (usize, &&str)| position % 2 == 1 && !parts[position - 1].ends_with('[') && is_name(name);
    parts.iter().enumerate().filter(|part| quoted(*part)).map(|(_, name)| *name).collect()
}

fn is_name(word: &str) -> bool {
    word.contains('_')
        && word.starts_with(|first: char| first.is_ascii_uppercase())
        && word.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_')
}

/// Whether a program has `.field` as a word.
fn reads(program: &str, field: &str) -> bool {
    let rest_of = |part: &str| part.strip_prefix(field).map(|rest| rest.chars().next());
    program.split('.').filter_map(rest_of).any(|next| !next.is_some_and(|c| c == '_' || c.is_ascii_alphanumeric()))
}

/// The names in the tables of docs/SETTINGS.md.
fn declared() -> BTreeSet<String> {
    let page = settings_markdown();
    let name = |line: &str| Some(line.strip_prefix("| `")?.split_once('`')?.0.to_owned());
    page.lines().filter_map(name).collect()
}

/// Every declaration's name and field: `"NAME" field: …`.
fn fields() -> Vec<(String, String)> {
    let declarations = rust_files(&root().join("src/config/sections"));
    let mut fields = Vec::new();
    for file in declarations {
        let text = fs::read_to_string(file).unwrap();
        fields.extend(text.lines().filter_map(|line| {
            let (name, rest) = line.trim_start().strip_prefix('"')?.split_once("\" ")?;
            let (field, _) = rest.split_once(": ")?;
            Some((name.to_owned(), field.to_owned()))
        }));
    }
    fields
}

fn sources() -> Vec<PathBuf> {
    ["src", "pipeline/src", "engines/src"].iter().flat_map(|folder| rust_files(&root().join(folder))).collect()
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(rust_files(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    files
}
