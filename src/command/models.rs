//! `models`: what of the engines' weights is there, and getting the rest.

use std::io::Write as _;
use std::process::ExitCode;

use clap::Subcommand;
use indicatif::{ProgressBar, ProgressStyle};
use voice_engines::weights::{FileState, FileStatus, Progress};
use voice_gateway::config::Config;

use super::engines;

/// What to do with the weights.
#[derive(Debug, Clone, Copy, Default, Subcommand)]
pub(crate) enum Task {
    /// List the files and how they fare.
    #[default]
    List,
    /// Fetch what is missing.
    Fetch,
    /// Hash every file and compare it with the manifest.
    Verify,
}

pub(crate) fn run(task: Task, config: &Config) -> anyhow::Result<ExitCode> {
    let weights = engines::weights(config)?;
    let set = engines::model_set(config, engines::Wanted::ALL);
    let files = match task {
        Task::List => weights.list(set),
        Task::Fetch => {
            weights.ensure(set, &mut show_progress())?;
            weights.list(set)
        }
        Task::Verify => weights.verify(set)?,
    };
    let mut out = std::io::stdout().lock();
    writeln!(out, "{}", weights.folder().display())?;
    for status in &files {
        writeln!(out, "{}", line_of(status))?;
    }
    let complete = files.iter().all(|status| matches!(status.state, FileState::Verified | FileState::Unverified));
    if !complete {
        let by_hand = weights.fetch_command(set);
        writeln!(out, "\nfetch the rest with: voice-gateway models fetch\nor by hand:\n{by_hand}")?;
    }
    Ok(if complete { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn line_of(status: &FileStatus) -> String {
    let state = match status.state {
        FileState::Missing => "missing",
        FileState::Verified => "ok",
        FileState::Unverified => "not verified",
        FileState::Damaged => "DAMAGED",
    };
    let package = format!("{} {}", status.package.name, status.package.version);
    format!("{state:<13}{:>12}  {package:<24}{:<14}{}", status.file.bytes, status.file.licence, status.file.name())
}

/// A progress bar on the terminal for whatever is fetched.
pub(crate) fn show_progress() -> impl FnMut(Progress) {
    let mut bar: Option<ProgressBar> = None;
    move |progress| match progress {
        Progress::WaitingForAnotherProcess => eprintln!("waiting for another process that fetches the weights"),
        Progress::Started { package, bytes } => {
            let style = ProgressStyle::with_template("{msg:<18} {bar:30} {bytes}/{total_bytes} {eta}");
            let new = ProgressBar::new(bytes).with_message(package);
            bar = Some(new.with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar())));
        }
        Progress::Downloaded { bytes, .. } => {
            if let Some(bar) = &bar {
                bar.set_position(bytes);
            }
        }
        Progress::Verified { package, files } => match bar.take() {
            Some(bar) => bar.finish_with_message(format!("{package} ✓")),
            None => eprintln!("{package}: {files} files verified"),
        },
        Progress::Preparing { file } => eprintln!("preparing {file}, once"),
    }
}
