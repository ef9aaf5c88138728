//! Profiles find out what people like.

use rand::{RngExt, SeedableRng, rngs::StdRng};
use redis::aio::MultiplexedConnection;
use serde_json::{Map, Value, json};
use test_kit::RedisServer;
use uuid::Uuid;

use super::{FEEDBACK, Worker, append, feedback, profile, settled};

const ROUNDS: usize = 60;

/// Draws a style from a profile, as the mentor does.
async fn draw(connection: &mut MultiplexedConnection, person: Uuid, rng: &mut StdRng) -> Value {
    let held = profile(connection, person).await;
    let prior = || {
        json!({"tone": {"direct": 0.5, "supportive": 0.5}, "verbosity": {"concise": 0.5, "detailed": 0.5},
               "form": {"example": 0.4, "explanation": 0.3, "steps": 0.3}})
    };
    let style = held
        .get("style")
        .map_or_else(prior, |text| serde_json::from_str(text).expect("JSON"));
    let mut drawn = Map::new();
    for (dimension, choices) in style.as_object().expect("dimensions") {
        let mut left: f64 = rng.random();
        let choices = choices.as_object().expect("choices");
        let chosen = choices.iter().find(|(_, share)| {
            left -= share.as_f64().expect("a share");
            left <= 0.0
        });
        let (choice, _) = chosen.or(choices.iter().next_back()).expect("a choice");
        drawn.insert(dimension.clone(), json!(choice));
    }
    Value::Object(drawn)
}

#[tokio::test]
async fn a_hidden_taste_is_found_and_rated_better_than_by_chance() {
    let redis = RedisServer::streams().await;
    let mut connection = redis.connect().await;
    let _worker = Worker::start(&redis).await;
    let mut rng = StdRng::seed_from_u64(7);
    let person = Uuid::now_v7();
    let taste = [
        ("tone", "supportive"),
        ("verbosity", "concise"),
        ("form", "example"),
    ];
    let mut ratings = Vec::new();
    for _ in 0..ROUNDS {
        let style = draw(&mut connection, person, &mut rng).await;
        let liked = taste
            .iter()
            .filter(|(dimension, choice)| style[*dimension] == *choice);
        // 1 with nothing to their taste, 4 with all of it, and a mood.
        let mood = u8::from(rng.random_bool(0.3));
        let rating = 1 + u8::try_from(liked.count()).expect("at most 3") + mood;
        ratings.push(f64::from(rating));
        append(
            &mut connection,
            FEEDBACK,
            &feedback(person, rating, style).to_string(),
        )
        .await;
        settled(&redis, FEEDBACK).await;
    }
    let held = profile(&mut connection, person).await;
    assert_eq!(held["feedback_count"], ROUNDS.to_string());
    let style: Value = serde_json::from_str(&held["style"]).expect("JSON");
    for (dimension, choice) in taste {
        let share = style[dimension][choice].as_f64().expect("a share");
        assert!(share > 0.7, "{dimension} {choice}: {style}");
    }
    // By chance it would be 2.6.
    let mean = ratings.iter().sum::<f64>() / ratings.len() as f64;
    assert!(mean > 3.2, "{mean}: {ratings:?}");
}
