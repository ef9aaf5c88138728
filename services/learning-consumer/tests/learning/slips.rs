//! What an operator does to the streams Redis by mistake: the worker heals it, and each rating that was accepted
//! counts once.

use redis::{AsyncCommands, RedisResult, aio::MultiplexedConnection};
use serde_json::json;
use test_kit::{PATIENCE, RedisServer, eventually};
use uuid::Uuid;

use super::{FEEDBACK, GROUP, INTERACTIONS, Worker, append, event, feedback, profile, settled};

fn largest() -> String {
    format!("{0}-{0}", u64::MAX)
}

async fn run(connection: &mut MultiplexedConnection, words: &[&str]) {
    let mut command = redis::cmd(words[0]);
    command.arg(&words[1..]);
    command.exec_async(connection).await.expect("an answer");
}

async fn rate(connection: &mut MultiplexedConnection, person: Uuid) {
    let rating = feedback(person, 5, json!({"tone": "direct"})).to_string();
    append(connection, FEEDBACK, &rating).await;
}

/// Rates as soon as the stream takes it.
async fn rate_once_it_can(connection: &mut MultiplexedConnection, person: Uuid) {
    let rating = feedback(person, 5, json!({})).to_string();
    eventually("the stream takes a rating", PATIENCE, async || {
        let added: RedisResult<String> =
            connection.xadd(FEEDBACK, "*", &[("event", &rating)]).await;
        added.map(drop).map_err(|error| error.to_string())
    })
    .await;
}

async fn until_counted(connection: &mut MultiplexedConnection, person: Uuid, ratings: usize) {
    let wanted = ratings.to_string();
    eventually("the ratings count", PATIENCE, async || {
        let held = profile(connection, person).await;
        match held.get("feedback_count") {
            Some(count) if *count == wanted => Ok(()),
            count => Err(format!("{count:?} of {wanted}")),
        }
    })
    .await;
}

/// Somebody who must not notice.
async fn interact(redis: &RedisServer, person: Uuid) {
    let mut connection = redis.connect().await;
    let data = json!({"user_id": person, "kind": "asked"});
    let event = event("devmentor.interaction.recorded.v1", person, data);
    append(&mut connection, INTERACTIONS, &event.to_string()).await;
    settled(redis, INTERACTIONS).await;
}

#[tokio::test]
async fn a_stream_without_ids_left_and_one_that_is_none_go_on_by_themselves() {
    let redis = RedisServer::streams().await;
    let mut connection = redis.connect().await;
    let (person, bystander) = (Uuid::now_v7(), Uuid::now_v7());
    let _worker = Worker::start(&redis).await;
    rate(&mut connection, person).await;
    settled(&redis, FEEDBACK).await;

    run(
        &mut connection,
        &["XADD", FEEDBACK, &largest(), "foo", "bar"],
    )
    .await;
    interact(&redis, bystander).await;
    rate_once_it_can(&mut connection, person).await;
    until_counted(&mut connection, person, 2).await;

    run(&mut connection, &["SET", FEEDBACK, "by mistake"]).await;
    interact(&redis, bystander).await;
    rate_once_it_can(&mut connection, person).await;
    until_counted(&mut connection, person, 3).await;

    let held = profile(&mut connection, bystander).await;
    assert_eq!(held["interactions.asked"], "2");
}

#[tokio::test]
async fn a_group_that_is_ahead_of_its_stream_is_taken_back_and_nothing_counts_twice() {
    let redis = RedisServer::streams().await;
    let mut connection = redis.connect().await;
    let person = Uuid::now_v7();
    let _worker = Worker::start(&redis).await;
    for _ in 0..3 {
        rate(&mut connection, person).await;
    }
    settled(&redis, FEEDBACK).await;
    // As where the entry of the highest ID was deleted, and the stream's own last ID set back by hand.
    run(
        &mut connection,
        &["XGROUP", "SETID", FEEDBACK, GROUP, &largest()],
    )
    .await;
    for _ in 0..2 {
        rate(&mut connection, person).await;
    }
    until_counted(&mut connection, person, 5).await;
    settled(&redis, FEEDBACK).await;
    until_counted(&mut connection, person, 5).await;
}

