//! Consumers that die, a Redis that goes, and a stop.

use redis::AsyncCommands;
use redis::streams::{StreamReadOptions, StreamReadReply};
use stream_worker::Outcome;
use test_kit::RedisServer;

use super::{Running, append, settled};

const GROUP: &str = "learning-group";
const STREAM: &str = "user:interactions";

#[tokio::test]
async fn what_a_dead_consumer_held_is_taken_over() {
    let redis = RedisServer::streams().await;
    let mut connection = redis.connect().await;
    let mut held = Vec::new();
    for _ in 0..25 {
        held.push(append(&mut connection).await);
    }
    let _: () = connection
        .xgroup_create(STREAM, GROUP, "0")
        .await
        .expect("a group");
    let options = StreamReadOptions::default().group(GROUP, "dead").count(25);
    let read: StreamReadReply = connection
        .xread_options(&[STREAM], &[">"], &options)
        .await
        .expect("entries");
    assert_eq!(read.keys[0].ids.len(), 25);
    let worker = Running::start(&redis, "alive", |_, _| Outcome::Done);
    settled(&redis).await;
    assert!(held.iter().all(|id| worker.given(*id) == 1));
    worker.stop().await;
}

#[tokio::test]
async fn two_consumers_share_and_a_stop_leaves_nothing_behind() {
    let redis = RedisServer::streams().await;
    let mut connection = redis.connect().await;
    let (one, two) = (
        Running::start(&redis, "one", |_, _| Outcome::Done),
        Running::start(&redis, "two", |_, _| Outcome::Done),
    );
    let mut ids = Vec::new();
    for _ in 0..100 {
        ids.push(append(&mut connection).await);
    }
    settled(&redis).await;
    assert!(ids.iter().all(|id| one.given(*id) + two.given(*id) == 1));
    for _ in 0..100 {
        append(&mut connection).await;
    }
    one.stop().await;
    let pending: redis::streams::StreamPendingCountReply = connection
        .xpending_consumer_count(STREAM, GROUP, "-", "+", 1000, "one")
        .await
        .expect("a group");
    assert!(pending.ids.is_empty(), "{pending:?}");
    settled(&redis).await;
    two.stop().await;
}

#[tokio::test]
async fn a_redis_that_comes_back_is_read_on() {
    let mut redis = RedisServer::streams().await;
    let worker = Running::start(&redis, "one", |_, _| Outcome::Done);
    let mut connection = redis.connect().await;
    let before = append(&mut connection).await;
    settled(&redis).await;
    redis.restart().await;
    let mut connection = redis.connect().await;
    let after = append(&mut connection).await;
    settled(&redis).await;
    assert_eq!((worker.given(before), worker.given(after)), (1, 1));
    worker.stop().await;
}
