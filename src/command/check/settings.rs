//! The settings: everything `serve` would refuse, and what it warns of.

use std::io;
use std::path::{Path, PathBuf};

use rustix::fs::Access;
use voice_gateway::config::{Config, EventsTarget, Problem, Survey};

use super::finding::{Area, Findings};

const SEE: &str = "see docs/SETTINGS.md, or `voice-gateway settings`";

/// What is right, after what is wrong.
const BUT_MUST_BE: &str = ", but must be ";

/// Before what stands against it.
const BUT: &str = ", but ";

/// How a warning of a name that nobody reads begins.
const NO_SETTING: &str = "is not a setting";

/// Where something is to be written, looked at without writing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Place {
    /// Nowhere on a disk.
    None,
    /// Into a file or a folder that can be written, or made.
    Writable(PathBuf),
    /// Into one that cannot.
    Unwritable(PathBuf, String),
}

impl Place {
    /// Of call events: a file in a folder that is there.
    pub(super) fn of_events(target: &EventsTarget) -> Self {
        let EventsTarget::File(path) = target else { return Self::None };
        Self::judged(
            path,
            match path.symlink_metadata() {
                Ok(_) => std::fs::File::options().append(true).open(path).map(drop),
                Err(_) => may_write_into(folder_of(path)),
            },
        )
    }

    /// Of recordings: a folder that is there, or that can be made.
    pub(super) fn of_recordings(folder: Option<&Path>) -> Self {
        let Some(folder) = folder else { return Self::None };
        let there =
            std::iter::successors(Some(folder), |folder| Some(folder_of(folder)).filter(|above| above != folder));
        let nearest = there.into_iter().find(|folder| folder.symlink_metadata().is_ok()).unwrap_or(Path::new("."));
        Self::judged(folder, may_write_into(nearest))
    }

    fn judged(path: &Path, outcome: io::Result<()>) -> Self {
        match outcome {
            Ok(()) => Self::Writable(path.into()),
            Err(error) => Self::Unwritable(path.into(), error.to_string()),
        }
    }

    fn judge(&self, setting: &str, remedy: &str, findings: &mut Findings) {
        match self {
            Self::None => {}
            Self::Writable(path) => findings.fine(Area::Settings, format!("{setting} go into {}", path.display())),
            Self::Unwritable(path, why) => findings.object(
                Area::Settings,
                format!("{setting} is {}, which cannot be written: {why}", path.display()),
                remedy,
            ),
        }
    }
}

/// Whether this user may make files in a folder.
fn may_write_into(folder: &Path) -> io::Result<()> {
    if !folder.metadata()?.is_dir() {
        return Err(io::ErrorKind::NotADirectory.into());
    }
    Ok(rustix::fs::access(folder, Access::WRITE_OK | Access::EXEC_OK)?)
}

/// The folder a path is in; of a bare name, and of the root, itself as far as that goes.
fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if folder.as_os_str().is_empty() => Path::new("."),
        Some(folder) => folder,
        None => path,
    }
}

/// What to do about a problem, from the words that say what is wrong.
fn remedy(problem: &Problem) -> String {
    let Problem { name, message } = problem;
    if let Some((_, expected)) = message.split_once(BUT_MUST_BE) {
        return format!("set {name} to {expected}");
    }
    match message.rsplit_once(BUT) {
        Some((_, rule)) if rule.starts_with("must not ") => {
            format!("change {name}, or the setting it is compared with")
        }
        Some((_, missing)) if missing.starts_with("neither ") => format!("set one of the two, or change {name}"),
        Some((_, missing)) => match missing.strip_suffix(" is not set") {
            Some(setting) => format!("set {setting}, or change {name}"),
            None => SEE.to_owned(),
        },
        None => format!("change {name}; {SEE}"),
    }
}

/// Where the settings have something written.
pub(super) struct Places {
    events: Place,
    recordings: Place,
}

impl Places {
    pub(super) fn of(config: &Config) -> Self {
        Self {
            events: Place::of_events(&config.observability.events),
            recordings: Place::of_recordings(config.recordings.folder.as_deref()),
        }
    }
}

