//! Vendors that do what a test tells them, in the test's time.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::future::BoxFuture;
use futures_util::stream::{self, BoxStream, StreamExt};
use tokio::sync::mpsc;
use voice_pipeline::audio::SampleRate;
use voice_pipeline::chat::{Message, ToolCall};
use voice_pipeline::tools::{Effect, ToolOutcome, ToolSpec, Tools};
use voice_pipeline::vendors::VendorError;
use voice_pipeline::vendors::chain::Chain;
use voice_pipeline::vendors::llm::{Finish, Llm, LlmEvent, LlmRequest};
use voice_pipeline::vendors::stt::{AudioFormat, Stt, SttEvent, SttInput, SttLine, TurnDetector};
use voice_pipeline::vendors::tts::{SpeakRequest, Tts, TtsEvent};

/// A chain of one recogniser.
pub fn ear(only: impl Stt + 'static) -> Chain<dyn Stt> {
    Chain::from(Arc::new(only) as Arc<dyn Stt>)
}

/// A chain of one model.
pub fn brain(only: impl Llm + 'static) -> Chain<dyn Llm> {
    Chain::from(Arc::new(only) as Arc<dyn Llm>)
}

/// A chain of one voice.
pub fn mouth(only: impl Tts + 'static) -> Chain<dyn Tts> {
    Chain::from(Arc::new(only) as Arc<dyn Tts>)
}

/// Hears the utterances of its script, one after the other, whatever the audio says.
pub struct ScriptedStt {
    utterances: Mutex<VecDeque<String>>,
    takes: Duration,
}

impl ScriptedStt {
    /// Answers each pause after `takes` with the utterance of its script that is due.
    pub fn new(utterances: &[&str], takes: Duration) -> Self {
        Self { utterances: Mutex::new(utterances.iter().map(|text| (*text).to_owned()).collect()), takes }
    }
}

impl Stt for ScriptedStt {
    fn name(&self) -> &'static str {
        "scripted"
    }

    fn format(&self) -> AudioFormat {
        AudioFormat::Ulaw
    }

    fn open(&self) -> SttLine {
        let (input, mut inputs) = mpsc::channel(256);
        let (results, events) = mpsc::channel(64);
        let mut utterances = std::mem::take(&mut *locked(&self.utterances));
        let takes = self.takes;
        let driver = async move {
            let mut asked = false;
            while let Some(input) = inputs.recv().await {
                match input {
                    SttInput::Paused(pause) => {
                        asked = true;
                        tokio::time::sleep(takes).await;
                        let text = utterances.front().cloned().unwrap_or_default();
                        if results.send(Ok(SttEvent::Final { pause: Some(pause), text })).await.is_err() {
                            return;
                        }
                    }
                    SttInput::Committed if std::mem::take(&mut asked) => drop(utterances.pop_front()),
                    SttInput::Committed | SttInput::Audio(_) | SttInput::Ulaw(_) | SttInput::SpeechStarted => {}
                }
            }
        };
        SttLine { input, events, driver: Box::pin(driver) }
    }
}

/// Is sure that every pause is the end of a turn.
pub struct SureDetector;

impl TurnDetector for SureDetector {
    fn sample_rate(&self) -> SampleRate {
        SampleRate::TELEPHONY
    }

    fn score(&self, _audio: Arc<[i16]>) -> BoxFuture<'static, Result<f32, VendorError>> {
        Box::pin(async { Ok(0.99) })
    }
}

