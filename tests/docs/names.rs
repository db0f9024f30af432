//! Settings, events, metrics, routes and paths that pages name.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;

use voice_gateway::config::settings_markdown;
use voice_gateway::observability::events_markdown;

use crate::{Page, pages, root};

/// Names with the look of a setting that belong to others.
const FOREIGN: [&str; 4] = ["GOLF_BACKEND_TOKEN", "CARGO_TARGET_DIR", "RUSTC_BOOTSTRAP", "CARGO_INCREMENTAL"];

/// Pages whose names are not all ours to look up: of other programs, and of what was.
const NOT_OURS: [&str; 3] = ["tests/sdk/README.md", "fuzz/README.md", "CHANGELOG.md"];

/// The first cell of every row of a page's tables.
fn first_cells(page: &str) -> BTreeSet<String> {
    page.lines().filter_map(|line| Some(line.strip_prefix("| `")?.split_once('`')?.0.to_owned())).collect()
}

fn looks_like_a_setting(word: &str) -> bool {
    word.contains('_')
        && word.starts_with(|first: char| first.is_ascii_uppercase())
        && word.chars().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_')
}

/// `word.word`, in small letters, and no file's name.
fn looks_like_an_event(word: &str, families: &BTreeSet<&str>) -> bool {
    word.split_once('.').is_some_and(|(family, rest)| {
        families.contains(family)
            && rest.chars().all(|c| c.is_ascii_lowercase() || c == '_')
            && !["rs", "toml", "md", "json", "jsonl", "wav", "opus", "yml"].contains(&rest)
    })
}

/// A path that begins with one of our folders. What a build makes is not there before it.
fn is_below_the_root(word: &str) -> bool {
    let is_ours = |first: &str| !first.is_empty() && first != "target" && root().join(first).is_dir();
    !word.contains(['<', '*', '…']) && word.split_once('/').is_some_and(|(first, _)| is_ours(first))
}

/// What is wrong with the names of a page.
fn unknown_names(page: &Page) -> Vec<String> {
    let settings = first_cells(&settings_markdown());
    let observed = first_cells(&events_markdown());
    let families: BTreeSet<_> = observed.iter().filter_map(|name| Some(name.split_once('.')?.0)).collect();
    let routes = fs::read_to_string(root().join("src/http/mod.rs")).unwrap();
    let mut unknown = Vec::new();
    for quoted in page.quoted() {
        // `NAME=value`, `NAME=…` and lists of such.
        for word in quoted.split([' ', '=']).map(|word| word.trim_end_matches([',', ':'])) {
            let is_known = if looks_like_a_setting(word) {
                settings.contains(word) || FOREIGN.contains(&word)
            } else if let Some(family) = word.strip_suffix('…').filter(|word| looks_like_a_setting(word)) {
                settings.iter().any(|name| name.starts_with(family))
            } else if word.starts_with("voice_gateway_") || looks_like_an_event(word, &families) {
                observed.contains(word)
            } else if word.starts_with("/twilio/") && word.len() > 8
                || ["/healthz", "/readyz", "/metrics"].contains(&word)
            {
                routes.contains(&format!("{word:?}"))
            } else if is_below_the_root(word) {
                root().join(word).exists()
            } else {
                true
            };
            if !is_known {
                unknown.push(format!("{}: {word}", page.name()));
            }
        }
    }
    unknown
}

#[test]
fn every_name_on_a_page_is_one_that_the_program_has() {
    let pages = pages();
    let ours = pages.iter().filter(|page| !NOT_OURS.contains(&page.name().as_str()));
    let unknown: Vec<_> = ours.flat_map(unknown_names).collect();
    assert_eq!(unknown, Vec::<String>::new());
}

/// What `cargo` is told to run on a page: the option with a name, and where that is.
fn cargo_targets(page: &Page) -> Vec<(String, String, bool)> {
    let manifest: toml::Table = Page::read("Cargo.toml").text.parse().unwrap();
    let crates = manifest["workspace"]["members"].as_array().unwrap();
    let crates: Vec<_> = crates.iter().map(|path| root().join(path.as_str().unwrap())).collect();
    let is_in = |folder: &str, name: &str| {
        let is_there = |path: &PathBuf| {
            let path = path.join(folder).join(name);
            path.with_extension("rs").is_file() || path.join("main.rs").is_file()
        };
        crates.iter().any(is_there)
    };
    let packages: Vec<_> = crates.iter().map(|path| fs::read_to_string(path.join("Cargo.toml")).unwrap()).collect();
    // Other programs have options of these names, too.
    let commands = page.text.lines().filter_map(|line| Some(&line[line.find("cargo ")?..]));
    let words = commands.flat_map(str::split_whitespace).map(|word| word.trim_matches(['`', ',', ')', '.']));
    let words: Vec<_> = words.collect();
    let pairs = words.windows(2).filter_map(|pair| {
        let name = pair[1];
        let is_there = match pair[0] {
            "--test" => is_in("tests", name),
            "--bench" => is_in("benches", name),
            "--example" => is_in("examples", name),
            "-p" | "--package" => packages.iter().any(|text| text.contains(&format!("name = {name:?}"))),
            _ => return None,
        };
        Some((pair[0].to_owned(), name.to_owned(), is_there))
    });
    pairs.collect()
}

#[test]
fn whatever_a_page_tells_cargo_to_run_is_there() {
    let mut found = 0;
    for page in pages() {
        for (option, name, is_there) in cargo_targets(&page) {
            found += 1;
            assert!(is_there, "{}: there is no {option} {name}", page.name());
        }
    }
    assert!(found > 20, "only {found} were found");
}

#[test]
fn names_that_are_not_there_are_noticed() {
    let text = "`MAX_CALL`, `ENDPOINT_…`, `ENDPINT_…`, `EVENTS=stdout`, `LOG_PIII=true`, `call.ended`, `call.over`, `call.rs`, \
                `voice_gateway_calls`, `/twilio/voices`, `/readyz`, `src/main.rs`, `src/man.rs`, `x-call-id`\n\
                ```sh\n`NOT_LOOKED_AT`\n```";
    let page = Page { path: root().join("x.md"), text: text.to_owned() };
    let wrong =
        ["MAX_CALL", "ENDPINT_…", "LOG_PIII", "call.over", "voice_gateway_calls", "/twilio/voices", "src/man.rs"];
    assert_eq!(unknown_names(&page), wrong.map(|name| format!("x.md: {name}")));
}
