//! A database that was set back while the clock is behind what the stream holds: nothing that is recorded then
//! is lost to those who listen.

use std::{fs, path::PathBuf, time::Duration};

use redis_contracts::{
    PROJECTS, Timestamp,
    keys::{OUTBOX, OUTBOX_PRODUCER_PROJECTS},
};
use serde_json::{Value, json};
use test_kit::{PATIENCE, Person, Platform, RedisServer, eventually};

use crate::{Room, id};

const SERVICE: &str = "project-service";

/// The ways to SQL: the database and what stands beside it.
const FILES: [&str; 3] = [
    "project-service.db",
    "project-service.db-wal",
    "project-service.db-shm",
];

fn files(platform: &Platform) -> [PathBuf; 3] {
    FILES.map(|name| platform.data_dir().join(name))
}

/// Position and event of a project's events, as the API lists them.
async fn in_sql(person: &Person, project: &Value) -> Vec<(String, Value)> {
    let path = format!("/api/projects/{}/events?limit=200", id(project));
    let page = person.get(&path).await.expect(200);
    let items = page["items"].as_array().expect("items").clone();
    let event = |item: Value| {
        (
            item["position"].as_str().expect("a position").to_owned(),
            item["event"].clone(),
        )
    };
    items.into_iter().map(event).collect()
}

/// The same as the stream holds them.
async fn in_stream(streams: &RedisServer, project: &Value) -> Vec<(String, Value)> {
    let mut range = redis::cmd("XRANGE");
    range.arg(PROJECTS.key(()).name()).arg("-").arg("+");
    let mut connection = streams.connect().await;
    let entries: Vec<(String, [(String, String); 1])> =
        range.query_async(&mut connection).await.expect("XRANGE");
    let event = |(position, [(_, text)]): (String, [(String, String); 1])| {
        (
            position,
            serde_json::from_str::<Value>(&text).expect("JSON"),
        )
    };
    let mut all: Vec<_> = entries.into_iter().map(event).collect();
    all.retain(|(_, event)| event["project_id"] == project["id"]);
    all
}

/// Waits until the stream holds what SQL holds; so many events.
async fn assert_published(room: &Room, project: &Value, count: usize) {
    eventually("all is published, in order", PATIENCE, async || {
        let sql = in_sql(&room.person, project).await;
        let stream = in_stream(&room.platform.streams, project).await;
        if sql == stream && sql.len() == count {
            Ok(())
        } else {
            let places = |events: &[(String, Value)]| {
                events
                    .iter()
                    .map(|event| event.0.clone())
                    .collect::<Vec<_>>()
            };
            Err(format!("{:?} and {:?}", places(&sql), places(&stream)))
        }
    })
    .await;
}

/// The positions that the stream holds have run ahead of the clock.
async fn run_ahead(streams: &RedisServer, by: Duration) {
    let unix_ms = Timestamp::now().plus_seconds(by.as_secs()).unix_ms();
    let position = format!("{unix_ms}-0");
    let mut both = redis::pipe();
    both.cmd("XADD")
        .arg(PROJECTS.key(()).name())
        .arg(&position)
        .arg("event")
        .arg("{}");
    both.cmd("SET")
        .arg(OUTBOX.key(OUTBOX_PRODUCER_PROJECTS).name())
        .arg(&position);
    let mut connection = streams.connect().await;
    both.exec_async(&mut connection).await.expect("both");
}

/// Makes something once the service answers again.
async fn made(person: &Person, path: &str, body: Value) -> Value {
    eventually("it is made", PATIENCE, async || {
        let answer = person.post(path, body.clone()).await;
        if answer.status == 201 {
            Ok(answer.body)
        } else {
            Err(answer)
        }
    })
    .await
}

#[tokio::test]
async fn what_is_recorded_between_a_restore_and_the_streams_first_answer_is_published() {
    let mut room = Room::open().await;
    assert_published(&room, &room.project.clone(), 1).await;
    room.platform.kill(SERVICE);
    let kept = files(&room.platform).map(|file| (fs::read(&file).ok(), file));
    room.platform.restart(SERVICE).await;
    for number in 0..5 {
        room.task(&format!("Lost {number}"), json!({})).await;
    }
    assert_published(&room, &room.project.clone(), 6).await;

    // An old file, positions that ran an hour ahead, and a stream that does not say so.
    room.platform.kill(SERVICE);
    run_ahead(&room.platform.streams, Duration::from_secs(3600)).await;
    room.platform.streams.kill();
    for (bytes, file) in kept {
        match bytes {
            Some(bytes) => fs::write(file, bytes).expect("an old file"),
            None => drop(fs::remove_file(file)),
        }
    }
    room.platform.service(SERVICE).respawn();
    let project = made(
        &room.person,
        "/api/projects",
        json!({"key": "NEW", "name": "New"}),
    )
    .await;
    let tasks = format!("/api/projects/{}/tasks", id(&project));
    for number in 0..5 {
        made(
            &room.person,
            &tasks,
            json!({"title": format!("Before {number}")}),
        )
        .await;
    }
    // It dies before anybody answers; it is remembered all the same.
    room.platform.kill(SERVICE);
    room.platform.service(SERVICE).respawn();
    for number in 5..10 {
        made(
            &room.person,
            &tasks,
            json!({"title": format!("Before {number}")}),
        )
        .await;
    }
    room.platform.streams.restart().await;
    room.platform.wait_ready(SERVICE).await;
    for number in 0..5 {
        made(
            &room.person,
            &tasks,
            json!({"title": format!("After {number}")}),
        )
        .await;
    }
    assert_published(&room, &project, 16).await;
    // The floor lasts: nothing is recorded below it after another start.
    room.platform.restart(SERVICE).await;
    made(&room.person, &tasks, json!({"title": "At last"})).await;
    assert_published(&room, &project, 17).await;
}
