//! The watched link: lost, noticed, mended, counted.

use std::time::{Duration, Instant};

use redis_access::{LinkState, RedisSettings};
use redis_contracts::{Cache, Position, Streams, keys::OUTBOX};
use test_kit::{PATIENCE, Proxy, RedisServer, eventually, free_port};

use crate::Reached;

fn is_down(state: &LinkState) -> bool {
    matches!(state, LinkState::Down(_))
}

/// Settings under which a silent wire shows soon.
fn impatient(url: &str) -> RedisSettings {
    RedisSettings {
        timeout: Duration::from_millis(200),
        connect_timeout: Duration::from_millis(200),
        health_check: Duration::from_millis(100),
        ..RedisSettings::new(url)
    }
}

#[tokio::test]
async fn a_link_is_made_lost_and_made_again() {
    let mut server = RedisServer::streams().await;
    let reached = Reached::<Streams>::not_yet(&RedisSettings::new(server.url()));
    assert_eq!(
        reached
            .until("up", |state| *state == LinkState::Up(1))
            .await,
        LinkState::Up(1)
    );
    let key = OUTBOX.key("a-producer");
    reached
        .pool
        .set(&key, &Position::new(1, 0))
        .await
        .expect("SET");
    let reconnects = metric("devmentor_redis_reconnects_total");
    let errors = metric("devmentor_redis_errors_total");

    server.kill();
    reached.until("down", is_down).await;
    let error = reached.pool.get(&key).await.expect_err("Redis is away");
    assert!(error.is_unavailable(), "{error}");
    server.restart().await;
    reached
        .until("up again", |state| *state == LinkState::Up(2))
        .await;
    assert_eq!(
        reached.pool.get(&key).await.expect("GET"),
        Some(Position::new(1, 0))
    );
    // Other tests of this process count as well.
    assert!(metric("devmentor_redis_reconnects_total") > reconnects);
    assert!(metric("devmentor_redis_errors_total") > errors);
}

/// The streams instance's value of a counter.
fn metric(name: &str) -> f64 {
    let families = prometheus::gather();
    let family = families
        .iter()
        .find(|family| family.name() == name)
        .expect("a metric");
    let of_streams = family
        .get_metric()
        .iter()
        .find(|metric| metric.get_label()[0].value() == "streams");
    of_streams.expect("an instance").get_counter().get_value()
}

#[tokio::test]
async fn what_is_known_to_be_away_fails_at_once() {
    let nowhere = format!("redis://127.0.0.1:{}", free_port());
    let reached = Reached::<Cache>::not_yet(&RedisSettings {
        retries: 0,
        ..RedisSettings::new(&nowhere)
    });
    reached.until("down", is_down).await;
    let key = redis_contracts::keys::SYSTEM_HEALTH.key(("a-service", "one".to_owned()));
    let mut took = Vec::new();
    for _ in 0..20 {
        let began = Instant::now();
        let error = reached.pool.get(&key).await.expect_err("nothing is there");
        took.push(began.elapsed());
        assert!(error.is_unavailable(), "{error}");
    }
    took.sort();
    assert!(took[took.len() / 2] < Duration::from_millis(10), "{took:?}");
}

#[tokio::test]
async fn a_silent_wire_is_noticed_by_the_health_check() {
    let server = RedisServer::streams().await;
    let wire = Proxy::start(([127, 0, 0, 1], server.port()).into()).await;
    let reached = Reached::<Streams>::with(&impatient(&format!("redis://{}", wire.addr()))).await;
    wire.freeze();
    reached.until("down", is_down).await;
    wire.heal();
    reached
        .until(
            "up again",
            |state| matches!(state, LinkState::Up(made) if *made > 1),
        )
        .await;
}

#[tokio::test]
async fn a_silent_wire_is_noticed_by_a_command_long_before_the_health_check() {
    let server = RedisServer::streams().await;
    let wire = Proxy::start(([127, 0, 0, 1], server.port()).into()).await;
    let slow_check = RedisSettings {
        health_check: Duration::from_secs(3600),
        ..impatient(&format!("redis://{}", wire.addr()))
    };
    let reached = Reached::<Streams>::with(&slow_check).await;
    wire.freeze();
    let began = Instant::now();
    let error = reached
        .pool
        .get(&OUTBOX.key("a-producer"))
        .await
        .expect_err("silent");
    assert!(error.is_unavailable(), "{error}");
    assert!(
        began.elapsed() < Duration::from_secs(3),
        "bounded: {:?}",
        began.elapsed()
    );
    reached.until("down", is_down).await;
    wire.heal();
    reached
        .until("up again", |state| matches!(state, LinkState::Up(_)))
        .await;
}

#[tokio::test]
async fn a_cut_wire_is_mended_unseen_by_who_asks_again() {
    let server = RedisServer::streams().await;
    let wire = Proxy::start(([127, 0, 0, 1], server.port()).into()).await;
    let reached = Reached::<Streams>::at(&format!("redis://{}", wire.addr())).await;
    let key = OUTBOX.key("a-producer");
    for step in 0..20 {
        wire.cut_once();
        eventually("written", PATIENCE, async || {
            reached.pool.set(&key, &Position::new(step, 0)).await
        })
        .await;
    }
    assert_eq!(
        reached.pool.get(&key).await.expect("GET"),
        Some(Position::new(19, 0))
    );
}
