//! A group made anew, and two workers on one group.

use redis::AsyncCommands;
use serde_json::json;
use test_kit::RedisServer;
use uuid::Uuid;

use super::{FEEDBACK, GROUP, Worker, append, feedback, profile, settled};

const PEOPLE: usize = 7;
const ROUNDS: usize = 12;
const EACH: usize = 40;

#[tokio::test]
async fn a_group_made_anew_again_and_again_repeats_nothing_and_skips_nothing() {
    let redis = RedisServer::streams().await;
    let mut connection = redis.connect().await;
    let _workers = (Worker::start(&redis).await, Worker::start(&redis).await);
    let people: Vec<_> = (0..PEOPLE).map(|_| Uuid::now_v7()).collect();
    for round in 0..ROUNDS {
        for number in 0..EACH {
            let person = people[(round + number) % PEOPLE];
            let rating = feedback(person, 2, json!({"tone": "direct"})).to_string();
            append(&mut connection, FEEDBACK, &rating).await;
        }
        let _: u64 = connection
            .xgroup_destroy(FEEDBACK, GROUP)
            .await
            .unwrap_or_default();
    }
    settled(&redis, FEEDBACK).await;
    let (mut counted, mut rated, mut sum) = (0, 0, 0);
    for person in people {
        let held = profile(&mut connection, person).await;
        let number = |name: &str| held[name].parse::<usize>().expect("a number");
        counted += number("feedback_count");
        rated += number("n.tone.direct");
        sum += number("rating_sum");
        let above: u64 = connection
            .hlen(format!("learning:applied:{person}"))
            .await
            .expect("a hash");
        assert!(above < EACH as u64, "the floor moves on: {above}");
    }
    assert_eq!(
        (counted, rated, sum),
        (ROUNDS * EACH, ROUNDS * EACH, 2 * ROUNDS * EACH)
    );
}

#[tokio::test]
async fn positions_repeat_nothing_where_event_ids_are_forgotten() {
    let redis = RedisServer::streams().await;
    let mut connection = redis.connect().await;
    let person = Uuid::now_v7();
    for _ in 0..5 {
        append(
            &mut connection,
            FEEDBACK,
            &feedback(person, 5, json!({})).to_string(),
        )
        .await;
    }
    let _worker = Worker::start(&redis).await;
    settled(&redis, FEEDBACK).await;
    let seen: Vec<String> = connection.keys("learning:seen:*").await.expect("keys");
    assert_eq!(seen.len(), 1, "{seen:?}");
    let _: u64 = connection.del(seen).await.expect("a key");
    let _: u64 = connection
        .xgroup_destroy(FEEDBACK, GROUP)
        .await
        .expect("a group");
    // The worker hears of it at once and makes the group anew.
    append(
        &mut connection,
        FEEDBACK,
        &feedback(person, 5, json!({})).to_string(),
    )
    .await;
    test_kit::eventually("the new one counts", test_kit::PATIENCE, async || {
        let count = profile(&mut connection, person).await["feedback_count"].clone();
        if count == "5" { Err(count) } else { Ok(()) }
    })
    .await;
    settled(&redis, FEEDBACK).await;
    assert_eq!(
        profile(&mut connection, person).await["feedback_count"],
        "6"
    );
}
