//! Which timelines make room.

use redis_contracts::{PROJECT_TIMELINE, PROJECTS, STREAMS_BYTES, Streams, USER_TIMELINE};
use test_kit::RedisServer;
use uuid::Uuid;

use crate::Reached;

const DAY_MS: u64 = 86_400_000;

#[tokio::test]
async fn the_timelines_idle_longest_make_room_and_nothing_else_does() {
    let server = RedisServer::streams().await;
    let reached = Reached::<Streams>::at(&server.url()).await;
    let mut redis = server.connect().await;
    let mut add = async |name: &str, left_ms: Option<u64>| {
        let mut pipeline = redis::pipe();
        let text = "x".repeat(20_000);
        pipeline
            .cmd("XADD")
            .arg(name)
            .arg("*")
            .arg("event")
            .arg(text);
        if let Some(left_ms) = left_ms {
            pipeline.cmd("PEXPIRE").arg(name).arg(left_ms);
        }
        pipeline.exec_async(&mut redis).await.expect("added");
    };
    // A week and a month are what they have after an event.
    let mut timelines = Vec::new();
    for idle_days in 0..6 {
        let project = PROJECT_TIMELINE.key(Uuid::now_v7()).name().to_owned();
        add(&project, Some((7 - idle_days) * DAY_MS)).await;
        let user = USER_TIMELINE.key(Uuid::now_v7()).name().to_owned();
        add(&user, Some((30 - idle_days) * DAY_MS - 1000)).await;
        timelines.extend([project, user]);
    }
    let log = PROJECTS.key(()).name().to_owned();
    add(&log, None).await;

    let memory = reached.pool.memory().await.expect("INFO");
    assert_eq!(memory.limit, STREAMS_BYTES);
    assert!(memory.used > 13 * 20_000, "{memory:?}");

    let dropped = reached.pool.drop_idle_timelines(90_000).await;
    assert_eq!(dropped.expect("dropped"), 5);
    let mut left = Vec::new();
    for name in &timelines {
        let exists: bool = redis::cmd("EXISTS")
            .arg(name)
            .query_async(&mut server.connect().await)
            .await
            .expect("EXISTS");
        left.push(exists);
    }
    assert_eq!(left, [[true; 7].as_slice(), &[false; 5]].concat());

    let dropped = reached.pool.drop_idle_timelines(u64::MAX).await;
    assert_eq!(dropped.expect("dropped"), 7);
    let length: u64 = redis::cmd("XLEN")
        .arg(&log)
        .query_async(&mut server.connect().await)
        .await
        .expect("XLEN");
    assert_eq!(length, 1, "the log of record is not touched");
}
