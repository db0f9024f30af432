//! Fetching a wheel: pip as a child process, because every machine's proxies, mirrors and
//! certificates are already set up for it.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use super::manifest::{Architecture, Package, Wheel};

/// Python's names, in the order they are tried.
const PYTHONS: [&str; 2] = ["python3", "python"];

/// The Python that the wheels are asked for, whatever runs pip here: their weights suit any.
const PYTHON_VERSION: &str = "3.11";

/// Brings wheels from somewhere.
pub(super) trait Fetch: Send + Sync {
    /// Brings a wheel into `folder` and gives its path, or says what was tried and what happened.
    /// What arrives is not trusted: the caller compares its hash.
    fn fetch(
        &self,
        package: &Package,
        wheel: &Wheel,
        folder: &Path,
        downloaded: &mut dyn FnMut(u64),
    ) -> Result<PathBuf, String>;
}

/// The Python index, through pip.
pub(super) struct Pip;

impl Fetch for Pip {
    fn fetch(
        &self,
        package: &Package,
        wheel: &Wheel,
        folder: &Path,
        downloaded: &mut dyn FnMut(u64),
    ) -> Result<PathBuf, String> {
        let mut failures = Vec::new();
        for python in PYTHONS {
            match download(python, package, wheel, folder, downloaded) {
                Ok(()) => return Ok(folder.join(wheel.file)),
                Err(Failure { reason, has_pip }) => {
                    failures.push(format!("`{python} -m pip download`: {reason}"));
                    // Another pip would get no further.
                    if has_pip {
                        break;
                    }
                }
            }
        }
        Err(failures.join("; "))
    }
}

/// Why one Python did not bring the wheel.
#[derive(Debug, PartialEq, Eq)]
struct Failure {
    reason: String,
    /// Whether there was a pip that tried.
    has_pip: bool,
}

impl Failure {
    fn before_pip(reason: String) -> Self {
        Self { reason, has_pip: false }
    }

    fn of_pip(reason: String) -> Self {
        Self { reason, has_pip: true }
    }
}

/// The commands that fetch the wheels of `packages` on any machine with pip.
pub(super) fn command_by_hand(packages: &[&Package], architecture: Architecture) -> String {
    let mut commands: Vec<(&str, Vec<String>)> = Vec::new();
    for package in packages {
        let Some(wheel) = package.wheel(architecture) else { continue };
        let requirement = format!("{}=={}", package.name, package.version);
        // What fits any platform goes with whatever is asked for first.
        let fitting = |(platform, _): &&mut (&str, Vec<String>)| *platform == wheel.platform || wheel.platform == "any";
        match commands.iter_mut().find(fitting) {
            Some((_, requirements)) => requirements.push(requirement),
            None => commands.push((wheel.platform, vec![requirement])),
        }
    }
    let lines = commands.iter().map(|(platform, requirements)| {
        format!(
            "python3 -m pip download --no-deps --only-binary=:all: --platform {platform} \
             --python-version {PYTHON_VERSION} -d . {}",
            requirements.join(" ")
        )
    });
    lines.collect::<Vec<_>>().join("\n  ")
}

fn download(
    python: &str,
    package: &Package,
    wheel: &Wheel,
    folder: &Path,
    downloaded: &mut dyn FnMut(u64),
) -> Result<(), Failure> {
    let lock = folder.join("models.lock");
    let log = folder.join("pip.log");
    let pin = format!("{}=={} --hash=sha256:{}\n", package.name, package.version, wheel.sha256);
    fs::write(&lock, pin).map_err(|error| Failure::before_pip(format!("could not write the lock file: {error}")))?;
    // Into a file, not a pipe: nobody has to read along for pip to get on.
    let errors = File::create(&log).map_err(|error| Failure::before_pip(format!("could not write a log: {error}")))?;
    let child = Command::new(python)
        .args(["-m", "pip", "download", "--no-deps", "--only-binary=:all:"])
        .args(["--platform", wheel.platform, "--python-version", PYTHON_VERSION])
        .args(["--quiet", "--no-input", "--no-cache-dir", "--disable-pip-version-check"])
        .args(["--timeout", "20", "--retries", "2", "--require-hashes"])
        .arg("-r")
        .arg(&lock)
        .arg("-d")
        .arg(folder)
        // pip downloads into its temporary folder first; here its growth can be watched, and it is
        // removed with ours.
        .env("TMPDIR", folder)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(errors)
        .spawn()
        .map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => Failure::before_pip("not installed".to_owned()),
            _ => Failure::before_pip(format!("could not be started: {error}")),
        })?;
    let status = wait(child, folder, downloaded).map_err(Failure::of_pip)?;
    if status.success() { Ok(()) } else { Err(last_words(&log, status)) }
}

