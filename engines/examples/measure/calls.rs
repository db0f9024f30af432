//! How many calls the engines carry at once before their answers come later.
//!
//! Every call is a task that does in real time what a call does to the engines: for two fifths of the
//! time the caller speaks (20 ms at a time, with interim transcripts on the way), then a pause is
//! judged and transcribed, the answer is spoken for another two fifths, and both are silent for the
//! rest. No carrier, no language model, no decision: what is measured is the engines' share.

use std::error::Error;
use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use futures_util::stream::{BoxStream, StreamExt as _};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep, sleep_until, timeout};
use voice_engines::tts::HibariTts;
use voice_pipeline::turn::PauseId;
use voice_pipeline::vendors::VendorError;
use voice_pipeline::vendors::stt::{Stt as _, SttEvent, SttInput, TurnDetector as _};
use voice_pipeline::vendors::tts::{SpeakRequest, Tts as _, TtsEvent};

use crate::engines::{Engines, ms, percentile, processor_time};

/// 20 ms at the recogniser's rate.
const FRAME: usize = 320;
/// The silence in which the gateway asks whether the caller is done.
const PAUSE_FRAMES: usize = 10;
/// What the turn model sees: 8 s.
const JUDGED: usize = 8 * 16_000;
/// How far ahead of the caller's ear the gateway takes audio (`PLAYOUT_LEAD`).
const LEAD: Duration = Duration::from_secs(1);
/// Over how long the calls of a row begin.
const RAMP: Duration = Duration::from_secs(7);
/// An answer that takes longer is no answer.
const PATIENCE: Duration = Duration::from_secs(10);
/// So much later than with one call, at the 95th percentile, is too late.
const TOO_LATE: f64 = 1.5;

/// Waits that the row has not counted yet: a call tells one every few seconds. When it is full the call waits.
const WAITS: usize = 64;

type Events = mpsc::Receiver<Result<SttEvent, VendorError>>;

/// How long each number of calls is measured.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Row {
    pub(crate) calls: usize,
    pub(crate) seconds: u64,
}

struct Measured {
    calls: usize,
    answers: Vec<Duration>,
    unanswered: usize,
    processor_ms_per_call_second: f64,
}

