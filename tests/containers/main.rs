//! What the container files promise: docker-compose.yml and Dockerfile name settings, ports, paths,
//! stages and subcommands that exist, and stopping leaves calls the time they are promised.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use serde::Deserialize;
use voice_gateway::config::{Config, settings_markdown};

/// What calls may need after the drain time: their closing lines, and the end of their tasks.
const LAST_WORDS: Duration = Duration::from_secs(27);

#[derive(Deserialize)]
struct Compose {
    services: BTreeMap<String, Service>,
}

#[derive(Deserialize)]
struct Service {
    build: Build,
    #[serde(default)]
    environment: BTreeMap<String, String>,
    #[serde(default)]
    ports: Vec<String>,
    #[serde(default)]
    depends_on: Vec<String>,
    stop_grace_period: Option<String>,
}

#[derive(Deserialize)]
struct Build {
    context: String,
    target: String,
}

/// The name in `${NAME:-}`: a value of the host that is passed on, empty when it has none.
fn passed_on(value: &str) -> Option<&str> {
    value.strip_prefix("${")?.strip_suffix(":-}")
}

impl Service {
    /// The environment when the host sets nothing.
    fn default_environment(&self) -> BTreeMap<&str, &str> {
        self.environment
            .iter()
            .map(|(name, text)| (name.as_str(), if passed_on(text).is_some() { "" } else { text.as_str() }))
            .collect()
    }
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn text_of(path: &str) -> String {
    std::fs::read_to_string(root().join(path)).unwrap()
}

fn compose() -> Compose {
    serde_saphyr::from_str(&text_of("docker-compose.yml")).unwrap()
}

/// The settings that a whole environment gives, which must be usable to the last name.
fn settings(environment: &BTreeMap<&str, &str>) -> Config {
    let (config, warnings) = Config::read(environment).unwrap();
    assert_eq!(warnings.len(), 0, "{warnings:?}");
    config
}

fn defaults() -> Config {
    settings(&BTreeMap::new())
}

/// One instruction of the Dockerfile, in the stage it belongs to.
struct Instruction {
    stage: String,
    keyword: String,
    rest: String,
}

fn dockerfile() -> Vec<Instruction> {
    let text = text_of("Dockerfile");
    let lines = text.lines().filter(|line| !line.trim_start().starts_with('#'));
    let joined = lines.collect::<Vec<_>>().join("\n").replace("\\\n", " ");
    let mut stage = String::new();
    let instructions = joined.lines().filter(|line| !line.trim().is_empty()).map(|line| {
        let (keyword, rest) = line.split_once(' ').unwrap();
        if keyword == "FROM" {
            stage = rest.split_once(" AS ").unwrap().1.to_owned();
        }
        let rest = rest.split_whitespace().collect::<Vec<_>>().join(" ");
        Instruction { stage: stage.clone(), keyword: keyword.to_owned(), rest }
    });
    instructions.collect()
}

fn instructions<'a>(all: &'a [Instruction], keyword: &str) -> Vec<&'a Instruction> {
    all.iter().filter(|instruction| instruction.keyword == keyword).collect()
}

/// The words of an instruction in its JSON form.
fn words(instruction: &Instruction) -> Vec<String> {
    let list = instruction.rest.find('[').unwrap();
    serde_json::from_str(&instruction.rest[list..]).unwrap()
}

fn only_in_stage<'a>(all: &'a [Instruction], stage: &str, keyword: &str) -> &'a Instruction {
    let found: Vec<_> = instructions(all, keyword).into_iter().filter(|found| found.stage == stage).collect();
    assert_eq!(found.len(), 1, "{keyword} of {stage}");
    found[0]
}

#[test]
fn the_services_are_built_from_stages_that_exist() {
    let (compose, dockerfile) = (compose(), dockerfile());
    for (name, service) in &compose.services {
        assert!(root().join(&service.build.context).join("Dockerfile").is_file(), "{name}");
        assert!(dockerfile.iter().any(|line| line.stage == service.build.target), "{name}");
        for other in &service.depends_on {
            assert!(compose.services.contains_key(other), "{name} depends on {other}");
        }
    }
}

