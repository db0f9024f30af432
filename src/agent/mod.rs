//! Agents: what a folder in `prompts/` says about who answers the phone.
//!
//! [`Agents::load`] reads every folder once at start-up and reports every problem of every agent
//! together; [`Agents::survey`] gives the agents that can be used beside the problems of the others. A loaded [`Agent`] cannot fail later on account of its files: its schemas are
//! compiled, its templates were rendered once, its zone exists.
//!
//! Not here: calling tools (`backend`), what the scripted agent makes of the `forms` annotations
//! (kept as raw values), fixed lines as audio.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use jiff::Zoned;
use jiff::tz::TimeZone;
use serde::Deserialize;
use serde_json::Value;
use thiserror::Error;
use voice_pipeline::pii::Pii;

mod arguments;
mod file;
mod folder;
mod normalise;
mod prompt;
mod template;
mod tool;

pub use prompt::PromptError;
pub use template::TemplateError;
pub use tool::{END_CALL, TRANSFER_TO_PERSON, Tool};

use folder::Folder;
use normalise::Normaliser;
use prompt::Prompt;

/// One thing that is wrong with an agent's files.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{message}")]
pub struct AgentProblem {
    /// What it belongs to.
    pub part: AgentPart,
    /// What is wrong and what would be right, beginning with the file.
    pub message: String,
}

/// A part of an agent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AgentPart {
    /// The agent itself: who it is, what it says, which numbers reach it.
    Agent,
    /// One of its tools.
    Tool,
}

impl AgentProblem {
    fn of_agent(message: String) -> Self {
        Self { part: AgentPart::Agent, message }
    }
}

/// Everything that is wrong with the agents' files, one problem a line.
#[derive(Debug, Error)]
#[error("{}", lines(.0))]
pub struct AgentProblems(pub Vec<AgentProblem>);

fn lines(problems: &[AgentProblem]) -> String {
    problems.iter().map(|problem| problem.message.as_str()).collect::<Vec<_>>().join("\n")
}

/// Fixed lines of an agent, synthesised at start-up.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Lines {
    /// The first words of every call.
    pub greeting: String,
    /// Questions after silence, in order.
    #[serde(default = "Lines::still_there")]
    pub still_there: Vec<String>,
    /// Said before hanging up on silence.
    #[serde(default = "Lines::silence_goodbye")]
    pub silence_goodbye: String,
    /// Said while a reply or a tool runs long, one of these.
    #[serde(default = "Lines::filler")]
    pub filler: Vec<String>,
    /// Said before hanging up when a vendor failed for good.
    #[serde(default = "Lines::apology")]
    pub apology: String,
    /// Said when the caller spoke and no words were found.
    #[serde(default = "Lines::didnt_hear")]
    pub didnt_hear: String,
    /// Said when a language model broke off in what the caller already hears, before the answer begins anew.
    #[serde(default = "Lines::begin_again")]
    pub begin_again: String,
    /// Said when the agent ends the call without words of its own.
    #[serde(default = "Lines::goodbye")]
    pub goodbye: String,
    /// Said when the call reaches its longest time or the gateway shuts down.
    #[serde(default = "Lines::closing")]
    pub closing: String,
    /// Spoken by the carrier when all lines are busy.
    #[serde(default = "Lines::busy")]
    pub busy: String,
}

impl Lines {
    fn still_there() -> Vec<String> {
        vec!["Are you still there?".to_owned(), "Hello? I'm still here if you need me.".to_owned()]
    }

    fn silence_goodbye() -> String {
        "I can't hear you, so I'll let you go. Goodbye!".to_owned()
    }

    fn filler() -> Vec<String> {
        vec!["One moment, please.".to_owned(), "Let me see.".to_owned()]
    }

    fn apology() -> String {
        "I'm sorry, I'm having trouble right now. Please call again in a few minutes. Goodbye!".to_owned()
    }

    fn didnt_hear() -> String {
        "Sorry, I didn't catch that.".to_owned()
    }

    fn begin_again() -> String {
        "Sorry, let me say that again.".to_owned()
    }

    fn goodbye() -> String {
        "Thanks for calling. Goodbye!".to_owned()
    }

    fn closing() -> String {
        "I have to end the call now. Please call again. Goodbye!".to_owned()
    }

