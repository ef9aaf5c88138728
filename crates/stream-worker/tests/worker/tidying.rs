//! What leaves a stream, and which consumers are forgotten.

use std::time::Duration;

use redis::{AsyncCommands, aio::MultiplexedConnection, streams::StreamReadOptions};
use redis_access::StreamsPool;
use redis_contracts::script::tidy_stream;
use test_kit::{PATIENCE, RedisServer, eventually};
use tokio_util::sync::CancellationToken;

use super::{OF, settings};

const GROUP: &str = "learning-group";
const STREAM: &str = "user:interactions";
/// Redis trims whole nodes of 100 entries.
const OLD: u64 = 300;

/// Tidies once; how many entries were trimmed.
async fn tidy(redis: &RedisServer) -> u64 {
    let pool = StreamsPool::new(&settings(redis)).expect("a Redis URL");
    let stop = CancellationToken::new();
    let link = pool.keep_link(stop.clone());
    let tidied = async {
        let trimmed = eventually("the stream is tidied", PATIENCE, async || {
            pool.invoke::<u64>(&tidy_stream(OF, Duration::ZERO)).await
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
async fn an_entry_goes_when_it_is_old_and_every_group_has_acknowledged_it() {
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
    assert_eq!(tidy(&redis).await, 100, "what is pending stays");

    acknowledge(&mut connection, 151..=OLD).await;
    let _: () = connection
        .xgroup_create(STREAM, "another", "250-0")
        .await
        .expect("a group");
    assert_eq!(tidy(&redis).await, 100, "another group has not read on");

    let _: u64 = connection
        .xgroup_destroy(STREAM, "another")
        .await
        .expect("a group");
    assert_eq!(tidy(&redis).await, 100);
    let left: u64 = connection.xlen(STREAM).await.expect("a stream");
    assert_eq!(left, 1, "what is young stays");
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
