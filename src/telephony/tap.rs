//! A place on a line where somebody may listen without holding it up.

use std::fmt;
use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use voice_pipeline::audio::chunk::UlawChunk;

/// Hears what passes over a line, on the tasks of its socket: nothing here may wait.
pub trait Listener: Send + Sync {
    /// The caller was heard, whether the pipeline had room for it or not.
    fn caller(&self, ulaw: &UlawChunk);
    /// Audio was sent to the caller; what the fence held back is not.
    fn agent(&self, ulaw: &Bytes);
    /// A mark was sent.
    fn mark_sent(&self, name: &str);
    /// A mark came back.
    fn mark_returned(&self, name: &str);
    /// The carrier was told to drop what it has not played.
    fn cleared(&self);
}

/// Where a [`Listener`] is attached; nobody listens until then.
#[derive(Clone, Default)]
pub struct Tap(Arc<OnceLock<Arc<dyn Listener>>>);

impl fmt::Debug for Tap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Tap").field(&self.0.get().is_some()).finish()
    }
}

impl Tap {
    /// Lets somebody listen to the rest of the call. Only the first is let in.
    pub fn attach(&self, listener: Arc<dyn Listener>) {
        // A second listener would be told half a call.
        let _ = self.0.set(listener);
    }

    /// Who listens.
    pub(super) fn listener(&self) -> Option<&dyn Listener> {
        self.0.get().map(|listener| &**listener)
    }
}
