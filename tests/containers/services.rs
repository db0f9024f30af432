//! The services of docker-compose.yml: who builds, knows, meets and outlives whom.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::time::Duration;

use voice_gateway::config::settings_markdown;

use crate::compose::{compose, passed_on};
use crate::dockerfile::{dockerfile, only_in_stage, words};
use crate::{defaults, root, settings, text_of};

/// What calls may need after the drain time: their closing lines, and the end of their tasks.
const LAST_WORDS: Duration = Duration::from_secs(27);

#[test]
fn the_services_are_built_from_stages_that_exist_or_are_images() {
    let (compose, dockerfile) = (compose(), dockerfile());
    for (name, service) in &compose.services {
        match (&service.build, &service.image) {
            (Some(build), None) => {
                assert!(root().join(&build.context).join("Dockerfile").is_file(), "{name}");
                assert!(dockerfile.iter().any(|line| line.stage == build.target), "{name}");
            }
            (None, Some(_)) => {}
            _ => panic!("{name} is either built or an image"),
        }
    }
}

#[test]
fn every_service_network_and_volume_that_is_named_is_there_and_used() {
    let compose = compose();
    let (mut networks, mut volumes) = (BTreeSet::new(), BTreeSet::new());
    for (name, service) in &compose.services {
        for other in &service.depends_on {
            let other = compose.services.get(other).unwrap_or_else(|| panic!("{name} depends on {other}"));
            assert!(service.meets(other), "{name} cannot reach what it depends on");
            assert!(other.profiles.iter().all(|profile| service.profiles.contains(profile)), "{name} starts alone");
        }
        networks.extend(&service.networks);
        volumes.extend(service.mounts().map(|mount| mount.source).filter(|source| !source.starts_with("./")));
    }
    assert_eq!(networks, compose.networks.keys().collect());
    assert_eq!(volumes, compose.volumes.keys().map(String::as_str).collect());
}

#[test]
fn every_mounted_file_is_there_and_cannot_be_written() {
    for (name, service) in compose().services {
        for mount in service.mounts().filter(|mount| mount.source.starts_with('.')) {
            assert!(root().join(mount.source).exists(), "{name} mounts {}, which is not there", mount.source);
            assert!(mount.read_only, "{name} may write {}", mount.source);
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
fn no_secret_stands_in_the_file() {
    for (name, service) in compose().services {
        for (variable, value) in &service.environment {
            let secret = ["KEY", "TOKEN", "SECRET", "PASSWORD"].iter().any(|word| variable.contains(word));
            assert!(!secret || passed_on(value).is_some(), "{name} has a {variable}");
        }
    }
}

#[test]
fn the_ports_are_the_defaults_and_the_operators_ones_stay_on_this_machine() {
    let compose = compose();
    let gateway = &compose.services["gateway"];
    let (inside, defaults) = (settings(&gateway.default_environment()).server, defaults().server);
    for address in [inside.listen, inside.admin] {
        assert!(address.ip().is_unspecified(), "{address} cannot be reached from outside the container");
    }
    assert_eq!([inside.listen.port(), inside.admin.port()], [defaults.listen.port(), defaults.admin.port()]);
    let published = |port: u16| format!("{port}:{port}");
    let (carrier, operator) = (published(defaults.listen.port()), published(defaults.admin.port()));
    assert_eq!(gateway.ports, [carrier, format!("127.0.0.1:{operator}")]);
    for (name, service) in compose.services.iter().filter(|(name, _)| *name != "gateway") {
        assert!(service.ports.iter().all(|port| port.starts_with("127.0.0.1:")), "{name} can be reached from outside");
    }

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
    for (name, other) in &compose.services {
        let may = name == "gateway" || name == "golf-backend";
        assert_eq!(backend.meets(other), may, "{name}");
    }
    let is_internal = |name: &String| compose.networks[name].as_ref().is_some_and(|network| network.internal);
    assert!(backend.networks.iter().all(is_internal), "the backend reaches the world");
    assert_eq!(backend.environment["GOLF_BACKEND_TOKEN"], gateway.environment["BACKEND_TOKEN"]);
    let program = text_of("examples/golf-backend/src/main.rs");
    assert!(program.contains(r#"env = "GOLF_BACKEND_TOKEN""#));

    let dockerfile = dockerfile();
    let target = &backend.build.as_ref().unwrap().target;
    let arguments = words(only_in_stage(&dockerfile, target, "CMD"));
    let [option, listen] = arguments.as_slice() else { panic!("{arguments:?}") };
    assert!(option == "--listen" && program.contains("listen: SocketAddr"));
    let listen: SocketAddr = listen.parse().unwrap();
    assert!(listen.ip().is_unspecified());
    assert_eq!(Some(listen.port()), url.port());
    assert_eq!(only_in_stage(&dockerfile, target, "EXPOSE").rest, listen.port().to_string());
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
fn every_service_is_held_to_what_it_needs() {
    for (name, service) in compose().services {
        assert!(service.read_only, "{name} may write its image");
        assert_eq!(service.cap_drop, ["ALL"], "{name}");
        assert_eq!(service.security_opt, ["no-new-privileges:true"], "{name}");
        let limits = service.deploy.resources.limits;
        assert!(limits.memory.ends_with(['M', 'G']) && limits.pids >= 100, "{name}");
        // Whoever is beside the calls must not take their processor; the calls' own is never held back.
        assert_eq!(limits.cpus.is_none(), name == "gateway", "{name}");
    }
}

#[test]
fn calls_are_answered_without_the_profile_that_watches_them() {
    let compose = compose();
    let always = compose.services.iter().filter(|(_, service)| service.profiles.is_empty()).map(|(name, _)| name);
    assert_eq!(always.collect::<Vec<_>>(), ["gateway", "golf-backend"]);
    for name in ["prometheus", "grafana"] {
        assert_eq!(compose.services[name].profiles, ["observability"]);
    }
}
