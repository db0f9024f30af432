//! Loading agents from folders: what is taken, and that every problem is told at once.

use std::fs;

use serde_json::json;

use super::*;

const DESK: &str = r#"
name = "desk"
timezone = "America/Los_Angeles"
numbers = ["+15555550100"]

[lines]
greeting = "Front desk."

[[normalise]]
heard = "tea time"
means = "tee time"

[[tools]]
name = "modifyReservation"
description = "Changes a reservation."
method = "PATCH"
path = "/reservations/{confirmation_code}"
body = { date = "{new_date?}", players = "{new_players?}" }
timeout = "800ms"
retries = 2
side_effect = true
[tools.parameters]
type = "object"
required = ["confirmation_code"]
additionalProperties = false
[tools.parameters.properties]
confirmation_code = { type = "string" }
new_date = { type = "string", format = "date" }
new_players = { type = "integer", minimum = 1, maximum = 4 }
[tools.forms]
triggers = ["change my reservation"]

[forms]
person = "the pro shop"
"#;

fn folder(agent_toml: &str) -> folder::Folder {
    folder::Folder {
        label: "prompts/desk".to_owned(),
        agent_toml: agent_toml.to_owned(),
        system_md: "Today is {{ local_date }}.".to_owned(),
    }
}

fn desk() -> Agent {
    folder(DESK).agent().unwrap()
}

fn problems(agent_toml: &str) -> Vec<String> {
    let found = folder(agent_toml).agent().unwrap_err();
    found.problems.into_iter().map(|problem| problem.message).collect()
}

fn assemble(folders: Vec<Folder>, default_agent: Option<&str>) -> Result<Agents, AgentProblems> {
    AgentSurvey::of(folders, Vec::new(), default_agent).into_agents()
}

#[test]
fn the_built_in_agent_answers_without_any_folder() {
    let agents = Agents::built_in();
    let golf = agents.for_number("+19999999999");
    assert_eq!(&*golf.name, "golf");
    for name in ["searchTeeTimes", "bookTeeTime", "modifyReservation", "cancelReservation"] {
        assert!(golf.tool(name).is_some(), "{name}");
    }
}

#[test]
fn an_agent_is_what_its_file_says() {
    let desk = desk();
    let tool = desk.tool("modifyReservation").unwrap();
    assert_eq!(tool.timeout, Duration::from_millis(800));
    assert_eq!((tool.retries, tool.side_effect), (2, true));
    assert_eq!(tool.forms, json!({"triggers": ["change my reservation"]}));
    assert_eq!(desk.forms, json!({"person": "the pro shop"}));
    assert_eq!(desk.lines.goodbye, "Thanks for calling. Goodbye!");
    assert_eq!(desk.limits.max_call, Duration::from_secs(1200));
    assert_eq!(desk.normalise("A tea time, please."), "A tee time, please.");
    let arguments = json!({"confirmation_code": "GV 1", "new_players": 3});
    let arguments = arguments.as_object().unwrap();
    assert_eq!(tool.render_path(arguments).unwrap(), "/reservations/GV%201");
    assert_eq!(tool.render_body(arguments).unwrap(), Some(json!({"players": 3})));
}

#[test]
fn the_prompt_is_dated_on_the_agents_own_clock() {
    let facts = CallFacts {
        caller_number: "+14155550123".to_owned().into(),
        dialled_number: "+15555550100".to_owned(),
        now: "2026-11-23T03:00:00[UTC]".parse().unwrap(),
        custom: Pii::default(),
    };
    assert_eq!(desk().system_prompt(&facts).unwrap(), "Today is Sunday, November 22, 2026.");
    assert_eq!(desk().local_time(&facts.now).to_string(), "2026-11-22T19:00:00-08:00[America/Los_Angeles]");
}

#[test]
fn faults_in_arguments_are_told_in_words_that_name_the_field() {
    let desk = desk();
    let check = |arguments| desk.tool("modifyReservation").unwrap().check(&arguments);
    assert_eq!(check(json!({"confirmation_code": "GV1", "new_date": "2026-11-28"})), Ok(()));
    let fault = check(json!({"new_date": "Saturday", "new_players": 9, "x": 1})).unwrap_err();
    for words in ["\"confirmation_code\" is a required", "new_date: \"Saturday\"", "new_players: 9", "'x'"] {
        assert!(fault.contains(words), "{fault}");
    }
}

#[test]
fn a_misspelt_key_is_told_with_its_line_and_column() {
    let broken = DESK.replace("timeout = \"800ms\"", "time_out = \"800ms\"");
    let found = problems(&broken);
    assert_eq!(found.len(), 1);
    assert!(found[0].starts_with("prompts/desk/agent.toml:19:1: unknown field `time_out`"), "{found:?}");
    let found = problems(&DESK.replace("800ms", "fast"));
    assert!(found[0].starts_with("prompts/desk/agent.toml:19:11: \"fast\" is not a duration"), "{found:?}");
}

#[test]
fn every_problem_of_an_agent_is_told_at_once() {
    let broken = DESK
        .replace("America/Los_Angeles", "Mars/Olympus")
        .replace("+15555550100", "555")
        .replace("greeting = \"Front desk.\"", "greeting = \" \"")
        .replace("PATCH", "FETCH")
        .replace("{confirmation_code}", "{code}")
        .replace("{new_date?}", "{new_date}")
        .replace("type = \"integer\"", "type = \"whole\"");
    let mut broken = folder(&broken);
    broken.system_md = "{{ nonsense }}".to_owned();
    let found = lines(&broken.agent().unwrap_err().problems);
    for words in [
        "timezone is \"Mars/Olympus\"",
        "\"555\" is not a number",
        "lines.greeting is empty",
        "tool \"modifyReservation\": method is \"FETCH\"",
        "tool \"modifyReservation\": parameters: ",
        "prompts/desk/system.md:1: undefined value",
    ] {
        assert!(found.contains(words), "{words} in {found}");
    }
}

