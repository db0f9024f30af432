//! Records the gateway's calls into a folder, without holding any of them up.
//!
//! [`open`] gives a [`Recorder`] for the calls and a [`Writer`] for a thread that may block
//! ([`Writer::run`]). A call's [`CallRecording`] passes what is on its line to the writer through one
//! bounded channel; the writer owns every file. While a call lives its file is `<call id>.wav.part`;
//! afterwards it is `<call id>.wav`, which one more thread turns into `.opus` where that is wanted.
//!
//! What always holds:
//! - [`CallRecording::tell`] never waits: what the channel has no room for is lost for the recording and
//!   counted;
//! - a recording is ended however its call ends: room for that was reserved when it began;
//! - of a call no more is in memory than the newest seconds;
//! - a recording that cannot be encoded stays what it is.

use std::collections::HashMap;
use std::fs::{self, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

use bytes::Bytes;
use tokio::sync::mpsc;
use voice_pipeline::audio::chunk::UlawChunk;

use super::Format;
use super::tracks::Tracks;
use super::wav::WavFile;

#[cfg(test)]
mod tests;

/// What waits for the writer: a call brings about a hundred notes a second, so a hundred calls have most of
/// a second. When it is full the newest is lost for the recording and counted. Every call that is
/// recorded keeps one place for its end.
const NOTES: usize = 8_192;
/// Recordings that wait to be encoded. When it is full a recording stays WAV.
const ENCODINGS: usize = 1_024;
/// How often a call's newest audio is given to its file.
const WRITE_EVERY: Duration = Duration::from_secs(1);

/// Something on a call's line.
#[derive(Debug)]
pub enum Heard {
    /// From the caller.
    Caller(UlawChunk),
    /// To the caller.
    Agent(Bytes),
    /// A mark was sent.
    MarkSent(String),
    /// A mark came back.
    MarkReturned(String),
    /// The carrier was told to drop what it has not played.
    Cleared,
}

struct Note {
    call: u64,
    /// Since the recorder was opened.
    at: Duration,
    what: What,
}

enum What {
    Began { call_id: Arc<str> },
    Heard(Heard),
    Ended,
}

/// Begins recordings.
#[derive(Debug, Clone)]
pub struct Recorder {
    notes: mpsc::Sender<Note>,
    next_call: Arc<AtomicU64>,
    opened: Instant,
}

impl std::fmt::Debug for Note {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Note").field("call", &self.call).finish_non_exhaustive()
    }
}

/// A recorder that writes into this folder, and the part of it that blocks.
///
/// # Errors
/// The folder is not there and cannot be made, or nothing can be written to it.
pub fn open(folder: &Path, format: Format) -> io::Result<(Recorder, Writer)> {
    fs::create_dir_all(folder)?;
    let trial = folder.join(".voice-gateway");
    OpenOptions::new().create(true).append(true).open(&trial)?;
    fs::remove_file(&trial)?;
    let (notes, waiting) = mpsc::channel(NOTES);
    let recorder = Recorder { notes, next_call: Arc::default(), opened: Instant::now() };
    Ok((recorder, Writer { notes: waiting, folder: folder.into(), format, tapes: HashMap::new() }))
}

impl Recorder {
    /// Begins to record a call; `None` while the writer is too far behind.
    pub fn begin(&self, call_id: &str) -> Option<CallRecording> {
        let end = self.notes.clone().try_reserve_owned().ok()?;
        let recording = CallRecording {
            notes: self.notes.clone(),
            call: self.next_call.fetch_add(1, Ordering::Relaxed),
            opened: self.opened,
            lost: AtomicU64::new(0),
            end: Some(end),
        };
        let began = recording.note(What::Began { call_id: call_id.into() });
        self.notes.try_send(began).ok()?;
        Some(recording)
    }
}

/// The recording of one call. Dropping it ends it.
#[derive(Debug)]
pub struct CallRecording {
    notes: mpsc::Sender<Note>,
    call: u64,
    opened: Instant,
    lost: AtomicU64,
    end: Option<mpsc::OwnedPermit<Note>>,
}

