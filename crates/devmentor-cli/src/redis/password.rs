//! The password of a Redis that `devmentor up` starts: the one of the settings, else one that is made for
//! it and kept in the data directory, `redis-cache-password` and `redis-streams-password`.

use std::path::{Path, PathBuf};

use anyhow::{Context, ensure};
use secrecy::{ExposeSecret, SecretString};
use service_kit::{Settings, config::Environment, private_file};

use crate::{
    generated,
    manifest::{Instance, RedisEntry},
};

/// A password, and where it is kept when the settings have none.
pub(crate) struct Password {
    secret: SecretString,
    setting: String,
    file: Option<PathBuf>,
}

impl Password {
    /// For a Redis that is to be started.
    pub(crate) fn for_start(
        entry: &RedisEntry,
        settings: &Settings,
        data_dir: &Path,
    ) -> anyhow::Result<Self> {
        let file = file(entry, data_dir);
        let (secret, file) = match given(entry, settings) {
            Some(secret) => (secret, None),
            None => (made(&file)?, Some(file)),
        };
        Ok(Self {
            secret,
            setting: setting(entry),
            file,
        })
    }

    /// Of one that runs.
    pub(crate) fn kept(
        entry: &RedisEntry,
        settings: &Settings,
        data_dir: &Path,
    ) -> anyhow::Result<SecretString> {
        let file = file(entry, data_dir);
        match given(entry, settings) {
            Some(secret) => Ok(secret),
            None => read(&file).context(
                "`devmentor up` makes the password of its Redis; has it run with this --data-dir?",
            ),
        }
    }

    pub(crate) fn secret(&self) -> &SecretString {
        &self.secret
    }

    /// Has a service read it from where it is kept: an environment is inherited by whatever a process starts.
    pub(crate) fn tell(&self, environment: &mut Environment) {
        if let Some(file) = &self.file {
            environment.remove(&self.setting);
            environment.insert(format!("{}_FILE", self.setting), file.display().to_string());
        }
    }
}

fn given(entry: &RedisEntry, settings: &Settings) -> Option<SecretString> {
    let redis = match entry.instance {
        Instance::Cache => &settings.redis.cache,
        Instance::Streams => &settings.redis.streams,
    };
    redis.access().password
}

fn setting(entry: &RedisEntry) -> String {
    let instance = match entry.instance {
        Instance::Cache => "CACHE",
        Instance::Streams => "STREAMS",
    };
    format!("DEVMENTOR__REDIS__{instance}__PASSWORD")
}

fn file(entry: &RedisEntry, data_dir: &Path) -> PathBuf {
    data_dir.join(format!("{}-password", entry.name))
}

fn made(file: &Path) -> anyhow::Result<SecretString> {
    let make = || Ok(generated::password().expose_secret().as_bytes().to_vec());
    private_file::read_or_make(file, make)?;
    read(file)
}

/// As a service reads it.
fn read(file: &Path) -> anyhow::Result<SecretString> {
    let text = String::from_utf8(private_file::read(file)?);
    let text = text.with_context(|| format!("{} is not text", file.display()))?;
    let password = text.trim_end_matches(['\r', '\n']);
    let named = file.display();
    ensure!(
        !password.is_empty(),
        "{named} is empty; delete it, and the next `devmentor up` makes another"
    );
    Ok(password.to_owned().into())
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn one_that_was_made_is_kept_and_an_empty_one_refused() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("redis-cache-password");
        let made = || made(&file).map(|secret| secret.expose_secret().to_owned());
        let first = made().expect("made");
        assert_eq!(first, made().expect("kept"));
        assert!(first.len() >= 24, "{first}");
        fs::write(&file, "\n").expect("written");
        let refused = made().expect_err("empty").to_string();
        assert!(refused.contains("redis-cache-password"), "{refused}");
    }
}