/// One answer of a [`ScriptedLlm`].
#[derive(Debug, Clone)]
pub enum Answer {
    /// Says this, word by word, and stops.
    Says(&'static str),
    /// Says this (which may be nothing) and calls a tool.
    Calls(&'static str, &'static str, &'static str),
    /// Thinks for so long, then answers.
    Slowly(Duration, &'static str),
    /// Never answers.
    Never,
    /// Says this and breaks off.
    Breaks(&'static str),
}

/// Gives the answers of its script and remembers what it was asked.
pub struct ScriptedLlm {
    answers: Mutex<VecDeque<Answer>>,
    asked: Arc<Mutex<Vec<Vec<Message>>>>,
}

impl ScriptedLlm {
    /// Answers each request with the next of `answers`; after the last it never answers.
    pub fn new(answers: &[Answer]) -> Self {
        Self { answers: Mutex::new(answers.iter().cloned().collect()), asked: Arc::default() }
    }

    /// The messages of every request so far.
    pub fn asked(&self) -> Arc<Mutex<Vec<Vec<Message>>>> {
        Arc::clone(&self.asked)
    }
}

impl Llm for ScriptedLlm {
    fn name(&self) -> &'static str {
        "scripted"
    }

    fn answer(&self, request: LlmRequest) -> BoxStream<'static, Result<LlmEvent, VendorError>> {
        let number = {
            let mut asked = locked(&self.asked);
            asked.push(request.messages);
            asked.len()
        };
        let words = |text: &str| -> Vec<Result<LlmEvent, VendorError>> {
            text.split_inclusive(' ').map(|word| Ok(LlmEvent::Text(word.to_owned()))).collect()
        };
        match locked(&self.answers).pop_front().unwrap_or(Answer::Never) {
            Answer::Says(text) => {
                let mut events = words(text);
                events.push(Ok(LlmEvent::Done(Finish::Stop)));
                stream::iter(events).boxed()
            }
            Answer::Calls(text, name, arguments) => {
                let mut events = words(text);
                let id = format!("call_{number}");
                events.push(Ok(LlmEvent::ToolCall(ToolCall { id, name: name.into(), arguments: arguments.into() })));
                events.push(Ok(LlmEvent::Done(Finish::ToolCalls)));
                stream::iter(events).boxed()
            }
            Answer::Slowly(delay, text) => {
                let mut events = words(text);
                events.push(Ok(LlmEvent::Done(Finish::Stop)));
                stream::once(tokio::time::sleep(delay))
                    .flat_map(move |()| stream::iter(std::mem::take(&mut events)))
                    .boxed()
            }
            Answer::Never => stream::pending().boxed(),
            Answer::Breaks(text) => {
                let mut events = words(text);
                events.push(Err(VendorError::Failed { vendor: "scripted", kind: "broke off".into() }));
                stream::iter(events).boxed()
            }
        }
    }
}

/// Speaks every text as a tone: 60 ms a letter, 8 kHz, in chunks of 20 ms.
pub struct ToneTts {
    /// Pieces that give no sound at all, by their number from 0.
    mute: Vec<usize>,
    spoken: Mutex<usize>,
}

impl ToneTts {
    /// How long a letter sounds.
    pub const LETTER: Duration = Duration::from_millis(60);

    /// A synthesiser that never fails.
    pub fn new() -> Self {
        Self::mute_at(&[])
    }

    /// A synthesiser that stays silent at these attempts.
    pub fn mute_at(attempts: &[usize]) -> Self {
        Self { mute: attempts.to_vec(), spoken: Mutex::new(0) }
    }
}

impl Default for ToneTts {
    fn default() -> Self {
        Self::new()
    }
}

impl Tts for ToneTts {
    fn name(&self) -> &'static str {
        "tone"
    }

    fn sample_rate(&self) -> SampleRate {
        SampleRate::TELEPHONY
    }

    fn speak(&self, request: SpeakRequest) -> BoxStream<'static, Result<TtsEvent, VendorError>> {
        let attempt = {
            let mut spoken = locked(&self.spoken);
            *spoken += 1;
            *spoken - 1
        };
        if self.mute.contains(&attempt) {
            return stream::pending().boxed();
        }
        let chunks = request.text.chars().count() * Self::LETTER.as_millis() as usize / 20;
        let tone: Vec<i16> = (0..160).map(|n| if n % 8 < 4 { 8_000 } else { -8_000 }).collect();
        stream::iter((0..chunks).map(move |_| Ok(TtsEvent::Audio(tone.clone())))).boxed()
    }
}

/// Speaks every text as marked speech, in the phone's own format, all at once.
pub struct MarkedTts;

impl Tts for MarkedTts {
    fn name(&self) -> &'static str {
        "marked"
    }

    fn sample_rate(&self) -> SampleRate {
        SampleRate::TELEPHONY
    }

    fn speak(&self, request: SpeakRequest) -> BoxStream<'static, Result<TtsEvent, VendorError>> {
        let audio = crate::fakes::speech::speak(&request.text).into();
        stream::iter([Ok(TtsEvent::Ulaw(audio))]).boxed()
    }
}

/// Tools that answer after a while, and count.
pub struct ScriptedTools {
    /// Name, effect, delay, answer.
    tools: Vec<(&'static str, Effect, Duration, &'static str)>,
    finished: Arc<Mutex<Vec<String>>>,
}

impl ScriptedTools {
    /// These tools and `end_call`.
    pub fn new(tools: &[(&'static str, Effect, Duration, &'static str)]) -> Self {
        Self { tools: tools.to_vec(), finished: Arc::default() }
    }

    /// The names of the tools that ran to their end.
    pub fn finished(&self) -> Arc<Mutex<Vec<String>>> {
        Arc::clone(&self.finished)
    }

    fn tool(&self, name: &str) -> Option<(&'static str, Effect, Duration, &'static str)> {
        self.tools.iter().copied().find(|tool| tool.0 == name)
    }
}

impl Tools for ScriptedTools {
    fn specs(&self) -> Arc<[ToolSpec]> {
        let spec = |name: &str| ToolSpec {
            name: name.to_owned(),
            description: "a tool".to_owned(),
            parameters: serde_json::json!({"type": "object"}),
        };
        self.tools.iter().map(|tool| spec(tool.0)).chain([spec("end_call")]).collect()
    }

    fn effect(&self, name: &str) -> Effect {
        if name == "end_call" { Effect::EndsCall } else { self.tool(name).map_or(Effect::Reads, |tool| tool.1) }
    }

    fn filler(&self, name: &str) -> Option<String> {
        Some(format!("Let me look at {name}."))
    }

    fn call(&self, call: ToolCall) -> BoxFuture<'static, ToolOutcome> {
        let finished = Arc::clone(&self.finished);
        let (_, _, delay, answer) =
            self.tool(&call.name).unwrap_or(("", Effect::Reads, Duration::ZERO, "unknown tool"));
        Box::pin(async move {
            tokio::time::sleep(delay).await;
            locked(&finished).push(call.name);
            ToolOutcome { content: answer.to_owned(), succeeded: true, normalised: 0 }
        })
    }
}

/// The value behind a lock, whatever happened to its last holder.
pub fn locked<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
