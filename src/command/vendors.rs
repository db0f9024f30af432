//! Who hears, thinks and speaks for each agent: chains of vendors, by the names in the settings.
//!
//! Agents with the same chain share it, and with it what one call has learned about a vendor.

use std::collections::HashMap;
use std::sync::Arc;

use anyhow::{Context, anyhow};
use voice_gateway::agent::Agent;
use voice_gateway::call::Desk;
use voice_gateway::config::{Config, LlmVendor, SttVendor, TtsVendor, TurnModel};
use voice_pipeline::net::http::chat_completions::ChatCompletions;
use voice_pipeline::net::stt::SocketStt;
use voice_pipeline::net::tts::SocketTts;
use voice_pipeline::net::websocket::Dialer;
use voice_pipeline::session::Vendors;
use voice_pipeline::vendors::chain::Chain;
use voice_pipeline::vendors::deepgram::DeepgramSettings;
use voice_pipeline::vendors::llm::Llm;
use voice_pipeline::vendors::stt::Stt;
use voice_pipeline::vendors::stt::deepgram::DeepgramStt;
use voice_pipeline::vendors::tts::Tts;
use voice_pipeline::vendors::tts::deepgram::DeepgramTts;

use super::engines::{Engines, Wanted};
use super::parts;

/// The chains of one agent, by name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Plan {
    stt: Vec<SttVendor>,
    llm: Vec<LlmVendor>,
    tts: Vec<TtsVendor>,
}

impl Plan {
    /// What the agent's file says, and the settings where it says nothing.
    ///
    /// # Errors
    /// When the file names a vendor that does not exist or cannot be used.
    pub(crate) fn of(config: &Config, agent: &Agent) -> anyhow::Result<Self> {
        let wrong = |name: &'static str, value: &str| {
            let (agent, value) = (agent.name.to_string(), value.to_owned());
            move |expected: String| anyhow!("agent {agent}: vendors.{name} is {value:?}, but must be {expected}")
        };
        let named = &agent.vendors;
        let plan = Self {
            stt: match &named.stt {
                Some(text) => SttVendor::chain(text).map_err(wrong("stt", text))?,
                None => config.speech.stt.clone(),
            },
            llm: match &named.llm {
                Some(text) => LlmVendor::chain(text).map_err(wrong("llm", text))?,
                None => config.llm.vendors(),
            },
            tts: match &named.tts {
                Some(text) => TtsVendor::chain(text).map_err(wrong("tts", text))?,
                None => config.speech.tts.clone(),
            },
        };
        let hears_or_speaks = plan.stt.contains(&SttVendor::Deepgram) || plan.tts.contains(&TtsVendor::Deepgram);
        let missing = hears_or_speaks.then(|| config.missing_for_deepgram()).flatten();
        let missing = missing.or_else(|| plan.llm.iter().find_map(|&vendor| config.missing_for_llm(vendor)));
        match missing {
            Some(missing) => Err(anyhow!("agent {} names a vendor, but {missing}", agent.name)),
            None => Ok(plan),
        }
    }
}

/// Which local engines these plans and settings need.
pub(crate) fn wanted(config: &Config, plans: &[Plan]) -> Wanted {
    let stt = plans.iter().any(|plan| plan.stt.contains(&SttVendor::Local));
    let tts = plans.iter().any(|plan| plan.tts.contains(&TtsVendor::Local));
    let turn_and_vad = config.turn.chosen_model.map_or(stt, |model| model == TurnModel::Local);
    Wanted { stt, tts, turn_and_vad }
}

/// Makes the vendors that the plans name, each once.
pub(crate) struct Suppliers<'a> {
    config: &'a Config,
    engines: Engines,
    dialer: Dialer,
    deepgram: Arc<DeepgramSettings>,
    stt: HashMap<Vec<SttVendor>, Chain<dyn Stt>>,
    tts: HashMap<Vec<TtsVendor>, Chain<dyn Tts>>,
    /// Language models that ask once more when they fail, and those that leave it to the next.
    chat: HashMap<(LlmVendor, bool), Arc<dyn Llm>>,
}

impl<'a> Suppliers<'a> {
    pub(crate) fn new(config: &'a Config, engines: Engines) -> anyhow::Result<Self> {
        Ok(Self {
            config,
            engines,
            dialer: Dialer::new()?,
            deepgram: Arc::new(parts::deepgram_settings(config)),
            stt: HashMap::new(),
            tts: HashMap::new(),
            chat: HashMap::new(),
        })
    }

