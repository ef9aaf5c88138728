//! What a rating does.

use redis::AsyncCommands;
use serde_json::{Value, json};
use test_kit::{PATIENCE, RedisServer, eventually};
use uuid::Uuid;

use super::{FEEDBACK, INTERACTIONS, Worker, append, event, feedback, profile, settled};

#[tokio::test]
async fn a_rating_counts_once_and_moves_the_profile_everywhere() {
    let redis = RedisServer::streams().await;
    let mut connection = redis.connect().await;
    let worker = Worker::start(&redis).await;
    let person = Uuid::now_v7();
    let rating = feedback(person, 5, json!({"tone": "direct", "form": "steps"})).to_string();
    append(&mut connection, FEEDBACK, &rating).await;
    // The same event again, as of a producer that did not hear the answer.
    append(&mut connection, FEEDBACK, &rating).await;
    settled(&redis, FEEDBACK).await;

    let held = profile(&mut connection, person).await;
    let field = |name: &str| held.get(name).map(String::as_str);
    assert_eq!(field("version"), Some("1"));
    assert_eq!(field("feedback_count"), Some("1"));
    assert_eq!(field("rating_sum"), Some("5"));
    assert_eq!(field("n.tone.direct"), Some("1"));
    assert_eq!(field("s.form.steps"), Some("5"));
    let style: Value = serde_json::from_str(&held["style"]).expect("JSON");
    let share = |dimension: &str, choice: &str| style[dimension][choice].as_f64().expect("a share");
    assert!(
        share("tone", "direct") > 0.6 && share("form", "steps") > 0.45,
        "{style}"
    );
    assert_eq!(share("verbosity", "concise"), 0.5);
    for dimension in ["tone", "form", "verbosity"] {
        let shares = style[dimension].as_object().expect("choices").values();
        let total: f64 = shares.filter_map(Value::as_f64).sum();
        assert!((total - 1.0).abs() < 1e-5, "{dimension}: {total}");
    }
    for stream in [
        "ai:model:updates".to_owned(),
        format!("stream:devmentor:user:{person}"),
    ] {
        let told: Vec<(String, Vec<(String, String)>)> =
            connection.xrange_all(&stream).await.expect("a stream");
        assert_eq!(told.len(), 1, "{stream}");
        let event: Value = serde_json::from_str(&told[0].1[0].1).expect("JSON");
        assert_eq!(event["type"], "devmentor.learning.profile.updated.v1");
        assert_eq!(event["data"]["version"], 1);
        assert_eq!(event["data"]["average_rating"], 5.0);
        assert_eq!(event["data"]["style"], style);
    }
    let name = "devmentor_events_processed_total{outcome=\"repeated\",stream=\"user:feedback\"}";
    assert_eq!(worker.metric(name).await, Some(1.0));
}

#[tokio::test]
async fn what_people_do_is_counted_and_is_no_new_version() {
    let redis = RedisServer::streams().await;
    let mut connection = redis.connect().await;
    let _worker = Worker::start(&redis).await;
    let person = Uuid::now_v7();
    for kind in ["asked", "asked", "accepted"] {
        let data = json!({"user_id": person, "kind": kind});
        let event = event("devmentor.interaction.recorded.v1", person, data);
        append(&mut connection, INTERACTIONS, &event.to_string()).await;
    }
    settled(&redis, INTERACTIONS).await;
    let held = profile(&mut connection, person).await;
    assert_eq!(held["interactions.asked"], "2");
    assert_eq!(held["interactions.accepted"], "1");
    assert!(!held.contains_key("version"), "{held:?}");
}

#[tokio::test]
async fn each_bad_entry_is_one_dead_letter_with_its_reason() {
    let redis = RedisServer::streams().await;
    let mut connection = redis.connect().await;
    let person = Uuid::now_v7();
    let good = || feedback(person, 3, json!({}));
    let with = |pointer: &str, value: Value| {
        let mut event = good();
        *event.pointer_mut(pointer).expect("a field") = value;
        event.to_string()
    };
    let bad = [
        ("junk".to_owned(), "expected value"),
        (
            with("/type", json!("devmentor.feedback.given.v2")),
            "`devmentor.feedback.given.v2` is not known",
        ),
        (
            with("/type", json!("devmentor.interaction.recorded.v1")),
            "data: missing field `kind`",
        ),
        (with("/data/user_id", json!("{../}:*")), "UUID"),
        (
            with("/data/rating", json!(6)),
            "data.rating: expected 1 to 5",
        ),
        (with("/data/rating", json!(-1)), "data: "),
        (with("/data/rating", json!(4.5)), "data: "),
        (
            with("/data/style", json!({"tone": "rude"})),
            "style.tone is one of direct, supportive",
        ),
        (
            with("/data/propensity", json!(2)),
            "data.propensity: expected",
        ),
        (
            with("/data/tags", json!(vec!["t"; 11])),
            "data.tags: expected",
        ),
        (
            with("/data/target_type", json!("task")),
            "data.target_type: expected",
        ),
        (with("/specversion", json!("2.0")), "specversion 2.0"),
    ];
    for (event, _) in &bad {
        append(&mut connection, FEEDBACK, event).await;
        append(&mut connection, FEEDBACK, &good().to_string()).await;
    }
    let worker = Worker::start(&redis).await;
    settled(&redis, FEEDBACK).await;
    let held = profile(&mut connection, person).await;
    assert_eq!(held["feedback_count"], bad.len().to_string());
    let letters: Vec<(String, std::collections::BTreeMap<String, String>)> = connection
        .xrange_all("dlq:user:feedback")
        .await
        .expect("a stream");
    assert_eq!(letters.len(), bad.len());
    for (event, reason) in &bad {
        let letter = letters.iter().find(|(_, letter)| &letter["event"] == event);
        let (_, letter) = letter.unwrap_or_else(|| panic!("no dead letter of {event}"));
        assert!(
            letter["error"].contains(reason),
            "{reason}: {}",
            letter["error"]
        );
    }
    let name = "devmentor_stream_dead_letters{stream=\"user:feedback\"}";
    eventually("the dead letters show", PATIENCE, async || {
        let shown = worker.metric(name).await;
        (shown == Some(bad.len() as f64))
            .then_some(())
            .ok_or(format!("{shown:?}"))
    })
    .await;
}

