//! `check`: everything an operator can get wrong, looked at in one go, without starting anything.
//!
//! [`run`] surveys the settings and the agents, looks at the weights and asks the servers that are
//! named, and tells all of it at once. What is looked at comes from the same code as `serve`'s; what it
//! means is decided by the pure functions of the files here, one for each area.
//!
//! What always holds:
//! - nothing is changed, fetched or paid for: sockets are closed before a word, and no model is asked;
//! - everything over the network happens at once and within [`probe::DEADLINE`];
//! - no secret is printed;
//! - what a setting that cannot be read would have decided is not looked at.

mod agents;
mod clock;
mod finding;
mod probe;
mod public;
mod reply;
mod servers;
mod settings;
mod weights;

use std::collections::BTreeSet;
use std::io::Write as _;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context as _;
use clap::Args;
use jiff::Timestamp;
use tokio::task::spawn_blocking;
use voice_gateway::agent::{AgentSurvey, Agents};
use voice_gateway::config::{Config, LlmVendor, ProcessEnvironment, SttVendor, Survey, TtsVendor};
use voice_pipeline::vendors::deepgram::DeepgramSettings;
use voice_pipeline::vendors::stt::SttVendor as _;
use voice_pipeline::vendors::stt::deepgram::DeepgramStt;
use voice_pipeline::vendors::tts::TtsVendor as _;
use voice_pipeline::vendors::tts::deepgram::DeepgramTts;

use self::agents::Planned;
use self::clock::Sample;
use self::finding::{Area, Findings};
use self::probe::{Asked, Target};
use self::public::Port;
use self::reply::Reply;
use self::servers::{ChatNames, ChatServer, DeepgramTask};
use super::vendors::{self, Plan};
use super::{parts, runtime};

/// Look at everything that can be wrong before a call is: settings, agents and their tools, the local
/// engines' weights, the backend, the vendors and their keys, the public URL, the clock.
#[derive(Debug, Clone, Args)]
#[command(after_help = "Exit code: 0 when nothing is wrong (warnings are allowed), 64 when a setting cannot be used, \
                        1 when anything else is wrong.")]
pub(crate) struct CheckArgs {
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
    /// Ask no server; weights are never fetched in any case.
    #[arg(long)]
    offline: bool,
}

pub(crate) fn run(args: &CheckArgs) -> anyhow::Result<ExitCode> {
    let survey = without_defaults(Config::survey(&ProcessEnvironment));
    let agent = &survey.config.agent;
    let agents = Agents::survey(agent.prompts_dir.as_deref(), agent.default_agent.as_deref());
    let planned = agents::plans(&survey.config, &agents);
    let runtime = runtime()?;
    let findings = runtime.block_on(Box::pin(look(args, survey, &agents, planned)));
    // A name that is still being looked up must not hold up the exit.
    runtime.shutdown_background();
    let findings = findings?;
    let text = if args.json { format!("{:#}\n", findings.json()) } else { findings.text() };
    std::io::stdout().write_all(text.as_bytes())?;
    Ok(ExitCode::from(findings.exit_code()))
}

/// Nobody works for an agent by a setting that cannot be read.
fn without_defaults(mut survey: Survey) -> Survey {
    if !survey.has_read(&["STT_VENDOR"]) {
        survey.config.speech.stt.clear();
    }
    if !survey.has_read(&["TTS_VENDOR"]) {
        survey.config.speech.tts.clear();
    }
    // Without a chosen chain, the key and the address of a server decide.
    if !survey.has_read(&["LLM_VENDOR", "OPENAI_API_KEY", "LLM_BASE_URL"]) {
        survey.config.llm.chosen_vendors = Some(Vec::new());
    }
    survey
}

