//! A telephone line for a caller of text: the local voice, 8 kHz μ-law, the local recogniser, and the
//! agent's own list of the recogniser's slips.

use std::collections::HashMap;
use std::sync::Mutex;

use voice_engines::runtime::Runtime;
use voice_engines::stt::{MoonshineStt, SttSettings};
use voice_engines::tts::{HibariTts, TtsSettings};
use voice_engines::weights::testing::weights_or_skip;
use voice_engines::weights::{ModelSet, SttModel};
use voice_pipeline::vendors::tts::Tts as _;

use normalise::Normaliser;

use super::{golf, olive_and_thyme};

#[allow(dead_code, reason = "the engines' own tests use the rest")]
#[path = "../support/telephone.rs"]
mod line;

// The gateway's own rules, which are the server's and not the engines'.
#[path = "../../../src/agent/normalise.rs"]
mod normalise;

/// Silence before and after the words, as a pause on the line leaves it.
const PAUSE_SAMPLES: usize = 16_000 * 3 / 10;

/// One set of engines for all calls, and the lines they have carried.
pub(crate) struct Telephone {
    voice: HibariTts,
    recogniser: MoonshineStt,
    /// The list of each agent.
    normalisers: HashMap<&'static str, Normaliser>,
    carried: Mutex<HashMap<String, String>>,
}

impl Telephone {
    /// Loads the engines; `None` after saying that the weights are not there.
    pub(crate) fn or_skip() -> Option<Self> {
        let set = ModelSet { stt: Some(SttModel::Tiny), turn_and_vad: false, tts: true };
        let paths = weights_or_skip(set)?;
        let runtime = Runtime::load(&paths.onnxruntime).expect("the library loads");
        let settings = TtsSettings { seed: 1, ..TtsSettings::default() };
        let agents = [("golf", golf::AGENT), ("restaurant", olive_and_thyme::AGENT)];
        Some(Self {
            voice: HibariTts::load(runtime, &paths.tts, &settings).expect("the voice loads"),
            recogniser: MoonshineStt::load(runtime, &paths.stt, SttSettings::default()).expect("the recogniser loads"),
            normalisers: agents.map(|(name, agent)| (name, Normaliser::new(slips(agent)))).into(),
            carried: Mutex::default(),
        })
    }

    /// What arrives at an agent when the caller says this. Typed digits arrive as they are.
    pub(crate) fn carries(&self, agent: &str, line: &str) -> String {
        if line.starts_with(voice_engines::forms::KEYPAD) {
            return line.to_owned();
        }
        self.normalisers[agent].apply(&self.recognised(line))
    }

    fn recognised(&self, line: &str) -> String {
        let known = self.carried.lock().expect("nobody panicked").get(line).cloned();
        known.unwrap_or_else(|| {
            let spoken = self.voice.synthesize_blocking(line, "heart", 1.0).expect("the voice speaks");
            let mut clip = vec![0; PAUSE_SAMPLES];
            clip.extend(line::through_a_telephone(&spoken, self.voice.sample_rate()));
            clip.extend([0; PAUSE_SAMPLES]);
            let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime starts");
            let text = runtime.block_on(self.recogniser.recognise(&clip)).expect("the recogniser hears");
            self.carried.lock().expect("nobody panicked").insert(line.to_owned(), text.clone());
            text
        })
    }
}

fn slips(agent: &str) -> Vec<(String, String)> {
    let agent: toml::Table = agent.parse().expect("the agent is readable");
    let rules = agent.get("normalise").and_then(toml::Value::as_array).into_iter().flatten();
    let text = |rule: &toml::Value, key: &str| rule.get(key).and_then(toml::Value::as_str).map(str::to_owned);
    rules.filter_map(|rule| Some((text(rule, "heard")?, text(rule, "means")?))).collect()
}
