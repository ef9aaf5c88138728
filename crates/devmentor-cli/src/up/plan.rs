//! What is started, with which settings.

use std::{
    collections::{BTreeMap, BTreeSet},
    env,
    ffi::OsString,
    io::{self, IsTerminal},
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{Context, bail, ensure};
use service_kit::{
    Settings, Stage,
    config::{self, Environment},
};

use super::{announce::SignIn, data_dir::DataDir, ready::Probe, redis_process};
use crate::{
    manifest::{Instance, Manifest, RedisEntry, ServiceEntry},
    output,
    redis::password::Password,
};

/// Ours to set only when the user did not.
const PUBLIC_URL: &str = "DEVMENTOR__PUBLIC_URL";
const LOG_FORMAT: &str = "DEVMENTOR__LOG__FORMAT";

/// One process to keep running.
pub(super) struct Process {
    pub(super) name: &'static str,
    pub(super) program: PathBuf,
    pub(super) arguments: Vec<OsString>,
    pub(super) environment: BTreeMap<String, String>,
    pub(super) directory: PathBuf,
    pub(super) ports: Vec<u16>,
    pub(super) probe: Probe,
    /// When it is told to stop.
    pub(super) stage: Stage,
}

/// All of them.
pub(super) struct Plan {
    pub(super) processes: Vec<Process>,
    pub(super) longest_drain: Duration,
    /// Where a person begins, when the web app is among them.
    pub(super) sign_in: Option<SignIn>,
}

impl Plan {
    /// Settles everything before anything is started; settings a service would refuse are refused here.
    pub(super) fn new(
        manifest: &Manifest,
        root: &Path,
        data_dir: &DataDir,
        selected: &BTreeSet<String>,
    ) -> anyhow::Result<Self> {
        let shared = shared_environment(manifest, data_dir);
        let mut services = Vec::with_capacity(manifest.services.len());
        for entry in &manifest.services {
            let mut environment = own_environment(entry, data_dir, &shared);
            forget_unneeded(&mut environment, entry, manifest, selected);
            services.push((entry, environment));
        }
        let (settings, longest_drain) = checked(&services, root)?;
        let mut processes = Vec::new();
        for entry in &manifest.redis {
            if selected.contains(&entry.name) {
                let password = Password::for_start(entry, &settings, data_dir.path())?;
                for (_, environment) in &mut services {
                    password.tell(environment);
                }
                processes.push(redis_process::process(entry, data_dir, password.secret())?);
            }
        }
        for (entry, environment) in services {
            if selected.contains(&entry.name) {
                processes.push(service(entry, root, environment)?);
            }
        }
        let public = manifest
            .services
            .iter()
            .find(|entry| entry.ports.is_public());
        let sign_in = public
            .filter(|entry| selected.contains(&entry.name))
            .map(|entry| SignIn {
                url: format!("http://127.0.0.1:{}", entry.ports.http),
                email: settings.bootstrap.admin_email.clone(),
                password: settings.bootstrap.admin_password.clone(),
                password_file: data_dir.path().join("admin-password"),
            });
        Ok(Self {
            processes,
            longest_drain,
            sign_in,
        })
    }

    /// Every port, with whose it is to be.
    pub(super) fn ports(&self) -> Vec<(&'static str, u16)> {
        let of = |process: &Process| {
            let name = process.name;
            let ports = process.ports.clone();
            ports.into_iter().map(move |port| (name, port))
        };
        self.processes.iter().flat_map(of).collect()
    }

    /// What is needed by what runs, and does not run.
    pub(super) fn missing_needs(&self, manifest: &Manifest) -> Vec<String> {
        let runs = |name: &str| self.processes.iter().any(|process| process.name == name);
        let services = manifest.services.iter().filter(|entry| runs(&entry.name));
        let needs =
            services.flat_map(|entry| entry.needs.iter().map(move |need| (&entry.name, need)));
        let missing = needs.filter(|(_, need)| !runs(need));
        missing
            .map(|(name, need)| format!("{name} needs {need}, which is not started here"))
            .collect()
    }
}

/// What every service is told: our environment, and over it where everything is.
fn shared_environment(manifest: &Manifest, data_dir: &DataDir) -> Environment {
    let mut environment = config::process_environment();
    let mut told = manifest.provided();
    told.insert(
        "DEVMENTOR__DATA_DIR".to_owned(),
        data_dir.path().display().to_string(),
    );
    if io::stderr().is_terminal() {
        told.insert(LOG_FORMAT.to_owned(), "pretty".to_owned());
    }
    for (name, value) in told {
        let from_file = format!("{name}_FILE");
        let given = environment.contains_key(&name) || environment.contains_key(&from_file);
        if !(given && [PUBLIC_URL, LOG_FORMAT].contains(&name.as_str())) {
            environment.remove(&from_file);
            environment.insert(name, value);
        }
    }
    environment
}

fn own_environment(entry: &ServiceEntry, data_dir: &DataDir, shared: &Environment) -> Environment {
    let mut environment = shared.clone();
    let database = data_dir.path().join(format!("{}.db", entry.name));
    let address = |port: u16| format!("127.0.0.1:{port}");
    let own = [
        ("HTTP__ADDR", Some(address(entry.ports.http))),
        ("GRPC__ADDR", entry.ports.grpc.map(address)),
        ("OPS__ADDR", Some(address(entry.ports.ops))),
        (
            "DATABASE__URL",
            Some(format!("sqlite://{}", database.display())),
        ),
    ];
    for (name, value) in own {
        let name = format!("DEVMENTOR__{name}");
        environment.remove(&format!("{name}_FILE"));
        match value {
            Some(value) => environment.insert(name, value),
            None => environment.remove(&name),
        };
    }
    environment
}

/// A worker that can do without the cache Redis runs alone where none is started.
fn forget_unneeded(
    environment: &mut Environment,
    entry: &ServiceEntry,
    manifest: &Manifest,
    selected: &BTreeSet<String>,
) {
    let is_cache = |redis: &&RedisEntry| redis.instance == Instance::Cache;
    for cache in manifest.redis.iter().filter(is_cache) {
        if !selected.contains(&cache.name) && !entry.needs.contains(&cache.name) {
            environment.retain(|name, _| !cache.provides.contains_key(name));
        }
    }
}

/// Settings that all share, as the last reads them, and the longest drain; every fault is named.
fn checked(
    services: &[(&ServiceEntry, Environment)],
    root: &Path,
) -> anyhow::Result<(Settings, Duration)> {
    let mut longest_drain = Duration::ZERO;
    let mut settings = None;
    let mut faults = BTreeSet::new();
    for (entry, environment) in services {
        match entry.settings(root, environment) {
            Ok(loaded) => {
                let drain = Duration::from_secs(loaded.shutdown.grace_seconds);
                longest_drain = longest_drain.max(drain);
                settings = Some(loaded);
            }
            Err(fault) => drop(faults.insert(fault.to_string())),
        }
    }
    let Some(settings) = settings.filter(|_| faults.is_empty()) else {
        faults.iter().for_each(|fault| output::tell(fault));
        bail!("the settings are refused; `devmentor config check` checks them again");
    };
    Ok((settings, longest_drain))
}

fn service(entry: &ServiceEntry, root: &Path, environment: Environment) -> anyhow::Result<Process> {
    let built = env::current_exe()
        .context("this executable is not found")?
        .with_file_name(&entry.name);
    ensure!(
        built.is_file(),
        "{} is not built; run `make build`, or `up` without --no-build",
        entry.name
    );
    let ports = BTreeSet::from([
        Some(entry.ports.http),
        entry.ports.grpc,
        Some(entry.ports.ops),
    ]);
    let service = entry.service();
    Ok(Process {
        name: service.name,
        program: built,
        arguments: Vec::new(),
        environment,
        directory: root.to_path_buf(),
        ports: ports.into_iter().flatten().collect(),
        probe: Probe::Http(format!("http://127.0.0.1:{}/health/ready", entry.ports.ops)),
        stage: if entry.ports.is_public() {
            Stage::Listeners
        } else {
            Stage::Workers
        },
    })
}
