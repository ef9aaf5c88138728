//! What becomes of entries.

use redis::AsyncCommands;
use stream_worker::Outcome;
use test_kit::{PATIENCE, RedisServer, eventually};

use super::{DEAD, Running, append, append_text, dead_letters, settled};

#[tokio::test]
async fn what_is_done_is_acknowledged_and_given_once() {
    let redis = RedisServer::streams().await;
    let mut connection = redis.connect().await;
    let mut ids = vec![append(&mut connection).await];
    let worker = Running::start(&redis, "one", |_, _| Outcome::Done);
    for _ in 0..30 {
        ids.push(append(&mut connection).await);
    }
    settled(&redis).await;
    assert!(ids.iter().all(|id| worker.given(*id) == 1));
    worker.stop().await;
}

#[tokio::test]
async fn junk_is_one_dead_letter_each_and_stops_no_neighbour() {
    let redis = RedisServer::streams().await;
    let mut connection = redis.connect().await;
    let good = append(&mut connection).await;
    let junk = append_text(&mut connection, "{\"half\":").await;
    let _: String = connection
        .xadd("user:interactions", "*", &[("x", "y")])
        .await
        .expect("an entry");
    let refused = append(&mut connection).await;
    let worker = Running::start(&redis, "one", move |delivery, _| {
        if delivery.event.id == refused {
            Outcome::Reject("not today".to_owned())
        } else {
            Outcome::Done
        }
    });
    settled(&redis).await;
    assert_eq!((worker.given(good), worker.given(refused)), (1, 1));
    let letters = dead_letters(&mut connection).await;
    assert_eq!(letters.len(), 3, "{letters:?}");
    let of_junk = &letters[0];
    assert_eq!(of_junk["event"], "{\"half\":");
    assert_eq!(of_junk["source_id"], junk.to_string());
    assert_eq!(of_junk["source_stream"], "user:interactions");
    assert_eq!(
        (&*of_junk["group"], &*of_junk["attempts"]),
        ("learning-group", "1")
    );
    assert_eq!(letters[1]["error"], "no field `event`");
    assert_eq!(letters[2]["error"], "not today");
    worker.stop().await;
}

#[tokio::test]
async fn what_fails_is_tried_again_and_given_up_with_its_reason() {
    let redis = RedisServer::streams().await;
    let mut connection = redis.connect().await;
    let (bad, good) = (append(&mut connection).await, append(&mut connection).await);
    let worker = Running::start(&redis, "one", move |delivery, _| {
        if delivery.event.id == bad {
            Outcome::Retry("its stars are wrong".to_owned())
        } else {
            Outcome::Done
        }
    });
    settled(&redis).await;
    assert_eq!((worker.given(bad), worker.given(good)), (3, 1));
    let letters = dead_letters(&mut connection).await;
    assert_eq!(letters.len(), 1);
    assert_eq!(letters[0]["error"], "its stars are wrong");
    assert_eq!(letters[0]["attempts"], "3");
    worker.stop().await;
}

#[tokio::test]
async fn a_panic_is_a_failed_entry_and_not_a_dead_worker() {
    let redis = RedisServer::streams().await;
    let mut connection = redis.connect().await;
    let mut good = Vec::new();
    good.push(append(&mut connection).await);
    let bad = append(&mut connection).await;
    good.push(append(&mut connection).await);
    let worker = Running::start(&redis, "one", move |delivery, _| {
        assert!(delivery.event.id != bad, "as told");
        Outcome::Done
    });
    settled(&redis).await;
    let letters = dead_letters(&mut connection).await;
    assert_eq!(letters.len(), 1);
    assert_eq!(letters[0]["error"], "the handler panicked");
    let later = append(&mut connection).await;
    settled(&redis).await;
    assert_eq!(worker.given(later), 1);
    worker.stop().await;
}

#[tokio::test]
async fn a_group_that_is_destroyed_is_made_anew_and_junk_is_not_told_of_twice() {
    let redis = RedisServer::streams().await;
    let mut connection = redis.connect().await;
    append_text(&mut connection, "junk").await;
    let worker = Running::start(&redis, "one", |_, _| Outcome::Done);
    settled(&redis).await;
    let first = append(&mut connection).await;
    settled(&redis).await;
    let _: u64 = redis::cmd("XGROUP")
        .arg(&["DESTROY", "user:interactions", "learning-group"])
        .query_async(&mut connection)
        .await
        .expect("a group");
    eventually("it is delivered again", PATIENCE, async || {
        (worker.given(first) == 2).then_some(()).ok_or("not yet")
    })
    .await;
    settled(&redis).await;
    let letters: u64 = connection.xlen(DEAD).await.expect("a stream");
    assert_eq!(letters, 1);
    worker.stop().await;
}
