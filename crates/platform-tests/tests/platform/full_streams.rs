//! The streams Redis nearly full: what SQL has as well makes room, and nobody notices.

use std::{collections::BTreeSet, path::Path};

use redis_contracts::PROJECT_TIMELINE;
use serde_json::{Value, json};
use test_kit::{PATIENCE, Platform, RedisServer, eventually};

use crate::log::{all_published, heard, topic};

async fn ask<T: redis::FromRedisValue>(redis: &RedisServer, words: &[&str]) -> T {
    let mut command = redis::cmd(words[0]);
    command.arg(&words[1..]);
    command
        .query_async(&mut redis.connect().await)
        .await
        .expect("an answer")
}

async fn used_memory(redis: &RedisServer) -> u64 {
    let info: String = ask(redis, &["INFO", "memory"]).await;
    let line = info
        .lines()
        .find_map(|line| line.strip_prefix("used_memory:"));
    line.and_then(|bytes| bytes.parse().ok()).expect("a number")
}

fn timeline(project: &Value) -> String {
    let id = project["id"].as_str().and_then(|id| id.parse().ok());
    PROJECT_TIMELINE.key(id.expect("a UUID")).name().to_owned()
}

#[tokio::test]
async fn before_it_is_full_timelines_make_room_and_sql_answers_for_them() {
    let platform = Platform::start().await;
    let (owner, bystander) = tokio::join!(platform.person(), platform.person());
    let project = owner.create_project("FULL").await;
    for number in 0..150 {
        let body = json!({"title": format!("Task {number}"), "description": "x".repeat(2000)});
        let path = format!(
            "/api/projects/{}/tasks",
            project["id"].as_str().expect("an id")
        );
        owner.post(&path, body).await.expect(201);
    }
    let streams = &platform.streams;
    let stored = all_published(&owner, &project, streams).await;
    eventually("the timeline has made room", PATIENCE, async || {
        // What it takes changes as connections come and go.
        let used = used_memory(streams).await;
        let limit = (used + used / 20).to_string();
        ask::<String>(streams, &["CONFIG", "SET", "maxmemory", &limit]).await;
        let exists: bool = ask(streams, &["EXISTS", &timeline(&project)]).await;
        if exists { Err("it is there") } else { Ok(()) }
    })
    .await;

    let mut live = owner.live().await;
    live.subscribe(&topic(&project), Some("0-0")).await;
    let subscribed = live.expect("subscribed").await;
    assert_eq!(subscribed["gap"], false, "{subscribed}");
    assert_eq!(heard(&mut live, stored.len()).await, stored);
    ask::<String>(streams, &["CONFIG", "SET", "maxmemory", "0"]).await;
    owner.create_task(&project, "after").await;
    heard(&mut live, 1).await;
    let other = bystander.create_project("OTHER").await;
    bystander.create_task(&other, "as ever").await;
}

#[tokio::test]
async fn every_metric_of_an_alert_is_shown_by_a_service() {
    let platform = Platform::start().await;
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../deploy/prometheus/alerts.yml");
    let rules = std::fs::read_to_string(file).expect("the alerts");
    let named = rules.split(|letter: char| letter != '_' && !letter.is_ascii_alphanumeric());
    let mut missing: BTreeSet<_> = named
        .filter(|name| name.starts_with("devmentor_"))
        .collect();
    assert!(missing.len() > 3, "{missing:?}");
    eventually("each is shown", PATIENCE, async || {
        for service in ["project-service", "learning-consumer"] {
            let url = format!("http://127.0.0.1:{}/metrics", platform.ops_port(service));
            let shown = reqwest::get(url).await.expect("an answer");
            let shown = shown.text().await.expect("text");
            missing.retain(|name| !shown.contains(name));
        }
        if missing.is_empty() {
            Ok(())
        } else {
            Err(format!("{missing:?}"))
        }
    })
    .await;
}