#[tokio::test]
async fn a_stream_that_was_deleted_and_made_anew_counts_again() {
    let redis = RedisServer::streams().await;
    let mut connection = redis.connect().await;
    let _worker = Worker::start(&redis).await;
    let person = Uuid::now_v7();
    let rating = || feedback(person, 4, json!({})).to_string();
    let _: String = connection
        .xadd(FEEDBACK, "9999999999999-5", &[("event", rating())])
        .await
        .expect("an entry of the far future");
    settled(&redis, FEEDBACK).await;
    let _: u64 = connection.del(FEEDBACK).await.expect("a key");
    append(&mut connection, FEEDBACK, &rating()).await;
    eventually("the new one counts", PATIENCE, async || {
        let count = profile(&mut connection, person).await["feedback_count"].clone();
        if count == "2" { Ok(()) } else { Err(count) }
    })
    .await;
}

#[tokio::test]
async fn ratings_wait_for_a_profile_that_cannot_be_read_which_stays_as_it_is() {
    let redis = RedisServer::streams().await;
    let mut connection = redis.connect().await;
    let broken = [
        ("version", "nan"),
        ("feedback_count", "abc"),
        ("rating_sum", "900"),
        ("n.tone.direct", "-3"),
        ("s.tone.direct", "1e3"),
        ("interactions.asked", ""),
        ("floor.user:feedback", "yesterday"),
    ];
    let broken = broken.map(|(field, junk)| (Uuid::now_v7(), field, junk));
    let bystander = Uuid::now_v7();
    let mut people: Vec<_> = broken.iter().map(|(person, ..)| *person).collect();
    people.push(bystander);
    for (person, field, junk) in &broken {
        // What a later version may keep there is not ours to judge.
        let fields = [(*field, *junk), ("mood", "good")];
        let _: () = connection
            .hset_multiple(format!("learning:profile:{person}"), &fields)
            .await
            .expect("a hash");
    }
    for person in &people {
        let rating = feedback(*person, 4, json!({"form": "steps"})).to_string();
        append(&mut connection, FEEDBACK, &rating).await;
    }
    let _worker = Worker::start(&redis).await;
    eventually("the bystander's counts", PATIENCE, async || {
        let held = profile(&mut connection.clone(), bystander).await;
        match held.get("feedback_count").map(String::as_str) {
            Some("1") => Ok(()),
            count => Err(format!("{count:?}")),
        }
    })
    .await;
    for (person, field, junk) in &broken {
        let held = profile(&mut connection, *person).await;
        let expected = [(*field, *junk), ("mood", "good")];
        let expected = expected.map(|(field, value)| (field.to_owned(), value.to_owned()));
        assert_eq!(held, expected.into(), "{field}");
        let key = format!("learning:profile:{person}");
        let _: u64 = connection.hdel(key, *field).await.expect("mended");
    }
    settled(&redis, FEEDBACK).await;
    for person in people {
        let held = profile(&mut connection, person).await;
        assert_eq!((&*held["version"], &*held["feedback_count"]), ("1", "1"));
    }
    let letters: u64 = connection.xlen("dlq:user:feedback").await.expect("none");
    assert_eq!(letters, 0);
}

#[tokio::test]
async fn what_an_operator_broke_of_the_streams_it_writes_begins_anew_and_nothing_is_lost() {
    let redis = RedisServer::streams().await;
    let mut connection = redis.connect().await;
    let (person, bystander) = (Uuid::now_v7(), Uuid::now_v7());
    let timeline = format!("stream:devmentor:user:{person}");
    let largest = format!("{0}-{0}", u64::MAX);
    let _: () = connection
        .set("ai:model:updates", "by mistake")
        .await
        .expect("SET");
    let _: String = connection
        .xadd(&timeline, &largest, &[("event", "{}")])
        .await
        .expect("an entry");
    let _worker = Worker::start(&redis).await;
    for user_id in [person, bystander] {
        let rating = feedback(user_id, 5, json!({})).to_string();
        append(&mut connection, FEEDBACK, &rating).await;
    }
    settled(&redis, FEEDBACK).await;
    for user_id in [person, bystander] {
        let held = profile(&mut connection, user_id).await;
        assert_eq!(held.get("feedback_count").map(String::as_str), Some("1"));
    }
    let lengths: (u64, u64, u64) = (
        connection.xlen("ai:model:updates").await.expect("a stream"),
        connection.xlen(&timeline).await.expect("a stream"),
        connection
            .xlen("dlq:user:feedback")
            .await
            .expect("a stream"),
    );
    assert_eq!(lengths, (2, 1, 0));
}