async fn look(
    args: &CheckArgs,
    survey: Survey,
    agents: &AgentSurvey,
    planned: Vec<Planned>,
) -> anyhow::Result<Findings> {
    let config = &survey.config;
    let roles = roles(config, agents, &planned);
    let plans: Vec<Plan> = roles.iter().map(|role| role.plan.clone()).collect();
    let targets = if args.offline { Vec::new() } else { targets(&survey, &roles) };
    let weights = {
        let (config, wanted) = (config.clone(), vendors::wanted(config, &plans));
        spawn_blocking(move || weights::look(&config, wanted))
    };
    let (weights, asked, carrier, operators) = tokio::join!(
        weights,
        probe::ask_all(targets),
        Box::pin(carrier_port(args, &survey)),
        Box::pin(operators_port(args, &survey)),
    );
    let weights = weights.context("looking at the weights broke down")?;

    let mut findings = Findings::default();
    settings::judge(&survey, &settings::Places::of(config), &mut findings);
    agents::judge(config, agents, &planned, &mut findings);
    weights::judge(weights.as_ref(), &mut findings);
    judge_backend(&survey, agents, &mut findings);
    judge_public(&survey, carrier.as_ref(), operators.as_ref(), &asked, &mut findings);
    for Asked { target, reply } in &asked {
        match target {
            Target::Backend { url, token } => {
                servers::judge_backend(url.as_str(), token.is_some(), reply, &mut findings);
            }
            Target::Chat { server, .. } => servers::judge_chat(server, reply, &mut findings),
            Target::Deepgram { task, endpoint } => {
                servers::judge_deepgram(*task, host_of(&endpoint.url), reply, &mut findings);
            }
            Target::Public(_) => {}
        }
    }
    let samples: Vec<_> = asked.iter().filter_map(sample).collect();
    let zones: BTreeSet<_> = planned.iter().filter_map(|(agent, _)| agent.timezone.iana_name()).collect();
    clock::judge(Timestamp::now(), &zones, &samples, &mut findings);
    Ok(findings)
}

async fn carrier_port(args: &CheckArgs, survey: &Survey) -> Option<Port> {
    let address = survey.config.server.listen;
    let is_asked = !args.offline && address.port() != 0 && survey.has_read(&["LISTEN_ADDR"]);
    if is_asked { Some(probe::carrier_port(address).await) } else { None }
}

async fn operators_port(args: &CheckArgs, survey: &Survey) -> Option<Port> {
    let address = survey.config.server.admin;
    let is_asked = !args.offline && address.port() != 0 && survey.has_read(&["ADMIN_ADDR"]);
    if is_asked { Some(probe::operators_port(address).await) } else { None }
}

/// Somebody for whom vendors work.
struct Role {
    plan: Plan,
    voice: String,
}

/// The agents; and where one of them cannot be used, whoever gets what the settings name, for that may be
/// what is meant for it.
fn roles(config: &Config, agents: &AgentSurvey, planned: &[Planned]) -> Vec<Role> {
    let role = |(agent, plan): &Planned| {
        let voice = agent.voice.clone().unwrap_or_default();
        Some(Role { plan: plan.as_ref().ok()?.clone(), voice })
    };
    let mut roles: Vec<_> = planned.iter().filter_map(role).collect();
    if !agents.problems.is_empty() || roles.len() < planned.len() {
        let plan = Plan { stt: config.speech.stt.clone(), llm: config.llm.vendors(), tts: config.speech.tts.clone() };
        roles.push(Role { plan, voice: String::new() });
    }
    roles
}

/// The servers that the settings and the agents name.
fn targets(survey: &Survey, roles: &[Role]) -> Vec<Target> {
    let config = &survey.config;
    let mut targets = Vec::new();
    if let Some(url) = &config.agent.backend_base_url
        && survey.has_read(&["BACKEND_BASE_URL", "BACKEND_TOKEN"])
    {
        targets.push(Target::Backend { url: url.clone(), token: config.agent.backend_token.clone() });
    }
    for vendor in [LlmVendor::Chat, LlmVendor::Chat2] {
        let is_named = roles.iter().any(|role| role.plan.llm.contains(&vendor));
        if is_named && config.missing_for_llm(vendor).is_none() {
            targets.extend(chat_target(survey, vendor));
        }
    }
    if config.missing_for_deepgram().is_none() && survey.has_read(&["DEEPGRAM_URL", "DEEPGRAM_API_KEY"]) {
        let settings = Arc::new(parts::deepgram_settings(config));
        targets.extend(deepgram_targets(&settings, roles));
    }
    if let Some(url) = &config.server.public_url
        && survey.has_read(&["PUBLIC_URL"])
    {
        targets.push(Target::Public(url.clone()));
    }
    targets
}

fn chat_target(survey: &Survey, vendor: LlmVendor) -> Option<Target> {
    let names = match vendor {
        LlmVendor::Chat2 => {
            ChatNames { url: "LLM2_BASE_URL", key: "LLM2_API_KEY", headers: "LLM2_EXTRA_HEADERS", model: "LLM2_MODEL" }
        }
        _ => ChatNames { url: "LLM_BASE_URL", key: "OPENAI_API_KEY", headers: "LLM_EXTRA_HEADERS", model: "LLM_MODEL" },
    };
    let settings = parts::chat_settings(&survey.config, vendor, true);
    let key = settings.api_key.iter().map(|key| ("authorization".to_owned(), probe::bearer(key)));
    let headers = key.chain(settings.extra_headers.iter().cloned()).collect();
    let server =
        ChatServer { vendor: agents::llm_name(vendor), url: settings.base_url, model: settings.model, settings: names };
    survey.has_read(&[names.url, names.key, names.headers]).then_some(Target::Chat { server, headers })
}

