//! Measures the local engines and writes docs/ENGINES.md.
//!
//! ```sh
//! cargo run --release -p voice-engines --example measure              # under ten minutes
//! cargo run --release -p voice-engines --example measure -- --quick   # two minutes, a rough idea
//! ```
//!
//! `--out FILE` writes elsewhere. Run it on a machine that does nothing else: everything but the times
//! is the same in every run. Human clips come from Debian's `asterisk-core-sounds-en`,
//! `asterisk-core-sounds-en-wav` and `pocketsphinx-testdata`; what cannot be measured without them says so.

use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

mod calls;
mod engines;
mod hearing;
mod human;
mod reading;
#[path = "../../tests/support/readings.rs"]
mod readings;
mod sentences;
mod speeds;
#[path = "../../tests/support/telephone.rs"]
mod telephone;
mod turns;
mod words;

use calls::Row;
use engines::Engines;
use sentences::SENTENCES;
use telephone::through_a_telephone;
use voice_engines::tts::HibariTts;

/// How much is measured.
struct Extent {
    prompts: usize,
    sentences: usize,
    rounds: usize,
    rows: &'static [Row],
}

const FULL: Extent = Extent {
    prompts: 100,
    sentences: SENTENCES.len(),
    rounds: 2,
    rows: &[
        Row { calls: 1, seconds: 120 },
        Row { calls: 2, seconds: 60 },
        Row { calls: 4, seconds: 35 },
        Row { calls: 6, seconds: 30 },
        Row { calls: 8, seconds: 30 },
        Row { calls: 12, seconds: 30 },
        Row { calls: 16, seconds: 30 },
    ],
};
const QUICK: Extent = Extent {
    prompts: 24,
    sentences: 12,
    rounds: 1,
    rows: &[Row { calls: 1, seconds: 24 }, Row { calls: 4, seconds: 12 }, Row { calls: 8, seconds: 12 }],
};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut out = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/ENGINES.md");
    let mut extent = &FULL;
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--quick" => extent = &QUICK,
            "--out" => out = PathBuf::from(arguments.next().ok_or("--out wants a file")?),
            other => return Err(format!("{other} is neither --quick nor --out FILE").into()),
        }
    }
    let began = Instant::now();
    let mut page = head(std::ptr::eq(extent, &QUICK));
    eprintln!("loading the engines …");
    let engines = Arc::new(tokio::task::spawn_blocking(|| Engines::load().map_err(|e| e.to_string())).await??);
    let (prompts, readers) = (human::prompts(extent.prompts)?, human::readers()?);
    let sentences = &SENTENCES[..extent.sentences];
    let speech = speech(&engines, &prompts).await?;
    // Short turns: more of them are measured in the time.
    let short: Arc<[&str]> = SENTENCES.into_iter().filter(|text| text.len() <= 48).collect();

    let mut add = |section: String| {
        page += "\n";
        page += &section;
    };
    eprintln!("the speed of each engine …");
    add(speeds::table(&engines, &speech, sentences, extent.rounds).await?);
    add(calls::table(&engines, &speech, &short, extent.rows).await?);
    eprintln!("recognition of people …");
    add(hearing::of_people(&engines, &prompts, &readers).await?);
    eprintln!("intelligibility of the voice …");
    add(hearing::of_the_voice(&engines, sentences).await?);
    eprintln!("phonemes …");
    add(reading::agreement(&engines)?);
    eprintln!("end of turn …");
    add(turns::decisions(&engines, &prompts).await?);
    fs::write(&out, page)?;
    eprintln!("{} written after {:.0} s", out.display(), began.elapsed().as_secs_f64());
    Ok(())
}

/// What callers say in the timed parts: the human prompts of 1.5 to 3 s over the telephone, or our own
/// voice where there are none.
async fn speech(engines: &Arc<Engines>, prompts: &[human::Clip]) -> Result<Vec<Arc<[i16]>>, Box<dyn Error>> {
    let fitting = prompts.iter().filter(|clip| (1.5..=3.0).contains(&clip.seconds()));
    let people: Vec<Arc<[i16]>> = fitting.take(12).map(|clip| clip.telephone().into()).collect();
    if !people.is_empty() {
        return Ok(people);
    }
    let engines = Arc::clone(engines);
    let spoken = tokio::task::spawn_blocking(move || {
        SENTENCES[..12]
            .iter()
            .map(|text| {
                let samples = engines.voice.synthesize_blocking(text, HibariTts::VOICES[0], 1.0);
                samples.map(|samples| through_a_telephone(&samples, engines.voice_rate()).into())
            })
            .collect::<Result<Vec<_>, _>>()
    });
    Ok(spoken.await??)
}

fn head(is_quick: bool) -> String {
    let quick = if is_quick { " -- --quick" } else { "" };
    let note = if is_quick { " A quick run: the figures are rough." } else { "" };
    format!(
        "# The local engines, measured\n\n`cargo run --release -p voice-engines --example measure{quick}` wrote this page on {}, \
         on {}.{note}\n",
        jiff::Zoned::now().date(),
        machine(),
    )
}

/// The machine in a line.
fn machine() -> String {
    let line = |file: &str, name: &str| {
        let text = fs::read_to_string(file).unwrap_or_default();
        let line = text.lines().find(|line| line.starts_with(name)).unwrap_or_default().to_owned();
        line.split_once([':', '=']).map_or(String::new(), |(_, value)| value.trim().trim_matches('"').to_owned())
    };
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let memory_kib: f64 = line("/proc/meminfo", "MemTotal")
        .split_whitespace()
        .next()
        .and_then(|kib| kib.parse().ok())
        .unwrap_or_default();
    let load = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let or = |text: String, otherwise: &str| if text.is_empty() { otherwise.to_owned() } else { text };
    format!(
        "{cores} cores ({}, {}), {:.0} GiB, {}, no GPU used; load average when it began: {}",
        or(line("/proc/cpuinfo", "model name"), "processor unknown"),
        std::env::consts::ARCH,
        memory_kib / f64::from(1 << 20),
        or(line("/etc/os-release", "PRETTY_NAME"), std::env::consts::OS),
        load.split(' ').next().unwrap_or_default(),
    )
}
