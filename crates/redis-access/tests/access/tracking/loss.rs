//! Connections that are lost, silent, refused, or not there yet.

use std::time::{Duration, Instant};

use redis_access::{Change, RedisSettings, SILENT_FOR, Tracking};
use redis_contracts::{Cache, keys::SESSION};
use test_kit::{PATIENCE, RedisServer, eventually};
use tokio::time::timeout;
use uuid::Uuid;

use super::{HOUR, Held, Reader, admit, told, write};
use crate::Reached;

#[tokio::test]
async fn a_lost_connection_takes_everything_with_it() {
    let mut held = Held::start().await;
    let id = Uuid::now_v7();
    held.hold(id, 1).await;
    let mut changes = held.reader.tracking.changes();
    held.wire.cut();
    held.reader.until_not_held(id).await;
    assert_eq!(told(&mut changes).await, Change::All, "it is lost");
    held.write(id, 2, HOUR).await;
    held.wire.heal();
    held.reader.until_alive().await;
    assert_eq!(told(&mut changes).await, Change::All, "it is back");
    assert_eq!(held.reader.version(id).await, Some(2));
    assert_eq!(held.reader.held(id), Some(2));
}

#[tokio::test]
async fn nothing_is_served_two_seconds_after_the_wire_went_silent() {
    let mut held = Held::start().await;
    let id = Uuid::now_v7();
    held.hold(id, 1).await;
    let mut changes = held.reader.tracking.changes();
    held.wire.freeze();
    let frozen = Instant::now();
    held.write(id, 2, HOUR).await;
    loop {
        let looked = Instant::now();
        match held.reader.held(id) {
            Some(_) => assert!(looked < frozen + SILENT_FOR, "{:?}", frozen.elapsed()),
            None => break,
        }
        tokio::task::yield_now().await;
    }
    // By then the heartbeat before had been answered, so that it served on for a while.
    assert!(frozen.elapsed() > SILENT_FOR - Duration::from_secs(1));
    assert_eq!(told(&mut changes).await, Change::All);
    held.wire.heal();
    held.reader.until_alive().await;
    assert_eq!(held.reader.version(id).await, Some(2));
}

#[tokio::test]
async fn a_short_silence_is_borne_and_what_changed_in_it_is_heard() {
    let mut held = Held::start().await;
    let (stays, changes) = (Uuid::now_v7(), Uuid::now_v7());
    held.hold(stays, 1).await;
    held.hold(changes, 1).await;
    held.wire.freeze_answers();
    held.write(changes, 2, HOUR).await;
    held.wire.heal();
    held.reader.until_not_held(changes).await;
    assert_eq!(held.reader.held(stays), Some(1));
    assert_eq!(held.reader.version(changes).await, Some(2));
}

#[tokio::test]
async fn a_restarted_redis_is_read_anew() {
    let mut held = Held::start().await;
    let id = Uuid::now_v7();
    held.hold(id, 1).await;
    held.server.kill();
    held.reader.until_not_held(id).await;
    held.server.restart().await;
    held.reader.until_alive().await;
    assert_eq!(held.reader.version(id).await, None);
    held.writer = held.server.connect().await;
    held.hold(id, 2).await;
}

#[tokio::test]
async fn a_read_that_is_given_up_leaves_its_place() {
    let mut held = Held::start().await;
    let id = Uuid::now_v7();
    held.write(id, 1, HOUR).await;
    held.wire.freeze_answers();
    let read = timeout(Duration::from_millis(50), held.reader.cache.get(id)).await;
    assert!(read.is_err(), "{read:?}");
    held.wire.heal();
    assert_eq!(held.reader.version(id).await, Some(1));
    assert_eq!(held.reader.held(id), Some(1));
}

#[tokio::test]
async fn while_nothing_is_tracked_reads_go_to_redis_and_nothing_is_held() {
    let server = RedisServer::cache().await;
    let reached = Reached::<Cache>::at(&server.url()).await;
    let tracking = Tracking::new(reached.pool.clone());
    let cache = tracking.cache(&SESSION, 10, |_, read| admit(read));
    let (id, mut writer) = (Uuid::now_v7(), server.connect().await);
    for version in 1..4 {
        write(&mut writer, id, version, HOUR).await.expect("SET");
        let read = cache.get(id).await.expect("GET").expect("there");
        assert_eq!(*read, version);
        assert!(cache.held(id).is_none());
    }
}

#[tokio::test]
async fn a_redis_that_tracks_for_nobody_is_read_without_holding() {
    let server = RedisServer::cache().await;
    let mut writer = server.connect().await;
    let mut user = redis::cmd("ACL");
    user.arg("SETUSER").arg("reader").arg("on").arg(">secret");
    user.arg("~*").arg("+@all").arg("-client|tracking");
    user.exec_async(&mut writer).await.expect("ACL SETUSER");
    let url = format!("redis://reader:secret@127.0.0.1:{}", server.port());
    let reader = Reader::not_yet(&RedisSettings::new(&url), 10).await;
    let id = Uuid::now_v7();
    write(&mut writer, id, 1, HOUR).await.expect("SET");
    assert_eq!(reader.version(id).await, Some(1));
    assert_eq!(reader.held(id), None);
    // As soon as it may, it does.
    let mut user = redis::cmd("ACL");
    user.arg("SETUSER").arg("reader").arg("+client|tracking");
    user.exec_async(&mut writer).await.expect("ACL SETUSER");
    reader.until_alive().await;
    assert_eq!(reader.version(id).await, Some(1));
    assert_eq!(reader.held(id), Some(1));
}

#[tokio::test]
async fn a_redis_that_is_away_is_an_error_at_once() {
    let mut held = Held::start().await;
    let id = Uuid::now_v7();
    held.hold(id, 1).await;
    held.server.kill();
    held.reader.until_not_held(id).await;
    eventually("the link is known to be down", PATIENCE, async || {
        let began = Instant::now();
        let read = held.reader.cache.get(id).await;
        let error = read.expect_err("nobody answers");
        assert!(error.is_unavailable(), "{error}");
        let took = began.elapsed();
        (took < Duration::from_millis(5))
            .then_some(())
            .ok_or(format!("{took:?}"))
    })
    .await;
}
