//! The voice that speaks for the caller, and steps with their audio ready.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use futures_util::StreamExt;
use voice_pipeline::vendors::tts::{SpeakRequest, Tts, TtsEvent};

use crate::phone::script::{Script, Step};
use crate::phone::wav;

/// The voice that speaks for the caller.
pub(super) struct Voice {
    pub(super) tts: Arc<dyn Tts>,
    pub(super) name: Arc<str>,
    pub(super) speed: f32,
}

impl Voice {
    /// A text as the line carries it.
    pub(super) async fn say(&self, text: &str) -> anyhow::Result<Vec<i16>> {
        let request = SpeakRequest { text: text.into(), voice: Arc::clone(&self.name), speed: self.speed };
        let mut speech = self.tts.speak(request);
        let mut samples = Vec::new();
        while let Some(event) = speech.next().await {
            if let TtsEvent::Audio(part) = event.context("cannot speak for the caller")? {
                samples.extend(part);
            }
        }
        Ok(wav::to_line_rate(&samples, self.tts.sample_rate()))
    }
}

/// A step with its audio ready.
pub(super) enum Line {
    Say { text: String, samples: Vec<i16> },
    Interrupt { text: String, samples: Vec<i16>, after: Duration },
    Keys(String),
}

/// Speaks and reads everything once, however many calls play it.
pub(super) async fn prepare(script: &Script, voice: &Voice) -> anyhow::Result<Vec<Line>> {
    let mut lines = Vec::new();
    for step in &script.steps {
        lines.push(match step {
            Step::Say(text) => Line::Say { text: text.clone(), samples: voice.say(text).await? },
            Step::Wav(path) => Line::Say { text: format!("({})", path.display()), samples: wav::read(path)? },
            Step::Interrupt { text, after } => {
                let samples = voice.say(text).await?;
                Line::Interrupt { text: text.clone(), samples, after: *after }
            }
            Step::Keys(keys) => Line::Keys(keys.clone()),
        });
    }
    Ok(lines)
}
