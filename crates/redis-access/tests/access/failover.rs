//! Servers that change their role or their place while connections stay open.

use std::{net::SocketAddr, time::Duration};

use redis_access::{LinkState, RedisSettings};
use redis_contracts::{Cache, LIVE_PROJECTS, Position, Streams, keys::OUTBOX};
use test_kit::{PATIENCE, Proxy, RedisServer, eventually};

use crate::{Reached, tell};

fn address(server: &RedisServer) -> SocketAddr {
    ([127, 0, 0, 1], server.port()).into()
}

fn is_a_replica(state: &LinkState) -> bool {
    matches!(state, LinkState::Down(reason) if reason.contains("replica"))
}

#[tokio::test]
async fn a_master_that_is_demoted_under_its_connections_is_away_until_it_is_one_again() {
    let (server, other) = (RedisServer::streams().await, RedisServer::streams().await);
    for checked_soon in [true, false] {
        let reached = Reached::<Streams>::with(&RedisSettings {
            health_check: Duration::from_millis(if checked_soon { 100 } else { 3_600_000 }),
            ..RedisSettings::new(server.url())
        })
        .await;
        let key = OUTBOX.key("a-producer");
        let written = Position::new(1, 0);
        reached.pool.set(&key, &written).await.expect("a master");

        let port = other.port().to_string();
        tell(&server, &["REPLICAOF", "127.0.0.1", &port]).await;
        if !checked_soon {
            let error = reached.pool.set(&key, &written).await.expect_err("demoted");
            assert!(error.is_unavailable(), "{error}");
        }
        reached.until("that of a replica", is_a_replica).await;
        let fault = reached.pool.fault().expect("what is the matter");
        assert!(
            fault.contains("it is a replica, which takes no writes"),
            "{fault}"
        );

        tell(&server, &["REPLICAOF", "NO", "ONE"]).await;
        reached
            .until("up again", |state| *state == LinkState::Up(2))
            .await;
        reached.pool.set(&key, &written).await.expect("a master");
        assert_eq!(reached.pool.fault(), None);
    }
}

#[tokio::test]
async fn who_is_led_to_another_server_opens_every_connection_anew() {
    let (old, new) = (RedisServer::streams().await, RedisServer::streams().await);
    let wire = Proxy::start(address(&old)).await;
    let reached = Reached::<Streams>::with(&RedisSettings {
        health_check: Duration::from_millis(100),
        ..RedisSettings::new(format!("redis://{}", wire.addr()))
    })
    .await;
    let pool = &reached.pool;
    let (key, stream) = (OUTBOX.key("a-producer"), redis_contracts::FEEDBACK.key(()));
    pool.set(&key, &Position::new(1, 0)).await.expect("SET");
    let entries = pool.entries_from(&stream, Position::START, 1).await;
    assert!(entries.expect("XRANGE").is_empty());
    let mut live = pool.subscribe(&[&LIVE_PROJECTS]).await.expect("SUBSCRIBE");
    let mut reader = pool
        .group_reader(&stream, "a-group", "one", Duration::from_secs(1))
        .await
        .expect("a reader");

    // As after a failover: the old one is still there, and believes to be the master.
    new.append("user:feedback", "{}").await;
    wire.lead_new_to(address(&new));
    reached
        .until("made anew", |state| *state == LinkState::Up(2))
        .await;
    pool.set(&key, &Position::new(2, 0)).await.expect("SET");
    assert_eq!(tell(&old, &["GET", key.name()]).await, "1-0");
    assert_eq!(tell(&new, &["GET", key.name()]).await, "2-0");
    let entries = pool.entries_from(&stream, Position::START, 1).await;
    assert_eq!(entries.expect("XRANGE").len(), 1);
    reader.create_group().await.expect_err("the old server's");
    live.next().await.expect_err("the old server's");
}

#[tokio::test]
async fn what_is_held_of_a_server_that_is_left_is_forgotten() {
    let (old, new) = (RedisServer::cache().await, RedisServer::cache().await);
    let wire = Proxy::start(address(&old)).await;
    let reached = Reached::<Cache>::with(&RedisSettings {
        health_check: Duration::from_millis(100),
        ..RedisSettings::new(format!("redis://{}", wire.addr()))
    })
    .await;
    let tracking = redis_access::Tracking::new(reached.pool.clone());
    let stop = tokio_util::sync::CancellationToken::new();
    let (kept, stopped) = (tracking.clone(), stop.clone());
    let keeping = tokio::spawn(async move { kept.keep(stopped).await });
    let tracked_by = async |server: &RedisServer| {
        eventually("it tracks", PATIENCE, async || {
            let clients = tell(server, &["INFO", "clients"]).await;
            match clients.contains("tracking_clients:1") {
                true => Ok(()),
                false => Err(clients),
            }
        })
        .await;
    };
    tracked_by(&old).await;
    wire.lead_new_to(address(&new));
    tracked_by(&new).await;
    eventually("the old one is left", PATIENCE, async || {
        let clients = tell(&old, &["INFO", "clients"]).await;
        match clients.contains("tracking_clients:0") {
            true => Ok(()),
            false => Err(clients),
        }
    })
    .await;
    stop.cancel();
    keeping.await.expect("no panic");
}
