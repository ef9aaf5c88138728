//! What an operator's slip does to the log of the projects.

use redis_contracts::{
    DEAD_LETTERS, PROJECTS, Timestamp,
    keys::{OUTBOX, OUTBOX_PRODUCER_PROJECTS},
};
use serde_json::{Value, json};
use test_kit::{Live, PATIENCE, Platform, RedisServer, eventually};

use crate::log::{all_published, heard, topic};

async fn slip(streams: &RedisServer, words: &[&str]) {
    let mut command = redis::cmd(words[0]);
    command.arg(&words[1..]);
    let mut connection = streams.connect().await;
    command.exec_async(&mut connection).await.expect("a slip");
}

/// The next event, whatever the socket says of itself before.
async fn next_event(live: &mut Live) -> Value {
    loop {
        let frame = live.next().await.expect("a frame");
        match frame["type"].as_str() {
            Some("event") => return frame["event"].clone(),
            Some("status") => {}
            _ => panic!("{frame}"),
        }
    }
}

#[tokio::test]
async fn a_log_that_an_operator_broke_goes_on_by_itself() {
    let platform = Platform::start().await;
    let (person, bystander) = tokio::join!(platform.person(), platform.person());
    let project = person.create_project("SLIP").await;
    let mut live = person.live().await;
    live.subscribe(&topic(&project), Some("0-0")).await;
    live.expect("subscribed").await;
    let first = heard(&mut live, 1).await[0].position.to_string();
    let log = PROJECTS.key(());
    let log = log.name();
    let outbox = OUTBOX.key(OUTBOX_PRODUCER_PROJECTS);
    let outbox = outbox.name();
    let letters = DEAD_LETTERS.key(log.to_owned());
    let largest = format!("{0}-{0}", u64::MAX);
    let hour = Timestamp::now().plus_seconds(3600).unix_ms();
    let ahead = format!("{hour}-0");
    let zeros = format!("00{first}");
    let slips: [&[&[&str]]; 14] = [
        &[&["XADD", log, &largest, "event", "{}"]],
        &[&["XSETID", log, "9999999999999-0"]],
        &[&["SET", log, "by mistake"]],
        &[&["DEL", log]],
        &[&["SET", outbox, "by mistake"]],
        &[&["SET", outbox, &largest]],
        &[&["SET", outbox, "99999999999999999999-0"]],
        &[&["SET", outbox, &ahead]],
        &[&["SET", outbox, &zeros]],
        &[&["SET", outbox, &first]],
        &[&["DEL", outbox], &["XADD", log, "*", "foo", "bar"]],
        &[&["FLUSHALL"], &["XADD", log, &largest, "foo", "bar"]],
        &[
            &["SET", letters.name(), "by mistake"],
            &["XADD", log, &largest, "event", "{}"],
        ],
        &[
            &["XADD", log, "*", "foo", "bar"],
            &["CLIENT", "KILL", "TYPE", "pubsub"],
        ],
    ];
    for (number, commands) in slips.into_iter().enumerate() {
        for words in commands {
            slip(&platform.streams, words).await;
        }
        person
            .create_task(&project, &format!("Task {number}"))
            .await;
        let event = next_event(&mut live).await;
        assert_eq!(
            event["data"]["title"],
            format!("Task {number}"),
            "{commands:?}"
        );
        bystander.get("/api/me").await.expect(200);
    }
    let stored = all_published(&person, &project, &platform.streams).await;
    assert_eq!(stored.len(), slips.len() + 1);
}

#[tokio::test]
async fn what_stood_in_the_log_before_its_first_event_does_not_last() {
    let mut platform = Platform::start().await;
    let person = platform.person().await;
    let largest = format!("{0}-{0}", u64::MAX);
    let log = PROJECTS.key(());
    slip(
        &platform.streams,
        &["XADD", log.name(), &largest, "foo", "bar"],
    )
    .await;
    let security = redis_contracts::AUTH_EVENTS.key(());
    slip(
        &platform.streams,
        &["XADD", security.name(), &largest, "foo", "bar"],
    )
    .await;
    let project = person.create_project("FIRST").await;
    for service in ["project-service", "auth-service"] {
        platform.restart(service).await;
    }
    let tasks = format!(
        "/api/projects/{}/tasks",
        project["id"].as_str().expect("id")
    );
    eventually("a task is made", PATIENCE, async || {
        let made = person.post(&tasks, json!({"title": "A task"})).await;
        if made.status == 201 {
            Ok(())
        } else {
            Err(made)
        }
    })
    .await;
    platform.person().await.get("/api/me").await.expect(200);
    let stored = all_published(&person, &project, &platform.streams).await;
    assert_eq!(stored.len(), 2);
}