/// Waits for pip, tells how much has arrived, and ends it when nothing arrives any more.
fn wait(mut child: Child, folder: &Path, downloaded: &mut dyn FnMut(u64)) -> Result<ExitStatus, String> {
    const LOOK_EVERY: Duration = Duration::from_millis(100);
    const STALLED_AFTER: Duration = Duration::from_secs(120);
    let (mut most, mut since) = (0, Instant::now());
    loop {
        if let Some(status) = child.try_wait().map_err(|error| format!("was lost: {error}"))? {
            return Ok(status);
        }
        let bytes = bytes_below(folder);
        if bytes > most {
            (most, since) = (bytes, Instant::now());
            downloaded(bytes);
        } else if since.elapsed() > STALLED_AFTER {
            // Both fail only when it has just ended by itself.
            let _ = child.kill();
            let _ = child.wait();
            return Err(format!("nothing arrived for {} s", STALLED_AFTER.as_secs()));
        }
        thread::sleep(LOOK_EVERY);
    }
}

fn bytes_below(folder: &Path) -> u64 {
    let Ok(entries) = fs::read_dir(folder) else { return 0 };
    entries
        .flatten()
        .map(|entry| match entry.metadata() {
            Ok(metadata) if metadata.is_dir() => bytes_below(&entry.path()),
            Ok(metadata) => metadata.len(),
            Err(_) => 0,
        })
        .sum()
}

/// What pip wrote, in short: its last error, and whether it could reach the index at all, which
/// that error does not tell.
fn last_words(log: &Path, status: ExitStatus) -> Failure {
    let text = fs::read(log).unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    if text.contains("No module named pip") {
        return Failure::before_pip("it has no pip".to_owned());
    }
    let lines = || text.lines().map(str::trim).filter(|line| !line.is_empty());
    let error = lines().rfind(|line| line.starts_with("ERROR")).or_else(|| lines().next_back());
    let error = error.map_or_else(|| status.to_string(), str::to_owned);
    let unreachable = text.contains("onnection") && text.contains("Retrying");
    Failure::of_pip(if unreachable { format!("the package index cannot be reached; {error}") } else { error })
}

#[cfg(test)]
mod tests {
    use super::super::ModelSet;
    use super::*;

    #[test]
    fn the_command_by_hand_names_every_package_once() {
        let command = command_by_hand(&ModelSet::ALL.packages(), Architecture::Arm);
        assert_eq!(
            command,
            "python3 -m pip download --no-deps --only-binary=:all: --platform manylinux_2_34_aarch64 \
             --python-version 3.11 -d . moonshine-voice==0.1.0 pipecat-ai==1.14.0 hibari-tts==0.2.1\n  \
             python3 -m pip download --no-deps --only-binary=:all: --platform manylinux2014_x86_64 \
             --python-version 3.11 -d . moonshine-cpp==0.1.4"
        );
    }

    #[test]
    fn a_missing_program_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let package = &super::super::PIPECAT;
        let wheel = package.wheel(Architecture::X86).unwrap();
        let reason = download("no-such-python", package, wheel, folder.path(), &mut |_| {}).unwrap_err();
        assert_eq!(reason, Failure::before_pip("not installed".to_owned()));
    }

    #[test]
    fn the_last_error_of_pip_is_the_reason() {
        let said = |text: &str| {
            let folder = tempfile::tempdir().unwrap();
            let log = folder.path().join("pip.log");
            fs::write(&log, text).unwrap();
            last_words(&log, ExitStatus::default())
        };
        assert_eq!(
            said("WARNING: old pip\nERROR: No matching distribution\n\nnotice: new pip\n"),
            Failure::of_pip("ERROR: No matching distribution".to_owned())
        );
        assert_eq!(
            said(
                "WARNING: Retrying (Retry(total=1)) after connection broken by 'NewConnectionError'\nERROR: No match\n"
            ),
            Failure::of_pip("the package index cannot be reached; ERROR: No match".to_owned())
        );
        assert!(!said("/usr/bin/python3: No module named pip\n").has_pip);
    }
}