    /// The desk of an agent; its lines are not recorded yet.
    pub(crate) fn desk(&mut self, agent: Arc<Agent>, plan: &Plan) -> anyhow::Result<Desk> {
        let vendors = Vendors {
            stt: self.ears(&plan.stt)?,
            llm: self.brains(&plan.llm, &agent)?,
            tts: self.mouths(&plan.tts)?,
            turn_detector: self.engines.turn_detector.clone(),
        };
        Ok(Desk::new(agent, vendors, self.engines.referee.clone()))
    }

    fn ears(&mut self, names: &[SttVendor]) -> anyhow::Result<Chain<dyn Stt>> {
        if let Some(chain) = self.stt.get(names) {
            return Ok(chain.clone());
        }
        let ear = |name: &SttVendor| -> anyhow::Result<Arc<dyn Stt>> {
            match name {
                SttVendor::Local => self.engines.stt.clone().context("the local recogniser is not loaded"),
                SttVendor::Deepgram => {
                    let vendor = DeepgramStt::new(Arc::clone(&self.deepgram)).context("DEEPGRAM_URL cannot be used")?;
                    Ok(Arc::new(SocketStt::new(Arc::new(vendor), self.dialer.clone())))
                }
            }
        };
        let chain = chain_of(names.iter().map(ear).collect::<anyhow::Result<_>>()?)?;
        self.stt.insert(names.to_vec(), chain.clone());
        Ok(chain)
    }

    fn mouths(&mut self, names: &[TtsVendor]) -> anyhow::Result<Chain<dyn Tts>> {
        if let Some(chain) = self.tts.get(names) {
            return Ok(chain.clone());
        }
        let mouth = |name: &TtsVendor| -> anyhow::Result<Arc<dyn Tts>> {
            match name {
                TtsVendor::Local => self.engines.tts.clone().context("the local voice is not loaded"),
                TtsVendor::Deepgram => {
                    let vendor = DeepgramTts::new(Arc::clone(&self.deepgram)).context("DEEPGRAM_URL cannot be used")?;
                    Ok(Arc::new(SocketTts::new(Arc::new(vendor), self.dialer.clone())))
                }
            }
        };
        let chain = chain_of(names.iter().map(mouth).collect::<anyhow::Result<_>>()?)?;
        self.tts.insert(names.to_vec(), chain.clone());
        Ok(chain)
    }

    /// An agent's own, for the scripted model is made of the agent.
    fn brains(&mut self, names: &[LlmVendor], agent: &Agent) -> anyhow::Result<Chain<dyn Llm>> {
        let mut brains: Vec<Arc<dyn Llm>> = Vec::new();
        for (place, &name) in names.iter().enumerate() {
            let is_last = place + 1 == names.len();
            brains.push(match name {
                LlmVendor::Forms => Arc::new(parts::forms(agent)?),
                LlmVendor::Chat | LlmVendor::Chat2 => self.chat(name, is_last)?,
            });
        }
        chain_of(brains)
    }

    fn chat(&mut self, name: LlmVendor, asks_again: bool) -> anyhow::Result<Arc<dyn Llm>> {
        if let Some(known) = self.chat.get(&(name, asks_again)) {
            return Ok(Arc::clone(known));
        }
        let model: Arc<dyn Llm> = Arc::new(ChatCompletions::new(parts::chat_settings(self.config, name, asks_again))?);
        self.chat.insert((name, asks_again), Arc::clone(&model));
        Ok(model)
    }
}

