//! What each engine takes by itself, one request after the other, on one thread of its own.

use std::error::Error;
use std::fmt::Write as _;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::StreamExt as _;
use voice_engines::stt::MoonshineStt;
use voice_engines::tts::HibariTts;
use voice_pipeline::vendors::stt::TurnDetector as _;
use voice_pipeline::vendors::tts::{SpeakRequest, Tts as _, TtsEvent};

use crate::engines::{Engines, ms, percentile, processor_time};

/// What was taken for some requests.
#[derive(Default)]
struct Taken {
    waits: Vec<Duration>,
    processor: Duration,
    /// How much speech was heard or spoken.
    speech_seconds: f64,
}

impl Taken {
    fn row(&self, what: &str) -> String {
        format!(
            "| {what} | {} | {} | {} | {:.3} |\n",
            self.waits.len(),
            ms(percentile(&self.waits, 0.5)),
            ms(percentile(&self.waits, 0.95)),
            self.processor.as_secs_f64() / self.speech_seconds,
        )
    }
}

/// Latencies and real-time factors. `speech` is at 16 kHz; `rounds` is how often each is heard.
pub(crate) async fn table(
    engines: &Engines,
    speech: &[Arc<[i16]>],
    sentences: &[&str],
    rounds: usize,
) -> Result<String, Box<dyn Error>> {
    let mut page = String::from(
        "## Speed of each engine\n\nOne request at a time, nothing else at work. The real-time factor is processor time \
         of the whole process per second of speech, so it holds for one thread whatever the machine does beside it.\n\n\
         | | requests | median | 95th percentile | real-time factor |\n| --- | --- | --- | --- | --- |\n",
    );
    // The gateway asks for a final when 3 s were said.
    let three_seconds: Vec<Arc<[i16]>> = speech.iter().map(|clip| of_three_seconds(clip)).collect();
    page += &recogniser(&engines.tiny, &three_seconds, rounds).await?.row("tiny, final transcript of 3 s");
    page += &recogniser(&engines.base, &three_seconds, rounds).await?.row("base, final transcript of 3 s");
    page += &voice(engines, sentences, rounds).await?.row("voice, first audio of a sentence");
    page += &turn_model(engines, &three_seconds, rounds).await?.row("turn model, one decision on 3 s");
    page += &referee(engines, &three_seconds, rounds).row("noise referee, 20 ms frame");
    writeln!(page, "\nThe turn model is asked once a pause, the noise referee only when the line is noisy.")?;
    Ok(page)
}

fn of_three_seconds(clip: &[i16]) -> Arc<[i16]> {
    clip.iter().copied().cycle().take(48_000).collect()
}

async fn recogniser(stt: &MoonshineStt, speech: &[Arc<[i16]>], rounds: usize) -> Result<Taken, Box<dyn Error>> {
    let (mut taken, before) = (Taken::default(), processor_time());
    for clip in speech.iter().cycle().take(speech.len() * rounds) {
        let asked = Instant::now();
        stt.recognise(clip).await?;
        taken.waits.push(asked.elapsed());
        taken.speech_seconds += clip.len() as f64 / 16_000.0;
    }
    taken.processor = processor_time() - before;
    Ok(taken)
}

async fn voice(engines: &Engines, sentences: &[&str], rounds: usize) -> Result<Taken, Box<dyn Error>> {
    let (mut taken, before) = (Taken::default(), processor_time());
    for text in sentences.iter().cycle().take(sentences.len() * rounds) {
        let asked = Instant::now();
        let request = SpeakRequest { text: (*text).to_owned(), voice: HibariTts::VOICES[0].into(), speed: 1.0 };
        let (mut events, mut first) = (engines.voice.speak(request), None);
        while let Some(event) = events.next().await {
            if let TtsEvent::Audio(samples) = event? {
                first.get_or_insert_with(|| asked.elapsed());
                taken.speech_seconds += samples.len() as f64 / f64::from(engines.voice_rate().hz());
            }
        }
        taken.waits.push(first.ok_or("the voice said nothing")?);
    }
    taken.processor = processor_time() - before;
    Ok(taken)
}

async fn turn_model(engines: &Engines, speech: &[Arc<[i16]>], rounds: usize) -> Result<Taken, Box<dyn Error>> {
    let (mut taken, before) = (Taken::default(), processor_time());
    for clip in speech.iter().cycle().take(speech.len() * rounds) {
        let asked = Instant::now();
        engines.turn.score(Arc::clone(clip)).await?;
        taken.waits.push(asked.elapsed());
        taken.speech_seconds += clip.len() as f64 / 16_000.0;
    }
    taken.processor = processor_time() - before;
    Ok(taken)
}

fn referee(engines: &Engines, speech: &[Arc<[i16]>], rounds: usize) -> Taken {
    let (mut taken, before) = (Taken::default(), processor_time());
    for clip in speech.iter().cycle().take(speech.len() * rounds) {
        let narrow: Vec<i16> = clip.iter().step_by(2).copied().collect();
        let mut call = engines.referee.new_call();
        for frame in narrow.chunks_exact(160) {
            let asked = Instant::now();
            call.probability(frame);
            taken.waits.push(asked.elapsed());
            taken.speech_seconds += 0.02;
        }
    }
    taken.processor = processor_time() - before;
    taken
}
