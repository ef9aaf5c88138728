//! What is held, and what ends it.

use std::{
    sync::{Arc, atomic::Ordering},
    time::{Duration, Instant},
};

use redis_access::{Change, RedisSettings};
use redis_contracts::keys::{SESSION, SIGNING_KEYS, SigningKeyIds};
use test_kit::{PATIENCE, RedisServer, eventually};
use uuid::Uuid;

use super::{HOUR, Held, Reader, copy, name, told, until_told};

#[tokio::test]
async fn a_value_is_read_once_decoded_once_and_shared() {
    let mut held = Held::start().await;
    let id = Uuid::now_v7();
    held.hold(id, 1).await;
    held.command(&["CONFIG", "RESETSTAT"]).await;
    let first = held.reader.cache.get(id).await.expect("held");
    for _ in 0..1000 {
        let again = held.reader.cache.get(id).await.expect("held");
        assert!(Arc::ptr_eq(
            again.as_ref().expect("there"),
            first.as_ref().expect("there")
        ));
    }
    let statistics: String = redis::cmd("INFO")
        .arg("commandstats")
        .query_async(&mut held.writer)
        .await
        .expect("INFO");
    assert!(!statistics.contains("cmdstat_get:"), "{statistics}");
}

#[tokio::test]
async fn a_value_is_admitted_when_it_is_read_and_never_when_it_is_held() {
    let mut held = Held::start().await;
    let id = Uuid::now_v7();
    held.write(id, 1, HOUR).await;
    for _ in 0..100 {
        assert_eq!(held.reader.version(id).await, Some(1));
    }
    assert_eq!(held.reader.admissions.load(Ordering::Relaxed), 1);
    held.reader.cache.forget_all();
    assert_eq!(held.reader.held(id), None);
    assert_eq!(held.reader.version(id).await, Some(1));
    assert_eq!(held.reader.admissions.load(Ordering::Relaxed), 2);
}

#[tokio::test]
async fn what_is_not_admitted_is_not_there_not_held_and_its_change_is_told() {
    let mut held = Held::start().await;
    let mut changes = held.reader.tracking.changes();
    for bad in [copy("no version"), b"no copy".to_vec(), Vec::new()] {
        let id = Uuid::now_v7();
        let mut set = redis::cmd("SET");
        set.arg(name(id)).arg(bad);
        set.exec_async(&mut held.writer).await.expect("SET");
        for _ in 0..2 {
            assert_eq!(held.reader.version(id).await, None);
            assert_eq!(held.reader.held(id), None);
        }
        held.write(id, 2, HOUR).await;
        until_told(&mut changes, id).await;
        assert_eq!(held.reader.version(id).await, Some(2));
    }
}

