//! What callers say, and what comes of it: the corpus against the scripted agent.
//!
//! The figures are printed; `CORPUS_TOLD=1` also prints the failed calls of the development half.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

#[allow(dead_code, reason = "the report as Markdown is the example's")]
#[path = "corpus/mod.rs"]
mod runner;

use std::io::Write as _;

use runner::report::Tally;
use runner::telephone::Telephone;
use runner::{Split, play_dialogues, play_lines};

/// Prints the figures where the test harness does not hide them, and checks what must hold.
fn check(tally: &Tally, least_percent: usize) {
    let _ = write!(std::io::stderr(), "{}", tally.details());
    assert_eq!(tally.wrong_writes(), 0, "the agent wrote what nobody wanted");
    assert!(tally.percent() >= least_percent, "{}, but at least {least_percent} % have to", tally.figures());
}

#[test]
fn single_lines_are_understood_as_a_receptionist_would() {
    check(&play_lines(Split::Development), 90);
}

#[test]
fn nothing_wrong_is_written_on_any_line_nobody_tuned_to() {
    for split in Split::present().filter(|split| *split == Split::HeldOut) {
        check(&play_lines(split), 0);
    }
}

#[test]
fn callers_reach_their_goal_in_text() {
    Split::present().for_each(|split| check(&play_dialogues(split, None), 90));
}

#[test]
fn callers_reach_their_goal_over_the_telephone() {
    let Some(telephone) = Telephone::or_skip() else { return };
    Split::present().for_each(|split| check(&play_dialogues(split, Some(&telephone)), 90));
}
