//! What the container files promise: the Dockerfile, docker-compose.yml and what lies under docker/ name settings,
//! ports, paths, stages, subcommands and metrics that exist, and stopping leaves calls the time they are promised.
//!
//! No container runtime is needed: the files are read, and of what they run the cheap parts are run by hand.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

mod by_hand;
mod compose;
mod dockerfile;
mod images;
mod monitoring;
mod promql;
mod services;

use std::collections::BTreeMap;
use std::path::Path;

use voice_gateway::config::Config;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn text_of(path: &str) -> String {
    std::fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The settings that a whole environment gives, which must be usable to the last name.
fn settings(environment: &BTreeMap<&str, &str>) -> Config {
    let (config, warnings) = Config::read(environment).unwrap();
    assert_eq!(warnings.len(), 0, "{warnings:?}");
    config
}

fn defaults() -> Config {
    settings(&BTreeMap::new())
}