#[test]
fn the_gateways_environment_is_made_of_settings() {
    let gateway = &compose().services["gateway"];
    let manual = settings_markdown();
    for (name, value) in &gateway.environment {
        assert!(manual.contains(&format!("| `{name}` |")), "{name} is no setting");
        if let Some(passed) = passed_on(value) {
            assert_eq!(passed, name);
        }
    }
    settings(&gateway.default_environment());
}

#[test]
fn the_ports_are_the_defaults_and_the_operators_one_stays_on_this_machine() {
    let gateway = &compose().services["gateway"];
    let (inside, defaults) = (settings(&gateway.default_environment()).server, defaults().server);
    for address in [inside.listen, inside.admin] {
        assert!(address.ip().is_unspecified(), "{address} cannot be reached from outside the container");
    }
    assert_eq!([inside.listen.port(), inside.admin.port()], [defaults.listen.port(), defaults.admin.port()]);
    let published = |port: u16| format!("{port}:{port}");
    let (carrier, operator) = (published(defaults.listen.port()), published(defaults.admin.port()));
    assert_eq!(gateway.ports, [carrier, format!("127.0.0.1:{operator}")]);

    let dockerfile = dockerfile();
    let exposed = &only_in_stage(&dockerfile, "voice-gateway", "EXPOSE").rest;
    assert_eq!(*exposed, format!("{} {}", defaults.listen.port(), defaults.admin.port()));
}