impl CallRecording {
    /// Passes on what is on the line. Never waits.
    pub fn tell(&self, heard: Heard) {
        if self.notes.try_send(self.note(What::Heard(heard))).is_err() {
            self.lost.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// How much of the line is missing in the recording, in messages.
    pub fn lost(&self) -> u64 {
        self.lost.load(Ordering::Relaxed)
    }

    fn note(&self, what: What) -> Note {
        Note { call: self.call, at: self.opened.elapsed(), what }
    }
}

impl Drop for CallRecording {
    fn drop(&mut self) {
        if let Some(end) = self.end.take() {
            let ended = self.note(What::Ended);
            end.send(ended);
        }
    }
}

/// Owns the files of all recordings.
pub struct Writer {
    notes: mpsc::Receiver<Note>,
    folder: PathBuf,
    format: Format,
    tapes: HashMap<u64, Tape>,
}

impl Writer {
    /// Writes until the last [`Recorder`] and the last recording are gone. Blocks; belongs on a thread of
    /// its own.
    pub fn run(mut self) {
        thread::scope(|scope| {
            let (encodings, waiting) = sync_channel(ENCODINGS);
            if self.format == Format::Opus {
                scope.spawn(move || encode_all(&waiting));
            }
            while let Some(note) = self.notes.blocking_recv() {
                self.take(note, &encodings);
            }
            // A recording that has not ended has lost its call, which ended with the process.
            for (_, tape) in self.tapes.drain() {
                tape.end(None, self.format, &encodings);
            }
        });
    }

    fn take(&mut self, Note { call, at, what }: Note, encodings: &SyncSender<PathBuf>) {
        match what {
            What::Began { call_id } => match Tape::begin(&self.folder, &call_id) {
                Ok(tape) => {
                    self.tapes.insert(call, tape);
                }
                Err(error) => tracing::error!(%call_id, %error, "a call cannot be recorded"),
            },
            What::Heard(heard) => {
                let Some(tape) = self.tapes.get_mut(&call) else { return };
                if let Err(error) = tape.hear(at, heard) {
                    tracing::error!(call_id = %tape.call_id, %error, "a recording broke off");
                    self.tapes.remove(&call);
                }
            }
            What::Ended => {
                if let Some(tape) = self.tapes.remove(&call) {
                    tape.end(Some(at), self.format, encodings);
                }
            }
        }
    }
}

/// One call that is being recorded.
struct Tape {
    call_id: Arc<str>,
    /// Where the file comes when it is whole.
    path: PathBuf,
    part: PathBuf,
    file: WavFile,
    tracks: Tracks,
    written_at: Duration,
    /// When the caller was last on the line.
    caller_at: Option<Duration>,
}

impl Tape {
    fn begin(folder: &Path, call_id: &Arc<str>) -> io::Result<Self> {
        let path = unused(folder, call_id);
        let part = path.with_extension("wav.part");
        let file = WavFile::create(&part)?;
        Ok(Self {
            call_id: Arc::clone(call_id),
            path,
            part,
            file,
            tracks: Tracks::default(),
            written_at: Duration::ZERO,
            caller_at: None,
        })
    }

    fn hear(&mut self, at: Duration, heard: Heard) -> io::Result<()> {
        match heard {
            Heard::Caller(ulaw) => {
                self.caller_at = Some(at);
                self.tracks.caller(at, &ulaw);
            }
            Heard::Agent(ulaw) => self.tracks.agent(at, &ulaw),
            Heard::MarkSent(name) => self.tracks.mark_sent(&name),
            Heard::MarkReturned(name) => self.tracks.mark_returned(&name),
            Heard::Cleared => self.tracks.cleared(at),
        }
        if at.saturating_sub(self.written_at) >= WRITE_EVERY {
            self.written_at = at;
            self.file.write(&self.tracks.settle(at))?;
        }
        Ok(())
    }

    /// Finishes the file. The call ended when the carrier sent no more of the caller.
    fn end(mut self, at: Option<Duration>, format: Format, encodings: &SyncSender<PathBuf>) {
        let rest = self.tracks.finish(self.caller_at.or(at).unwrap_or(self.written_at));
        let finished = self.file.write(&rest).and_then(|()| self.file.finish());
        if let Err(error) = finished.and_then(|()| fs::rename(&self.part, &self.path)) {
            tracing::error!(call_id = %self.call_id, %error, "a recording was not finished");
            return;
        }
        if format == Format::Opus && encodings.try_send(self.path).is_err() {
            tracing::warn!(call_id = %self.call_id, "too many recordings wait to be encoded: this one stays WAV");
        }
    }
}

/// The path of a call's recording, at which nothing of another one lies: a call may come back under its id.
fn unused(folder: &Path, call_id: &str) -> PathBuf {
    // The carrier's ids are letters and digits. No id chooses a folder.
    let plain = |c: char| if c.is_ascii_alphanumeric() || c == '-' { c } else { '_' };
    let name: String = call_id.chars().map(plain).take(64).collect();
    let path = |number: u32| match number {
        1 => folder.join(format!("{name}.wav")),
        _ => folder.join(format!("{name}_{number}.wav")),
    };
    let is_free =
        |path: &PathBuf| ["wav", "wav.part", "opus"].iter().all(|extension| !path.with_extension(extension).exists());
    (1..=u32::MAX).map(path).find(is_free).expect("no folder holds so many files")
}

/// Encodes one recording after the other until no more can come.
fn encode_all(waiting: &Receiver<PathBuf>) {
    for wav in waiting {
        if let Err(error) = encode(&wav) {
            let file = wav.file_name().unwrap_or_default().to_string_lossy().into_owned();
            let reason: &dyn std::error::Error = &error;
            tracing::error!(file, reason, "a recording was not encoded and stays WAV");
        }
    }
}

#[cfg(feature = "opus")]
fn encode(wav: &Path) -> Result<(), super::opus::OpusError> {
    super::opus::encode_wav(wav)
}

#[cfg(not(feature = "opus"))]
fn encode(_: &Path) -> Result<(), super::FormatError> {
    Err(super::FormatError::NotBuiltIn)
}
