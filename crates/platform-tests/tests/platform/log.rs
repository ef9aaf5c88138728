//! The places where the same events are: SQL, the stream, the timeline, a socket.

use std::time::Duration;

use redis_contracts::{PROJECT_TIMELINE, PROJECTS};
use serde_json::Value;
use test_kit::{Live, PATIENCE, Person, RedisServer, eventually};

/// An event and its position.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Recorded {
    pub(crate) position: String,
    pub(crate) event: Value,
}

/// The topic of a project.
pub(crate) fn topic(project: &Value) -> String {
    format!("project:{}", id(project))
}

/// The `id` of a resource.
pub(crate) fn id(resource: &Value) -> &str {
    resource["id"].as_str().expect("a resource has an id")
}

/// The types of events, without what all have in common.
pub(crate) fn types(events: &[Recorded]) -> Vec<&str> {
    let names = events
        .iter()
        .map(|recorded| recorded.event["type"].as_str().unwrap_or_default());
    names
        .map(|name| {
            name.trim_start_matches("devmentor.")
                .trim_end_matches(".v1")
        })
        .collect()
}

/// What SQL holds of a project, by `GET /api/projects/{id}/events`.
pub(crate) async fn in_sql(person: &Person, project: &Value) -> Vec<Recorded> {
    let mut all = Vec::new();
    let mut after = String::new();
    loop {
        let path = format!(
            "/api/projects/{}/events?limit=200&after={after}",
            id(project)
        );
        let page = person.get(&path).await.expect(200);
        all.extend(
            page["items"]
                .as_array()
                .expect("items")
                .iter()
                .map(recorded),
        );
        match page["next_after"].as_str() {
            Some(next) => next.clone_into(&mut after),
            None => return all,
        }
    }
}

/// What the stream holds of a project.
pub(crate) async fn in_stream(streams: &RedisServer, project: &Value) -> Vec<Recorded> {
    let mut all = entries(streams, PROJECTS.key(()).name()).await;
    all.retain(|recorded| recorded.event["project_id"] == project["id"]);
    all
}

/// What the project's timeline holds.
pub(crate) async fn in_timeline(streams: &RedisServer, project: &Value) -> Vec<Recorded> {
    let project_id = id(project).parse().expect("a UUID");
    entries(streams, PROJECT_TIMELINE.key(project_id).name()).await
}

async fn entries(streams: &RedisServer, stream: &str) -> Vec<Recorded> {
    let range = redis::cmd("XRANGE")
        .arg(stream)
        .arg("-")
        .arg("+")
        .to_owned();
    let entries: Vec<(String, [(String, String); 1])> = range
        .query_async(&mut streams.connect().await)
        .await
        .expect("XRANGE");
    // Others may have added what is no event.
    let entries = entries
        .into_iter()
        .filter(|(_, [(field, _)])| field == "event");
    let entries = entries.map(|(position, [(_, text)])| {
        let event = serde_json::from_str(&text).expect("JSON");
        Recorded { position, event }
    });
    entries.collect()
}

/// Waits until the stream holds all that SQL holds of a project, the same and in the same order.
pub(crate) async fn all_published(
    person: &Person,
    project: &Value,
    streams: &RedisServer,
) -> Vec<Recorded> {
    eventually("all is published", PATIENCE, async || {
        let (sql, stream) = (
            in_sql(person, project).await,
            in_stream(streams, project).await,
        );
        let places = |events: &[Recorded]| {
            events
                .iter()
                .map(|event| event.position.clone())
                .collect::<Vec<_>>()
        };
        if sql == stream {
            Ok(sql)
        } else {
            Err(format!("{:?} and {:?}", places(&sql), places(&stream)))
        }
    })
    .await
}

/// The next so many events of a socket; other frames than events fail.
pub(crate) async fn heard(live: &mut Live, count: usize) -> Vec<Recorded> {
    let mut events = Vec::new();
    while events.len() < count {
        events.push(recorded(&live.expect("event").await));
    }
    events
}

/// Nothing more comes for a while.
pub(crate) async fn silence(live: &mut Live) {
    let next = live.next_within(Duration::from_millis(200)).await;
    assert_eq!(next, Err(test_kit::Lost::Silent));
}

/// An event as the API lists it, and as a socket frames it.
pub(crate) fn recorded(item: &Value) -> Recorded {
    Recorded {
        position: item["position"].as_str().expect("a position").to_owned(),
        event: item["event"].clone(),
    }
}
