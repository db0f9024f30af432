//! The engines' weights: pinned, fetched once, checked, and never half there.
//!
//! [`Weights::locate`] names the models folder; [`Weights::ensure`] makes sure that everything a
//! [`ModelSet`] needs lies in it and gives the [`Paths`]. Both block: call them from a thread that
//! may wait (`spawn_blocking`), never on the async runtime's own.
//!
//! What always holds:
//! - a file is in place only after its SHA-256 was compared with the pinned one, and comes there by
//!   a rename; a download that is cut off leaves nothing that looks whole;
//! - two processes that start at once do the work once: the second waits for a lock file;
//! - later starts compare size and modification time with the stamp that full verification left,
//!   which costs no reading; a file that changed since is hashed again and fetched anew if damaged;
//! - a folder that holds the right files but cannot be written (a mounted volume) is fine.
//!
//! The folder holds one sub-folder per package, `<package>-<version>/`. Wheels that somebody
//! downloaded by hand may lie in the models folder itself; they are used before the network is.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use thiserror::Error;

pub mod manifest;
mod pip;
mod prepare;
mod stamp;
mod store;
pub mod testing;
#[cfg(test)]
mod tests;

use self::manifest::{Architecture, HIBARI, MOONSHINE_CPP, MOONSHINE_VOICE, PIPECAT, Package, WeightFile};
use self::pip::{Fetch, Pip};
use self::store::Store;
use crate::runtime::RuntimeError;

/// Why the weights are not there.
#[derive(Debug, Error)]
pub enum WeightsError {
    /// There are no wheels for this operating system or processor.
    #[error(
        "the local engines run on Linux x86_64 and aarch64 only, not on {os} {processor}; choose remote vendors with STT_VENDOR and TTS_VENDOR"
    )]
    UnsupportedPlatform {
        /// The operating system.
        os: &'static str,
        /// The processor.
        processor: &'static str,
    },
    /// Neither a folder nor a home is known.
    #[error("no folder for the engines' weights: set MODELS_DIR, XDG_CACHE_HOME or HOME")]
    NoFolder,
    /// Fetching failed: no network, no pip, or an index without the package.
    #[error(
        "could not fetch the engines' weights: {reason}\n\
         on a machine with network and pip, run\n  {command}\n\
         and put the downloaded wheels into {}, or set MODELS_DIR to a folder or mounted volume that holds them",
        folder.display()
    )]
    Fetch {
        /// What was tried and what happened.
        reason: String,
        /// What to run by hand.
        command: String,
        /// Where the wheels belong.
        folder: PathBuf,
    },
    /// A wheel or a file in it is not the pinned one.
    #[error("{} is not the pinned file: expected SHA-256 {expected}, found {found}; delete it and try again", file.display())]
    Mismatch {
        /// The wheel or file.
        file: PathBuf,
        /// The pinned hash.
        expected: String,
        /// What it is instead.
        found: String,
    },
    /// A wheel cannot be unpacked.
    #[error("could not unpack {inside} from {}: {reason}", wheel.display())]
    Unpack {
        /// The wheel.
        wheel: PathBuf,
        /// The file wanted from it.
        inside: &'static str,
        /// What the zip reader said.
        reason: String,
    },
    /// A file operation in the models folder failed.
    #[error("could not {action} {}: {cause}; MODELS_DIR chooses another folder", path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// On which file or folder.
        path: PathBuf,
        /// What the operating system said.
        cause: std::io::Error,
    },
    /// The larger recogniser could not be prepared.
    #[error(transparent)]
    Prepare(#[from] RuntimeError),
}

/// A local recogniser (`LOCAL_STT_MODEL`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum SttModel {
    /// Moonshine tiny-en: 44 MB, the default.
    #[default]
    Tiny,
    /// Moonshine base-en: half the errors on callers' lines, three times the work, 0.65-0.9 GB of memory.
    Base,
}

/// What the process is going to load.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ModelSet {
    /// The recogniser, when speech is recognised here.
    pub stt: Option<SttModel>,
    /// The end-of-turn and the speech-detection network.
    pub turn_and_vad: bool,
    /// The voice, when speech is synthesised here.
    pub tts: bool,
}

impl ModelSet {
    /// Everything that the gateway uses by default.
    pub const DEFAULT: Self = Self { stt: Some(SttModel::Tiny), turn_and_vad: true, tts: true };

    /// Everything there is.
    pub const ALL: Self = Self { stt: Some(SttModel::Base), ..Self::DEFAULT };

    fn packages(self) -> Vec<&'static Package> {
        // The runtime that every network needs lies in the first.
        let mut packages = vec![&MOONSHINE_VOICE];
        packages.extend(self.turn_and_vad.then_some(&PIPECAT));
        packages.extend(self.tts.then_some(&HIBARI));
        packages.extend((self.stt == Some(SttModel::Base)).then_some(&MOONSHINE_CPP));
        packages
    }
}

/// Where everything lies. Only what belongs to the ensured [`ModelSet`] is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Paths {
    /// The library of ONNX Runtime.
    pub onnxruntime: PathBuf,
    /// The folder with the recogniser's networks and its token table.
    pub stt: PathBuf,
    /// The end-of-turn network.
    pub smart_turn: PathBuf,
    /// The speech-detection network.
    pub silero: PathBuf,
    /// The folder with the voice's networks and tables.
    pub tts: PathBuf,
}

