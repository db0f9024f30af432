//! The settings: everything `serve` would refuse, and what it warns of.

use std::path::{Path, PathBuf};

use voice_gateway::config::{EventsTarget, Problem, Survey};

use super::finding::{Area, Findings};

const SEE: &str = "see docs/SETTINGS.md, or `voice-gateway settings`";

/// What is right, after what is wrong.
const BUT_MUST_BE: &str = ", but must be ";

/// Before what stands against it.
const BUT: &str = ", but ";

/// How a warning of a name that nobody reads begins.
const NO_SETTING: &str = "is not a setting";

/// Where call events are to be written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum EventsFile {
    /// Nowhere, or to standard output.
    None,
    /// Into a file that can be written, or made.
    Writable(PathBuf),
    /// Into a file that cannot.
    Unwritable(PathBuf, String),
}

impl EventsFile {
    /// Looks at the file without making it.
    pub(super) fn of(target: &EventsTarget) -> Self {
        let EventsTarget::File(path) = target else { return Self::None };
        let opened = match path.symlink_metadata() {
            Ok(_) => std::fs::File::options().append(true).open(path).map(drop),
            Err(_) => folder_of(path).metadata().and_then(|found| match found.is_dir() {
                true if found.permissions().readonly() => Err(std::io::ErrorKind::PermissionDenied.into()),
                true => Ok(()),
                false => Err(std::io::ErrorKind::NotADirectory.into()),
            }),
        };
        match opened {
            Ok(()) => Self::Writable(path.clone()),
            Err(error) => Self::Unwritable(path.clone(), error.to_string()),
        }
    }
}

fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
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

pub(super) fn judge(survey: &Survey, events: &EventsFile, findings: &mut Findings) {
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
    match events {
        EventsFile::None => {}
        EventsFile::Writable(path) => findings.fine(Area::Settings, format!("EVENTS go into {}", path.display())),
        EventsFile::Unwritable(path, why) => findings.object(
            Area::Settings,
            format!("EVENTS is {}, which cannot be opened: {why}", path.display()),
            "name a file in a folder that exists and that this user may write into",
        ),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use voice_gateway::config::Config;

    use super::*;

    fn judged(settings: &[(&'static str, &'static str)]) -> Findings {
        let survey = Config::survey(&settings.iter().copied().collect::<BTreeMap<_, _>>());
        let mut findings = Findings::default();
        judge(&survey, &EventsFile::of(&survey.config.observability.events), &mut findings);
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
        assert!(matches!(EventsFile::of(&target("calls.jsonl")), EventsFile::Writable(_)));
        assert!(!folder.path().join("calls.jsonl").exists());
        assert!(matches!(EventsFile::of(&target("nowhere/calls.jsonl")), EventsFile::Unwritable(..)));
        std::fs::create_dir(folder.path().join("folder")).unwrap();
        assert!(matches!(EventsFile::of(&target("folder")), EventsFile::Unwritable(..)));
        assert_eq!(EventsFile::of(&EventsTarget::Stdout), EventsFile::None);
        assert_eq!(judged(&[("EVENTS", "/no/such/folder/calls.jsonl")]).exit_code(), 64);
    }
}
