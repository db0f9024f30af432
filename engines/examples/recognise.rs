//! Recognises recordings with the local engines and says what it cost.
//!
//! `cargo run --release -p voice-engines --example recognise -- clip.wav …`
//!
//! Clips are mono, 16 bits, 8 or 16 kHz. `LOCAL_STT_MODEL=base` takes the larger recogniser.

use std::path::Path;
use std::time::{Duration, Instant};

use futures_util::FutureExt as _;
use voice_engines::runtime::Runtime;
use voice_engines::stt::{MoonshineStt, SttSettings};
use voice_engines::turn_model::SmartTurn;
use voice_engines::weights::{ModelSet, Progress, SttModel, Weights};
use voice_pipeline::audio::SampleRate;
use voice_pipeline::audio::resample::resample;
use voice_pipeline::vendors::stt::TurnDetector as _;

type Failure = Box<dyn std::error::Error>;

/// Runs of each recording; the median counts.
const RUNS: usize = 9;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Failure> {
    let variable = |name: &str| std::env::var_os(name);
    let base = variable("LOCAL_STT_MODEL").is_some_and(|model| model == "base");
    let stt = if base { SttModel::Base } else { SttModel::Tiny };
    let set = ModelSet { stt: Some(stt), turn_and_vad: true, tts: false };
    let weights = Weights::locate(variable("MODELS_DIR").map(Into::into), variable)?;

    let started = Instant::now();
    let paths = weights.ensure(set, &mut |progress| match progress {
        Progress::Downloaded { .. } => {}
        progress => println!("{progress:?}"),
    })?;
    println!("weights in place after {}", millis(started.elapsed()));

    let started = Instant::now();
    let runtime = Runtime::load(&paths.onnxruntime)?;
    let recogniser = MoonshineStt::load(runtime, &paths.stt, SttSettings::default())?;
    println!("recogniser loaded and warm after {}", millis(started.elapsed()));
    let started = Instant::now();
    let turn_model = SmartTurn::load(runtime, &paths.smart_turn, 4)?;
    println!("turn model loaded and warm after {}", millis(started.elapsed()));

    for clip in std::env::args().skip(1) {
        let audio = read(Path::new(&clip))?;
        let seconds = audio.len() as f64 / 16_000.0;
        let mut text = String::new();
        let mut times = Vec::new();
        for _ in 0..RUNS {
            let started = Instant::now();
            text = recogniser.recognise(&audio).await?;
            times.push(started.elapsed());
        }
        let took = median(times);
        let started = Instant::now();
        let score = turn_model.score(audio.into()).map(|score| (score, started.elapsed())).await;
        println!(
            "{clip}: {seconds:.1} s recognised in {} ({:.3} of real time), turn complete {:.2} in {}\n  {text}",
            millis(took),
            took.as_secs_f64() / seconds,
            score.0?,
            millis(score.1),
        );
    }
    if let Some(resident) = resident_kib() {
        println!("resident memory {} MiB", resident / 1024);
    }
    Ok(())
}

fn millis(span: Duration) -> String {
    format!("{:.0} ms", span.as_secs_f64() * 1e3)
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort();
    times[times.len() / 2]
}

fn resident_kib() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmRSS:"))?;
    line.split_whitespace().nth(1)?.parse().ok()
}

/// A recording at 16 kHz.
fn read(clip: &Path) -> Result<Vec<i16>, Failure> {
    let mut reader = hound::WavReader::open(clip)?;
    let rate = SampleRate::from_hz(reader.spec().sample_rate).ok_or("a rate that no phone has")?;
    let samples = reader.samples::<i16>().collect::<Result<Vec<_>, _>>()?;
    Ok(resample(&samples, rate, SampleRate::WIDEBAND))
}