    fn busy() -> String {
        "All our lines are busy right now. Please call again in a few minutes.".to_owned()
    }

    fn all(&self) -> impl Iterator<Item = (&'static str, &String)> {
        let single = [
            ("greeting", &self.greeting),
            ("silence_goodbye", &self.silence_goodbye),
            ("apology", &self.apology),
            ("didnt_hear", &self.didnt_hear),
            ("begin_again", &self.begin_again),
            ("goodbye", &self.goodbye),
            ("closing", &self.closing),
            ("busy", &self.busy),
        ];
        let still_there = self.still_there.iter().map(|line| ("still_there", line));
        let filler = self.filler.iter().map(|line| ("filler", line));
        single.into_iter().chain(still_there).chain(filler)
    }
}

/// The `[vendors]` of an agent, each as the setting of that name has it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AgentVendors {
    /// As `STT_VENDOR`.
    pub stt: Option<String>,
    /// As `LLM_VENDOR`.
    pub llm: Option<String>,
    /// As `TTS_VENDOR`.
    pub tts: Option<String>,
}

/// What an agent may use up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// The longest call.
    pub max_call: Duration,
    /// The most tool calls between two utterances of the caller.
    pub max_tool_calls_per_turn: u32,
}

/// What is known about a call when it begins.
#[derive(Debug, Clone)]
pub struct CallFacts {
    /// The caller's number, or what the carrier gives instead.
    pub caller_number: Pii<String>,
    /// The number they dialled.
    pub dialled_number: String,
    /// The time of the call, in any zone.
    pub now: Zoned,
    /// Parameters that came with the call.
    pub custom: Pii<BTreeMap<String, String>>,
}

/// Someone who answers the phone.
#[derive(Debug)]
pub struct Agent {
    /// The name in events, logs and settings.
    pub name: Arc<str>,
    /// BCP 47 tag of what the agent speaks.
    pub language: String,
    /// The voice of the synthesiser; none means the vendor's default.
    pub voice: Option<String>,
    /// How fast the agent speaks; 1.0 is the voice's own speed.
    pub speed: f32,
    /// Where the agent works: its days and hours.
    pub timezone: TimeZone,
    /// The dialled numbers that reach this agent, E.164.
    pub numbers: Vec<String>,
    /// Where callers are put through who ask for a person, E.164.
    pub person_number: Option<String>,
    /// What the agent says at fixed moments.
    pub lines: Lines,
    /// Who hears, thinks and speaks for this agent, where that is not what the settings say.
    pub vendors: AgentVendors,
    /// What the agent may use up.
    pub limits: Limits,
    /// What the agent can do, in the order of its file.
    pub tools: Vec<Arc<Tool>>,
    /// Annotations for the scripted agent, as they stand in the file.
    pub forms: Value,
    prompt: Prompt,
    normaliser: Normaliser,
}

impl Agent {
    /// The agent's instructions for one call.
    pub fn system_prompt(&self, facts: &CallFacts) -> Result<String, PromptError> {
        self.prompt.render(facts, &self.timezone)
    }

    /// The caller's words without the recogniser's known slips.
    pub fn normalise(&self, text: &str) -> String {
        self.normaliser.apply(text)
    }

    /// The tool of this name.
    pub fn tool(&self, name: &str) -> Option<&Arc<Tool>> {
        self.tools.iter().find(|tool| tool.name == name)
    }

    /// Whether English is the agent's language.
    pub fn speaks_english(&self) -> bool {
        let language = self.language.split(['-', '_']).next().unwrap_or_default();
        language.eq_ignore_ascii_case("en")
    }

    /// The moment `now` on the agent's own clock.
    pub fn local_time(&self, now: &Zoned) -> Zoned {
        now.with_time_zone(self.timezone.clone())
    }
}

/// All agents and the numbers that reach them.
#[derive(Debug)]
pub struct Agents {
    /// By name; never empty.
    agents: Vec<Arc<Agent>>,
    by_number: HashMap<String, usize>,
    default: usize,
}

/// What the folders hold: the agents that can be used, and everything that is wrong.
#[derive(Debug)]
pub struct AgentSurvey {
    /// By name.
    pub agents: Vec<Arc<Agent>>,
    /// Why the gateway would not start.
    pub problems: Vec<AgentProblem>,
    by_number: HashMap<String, usize>,
    default: usize,
}