#[tokio::test]
async fn what_stands_in_the_way_of_the_worker_goes_and_no_rating_with_it() {
    let redis = RedisServer::streams().await;
    let mut connection = redis.connect().await;
    let (person, bystander) = (Uuid::now_v7(), Uuid::now_v7());
    let worker = Worker::start(&redis).await;
    rate(&mut connection, person).await;
    settled(&redis, FEEDBACK).await;
    let seen: Vec<String> = connection.keys("learning:seen:*").await.expect("keys");
    let broken = [
        seen[0].clone(),
        "dlq:user:feedback".to_owned(),
        "dead_letters:user:feedback".to_owned(),
        "delivered:user:feedback".to_owned(),
        format!("learning:profile:{person}"),
        format!("learning:applied:{person}"),
    ];
    for key in &broken {
        run(&mut connection, &["DEL", key]).await;
        run(&mut connection, &["LPUSH", key, "by mistake"]).await;
    }
    append(&mut connection, FEEDBACK, "junk").await;
    for user_id in [person, bystander] {
        rate(&mut connection, user_id).await;
    }
    until_counted(&mut connection, bystander, 1).await;
    settled(&redis, FEEDBACK).await;
    until_counted(&mut connection, person, 1).await;
    let letters: u64 = connection
        .xlen("dlq:user:feedback")
        .await
        .expect("a stream");
    assert_eq!(letters, 1, "the junk alone");
    let name = "devmentor_stream_dead_letters{stream=\"user:feedback\"}";
    eventually("the totals are known", PATIENCE, async || {
        let shown = worker.metric(name).await;
        (shown == Some(1.0))
            .then_some(())
            .ok_or(format!("{shown:?}"))
    })
    .await;
}

#[tokio::test]
async fn what_a_group_was_taken_past_counts_once_it_is_set_back() {
    let redis = RedisServer::streams().await;
    let mut connection = redis.connect().await;
    let (person, bystander) = (Uuid::now_v7(), Uuid::now_v7());
    let mut worker = Worker::start(&redis).await;
    rate(&mut connection, bystander).await;
    settled(&redis, FEEDBACK).await;
    worker.process.kill();
    for _ in 0..5 {
        rate(&mut connection, person).await;
    }
    rate(&mut connection, bystander).await;
    run(&mut connection, &["XGROUP", "SETID", FEEDBACK, GROUP, "$"]).await;
    // One person has a rating on both sides of it, and one of junk between.
    append(&mut connection, FEEDBACK, "junk").await;
    rate(&mut connection, person).await;
    worker.process.respawn();
    until_counted(&mut connection, person, 1).await;

    run(&mut connection, &["XGROUP", "SETID", FEEDBACK, GROUP, "0"]).await;
    until_counted(&mut connection, person, 6).await;
    until_counted(&mut connection, bystander, 2).await;
    // Once more, and where the ids of events are forgotten: the floor has moved on meanwhile.
    settled(&redis, FEEDBACK).await;
    let seen: Vec<String> = connection.keys("learning:seen:*").await.expect("keys");
    let _: u64 = connection.del(seen).await.expect("a key");
    run(&mut connection, &["XGROUP", "SETID", FEEDBACK, GROUP, "0"]).await;
    rate(&mut connection, person).await;
    until_counted(&mut connection, person, 7).await;
    settled(&redis, FEEDBACK).await;
    until_counted(&mut connection, person, 7).await;
    until_counted(&mut connection, bystander, 2).await;
}

#[tokio::test]
async fn a_worker_that_may_not_read_says_so_in_the_words_of_redis() {
    let redis = RedisServer::streams().await;
    let mut connection = redis.connect().await;
    let person = Uuid::now_v7();
    let worker = Worker::start(&redis).await;
    run(
        &mut connection,
        &["ACL", "SETUSER", "default", "-xreadgroup"],
    )
    .await;
    rate(&mut connection, person).await;
    let url = format!("http://127.0.0.1:{}/health/ready", worker.ops_port);
    eventually("it is said", PATIENCE, async || {
        let answer = reqwest::get(&url)
            .await
            .map_err(|error| error.to_string())?;
        let said = answer.text().await.map_err(|error| error.to_string())?;
        match said.contains("NOPERM") {
            true => Ok(()),
            false => Err(said),
        }
    })
    .await;
    run(
        &mut connection,
        &["ACL", "SETUSER", "default", "+xreadgroup"],
    )
    .await;
    until_counted(&mut connection, person, 1).await;
    eventually("it is over", PATIENCE, async || {
        let answer = reqwest::get(&url)
            .await
            .map_err(|error| error.to_string())?;
        let said = answer.text().await.map_err(|error| error.to_string())?;
        match said.contains("NOPERM") {
            true => Err(said),
            false => Ok(()),
        }
    })
    .await;
}