/// The table, and what follows from it for `MAX_CALLS`.
pub(crate) async fn table(
    engines: &Arc<Engines>,
    speech: &[Arc<[i16]>],
    sentences: &Arc<[&'static str]>,
    rows: &[Row],
) -> Result<String, Box<dyn Error>> {
    let cores = std::thread::available_parallelism()?.get();
    let mut page = format!(
        "## Calls at once\n\nEach call in real time: the caller speaks for 40 % of it, the agent for 40 %. Measured is what \
         the engines (tiny) make a caller wait: from the last frame of speech to the first audio of the answer, the \
         {} ms of silence before the question included; without carrier, network and language model. {cores} processors.\n\n\
         | calls | answers | median | 95th percentile | unanswered | processor time per call and second |\n\
         | --- | --- | --- | --- | --- | --- |\n",
        PAUSE_FRAMES * 20,
    );
    let mut measured = Vec::new();
    for row in rows {
        eprintln!("{} calls for {} s …", row.calls, row.seconds);
        let row = run(engines, speech, sentences, *row).await?;
        writeln!(
            page,
            "| {} | {} | {} | {} | {} | {:.0} ms |",
            row.calls,
            row.answers.len(),
            ms(percentile(&row.answers, 0.5)),
            ms(percentile(&row.answers, 0.95)),
            row.unanswered,
            row.processor_ms_per_call_second,
        )?;
        measured.push(row);
    }
    page += &conclusion(&measured, cores);
    Ok(page)
}

fn conclusion(rows: &[Measured], cores: usize) -> String {
    let late = |row: &Measured| percentile(&row.answers, 0.95).as_secs_f64();
    let Some(one) = rows.first().map(late) else { return String::new() };
    let is_late = |row: &Measured| row.unanswered > 0 || row.answers.is_empty() || late(row) > TOO_LATE * one;
    let carried = rows.iter().take_while(|row| !is_late(row)).last().map_or(0, |row| row.calls);
    let first_late = match rows.iter().find(|row| is_late(row)) {
        Some(row) => format!("from {} calls on", row.calls),
        None => "by none of these".to_owned(),
    };
    format!(
        "\nThe 95th percentile is more than {TOO_LATE} times that of one call {first_late}. Up to {carried} calls are \
         carried: **{} calls per core**. `MAX_CALLS` with local speech is by default a constant of calls per core \
         (in `src/config/sections/server.rs`) times the cores.\n",
        carried / cores,
    )
}

async fn run(
    engines: &Arc<Engines>,
    speech: &[Arc<[i16]>],
    sentences: &Arc<[&'static str]>,
    row: Row,
) -> Result<Measured, Box<dyn Error>> {
    let counted_from = Instant::now() + RAMP;
    let end = counted_from + Duration::from_secs(row.seconds);
    let (told, mut waits) = mpsc::channel(WAITS);
    // Whatever still runs when this returns ends with it.
    let mut calls = JoinSet::new();
    for index in 0..row.calls {
        let call = Call {
            engines: Arc::clone(engines),
            speech: speech.to_vec(),
            sentences: Arc::clone(sentences),
            index,
            begins: Instant::now() + RAMP * u32::try_from(index)? / u32::try_from(row.calls)?,
            told: told.clone(),
        };
        calls.spawn(call.run());
    }
    drop(told);
    let (mut before, mut answers, mut unanswered) = (None, Vec::new(), 0);
    loop {
        tokio::select! {
            wait = waits.recv() => match wait.ok_or("the calls broke down")? {
                Wait { asked, .. } if asked < counted_from => {}
                Wait { took: Some(took), .. } => answers.push(took),
                Wait { took: None, .. } => unanswered += 1,
            },
            () = sleep_until(counted_from), if before.is_none() => before = Some(processor_time()),
            () = sleep_until(end) => break,
        }
    }
    let processor = processor_time() - before.unwrap_or_default();
    let call_seconds = (row.calls as u64 * row.seconds) as f64;
    let processor_ms_per_call_second = processor.as_secs_f64() * 1e3 / call_seconds;
    Ok(Measured { calls: row.calls, answers, unanswered, processor_ms_per_call_second })
}

/// How a caller's turn fared.
struct Wait {
    /// When the caller began to speak.
    asked: Instant,
    /// From the end of speech to the first audio; `None` when there was none.
    took: Option<Duration>,
}

/// An answer that has begun.
struct Answer {
    speech: BoxStream<'static, Result<TtsEvent, VendorError>>,
    began: Instant,
    played: Duration,
    took: Duration,
}

/// One call.
struct Call {
    engines: Arc<Engines>,
    speech: Vec<Arc<[i16]>>,
    sentences: Arc<[&'static str]>,
    index: usize,
    begins: Instant,
    told: mpsc::Sender<Wait>,
}

impl Call {
    /// Talks until the row is over.
    async fn run(self) {
        let line = self.engines.tiny.open();
        let (input, mut events) = (line.input, line.events);
        let mut driver = JoinSet::new();
        driver.spawn(line.driver);
        sleep_until(self.begins).await;
        for turn in 0.. {
            let asked = Instant::now();
            // Calls do not keep in step: each has its own order of sentences and its own silences.
            let clip = &self.speech[(self.index * 7 + turn * 3) % self.speech.len()];
            let text = self.sentences[(self.index * 11 + turn * 5) % self.sentences.len()];
            let pause = PauseId(u32::try_from(turn).expect("a row lasts for minutes"));
            let answer = timeout(PATIENCE + length(clip), self.ask(&input, &mut events, clip, pause, text)).await;
            let answer = answer.ok().flatten();
            let took = answer.as_ref().map(|answer| answer.took);
            if self.told.send(Wait { asked, took }).await.is_err() {
                return;
            }
            if let Some(answer) = answer {
                self.listen(answer).await;
            }
            let silence = asked.elapsed().mul_f64(0.25);
            sleep(silence.mul_f64(0.5 + (self.index * 5 + turn * 3) as f64 % 11.0 / 10.0)).await;
        }
    }

    /// The caller says something and waits for the first sound of the answer.
    async fn ask(
        &self,
        input: &mpsc::Sender<SttInput>,
        events: &mut Events,
        clip: &[i16],
        pause: PauseId,
        text: &str,
    ) -> Option<Answer> {
        input.send(SttInput::SpeechStarted).await.ok()?;
        let mut ticks = interval(Duration::from_millis(20));
        ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
        for frame in clip.chunks(FRAME) {
            ticks.tick().await;
            input.send(SttInput::Audio(frame.into())).await.ok()?;
            // Interim transcripts interest nobody here.
            while events.try_recv().is_ok() {}
        }
        let stopped = Instant::now();
        for _ in 0..PAUSE_FRAMES {
            ticks.tick().await;
            input.send(SttInput::Audio([0; FRAME].into())).await.ok()?;
        }
        input.send(SttInput::Paused(pause)).await.ok()?;
        let mut judged = [clip, &[0; FRAME * PAUSE_FRAMES]].concat();
        judged.drain(..judged.len().saturating_sub(JUDGED));
        let (heard, score) = tokio::join!(final_for(events, pause), self.engines.turn.score(judged.into()));
        heard?;
        score.ok()?;
        input.send(SttInput::Committed).await.ok()?;

        let request = SpeakRequest { text: text.to_owned(), voice: HibariTts::VOICES[0].into(), speed: 1.0 };
        let mut speech = self.engines.voice.speak(request);
        loop {
            if let TtsEvent::Audio(samples) = speech.next().await?.ok()? {
                let (began, played) = (Instant::now(), self.length_of_voice(&samples));
                return Some(Answer { speech, began, played, took: began - stopped });
            }
        }
    }

    /// Takes the rest of an answer as the gateway does, a little ahead of the caller's ear, to its end.
    async fn listen(&self, mut answer: Answer) {
        while let Some(Ok(event)) = answer.speech.next().await {
            if let TtsEvent::Audio(samples) = event {
                answer.played += self.length_of_voice(&samples);
                sleep_until(answer.began + answer.played.saturating_sub(LEAD)).await;
            }
        }
        sleep_until(answer.began + answer.played).await;
    }

    fn length_of_voice(&self, samples: &[i16]) -> Duration {
        Duration::from_secs_f64(samples.len() as f64 / f64::from(self.engines.voice_rate().hz()))
    }
}

/// How long a clip at the recogniser's rate lasts.
fn length(clip: &[i16]) -> Duration {
    Duration::from_secs_f64(clip.len() as f64 / 16_000.0)
}

async fn final_for(events: &mut Events, pause: PauseId) -> Option<String> {
    while let Some(event) = events.recv().await {
        if let Ok(SttEvent::Final { pause: Some(answered), text }) = event
            && answered == pause
        {
            return Some(text);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(calls: usize, ms: u64) -> Measured {
        let answers = vec![Duration::from_millis(ms); 20];
        Measured { calls, answers, unanswered: 0, processor_ms_per_call_second: 80.0 }
    }

    #[test]
    fn the_last_number_before_answers_come_late_is_what_is_carried() {
        let told = conclusion(&[row(1, 400), row(4, 450), row(8, 590), row(12, 610), row(16, 580)], 2);
        assert!(told.contains("from 12 calls on") && told.contains("**4 calls per core**"), "{told}");
        let told = conclusion(&[row(1, 400), row(4, 450)], 2);
        assert!(told.contains("by none of these") && told.contains("**2 calls per core**"), "{told}");
        let lost = Measured { unanswered: 1, ..row(4, 400) };
        assert!(conclusion(&[row(1, 400), lost], 1).contains("**1 calls per core**"));
    }
}
