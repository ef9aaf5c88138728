//! The commands that talk to a running platform.

use std::process::Output;

use serde_json::Value;
use test_kit::{PATIENCE, Platform, eventually};

use crate::running::devmentor;

const STREAM: &str = "user:feedback";

async fn run(platform: &Platform, token: &str, arguments: &[&str]) -> Output {
    let mut command = devmentor();
    command.args(["--url", platform.base_url(), "--token", token]);
    command.args(arguments).output().await.expect("ran")
}

fn document(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {output:?}"))
}

#[tokio::test]
async fn smoke_goes_the_whole_way_and_names_the_step_that_fails() {
    let mut platform = Platform::start().await;
    let went = run(&platform, "", &["smoke", "--json"]).await;
    let told = document(&went);
    assert!(
        went.status.success() && told["ok"] == true && told["account_removed"] == true,
        "{told}"
    );
    assert_eq!(told["steps"].as_array().map(Vec::len), Some(10), "{told}");
    assert_eq!(told["account"], Value::Null, "{told}");
    assert_eq!(told["stays"].as_array().map(Vec::len), Some(2), "{told}");

    platform.kill("ai-gateway");
    let failed = run(&platform, "", &["smoke", "--json"]).await;
    let told = document(&failed);
    assert_eq!(failed.status.code(), Some(1));
    assert_eq!(told["failed_step"], "ask the mentor", "{told}");
    assert_eq!(told["account_removed"], true, "{told}");
    assert_eq!(told["project_removed"], true, "{told}");
    let progress = String::from_utf8_lossy(&failed.stderr);
    assert!(progress.contains("see an event live"), "{progress}");
}

#[tokio::test]
async fn streams_and_dead_letters_are_shown() {
    let platform = Platform::start().await;
    let admin = platform.admin().await.token;
    let dlq =
        async |arguments: &[&str]| run(&platform, &admin, &[&["dlq"], arguments].concat()).await;
    let none = dlq(&["list"]).await;
    assert!(none.status.success() && none.stdout.starts_with(b"There are no"));

    for junk in ["no JSON", "{}"] {
        platform.streams.append(STREAM, junk).await;
    }
    let letters = eventually("two dead letters", PATIENCE, async || {
        let told = document(&dlq(&["list", "--json"]).await);
        match told["items"].as_array() {
            Some(letters) if letters.len() == 2 => Ok(letters.clone()),
            _ => Err(told),
        }
    })
    .await;
    assert_eq!(letters[1]["event"], "no JSON", "newest first");
    let id = letters[1]["id"].as_str().expect("an id");
    let shown = dlq(&["show", STREAM, id]).await;
    let text = String::from_utf8_lossy(&shown.stdout).into_owned();
    assert!(
        shown.status.success() && text.contains("source_stream") && text.contains("no JSON"),
        "{text}"
    );

    let some = dlq(&["list", STREAM, "--limit", "1", "--json"]).await;
    assert_eq!(document(&some)["items"].as_array().map(Vec::len), Some(1));
    assert!(String::from_utf8_lossy(&some.stderr).contains("--limit"));
    assert_eq!(dlq(&["show", STREAM, "1-1"]).await.status.code(), Some(2));
    assert_eq!(dlq(&["list", "nothing"]).await.status.code(), Some(1));

    let streams = run(&platform, &admin, &["streams", "--json"]).await;
    assert!(streams.status.success(), "{streams:?}");
    let told = document(&streams);
    let of = told["streams"].as_array().expect("a list");
    let of = of.iter().find(|of| of["stream"] == STREAM).expect(STREAM);
    assert_eq!(of["dead_letters"], 2);
    assert_eq!(of["groups"][0]["consumers"], 1, "{of}");
}