#[tokio::test]
async fn a_value_ends_when_it_is_good_no_more_though_its_key_stays() {
    let mut held = Held::start().await;
    let id = Uuid::now_v7();
    let mut set = redis::cmd("SET");
    set.arg(name(id)).arg(copy("1 300"));
    set.exec_async(&mut held.writer).await.expect("SET");
    assert_eq!(held.reader.version(id).await, Some(1));
    let (read, good_for) = (Instant::now(), Duration::from_millis(300));
    assert_eq!(held.reader.held(id), Some(1));
    loop {
        let looked = Instant::now();
        match held.reader.held(id) {
            Some(_) => assert!(looked < read + good_for, "{:?}", read.elapsed()),
            None => break,
        }
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn what_was_told_is_not_held() {
    let mut held = Held::start().await;
    let mut changes = held.reader.tracking.changes();
    let id = Uuid::now_v7();
    let name = name(id);
    let changing: [&[&str]; 5] = [
        &["SET", &name, "other"],
        &["DEL", &name],
        &["UNLINK", &name],
        &["PEXPIRE", &name, "1"],
        &["RENAME", &name, "elsewhere"],
    ];
    for (number, change) in changing.into_iter().enumerate() {
        held.hold(id, number as u64).await;
        held.command(change).await;
        until_told(&mut changes, id).await;
        assert_eq!(held.reader.held(id), None, "{change:?}");
    }
}

#[tokio::test]
async fn what_is_not_there_is_not_held_and_its_coming_is_told() {
    let mut held = Held::start().await;
    let mut changes = held.reader.tracking.changes();
    let id = Uuid::now_v7();
    assert_eq!(held.reader.version(id).await, None);
    assert_eq!(held.reader.held(id), None);
    held.write(id, 3, HOUR).await;
    until_told(&mut changes, id).await;
    assert_eq!(held.reader.version(id).await, Some(3));
}

#[tokio::test]
async fn a_value_ends_with_its_key_though_nobody_says_so() {
    let mut held = Held::start().await;
    let id = Uuid::now_v7();
    let ttl = Duration::from_millis(400);
    held.write(id, 1, ttl).await;
    let written = Instant::now();
    assert_eq!(held.reader.version(id).await, Some(1));
    assert_eq!(held.reader.held(id), Some(1));
    // Silent, but not yet for long. Redis counts in whole milliseconds.
    held.wire.freeze();
    let end = written + ttl + Duration::from_millis(1);
    loop {
        let looked = Instant::now();
        match held.reader.held(id) {
            Some(_) => assert!(looked < end, "{:?}", written.elapsed()),
            None => break,
        }
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_longer_life_is_taken_over() {
    let mut held = Held::start().await;
    let mut changes = held.reader.tracking.changes();
    let id = Uuid::now_v7();
    held.write(id, 1, Duration::from_millis(1500)).await;
    assert_eq!(held.reader.version(id).await, Some(1));
    held.command(&["PEXPIRE", &name(id), "60000"]).await;
    until_told(&mut changes, id).await;
    assert_eq!(held.reader.version(id).await, Some(1));
    held.command(&["PERSIST", &name(id)]).await;
    until_told(&mut changes, id).await;
    assert_eq!(held.reader.version(id).await, Some(1));
    assert_eq!(held.reader.held(id), Some(1));
}

#[tokio::test]
async fn an_emptied_redis_empties_the_cache() {
    let mut held = Held::start().await;
    let ids: Vec<_> = (0..20).map(|_| Uuid::now_v7()).collect();
    for id in &ids {
        held.hold(*id, 1).await;
    }
    let mut changes = held.reader.tracking.changes();
    held.command(&["FLUSHALL"]).await;
    assert_eq!(told(&mut changes).await, Change::All);
    for id in ids {
        assert_eq!(held.reader.held(id), None);
        assert_eq!(held.reader.version(id).await, None);
    }
}

#[tokio::test]
async fn what_redis_evicts_is_not_held() {
    let mut held = Held::start().await;
    let ids: Vec<_> = (0..50).map(|_| Uuid::now_v7()).collect();
    for id in &ids {
        held.write(*id, 1, HOUR).await;
        assert_eq!(held.reader.version(*id).await, Some(1));
    }
    held.command(&["CONFIG", "SET", "maxmemory", "1"]).await;
    // Whatever writes makes room first, and is refused when there is none.
    let _ = super::write(&mut held.writer, Uuid::now_v7(), 1, HOUR).await;
    for id in ids {
        held.reader.until_not_held(id).await;
    }
}

#[tokio::test]
async fn what_is_forgotten_is_read_again() {
    let mut held = Held::start().await;
    let id = Uuid::now_v7();
    held.hold(id, 1).await;
    held.reader.cache.forget(id);
    assert_eq!(held.reader.held(id), None);
    assert_eq!(held.reader.version(id).await, Some(1));
    assert_eq!(held.reader.held(id), Some(1));
}

#[tokio::test]
async fn it_holds_no_more_than_it_may() {
    let server = RedisServer::cache().await;
    let reader = Reader::with(&RedisSettings::new(server.url()), 100).await;
    let mut writer = server.connect().await;
    let ids: Vec<_> = (0..1000).map(|_| Uuid::now_v7()).collect();
    for id in &ids {
        super::write(&mut writer, *id, 1, HOUR).await.expect("SET");
        assert_eq!(reader.version(*id).await, Some(1));
    }
    let held = ids.iter().filter(|id| reader.held(**id).is_some()).count();
    assert!((1..=128).contains(&held), "{held}");
}

#[tokio::test]
async fn another_key_can_be_watched() {
    let held = Held::start().await;
    let key = SIGNING_KEYS.key(());
    let mut changes = held.reader.tracking.changes();
    let ids = |kid: &str| SigningKeyIds {
        kids: vec![kid.to_owned()],
    };
    let pool = &held.reader.reached.pool;
    assert_eq!(held.reader.tracking.read(&key).await.expect("GET"), None);
    for kid in ["first", "second"] {
        pool.set(&key, &ids(kid)).await.expect("SET");
        assert_eq!(told(&mut changes).await, Change::Key(key.name().into()));
        let read = held.reader.tracking.read(&key).await.expect("GET");
        assert_eq!(read, Some(ids(kid)));
    }
}

#[tokio::test]
async fn a_listener_that_is_too_slow_is_told_that_all_may_have_changed() {
    let mut held = Held::start().await;
    let ids: Vec<_> = (0..5000).map(|_| Uuid::now_v7()).collect();
    let mut written = redis::pipe();
    let mut removed = redis::cmd("DEL");
    for id in &ids {
        written.cmd("SET").arg(name(*id)).arg("1").ignore();
        removed.arg(name(*id));
    }
    written.exec_async(&mut held.writer).await.expect("SET");
    for id in ids {
        let key = SESSION.key(id);
        let read = held.reader.tracking.read(&key).await;
        read.expect_err("1 is no session");
    }
    let mut changes = held.reader.tracking.changes();
    removed.exec_async(&mut held.writer).await.expect("DEL");
    // All invalidations are heard before this answer.
    held.reader.version(Uuid::now_v7()).await;
    eventually("it is told", PATIENCE, async || {
        match told(&mut changes).await {
            Change::All => Ok(()),
            Change::Key(name) => Err(name),
        }
    })
    .await;
}
