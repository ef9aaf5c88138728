//! What is started, with which settings.

use std::{
    collections::{BTreeMap, BTreeSet},
    env,
    ffi::OsString,
    fs,
    io::{self, IsTerminal},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{Context, bail, ensure};
use secrecy::{ExposeSecret, SecretString};
use service_kit::{
    Settings, Stage,
    config::{self, Environment},
};

use super::{announce::SignIn, data_dir::DataDir, ready::Probe, redis_server};
use crate::{
    manifest::{Instance, Manifest, RedisEntry, ServiceEntry},
    output,
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
        let mut plan = Self {
            processes: Vec::new(),
            longest_drain: Duration::ZERO,
            sign_in: None,
        };
        let shared = shared_environment(manifest, data_dir);
        let mut settings = None;
        let mut faults = BTreeSet::new();
        for entry in &manifest.services {
            let own = own_environment(entry, data_dir, &shared);
            match settings_of(entry, root, &own) {
                Ok(loaded) => {
                    let drain = Duration::from_secs(loaded.shutdown.grace_seconds);
                    plan.longest_drain = plan.longest_drain.max(drain);
                    settings = Some(loaded);
                }
                Err(fault) => drop(faults.insert(fault)),
            }
            if selected.contains(&entry.name) {
                plan.processes.push(service(entry, root, own)?);
            }
        }
        let Some(settings) = settings.filter(|_| faults.is_empty()) else {
            faults.iter().for_each(|fault| output::tell(fault));
            bail!("the settings are refused; `devmentor config check` checks them again");
        };
        for entry in manifest
            .redis
            .iter()
            .filter(|entry| selected.contains(&entry.name))
        {
            plan.processes.push(redis(entry, data_dir, &settings)?);
        }
        let public = manifest
            .services
            .iter()
            .find(|entry| entry.ports.is_public());
        plan.sign_in = public
            .filter(|entry| selected.contains(&entry.name))
            .map(|entry| SignIn {
                url: format!("http://127.0.0.1:{}", entry.ports.http),
                email: settings.bootstrap.admin_email.clone(),
                password: settings.bootstrap.admin_password.clone(),
                password_file: data_dir.path().join("admin-password"),
            });
        Ok(plan)
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

fn settings_of(
    entry: &ServiceEntry,
    root: &Path,
    environment: &Environment,
) -> Result<Settings, String> {
    let file = entry.settings_file(root);
    config::load_for(&entry.service(), file.as_deref(), environment)
        .map_err(|fault| fault.to_string())
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

fn redis(entry: &RedisEntry, data_dir: &DataDir, settings: &Settings) -> anyhow::Result<Process> {
    let redis = match entry.instance {
        Instance::Cache => &settings.redis.cache,
        Instance::Streams => &settings.redis.streams,
    };
    let directory = data_dir.path().join(&entry.name);
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(&directory)?;
    let configuration = directory.join("redis.conf");
    let text = redis_configuration(entry, redis.access().password.as_ref())?;
    let mut file = fs::OpenOptions::new()
        .create(true)
        .write(true)
        .truncate(true)
        .mode(0o600)
        .open(&configuration)?;
    io::Write::write_all(&mut file, text.as_bytes())?;
    Ok(Process {
        name: entry.name.clone().leak(),
        program: redis_server::find()?,
        arguments: vec![configuration.into()],
        environment: BTreeMap::new(),
        directory,
        ports: vec![entry.port],
        probe: Probe::Ping(entry.port),
        stage: Stage::Links,
    })
}

/// `redis.conf`: a password does not belong into arguments, which everyone can see.
fn redis_configuration(
    entry: &RedisEntry,
    password: Option<&SecretString>,
) -> anyhow::Result<String> {
    let mut lines = vec![
        ("bind", "127.0.0.1".to_owned()),
        ("port", entry.port.to_string()),
        ("dir", ".".to_owned()),
        ("pidfile", redis_server::PID_FILE.to_owned()),
        ("daemonize", "no".to_owned()),
    ];
    lines.extend(
        entry
            .settings
            .iter()
            .map(|(name, value)| (name.as_str(), value.clone())),
    );
    if let Some(password) = password {
        lines.push(("requirepass", password.expose_secret().to_owned()));
    }
    let mut text = String::new();
    for (name, value) in lines {
        ensure!(
            !value.contains(char::is_control),
            "Redis takes no control character in {name}"
        );
        let quoted = value.replace('\\', "\\\\").replace('"', "\\\"");
        text.push_str(&format!("{name} \"{quoted}\"\n"));
    }
    Ok(text)
}
