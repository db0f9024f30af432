//! The two images: what is built, copied, set and run in them.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::compose::compose;
use crate::dockerfile::{commands_of, dockerfile, instructions, kept_out, only_in_stage, words};
use crate::{root, settings, text_of};

const IMAGES: [&str; 2] = ["voice-gateway", "golf-backend"];

#[test]
fn every_base_image_is_pinned_by_a_tag() {
    let dockerfile = dockerfile();
    let bases =
        instructions(&dockerfile, "FROM").into_iter().map(|from| from.rest.split(' ').next().unwrap().to_owned());
    let services = compose().services;
    let images = services.values().filter_map(|service| service.image.clone());
    for image in bases.chain(images) {
        let (_, tag) = image.split_once(':').unwrap_or_else(|| panic!("{image} has no tag"));
        assert!(tag != "latest" && tag.len() > 3, "{image} is another one tomorrow");
    }
}

#[test]
fn the_image_copies_what_is_there() {
    let dockerfile = dockerfile();
    for copy in instructions(&dockerfile, "COPY") {
        let mut paths: Vec<_> = copy.rest.split(' ').collect();
        paths.pop();
        match paths.first().and_then(|first| first.strip_prefix("--from=")) {
            Some(stage) => {
                assert!(dockerfile.iter().any(|line| line.stage == stage), "{}", copy.rest);
                let path = paths[1];
                let makes =
                    |command: &String| command.ends_with(&format!(" {}", Path::new(path).parent().unwrap().display()));
                let models = path == "/models";
                assert!(models || commands_of(&dockerfile, stage).iter().any(makes), "{stage} makes no {path}");
            }
            None => {
                for path in paths {
                    assert!(root().join(path).exists(), "{path} is not there");
                    assert!(!kept_out(path), "{path} is kept out of builds");
                }
            }
        }
    }
}

#[test]
fn a_build_gets_every_crate_and_a_new_one_needs_no_line() {
    let dockerfile = dockerfile();
    assert_eq!(only_in_stage(&dockerfile, "build", "COPY").rest, ". .");
    let manifest: toml::Table = text_of("Cargo.toml").parse().unwrap();
    let members = manifest["workspace"]["members"].as_array().unwrap();
    let members: Vec<_> = members.iter().map(|member| member.as_str().unwrap()).collect();
    for needed in members.iter().copied().chain(["Cargo.lock", "Cargo.toml", "src", "benches", "prompts", "docs"]) {
        assert!(root().join(needed).exists(), "{needed}");
    }
    for folder in members.iter().filter(|member| **member != ".").copied().chain(["src", "benches", "prompts"]) {
        for file in files_below(&root().join(folder)) {
            let path = file.strip_prefix(root()).unwrap().to_str().unwrap();
            assert!(!kept_out(path), "{path} is kept out of builds");
        }
    }
    for heavy_or_secret in [".git", ".env", ".env.local", "target/debug/voice-gateway", "values/target/x", "w/tiny.ort"]
    {
        assert!(kept_out(heavy_or_secret), "{heavy_or_secret} gets into builds");
    }
    let minimum = manifest["workspace"]["package"]["rust-version"].as_str().unwrap();
    let minor = |version: &str| version.split('.').nth(1).unwrap().parse::<u32>().unwrap();
    let image = instructions(&dockerfile, "FROM")[0].rest.strip_prefix("rust:").unwrap().to_owned();
    assert!(minor(image.split('-').next().unwrap()) >= minor(minimum), "{image} is older than {minimum}");
}

/// The sources, manifests and texts below a folder, without what a build makes.
fn files_below(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            if path.file_name().unwrap() != "target" {
                found.extend(files_below(&path));
            }
        } else if path
            .extension()
            .is_some_and(|extension| ["rs", "toml", "md", "json"].iter().any(|it| extension == *it))
        {
            found.push(path);
        }
    }
    found
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
    // Both stages must mean the same recogniser, or the image holds weights that nobody loads.
    let arguments = |stage| &only_in_stage(&dockerfile, stage, "ARG").rest;
    assert_eq!(arguments("weights"), arguments("voice-gateway"));
}

#[test]
fn the_programs_and_subcommands_exist() {
    let dockerfile = dockerfile();
    let build = &only_in_stage(&dockerfile, "build", "RUN").rest;
    assert!(
        build.contains("cargo build --release --locked ") && build.contains("--mount=type=cache,target=/src/target")
    );
    for program in IMAGES {
        assert!(build.contains(&format!("--package {program}")) && build.contains(&format!("release/{program}")));
        assert_eq!(words(only_in_stage(&dockerfile, program, "ENTRYPOINT")), [program]);
    }
    let weights = commands_of(&dockerfile, "weights");
    let of_weights = weights.iter().filter_map(|command| command.strip_prefix("voice-gateway "));
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
fn what_only_a_build_needs_stays_in_its_stage() {
    let dockerfile = dockerfile();
    let installs =
        |stage: &str| commands_of(&dockerfile, stage).into_iter().find(|command| command.contains("install"));
    assert!(installs("weights").unwrap().contains("python3-pip"));
    let runtime = installs("voice-gateway").unwrap();
    let packages: Vec<_> = runtime.split(' ').skip_while(|word| *word != "--no-install-recommends").skip(1).collect();
    assert_eq!(packages, ["ca-certificates", "libstdc++6"]);
    assert_eq!(installs("golf-backend"), None);
}

#[test]
fn neither_image_runs_as_root_and_both_stop_when_they_are_asked_to() {
    let dockerfile = dockerfile();
    for stage in IMAGES {
        let user = &only_in_stage(&dockerfile, stage, "USER").rest;
        let (uid, gid) = user.split_once(':').unwrap();
        assert!(uid.parse::<u32>().unwrap() >= 1000 && gid.parse::<u32>().unwrap() >= 1000, "{stage} runs as {user}");
        let commands = commands_of(&dockerfile, stage);
        let makes =
            |start: &str, option: &str| commands.iter().any(|run| run.starts_with(start) && run.contains(option));
        assert!(makes("groupadd ", &format!("--gid {gid} ")), "{stage} has no group {gid}");
        assert!(makes("useradd ", &format!("--uid {uid} --gid {gid} ")), "{stage} has no user {uid}");
        // The signals that both programs listen for; see `Signals` of src/command/serve.rs.
        assert_eq!(only_in_stage(&dockerfile, stage, "STOPSIGNAL").rest, "SIGTERM");
    }
}
