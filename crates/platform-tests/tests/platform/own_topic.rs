//! The topic of a person: what they are told, by their own stream alone.

use redis_contracts::{LIVE_AI, USER_TIMELINE};
use serde_json::{Value, json};
use test_kit::{Live, Person, Platform, RedisServer};

use crate::log::{Recorded, heard, silence};

/// What the scripts that tell people do: append, and publish what follows on what.
const TELL: &str = "
local newest = redis.call('XREVRANGE', KEYS[1], '+', '-', 'COUNT', 1)
local position = redis.call('XADD', KEYS[1], 'MAXLEN', '=', ARGV[2], '*', 'event', ARGV[3])
redis.call('PUBLISH', ARGV[1], '{\"topic\":\"' .. ARGV[4] .. '\",\"position\":\"' .. position ..
  '\",\"previous\":\"' .. (newest[1] and newest[1][1] or '0-0') .. '\",\"event\":' .. ARGV[3] .. '}')
return position";

fn topic(person: &Person) -> String {
    format!("user:{}", person.id)
}

/// Tells a person so many things.
async fn tell(streams: &RedisServer, person: &Person, count: usize) -> Vec<Recorded> {
    let mut connection = streams.connect().await;
    let mut told = Vec::new();
    for number in 0..count {
        let event =
            json!({"specversion": "1.0", "id": uuid::Uuid::now_v7(), "data": {"number": number}});
        let mut command = redis::cmd("EVAL");
        command
            .arg(TELL)
            .arg(1)
            .arg(USER_TIMELINE.key(person.id.parse().expect("a UUID")).name())
            .arg(LIVE_AI.name())
            .arg(USER_TIMELINE.timeline().newest)
            .arg(event.to_string())
            .arg(topic(person));
        let position = command.query_async(&mut connection).await.expect("told");
        told.push(Recorded { position, event });
    }
    told
}

async fn subscribed(live: &mut Live, person: &Person, after: Option<&str>) -> Value {
    live.subscribe(&topic(person), after).await;
    live.expect("subscribed").await
}

#[tokio::test]
async fn a_person_is_told_live_and_what_they_missed() {
    let platform = Platform::start().await;
    let person = platform.person().await;
    let mut live = person.live().await;
    let empty = subscribed(&mut live, &person, None).await;
    assert_eq!(
        (&empty["position"], &empty["replayed"], &empty["gap"]),
        (&json!("0-0"), &json!(0), &json!(false))
    );
    let told = tell(&platform.streams, &person, 5).await;
    assert_eq!(heard(&mut live, 5).await, told);
    let mut second = person.live().await;
    for (after, missed) in [
        ("0-0", &told[..]),
        (&told[0].position, &told[1..]),
        (&told[3].position, &told[4..]),
        (&told[4].position, &[][..]),
    ] {
        let answer = subscribed(&mut second, &person, Some(after)).await;
        assert_eq!(
            (&answer["position"], &answer["replayed"], &answer["gap"]),
            (&json!(after), &json!(missed.len()), &json!(false))
        );
        assert_eq!(heard(&mut second, missed.len()).await, missed, "{after}");
    }
    let more = tell(&platform.streams, &person, 3).await;
    for live in [&mut live, &mut second] {
        assert_eq!(heard(live, 3).await, more);
        silence(live).await;
    }
}

#[tokio::test]
async fn a_topic_of_somebody_else_is_forbidden() {
    let platform = Platform::start().await;
    let (person, stranger) = (platform.person().await, platform.person().await);
    let mut live = stranger.live().await;
    for after in [None, Some("0-0"), Some("x")] {
        live.subscribe(&topic(&person), after).await;
        let refusal = live.expect("error").await;
        assert_eq!(
            (&refusal["code"], &refusal["topic"]),
            (&json!("forbidden"), &json!(topic(&person)))
        );
    }
    tell(&platform.streams, &person, 3).await;
    silence(&mut live).await;
}

