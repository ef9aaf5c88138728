//! Servers that answer and take no writes, or no new connections.

use std::time::{Duration, Instant};

use redis_access::LinkState;
use redis_contracts::{FEEDBACK, Position, Streams, keys::OUTBOX};
use test_kit::{PATIENCE, Proxy, RedisServer, eventually};

use crate::{Reached, tell};

/// How long anything may take to heal.
const HEALED_WITHIN: Duration = Duration::from_secs(10);

#[tokio::test]
async fn one_that_takes_no_writes_serves_reads_says_why_and_heals_by_itself() {
    let server = RedisServer::streams().await;
    let reached = Reached::<Streams>::at(&server.url()).await;
    let pool = &reached.pool;
    let key = OUTBOX.key("a-producer");
    pool.set(&key, &Position::new(1, 0)).await.expect("SET");
    for (setting, bad, good, says) in [
        ("maxmemory", "1", "0", "it is full"),
        ("min-replicas-to-write", "1", "0", "too few replicas"),
    ] {
        let connections = received(&server).await;
        tell(&server, &["CONFIG", "SET", setting, bad]).await;
        for _ in 0..100 {
            let refused = pool.set(&key, &Position::new(2, 0)).await;
            assert!(refused.expect_err(setting).is_unavailable());
            let read = pool.get(&key).await;
            assert_eq!(read.expect("a bystander"), Some(Position::new(1, 0)));
        }
        eventually("it is known why", PATIENCE, async || match pool.refusal() {
            Some(reason) if reason.starts_with(says) => Ok(()),
            other => Err(format!("{other:?}")),
        })
        .await;
        assert_eq!(pool.fault(), None, "reads are served");
        tell(&server, &["CONFIG", "SET", setting, good]).await;
        let undone = Instant::now();
        pool.set(&key, &Position::new(1, 0)).await.expect("SET");
        eventually("it is over", PATIENCE, async || {
            pool.refusal().map_or(Ok(()), Err)
        })
        .await;
        assert!(undone.elapsed() < HEALED_WITHIN, "{:?}", undone.elapsed());
        let opened = received(&server).await - connections;
        assert!(opened < 40, "{opened} connections for 100 refusals");
    }
    assert_eq!(*pool.link().borrow(), LinkState::Up(1));
}

#[tokio::test]
async fn while_none_can_be_opened_callers_know_at_once_and_open_ones_are_used() {
    let server = RedisServer::streams().await;
    let target = ([127, 0, 0, 1], server.port()).into();
    let (key, stream) = (OUTBOX.key("a-producer"), FEEDBACK.key(()));
    for close in [Proxy::refuse_new as fn(&Proxy), Proxy::hold_new] {
        let wire = Proxy::start(target).await;
        let reached = Reached::<Streams>::at(&format!("redis://{}", wire.addr())).await;
        let pool = &reached.pool;
        close(&wire);
        // The time to connect, which is a second; then it is known, and takes none of it.
        for longest in [5000, 900, 900] {
            let began = Instant::now();
            let error = pool.get(&key).await.expect_err("no connection");
            assert!(error.is_unavailable(), "{error}");
            let took = began.elapsed();
            assert!(took < Duration::from_millis(longest), "{took:?}");
        }
        let fault = pool.fault().expect("what is the matter");
        let says = "no new connection can be opened: ";
        assert!(fault.starts_with(says), "{fault}");

        wire.lead_new_to(target);
        let undone = Instant::now();
        eventually("it is over", PATIENCE, async || {
            pool.fault().map_or(Ok(()), Err)
        })
        .await;
        assert!(undone.elapsed() < HEALED_WITHIN, "{:?}", undone.elapsed());
        pool.get(&key).await.expect("a new one");

        close(&wire);
        pool.entries_from(&stream, Position::START, 1)
            .await
            .expect_err("bulk work needs another");
        pool.get(&key).await.expect("the open one");

        wire.lead_new_to(target);
        let bulk = async || pool.entries_from(&stream, Position::START, 1).await;
        eventually("bulk work has one of its own", PATIENCE, bulk).await;
        close(&wire);
        pool.suspect();
        eventually("none can be opened", PATIENCE, async || {
            pool.fault().ok_or("it seems well")
        })
        .await;
        bulk().await.expect("the open one");
        assert_eq!(*pool.link().borrow(), LinkState::Up(1));
    }
}

/// Connections it has accepted so far.
async fn received(server: &RedisServer) -> u64 {
    let stats = tell(server, &["INFO", "stats"]).await;
    let line = stats
        .lines()
        .find_map(|line| line.strip_prefix("total_connections_received:"));
    line.and_then(|count| count.trim().parse().ok())
        .expect("a count")
}
