//! What a platform keeps is its owner's alone.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

use rustix::process::Signal;

use crate::running::Running;

const ONE_OF_EACH_KIND: &[&str] = &[
    "--only",
    "redis-cache,redis-streams,auth-service,project-service,learning-consumer",
];

fn everything_below(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            found.extend(everything_below(&path));
        }
        found.push(path);
    }
    found
}

#[tokio::test]
async fn nothing_is_open_to_others_and_no_password_is_where_others_look() {
    let outer = tempfile::tempdir().expect("a directory");
    let data_dir = outer.path().join("data");
    let mut running = Running::start_with(&data_dir, ONE_OF_EACH_KIND).await;
    let paths = everything_below(&data_dir);
    let is_open = |path: &&PathBuf| {
        let mode = fs::metadata(path).map(|found| found.permissions().mode());
        mode.is_ok_and(|mode| mode & 0o077 != 0)
    };
    assert_eq!(paths.iter().find(is_open), None);

    let passwords = ["redis-cache", "redis-streams"].map(|name| running.redis_password(name));
    let has_one = |path: &&PathBuf| {
        let bytes = fs::read(path).unwrap_or_default();
        let text = String::from_utf8_lossy(&bytes);
        passwords.iter().any(|password| text.contains(password))
    };
    let with_one: Vec<_> = paths.iter().filter(has_one).collect();
    assert_eq!(with_one.len(), 2, "{with_one:?}");
    // Other systems have none of these; arguments and environments are the same there.
    let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
    let told: Vec<_> = processes
        .flat_map(|process| ["cmdline", "environ"].map(|file| process.path().join(file)))
        .collect();
    assert_eq!(told.iter().find(has_one), None);

    running.signal(Signal::TERM);
    running.stopped().await;
}
