//! One agent's folder: `agent.toml` and `system.md`, read and checked.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use jiff::tz::TimeZone;

use super::file::{self, AgentFile};
use super::normalise::Normaliser;
use super::prompt::Prompt;
use super::tool::Tool;
use super::{Agent, AgentPart, AgentProblem, Limits};

/// The texts of a folder.
pub(super) struct Folder {
    /// How problems name it.
    pub(super) label: String,
    pub(super) agent_toml: String,
    pub(super) system_md: String,
}

/// The agent that is part of the program, so that it runs anywhere.
pub(super) fn built_in() -> Folder {
    Folder {
        label: "the built-in golf agent".to_owned(),
        agent_toml: include_str!("../../prompts/golf/agent.toml").to_owned(),
        system_md: include_str!("../../prompts/golf/system.md").to_owned(),
    }
}

/// A folder that is no agent.
#[derive(Debug)]
pub(super) struct Broken {
    /// The agent's name, if the file can be read so far.
    pub(super) name: Option<String>,
    /// At least one.
    pub(super) problems: Vec<AgentProblem>,
}

/// Reads every folder in `dir` that holds an `agent.toml`, and says which cannot be read.
pub(super) fn read_all(dir: &Path) -> (Vec<Folder>, Vec<AgentProblem>) {
    let unreadable =
        |path: &Path, error: std::io::Error| AgentProblem::of_agent(format!("cannot read {}: {error}", path.display()));
    let entries = match fs::read_dir(dir) {
        Ok(entries) => entries,
        Err(error) => return (Vec::new(), vec![unreadable(dir, error)]),
    };
    let mut paths: Vec<_> = entries.flatten().map(|entry| entry.path()).collect();
    paths.retain(|path| path.join("agent.toml").is_file());
    paths.sort();
    let (mut folders, mut problems) = (Vec::new(), Vec::new());
    for path in paths {
        let mut read = |name: &str| {
            let path = path.join(name);
            fs::read_to_string(&path).map_err(|error| problems.push(unreadable(&path, error)))
        };
        if let (Ok(agent_toml), Ok(system_md)) = (read("agent.toml"), read("system.md")) {
            folders.push(Folder { label: path.display().to_string(), agent_toml, system_md });
        }
    }
    if folders.is_empty() && problems.is_empty() {
        problems.push(AgentProblem::of_agent(format!("{} holds no folder with an agent.toml", dir.display())));
    }
    (folders, problems)
}

impl Folder {
    /// Checks everything and builds the agent, or returns every problem found.
    pub(super) fn agent(self) -> Result<Agent, Broken> {
        let Self { label, agent_toml, system_md } = self;
        let file = file::read(&agent_toml).map_err(|problem| {
            let problem = AgentProblem::of_agent(format!("{label}/agent.toml:{problem}"));
            Broken { name: None, problems: vec![problem] }
        })?;
        let mut of_agent = Vec::new();
        let mut of_tools = Vec::new();
        check(&file, &mut of_agent);
        let timezone = TimeZone::get(&file.timezone).ok();
        if timezone.is_none() {
            let zone = &file.timezone;
            of_agent.push(format!("timezone is {zone:?}, but must be a name such as \"America/Los_Angeles\""));
        }
        let mut tools: Vec<Arc<Tool>> = Vec::new();
        let mut names = BTreeSet::new();
        for tool in file.tools {
            let name = tool.name.clone();
            if !names.insert(name.clone()) {
                of_tools.push(format!("two tools are named {name:?}"));
            }
            match Tool::new(tool) {
                Ok(tool) => tools.push(Arc::new(tool)),
                Err(found) => of_tools.extend(found.into_iter().map(|problem| format!("tool {name:?}: {problem}"))),
            }
        }
        let of = |part| {
            let label = &label;
            move |problem| AgentProblem { part, message: format!("{label}/agent.toml: {problem}") }
        };
        let mut problems: Vec<_> = of_agent.into_iter().map(of(AgentPart::Agent)).collect();
        problems.extend(of_tools.into_iter().map(of(AgentPart::Tool)));
        let utc = TimeZone::UTC;
        let prompt = Prompt::new(system_md, timezone.as_ref().unwrap_or(&utc));
        let mut note = |error| problems.push(AgentProblem::of_agent(format!("{label}/{error}")));
        let prompt = prompt.map_err(&mut note).ok();
        match (timezone, prompt) {
            (Some(timezone), Some(prompt)) if problems.is_empty() => Ok(Agent {
                name: file.name.into(),
                language: file.language,
                voice: file.voice,
                speed: file.speed,
                timezone,
                numbers: file.numbers,
                person_number: file.person_number,
                lines: file.lines,
                vendors: file.vendors,
                limits: Limits {
                    max_call: Duration::from_secs(u64::from(file.limits.max_call_minutes) * 60),
                    max_tool_calls_per_turn: file.limits.max_tool_calls_per_turn,
                },
                tools,
                forms: file.forms,
                prompt,
                normaliser: Normaliser::new(file.normalise.into_iter().map(|rule| (rule.heard, rule.means))),
            }),
            _ => Err(Broken { name: Some(file.name), problems }),
        }
    }
}

fn check(file: &AgentFile, problems: &mut Vec<String>) {
    let is_name_byte = |byte: u8| byte.is_ascii_alphanumeric() || b"_-".contains(&byte);
    if !(1..=64).contains(&file.name.len()) || !file.name.bytes().all(is_name_byte) {
        problems.push("name must have 1 to 64 of the characters A-Z a-z 0-9 _ -".to_owned());
    }
    if !(0.5..=2.0).contains(&file.speed) {
        problems.push(format!("speed is {}, but must be from 0.5 to 2.0", file.speed));
    }
    for number in file.numbers.iter().chain(&file.person_number).filter(|number| !is_e164(number)) {
        problems.push(format!("{number:?} is not a number such as \"+15555550100\""));
    }
    for (name, _) in file.lines.all().filter(|(_, line)| line.trim().is_empty()) {
        problems.push(format!("lines.{name} is empty"));
    }
    for (name, lines) in [("still_there", &file.lines.still_there), ("filler", &file.lines.filler)] {
        if lines.is_empty() {
            problems.push(format!("lines.{name} needs at least one line"));
        }
    }
    let limits = &file.limits;
    if !(1..=240).contains(&limits.max_call_minutes) {
        let minutes = limits.max_call_minutes;
        problems.push(format!("limits.max_call_minutes is {minutes}, but must be from 1 to 240"));
    }
    if !(1..=20).contains(&limits.max_tool_calls_per_turn) {
        let calls = limits.max_tool_calls_per_turn;
        problems.push(format!("limits.max_tool_calls_per_turn is {calls}, but must be from 1 to 20"));
    }
    for rule in file.normalise.iter().filter(|rule| !rule.heard.contains(char::is_alphanumeric)) {
        problems.push(format!("normalise: heard is {:?}, but must hold a word", rule.heard));
    }
}

fn is_e164(number: &str) -> bool {
    let digits = number.strip_prefix('+').unwrap_or_default();
    (7..=15).contains(&digits.len()) && !digits.starts_with('0') && digits.bytes().all(|byte| byte.is_ascii_digit())
}
