//! Agents and their tools: what their files say, and whether the vendors they name can do it.

use std::sync::Arc;
use std::time::Duration;

use reqwest::Method;
use voice_engines::forms::Forms;
use voice_gateway::agent::{Agent, AgentPart, AgentSurvey, Tool};
use voice_gateway::config::{Config, LlmVendor, SttVendor, TtsVendor};

use super::super::parts;
use super::super::vendors::{Plan, PlanProblem};
use super::finding::{Area, Findings};

const CORRECT_FILE: &str = "correct the file; prompts/golf is an example of one that is right";

/// Words of which one stands in a description that tells a model to ask before it acts.
const READING_BACK: [&str; 5] = ["read", "repeat", "confirm", "yes", "agree"];

/// An agent that can be used, and who works for it.
pub(super) type Planned = (Arc<Agent>, Result<Plan, Vec<PlanProblem>>);

/// Which vendors the agents get.
pub(super) fn plans(config: &Config, survey: &AgentSurvey) -> Vec<Planned> {
    survey.agents.iter().map(|agent| (Arc::clone(agent), Plan::of(config, agent))).collect()
}

pub(super) fn judge(config: &Config, survey: &AgentSurvey, planned: &[Planned], findings: &mut Findings) {
    for problem in &survey.problems {
        let area = match problem.part {
            AgentPart::Agent => Area::Agents,
            AgentPart::Tool => Area::Tools,
        };
        findings.object(area, problem.message.clone(), CORRECT_FILE);
    }
    for (agent, plan) in planned {
        match plan {
            Ok(plan) => {
                findings.fine(Area::Agents, about(agent, plan));
                judge_tools(config, agent, plan, findings);
                judge_languages(config, agent, plan, findings);
            }
            Err(problems) => {
                for problem in problems {
                    findings.object(Area::Agents, problem.problem(), problem.remedy());
                }
            }
        }
    }
}

fn about(agent: &Agent, plan: &Plan) -> String {
    let hears = chain(&plan.stt, stt_name);
    let thinks = chain(&plan.llm, llm_name);
    let speaks = chain(&plan.tts, tts_name);
    let Agent { name, language, .. } = agent;
    format!("{name} ({language}): hears by {hears}, thinks by {thinks}, speaks by {speaks}")
}

fn chain<V: Copy>(vendors: &[V], name: fn(V) -> &'static str) -> String {
    match vendors {
        [] => "a setting that cannot be read".to_owned(),
        vendors => vendors.iter().map(|vendor| name(*vendor)).collect::<Vec<_>>().join(","),
    }
}

fn judge_tools(config: &Config, agent: &Agent, plan: &Plan, findings: &mut Findings) {
    let name = &agent.name;
    let mut wrong = 0;
    if plan.llm.contains(&LlmVendor::Forms) {
        for problem in Forms::problems(&parts::forms_agent(agent)) {
            wrong += 1;
            let remedy = "correct the forms annotations of the agent's agent.toml, or name another vendor than forms";
            findings.object(Area::Tools, format!("agent {name}: {problem}"), remedy);
        }
        let defaults = agent.tools.iter().filter(|tool| tool.forms["default"] == true).count();
        if defaults > 1 {
            let what = format!("agent {name}: {defaults} tools are the default of forms; the first one wins");
            findings.warn(Area::Tools, what, "keep forms.default = true at one tool");
        }
    }
    for tool in &agent.tools {
        for (what, remedy) in oddities(tool, config.turn.tool_give_up_after, plan) {
            findings.warn(Area::Tools, format!("agent {name}, tool {:?}: {what}", tool.name), remedy);
        }
    }
    if wrong == 0 {
        let count = agent.tools.len();
        findings.fine(Area::Tools, format!("{name}: {count} tool{} compile", if count == 1 { "" } else { "s" }));
    }
}

