//! Second stage: speech on or off, per frame; the frame goes on, as the carrier sent it, to the recogniser
//! and, where there is a turn model, to the scorer.

use std::time::Duration;

use tokio::sync::mpsc;

use super::decode::Heard;
use super::{Context, Drops, Signal, scorer, stt};
use crate::event::EventKind;
use crate::time::CallTime;
use crate::vad::{SpeechDetector, VadChange};

/// Who hears the caller.
pub struct Listeners {
    /// The recogniser's stage.
    pub stt: mpsc::Sender<stt::Input>,
    /// The turn model's stage.
    pub scorer: Option<mpsc::Sender<scorer::Input>>,
}

/// Runs until its input ends.
///
/// `sustained_after` is the barge-in time: speech that has lasted so long, counted from its onset
/// to its newest voiced frame, is reported once.
pub async fn run(
    mut heard: mpsc::Receiver<Heard>,
    listeners: Listeners,
    mut detector: SpeechDetector,
    sustained_after: Duration,
    context: Context,
) {
    let mut drops = Drops::of("stt");
    let mut speech = Speech::Silent;
    while let Some(heard) = heard.recv().await {
        let frame = match heard {
            Heard::Frame(frame) => frame,
            Heard::Key(at) => {
                detector.keypad_pressed(at);
                continue;
            }
        };
        let change = detector.push(frame.end, &frame.samples());
        if listeners.stt.try_send(stt::Input::Audio(frame.ulaw)).is_err() {
            drops.count(&context);
        }
        if let Some(scorer) = &listeners.scorer {
            // The scorer's ring tolerates a hole; the next frame comes in 20 ms.
            let _ = scorer.try_send(scorer::Input::Audio(frame.ulaw));
        }
        match change {
            Some(VadChange::SpeechStarted { onset }) => {
                speech = Speech::Begun { onset };
                context.emit(None, EventKind::SpeechStarted);
                context.signal(Signal::SpeechStarted { onset }).await;
            }
            Some(VadChange::SpeechStopped { end }) => {
                speech = Speech::Silent;
                context.emit(None, EventKind::SpeechStopped);
                context.signal(Signal::SpeechStopped { end }).await;
            }
            None => {}
        }
        if let Speech::Begun { onset } = speech
            && detector.last_voiced().is_some_and(|voiced| voiced - onset >= sustained_after)
        {
            speech = Speech::Sustained;
            context.signal(Signal::SpeechSustained { onset }).await;
        }
    }
}

enum Speech {
    Silent,
    Begun { onset: CallTime },
    Sustained,
}
