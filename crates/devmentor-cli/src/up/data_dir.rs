//! The directory that holds everything a platform keeps, used by one `up` at a time.

use std::{
    fs::{self, DirBuilder, File, OpenOptions, Permissions, TryLockError},
    io,
    os::unix::fs::{DirBuilderExt, PermissionsExt},
    path::{Path, PathBuf},
};

use anyhow::{Context, bail};

/// A claimed data directory; free again when this is dropped or the process dies.
pub(super) struct DataDir {
    path: PathBuf,
    was_empty: bool,
    _lock: File,
}

impl DataDir {
    /// Makes the directory, for this user only, and claims it.
    pub(super) fn claim(path: &Path) -> anyhow::Result<Self> {
        let named = || path.display().to_string();
        let make = |path: &Path| DirBuilder::new().recursive(true).mode(0o700).create(path);
        make(path).with_context(named)?;
        let path = fs::canonicalize(path).with_context(named)?;
        let was_empty = holds_nothing(&path).with_context(named)?;
        make(&path.join("logs")).with_context(named)?;
        let lock = OpenOptions::new()
            .create(true)
            .append(true)
            .open(path.join("up.lock"))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => bail!(
                "another `devmentor up` runs on {}; stop it, or give --data-dir and --port-offset",
                path.display()
            ),
            Err(TryLockError::Error(error)) => {
                return Err(error).context(path.display().to_string());
            }
        }
        close_what_is_there(&path).context("files cannot be closed to others")?;
        Ok(Self {
            path,
            was_empty,
            _lock: lock,
        })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Whether no service had kept anything there when it was claimed.
    pub(super) fn was_empty(&self) -> bool {
        self.was_empty
    }

    pub(super) fn log_file(&self, name: &str) -> PathBuf {
        self.path.join("logs").join(format!("{name}.log"))
    }
}

/// What an `up` or another command that was refused leaves does not count: it is made before any service runs.
fn holds_nothing(path: &Path) -> io::Result<bool> {
    for entry in fs::read_dir(path)? {
        let name = entry?.file_name();
        let name = name.to_string_lossy();
        const LEFT: [&str; 3] = ["logs", "up.lock", "cli-session.lock"];
        if !(LEFT.contains(&&*name) || name.starts_with("redis-")) {
            return Ok(false);
        }
    }
    Ok(true)
}

/// What an earlier version left readable for others. Only what is ours: any directory may be given.
fn close_what_is_there(path: &Path) -> io::Result<()> {
    for entry in fs::read_dir(path)? {
        let entry = entry?;
        let name = entry.file_name();
        let name = name.to_string_lossy();
        if name == "logs" || name == "up.lock" || name.starts_with("redis-") || name.contains(".db")
        {
            close(&entry.path())?;
        }
    }
    Ok(())
}

fn close(path: &Path) -> io::Result<()> {
    let found = fs::symlink_metadata(path)?;
    if found.is_symlink() {
        return Ok(());
    }
    let mode = found.permissions().mode() & 0o7777;
    if mode & 0o077 != 0 {
        fs::set_permissions(path, Permissions::from_mode(mode & !0o077))?;
    }
    if found.is_dir() {
        for entry in fs::read_dir(path)? {
            close(&entry?.path())?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_private_and_used_by_one_at_a_time() {
        let outer = tempfile::tempdir().expect("a directory");
        let path = outer.path().join("data");
        let held = DataDir::claim(&path).expect("free");
        let mode = fs::metadata(&path).expect("made").permissions().mode();
        assert_eq!(mode & 0o777, 0o700);
        assert!(DataDir::claim(&path).is_err());
        drop(held);
        assert!(DataDir::claim(&path).is_ok());
    }

    #[test]
    fn what_an_earlier_version_left_is_closed_to_others_and_nothing_else() {
        let outer = tempfile::tempdir().expect("a directory");
        let path = outer.path();
        let file = |name: &str| {
            let file = path.join(name);
            fs::create_dir_all(file.parent().expect("a folder")).expect("made");
            fs::write(&file, "").expect("written");
            fs::set_permissions(&file, Permissions::from_mode(0o644)).expect("changed");
            file
        };
        let ours = [
            "auth-service.db-wal",
            "logs/auth-service.log.1",
            "redis-streams/appendonlydir/appendonly.aof.1.incr.aof",
        ];
        let (ours, other) = (ours.map(file), file("letter.txt"));
        DataDir::claim(path).expect("free");
        let is_open = |file: &PathBuf| {
            let mode = fs::metadata(file).expect("there").permissions().mode();
            mode & 0o077 != 0
        };
        assert!(!ours.iter().any(is_open) && is_open(&other));
    }

    #[test]
    fn is_empty_until_a_service_kept_something() {
        let outer = tempfile::tempdir().expect("a directory");
        let path = outer.path().join("data");
        let empty = || DataDir::claim(&path).expect("free").was_empty();
        assert!(empty() && empty(), "what `up` makes does not count");
        fs::write(path.join("auth-service.db"), "").expect("written");
        assert!(!empty());
    }
}
