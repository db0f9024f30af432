//! The engines under measurement, and what they cost.

use std::error::Error;
use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use voice_engines::runtime::Runtime;
use voice_engines::stt::{MoonshineStt, SttSettings};
use voice_engines::tts::{HibariTts, TtsSettings};
use voice_engines::turn_model::SmartTurn;
use voice_engines::vad_referee::SileroReferee;
use voice_engines::weights::{ModelSet, SttModel, Weights};
use voice_pipeline::audio::SampleRate;
use voice_pipeline::vendors::tts::Tts as _;

/// Everything that runs in the process when no vendor is configured, and the larger recogniser.
pub(crate) struct Engines {
    pub(crate) runtime: Runtime,
    pub(crate) tiny: MoonshineStt,
    pub(crate) base: MoonshineStt,
    pub(crate) voice: HibariTts,
    pub(crate) turn: SmartTurn,
    pub(crate) referee: SileroReferee,
    /// The folder of the voice's tables.
    pub(crate) voice_folder: PathBuf,
}

impl Engines {
    /// Fetches what is missing and loads everything. Blocks.
    pub(crate) fn load() -> Result<Self, Box<dyn Error>> {
        let variable = |name: &str| std::env::var_os(name);
        let weights = Weights::locate(variable("MODELS_DIR").map(Into::into), variable)?;
        let paths = weights.ensure(ModelSet::DEFAULT, &mut |_| {})?;
        let larger = weights.ensure(ModelSet { stt: Some(SttModel::Base), ..ModelSet::DEFAULT }, &mut |_| {})?;
        let runtime = Runtime::load(&paths.onnxruntime)?;
        Ok(Self {
            runtime,
            tiny: MoonshineStt::load(runtime, &paths.stt, SttSettings::default())?,
            base: MoonshineStt::load(runtime, &larger.stt, SttSettings::default())?,
            voice: HibariTts::load(runtime, &paths.tts, &TtsSettings { seed: 1, ..TtsSettings::default() })?,
            turn: SmartTurn::load(runtime, &paths.smart_turn, 64)?,
            referee: SileroReferee::load(runtime, &paths.silero)?,
            voice_folder: paths.tts,
        })
    }

    /// The rate of the voice's samples.
    pub(crate) fn voice_rate(&self) -> SampleRate {
        self.voice.sample_rate()
    }
}

/// One clock tick of `/proc/self/stat`.
const TICK: Duration = Duration::from_millis(10);

/// Processor time of this process so far, in user and in kernel mode, also of threads that have ended.
pub(crate) fn processor_time() -> Duration {
    let stat = fs::read_to_string("/proc/self/stat").unwrap_or_default();
    // The second field is the program's name in brackets and may hold anything.
    let after_name = stat.rsplit_once(')').map_or("", |(_, after)| after);
    let ticks: u32 = after_name.split_whitespace().skip(11).take(2).filter_map(|ticks| ticks.parse::<u32>().ok()).sum();
    TICK * ticks
}

/// The value below which so large a share of the values lies; zero when there is none.
pub(crate) fn percentile(times: &[Duration], share: f64) -> Duration {
    let mut times = times.to_vec();
    times.sort_unstable();
    let place = (share * times.len() as f64).ceil() as usize;
    times.get(place.saturating_sub(1)).copied().unwrap_or_default()
}

/// Milliseconds, as the page writes them.
pub(crate) fn ms(span: Duration) -> String {
    let ms = span.as_secs_f64() * 1e3;
    if ms < 10.0 { format!("{ms:.1} ms") } else { format!("{ms:.0} ms") }
}
