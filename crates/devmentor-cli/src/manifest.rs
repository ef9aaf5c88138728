//! `deploy/manifest.yml`: the one list of what runs.

use std::{
    collections::BTreeMap,
    env, fs,
    path::{Path, PathBuf},
};

use anyhow::Context;
use clap::ValueEnum;
use serde::Deserialize;
use service_kit::{
    Service, Settings,
    config::{self, ConfigFault, Environment},
};

const FILE: &str = "deploy/manifest.yml";

/// What runs.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Manifest {
    /// Both Redis.
    pub(crate) redis: Vec<RedisEntry>,
    /// The services.
    pub(crate) services: Vec<ServiceEntry>,
}

/// A Redis.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RedisEntry {
    pub(crate) name: String,
    pub(crate) instance: Instance,
    pub(crate) port: u16,
    /// Lines of its configuration.
    pub(crate) settings: BTreeMap<String, String>,
    /// Settings told to every service.
    pub(crate) provides: BTreeMap<String, String>,
}

/// Which of the two.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Instance {
    /// Sessions, limits, locks
    Cache,
    /// Streams and profiles
    Streams,
}

/// A service.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ServiceEntry {
    pub(crate) name: String,
    pub(crate) ports: Ports,
    pub(crate) needs: Vec<String>,
    provides: BTreeMap<String, String>,
}

/// Where a service listens.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Ports {
    pub(crate) http: u16,
    pub(crate) grpc: Option<u16>,
    pub(crate) ops: u16,
}

impl Ports {
    /// Whether it serves people, beside health and metrics.
    pub(crate) const fn is_public(self) -> bool {
        self.http != self.ops
    }

    const fn shifted(self, offset: u16) -> Self {
        Self {
            http: self.http + offset,
            grpc: match self.grpc {
                Some(port) => Some(port + offset),
                None => None,
            },
            ops: self.ops + offset,
        }
    }
}

impl Manifest {
    /// The manifest, every port shifted, and the directory of the repository that holds it.
    pub(crate) fn find(offset: u16) -> anyhow::Result<(Self, PathBuf)> {
        let root = root()?;
        let text = fs::read_to_string(root.join(FILE)).context(FILE)?;
        Ok((Self::parse(&text, offset)?, root))
    }

    fn parse(text: &str, offset: u16) -> anyhow::Result<Self> {
        let mut manifest: Self = serde_saphyr::from_str(text).context(FILE)?;
        for redis in &mut manifest.redis {
            redis.port += offset;
        }
        for service in &mut manifest.services {
            service.ports = service.ports.shifted(offset);
        }
        Ok(manifest)
    }

    /// Every name, as `--only` takes them.
    pub(crate) fn names(&self) -> Vec<&str> {
        let redis = self.redis.iter().map(|redis| redis.name.as_str());
        redis
            .chain(self.services.iter().map(|service| service.name.as_str()))
            .collect()
    }

    /// One of the two Redis.
    pub(crate) fn redis_of(&self, instance: Instance) -> anyhow::Result<&RedisEntry> {
        let mut entries = self.redis.iter();
        let found = entries.find(|entry| entry.instance == instance);
        found.with_context(|| format!("{FILE} has no Redis of instance {instance:?}"))
    }

    /// The settings told to every service.
    pub(crate) fn provided(&self) -> BTreeMap<String, String> {
        let of_redis = self.redis.iter().flat_map(|redis| {
            let fill = |text: &str| text.replace("{port}", &redis.port.to_string());
            redis
                .provides
                .iter()
                .map(move |(name, value)| (name.clone(), fill(value)))
        });
        let of_services = self.services.iter().flat_map(|service| {
            let ports = service.ports;
            let fill = move |text: &str| {
                let grpc = ports.grpc.map(|port| port.to_string()).unwrap_or_default();
                text.replace("{http}", &ports.http.to_string())
                    .replace("{grpc}", &grpc)
            };
            service
                .provides
                .iter()
                .map(move |(name, value)| (name.clone(), fill(value)))
        });
        of_redis.chain(of_services).collect()
    }
}

impl ServiceEntry {
    /// As settings are read for it. Names live as long as the process, which reads the list once.
    pub(crate) fn service(&self) -> Service {
        Service {
            name: self.name.clone().leak(),
            version: env!("CARGO_PKG_VERSION"),
            http_port: self.ports.http,
            grpc_port: self.ports.grpc,
            ops_port: self.ports.ops,
        }
    }

    /// Its settings, as it would read them.
    pub(crate) fn settings(
        &self,
        root: &Path,
        environment: &Environment,
    ) -> Result<Settings, ConfigFault> {
        let file = root.join(format!("deploy/config/{}.toml", self.name));
        let file = Some(file.as_path()).filter(|path| path.exists());
        config::load_for(&self.service(), file, environment)
    }
}

/// The nearest directory with a manifest, from here upwards, then from the executable upwards.
fn root() -> anyhow::Result<PathBuf> {
    let here = env::current_dir().context("the current directory cannot be read")?;
    let executable = env::current_exe().unwrap_or_default();
    let mut candidates = here.ancestors().chain(executable.ancestors().skip(1));
    let found = candidates.find(|path| path.join(FILE).is_file());
    found
        .map(Path::to_path_buf)
        .with_context(|| format!("{FILE} is not found; run this inside the repository"))
}

#[cfg(test)]
mod containers;

#[cfg(test)]
mod tests {
    use super::*;

    const SHIPPED: &str = include_str!("../../../deploy/manifest.yml");

    #[test]
    fn what_is_shipped_is_sound() {
        let manifest = Manifest::parse(SHIPPED, 0).expect("a sound manifest");
        let names = manifest.names();
        for service in &manifest.services {
            assert!(
                service
                    .needs
                    .iter()
                    .all(|need| names.contains(&need.as_str())),
                "{service:?}"
            );
        }
        let known: Vec<_> = service_kit::config::SETTINGS
            .iter()
            .map(|setting| setting.env_name())
            .collect();
        for (name, value) in manifest.provided() {
            assert!(
                known.contains(&name) && !value.contains('{'),
                "{name}: {value}"
            );
        }
    }

    #[test]
    fn an_offset_shifts_every_port() {
        let manifest = Manifest::parse(SHIPPED, 15_000).expect("a sound manifest");
        assert_eq!(manifest.redis[0].port, 21_379);
        let provided = manifest.provided();
        assert_eq!(
            provided["DEVMENTOR__UPSTREAM__AUTH"],
            "http://127.0.0.1:65051"
        );
        assert_eq!(provided["DEVMENTOR__PUBLIC_URL"], "http://127.0.0.1:23080");
    }

    #[test]
    fn a_field_that_is_not_known_is_refused() {
        let text = format!("{SHIPPED}\nworkers: []\n");
        assert!(Manifest::parse(&text, 0).is_err());
    }
}
