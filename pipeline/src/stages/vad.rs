//! Second stage: speech on or off, per frame; the frame goes on to the recogniser's side.

use std::time::Duration;

use tokio::sync::mpsc;

use super::decode::{Heard, TimedFrame};
use super::{Context, Drops, Signal};
use crate::event::EventKind;
use crate::time::CallTime;
use crate::vad::{SpeechDetector, VadChange};

/// Runs until its input ends.
///
/// `sustained_after` is the barge-in time: speech that has lasted so long, counted from its onset
/// to its newest voiced frame, is reported once.
pub async fn run(
    mut heard: mpsc::Receiver<Heard>,
    next: mpsc::Sender<TimedFrame>,
    mut detector: SpeechDetector,
    sustained_after: Duration,
    context: Context,
) {
    let mut drops = Drops::of("vad");
    let mut speech = Speech::Silent;
    while let Some(heard) = heard.recv().await {
        let frame = match heard {
            Heard::Frame(frame) => frame,
            Heard::Key(at) => {
                detector.keypad_pressed(at);
                continue;
            }
        };
        let change = detector.push(frame.end, &frame.samples);
        if next.try_send(frame).is_err() {
            drops.count(&context);
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
