//! Reading and writing declared keys.

use std::collections::BTreeMap;

use redis_access::{AccessError, RedisSettings};
use redis_contracts::{
    Cache, Key, Position, Streams, Timestamp,
    keys::{HealthRecord, OUTBOX, SYSTEM_HEALTH},
};
use test_kit::RedisServer;

use crate::Reached;

fn key() -> Key<Cache, HealthRecord> {
    SYSTEM_HEALTH.key(("a-service", "one".to_owned()))
}

fn record() -> HealthRecord {
    HealthRecord {
        version: "0.1.0".to_owned(),
        started: Timestamp::from_unix_ms(1_767_225_600_000),
        ready: true,
        degraded: BTreeMap::from([("redis-streams".to_owned(), "away".to_owned())]),
    }
}

#[tokio::test]
async fn a_value_comes_back_and_ends_with_its_ttl() {
    let server = RedisServer::cache().await;
    let cache = Reached::<Cache>::at(&server.url()).await.pool;
    assert_eq!(cache.get(&key()).await.expect("GET"), None);
    cache.set(&key(), &record()).await.expect("SET");
    assert_eq!(cache.get(&key()).await.expect("GET"), Some(record()));
    let ttl = redis::cmd("PTTL").arg(key().name()).to_owned();
    let ttl_ms: i64 = ttl
        .query_async(&mut server.connect().await)
        .await
        .expect("PTTL");
    assert!((29_000..=30_000).contains(&ttl_ms), "{ttl_ms}");
    cache.delete(&key()).await.expect("DEL");
    cache.delete(&key()).await.expect("DEL of nothing");
    assert_eq!(cache.get(&key()).await.expect("GET"), None);
}

#[tokio::test]
async fn what_is_permanent_has_no_ttl() {
    let server = RedisServer::streams().await;
    let streams = Reached::<Streams>::at(&server.url()).await.pool;
    let key = OUTBOX.key("a-producer");
    streams.set(&key, &Position::new(7, 1)).await.expect("SET");
    assert_eq!(
        streams.get(&key).await.expect("GET"),
        Some(Position::new(7, 1))
    );
    let ttl = redis::cmd("PTTL").arg(key.name()).to_owned();
    let ttl_ms: i64 = ttl
        .query_async(&mut server.connect().await)
        .await
        .expect("PTTL");
    assert_eq!(ttl_ms, -1);
}

#[tokio::test]
async fn what_no_contract_declares_is_an_error_and_not_a_guess() {
    let server = RedisServer::cache().await;
    let cache = Reached::<Cache>::at(&server.url()).await.pool;
    let mut other = server.connect().await;
    let set = redis::cmd("SET")
        .arg(key().name())
        .arg("{\"version\":1}")
        .to_owned();
    set.exec_async(&mut other).await.expect("SET");
    let error = cache.get(&key()).await.expect_err("not a record");
    assert!(matches!(error, AccessError::Undecodable { .. }), "{error}");

    let replace = [
        redis::cmd("DEL").arg(key().name()).to_owned(),
        redis::cmd("LPUSH").arg(key().name()).arg(1).to_owned(),
    ];
    for command in replace {
        command.exec_async(&mut other).await.expect("a list");
    }
    let error = cache.get(&key()).await.expect_err("a list");
    assert!(
        matches!(&error, AccessError::Refused { message, .. } if message.contains("WRONGTYPE")),
        "{error}"
    );
    assert!(!error.is_unavailable());
}

#[tokio::test]
async fn database_and_password_count_wherever_they_stand() {
    let server = RedisServer::cache().await;
    let in_url = RedisSettings::new(format!("{}/3", server.url()));
    let mut beside = RedisSettings::new(server.url());
    beside.db = Some(3);
    let writer = Reached::<Cache>::with(&in_url).await.pool;
    writer.set(&key(), &record()).await.expect("SET");
    let reader = Reached::<Cache>::with(&beside).await.pool;
    assert_eq!(reader.get(&key()).await.expect("GET"), Some(record()));

    let require = redis::cmd("CONFIG")
        .arg("SET")
        .arg("requirepass")
        .arg("s3cret")
        .to_owned();
    require
        .exec_async(&mut server.connect().await)
        .await
        .expect("CONFIG SET");
    beside.password = Some("s3cret".into());
    let reader = Reached::<Cache>::with(&beside).await.pool;
    assert_eq!(reader.get(&key()).await.expect("GET"), Some(record()));
    let in_url = RedisSettings::new(format!("redis://:s3cret@127.0.0.1:{}/3", server.port()));
    let reader = Reached::<Cache>::with(&in_url).await.pool;
    assert_eq!(reader.get(&key()).await.expect("GET"), Some(record()));
}

#[test]
fn a_bad_url_is_told_without_its_password() {
    for url in [
        "http://u:s3cret@host",
        "redis://:s3cret@host:99999",
        "redis://:s3cret@host:1/x",
        "s3cret",
    ] {
        let error = RedisSettings::new(url).check().expect_err(url).to_string();
        assert!(!error.contains("s3cret"), "{error}");
    }
}
