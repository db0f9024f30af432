//! Who hears, thinks and speaks for each agent: chains of vendors, by the names in the settings.
//!
//! Agents with the same chain share it, and with it what one call has learned about a vendor.

use std::collections::HashMap;
use std::sync::Arc;

use anyhow::{Context, anyhow};
use thiserror::Error;
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
    pub(crate) stt: Vec<SttVendor>,
    pub(crate) llm: Vec<LlmVendor>,
    pub(crate) tts: Vec<TtsVendor>,
}

/// Why an agent cannot have the vendors that are named for it.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub(crate) enum PlanProblem {
    /// The agent's file names a vendor that does not exist.
    #[error("agent {agent}: {setting} is {value:?}, but must be {expected}")]
    NoSuchVendor { agent: Arc<str>, setting: &'static str, value: String, expected: String },
    /// The agent's file names a vendor that has no key or no address.
    #[error("agent {agent} names a vendor, but {missing}")]
    Missing { agent: Arc<str>, missing: &'static str },
    /// An engine of this process does not know the agent's language.
    #[error("{}; {}", self.problem(), self.remedy())]
    OnlyEnglish { agent: Arc<str>, language: String, place: Place, vendor: &'static str },
}

/// Where a chain is named.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    /// In the agent's file, by this key.
    File(&'static str),
    /// By this setting.
    Setting(&'static str),
    /// Nowhere: this setting is unset, and its default is meant.
    Unset(&'static str),
}

impl PlanProblem {
    /// What is wrong.
    pub(crate) fn problem(&self) -> String {
        let Self::OnlyEnglish { agent, language, place, vendor } = self else { return self.to_string() };
        let names = match place {
            Place::File(key) => format!("{key} in its agent.toml names {vendor}"),
            Place::Setting(setting) => format!("{setting} names {vendor}"),
            Place::Unset(setting) => format!("{setting} is unset, which means {vendor}"),
        };
        format!("agent {agent} speaks {language}, but {names}, which knows English only")
    }

    /// What to do about it.
    pub(crate) fn remedy(&self) -> String {
        match self {
            Self::NoSuchVendor { setting, .. } => format!("correct {setting} in the agent's agent.toml"),
            Self::Missing { .. } => "set what is missing, or name another vendor in the agent's agent.toml".to_owned(),
            Self::OnlyEnglish { place, vendor, .. } => {
                let other = match *vendor {
                    FORMS => "chat, and set LLM_BASE_URL or OPENAI_API_KEY",
                    _ => "deepgram, and set DEEPGRAM_API_KEY and DEEPGRAM_LANGUAGE",
                };
                match place {
                    Place::File(key) => format!("name {other}, under {key}"),
                    Place::Setting(setting) | Place::Unset(setting) => {
                        format!("name {other}, in {setting} or under [vendors] in its agent.toml")
                    }
                }
            }
        }
    }
}

/// How the engines that speak English only are named.
const LOCAL: &str = "local";
const FORMS: &str = "forms";

impl Plan {
    /// What the agent's file says, and the settings where it says nothing.
    ///
    /// # Errors
    /// With everything that keeps the agent from working like this.
    pub(crate) fn of(config: &Config, agent: &Agent) -> Result<Self, Vec<PlanProblem>> {
        let named = &agent.vendors;
        let mut problems = Vec::new();
        let mut wrong = |setting: &'static str, named: &Option<String>, expected: String| {
            let (agent, value) = (Arc::clone(&agent.name), named.clone().unwrap_or_default());
            problems.push(PlanProblem::NoSuchVendor { agent, setting, value, expected });
        };
        let stt = named.stt.as_deref().map(SttVendor::chain).transpose();
        let llm = named.llm.as_deref().map(LlmVendor::chain).transpose();
        let tts = named.tts.as_deref().map(TtsVendor::chain).transpose();
        let plan = Self {
            stt: chosen(stt, || config.speech.stt.clone(), |expected| wrong("vendors.stt", &named.stt, expected)),
            llm: chosen(llm, || config.llm.vendors(), |expected| wrong("vendors.llm", &named.llm, expected)),
            tts: chosen(tts, || config.speech.tts.clone(), |expected| wrong("vendors.tts", &named.tts, expected)),
        };
        // What the settings themselves name was looked at when they were read.
        let hears_or_speaks = named.stt.is_some() && plan.stt.contains(&SttVendor::Deepgram)
            || named.tts.is_some() && plan.tts.contains(&TtsVendor::Deepgram);
        let for_deepgram = hears_or_speaks.then(|| config.missing_for_deepgram()).flatten();
        let thinks: &[LlmVendor] = if named.llm.is_some() { &plan.llm } else { &[] };
        let for_models = thinks.iter().filter_map(|&vendor| config.missing_for_llm(vendor));
        for missing in for_deepgram.into_iter().chain(for_models) {
            problems.push(PlanProblem::Missing { agent: Arc::clone(&agent.name), missing });
        }
        if !agent.speaks_english() {
            problems.extend(plan.engines_without(config, agent));
        }
        if problems.is_empty() { Ok(plan) } else { Err(problems) }
    }

    /// The engines in the plan that do not know the agent's language.
    fn engines_without(&self, config: &Config, agent: &Agent) -> Vec<PlanProblem> {
        let named = &agent.vendors;
        let place = |in_file: &Option<String>, key, setting| match in_file {
            Some(_) => Place::File(key),
            None => Place::Setting(setting),
        };
        let brain = match place(&named.llm, "vendors.llm", "LLM_VENDOR") {
            Place::Setting(setting) if config.llm.chosen_vendors.is_none() => Place::Unset(setting),
            place => place,
        };
        [
            (self.stt.contains(&SttVendor::Local), place(&named.stt, "vendors.stt", "STT_VENDOR"), LOCAL),
            (self.tts.contains(&TtsVendor::Local), place(&named.tts, "vendors.tts", "TTS_VENDOR"), LOCAL),
            (self.llm.contains(&LlmVendor::Forms), brain, FORMS),
        ]
        .into_iter()
        .filter(|(is_named, ..)| *is_named)
        .map(|(_, place, vendor)| PlanProblem::OnlyEnglish {
            agent: Arc::clone(&agent.name),
            language: agent.language.clone(),
            place,
            vendor,
        })
        .collect()
    }
}

/// The chain of the agent's file, or of the settings; empty, after saying so, where the file's is wrong.
fn chosen<V>(
    named: Result<Option<Vec<V>>, String>,
    settings: impl FnOnce() -> Vec<V>,
    wrong: impl FnOnce(String),
) -> Vec<V> {
    match named {
        Ok(named) => named.unwrap_or_else(settings),
        Err(expected) => {
            wrong(expected);
            Vec::new()
        }
    }
}

/// The plans of all agents.
///
/// # Errors
/// With every problem of every agent, one a line.
pub(crate) fn plans(config: &Config, agents: &[Arc<Agent>]) -> anyhow::Result<Vec<Plan>> {
    let (mut plans, mut problems) = (Vec::new(), Vec::new());
    for agent in agents {
        match Plan::of(config, agent) {
            Ok(plan) => plans.push(plan),
            Err(found) => problems.extend(found.iter().map(PlanProblem::to_string)),
        }
    }
    if problems.is_empty() { Ok(plans) } else { Err(anyhow!("{}", problems.join("\n"))) }
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
        in_language("en-US", vendors)
    }

    fn in_language(language: &str, vendors: &str) -> Arc<Agent> {
        let golf = Path::new(env!("CARGO_MANIFEST_DIR")).join("prompts/golf");
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("golf")).unwrap();
        let text = std::fs::read_to_string(golf.join("agent.toml")).unwrap();
        let text = text.replace("language = \"en-US\"", &format!("language = {language:?}"));
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
        let problem = |vendors: &str| plans(&config, &[agent(vendors)]).unwrap_err().to_string();
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
    fn every_problem_of_every_agent_is_told_at_once() {
        let config = config(&[]);
        let both = agent("[vendors]\nstt = \"deepgram\"\nllm = \"chat,chat2\"\ntts = \"nobody\"");
        let told = plans(&config, &[Arc::clone(&both), both]).unwrap_err().to_string();
        assert_eq!(told.lines().count(), 8, "{told}");
    }

    #[test]
    fn engines_that_know_english_only_are_refused_to_an_agent_with_another_language() {
        let german = |vendors: &str| in_language("de-DE", vendors);
        let told = |config: &Config, agent| plans(config, &[agent]).map(drop).map_err(|error| error.to_string());
        assert_eq!(
            told(&config(&[]), german("")).unwrap_err().lines().collect::<Vec<_>>(),
            [
                "agent golf speaks de-DE, but STT_VENDOR names local, which knows English only; name deepgram, and set \
                 DEEPGRAM_API_KEY and DEEPGRAM_LANGUAGE, in STT_VENDOR or under [vendors] in its agent.toml",
                "agent golf speaks de-DE, but TTS_VENDOR names local, which knows English only; name deepgram, and set \
                 DEEPGRAM_API_KEY and DEEPGRAM_LANGUAGE, in TTS_VENDOR or under [vendors] in its agent.toml",
                "agent golf speaks de-DE, but LLM_VENDOR is unset, which means forms, which knows English only; name \
                 chat, and set LLM_BASE_URL or OPENAI_API_KEY, in LLM_VENDOR or under [vendors] in its agent.toml",
            ]
        );
        let cloud = config(&[
            ("STT_VENDOR", "deepgram"),
            ("TTS_VENDOR", "deepgram"),
            ("DEEPGRAM_URL", "ws://127.0.0.1:9"),
            ("LLM_BASE_URL", "http://127.0.0.1:9/v1"),
        ]);
        assert_eq!(told(&cloud, german("")), Ok(()));
        let stand_in = told(&cloud, german("[vendors]\nstt = \"deepgram,local\"")).unwrap_err();
        assert!(stand_in.contains("vendors.stt in its agent.toml names local"), "{stand_in}");
        assert_eq!(told(&config(&[]), in_language("en-GB", "")), Ok(()));
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