#[test]
fn templates_and_schemas_must_agree() {
    let found = |from: &str, to: &str| problems(&DESK.replace(from, to)).join("\n");
    assert!(found("{confirmation_code}", "{code}").contains("path: {code} is not among the parameters"));
    assert!(found("{confirmation_code}", "{code}").contains("the argument confirmation_code never reaches"));
    assert!(found("{new_date?}", "{new_date}").contains("body: new_date is optional; write {new_date?}"));
    assert!(found("required = [", "required = [\"new_date\", ").contains("body: new_date is required"));
    assert!(
        found("code = { type = \"string\"", "code = { type = \"array\"").contains("path: confirmation_code must be")
    );
    assert!(found("required = [", "required = [\"x\", ").contains("x is required but not among the properties"));
    assert!(found("\"modifyReservation\"", "\"end_call\"").contains("belongs to a built-in tool"));
    assert!(found("\"modifyReservation\"", "\"modify it\"").contains("1 to 64"));
}

#[test]
fn without_a_body_template_the_arguments_outside_the_path_are_the_body() {
    let plain = DESK.replace("body = { date = \"{new_date?}\", players = \"{new_players?}\" }\n", "");
    let agent = folder(&plain).agent().unwrap();
    let arguments = json!({"confirmation_code": "A", "new_date": "2026-11-28"});
    let body = agent.tools[0].render_body(arguments.as_object().unwrap()).unwrap();
    assert_eq!(body, Some(json!({"new_date": "2026-11-28"})));
}

#[test]
fn the_dialled_number_chooses_the_agent() {
    let folders = || {
        let other = DESK.replace("\"desk\"", "\"annex\"").replace("+15555550100", "+15555550101");
        vec![folder(DESK), folder(&other)]
    };
    let agents = assemble(folders(), Some("desk")).unwrap();
    assert_eq!(&*agents.for_number("+15555550101").name, "annex");
    assert_eq!(&*agents.for_number("+15555550100").name, "desk");
    assert_eq!(&*agents.for_number("anonymous").name, "desk");
    assert!(agents.named("annex").is_some() && agents.named("attic").is_none());
    let first = assemble(folders(), None).unwrap();
    assert_eq!(&*first.for_number("anonymous").name, "annex");
    let unknown = assemble(folders(), Some("attic")).unwrap_err();
    assert_eq!(unknown.to_string(), "AGENT_DEFAULT is \"attic\", but the agents are: annex, desk");
    let twice = assemble(vec![folder(DESK), folder(DESK)], None).unwrap_err().to_string();
    assert!(twice.contains("two agents are named \"desk\""), "{twice}");
    assert!(twice.contains("the number +15555550100 belongs to"), "{twice}");
}

#[test]
fn a_survey_gives_the_usable_agents_beside_the_problems_of_the_others() {
    let broken = folder(&DESK.replace("\"desk\"", "\"annex\"").replace("PATCH", "FETCH"));
    let found = AgentSurvey::of(vec![folder(DESK), broken], Vec::new(), Some("annex"));
    assert_eq!(found.agents.iter().map(|agent| &*agent.name).collect::<Vec<_>>(), ["desk"]);
    let parts: Vec<_> = found.problems.iter().map(|problem| problem.part).collect();
    assert_eq!(parts, [AgentPart::Tool], "that the default is broken is no problem of its own: {:?}", found.problems);
    let lost = AgentSurvey::of(vec![folder(DESK)], Vec::new(), Some("attic"));
    assert_eq!(lost.problems[0].part, AgentPart::Agent);
}

#[test]
fn english_has_many_tags() {
    let speaks = |tag: &str| {
        let agent = folder(&DESK.replace("timezone", &format!("language = {tag:?}\ntimezone"))).agent();
        agent.unwrap().speaks_english()
    };
    assert!(["en", "en-US", "EN_gb"].into_iter().all(speaks));
    assert!(!["de", "enm", "es-US"].into_iter().any(speaks));
}

#[test]
fn folders_are_read_from_the_disk_and_all_their_problems_told_together() {
    let dir = tempfile::tempdir().unwrap();
    let write = |name: &str, toml: &str| {
        fs::create_dir(dir.path().join(name)).unwrap();
        fs::write(dir.path().join(name).join("agent.toml"), toml).unwrap();
        fs::write(dir.path().join(name).join("system.md"), "Hello.").unwrap();
    };
    let load = || Agents::load(Some(dir.path()), None);
    assert!(load().unwrap_err().to_string().ends_with("holds no folder with an agent.toml"));
    write("desk", DESK);
    fs::create_dir(dir.path().join("notes")).unwrap();
    assert_eq!(load().unwrap().all().len(), 1);
    write("a", "name = 1");
    write("b", "nome = \"b\"");
    let found = load().unwrap_err();
    assert_eq!(found.0.len(), 2, "{found}");
    fs::remove_file(dir.path().join("desk").join("system.md")).unwrap();
    assert!(load().unwrap_err().to_string().contains("cannot read"));
    assert!(Agents::load(Some(&dir.path().join("nowhere")), None).is_err());
}
