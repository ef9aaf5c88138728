//! `devmentor up`: what dies is restarted, what is stopped is gone.

use std::process::Stdio;

use rustix::process::Signal;
use test_kit::{PATIENCE, eventually};
use tokio::time::timeout;

use crate::running::{BOTH_REDIS, Running, kill};

#[tokio::test]
async fn restarts_what_dies_and_stops_everything() {
    let outer = tempfile::tempdir().expect("a directory");
    let data_dir = outer.path().join("data");
    let mut running = Running::start(&data_dir).await;

    let first = running.streams_process().await;
    kill(first, Signal::KILL);
    eventually("another streams Redis", PATIENCE, async || {
        match running.streams_process().await {
            same if same == first => Err("the same"),
            _ => Ok(()),
        }
    })
    .await;

    running.signal(Signal::TERM);
    running.stopped().await;
    let log = std::fs::read_to_string(data_dir.join("logs/redis-streams.log")).expect("a log");
    assert!(log.contains("starting it again in 0.0 s"), "{log}");
}

#[tokio::test]
async fn a_second_one_is_refused_with_its_reason() {
    let outer = tempfile::tempdir().expect("a directory");
    let data_dir = outer.path().join("data");
    let mut running = Running::start(&data_dir).await;
    for (other_dir, reason) in [
        (&data_dir, "another `devmentor up`"),
        (&outer.path().join("other"), "is taken by process"),
    ] {
        let mut second = Running::command(other_dir, running.offset, BOTH_REDIS);
        let ended = timeout(PATIENCE, second.stderr(Stdio::piped()).output())
            .await
            .expect("in time")
            .expect("ran");
        let told = String::from_utf8_lossy(&ended.stderr);
        assert!(
            ended.status.code() == Some(1) && told.contains(reason),
            "{told}"
        );
    }
    running.signal(Signal::INT);
    running.stopped().await;
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn killed_it_leaves_nothing_behind() {
    let outer = tempfile::tempdir().expect("a directory");
    let running = Running::start(&outer.path().join("data")).await;
    running.signal(Signal::KILL);
    Running::gone(running.offset).await;
}