pub(super) fn judge(survey: &Survey, places: &Places, findings: &mut Findings) {
    for problem in &survey.problems {
        findings.object(Area::Settings, problem.to_string(), remedy(problem));
    }
    for warning in &survey.warnings {
        let is_misspelt = warning.message.starts_with(NO_SETTING);
        findings.warn(Area::Settings, warning.to_string(), if is_misspelt { "rename it, or unset it" } else { SEE });
    }
    if survey.problems.is_empty() {
        findings.fine(Area::Settings, "every setting can be used");
    }
    places.events.judge("EVENTS", "name a file in a folder that exists and that this user may write into", findings);
    places.recordings.judge("RECORDINGS_DIR", "name a folder that this user may write into", findings);
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn judged(settings: &[(&'static str, &'static str)]) -> Findings {
        let survey = Config::survey(&settings.iter().copied().collect::<BTreeMap<_, _>>());
        let mut findings = Findings::default();
        judge(&survey, &Places::of(&survey.config), &mut findings);
        findings
    }

    #[test]
    fn wrong_and_misspelt_settings_are_told_together_with_what_would_be_right() {
        let found = judged(&[("MAX_CALLS", "many"), ("LISTEN_ADDR", "8080"), ("PUBLC_URL", "https://a.example")]);
        assert_eq!(
            found.lines(),
            [
                "problem LISTEN_ADDR is \"8080\", but must be an IP address with a port, such as 127.0.0.1:8080",
                "problem MAX_CALLS is \"many\", but must be a number from 1 to 10000",
                "warning PUBLC_URL is not a setting; did you mean PUBLIC_URL?",
            ]
        );
        assert_eq!(found.remedies()[1..], ["set MAX_CALLS to a number from 1 to 10000", "rename it, or unset it"]);
    }

    #[test]
    fn settings_that_are_wrong_together_are_told_with_what_is_missing() {
        let remedies = |settings: &[(&'static str, &'static str)]| {
            judged(settings).remedies().into_iter().map(str::to_owned).collect::<Vec<_>>()
        };
        assert_eq!(remedies(&[("STT_VENDOR", "deepgram")]), ["set DEEPGRAM_API_KEY, or change STT_VENDOR"]);
        assert_eq!(remedies(&[("LLM_VENDOR", "chat")]), ["set one of the two, or change LLM_VENDOR"]);
        let likely = remedies(&[("ENDPOINT_LIKELY", "0.9")]);
        assert_eq!(likely, ["change ENDPOINT_LIKELY, or the setting it is compared with"]);
        let same = remedies(&[("LISTEN_ADDR", "127.0.0.1:80"), ("ADMIN_ADDR", "127.0.0.1:80")]);
        assert!(same[0].starts_with("change ADMIN_ADDR"), "{same:?}");
    }

    #[test]
    fn a_file_for_events_is_looked_at_and_not_made() {
        let folder = tempfile::tempdir().unwrap();
        let target = |name: &str| EventsTarget::File(folder.path().join(name));
        assert!(matches!(Place::of_events(&target("calls.jsonl")), Place::Writable(_)));
        assert!(!folder.path().join("calls.jsonl").exists());
        assert!(matches!(Place::of_events(&target("nowhere/calls.jsonl")), Place::Unwritable(..)));
        std::fs::create_dir(folder.path().join("folder")).unwrap();
        assert!(matches!(Place::of_events(&target("folder")), Place::Unwritable(..)));
        assert_eq!(Place::of_events(&EventsTarget::Stdout), Place::None);
        assert_eq!(judged(&[("EVENTS", "/no/such/folder/calls.jsonl")]).exit_code(), 64);
    }

    #[test]
    fn a_folder_for_recordings_may_still_have_to_be_made() {
        let folder = tempfile::tempdir().unwrap();
        let place = |name: &str| Place::of_recordings(Some(&folder.path().join(name)));
        assert!(matches!(place("of/november"), Place::Writable(_)));
        assert!(!folder.path().join("of").exists());
        std::fs::write(folder.path().join("file"), "").unwrap();
        assert!(matches!(place("file"), Place::Unwritable(..)));
        assert!(matches!(place("file/november"), Place::Unwritable(..)));
        assert!(matches!(Place::of_recordings(Some(Path::new("recordings"))), Place::Writable(_)));
        assert_eq!(Place::of_recordings(None), Place::None);
        assert_eq!(judged(&[("RECORDINGS_DIR", "/dev/null/recordings")]).exit_code(), 64);
    }
}
