//! A Redis as a process: its directory, its configuration and how it is asked.

use std::{
    collections::BTreeMap,
    fs::{DirBuilder, OpenOptions},
    io::Write,
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
};

use secrecy::SecretString;
use service_kit::Stage;

use super::{data_dir::DataDir, plan::Process, ready::Probe, redis_server};
use crate::{manifest::RedisEntry, redis::users};

/// Writes its configuration; nothing secret stands in its arguments, which everyone can see.
pub(super) fn process(
    entry: &RedisEntry,
    data_dir: &DataDir,
    password: &SecretString,
) -> anyhow::Result<Process> {
    let directory = data_dir.path().join(&entry.name);
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(&directory)?;
    let path = directory.join("redis.conf");
    let mut file = OpenOptions::new()
        .create(true)
        .write(true)
        .truncate(true)
        .mode(0o600)
        .open(&path)?;
    file.write_all(configuration(entry, password).as_bytes())?;
    Ok(Process {
        name: entry.name.clone().leak(),
        program: redis_server::find()?,
        arguments: vec![path.into()],
        environment: BTreeMap::new(),
        directory,
        ports: vec![entry.port],
        probe: Probe::Redis {
            port: entry.port,
            password: password.clone(),
        },
        stage: Stage::Links,
    })
}

/// `redis.conf`
fn configuration(entry: &RedisEntry, password: &SecretString) -> String {
    let own = [
        ("bind", "127.0.0.1"),
        ("port", &entry.port.to_string()),
        ("dir", "."),
        ("pidfile", redis_server::PID_FILE),
        ("daemonize", "no"),
    ];
    let of_manifest = entry.settings.iter();
    let of_manifest = of_manifest.map(|(name, value)| (name.as_str(), value.as_str()));
    let lines = own.into_iter().chain(of_manifest);
    let lines: String = lines
        .map(|(name, value)| format!("{name} \"{value}\"\n"))
        .collect();
    lines + &users::configuration(password)
}