/// What works in a tool, though perhaps not as its author thinks.
fn oddities(tool: &Tool, give_up_after: Duration, plan: &Plan) -> Vec<(String, &'static str)> {
    let mut found = Vec::new();
    let by_chat = plan.llm.iter().any(|vendor| *vendor != LlmVendor::Forms);
    let description = tool.description.to_lowercase();
    if by_chat && tool.description.trim().is_empty() {
        found.push(("a model gets no description of it".to_owned(), "say in description what it does, and when"));
    } else if by_chat && tool.side_effect && !READING_BACK.iter().any(|word| description.contains(word)) {
        found.push((
            "it changes something, and its description does not tell a model to read the values back first".to_owned(),
            "add to description: call it only after reading the values back to the caller and hearing yes",
        ));
    }
    if !tool.side_effect && [Method::PUT, Method::PATCH, Method::DELETE].contains(&tool.method) {
        found.push((
            format!("it is a {} without side_effect, so it counts as one that only reads", tool.method),
            "set side_effect = true, so that it is finished when the caller interrupts",
        ));
    }
    if tool.timeout > give_up_after {
        found.push((
            format!("its timeout of {:?} is longer than the caller waits for it ({give_up_after:?})", tool.timeout),
            "lower its timeout, or raise TOOL_GIVE_UP_AFTER",
        ));
    }
    found
}

/// Deepgram is told what callers speak by settings that every agent shares.
fn judge_languages(config: &Config, agent: &Agent, plan: &Plan, findings: &mut Findings) {
    let primary = |tag: &str| tag.split(['-', '_']).next().unwrap_or_default().to_ascii_lowercase();
    let (speaks, heard) = (primary(&agent.language), &config.deepgram.language);
    if plan.stt.contains(&SttVendor::Deepgram) && heard != "multi" && primary(heard) != speaks {
        let what = format!("agent {} speaks {}, but DEEPGRAM_LANGUAGE is {heard}", agent.name, agent.language);
        findings.warn(Area::Agents, what, "set DEEPGRAM_LANGUAGE to the agent's language, or to multi");
    }
    let voice = agent.voice.as_deref().filter(|voice| voice.starts_with("aura-")).unwrap_or(&config.deepgram.tts_model);
    let voice_speaks = voice.rsplit('-').next().unwrap_or_default();
    if plan.tts.contains(&TtsVendor::Deepgram) && voice_speaks.len() == 2 && voice_speaks != speaks {
        let what = format!("agent {} speaks {}, but its voice at Deepgram is {voice}", agent.name, agent.language);
        findings.warn(
            Area::Agents,
            what,
            "name a voice of that language in the agent's file, or in DEEPGRAM_TTS_MODEL",
        );
    }
}

fn stt_name(vendor: SttVendor) -> &'static str {
    match vendor {
        SttVendor::Local => "local",
        SttVendor::Deepgram => "deepgram",
    }
}

pub(super) fn llm_name(vendor: LlmVendor) -> &'static str {
    match vendor {
        LlmVendor::Forms => "forms",
        LlmVendor::Chat => "chat",
        LlmVendor::Chat2 => "chat2",
    }
}

