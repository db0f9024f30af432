//! Loads the local engines: weights into place, then networks into memory.

use std::sync::Arc;

use anyhow::Context;
use voice_engines::runtime::Runtime;
use voice_engines::stt::{MoonshineStt, SttSettings, UtteranceSettings};
use voice_engines::tts::{HibariTts, TtsSettings};
use voice_engines::turn_model::SmartTurn;
use voice_engines::vad_referee::SileroReferee;
use voice_engines::weights::{ModelSet, Progress, SttModel, Weights};
use voice_gateway::call::RefereeOfCall;
use voice_gateway::config::{Config, LocalSttModel};
use voice_pipeline::vendors::stt::{Stt, TurnDetector};
use voice_pipeline::vendors::tts::Tts;

/// Pauses that may wait for the turn model, over all calls. A pause that finds it full is judged by
/// its silence.
const TURN_QUEUE: usize = 64;

/// The models folder of the settings.
pub(crate) fn weights(config: &Config) -> anyhow::Result<Weights> {
    Ok(Weights::locate(config.speech.models_dir.clone(), |name| std::env::var_os(name))?)
}

/// Which of the local engines a process wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Wanted {
    pub(crate) stt: bool,
    pub(crate) tts: bool,
    pub(crate) turn_and_vad: bool,
}

impl Wanted {
    pub(crate) const ALL: Self = Self { stt: true, tts: true, turn_and_vad: true };
    pub(crate) const NONE: Self = Self { stt: false, tts: false, turn_and_vad: false };
}

/// What the settings make the process load.
pub(crate) fn model_set(config: &Config, wanted: Wanted) -> ModelSet {
    let stt = match config.speech.local_stt_model {
        LocalSttModel::Tiny => SttModel::Tiny,
        LocalSttModel::Base => SttModel::Base,
    };
    ModelSet { stt: wanted.stt.then_some(stt), turn_and_vad: wanted.turn_and_vad, tts: wanted.tts }
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

/// The local engines that were wanted.
#[derive(Clone, Default)]
pub(crate) struct Engines {
    pub(crate) stt: Option<Arc<dyn Stt>>,
    pub(crate) tts: Option<Arc<dyn Tts>>,
    pub(crate) turn_detector: Option<Arc<dyn TurnDetector>>,
    pub(crate) referee: Option<RefereeOfCall>,
}

/// Fetches what is missing and loads what is wanted. Blocks, for seconds when all is there.
pub(crate) fn load(config: &Config, wanted: Wanted, progress: &mut dyn FnMut(Progress)) -> anyhow::Result<Engines> {
    let mut engines = Engines::default();
    if wanted == Wanted::NONE {
        return Ok(engines);
    }
    let paths = weights(config)?.ensure(model_set(config, wanted), progress)?;
    let runtime = Runtime::load(&paths.onnxruntime).context("cannot load the engines' runtime")?;
    if wanted.stt {
        let stt = MoonshineStt::load(runtime, &paths.stt, stt_settings(config));
        engines.stt = Some(Arc::new(stt.context("cannot load the recogniser")?));
    }
    if wanted.tts {
        let tts = HibariTts::load(runtime, &paths.tts, &tts_settings(config));
        engines.tts = Some(Arc::new(tts.context("cannot load the voice")?));
    }
    if wanted.turn_and_vad {
        let turn = SmartTurn::load(runtime, &paths.smart_turn, TURN_QUEUE).context("cannot load the turn model")?;
        let silero = SileroReferee::load(runtime, &paths.silero).context("cannot load the speech detector")?;
        engines.turn_detector = Some(Arc::new(turn));
        engines.referee = Some(Arc::new(move || Box::new(silero.new_call())));
    }
    Ok(engines)
}
