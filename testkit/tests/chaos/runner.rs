//! Runs the cases side by side, each on a thread and a runtime of its own.
//!
//! The cases spend their time waiting, as calls do, so they are not worth a processor each: libtest would
//! run two at a time on a small machine. What it understands of libtest's arguments are filters,
//! `--exact`, `--skip` and `--list`.
//!
//! Calls are real time, and a machine that stands still for part of a second fails them. So the machine is
//! watched: a case that failed while it stood still has proved nothing and is played again, a few times. One
//! that failed on a machine that went on has failed.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::process::ExitCode;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use futures_util::future::LocalBoxFuture;
use tokio::runtime;
use voice_testkit::vendors::locked;

/// Between the beginnings of two cases: what a call does first is most of its work.
const APART: Duration = Duration::from_millis(25);

/// How often the machine is looked at, and what counts as standing still.
const LOOK: Duration = Duration::from_millis(20);
const STANDSTILL: Duration = Duration::from_millis(200);

/// How often a case is played at most.
const PLAYS: u32 = 4;

/// A call that is played.
#[derive(Clone, Copy)]
pub(crate) struct Case {
    pub(crate) name: &'static str,
    pub(crate) play: fn() -> LocalBoxFuture<'static, ()>,
}

/// The cases of some modules, by the names of their functions.
macro_rules! cases {
    ($($module:ident::{$($case:ident),* $(,)?}),* $(,)?) => {
        [$($($crate::runner::Case {
            name: concat!(stringify!($module), "::", stringify!($case)),
            play: || Box::pin($module::$case()),
        }),*),*]
    };
}
pub(crate) use cases;

/// Runs the cases that the arguments of this process ask for.
pub(crate) fn run(cases: &[Case]) -> ExitCode {
    let wanted = Wanted::read(std::env::args().skip(1));
    let chosen: Vec<Case> = cases.iter().filter(|case| wanted.includes(case.name)).copied().collect();
    if wanted.lists {
        chosen.iter().for_each(|case| println!("{}: test", case.name));
        return ExitCode::SUCCESS;
    }
    println!("running {} cases side by side", chosen.len());
    let machine = Machine::watched();
    let playing = chosen.iter().map(|case| {
        thread::sleep(APART);
        (case.name, spawn(*case, &machine))
    });
    let playing: Vec<_> = playing.collect();
    let failed = playing.into_iter().filter_map(|(name, thread)| {
        let outcome = thread.join();
        println!("test {name} ... {}", if outcome.is_ok() { "ok" } else { "FAILED" });
        outcome.err().map(|_| name)
    });
    let failed: Vec<_> = failed.collect();
    println!("\n{} passed; {} failed: {failed:?}", chosen.len() - failed.len(), failed.len());
    if failed.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(101) }
}

fn spawn(case: Case, machine: &Arc<Machine>) -> thread::JoinHandle<()> {
    let machine = Arc::clone(machine);
    let play = move || {
        for plays in 1.. {
            let begun = Instant::now();
            match play_once(case) {
                Ok(()) => return,
                Err(_) if plays < PLAYS && machine.stood_still_since(begun) => {
                    println!("the machine stood still; {} is played again", case.name);
                }
                Err(panic) => resume_unwind(panic),
            }
        }
    };
    thread::Builder::new().name(case.name.to_owned()).spawn(play).expect("a thread can be had")
}

fn play_once(case: Case) -> thread::Result<()> {
    let runtime = runtime::Builder::new_current_thread().enable_all().build().expect("a runtime can be had");
    let outcome = catch_unwind(AssertUnwindSafe(|| runtime.block_on((case.play)())));
    // Whatever a failed case left behind must not hold up the others.
    runtime.shutdown_background();
    outcome
}

/// Notices when the machine stands still.
#[derive(Default)]
struct Machine(Mutex<Option<Instant>>);

impl Machine {
    /// Watches it for as long as the process lives.
    fn watched() -> Arc<Self> {
        let machine = Arc::new(Self::default());
        let watched = Arc::clone(&machine);
        let watch = move || loop {
            let begun = Instant::now();
            thread::sleep(LOOK);
            if begun.elapsed() > LOOK + STANDSTILL {
                *locked(&watched.0) = Some(Instant::now());
            }
        };
        thread::Builder::new().name("machine".to_owned()).spawn(watch).expect("a thread can be had");
        machine
    }

    fn stood_still_since(&self, since: Instant) -> bool {
        // Should it stand still right now, this is known after the next look.
        thread::sleep(2 * LOOK);
        locked(&self.0).is_some_and(|last| last >= since)
    }
}

struct Wanted {
    filters: Vec<String>,
    skipped: Vec<String>,
    exact: bool,
    lists: bool,
}

impl Wanted {
    fn read(arguments: impl Iterator<Item = String>) -> Self {
        let mut wanted = Self { filters: Vec::new(), skipped: Vec::new(), exact: false, lists: false };
        let mut arguments = arguments.peekable();
        while let Some(argument) = arguments.next() {
            match argument.as_str() {
                "--exact" => wanted.exact = true,
                "--list" => wanted.lists = true,
                "--skip" => wanted.skipped.extend(arguments.next()),
                "--test-threads" | "--format" | "--color" => drop(arguments.next()),
                option if option.starts_with('-') => {}
                filter => wanted.filters.push(filter.to_owned()),
            }
        }
        wanted
    }

    fn includes(&self, name: &str) -> bool {
        let matches = |filter: &String| if self.exact { name == filter } else { name.contains(filter.as_str()) };
        (self.filters.is_empty() || self.filters.iter().any(matches)) && !self.skipped.iter().any(matches)
    }
}
