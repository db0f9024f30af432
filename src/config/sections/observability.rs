//! What operators see of the calls.

use std::path::PathBuf;

use tracing_subscriber::EnvFilter;

use crate::config::declare::settings;
use crate::config::kinds::{choice, flag, text};

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    Pretty,
    /// One JSON object a line.
    Json,
}

/// Where call events are written as JSON lines.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EventsTarget {
    /// Nowhere.
    Off,
    /// To standard output.
    Stdout,
    /// To the end of a file.
    File(PathBuf),
}

impl EventsTarget {
    fn parse(text: &str) -> Option<Self> {
        match text {
            "off" => Some(Self::Off),
            "stdout" => Some(Self::Stdout),
            // A bare word is a typing slip more often than a file in the working directory.
            path if path.contains(['/', '\\', '.']) => Some(Self::File(path.into())),
            _ => None,
        }
    }
}

settings! {
    /// What operators see of the calls. See also docs/EVENTS.md.
    "Observability" ObservabilitySettings {
        /// How log lines look.
        "LOG_FORMAT" log_format: LogFormat =
            choice("pretty", &[("pretty", LogFormat::Pretty), ("json", LogFormat::Json)]),
        /// Which log lines are written: a level, or levels per part of the program.
        "LOG_LEVEL" log_level: String = text(
            "info",
            "a level (error, warn, info, debug, trace) or a filter such as info,voice_gateway=debug",
            |text| EnvFilter::try_new(text).is_ok().then(|| text.to_owned()),
        ),
        /// Whether logs and events show what was said, phone numbers and tool arguments, in fields
        /// whose names begin with `pii.`.
        "LOG_PII" show_pii: bool = flag(false),
        /// Where call events are written, one JSON object a line.
        "EVENTS" events: EventsTarget =
            text("off", "off, stdout or the path of a file, such as /var/log/calls.jsonl", EventsTarget::parse),
    }
}
