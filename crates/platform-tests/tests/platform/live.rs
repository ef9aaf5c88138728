//! The WebSocket: what it takes, what it refuses, and what it replays.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use test_kit::{Live, Lost, Person, Platform};

use crate::log::{Recorded, all_published, heard, silence, topic};

async fn subscribed(live: &mut Live, topic: &str, after: Option<&str>) -> Value {
    live.subscribe(topic, after).await;
    live.expect("subscribed").await
}

/// A project with a history of so many events.
async fn project_with(person: &Person, key: &str, events: usize) -> Value {
    let project = person.create_project(key).await;
    for number in 1..events {
        person
            .create_task(&project, &format!("Task {number}"))
            .await;
    }
    project
}

#[tokio::test]
async fn a_subscription_is_replayed_from_its_position_and_then_live() {
    let platform = Platform::start().await;
    let person = platform.person().await;
    let project = project_with(&person, "RPL", 10).await;
    let topic = topic(&project);
    let stored = all_published(&person, &project, &platform.streams).await;
    assert_eq!(stored.len(), 10);
    let mut live = person.live().await;
    let rows = [
        (Some("0-0".to_owned()), &stored[..]),
        (Some(stored[0].position.clone()), &stored[1..]),
        (Some(stored[4].position.clone()), &stored[5..]),
        (Some(stored[9].position.clone()), &[][..]),
        (None, &[][..]),
    ];
    for (after, missed) in rows {
        let answer = subscribed(&mut live, &topic, after.as_deref()).await;
        assert_eq!(
            (&answer["replayed"], &answer["gap"]),
            (&json!(missed.len()), &json!(false)),
            "{after:?}"
        );
        let from = after.as_deref().unwrap_or(&stored[9].position);
        assert_eq!(answer["position"], from, "the position to go on from");
        assert_eq!(heard(&mut live, missed.len()).await, missed, "{after:?}");
    }
    person.create_task(&project, "Live").await;
    heard(&mut live, 1).await;
    live.send(&json!({"type": "unsubscribe", "topic": topic}).to_string())
        .await;
    live.send(r#"{"type":"ping"}"#).await;
    live.expect("pong").await;
    person.create_task(&project, "Unheard").await;
    silence(&mut live).await;
}

#[tokio::test]
async fn a_position_that_is_not_of_this_history_is_a_gap() {
    let platform = Platform::start().await;
    let person = platform.person().await;
    let (project, other) = (
        project_with(&person, "GAP", 3).await,
        project_with(&person, "OTH", 2).await,
    );
    let stored = all_published(&person, &project, &platform.streams).await;
    let foreign = all_published(&person, &other, &platform.streams).await;
    let newest = &stored[2].position;
    let mut live = person.live().await;
    for after in [
        "1-0",
        "99999999999999-0",
        "18446744073709551615-0",
        &foreign[1].position,
        "",
        "x",
        "1",
        "-1-0",
    ] {
        let answer = subscribed(&mut live, &topic(&project), Some(after)).await;
        assert_eq!(
            (&answer["gap"], &answer["replayed"]),
            (&json!(true), &json!(0)),
            "{after}"
        );
        assert_eq!(answer["position"], newest.as_str(), "{after}");
    }
    person.create_task(&project, "After the gap").await;
    assert_eq!(heard(&mut live, 1).await.len(), 1);
}

#[tokio::test]
async fn an_empty_history_and_two_topics_on_one_socket() {
    let platform = Platform::start().await;
    let person = platform.person().await;
    let (one, two) = (
        person.create_project("ONE").await,
        person.create_project("TWO").await,
    );
    let mut live = person.live().await;
    for project in [&one, &two] {
        subscribed(&mut live, &topic(project), None).await;
    }
    let tasks = [
        person.create_task(&one, "a").await,
        person.create_task(&two, "b").await,
    ];
    let mut heard = Vec::new();
    for _ in &tasks {
        let frame = live.expect("event").await;
        heard.push((frame["topic"].clone(), frame["event"]["data"]["id"].clone()));
    }
    heard.sort_by_key(|(topic, _)| *topic != json!(crate::log::topic(&one)));
    assert_eq!(
        heard,
        [
            (json!(topic(&one)), tasks[0]["id"].clone()),
            (json!(topic(&two)), tasks[1]["id"].clone())
        ]
    );
    silence(&mut live).await;
}

#[tokio::test]
async fn what_the_timeline_no_longer_holds_comes_from_sql() {
    let platform = Platform::start().await;
    let person = platform.person().await;
    let project = person.create_project("DEEP").await;
    crate::import::import(&person, &project, &crate::import::archive(40, 30))
        .await
        .expect(200);
    let stored = all_published(&person, &project, &platform.streams).await;
    assert_eq!(stored.len(), 1 + 40 + 40 * 30);
    assert_eq!(
        crate::log::in_timeline(&platform.streams, &project)
            .await
            .len(),
        1000
    );
    let mut live = person.live().await;
    for after in [0, 100, 240, 241, 242, 1200] {
        let answer = subscribed(&mut live, &topic(&project), Some(&stored[after].position)).await;
        assert_eq!(answer["gap"], false);
        let missed = &stored[after + 1..];
        assert_eq!(
            heard(&mut live, missed.len()).await,
            missed,
            "after {after}"
        );
    }
}

#[tokio::test]
async fn a_frame_that_is_no_message_closes_the_socket() {
    let platform = Platform::start().await;
    let person = platform.person().await;
    let long = "x".repeat(17 * 1024);
    let too_long = json!({"type": "subscribe", "topic": long}).to_string();
    let deep = "[".repeat(10_000);
    let frames = [
        "",
        "nothing",
        "{",
        "null",
        "[]",
        "7",
        "{}",
        r#"{"type":"shout"}"#,
        r#"{"type":"subscribe"}"#,
        r#"{"type":"subscribe","topic":7}"#,
        r#"{"type":"subscribe","topic":"project:x","after":1}"#,
        r#"{"type":"unsubscribe","topic":null}"#,
        &deep,
    ];
    for frame in frames {
        let mut live = person.live().await;
        live.send(frame).await;
        assert_eq!(live.close_code().await, 4400, "{frame:.40}");
    }
    let mut live = person.live().await;
    live.send(&too_long).await;
    assert_eq!(live.close_code().await, 1009);
    let mut live = person.live().await;
    live.send_binary(br#"{"type":"ping"}"#).await;
    assert_eq!(live.close_code().await, 4400);
    let mut live = person.live().await;
    live.send(&json!({"type": "ping", "padding": "x".repeat(15 * 1024)}).to_string())
        .await;
    live.expect("pong").await;
}

#[tokio::test]
async fn topics_that_are_not_theirs_are_refused_and_the_socket_stays() {
    let platform = Platform::start().await;
    let (person, stranger) = (platform.person().await, platform.person().await);
    let foreign = topic(&stranger.create_project("FOR").await);
    let nowhere = format!("project:{}", uuid::Uuid::now_v7());
    let user = format!("user:{}", stranger.id);
    let workflow = format!("workflow:{}", uuid::Uuid::now_v7());
    let topics = [
        &foreign,
        &nowhere,
        &user,
        &workflow,
        "system",
        "project:",
        "project:x",
        "",
        "\u{0}",
    ];
    let mut live = person.live().await;
    for topic in topics {
        for after in [None, Some("0-0")] {
            live.subscribe(topic, after).await;
            let refusal = live.expect("error").await;
            assert_eq!(refusal["topic"], topic);
            let code = refusal["code"].as_str().expect("a code");
            assert!(
                ["forbidden", "not_found"].contains(&code),
                "{topic:?}: {code}"
            );
        }
    }
    live.send(r#"{"type":"ping"}"#).await;
    live.expect("pong").await;
}

#[tokio::test]
async fn a_hundred_topics_are_enough() {
    let platform = Platform::start().await;
    let person = platform.person().await;
    let mut live = person.live().await;
    let mut projects = Vec::new();
    for number in 0..101 {
        projects.push(person.create_project(&format!("P{number}")).await);
    }
    for project in &projects[..100] {
        subscribed(&mut live, &topic(project), None).await;
    }
    live.subscribe(&topic(&projects[100]), None).await;
    assert_eq!(live.expect("error").await["topic"], topic(&projects[100]));
    person.create_task(&projects[99], "Heard").await;
    heard(&mut live, 1).await;
    live.send(&json!({"type": "unsubscribe", "topic": topic(&projects[0])}).to_string())
        .await;
    subscribed(&mut live, &topic(&projects[100]), None).await;
}

#[tokio::test]
async fn a_client_that_does_not_read_is_told_and_loses_nothing_once_it_reads_again() {
    let platform = Platform::start().await;
    let person = platform.person().await;
    let project = person.create_project("SLOW").await;
    let mut live = person.live().await;
    subscribed(&mut live, &topic(&project), None).await;
    // More than the gateway's queue and what the sockets' buffers take.
    let mut archive = crate::import::archive(6000, 0);
    for issue in archive["issues"].as_array_mut().expect("issues") {
        issue["body"] = json!("x".repeat(2000));
    }
    let imported = crate::import::import(&person, &project, &archive).await;
    imported.expect(200);
    let stored = all_published(&person, &project, &platform.streams).await;
    let mut all: Vec<Recorded> = stored[..1].to_vec();
    let mut resyncs = 0;
    while all.len() < stored.len() {
        match live.next().await {
            Ok(frame) if frame["type"] == "event" => all.push(crate::log::recorded(&frame)),
            Ok(frame) if frame["type"] == "resync" => {
                assert_eq!(frame["reason"], "slow_consumer");
                resyncs += 1;
                let last = all.last().expect("one").position.clone();
                let answer = subscribed(&mut live, &topic(&project), Some(&last)).await;
                assert_eq!(answer["gap"], false);
            }
            other => panic!("{other:?}"),
        }
    }
    assert!(all == stored, "each event once and in order");
    assert_eq!(resyncs, 1, "a replay is never a reason for another one");
}

#[tokio::test]
async fn a_gateway_that_stops_says_when_to_come_back() {
    let mut platform = Platform::start().await;
    let person = platform.person().await;
    let mut live = person.live().await;
    platform.service("ui-gateway").terminate();
    match live.next().await {
        Err(Lost::Closed { code: 1012, reason }) => {
            let reason: Value = serde_json::from_str(&reason).expect("JSON");
            assert!(
                reason["retry_ms"].as_u64().is_some_and(|ms| ms > 0),
                "{reason}"
            );
        }
        other => panic!("{other:?}"),
    }
    let status = platform.service("ui-gateway").wait().await;
    assert!(status.success(), "{status}");
}

#[tokio::test]
async fn an_upgrade_needs_a_session_and_to_be_one() {
    let platform = Platform::start().await;
    let person = platform.person().await;
    let refused = Live::connect(platform.base_url(), "not-a-token").await;
    assert!(
        matches!(refused, Err(tokio_tungstenite::tungstenite::Error::Http(answer)) if answer.status() == 401)
    );
    let plain = person.get("/api/realtime/ws").await;
    assert!(plain.status == 400 || plain.status == 426, "{plain}");
}

#[tokio::test]
async fn ten_thousand_events_are_replayed_and_more_is_a_gap() {
    let platform = Platform::start().await;
    let person = platform.person().await;
    let project = person.create_project("FAR").await;
    let archive = crate::import::archive(100, 99);
    crate::import::import(&person, &project, &archive)
        .await
        .expect(200);
    let stored = all_published(&person, &project, &platform.streams).await;
    assert_eq!(stored.len(), 10_001);
    let mut live = person.live().await;
    let began = Instant::now();
    let answer = subscribed(&mut live, &topic(&project), Some(&stored[0].position)).await;
    assert!(
        began.elapsed() < Duration::from_secs(1),
        "answered within 1 s: {:?}",
        began.elapsed()
    );
    assert_eq!(
        (&answer["gap"], &answer["replayed"]),
        (&json!(false), &json!(10_000))
    );
    assert!(
        heard(&mut live, 10_000).await == stored[1..],
        "each event once and in order"
    );
    let answer = subscribed(&mut live, &topic(&project), Some("0-0")).await;
    assert_eq!(
        (&answer["gap"], &answer["replayed"]),
        (&json!(true), &json!(0))
    );
    assert_eq!(answer["position"], stored[10_000].position.as_str());
}
