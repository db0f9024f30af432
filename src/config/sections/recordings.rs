//! Whether and how calls are recorded.

use std::path::PathBuf;

use crate::config::declare::settings;
use crate::config::kinds::{choice, optional, path};

/// How recordings are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RecordingFormat {
    /// Stereo μ-law WAV.
    Wav,
    /// Ogg Opus.
    Opus,
}

settings! {
    /// Recordings of calls: personal data, and in many places a matter of law. Tell callers, keep the folder
    /// private, delete what is no longer needed; the gateway deletes nothing.
    "Recordings" RecordingSettings {
        /// Folder to which every call is recorded, as `<call id>.wav` once it is over: the caller left, right what
        /// the agent said as far as it was heard. Unset: nothing is recorded.
        "RECORDINGS_DIR" folder: Option<PathBuf> = optional(path("recordings")),
        /// How recordings are kept. `wav` takes 58 MB an hour, `opus` a sixth; it is encoded after the call, one
        /// recording at a time, and needs a build with `--features opus`.
        /// A recording that waits for that when the gateway stops stays WAV.
        "RECORDINGS_FORMAT" format: RecordingFormat =
            choice("wav", &[("wav", RecordingFormat::Wav), ("opus", RecordingFormat::Opus)]),
    }
}