/// Deepgram as an ear, and once for each of its voices.
fn deepgram_targets(settings: &Arc<DeepgramSettings>, roles: &[Role]) -> Vec<Target> {
    let mut targets: Vec<Target> = Vec::new();
    let mut add = |task, endpoint: voice_pipeline::vendors::socket::Endpoint| {
        let is_known =
            |target: &Target| matches!(target, Target::Deepgram { endpoint: known, .. } if known.url == endpoint.url);
        if !targets.iter().any(is_known) {
            targets.push(Target::Deepgram { task, endpoint });
        }
    };
    for Role { plan, voice } in roles {
        if plan.stt.contains(&SttVendor::Deepgram)
            && let Ok(ear) = DeepgramStt::new(Arc::clone(settings))
        {
            add(DeepgramTask::Hear, ear.endpoint());
        }
        if plan.tts.contains(&TtsVendor::Deepgram)
            && let Ok(mouth) = DeepgramTts::new(Arc::clone(settings))
        {
            add(DeepgramTask::Speak, mouth.endpoint(voice));
        }
    }
    targets
}

/// The backend as far as it can be judged without asking it.
fn judge_backend(survey: &Survey, agents: &AgentSurvey, findings: &mut Findings) {
    if survey.config.agent.backend_base_url.is_some() || !survey.has_read(&["BACKEND_BASE_URL"]) {
        return;
    }
    if !cfg!(feature = "demo") {
        let what = "BACKEND_BASE_URL is not set, and this build has no built-in backend";
        return findings.object(Area::Backend, what, "set BACKEND_BASE_URL to the service that the tools call");
    }
    let built_in = Agents::built_in();
    let golf = built_in.for_number("");
    for agent in agents.agents.iter().filter(|agent| agents.is_reached(agent)) {
        if let Some(stranger) = agent.tools.iter().find(|tool| golf.tool(&tool.name).is_none()) {
            let what = format!(
                "BACKEND_BASE_URL is not set, and the built-in golf backend does not know the tool {:?} of agent {}",
                stranger.name, agent.name
            );
            return findings.object(Area::Backend, what, "set BACKEND_BASE_URL to the service that the tools call");
        }
    }
    findings.fine(Area::Backend, "the built-in golf backend is started with the gateway");
}

fn judge_public(
    survey: &Survey,
    carrier: Option<&Port>,
    operators: Option<&Port>,
    asked: &[Asked],
    findings: &mut Findings,
) {
    let server = &survey.config.server;
    if let Some(port) = carrier {
        public::judge_port("LISTEN_ADDR", server.listen, port, findings);
    }
    if let Some(port) = operators {
        public::judge_port("ADMIN_ADDR", server.admin, port, findings);
    }
    if survey.has_read(&["TWILIO_AUTH_TOKEN", "TWILIO_ACCOUNT_TOKENS", "TWILIO_SHARED_KEYS", "PUBLIC_URL"]) {
        public::judge_tokens(&survey.config.twilio, server.public_url.as_ref(), findings);
    }
    match &server.public_url {
        Some(url) => {
            let reply = asked.iter().find_map(|asked| match asked.target {
                Target::Public(_) => Some(&asked.reply),
                _ => None,
            });
            public::judge_url(url, reply, carrier, findings);
        }
        None if survey.has_read(&["PUBLIC_URL"]) && !survey.config.twilio.has_keys() => {
            findings.fine(Area::PublicUrl, "PUBLIC_URL is not set: the gateway answers this machine only");
        }
        None => {}
    }
}

fn sample(asked: &Asked) -> Option<Sample> {
    let Reply::Answered(answer) = &asked.reply else { return None };
    let whose = match &asked.target {
        Target::Backend { url, .. } => format!("the backend {url}"),
        Target::Chat { server, .. } => server.url.clone(),
        Target::Deepgram { endpoint, .. } => host_of(&endpoint.url).to_owned(),
        // It would tell this machine's own time.
        Target::Public(_) => return None,
    };
    Some(Sample { whose, clocks: answer.clocks? })
}

/// Scheme and host of a URL whose query may hold anything.
fn host_of(url: &str) -> &str {
    url.split('?').next().unwrap_or_default().trim_end_matches("/v1/listen").trim_end_matches("/v1/speak")
}