#[test]
fn the_gateway_finds_the_backend_and_both_know_the_token() {
    let compose = compose();
    let gateway = &compose.services["gateway"];
    let url = settings(&gateway.default_environment()).agent.backend_base_url.unwrap();
    let backend = &compose.services[url.host_str().unwrap()];
    assert!(gateway.depends_on.contains(&url.host_str().unwrap().to_owned()));
    assert_eq!(backend.ports, [""; 0], "only the gateway talks to the backend");
    assert_eq!(backend.environment["GOLF_BACKEND_TOKEN"], gateway.environment["BACKEND_TOKEN"]);
    let program = text_of("examples/golf-backend/src/main.rs");
    assert!(program.contains(r#"env = "GOLF_BACKEND_TOKEN""#));

    let dockerfile = dockerfile();
    let arguments = words(only_in_stage(&dockerfile, &backend.build.target, "CMD"));
    let [option, listen] = arguments.as_slice() else { panic!("{arguments:?}") };
    assert!(option == "--listen" && program.contains("listen: SocketAddr"));
    let listen: SocketAddr = listen.parse().unwrap();
    assert!(listen.ip().is_unspecified());
    assert_eq!(Some(listen.port()), url.port());
    assert_eq!(only_in_stage(&dockerfile, &backend.build.target, "EXPOSE").rest, listen.port().to_string());
}

#[test]
fn stopping_leaves_calls_the_time_they_are_promised() {
    let gateway = &compose().services["gateway"];
    let grace = gateway.stop_grace_period.as_deref().unwrap();
    let grace = Duration::from_secs(60 * grace.strip_suffix('m').unwrap().parse::<u64>().unwrap());
    let drain = settings(&gateway.default_environment()).server.drain;
    assert!(grace > drain + LAST_WORDS, "{grace:?} is too short for {drain:?}");
}

#[test]
fn the_image_copies_what_is_there() {
    let dockerfile = dockerfile();
    let ignored = text_of(".dockerignore");
    let ignored: Vec<_> = ignored.lines().collect();
    for copy in instructions(&dockerfile, "COPY") {
        let mut paths: Vec<_> = copy.rest.split(' ').collect();
        paths.pop();
        match paths.first().and_then(|first| first.strip_prefix("--from=")) {
            Some(stage) => assert!(dockerfile.iter().any(|line| line.stage == stage), "{}", copy.rest),
            None => {
                for path in paths {
                    assert!(root().join(path).exists(), "{path} is not there");
                    assert!(!ignored.contains(&path), "{path} is kept out of builds");
                }
            }
        }
    }
}

#[test]
fn a_build_gets_every_crate_bench_and_agent() {
    let manifest: toml::Table = text_of("Cargo.toml").parse().unwrap();
    let members = manifest["workspace"]["members"].as_array().unwrap();
    let members = members.iter().map(|member| member.as_str().unwrap());
    let ignored = text_of(".dockerignore");
    for needed in members.chain(["Cargo.lock", "Cargo.toml", "src", "benches", "examples", "prompts", "docs"]) {
        assert!(root().join(needed).exists(), "{needed}");
        assert!(ignored.lines().all(|line| line.trim_matches('/') != needed), "{needed} is kept out of builds");
    }
    let minimum = manifest["workspace"]["package"]["rust-version"].as_str().unwrap();
    let minor = |version: &str| version.split('.').nth(1).unwrap().parse::<u32>().unwrap();
    let dockerfile = dockerfile();
    let image = instructions(&dockerfile, "FROM")[0].rest.strip_prefix("rust:").unwrap().to_owned();
    assert!(minor(image.split('-').next().unwrap()) >= minor(minimum), "{image} is older than {minimum}");
}

#[test]
fn the_images_settings_can_be_used() {
    let dockerfile = dockerfile();
    let mut environment = BTreeMap::new();
    for env in instructions(&dockerfile, "ENV") {
        for (name, value) in env.rest.split(' ').map(|pair| pair.split_once('=').unwrap()) {
            // An argument of the build stands for its default.
            let value = match value.strip_prefix('$') {
                Some(argument) => only_in_stage(&dockerfile, &env.stage, "ARG")
                    .rest
                    .strip_prefix(argument)
                    .and_then(|rest| rest.strip_prefix('='))
                    .unwrap(),
                None => value,
            };
            environment.insert(name, value);
        }
    }
    let config = settings(&environment);
    let prompts = config.agent.prompts_dir.unwrap();
    let models = config.speech.models_dir.unwrap();
    let copied = |path: &Path| {
        instructions(&dockerfile, "COPY").iter().any(|copy| copy.rest.ends_with(&format!(" {}", path.display())))
    };
    assert!(copied(&prompts), "nothing is copied to {}", prompts.display());
    assert!(copied(&models), "nothing is copied to {}", models.display());
}

#[test]
fn the_programs_and_subcommands_exist() {
    let dockerfile = dockerfile();
    let build = &only_in_stage(&dockerfile, "build", "RUN").rest;
    let programs = ["voice-gateway", "golf-backend"];
    for program in programs {
        assert!(build.contains(&format!("--package {program}")) && build.contains(&format!("release/{program}")));
        assert_eq!(words(only_in_stage(&dockerfile, program, "ENTRYPOINT")), [program]);
    }
    let fetches = instructions(&dockerfile, "RUN").into_iter().filter(|run| run.stage == "weights");
    let weights = fetches.map(|run| run.rest.as_str()).collect::<Vec<_>>().join(" && ");
    let of_weights = weights.split(" && ").filter_map(|command| command.strip_prefix("voice-gateway "));
    let mut subcommands: Vec<Vec<String>> =
        of_weights.map(|command| command.split(' ').map(str::to_owned).collect()).collect();
    assert_eq!(subcommands.len(), 2, "the weights are fetched and verified");
    subcommands.push(words(only_in_stage(&dockerfile, "voice-gateway", "CMD")));
    let health = words(only_in_stage(&dockerfile, "voice-gateway", "HEALTHCHECK"));
    assert_eq!(health[0], "voice-gateway");
    subcommands.push(health[1..].to_vec());
    for subcommand in subcommands {
        let help = Command::new(env!("CARGO_BIN_EXE_voice-gateway")).args(&subcommand).arg("--help").output().unwrap();
        assert!(help.status.success(), "there is no `voice-gateway {}`", subcommand.join(" "));
    }
}

#[test]
fn the_gateway_does_not_run_as_root() {
    let dockerfile = dockerfile();
    for stage in ["voice-gateway", "golf-backend"] {
        let user = &only_in_stage(&dockerfile, stage, "USER").rest;
        assert!(user != "root" && user != "0");
        let creates = |run: &&Instruction| {
            run.stage == stage && run.rest.contains("useradd") && run.rest.ends_with(user.as_str())
        };
        assert!(instructions(&dockerfile, "RUN").iter().any(creates), "{stage} has no user {user}");
    }
}
