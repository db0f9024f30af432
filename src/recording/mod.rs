//! Recordings of calls as files: caller left, agent right.
//!
//! [`Format::of`] tells from a file's name how it is written, before there is anything to write.
//! [`recorder`] records the gateway's calls; [`tracks`] is the pure part of it. What a call sounds like
//! is kept as μ-law while it lives; encoding it as Opus costs a multiple of everything else that is done
//! with a frame, so that happens after the call, on a thread that may block.

use std::path::{Path, PathBuf};

use thiserror::Error;

#[cfg(feature = "opus")]
pub mod opus;
pub mod recorder;
pub mod tracks;
pub mod wav;

/// How a recording is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// A WAV file.
    Wav,
    /// Ogg Opus (RFC 7845), in builds with the feature `opus` only.
    Opus,
}

/// Why no recording can be written to a file of this name.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum FormatError {
    /// The name tells no format.
    #[error("the name of a recording ends in .wav or .opus, and {} does not", .0.display())]
    Unknown(PathBuf),
    /// The program was built without the encoder.
    #[error(
        "this build cannot write Ogg Opus: record to a .wav file, or install libopus with its headers \
         (Debian: libopus-dev and pkg-config) and build with `--features opus`"
    )]
    NotBuiltIn,
}

impl Format {
    /// The format that the file's extension names.
    ///
    /// # Errors
    /// It names none, or one that this build cannot write.
    pub fn of(file: &Path) -> Result<Self, FormatError> {
        let extension = file.extension().and_then(|extension| extension.to_str()).unwrap_or_default();
        match extension.to_ascii_lowercase().as_str() {
            "wav" => Ok(Self::Wav),
            "opus" => Self::Opus.if_built_in(),
            _ => Err(FormatError::Unknown(file.into())),
        }
    }

    /// Itself, where this build can write it.
    ///
    /// # Errors
    /// It cannot.
    pub fn if_built_in(self) -> Result<Self, FormatError> {
        if self == Self::Opus && !cfg!(feature = "opus") { Err(FormatError::NotBuiltIn) } else { Ok(self) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn format(name: &str) -> Result<Format, String> {
        Format::of(Path::new(name)).map_err(|error| error.to_string())
    }

    #[test]
    fn the_name_of_a_file_tells_its_format() {
        assert_eq!(format("calls/monday.wav"), Ok(Format::Wav));
        assert_eq!(format("CALL.WAV"), Ok(Format::Wav));
        for name in ["call.mp3", "call", "opus", ".wav", "call.ogg", ""] {
            let problem = format(name).unwrap_err();
            assert!(problem.contains(".wav or .opus") && problem.contains(name), "{problem}");
        }
    }

    #[test]
    #[cfg(feature = "opus")]
    fn a_build_with_the_encoder_takes_opus() {
        assert_eq!(format("call.Opus"), Ok(Format::Opus));
    }

    #[test]
    #[cfg(not(feature = "opus"))]
    fn a_build_without_the_encoder_says_how_to_get_it() {
        let problem = format("call.opus").unwrap_err();
        for hint in [".wav", "--features opus", "libopus-dev", "pkg-config"] {
            assert!(problem.contains(hint), "{problem}");
        }
    }
}
