//! The corpus of what callers say, played against the scripted agent: single lines, and whole calls by a
//! caller with a goal, as text and over a telephone line.
//!
//! `engines/corpus/README.md` describes the files. The held-out half is only played, and its failures are
//! named by their ids alone: who reads it writes rules for it.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

pub(crate) mod caller;
pub(crate) mod lines;
pub(crate) mod report;
pub(crate) mod telephone;

#[allow(dead_code, reason = "the agent's own tests use the rest")]
#[path = "../forms/golf.rs"]
mod golf;
#[allow(dead_code, reason = "the agent's own tests use the rest")]
#[path = "../forms/olive_and_thyme.rs"]
mod olive_and_thyme;
#[allow(dead_code, reason = "the agent's own tests use the rest")]
#[path = "../forms/script.rs"]
mod script;

use caller::Goal;
use golf::golf;
use olive_and_thyme::olive_and_thyme;
use report::Tally;
use script::Stage;
use telephone::Telephone;

/// Half of the corpus.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Split {
    /// Rules are written by reading it.
    Development,
    /// Nobody reads it.
    HeldOut,
}

impl Split {
    /// Both halves.
    pub(crate) const BOTH: [Self; 2] = [Self::Development, Self::HeldOut];

    /// As reports call it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Development => "development",
            Self::HeldOut => "held out",
        }
    }

    /// The halves that are there; one that is missing is named on standard error.
    pub(crate) fn present() -> impl Iterator<Item = Self> {
        Self::BOTH.into_iter().filter(|split| {
            let there = split.folder().is_some();
            if !there {
                let _ = writeln!(std::io::stderr(), "SKIPPED: the corpus has no {} half", split.name());
            }
            there
        })
    }

    /// Its folder, if there is something in it.
    pub(crate) fn folder(self) -> Option<PathBuf> {
        let name = match self {
            Self::Development => "development",
            Self::HeldOut => "held_out",
        };
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(name);
        Some(folder).filter(|folder| folder.join("lines.txt").is_file() && folder.join("dialogues").is_dir())
    }
}

/// The agents of the corpus, each with its backend.
pub(crate) struct Stages {
    golf: Stage,
    restaurant: Stage,
}

impl Stages {
    fn new() -> Self {
        Self { golf: golf(), restaurant: olive_and_thyme() }
    }

    /// The stage of the agent in this folder of `prompts/`.
    pub(crate) fn of(&self, agent: &str) -> &Stage {
        match agent {
            "golf" => &self.golf,
            "restaurant" => &self.restaurant,
            other => panic!("there is no stage for {other}"),
        }
    }
}

/// How a line or a call went.
#[derive(Debug, Clone)]
pub(crate) struct Outcome {
    /// The block's or the call's id.
    pub(crate) id: String,
    /// Why it failed; `None` when it went as it should.
    pub(crate) failure: Option<String>,
    /// Calls of tools that change something and that the caller did not want.
    pub(crate) wrong_writes: Vec<String>,
    /// How often the caller spoke.
    pub(crate) turns: usize,
    /// What was said, line by line.
    pub(crate) told: String,
}

/// Plays the single lines of a half, as text.
pub(crate) fn play_lines(split: Split) -> Tally {
    let folder = split.folder().expect("the corpus lies beside the tests");
    let text = fs::read_to_string(folder.join("lines.txt")).expect("the lines are readable");
    let stage = golf();
    let outcomes = lines::blocks(&text).iter().map(|block| block.play(&stage)).collect();
    Tally { split, what: "lines", mode: "text", outcomes }
}

/// Plays the calls of a half, as text or over a telephone line.
pub(crate) fn play_dialogues(split: Split, telephone: Option<&Telephone>) -> Tally {
    let goals = goals(split);
    let stages = Stages::new();
    let outcomes = in_parallel(&goals, &|goal| goal.play(&stages, telephone));
    let mode = if telephone.is_some() { "audio" } else { "text" };
    Tally { split, what: "calls", mode, outcomes }
}

fn goals(split: Split) -> Vec<Goal> {
    let folder = split.folder().expect("the corpus lies beside the tests").join("dialogues");
    let files = fs::read_dir(folder).expect("the calls are readable");
    let mut files: Vec<PathBuf> = files.map(|file| file.expect("the calls are readable").path()).collect();
    files.retain(|file| file.extension().is_some_and(|extension| extension == "toml"));
    files.sort();
    files.iter().map(|file| Goal::read(&fs::read_to_string(file).expect("a call is readable"))).collect()
}

/// Does `work` for every item on two threads; the results keep their order.
fn in_parallel(goals: &[Goal], work: &(dyn Fn(&Goal) -> Outcome + Sync)) -> Vec<Outcome> {
    let (next, done) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while let Some((at, goal)) = {
                    let at = next.fetch_add(1, Ordering::Relaxed);
                    goals.get(at).map(|goal| (at, goal))
                } {
                    let outcome = work(goal);
                    done.lock().expect("no worker panicked").push((at, outcome));
                }
            });
        }
    });
    let mut done = done.into_inner().expect("no worker panicked");
    done.sort_by_key(|(at, _)| *at);
    done.into_iter().map(|(_, outcome)| outcome).collect()
}
