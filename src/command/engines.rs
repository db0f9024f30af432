//! Loads the local engines: weights into place, then networks into memory.

use std::sync::Arc;

use anyhow::Context;
use voice_engines::runtime::Runtime;
use voice_engines::stt::{MoonshineStt, SttSettings, UtteranceSettings};
use voice_engines::tts::{HibariTts, TtsSettings};
use voice_engines::turn_model::SmartTurn;
use voice_engines::vad_referee::SileroReferee;
use voice_engines::weights::{ModelSet, Progress, SttModel, Weights};
use voice_gateway::call::Speech;
use voice_gateway::config::{Config, LocalSttModel};

/// Pauses that may wait for the turn model, over all calls. A pause that finds it full is judged by
/// its silence.
const TURN_QUEUE: usize = 64;

/// The models folder of the settings.
pub(crate) fn weights(config: &Config) -> anyhow::Result<Weights> {
    Ok(Weights::locate(config.speech.models_dir.clone(), |name| std::env::var_os(name))?)
}

/// What the settings make the process load.
pub(crate) fn model_set(config: &Config) -> ModelSet {
    let stt = match config.speech.local_stt_model {
        LocalSttModel::Tiny => SttModel::Tiny,
        LocalSttModel::Base => SttModel::Base,
    };
    ModelSet { stt: Some(stt), ..ModelSet::DEFAULT }
}

/// How the local recogniser works.
pub(crate) fn stt_settings(config: &Config) -> SttSettings {
    let speech = &config.speech;
    SttSettings {
        utterance: UtteranceSettings {
            pre_roll: speech.stt_pre_roll,
            interim_every: speech.stt_interim_every,
            segment_max: speech.stt_segment_max,
        },
        queue: speech.local_stt_queue,
    }
}

/// How the local voice works.
pub(crate) fn tts_settings(config: &Config) -> TtsSettings {
    TtsSettings { queue: config.speech.local_tts_queue, ..TtsSettings::default() }
}

/// Fetches what is missing and loads everything. Blocks, for seconds when all is there.
pub(crate) fn load(config: &Config, progress: &mut dyn FnMut(Progress)) -> anyhow::Result<Speech> {
    let paths = weights(config)?.ensure(model_set(config), progress)?;
    let runtime = Runtime::load(&paths.onnxruntime).context("cannot load the engines' runtime")?;
    let stt = MoonshineStt::load(runtime, &paths.stt, stt_settings(config)).context("cannot load the recogniser")?;
    let tts = HibariTts::load(runtime, &paths.tts, &tts_settings(config)).context("cannot load the voice")?;
    let turn = SmartTurn::load(runtime, &paths.smart_turn, TURN_QUEUE).context("cannot load the turn model")?;
    let silero = SileroReferee::load(runtime, &paths.silero).context("cannot load the speech detector")?;
    Ok(Speech {
        stt: Arc::new(stt),
        tts: Arc::new(tts),
        turn_detector: Some(Arc::new(turn)),
        referee: Some(Arc::new(move || Box::new(silero.new_call()))),
    })
}
