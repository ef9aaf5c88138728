//! `devmentor up --tour`, and commands that sign in by the data directory.

use rustix::process::Signal;
use test_kit::{ADMIN_EMAIL, Person};

use crate::running::Running;

#[tokio::test]
async fn an_empty_directory_begins_with_ten_tasks() {
    let outer = tempfile::tempdir().expect("a directory");
    let data_dir = outer.path().join("data");
    let mut running = Running::start_with(&data_dir, &["--tour"]).await;

    let password = std::fs::read_to_string(data_dir.join("admin-password")).expect("a password");
    let admin = Person::sign_in(&running.url(), ADMIN_EMAIL, password.trim_end()).await;
    let projects = admin.get("/api/projects").await.expect(200);
    let project = &projects["items"][0];
    assert_eq!(project["key"], "TOUR");
    let id = project["id"].as_str().expect("an id");
    let tasks = admin.get(&format!("/api/projects/{id}/tasks")).await;
    let tasks = tasks.expect(200);
    let tasks = tasks["items"].as_array().expect("a list");
    assert_eq!(tasks.len(), 10);
    let pid_file = data_dir.join("redis-streams/redis.pid");
    let named = std::fs::read_to_string(&pid_file).expect("a file");
    assert_eq!(
        named.trim(),
        running.streams_process().await.to_string(),
        "who is told to be killed"
    );

    let told = running.devmentor(&["streams"]).output().await;
    let told = told.expect("ran");
    assert!(told.status.success(), "{told:?}");
    assert!(String::from_utf8_lossy(&told.stdout).contains("learning-group"));

    running.signal(Signal::TERM);
    running.stopped().await;
}
