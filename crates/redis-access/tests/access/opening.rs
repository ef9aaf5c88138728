//! Opening a connection on behalf of callers that are in a hurry.

use std::time::Duration;

use redis_access::AccessError;
use redis_contracts::{Streams, keys::OUTBOX};
use test_kit::{Proxy, RedisServer};

use crate::Reached;

const HURRY: Duration = Duration::from_millis(20);

#[tokio::test]
async fn who_gives_up_does_not_set_the_others_back() {
    let server = RedisServer::streams().await;
    let wire = Proxy::start(([127, 0, 0, 1], server.port()).into()).await;
    let reached = Reached::<Streams>::at(&format!("redis://{}", wire.addr())).await;
    let before = connections(&server).await;
    wire.freeze();
    for _ in 0..5 {
        let key = OUTBOX.key("a-producer");
        let held = tokio::time::timeout(HURRY, reached.pool.get(&key)).await;
        assert!(held.is_err(), "a frozen wire answered: {held:?}");
    }
    wire.heal();
    let held = reached.pool.get(&OUTBOX.key("a-producer")).await;
    assert_eq!(held.expect("an answer"), None);
    // One for all six; the other is the one that asks.
    assert_eq!(connections(&server).await - before, 2);
}

#[tokio::test]
async fn who_waits_shares_one_opening_and_its_failure() {
    let server = RedisServer::streams().await;
    let wire = Proxy::start(([127, 0, 0, 1], server.port()).into()).await;
    let reached = Reached::<Streams>::at(&format!("redis://{}", wire.addr())).await;
    let before = connections(&server).await;
    wire.freeze();
    let began = std::time::Instant::now();
    let key = OUTBOX.key("a-producer");
    let asked = futures_util::future::join_all((0..20).map(|_| reached.pool.get(&key))).await;
    assert!(
        asked
            .iter()
            .all(|answer| answer.as_ref().is_err_and(AccessError::is_unavailable))
    );
    // Each on its own would be 20 times the time to connect, which is a second.
    assert!(
        began.elapsed() < Duration::from_secs(8),
        "{:?}",
        began.elapsed()
    );
    wire.heal();
    let opened = connections(&server).await - before;
    assert!(opened <= 6, "{opened} connections were tried");
}

async fn connections(server: &RedisServer) -> u64 {
    let info = redis::cmd("INFO").arg("stats").to_owned();
    let mut connection = server.connect().await;
    let text: String = info.query_async(&mut connection).await.expect("INFO");
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix("total_connections_received:"));
    line.and_then(|count| count.trim().parse().ok())
        .expect("a count")
}
