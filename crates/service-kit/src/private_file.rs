//! Files that only their owner may read.

use std::{
    fs::{self, DirBuilder, File, OpenOptions},
    io::{ErrorKind, Write},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{Context, anyhow, bail};
use rustix::{
    fs::Mode,
    process::{geteuid, umask},
};
use uuid::Uuid;

/// What is being written has this at the end of its name, after an id.
const PARTIAL: &str = "partial";

/// A write that took so long was cut off; no other process is still at it.
const CUT_OFF_AFTER: Duration = Duration::from_secs(60);

/// From now on, what this process and those it starts make is their owner's alone, whoever opens the file:
/// SQLite and Redis ask for no mode of their own.
pub fn only_private() {
    umask(Mode::RWXG | Mode::RWXO);
}

/// Makes a folder that only its owner may enter. Of one that is there, what a crash left is deleted.
pub fn make_folder(folder: &Path) -> anyhow::Result<()> {
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder)
        .with_context(|| format!("cannot make {}", folder.display()))?;
    delete_cut_off(folder);
    Ok(())
}

/// Makes a folder where it is missing, and refuses one in which this process cannot make files: with the cause
/// first, and then what to do.
pub fn require_folder(folder: &Path) -> anyhow::Result<()> {
    let made = make_folder(folder).and_then(|()| {
        let partial = write_partial(&folder.join("trial"), b"")?;
        Ok(fs::remove_file(partial)?)
    });
    made.map_err(|error| {
        let user = geteuid().as_raw();
        anyhow!(
            "cannot write to {0}: {1}; it has to be a directory of the user that this process runs as: chown {user} {0}",
            folder.display(),
            error.root_cause()
        )
    })
}

/// Writes a file, whole or not at all; what is there is replaced.
pub fn write(path: &Path, bytes: &[u8]) -> anyhow::Result<()> {
    let written = || format!("cannot write {}", path.display());
    let partial = write_partial(path, bytes).with_context(written)?;
    fs::rename(&partial, path).with_context(written)?;
    sync_folder(path).with_context(written)
}

/// The content of a file, which is made by `content` where it is missing. Of several processes that
/// make it at the same time, all get what the first one wrote.
pub fn read_or_make(
    path: &Path,
    content: impl FnOnce() -> anyhow::Result<Vec<u8>>,
) -> anyhow::Result<Vec<u8>> {
    if !path.exists() {
        let written = || format!("cannot write {}", path.display());
        let partial = write_partial(path, &content()?).with_context(written)?;
        let linked = fs::hard_link(&partial, path);
        fs::remove_file(&partial).with_context(written)?;
        match linked {
            Err(error) if error.kind() != ErrorKind::AlreadyExists => {
                return Err(error).with_context(written);
            }
            _ => sync_folder(path).with_context(written)?,
        }
    }
    read(path)
}

/// The content of a file; one that others may read is refused.
pub fn read(path: &Path) -> anyhow::Result<Vec<u8>> {
    let shown = path.display();
    let cannot_read = || format!("cannot read {shown}");
    let mode = fs::metadata(path)
        .with_context(cannot_read)?
        .permissions()
        .mode();
    if mode & 0o077 != 0 {
        bail!(
            "{shown} can be read by others (mode {:o}); chmod 600 it",
            mode & 0o777
        );
    }
    fs::read(path).with_context(cannot_read)
}

fn write_partial(path: &Path, bytes: &[u8]) -> std::io::Result<PathBuf> {
    delete_cut_off(folder_of(path));
    let partial = path.with_extension(format!("{}.{PARTIAL}", Uuid::now_v7()));
    let mut file = OpenOptions::new()
        .create_new(true)
        .write(true)
        .mode(0o600)
        .open(&partial)?;
    let written = file.write_all(bytes).and_then(|()| file.sync_all());
    if written.is_err() {
        fs::remove_file(&partial)?;
    }
    written.map(|()| partial)
}

/// Secrets do not lie about under names that nobody looks at. What cannot be deleted now is deleted the
/// next time.
fn delete_cut_off(folder: &Path) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if is_partial(&path) && is_cut_off(&path).unwrap_or(false) {
            let _ = fs::remove_file(&path);
        }
    }
}

fn is_partial(path: &Path) -> bool {
    let named = path
        .extension()
        .is_some_and(|extension| extension == PARTIAL);
    let id = path.file_stem().map(Path::new).and_then(Path::extension);
    let id = id.and_then(|id| id.to_str());
    named && id.is_some_and(|id| Uuid::try_parse(id).is_ok())
}

fn is_cut_off(path: &Path) -> std::io::Result<bool> {
    let age = fs::metadata(path)?.modified()?.elapsed();
    Ok(age.is_ok_and(|age| age > CUT_OFF_AFTER))
}

fn folder_of(path: &Path) -> &Path {
    path.parent()
        .filter(|folder| !folder.as_os_str().is_empty())
        .unwrap_or(Path::new("."))
}

/// Without this a power cut may take a name back.
fn sync_folder(path: &Path) -> std::io::Result<()> {
    File::open(folder_of(path))?.sync_all()
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use super::*;

    #[test]
    fn the_first_content_stays_and_is_private() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("secret");
        for _ in 0..2 {
            let held = read_or_make(&path, || Ok(Uuid::now_v7().as_bytes().to_vec()));
            assert_eq!(held.expect("content"), fs::read(&path).expect("a file"));
        }
        assert_eq!(fs::read_dir(folder.path()).expect("a folder").count(), 1);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).expect("changed");
        let refused = read(&path).expect_err("refused").to_string();
        assert!(refused.contains("chmod 600"), "{refused}");
    }

    #[test]
    fn a_folder_that_cannot_be_written_to_is_refused_with_the_cause_first() {
        let folder = tempfile::tempdir().expect("a folder");
        require_folder(&folder.path().join("made/anew")).expect("made");
        let left = fs::read_dir(folder.path().join("made/anew")).expect("a folder");
        assert_eq!(left.count(), 0, "nothing is left of the trial");
        let refused = require_folder(Path::new("/proc/1/task")).expect_err("refused");
        let told = refused.to_string();
        assert!(told.starts_with("cannot write to /proc/1/task: "), "{told}");
        assert!(
            told.contains("chown ") && told.ends_with("/proc/1/task"),
            "{told}"
        );
    }

    #[test]
    fn what_a_crash_left_is_deleted_and_nothing_else() {
        let folder = tempfile::tempdir().expect("a folder");
        let id = Uuid::now_v7();
        let old = |name: &str| {
            let path = folder.path().join(name);
            let file = File::create(&path).expect("a file");
            let moment = SystemTime::now() - 2 * CUT_OFF_AFTER;
            file.set_modified(moment).expect("changed");
            path
        };
        let left = old(&format!("secret.{id}.partial"));
        let kept = [old("mine.partial"), old(&format!("secret.{id}"))];
        let busy = folder.path().join(format!("other.{id}.partial"));
        File::create(&busy).expect("a file");
        write(&folder.path().join("secret"), b"new").expect("written");
        assert!(!left.exists());
        assert!(kept.iter().chain([&busy]).all(|path| path.exists()));
    }

    #[test]
    fn all_who_make_a_file_get_the_same() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("secret");
        let make =
            || read_or_make(&path, || Ok(Uuid::now_v7().as_bytes().to_vec())).expect("content");
        let held = std::thread::scope(|scope| {
            let threads = [(); 8].map(|()| scope.spawn(make));
            threads.map(|thread| thread.join().expect("it ends"))
        });
        assert!(held.iter().all(|content| *content == held[0]));
    }
}
