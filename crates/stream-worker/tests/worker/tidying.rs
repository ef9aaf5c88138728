//! What leaves a stream, and which consumers are forgotten.

use std::time::Duration;

use redis::{AsyncCommands, aio::MultiplexedConnection, streams::StreamReadOptions};
use redis_access::{RedisSettings, StreamsPool};
use redis_contracts::{STREAM_BYTES, script::tidy_stream};
use test_kit::{PATIENCE, RedisServer, eventually};
use tokio_util::sync::CancellationToken;

use super::OF;

const GROUP: &str = "learning-group";
const STREAM: &str = "user:interactions";
const OLD: u64 = 300;

/// Tidies once; how many entries were trimmed.
async fn tidy(redis: &RedisServer) -> u64 {
    tidy_within(redis, STREAM_BYTES).await
}

/// As [`tidy`], with another budget.
async fn tidy_within(redis: &RedisServer, bytes: u64) -> u64 {
    let mut call = tidy_stream(OF, Duration::ZERO);
    call.args[2] = bytes.to_string().into_bytes();
    let pool = StreamsPool::new(&RedisSettings::new(redis.url())).expect("a Redis URL");
    let stop = CancellationToken::new();
    let link = pool.keep_link(stop.clone());
    let tidied = async {
        let trimmed = eventually("the stream is tidied", PATIENCE, async || {
            pool.invoke::<u64>(&call).await
        });
        let trimmed = trimmed.await;
        stop.cancel();
        trimmed
    };
    tokio::join!(link, tidied).1
}

async fn read(connection: &mut MultiplexedConnection, count: u64) {
    let options = StreamReadOptions::default();
    let options = options.group(GROUP, "reader").count(count as usize);
    let _: redis::Value = connection
        .xread_options(&[STREAM], &[">"], &options)
        .await
        .expect("entries");
}

async fn acknowledge(connection: &mut MultiplexedConnection, ids: std::ops::RangeInclusive<u64>) {
    let ids: Vec<_> = ids.map(|ms| format!("{ms}-0")).collect();
    let _: u64 = connection.xack(STREAM, GROUP, &ids).await.expect("a group");
}

#[tokio::test]
async fn an_entry_goes_when_it_is_old_and_its_group_has_acknowledged_it() {
    let redis = RedisServer::streams().await;
    let mut connection = redis.connect().await;
    for ms in 1..=OLD {
        let _: String = connection
            .xadd(STREAM, format!("{ms}-0"), &[("event", "x")])
            .await
            .expect("an entry");
    }
    let _: String = connection
        .xadd(STREAM, "*", &[("event", "young")])
        .await
        .expect("an entry");
    assert_eq!(tidy(&redis).await, 0, "its group has not even been made");

    let _: () = connection
        .xgroup_create(STREAM, GROUP, "0")
        .await
        .expect("a group");
    assert_eq!(tidy(&redis).await, 0, "nothing was delivered");

    read(&mut connection, OLD + 1).await;
    acknowledge(&mut connection, 1..=150).await;
    assert_eq!(tidy(&redis).await, 150, "what is pending stays");

    acknowledge(&mut connection, 151..=OLD).await;
    let _: () = connection
        .xgroup_create(STREAM, "forgotten", "200-0")
        .await
        .expect("a group");
    assert_eq!(tidy(&redis).await, 150, "a group of others holds nothing");
    let left: u64 = connection.xlen(STREAM).await.expect("a stream");
    assert_eq!(left, 1, "what is young stays");
}

#[tokio::test]
async fn what_takes_too_many_bytes_goes_oldest_first_as_far_as_it_is_acknowledged() {
    let redis = RedisServer::streams().await;
    let mut connection = redis.connect().await;
    let _: () = connection
        .xgroup_create_mkstream(STREAM, GROUP, "0")
        .await
        .expect("a group");
    let event = "x".repeat(1000);
    let mut young = Vec::new();
    for _ in 0..OLD {
        let id: String = connection
            .xadd(STREAM, "*", &[("event", &event)])
            .await
            .expect("an entry");
        young.push(id);
    }
    assert_eq!(tidy_within(&redis, 1000).await, 0, "nothing was delivered");
    read(&mut connection, OLD).await;
    let _: u64 = connection
        .xack(STREAM, GROUP, &young[..200])
        .await
        .expect("a group");
    let budget = 300 * 1024;
    eventually("it takes no more than it may", PATIENCE, async || {
        tidy_within(&redis, budget).await;
        let used: u64 = redis::cmd("MEMORY")
            .arg(&["USAGE", STREAM])
            .query_async(&mut connection)
            .await
            .expect("a number");
        if used <= budget { Ok(()) } else { Err(used) }
    })
    .await;
    tidy_within(&redis, 1000).await;
    let left: Vec<(String, redis::Value)> = connection.xrange_all(STREAM).await.expect("a stream");
    assert_eq!(left.len(), 100, "what is pending stays");
    assert_eq!(left[0].0, young[200]);
}

#[tokio::test]
async fn a_consumer_with_something_pending_is_kept() {
    let redis = RedisServer::streams().await;
    let mut connection = redis.connect().await;
    let id: String = connection
        .xadd(STREAM, "*", &[("event", "x")])
        .await
        .expect("an entry");
    let _: () = connection
        .xgroup_create(STREAM, GROUP, "0")
        .await
        .expect("a group");
    read(&mut connection, 1).await;
    let consumers = async |connection: &mut MultiplexedConnection| {
        let reply: redis::streams::StreamInfoConsumersReply = connection
            .xinfo_consumers(STREAM, GROUP)
            .await
            .expect("a group");
        reply.consumers.len()
    };
    tidy(&redis).await;
    assert_eq!(consumers(&mut connection).await, 1);
    let _: u64 = connection
        .xack(STREAM, GROUP, &[id])
        .await
        .expect("a group");
    eventually("it is forgotten", PATIENCE, async || {
        tidy(&redis).await;
        let left = consumers(&mut connection).await;
        if left == 0 { Ok(()) } else { Err(left) }
    })
    .await;
}
