//! A streams Redis that was emptied: what happens now is live again before history is back.
//!
//! `EVENTS=1000000` measures with so many: then it has to be live within 3 s.

use std::time::{Duration, Instant};

use redis_contracts::{PROJECTS, Position, Timestamp};
use serde_json::json;
use sqlx::SqliteConnection;
use test_kit::{PATIENCE, eventually};
use uuid::Uuid;

use crate::{Room, id};

/// More than a stream is filled with.
const EVENTS: i64 = 60_000;

/// A new event is live within this, however much there is in SQL.
const LIVE_WITHIN: Duration = Duration::from_secs(3);

/// History of a project nobody looks at: all of it of today, so that none is too old.
async fn add_history(sql: &mut SqliteConnection, count: i64) {
    const AT_ONCE: i64 = 50_000;
    let first_ms = Timestamp::now().unix_ms() - 3_600_000;
    let first = Position::new(first_ms.unsigned_abs(), 0).packed();
    let project = Uuid::now_v7();
    for done in (0..count).step_by(AT_ONCE as usize) {
        sqlx::query(
            "WITH RECURSIVE numbers (n) AS (SELECT ?3 UNION ALL SELECT n + 1 FROM numbers WHERE n + 1 < ?3 + ?4)
             INSERT INTO events (position, project_id, type, time, event)
             SELECT ?1 + n, ?2, 'devmentor.task.deleted.v1', 0, ?5 FROM numbers",
        )
        .bind(first)
        .bind(project)
        .bind(done)
        .bind(AT_ONCE.min(count - done))
        .bind(history(project))
        .execute(&mut *sql)
        .await
        .expect("events");
    }
}

/// An event of the usual size.
fn history(project: Uuid) -> String {
    let id = Uuid::now_v7();
    json!({
        "specversion": "1.0", "id": id, "source": "/project-service", "type": "devmentor.task.deleted.v1",
        "subject": format!("task/{id}"), "time": "2026-01-01T00:00:00.000Z", "datacontenttype": "application/json",
        "traceparent": null, "actor": id, "project_id": project,
        "data": {"id": id, "ref": "AB-1", "rest": "x".repeat(300)},
    })
    .to_string()
}

#[tokio::test]
async fn after_an_emptied_redis_a_new_event_is_soon_live_however_much_there_was() {
    let measured = std::env::var("EVENTS")
        .ok()
        .and_then(|events| events.parse().ok());
    let events: i64 = measured.unwrap_or(EVENTS);
    let mut room = Room::open().await;
    room.platform.kill("project-service");
    add_history(&mut room.database().await, events).await;
    room.platform.restart("project-service").await;
    let mut live = room.person.live().await;
    live.subscribe(&format!("project:{}", id(&room.project)), None)
        .await;
    live.expect("subscribed").await;
    room.task("Before", json!({})).await;
    live.expect("event").await;
    let mut redis = room.platform.streams.connect().await;
    eventually("nothing waits", PATIENCE * 4, async || {
        let health = room.person.get("/api/health").await.body;
        let backlog = health["redis"]["streams"]["backlog"].clone();
        if backlog == 0 { Ok(()) } else { Err(backlog) }
    })
    .await;

    let () = redis::cmd("FLUSHALL")
        .query_async(&mut redis)
        .await
        .expect("FLUSHALL");
    let began = Instant::now();
    let task = room.task("After", json!({})).await;
    loop {
        let frame = live.next().await.expect("a frame");
        if frame["type"] == "event" && frame["event"]["data"]["id"] == task["id"] {
            break;
        }
    }
    let took = began.elapsed();
    let held: i64 = redis::cmd("XLEN")
        .arg(PROJECTS.key(()).name())
        .query_async(&mut redis)
        .await
        .expect("XLEN");
    assert!(
        held < EVENTS,
        "{held}: what SQL has as well is not all filled in"
    );
    // A machine that does something else as well says nothing of the time.
    if measured.is_some() {
        assert!(took < LIVE_WITHIN, "{took:?} with {events} events");
    }
}
