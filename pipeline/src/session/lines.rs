//! The agent's fixed lines: their words, and their sound made before the first call.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use futures_util::stream::{self, BoxStream, Stream, StreamExt};
use tokio::sync::mpsc;
use tokio::time::timeout;

use crate::audio::SampleRate;
use crate::audio::resample::Resampler;
use crate::audio::ulaw;
use crate::chat::heard::letters;
use crate::turn::Line;
use crate::vendors::VendorError;
use crate::vendors::tts::{PIECE_EVENTS, Piece, SpeakRequest, Tts, TtsEvent, TtsLine, TtsSignal};

/// How long a vendor may take for the next audio of a line, before any call.
const PATIENCE: Duration = Duration::from_secs(10);

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
    /// Between what was heard of an answer that broke off and the answer of another model. It goes to the
    /// voice like any words of a reply, so that it keeps its place among them.
    pub begin_again: String,
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

    /// Synthesises every line, over one connection where the vendor has one.
    ///
    /// # Errors
    /// The vendor's, for the first line it cannot speak.
    pub async fn synthesise(
        texts: LineTexts,
        tts: &dyn Tts,
        voice: &Arc<str>,
        speed: f32,
    ) -> Result<Self, VendorError> {
        let wanted: BTreeSet<&String> = texts.all().filter(|text| !text.is_empty()).collect();
        let request = |text: &String| SpeakRequest { text: text.clone(), voice: Arc::clone(voice), speed };
        let mut sounds = HashMap::new();
        match tts.open(voice) {
            Some(TtsLine { pieces, driver, .. }) => {
                let speak_all = async {
                    for text in &wanted {
                        let piece = over_line(tts.name(), &pieces, request(text));
                        sounds.insert((*text).clone(), encoded(tts, piece.boxed()).await?);
                    }
                    Ok(())
                };
                driven(driver, speak_all).await?;
            }
            None => {
                for text in wanted {
                    sounds.insert(text.clone(), encoded(tts, tts.speak(request(text))).await?);
                }
            }
        }
        Ok(Self { texts, sounds })
    }

    /// How long their voice takes for a letter, if they have a sound.
    pub fn per_letter(&self) -> Option<Duration> {
        let letters: u32 = self.sounds.keys().map(|text| letters(text)).sum();
        let bytes: u64 = self.sounds.values().map(|sound| sound.len() as u64).sum();
        (letters > 0).then(|| Duration::from_micros(bytes * 125) / letters)
    }

    /// The sound of a text, μ-law at 8 kHz, if it is one of the lines.
    pub fn sound(&self, text: &str) -> Option<Bytes> {
        self.sounds.get(text).cloned()
    }
}

/// Does the work while the line's driver runs beside it.
async fn driven(
    mut driver: BoxFuture<'static, Result<(), VendorError>>,
    work: impl Future<Output = Result<(), VendorError>>,
) -> Result<(), VendorError> {
    let mut work = std::pin::pin!(work);
    tokio::select! {
        biased;
        done = &mut work => done,
        outcome = &mut driver => match outcome {
            Ok(()) => work.await,
            Err(error) => Err(error),
        },
    }
}

/// The sound of one piece from a line.
fn over_line(
    vendor: &'static str,
    pieces: &mpsc::Sender<Piece>,
    request: SpeakRequest,
) -> impl Stream<Item = Result<TtsEvent, VendorError>> + Send + 'static {
    let (events, listener) = mpsc::channel(PIECE_EVENTS);
    let pieces = pieces.clone();
    let begin = async move {
        // A line that takes no more has ended, and its driver says why.
        let _ = pieces.send(Piece { request, events }).await;
        listener
    };
    stream::once(begin).flat_map(move |listener| {
        stream::unfold(Some(listener), move |listener| async move {
            let mut listener = listener?;
            match listener.recv().await {
                Some(Ok(TtsSignal::Event(event))) => Some((Ok(event), Some(listener))),
                Some(Ok(TtsSignal::PieceDone)) => None,
                Some(Err(error)) => Some((Err(error), None)),
                None => Some((Err(VendorError::Failed { vendor, kind: "the line was lost".to_owned() }), None)),
            }
        })
    })
}

async fn encoded(
    tts: &dyn Tts,
    mut events: BoxStream<'_, Result<TtsEvent, VendorError>>,
) -> Result<Bytes, VendorError> {
    let late = |_| VendorError::TimedOut { vendor: tts.name(), awaited: "audio", limit: PATIENCE };
    let mut resampler = Resampler::new(tts.sample_rate(), SampleRate::TELEPHONY);
    let mut samples = Vec::new();
    let mut bytes = Vec::new();
    while let Some(event) = timeout(PATIENCE, events.next()).await.map_err(late)? {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pace_of_a_voice_is_that_of_its_lines() {
        let texts = LineTexts {
            greeting: "aaaa bbbb".into(),
            still_there: Vec::new(),
            fillers: Vec::new(),
            didnt_hear: String::new(),
            silence_goodbye: String::new(),
            apology: String::new(),
            closing: String::new(),
            goodbye: String::new(),
            begin_again: String::new(),
            tool_fillers: Vec::new(),
        };
        let mut lines = FixedLines::silent(texts);
        assert_eq!(lines.per_letter(), None);
        // Ten letters, the gaps included, in half a second and 300 ms.
        lines.sounds.insert("aaaa bbbb".into(), vec![ulaw::SILENCE; 4_000].into());
        lines.sounds.insert("cccc dddd".into(), vec![ulaw::SILENCE; 2_400].into());
        assert_eq!(lines.per_letter(), Some(Duration::from_millis(40)));
    }
}