#[tokio::test]
async fn the_last_200_are_replayed_and_anything_else_is_a_gap() {
    let platform = Platform::start().await;
    let person = platform.person().await;
    let mut live = person.live().await;
    let mut told = tell(&platform.streams, &person, 200).await;
    let whole = subscribed(&mut live, &person, Some("0-0")).await;
    assert_eq!(
        (&whole["gap"], &whole["replayed"]),
        (&json!(false), &json!(200))
    );
    assert_eq!(heard(&mut live, 200).await, told);
    told.extend(tell(&platform.streams, &person, 1).await);
    heard(&mut live, 1).await;

    let oldest = subscribed(&mut live, &person, Some(&told[1].position)).await;
    assert_eq!(
        (&oldest["gap"], &oldest["replayed"]),
        (&json!(false), &json!(199))
    );
    assert_eq!(heard(&mut live, 199).await, told[2..]);
    let trimmed = told[0].position.clone();
    for after in ["0-0", &trimmed, "1-0", "99999999999999-0", "", "x"] {
        let answer = subscribed(&mut live, &person, Some(after)).await;
        assert_eq!(
            (&answer["gap"], &answer["replayed"], &answer["position"]),
            (&json!(true), &json!(0), &json!(told[200].position)),
            "{after}"
        );
    }
    let more = tell(&platform.streams, &person, 1).await;
    assert_eq!(heard(&mut live, 1).await, more);
}

#[tokio::test]
async fn after_a_cut_wire_nothing_is_missed_and_nothing_comes_twice() {
    let platform = Platform::builder().proxy_streams().start().await;
    let person = platform.person().await;
    let wire = platform.streams_wire.as_ref().expect("a proxy");
    let mut live = person.live().await;
    subscribed(&mut live, &person, None).await;
    for round in 0..6 {
        let mut told = tell(&platform.streams, &person, 5).await;
        match round % 3 {
            0 => wire.cut(),
            1 => wire.freeze(),
            _ => wire.cut_once(),
        }
        told.extend(tell(&platform.streams, &person, 20).await);
        if round % 3 < 2 {
            told_stale(&mut live, &mut told).await;
        }
        wire.heal();
        told.extend(tell(&platform.streams, &person, 5).await);
        assert_eq!(events(&mut live, told.len()).await, told, "round {round}");
    }
}

/// Waits for the word that events are not heard of as they happen; those before it were.
async fn told_stale(live: &mut Live, told: &mut Vec<Recorded>) {
    loop {
        let frame = live.next().await.expect("a frame");
        match frame["type"].as_str() {
            Some("event") => assert_eq!(crate::log::recorded(&frame), told.remove(0)),
            Some("status") if frame["live"] == false => return,
            other => assert_eq!(other, Some("status"), "{frame}"),
        }
    }
}

/// The next events, whatever is said of the wire between.
async fn events(live: &mut Live, count: usize) -> Vec<Recorded> {
    let mut events = Vec::new();
    while events.len() < count {
        let frame = live.next().await.expect("a frame");
        match frame["type"].as_str() {
            Some("event") => events.push(crate::log::recorded(&frame)),
            other => assert_eq!(other, Some("status"), "{frame}"),
        }
    }
    events
}

#[tokio::test]
async fn who_missed_more_than_is_kept_is_told_to_begin_anew() {
    let platform = Platform::builder().proxy_streams().start().await;
    let person = platform.person().await;
    let wire = platform.streams_wire.as_ref().expect("a proxy");
    let mut live = person.live().await;
    subscribed(&mut live, &person, None).await;
    let mut told = tell(&platform.streams, &person, 1).await;
    heard(&mut live, 1).await;
    wire.cut();
    told_stale(&mut live, &mut Vec::new()).await;
    told.extend(tell(&platform.streams, &person, 201).await);
    wire.heal();
    loop {
        let frame = live.next().await.expect("a frame");
        if frame["type"] == "resync" {
            assert_eq!(frame["topic"], topic(&person));
            break;
        }
        assert_eq!(frame["type"], "status", "{frame}");
    }
    let answer = loop {
        live.subscribe(&topic(&person), Some(&told[0].position))
            .await;
        let frame = live.next().await.expect("a frame");
        if frame["type"] == "subscribed" {
            break frame;
        }
    };
    assert_eq!(answer["gap"], true);
    assert_eq!(answer["position"], told[201].position);
}
