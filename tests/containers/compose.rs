//! docker-compose.yml, as far as it makes promises.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::text_of;

#[derive(Deserialize)]
pub(crate) struct Compose {
    pub(crate) services: BTreeMap<String, Service>,
    pub(crate) networks: BTreeMap<String, Option<Network>>,
    pub(crate) volumes: BTreeMap<String, Option<BTreeMap<String, String>>>,
}

#[derive(Deserialize)]
pub(crate) struct Network {
    #[serde(default)]
    pub(crate) internal: bool,
}

#[derive(Deserialize)]
pub(crate) struct Service {
    pub(crate) build: Option<Build>,
    pub(crate) image: Option<String>,
    #[serde(default)]
    pub(crate) profiles: Vec<String>,
    #[serde(default)]
    pub(crate) command: Vec<String>,
    #[serde(default)]
    pub(crate) environment: BTreeMap<String, String>,
    #[serde(default)]
    pub(crate) ports: Vec<String>,
    #[serde(default)]
    pub(crate) networks: Vec<String>,
    #[serde(default)]
    pub(crate) depends_on: Vec<String>,
    #[serde(default)]
    volumes: Vec<String>,
    pub(crate) stop_grace_period: Option<String>,
    pub(crate) read_only: bool,
    pub(crate) cap_drop: Vec<String>,
    pub(crate) security_opt: Vec<String>,
    pub(crate) deploy: Deploy,
}

#[derive(Deserialize)]
pub(crate) struct Build {
    pub(crate) context: String,
    pub(crate) target: String,
}

#[derive(Deserialize)]
pub(crate) struct Deploy {
    pub(crate) resources: Resources,
}

#[derive(Deserialize)]
pub(crate) struct Resources {
    pub(crate) limits: Limits,
}

#[derive(Deserialize)]
pub(crate) struct Limits {
    pub(crate) cpus: Option<String>,
    pub(crate) memory: String,
    pub(crate) pids: u32,
}

/// `source:target`, and whether it may only be read.
pub(crate) struct Mount<'a> {
    pub(crate) source: &'a str,
    pub(crate) target: &'a str,
    pub(crate) read_only: bool,
}

pub(crate) fn compose() -> Compose {
    serde_saphyr::from_str(&text_of("docker-compose.yml")).unwrap()
}

/// The name in `${NAME:-}`: a value of the host that is passed on, empty when it has none.
pub(crate) fn passed_on(value: &str) -> Option<&str> {
    value.strip_prefix("${")?.strip_suffix(":-}")
}

impl Service {
    /// The environment when the host sets nothing.
    pub(crate) fn default_environment(&self) -> BTreeMap<&str, &str> {
        self.environment
            .iter()
            .map(|(name, text)| (name.as_str(), if passed_on(text).is_some() { "" } else { text.as_str() }))
            .collect()
    }

    pub(crate) fn mounts(&self) -> impl Iterator<Item = Mount<'_>> {
        self.volumes.iter().map(|volume| {
            let parts: Vec<_> = volume.split(':').collect();
            match parts[..] {
                [source, target] => Mount { source, target, read_only: false },
                [source, target, "ro"] => Mount { source, target, read_only: true },
                _ => panic!("{volume} is no mount"),
            }
        })
    }

    /// The file of the repository that stands at a path of the container.
    pub(crate) fn mounted(&self, path: &str) -> Option<String> {
        self.mounts().filter(|mount| mount.source.starts_with("./")).find_map(|mount| {
            let below = path.strip_prefix(mount.target)?;
            (below.is_empty() || below.starts_with('/')).then(|| format!("{}{below}", mount.source))
        })
    }

    pub(crate) fn meets(&self, other: &Self) -> bool {
        self.networks.iter().any(|network| other.networks.contains(network))
    }
}