fn tts_name(vendor: TtsVendor) -> &'static str {
    match vendor {
        TtsVendor::Local => "local",
        TtsVendor::Deepgram => "deepgram",
    }
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

    /// What is found about the golf agent, after these replacements in its file.
    fn judged(settings: &[(&'static str, &'static str)], changes: &[(&str, &str)]) -> Findings {
        let golf = Path::new(env!("CARGO_MANIFEST_DIR")).join("prompts/golf");
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("golf")).unwrap();
        let mut text = std::fs::read_to_string(golf.join("agent.toml")).unwrap();
        for (from, to) in changes {
            assert!(text.contains(from), "{from}");
            text = text.replace(from, to);
        }
        std::fs::write(folder.path().join("golf/agent.toml"), text).unwrap();
        std::fs::copy(golf.join("system.md"), folder.path().join("golf/system.md")).unwrap();
        let survey = Agents::survey(Some(folder.path()), None);
        let config = config(settings);
        let mut findings = Findings::default();
        judge(&config, &survey, &plans(&config, &survey), &mut findings);
        findings
    }

    const CHAT: (&str, &str) = ("LLM_BASE_URL", "http://127.0.0.1:9/v1");

    #[test]
    fn the_golf_agent_is_as_it_should_be_with_forms_and_with_a_model() {
        let by_forms = judged(&[], &[]).lines();
        assert_eq!(
            by_forms,
            ["ok golf (en-US): hears by local, thinks by forms, speaks by local", "ok golf: 4 tools compile"]
        );
        assert!(judged(&[CHAT], &[]).lines().iter().all(|line| line.starts_with("ok ")));
    }

    #[test]
    fn annotations_are_compiled_only_where_forms_is_asked() {
        let changes = [("days_ahead = 90", "days_ahed = 90"), ("unit = [\"player\"", "units = [\"player\"")];
        let found = judged(&[], &changes).lines();
        let problems: Vec<_> =
            found.iter().filter(|line| line.starts_with("problem agent golf: cannot make")).collect();
        assert_eq!(problems.len(), 3, "one for each tool that is wrong: {found:#?}");
        assert!(judged(&[CHAT], &changes).lines().iter().all(|line| line.starts_with("ok ")));
    }

    #[test]
    fn a_scripted_tool_that_changes_something_needs_a_read_back() {
        let read_back = "read_back = \"So I'll cancel reservation {confirmation_code}. Is that right?\"\n";
        let found = judged(&[], &[(read_back, "")]);
        assert!(found.lines()[1].contains("cancelReservation, field read_back"), "{:?}", found.lines());
    }

    #[test]
    fn tools_that_a_model_may_call_too_early_or_that_outlast_the_callers_patience_are_pointed_out() {
        let description = "Cancels a reservation. Call it only after reading the confirmation code back to the \
                           caller and hearing yes.";
        let changes = [(description, "Cancels a reservation."), ("side_effect = false", "side_effect = false")];
        let found = judged(&[CHAT, ("TOOL_GIVE_UP_AFTER", "4s")], &changes).lines();
        let warned =
            |words: &str| found.iter().filter(|line| line.starts_with("warning") && line.contains(words)).count();
        assert_eq!((warned("read the values back"), warned("longer than the caller waits")), (1, 4), "{found:#?}");
        let found = judged(&[CHAT], &[("method = \"DELETE\"", "method = \"DELETE\" # "), ("side_effect = true", "")]);
        let warned = found.lines().iter().filter(|line| line.contains("without side_effect")).count();
        assert_eq!(warned, 2, "a PATCH and a DELETE: {:?}", found.lines());
    }

    #[test]
    fn another_language_needs_vendors_and_settings_that_know_it() {
        let german = ("language = \"en-US\"", "language = \"de-DE\"");
        let local = judged(&[], &[german]);
        assert_eq!(local.lines().iter().filter(|line| line.contains("knows English only")).count(), 3);
        assert!(local.remedies().iter().all(|remedy| remedy.starts_with("name ")), "{:?}", local.remedies());
        let cloud =
            [CHAT, ("STT_VENDOR", "deepgram"), ("TTS_VENDOR", "deepgram"), ("DEEPGRAM_URL", "ws://127.0.0.1:9")];
        let found = judged(&cloud, &[german]).lines();
        assert!(found.iter().any(|line| line.starts_with("warning") && line.contains("DEEPGRAM_LANGUAGE is en")));
        assert!(found.iter().any(|line| line.starts_with("warning") && line.contains("aura-2-thalia-en")));
    }

    #[test]
    fn problems_of_files_and_tools_stand_in_their_own_areas() {
        let found =
            judged(&[], &[("America/Los_Angeles", "Mars/Olympus"), ("method = \"PATCH\"", "method = \"FETCH\"")]);
        let text = found.text();
        let (agents, tools) = text.split_once("tools\n").unwrap();
        assert!(agents.contains("Mars/Olympus") && tools.contains("FETCH"), "{text}");
    }
}
