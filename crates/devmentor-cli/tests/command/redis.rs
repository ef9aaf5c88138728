//! `devmentor redis`: redis-cli with the password that `up` made.

use std::{
    fs,
    io::{Read, Write},
    net::{Ipv4Addr, TcpStream},
    os::unix::fs::OpenOptionsExt,
    path::Path,
    process::{Output, Stdio},
};

use rustix::process::Signal;
use test_kit::{PATIENCE, eventually};
use tokio::{io::AsyncWriteExt, process::Command};

use crate::running::{BOTH_REDIS, Running, devmentor};

const CACHE_PORT: u16 = 6379;
const ODD_PASSWORD: &str = "a \"quoted\" one\\ 'with' #all >that ~is odd";

async fn run(running: &Running, arguments: &[&str]) -> Output {
    let mut command = running.devmentor(&[&["redis"], arguments].concat());
    command.output().await.expect("ran")
}

fn told(output: &Output) -> String {
    String::from_utf8_lossy(&[&*output.stdout, &*output.stderr].concat()).into_owned()
}

/// What a Redis answers to somebody without a password.
fn answer_to_a_stranger(running: &Running) -> String {
    let address = (Ipv4Addr::LOCALHOST, CACHE_PORT + running.offset);
    let mut stream = TcpStream::connect(address).expect("it listens");
    stream.write_all(b"PING\r\nQUIT\r\n").expect("sent");
    let mut answer = [0; 7];
    stream.read_exact(&mut answer).expect("an answer");
    String::from_utf8_lossy(&answer).into_owned()
}

#[tokio::test]
async fn a_stranger_gets_nothing_and_the_command_reads_and_writes_only_when_asked() {
    let outer = tempfile::tempdir().expect("a directory");
    let mut running = Running::start(outer.path()).await;
    assert_eq!(answer_to_a_stranger(&running), "-NOAUTH");

    let pong = run(&running, &["cache", "PING"]).await;
    assert!(pong.status.success() && told(&pong) == "PONG\n", "{pong:?}");
    for refused in [
        &["cache", "SET", "a", "1"][..],
        &["streams", "XADD", "user:feedback", "*", "event", "{}"],
        &["streams", "PUBLISH", "topic", "x"],
        &["cache", "FLUSHALL"],
        &["cache", "CONFIG", "GET", "*"],
    ] {
        let refused = run(&running, refused).await;
        let told = told(&refused);
        assert_eq!(refused.status.code(), Some(1), "{told}");
        assert!(
            told.contains("NOPERM") && told.contains("--write"),
            "{told}"
        );
    }
    for written in [
        &["cache", "--write", "SET", "a", "1"][..],
        &["streams", "--write", "XADD", "s", "1-1", "event", "--write"],
    ] {
        let written = run(&running, written).await;
        assert!(written.status.success(), "{written:?}");
    }
    for dangerous in ["FLUSHALL", "SHUTDOWN"] {
        let refused = run(&running, &["streams", "--write", dangerous]).await;
        assert!(!refused.status.success() && told(&refused).contains("NOPERM"));
    }
    let read = run(&running, &["cache", "GET", "a"]).await;
    assert_eq!(told(&read), "1\n");
    let read = run(&running, &["streams", "XRANGE", "s", "-", "+"]).await;
    assert!(told(&read).contains("--write"), "{read:?}");
    let read = run(&running, &["streams", "--scan", "--pattern", "s"]).await;
    assert_eq!(told(&read), "s\n");
    let wrong = run(&running, &["cache", "NOTHING"]).await;
    assert_eq!(wrong.status.code(), Some(1), "{wrong:?}");

    running.signal(Signal::TERM);
    running.stopped().await;
}

#[tokio::test]
async fn without_a_command_it_is_a_prompt() {
    let outer = tempfile::tempdir().expect("a directory");
    let mut running = Running::start(outer.path()).await;
    let mut prompt = running.devmentor(&["redis", "cache"]);
    prompt.stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut prompt = prompt.stderr(Stdio::piped()).spawn().expect("started");
    let mut input = prompt.stdin.take().expect("piped");
    input
        .write_all(b"ECHO hello\nSET a 1\n")
        .await
        .expect("sent");
    drop(input);
    let ended = prompt.wait_with_output().await.expect("ended");
    let told = told(&ended);
    for part in ["hello", "NOPERM", "--write"] {
        assert!(ended.status.success() && told.contains(part), "{told}");
    }
    running.signal(Signal::TERM);
    running.stopped().await;
}

