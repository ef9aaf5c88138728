//! Connections that Redis speaks on by itself: what is missed is told.

use std::time::{Duration, Instant};

use redis_access::LinkState;
use redis_contracts::{LIVE_AI, LIVE_PROJECTS, Streams};
use test_kit::{Proxy, RedisServer};

use crate::Reached;

async fn publish(server: &RedisServer, texts: impl Iterator<Item = String>) {
    let mut pipeline = redis::pipe();
    for text in texts {
        pipeline.publish(LIVE_PROJECTS.name(), text).ignore();
    }
    pipeline
        .exec_async(&mut server.connect().await)
        .await
        .expect("PUBLISH");
}

#[tokio::test]
async fn messages_come_in_order_and_the_end_comes_last() {
    let mut server = RedisServer::streams().await;
    let reached = Reached::<Streams>::at(&server.url()).await;
    let mut live = reached
        .pool
        .subscribe(&[&LIVE_PROJECTS])
        .await
        .expect("SUBSCRIBE");
    publish(&server, (0..100).map(|number| number.to_string())).await;
    for number in 0..50 {
        assert_eq!(live.next().await.expect("a message"), number.to_string());
    }
    server.kill();
    for number in 50..100 {
        assert_eq!(
            live.next().await.expect("received before the end"),
            number.to_string()
        );
    }
    live.next().await.expect_err("the connection is lost");
}

#[tokio::test]
async fn several_channels_are_heard_in_one_order() {
    let server = RedisServer::streams().await;
    let reached = Reached::<Streams>::at(&server.url()).await;
    let channels = [&LIVE_PROJECTS, &LIVE_AI];
    let mut live = reached.pool.subscribe(&channels).await.expect("SUBSCRIBE");
    let mut connection = server.connect().await;
    for number in 0..100 {
        let mut command = redis::cmd("PUBLISH");
        command.arg(channels[number % 2].name()).arg(number);
        command.exec_async(&mut connection).await.expect("PUBLISH");
    }
    for number in 0..100 {
        assert_eq!(live.next().await.expect("a message"), number.to_string());
    }
}

#[tokio::test]
async fn a_subscription_on_a_silent_wire_is_lost_within_seconds() {
    let server = RedisServer::streams().await;
    let wire = Proxy::start(([127, 0, 0, 1], server.port()).into()).await;
    let reached = Reached::<Streams>::at(&format!("redis://{}", wire.addr())).await;
    let mut live = reached
        .pool
        .subscribe(&[&LIVE_PROJECTS])
        .await
        .expect("SUBSCRIBE");
    wire.freeze();
    let began = Instant::now();
    live.next().await.expect_err("silent");
    let took = began.elapsed();
    assert!(
        took > Duration::from_millis(900),
        "not before the heartbeat: {took:?}"
    );
    assert!(took < Duration::from_secs(5), "{took:?}");
}

#[tokio::test]
async fn a_quiet_subscription_is_kept() {
    let server = RedisServer::streams().await;
    let reached = Reached::<Streams>::at(&server.url()).await;
    let mut live = reached
        .pool
        .subscribe(&[&LIVE_PROJECTS])
        .await
        .expect("SUBSCRIBE");
    let quiet = tokio::time::timeout(Duration::from_millis(2500), live.next()).await;
    assert!(quiet.is_err(), "{quiet:?}");
    publish(&server, std::iter::once("late".to_owned())).await;
    assert_eq!(live.next().await.expect("a message"), "late");
}

#[tokio::test]
async fn a_reader_that_is_too_slow_gets_what_was_kept_and_then_hears_of_it() {
    let server = RedisServer::streams().await;
    let reached = Reached::<Streams>::at(&server.url()).await;
    let mut live = reached
        .pool
        .subscribe(&[&LIVE_PROJECTS])
        .await
        .expect("SUBSCRIBE");
    publish(&server, (0..20_000).map(|number| number.to_string())).await;
    let mut got = 0;
    let lost = loop {
        match live.next().await {
            Ok(text) => assert_eq!(text, got.to_string()),
            Err(lost) => break lost,
        }
        got += 1;
    };
    assert!(
        got < 20_000 && lost.to_string().contains("were waiting"),
        "{got}: {lost}"
    );
}

#[tokio::test]
async fn a_lost_subscription_makes_the_link_look_again() {
    let server = RedisServer::streams().await;
    let wire = Proxy::start(([127, 0, 0, 1], server.port()).into()).await;
    let reached = Reached::<Streams>::at(&format!("redis://{}", wire.addr())).await;
    let mut live = reached
        .pool
        .subscribe(&[&LIVE_PROJECTS])
        .await
        .expect("SUBSCRIBE");
    wire.freeze();
    live.next().await.expect_err("silent");
    // The health check would come after 30 s.
    reached
        .until("down", |state| matches!(state, LinkState::Down(_)))
        .await;
}
