//! The streams Redis away, empty, or silent: writes succeed, and everything is published in the end.

use serde_json::{Value, json};
use test_kit::{PATIENCE, Person, Platform, eventually};

use crate::log::{all_published, heard, in_sql, in_stream, in_timeline, topic};

/// Waits for a state of the platform's health.
async fn health(person: &Person, what: &str, wanted: impl Fn(&Value) -> bool) -> Value {
    eventually(what, PATIENCE, async || {
        let health = person.get("/api/health").await.body;
        if wanted(&health) {
            Ok(health)
        } else {
            Err(health)
        }
    })
    .await
}

#[tokio::test]
async fn while_the_streams_redis_is_away_writes_succeed_and_come_in_order_when_it_is_back() {
    let mut platform = Platform::start().await;
    let person = platform.person().await;
    let project = person.create_project("AWAY").await;
    let mut live = person.live().await;
    live.subscribe(&topic(&project), Some("0-0")).await;
    live.expect("subscribed").await;
    heard(&mut live, 1).await;
    health(&person, "all is well", |health| health["status"] == "ok").await;

    platform.streams.kill();
    for number in 0..20 {
        person
            .create_task(&project, &format!("Task {number}"))
            .await;
    }
    let told = health(&person, "degraded, with its backlog", |health| {
        health["status"] == "degraded" && health["redis"]["streams"]["backlog"] == 20
    })
    .await;
    assert_eq!(told["redis"]["streams"]["status"], "down", "{told}");
    assert_eq!(told["redis"]["cache"]["status"], "ok", "{told}");

    platform.streams.restart().await;
    let stored = all_published(&person, &project, &platform.streams).await;
    assert_eq!(stored.len(), 21);
    let mut events = Vec::new();
    while events.len() < 20 {
        let frame = live.next().await.expect("a frame");
        match frame["type"].as_str() {
            Some("event") => events.push(crate::log::recorded(&frame)),
            other => assert_eq!(other, Some("status"), "{frame}"),
        }
    }
    assert_eq!(events, stored[1..]);
    health(&person, "all is well again", |health| {
        health["status"] == "ok" && health["redis"]["streams"]["backlog"] == 0
    })
    .await;
}

#[tokio::test]
async fn a_streams_redis_that_comes_back_empty_is_refilled_under_the_original_ids() {
    let mut platform = Platform::start().await;
    let person = platform.person().await;
    let (one, two) = (
        person.create_project("ONE").await,
        person.create_project("TWO").await,
    );
    for number in 0..30 {
        let project = if number % 2 == 0 { &one } else { &two };
        person.create_task(project, &format!("Task {number}")).await;
    }
    let before = [
        all_published(&person, &one, &platform.streams).await,
        all_published(&person, &two, &platform.streams).await,
    ];
    let mut live = person.live().await;
    live.subscribe(&topic(&one), None).await;
    live.expect("subscribed").await;

    platform.streams.stop().await;
    platform.streams.wipe();
    platform.streams.restart().await;
    for (project, before) in [&one, &two].into_iter().zip(&before) {
        eventually("refilled", PATIENCE, async || {
            let held = in_stream(&platform.streams, project).await;
            if held == *before {
                Ok(())
            } else {
                Err(format!("{} of {}", held.len(), before.len()))
            }
        })
        .await;
        assert_eq!(in_timeline(&platform.streams, project).await, *before);
    }
    let task = person.create_task(&one, "After it").await;
    loop {
        let frame = live.next().await.expect("a frame");
        if frame["type"] == "event" {
            assert_eq!(
                frame["event"]["data"]["id"], task["id"],
                "what was heard before does not come again"
            );
            break;
        }
    }
    all_published(&person, &one, &platform.streams).await;
}

#[tokio::test]
async fn a_project_service_that_died_before_publishing_publishes_when_it_is_back() {
    let mut platform = Platform::start().await;
    let person = platform.person().await;
    let project = person.create_project("DIED").await;
    platform.streams.kill();
    for number in 0..5 {
        person
            .create_task(&project, &format!("Task {number}"))
            .await;
    }
    platform.kill("project-service");
    platform.streams.restart().await;
    assert!(in_stream(&platform.streams, &project).await.len() <= 1);
    platform.restart("project-service").await;
    assert_eq!(
        all_published(&person, &project, &platform.streams)
            .await
            .len(),
        6
    );
}

#[tokio::test]
async fn on_a_silent_wire_writes_still_succeed() {
    let platform = Platform::builder().proxy_streams().start().await;
    let person = platform.person().await;
    let project = person.create_project("QUI").await;
    all_published(&person, &project, &platform.streams).await;
    let wire = platform.streams_wire.as_ref().expect("a proxy");
    wire.freeze();
    for number in 0..5 {
        person
            .create_task(&project, &format!("Task {number}"))
            .await;
    }
    health(&person, "degraded", |health| health["status"] == "degraded").await;
    assert_eq!(in_sql(&person, &project).await.len(), 6);
    wire.heal();
    assert_eq!(
        all_published(&person, &project, &platform.streams)
            .await
            .len(),
        6
    );
}

#[tokio::test]
async fn health_tells_who_is_away() {
    let mut platform = Platform::start().await;
    let person = platform.person().await;
    platform.cache.kill();
    health(&person, "degraded", |health| {
        health["redis"]["cache"]["status"] == "down"
    })
    .await;
    platform.cache.restart().await;
    for service in ["learning-consumer", "ai-gateway"] {
        platform.kill(service);
        let told = health(&person, "degraded", |health| {
            health["services"][service]["status"] == "down"
        })
        .await;
        assert_eq!(told["status"], "degraded", "{told}");
        platform.restart(service).await;
    }
    platform.kill("project-service");
    let down = eventually("down", PATIENCE, async || {
        let answer = person.get("/api/health").await;
        if answer.status == 503 {
            Ok(answer)
        } else {
            Err(answer)
        }
    })
    .await;
    assert_eq!(
        (
            &down.body["status"],
            &down.body["services"]["project-service"]["status"]
        ),
        (&json!("down"), &json!("down"))
    );
    person
        .get("/api/projects")
        .await
        .expect_problem(503, "unavailable");
    assert!(
        !person
            .get("/api/projects")
            .await
            .header("retry-after")
            .is_empty()
    );
    platform.restart("project-service").await;
    health(&person, "ok", |health| health["status"] == "ok").await;
}
