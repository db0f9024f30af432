//! The agent's fixed lines: their words, and their sound made before the first call.

use std::collections::HashMap;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::StreamExt;

use crate::audio::SampleRate;
use crate::audio::resample::Resampler;
use crate::audio::ulaw;
use crate::turn::Line;
use crate::vendors::VendorError;
use crate::vendors::tts::{SpeakRequest, Tts, TtsEvent};

/// The words of an agent's fixed lines.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LineTexts {
    /// The first words of a call.
    pub greeting: String,
    /// Questions into the silence, in turn; the last repeats.
    pub still_there: Vec<String>,
    /// Said while the model is slow, in turn; the last repeats.
    pub fillers: Vec<String>,
    /// Said when the caller was not understood.
    pub didnt_hear: String,
    /// Before the call ends because nobody speaks.
    pub silence_goodbye: String,
    /// Before the call ends because something failed for good.
    pub apology: String,
    /// Before the call ends at a limit or because the gateway shuts down.
    pub closing: String,
    /// When the agent ends the call without words of its own.
    pub goodbye: String,
    /// What tools say while they run long.
    pub tool_fillers: Vec<String>,
}

impl LineTexts {
    /// The words of a line. A tool's filler is the session's business: it knows the tool.
    pub fn text(&self, line: Line) -> &str {
        let nth = |texts: &'_ [String], n: u32| -> Option<usize> {
            (!texts.is_empty()).then(|| (n as usize).min(texts.len() - 1))
        };
        match line {
            Line::Greeting => &self.greeting,
            Line::StillThere(n) => nth(&self.still_there, n).map_or(&self.didnt_hear, |i| &self.still_there[i]),
            Line::Filler(n) | Line::ToolFiller(n) => nth(&self.fillers, n).map_or("", |i| &self.fillers[i]),
            Line::DidntHear => &self.didnt_hear,
            Line::SilenceGoodbye => &self.silence_goodbye,
            Line::Apology => &self.apology,
            Line::Closing => &self.closing,
        }
    }

    fn all(&self) -> impl Iterator<Item = &String> {
        let single =
            [&self.greeting, &self.didnt_hear, &self.silence_goodbye, &self.apology, &self.closing, &self.goodbye];
        single.into_iter().chain(&self.still_there).chain(&self.fillers).chain(&self.tool_fillers)
    }
}

/// Fixed lines with their sound.
#[derive(Debug)]
pub struct FixedLines {
    /// Their words.
    pub texts: LineTexts,
    sounds: HashMap<String, Bytes>,
}

impl FixedLines {
    /// Lines without any sound: each is synthesised when it is wanted.
    pub fn silent(texts: LineTexts) -> Self {
        Self { texts, sounds: HashMap::new() }
    }

    /// Synthesises every line.
    ///
    /// # Errors
    /// The vendor's, for the first line it cannot speak.
    pub async fn synthesise(
        texts: LineTexts,
        tts: &dyn Tts,
        voice: &Arc<str>,
        speed: f32,
    ) -> Result<Self, VendorError> {
        let mut sounds = HashMap::new();
        for text in texts.all().filter(|text| !text.is_empty()) {
            if !sounds.contains_key(text) {
                let request = SpeakRequest { text: text.clone(), voice: Arc::clone(voice), speed };
                sounds.insert(text.clone(), encoded(tts, request).await?);
            }
        }
        Ok(Self { texts, sounds })
    }

    /// The sound of a text, μ-law at 8 kHz, if it is one of the lines.
    pub fn sound(&self, text: &str) -> Option<Bytes> {
        self.sounds.get(text).cloned()
    }
}

async fn encoded(tts: &dyn Tts, request: SpeakRequest) -> Result<Bytes, VendorError> {
    let mut resampler = Resampler::new(tts.sample_rate(), SampleRate::TELEPHONY);
    let mut samples = Vec::new();
    let mut bytes = Vec::new();
    let mut events = tts.speak(request);
    while let Some(event) = events.next().await {
        match event? {
            TtsEvent::Audio(audio) => resampler.push(&audio, &mut samples),
            TtsEvent::Ulaw(ulaw) => bytes.extend_from_slice(&ulaw),
            TtsEvent::Words(_) => {}
        }
    }
    resampler.flush(&mut samples);
    ulaw::encode_into(&samples, &mut bytes);
    let frame = SampleRate::TELEPHONY.samples_per_frame();
    bytes.resize(bytes.len().next_multiple_of(frame), ulaw::SILENCE);
    Ok(Bytes::from(bytes))
}
