//! kill -9 of the worker and of Redis at random points under load: each valid entry counts once, each
//! other one is one dead letter, nothing is left over.

use std::{
    collections::HashMap,
    sync::atomic::{AtomicBool, Ordering},
};

use rand::{RngExt, SeedableRng, rngs::StdRng};
use redis::{AsyncCommands, RedisResult};
use serde_json::json;
use test_kit::{PATIENCE, RedisServer, eventually};
use uuid::Uuid;

use super::{FEEDBACK, Worker, feedback, profile, settled};

const PEOPLE: usize = 20;
const KILLS: usize = 6;

/// A valid entry, junk, or one of the future.
fn entry(rng: &mut StdRng, people: &[Uuid]) -> String {
    let person = people[rng.random_range(0..people.len())];
    let mut event = feedback(person, rng.random_range(1..=5), json!({"tone": "direct"}));
    match rng.random_range(0..10) {
        0 => "junk".to_owned(),
        1 => {
            event["type"] = json!("devmentor.feedback.given.v7");
            event.to_string()
        }
        _ => event.to_string(),
    }
}

/// Appends until told to stop. What is not answered may be there or not: the stream tells in the end.
async fn load(url: String, people: &[Uuid], seed: u64, enough: &AtomicBool) {
    let client = redis::Client::open(url).expect("a Redis URL");
    let mut rng = StdRng::seed_from_u64(seed);
    while !enough.load(Ordering::Relaxed) {
        let Ok(mut connection) = client.get_multiplexed_async_connection().await else {
            tokio::task::yield_now().await;
            continue;
        };
        let mut ok = true;
        while ok && !enough.load(Ordering::Relaxed) {
            let event = entry(&mut rng, people);
            let added: RedisResult<String> =
                connection.xadd(FEEDBACK, "*", &[("event", event)]).await;
            ok = added.is_ok();
        }
    }
}

/// Until so many entries are there, so that each kill hits work.
async fn grown(redis: &RedisServer, by: u64) {
    let mut connection = redis.connect().await;
    let before: u64 = connection.xlen(FEEDBACK).await.unwrap_or_default();
    eventually("the stream grows", PATIENCE, async || {
        let length: u64 = connection
            .xlen(FEEDBACK)
            .await
            .map_err(|error| error.to_string())?;
        if length >= before + by {
            Ok(())
        } else {
            Err(length.to_string())
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn kills_lose_nothing_and_count_nothing_twice() {
    let mut redis = RedisServer::streams().await;
    let mut worker = Worker::start(&redis).await;
    let people: Vec<_> = (0..PEOPLE).map(|_| Uuid::now_v7()).collect();
    let (url, enough) = (redis.url(), AtomicBool::new(false));
    let mut rng = StdRng::seed_from_u64(rand::random());
    let kill = async {
        for number in 0..KILLS {
            grown(&redis, rng.random_range(50..400)).await;
            if number % 2 == 0 {
                worker.process.kill();
                grown(&redis, 50).await;
                worker.process.respawn();
            } else {
                redis.restart().await;
            }
        }
        grown(&redis, 100).await;
        enough.store(true, Ordering::Relaxed);
    };
    tokio::join!(
        kill,
        load(url.clone(), &people, 1, &enough),
        load(url, &people, 2, &enough)
    );
    settled(&redis, FEEDBACK).await;
    prove(&redis, &people).await;
}

/// The stream holds every entry that was accepted; profiles and dead letters have to agree with it.
async fn prove(redis: &RedisServer, people: &[Uuid]) {
    let mut connection = redis.connect().await;
    let entries: Vec<(String, HashMap<String, String>)> =
        connection.xrange_all(FEEDBACK).await.expect("a stream");
    let mut expected: HashMap<Uuid, (u64, u64)> = HashMap::new();
    let mut bad = Vec::new();
    for (id, fields) in &entries {
        let event: serde_json::Value = serde_json::from_str(&fields["event"]).unwrap_or_default();
        if event["type"] == "devmentor.feedback.given.v1" {
            let person = event["actor"]
                .as_str()
                .and_then(|text| text.parse().ok())
                .expect("a person");
            let of = expected.entry(person).or_default();
            of.0 += 1;
            of.1 += event["data"]["rating"].as_u64().expect("a rating");
        } else {
            bad.push(id.clone());
        }
    }
    for person in people {
        let held = profile(&mut connection, *person).await;
        let number = |name: &str| {
            held.get(name)
                .map_or(0, |text| text.parse().expect("a number"))
        };
        let counted = (number("feedback_count"), number("rating_sum"));
        let wanted = expected.get(person).copied().unwrap_or_default();
        assert_eq!(counted, wanted, "{person}: {held:?}");
    }
    let letters: Vec<(String, HashMap<String, String>)> = connection
        .xrange_all("dlq:user:feedback")
        .await
        .expect("a stream");
    let mut dead: Vec<_> = letters
        .iter()
        .map(|(_, letter)| letter["source_id"].clone())
        .collect();
    dead.sort();
    bad.sort();
    assert_eq!(dead, bad);
    assert!(
        !bad.is_empty() && entries.len() > 500,
        "there was load: {}",
        entries.len()
    );
}