fn chain_of<V: ?Sized>(vendors: Vec<Arc<V>>) -> anyhow::Result<Chain<V>> {
    let mut vendors = vendors.into_iter();
    let first = vendors.next().context("a chain of vendors names nobody")?;
    Ok(Chain::new(first, vendors))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::path::Path;

    use voice_gateway::agent::Agents;

    use super::*;

    fn config(settings: &[(&'static str, &'static str)]) -> Config {
        Config::read(&settings.iter().copied().collect::<BTreeMap<_, _>>()).unwrap().0
    }

    /// The golf agent with these lines in its file.
    fn agent(vendors: &str) -> Arc<Agent> {
        let golf = Path::new(env!("CARGO_MANIFEST_DIR")).join("prompts/golf");
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("golf")).unwrap();
        let text = std::fs::read_to_string(golf.join("agent.toml")).unwrap();
        let (head, rest) = text.split_once("[lines]").unwrap();
        std::fs::write(folder.path().join("golf/agent.toml"), format!("{head}{vendors}\n[lines]{rest}")).unwrap();
        std::fs::copy(golf.join("system.md"), folder.path().join("golf/system.md")).unwrap();
        Arc::clone(Agents::load(Some(folder.path()), None).unwrap().for_number(""))
    }

    #[test]
    fn an_agents_file_wins_over_the_settings() {
        let config = config(&[
            ("STT_VENDOR", "deepgram,local"),
            ("TTS_VENDOR", "local"),
            ("DEEPGRAM_API_KEY", "k"),
            ("LLM_BASE_URL", "http://127.0.0.1:9/v1"),
        ]);
        let plain = Plan::of(&config, &agent("")).unwrap();
        assert_eq!(plain.stt, [SttVendor::Deepgram, SttVendor::Local]);
        assert_eq!((plain.llm, plain.tts), (vec![LlmVendor::Chat], vec![TtsVendor::Local]));
        let own = Plan::of(&config, &agent("[vendors]\ntts = \"deepgram, local\"\nllm = \"chat,forms\"")).unwrap();
        assert_eq!(own.tts, [TtsVendor::Deepgram, TtsVendor::Local]);
        assert_eq!(own.llm, [LlmVendor::Chat, LlmVendor::Forms]);
        assert_eq!(own.stt, plain.stt);
    }

    #[test]
    fn a_vendor_that_cannot_be_used_is_named_with_what_is_missing() {
        let config = config(&[]);
        let problem = |vendors: &str| Plan::of(&config, &agent(vendors)).unwrap_err().to_string();
        assert_eq!(
            problem("[vendors]\nstt = \"depgram\""),
            "agent golf: vendors.stt is \"depgram\", but must be local or deepgram, or several of them in the order in \
             which they stand in for one another, such as local,deepgram"
        );
        assert_eq!(
            problem("[vendors]\nstt = \"deepgram\""),
            "agent golf names a vendor, but DEEPGRAM_API_KEY is not set"
        );
        assert_eq!(
            problem("[vendors]\nllm = \"chat,forms\""),
            "agent golf names a vendor, but neither OPENAI_API_KEY nor LLM_BASE_URL is set"
        );
    }

    #[test]
    fn a_scripted_stand_in_is_compiled_before_the_first_call() {
        // Another test of this process may have been first.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let config = config(&[("LLM_VENDOR", "chat,forms"), ("LLM_BASE_URL", "http://127.0.0.1:9/v1")]);
        let mut suppliers = Suppliers::new(&config, Engines::default()).unwrap();
        let brains = suppliers.brains(&config.llm.vendors(), &agent("")).unwrap();
        assert_eq!(brains.vendors().map(|vendor| vendor.name()).collect::<Vec<_>>(), ["chat", "forms"]);
        let mut broken = Arc::into_inner(agent("")).unwrap();
        broken.language = "fr-FR".to_owned();
        let problem = suppliers.brains(&config.llm.vendors(), &broken).err().unwrap().to_string();
        assert_eq!(problem, "agent golf has no scripted form");
    }

    #[test]
    fn local_engines_are_loaded_only_where_they_are_named() {
        let wanted_by = |settings: &[(&'static str, &'static str)]| {
            let config = config(settings);
            wanted(&config, &[Plan::of(&config, &agent("")).unwrap()])
        };
        let deepgram = ("DEEPGRAM_URL", "ws://127.0.0.1:9");
        assert_eq!(wanted_by(&[]), Wanted::ALL);
        let cloud = [("STT_VENDOR", "deepgram"), ("TTS_VENDOR", "deepgram"), deepgram];
        assert_eq!(wanted_by(&cloud), Wanted { stt: false, tts: false, turn_and_vad: false });
        let net = [("STT_VENDOR", "deepgram,local"), ("TTS_VENDOR", "deepgram"), deepgram];
        assert_eq!(wanted_by(&net), Wanted { stt: true, tts: false, turn_and_vad: true });
        let judged = [("STT_VENDOR", "deepgram"), ("TTS_VENDOR", "deepgram"), deepgram, ("TURN_MODEL", "local")];
        assert_eq!(wanted_by(&judged), Wanted { stt: false, tts: false, turn_and_vad: true });
    }
}
