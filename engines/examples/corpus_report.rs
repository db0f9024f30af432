//! Plays the corpus of what callers say and writes what came of it as Markdown.
//!
//! `cargo run -p voice-engines --example corpus_report > docs/FORMS.md`

#![allow(clippy::unwrap_used, reason = "the tests' modules may panic")]

#[allow(dead_code, reason = "the tests use the rest")]
#[path = "../tests/corpus/mod.rs"]
mod runner;

use runner::telephone::Telephone;
use runner::{Split, play_dialogues, play_lines, report};

fn main() {
    let telephone = Telephone::or_skip();
    let mut tallies = Vec::new();
    for split in Split::present() {
        tallies.push(play_lines(split));
        tallies.push(play_dialogues(split, None));
        tallies.extend(telephone.as_ref().map(|telephone| play_dialogues(split, Some(telephone))));
    }
    for tally in &tallies {
        eprintln!("{}", tally.figures());
    }
    print!("{}", report::markdown(&tallies));
}