impl AgentSurvey {
    fn of(folders: Vec<Folder>, mut problems: Vec<AgentProblem>, default_agent: Option<&str>) -> Self {
        let mut agents: Vec<Arc<Agent>> = Vec::new();
        let mut broken = Vec::new();
        for folder in folders {
            match folder.agent() {
                Ok(agent) => agents.push(Arc::new(agent)),
                Err(found) => {
                    broken.push(found.name);
                    problems.extend(found.problems);
                }
            }
        }
        agents.sort_by(|a, b| a.name.cmp(&b.name));
        for pair in agents.windows(2).filter(|pair| pair[0].name == pair[1].name) {
            let problem = format!("two agents are named {:?}; names must differ", pair[0].name);
            problems.push(AgentProblem::of_agent(problem));
        }
        let mut by_number: HashMap<String, usize> = HashMap::new();
        for (position, agent) in agents.iter().enumerate() {
            for number in &agent.numbers {
                if let Some(other) = by_number.insert(number.clone(), position) {
                    let (a, b) = (&agents[other].name, &agent.name);
                    let problem = format!("the number {number} belongs to the agents {a:?} and {b:?}");
                    problems.push(AgentProblem::of_agent(problem));
                }
            }
        }
        let default = default_agent.and_then(|name| agents.iter().position(|agent| &*agent.name == name));
        // A file that cannot be read may be the one of the agent that is looked for.
        let may_be_broken = broken.iter().any(|name| name.is_none() || name.as_deref() == default_agent);
        if let (Some(wanted), None, false) = (default_agent, default, may_be_broken) {
            let names: Vec<_> = agents.iter().map(|agent| &*agent.name).collect();
            let problem = format!("AGENT_DEFAULT is {wanted:?}, but the agents are: {}", names.join(", "));
            problems.push(AgentProblem::of_agent(problem));
        }
        Self { agents, problems, by_number, default: default.unwrap_or(0) }
    }

    /// The agents, if nothing is wrong.
    ///
    /// # Errors
    /// With every problem.
    pub fn into_agents(self) -> Result<Agents, AgentProblems> {
        let Self { agents, problems, by_number, default } = self;
        if problems.is_empty() { Ok(Agents { agents, by_number, default }) } else { Err(AgentProblems(problems)) }
    }
}

impl Agents {
    /// Loads every folder in `prompts_dir` that holds an `agent.toml`.
    ///
    /// Without a folder given (`PROMPTS_DIR` unset), `prompts` in the working directory is taken if
    /// it is there, else the agent that is built into the program. `default_agent`
    /// (`AGENT_DEFAULT`) answers the numbers nobody claims; without it the first by name does.
    ///
    /// # Errors
    /// With every problem of every agent.
    pub fn load(prompts_dir: Option<&Path>, default_agent: Option<&str>) -> Result<Self, AgentProblems> {
        Self::survey(prompts_dir, default_agent).into_agents()
    }

    /// The agent that is built into the program, which the built-in backend knows.
    pub fn built_in() -> Self {
        let agents = AgentSurvey::of(vec![folder::built_in()], Vec::new(), None).into_agents();
        agents.expect("a test loads the built-in agent")
    }

    /// Reads what [`Agents::load`] reads, for a check that goes on behind a problem.
    pub fn survey(prompts_dir: Option<&Path>, default_agent: Option<&str>) -> AgentSurvey {
        let (folders, problems) = match prompts_dir {
            Some(dir) => folder::read_all(dir),
            None if Path::new("prompts").is_dir() => folder::read_all(Path::new("prompts")),
            None => (vec![folder::built_in()], Vec::new()),
        };
        AgentSurvey::of(folders, problems, default_agent)
    }

    /// Who answers this number.
    pub fn for_number(&self, dialled: &str) -> &Arc<Agent> {
        let position = self.by_number.get(dialled).copied();
        &self.agents[position.unwrap_or(self.default)]
    }

    /// The agent of this name.
    pub fn named(&self, name: &str) -> Option<&Arc<Agent>> {
        self.agents.iter().find(|agent| &*agent.name == name)
    }

    /// All agents, by name.
    pub fn all(&self) -> &[Arc<Agent>] {
        &self.agents
    }
}

#[cfg(test)]
mod tests;
