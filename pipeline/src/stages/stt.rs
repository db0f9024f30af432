//! The recogniser's answers on their way to the session.

use tokio::sync::mpsc;

use super::{Context, Signal};
use crate::event::EventKind;
use crate::vendors::VendorError;
use crate::vendors::stt::SttEvent;

/// Runs until the recogniser's line ends.
pub async fn run(mut events: mpsc::Receiver<Result<SttEvent, VendorError>>, context: Context) {
    while let Some(event) = events.recv().await {
        match event {
            Ok(SttEvent::Interim(text)) => context.signal(Signal::Interim(text)).await,
            Ok(SttEvent::Final { pause, text }) => context.signal(Signal::Final { pause, text }).await,
            Ok(SttEvent::Overloaded) => context.emit(None, EventKind::QueueFull { stage: "stt" }),
            // The session's own deadlines notice a recogniser that stays mute.
            Err(error) => {
                let (vendor, kind) = (error.vendor(), error.kind());
                context.emit(None, EventKind::VendorFailed { stage: "stt", vendor, kind });
            }
        }
    }
}
