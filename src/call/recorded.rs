//! A line's listener that records the call.

use bytes::Bytes;
use voice_pipeline::audio::chunk::UlawChunk;

use crate::recording::recorder::{CallRecording, Heard};
use crate::telephony::tap::Listener;

impl Listener for CallRecording {
    fn caller(&self, ulaw: &UlawChunk) {
        self.tell(Heard::Caller(ulaw.clone()));
    }

    fn agent(&self, ulaw: &Bytes) {
        self.tell(Heard::Agent(ulaw.clone()));
    }

    fn mark_sent(&self, name: &str) {
        self.tell(Heard::MarkSent(name.to_owned()));
    }

    fn mark_returned(&self, name: &str) {
        self.tell(Heard::MarkReturned(name.to_owned()));
    }

    fn cleared(&self) {
        self.tell(Heard::Cleared);
    }
}
