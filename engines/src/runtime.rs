//! ONNX Runtime: one library, loaded once, alive until the process ends.
//!
//! [`Runtime::load`] may be called any number of times and from any thread; every call after the
//! first gives the same runtime. Sessions take one thread each: the engines' own workers decide
//! what runs beside what, and two threads in one network only disturb each other.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, OnceLock, PoisonError};

use ort::environment::Environment;
use ort::session::Session;
use ort::session::builder::{GraphOptimizationLevel, SessionBuilder};
use thiserror::Error;
use voice_pipeline::vendors::VendorError;

/// Why a network could not be loaded.
#[derive(Debug, Error)]
pub enum RuntimeError {
    /// The shared library is missing, damaged or made for another system.
    #[error("could not load ONNX Runtime from {}: {reason}; it needs Linux with glibc 2.34 or newer", library.display())]
    Library {
        /// The file that was tried.
        library: PathBuf,
        /// What the loader said.
        reason: String,
    },
    /// A network's file could not be turned into a session.
    #[error("could not load the network {}: {reason}; `models verify` tells whether the file is whole", model.display())]
    Model {
        /// The file that was tried.
        model: PathBuf,
        /// What ONNX Runtime said.
        reason: String,
    },
    /// A network's inputs or tables are not those this program knows.
    #[error("{} is not the expected model: {reason}", model.display())]
    Unexpected {
        /// The file.
        model: PathBuf,
        /// What is missing or different.
        reason: String,
    },
    /// The operating system gave no thread for a worker.
    #[error("could not start a worker thread for {model}")]
    Thread {
        /// Whose worker.
        model: &'static str,
        /// What the operating system said.
        #[source]
        cause: std::io::Error,
    },
}

/// The loaded ONNX Runtime. Cheap to copy.
#[derive(Clone, Copy)]
pub struct Runtime(&'static Environment);

impl std::fmt::Debug for Runtime {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Runtime")
    }
}

impl Runtime {
    /// Loads the shared library, or gives the runtime that is already loaded.
    ///
    /// # Errors
    /// When the library cannot be loaded.
    pub fn load(library: &Path) -> Result<Self, RuntimeError> {
        // Sessions keep a pointer into the environment, and it must outlive the last of them.
        static ENVIRONMENT: OnceLock<Environment> = OnceLock::new();
        static LOADING: Mutex<()> = Mutex::new(());

        let _one_at_a_time = LOADING.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(environment) = ENVIRONMENT.get() {
            return Ok(Self(environment));
        }
        let failed = |reason: String| RuntimeError::Library { library: library.into(), reason };
        let environment = ort::init_from(library)
            .map_err(|error| failed(error.to_string()))?
            .with_name("voice-gateway")
            .with_telemetry(false)
            .build()
            .map_err(|error| failed(error.to_string()))?;
        Ok(Self(ENVIRONMENT.get_or_init(|| environment)))
    }

    /// Loads a network.
    ///
    /// # Errors
    /// When the file is missing or not a network this runtime can run.
    pub fn session(self, model: &Path) -> Result<Session, RuntimeError> {
        self.session_with(model, |builder| Ok(builder.with_optimization_level(GraphOptimizationLevel::Level3)?))
    }

    /// Loads a network with options of the caller's choice on top of ours.
    ///
    /// # Errors
    /// When an option is refused, or the file is missing or not a network this runtime can run.
    pub fn session_with(
        self,
        model: &Path,
        options: impl FnOnce(SessionBuilder) -> ort::Result<SessionBuilder>,
    ) -> Result<Session, RuntimeError> {
        let load = || -> ort::Result<Session> {
            let builder = Session::builder(self.0)?.with_intra_threads(1)?.with_inter_threads(1)?;
            options(builder)?.commit_from_file(model)
        };
        load().map_err(|error| RuntimeError::Model { model: model.into(), reason: error.to_string() })
    }

    /// Loads a network from its file's bytes, perhaps changed on the way; `model` names it in errors.
    ///
    /// # Errors
    /// When the bytes are not a network this runtime can run.
    pub fn session_from_bytes(self, model: &Path, bytes: &[u8]) -> Result<Session, RuntimeError> {
        let load = || -> ort::Result<Session> {
            Session::builder(self.0)?.with_intra_threads(1)?.with_inter_threads(1)?.commit_from_memory(bytes)
        };
        load().map_err(|error| RuntimeError::Model { model: model.into(), reason: error.to_string() })
    }
}

/// A run of a network that failed, in the words of the vendors' seam.
pub(crate) fn run_failed(vendor: &'static str, error: &ort::Error) -> VendorError {
    // The message names nodes and shapes, never what was said.
    VendorError::Failed { vendor, kind: error.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn says_which_library_it_could_not_load() {
        let error = Runtime::load(Path::new("/nowhere/libonnxruntime.so")).unwrap_err();
        assert!(error.to_string().contains("/nowhere/libonnxruntime.so"), "{error}");
    }
}
