//! Speaks a text into a WAV file: `cargo run -p voice-engines --example say -- "text" out.wav`.
//!
//! Fetches the weights if they are not there, and says how long everything took.

use std::error::Error;
use std::time::{Duration, Instant};

use futures_util::StreamExt as _;
use voice_engines::runtime::Runtime;
use voice_engines::tts::{HibariTts, TtsSettings, phoneme_reader};
use voice_engines::weights::{ModelSet, Weights};
use voice_pipeline::vendors::tts::{SpeakRequest, Tts as _, TtsEvent};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let (Some(text), Some(file)) = (arguments.next(), arguments.next()) else {
        return Err("usage: say \"text\" out.wav [speed]".into());
    };
    let speed = arguments.next().map_or(Ok(1.0), |speed| speed.parse())?;

    let set = ModelSet { stt: None, turn_and_vad: false, tts: true };
    let variable = |name: &str| std::env::var_os(name);
    let paths = Weights::locate(variable("MODELS_DIR").map(Into::into), variable)?.ensure(set, &mut |_| {})?;
    let runtime = Runtime::load(&paths.onnxruntime)?;
    println!("{}", phoneme_reader(runtime, &paths.tts)?(&text));

    let began = Instant::now();
    let tts = HibariTts::load(runtime, &paths.tts, &TtsSettings::default())?;
    println!("loaded in {:?}", began.elapsed());

    let mut wav = hound::WavWriter::create(
        file,
        hound::WavSpec {
            channels: 1,
            sample_rate: tts.sample_rate().hz(),
            bits_per_sample: 16,
            sample_format: hound::SampleFormat::Int,
        },
    )?;
    let began = Instant::now();
    let mut first_sound = None;
    let mut samples = 0u32;
    let request = SpeakRequest { text: text.clone(), voice: HibariTts::VOICES[0].into(), speed };
    let mut events = tts.speak(request);
    while let Some(event) = events.next().await {
        match event? {
            TtsEvent::Audio(chunk) => {
                first_sound.get_or_insert_with(|| began.elapsed());
                samples += u32::try_from(chunk.len())?;
                for sample in chunk {
                    wav.write_sample(sample)?;
                }
            }
            TtsEvent::Ulaw(_) => unreachable!("the local voice gives samples"),
            TtsEvent::Words(words) => {
                for word in words {
                    let rest = text.get(word.offset..).unwrap_or_default();
                    println!("{:>8.2?} {}", word.at, rest.split_whitespace().next().unwrap_or_default());
                }
            }
        }
    }
    wav.finalize()?;
    let took = began.elapsed();
    let sound = Duration::from_secs_f64(f64::from(samples) / f64::from(tts.sample_rate().hz()));
    println!(
        "{sound:.2?} of speech in {took:.2?} (real-time factor {:.3}), first sound after {:.1?}",
        took.as_secs_f64() / sound.as_secs_f64(),
        first_sound.unwrap_or_default(),
    );
    Ok(())
}
