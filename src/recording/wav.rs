//! A recording as it grows: a stereo μ-law WAV file, two bytes for both legs' sample.

use std::fs::{File, OpenOptions};
use std::io::{self, BufWriter, Seek as _, SeekFrom, Write as _};
use std::path::Path;

/// Bytes before the first sample.
pub const HEADER_BYTES: u64 = 58;

/// μ-law among the formats that WAV knows.
const MU_LAW: u16 = 7;
const CHANNELS: u16 = 2;
const SAMPLES_PER_SECOND: u32 = 8_000;

/// A WAV file that is being written. Until it is finished its header says that it is empty.
pub struct WavFile {
    out: BufWriter<File>,
    audio_bytes: u32,
}

impl WavFile {
    /// Begins a new file that only its owner can read.
    ///
    /// # Errors
    /// It cannot be written, or is there already.
    pub fn create(path: &Path) -> io::Result<Self> {
        let mut out = BufWriter::new(create_private(path)?);
        out.write_all(&header(0))?;
        Ok(Self { out, audio_bytes: 0 })
    }

    /// Adds samples, left and right in turn.
    ///
    /// # Errors
    /// They cannot be written, or the file is as large as a WAV file can be (74 hours).
    pub fn write(&mut self, both: &[u8]) -> io::Result<()> {
        let whole = u32::try_from(both.len()).ok().and_then(|more| self.audio_bytes.checked_add(more));
        let room = u32::MAX - HEADER_BYTES as u32;
        self.audio_bytes = whole.filter(|&bytes| bytes <= room).ok_or(io::ErrorKind::FileTooLarge)?;
        self.out.write_all(both)
    }

    /// Writes the header that fits.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn finish(mut self) -> io::Result<()> {
        self.out.seek(SeekFrom::Start(0))?;
        self.out.write_all(&header(self.audio_bytes))?;
        self.out.flush()
    }
}

/// Creates a file that only its owner can read: it is going to hold what somebody said.
pub(super) fn create_private(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

fn header(audio_bytes: u32) -> Vec<u8> {
    let mut header = Vec::new();
    header.extend(b"RIFF");
    header.extend((audio_bytes + HEADER_BYTES as u32 - 8).to_le_bytes());
    header.extend(b"WAVEfmt ");
    header.extend(18_u32.to_le_bytes());
    header.extend(MU_LAW.to_le_bytes());
    header.extend(CHANNELS.to_le_bytes());
    header.extend(SAMPLES_PER_SECOND.to_le_bytes());
    header.extend((SAMPLES_PER_SECOND * u32::from(CHANNELS)).to_le_bytes());
    header.extend(CHANNELS.to_le_bytes());
    header.extend(8_u16.to_le_bytes());
    header.extend(0_u16.to_le_bytes());
    header.extend(b"fact");
    header.extend(4_u32.to_le_bytes());
    header.extend((audio_bytes / u32::from(CHANNELS)).to_le_bytes());
    header.extend(b"data");
    header.extend(audio_bytes.to_le_bytes());
    header
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_finished_file_says_what_it_holds() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("call.wav");
        let mut file = WavFile::create(&path).unwrap();
        file.write(&[1, 2, 3, 4]).unwrap();
        file.write(&[5, 6]).unwrap();
        file.finish().unwrap();
        let bytes = std::fs::read(&path).unwrap();
        let word = |at: usize| u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap());
        let half = |at: usize| u16::from_le_bytes(bytes[at..at + 2].try_into().unwrap());
        assert_eq!((&bytes[..4], word(4), &bytes[8..16]), (&b"RIFF"[..], 64 - 8, &b"WAVEfmt "[..]));
        assert_eq!((half(20), half(22), word(24), word(28), half(32), half(34)), (7, 2, 8_000, 16_000, 2, 8));
        assert_eq!((&bytes[38..42], word(46)), (&b"fact"[..], 3), "samples of a leg");
        assert_eq!((&bytes[50..54], word(54), &bytes[58..]), (&b"data"[..], 6, &[1, 2, 3, 4, 5, 6][..]));
    }

    #[test]
    fn never_writes_over_a_recording_and_shows_it_to_nobody() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("call.wav");
        WavFile::create(&path).unwrap().finish().unwrap();
        assert_eq!(WavFile::create(&path).err().unwrap().kind(), io::ErrorKind::AlreadyExists);
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        }
    }
}
