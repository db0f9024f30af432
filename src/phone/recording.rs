//! The file a call is recorded to.

use std::path::PathBuf;
use std::str::FromStr;

use thiserror::Error;

use super::line::Legs;
use super::wav::{self, WavError};
use crate::recording::{Format, FormatError};

/// A file to record to, in a format that this build can write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordingFile {
    path: PathBuf,
    format: Format,
}

/// Why a recording cannot be written.
#[derive(Debug, Error)]
pub enum RecordingError {
    /// As WAV.
    #[error(transparent)]
    Wav(#[from] WavError),
    /// As Ogg Opus.
    #[cfg(feature = "opus")]
    #[error("cannot record to {path}")]
    Opus {
        /// The file.
        path: PathBuf,
        /// What went wrong.
        #[source]
        cause: crate::recording::opus::OpusError,
    },
}

impl FromStr for RecordingFile {
    type Err = FormatError;

    fn from_str(path: &str) -> Result<Self, FormatError> {
        let path = PathBuf::from(path);
        Ok(Self { format: Format::of(&path)?, path })
    }
}

impl RecordingFile {
    /// Writes both legs of a call: caller left, agent right. Blocks, with [`Format::Opus`] for 5 ms per
    /// second of the call.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn write(&self, legs: &Legs) -> Result<(), RecordingError> {
        match self.format {
            Format::Wav => Ok(wav::write_recording(&self.path, legs)?),
            #[cfg(feature = "opus")]
            Format::Opus => {
                self.write_opus(legs).map_err(|cause| RecordingError::Opus { path: self.path.clone(), cause })
            }
            #[cfg(not(feature = "opus"))]
            Format::Opus => unreachable!("no name of a file gave this format"),
        }
    }

    #[cfg(feature = "opus")]
    fn write_opus(&self, legs: &Legs) -> Result<(), crate::recording::opus::OpusError> {
        use std::io::BufWriter;

        let out = BufWriter::new(std::fs::File::create(&self.path)?);
        let mut file = crate::recording::opus::OpusFile::begin(out, rand::random())?;
        file.write(&legs.caller, &legs.agent)?;
        file.finish()?;
        Ok(())
    }
}