#[tokio::test]
async fn a_directory_of_an_earlier_version_gets_a_password_that_stays() {
    let outer = tempfile::tempdir().expect("a directory");
    let folder = outer.path().join("redis-cache");
    fs::create_dir(&folder).expect("made");
    fs::write(folder.join("redis.conf"), "bind 127.0.0.1\n").expect("written");
    let mut passwords = Vec::new();
    for _ in 0..2 {
        let mut running = Running::start(outer.path()).await;
        assert_eq!(answer_to_a_stranger(&running), "-NOAUTH");
        passwords.push(["redis-cache", "redis-streams"].map(|name| running.redis_password(name)));
        running.signal(Signal::TERM);
        running.stopped().await;
    }
    assert_eq!(passwords[0], passwords[1]);
    assert_ne!(passwords[0][0], passwords[0][1]);
}

#[tokio::test]
async fn a_password_of_the_settings_counts_whatever_is_in_it_and_is_written_nowhere() {
    const SET: (&str, &str) = ("DEVMENTOR__REDIS__CACHE__PASSWORD", ODD_PASSWORD);
    let outer = tempfile::tempdir().expect("a directory");
    let mut running = Running::start_set(outer.path(), BOTH_REDIS, &[SET]).await;
    let mut ping = running.devmentor(&["redis", "cache", "PING"]);
    let pong = ping.env(SET.0, SET.1).output().await.expect("ran");
    assert_eq!(told(&pong), "PONG\n");
    assert!(!outer.path().join("redis-cache-password").exists());
    let configuration = fs::read_to_string(outer.path().join("redis-cache/redis.conf"));
    assert!(!configuration.expect("a file").contains("quoted"));
    running.signal(Signal::TERM);
    running.stopped().await;
}

#[tokio::test]
async fn what_is_missing_is_named_in_one_line() {
    let outer = tempfile::tempdir().expect("a directory");
    let ping = async || {
        let mut command = devmentor();
        command.arg("--data-dir").arg(outer.path());
        command.args(["redis", "cache", "PING"]).env("PATH", "");
        command.output().await.expect("ran")
    };
    let no_password = ping().await;
    let told_of_it = told(&no_password);
    assert_eq!(no_password.status.code(), Some(1), "{told_of_it}");
    assert!(told_of_it.contains("devmentor up"), "{told_of_it}");

    write_private(&outer.path().join("redis-cache-password"), "secret");
    let no_program = ping().await;
    let told_of_it = told(&no_program);
    assert_eq!(no_program.status.code(), Some(1), "{told_of_it}");
    assert!(told_of_it.contains("install") && told_of_it.lines().count() == 1);
}

fn write_private(path: &Path, text: &str) {
    let mut options = fs::OpenOptions::new();
    let file = options.create(true).write(true).mode(0o600).open(path);
    file.expect("made")
        .write_all(text.as_bytes())
        .expect("written");
}

#[tokio::test]
async fn the_lines_of_the_readme_teach_the_worker() {
    const WORKER: &[&str] = &["--only", "redis-streams,learning-consumer"];
    let outer = tempfile::tempdir().expect("a directory");
    let mut running = Running::start_with(outer.path(), WORKER).await;
    let readme = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../README.md");
    let readme = fs::read_to_string(readme).expect("a README");
    let lines = readme.lines();
    let lines: Vec<_> = lines
        .filter_map(|line| line.strip_prefix("target/release/devmentor redis "))
        .collect();
    let line = |command: &str| {
        let found = lines.iter().find(|line| line.contains(command));
        found.unwrap_or_else(|| panic!("no {command} in {lines:?}"))
    };
    let run = async |line: &str| {
        let run = format!("\"$0\" \"$@\" redis {line}");
        let mut command = Command::new("bash");
        command.args(["-euc", &run, env!("CARGO_BIN_EXE_devmentor")]);
        command.arg("--data-dir").arg(outer.path());
        command.arg("--port-offset").arg(running.offset.to_string());
        let ended = command.current_dir(env!("CARGO_MANIFEST_DIR")).output();
        let ended = ended.await.expect("bash");
        assert!(ended.status.success(), "{line}: {ended:?}");
        told(&ended)
    };
    run(line("XADD")).await;
    eventually("the profile has learned", PATIENCE, async || {
        match run(line("HGETALL")).await {
            empty if empty.trim().is_empty() => Err(empty),
            _ => Ok(()),
        }
    })
    .await;
    run(line("XRANGE")).await;
    running.signal(Signal::TERM);
    running.stopped().await;
}