/// What is going on while the weights are ensured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    /// Another process is fetching into the same folder; this one waits for it.
    WaitingForAnotherProcess,
    /// A package is fetched.
    Started {
        /// Its name.
        package: &'static str,
        /// The size of its wheel.
        bytes: u64,
    },
    /// So much of it has arrived.
    Downloaded {
        /// Its name.
        package: &'static str,
        /// Bytes so far.
        bytes: u64,
    },
    /// A package is in place and every file of it is the pinned one.
    Verified {
        /// Its name.
        package: &'static str,
        /// How many files of it are kept.
        files: usize,
    },
    /// The base recogniser's networks are rewritten once so that they load optimised.
    Preparing {
        /// The network's file.
        file: &'static str,
    },
}

/// How a file of the manifest fares.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileState {
    /// It is not there.
    Missing,
    /// It is there and unchanged since it was verified.
    Verified,
    /// It is there, but nobody has hashed it since it changed.
    Unverified,
    /// It is there and is not the pinned file.
    Damaged,
}

/// A file of the manifest and how it fares.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileStatus {
    /// The package it comes from.
    pub package: &'static Package,
    /// The file.
    pub file: &'static WeightFile,
    /// Where it lies or would lie.
    pub path: PathBuf,
    /// How it fares.
    pub state: FileState,
}

/// The models folder.
pub struct Weights {
    store: Store,
}

impl std::fmt::Debug for Weights {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Weights").field("folder", &self.folder()).finish_non_exhaustive()
    }
}

impl Weights {
    /// The models folder: the chosen one (`MODELS_DIR`), else `voice-gateway/models` in the user's
    /// cache, which `environment` names (`XDG_CACHE_HOME`, else `HOME`).
    ///
    /// # Errors
    /// When no folder is known or the engines cannot run on this machine.
    pub fn locate(
        chosen: Option<PathBuf>,
        environment: impl Fn(&str) -> Option<OsString>,
    ) -> Result<Self, WeightsError> {
        let folder = chosen.or_else(|| default_folder(environment)).ok_or(WeightsError::NoFolder)?;
        let architecture = Architecture::of_this_machine()
            .ok_or(WeightsError::UnsupportedPlatform { os: std::env::consts::OS, processor: std::env::consts::ARCH })?;
        Ok(Self::with(folder, architecture, Box::new(Pip)))
    }

    fn with(folder: PathBuf, architecture: Architecture, fetch: Box<dyn Fetch>) -> Self {
        Self { store: Store { folder, architecture, fetch } }
    }

    /// The models folder.
    pub fn folder(&self) -> &Path {
        &self.store.folder
    }

    /// Makes sure that everything in `set` is in place, fetching what is missing or damaged.
    ///
    /// # Errors
    /// When something is missing and cannot be fetched, checked or written.
    pub fn ensure(&self, set: ModelSet, progress: &mut dyn FnMut(Progress)) -> Result<Paths, WeightsError> {
        self.store.ensure(&set.packages(), progress)?;
        let paths = self.paths(set);
        if set.stt == Some(SttModel::Base) {
            prepare::ensure_prepared(&self.store, &paths, progress)?;
        }
        Ok(paths)
    }

    /// Every file of `set` and how it fares, without reading the files.
    pub fn list(&self, set: ModelSet) -> Vec<FileStatus> {
        self.store.list(&set.packages())
    }

    /// Hashes every file of `set` that is there. What is found damaged is fetched anew by the next
    /// [`Weights::ensure`].
    ///
    /// # Errors
    /// When a file cannot be read.
    pub fn verify(&self, set: ModelSet) -> Result<Vec<FileStatus>, WeightsError> {
        self.store.verify(&set.packages())
    }

    /// The commands that download the wheels of `set` by hand.
    pub fn fetch_command(&self, set: ModelSet) -> String {
        pip::command_by_hand(&set.packages(), self.store.architecture)
    }

    fn paths(&self, set: ModelSet) -> Paths {
        let folder = |package: &Package| package.folder(self.folder());
        let library = MOONSHINE_VOICE
            .files(self.store.architecture)
            .find(|file| file.architecture.is_some())
            .expect("the manifest has a library for each architecture, which its test asserts");
        Paths {
            onnxruntime: folder(&MOONSHINE_VOICE).join(library.name()),
            stt: match set.stt.unwrap_or_default() {
                SttModel::Tiny => folder(&MOONSHINE_VOICE),
                SttModel::Base => folder(&MOONSHINE_CPP),
            },
            smart_turn: folder(&PIPECAT).join("smart-turn-v3.2-cpu.onnx"),
            silero: folder(&PIPECAT).join("silero_vad.onnx"),
            tts: folder(&HIBARI),
        }
    }
}

fn default_folder(environment: impl Fn(&str) -> Option<OsString>) -> Option<PathBuf> {
    // A relative XDG_CACHE_HOME is invalid by its specification and treated as unset.
    let absolute = |name: &str| environment(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let cache = absolute("XDG_CACHE_HOME").or_else(|| Some(absolute("HOME")?.join(".cache")))?;
    Some(cache.join("voice-gateway").join("models"))
}
