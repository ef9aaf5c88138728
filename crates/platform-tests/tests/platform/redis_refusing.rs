//! A Redis that answers and does not do what it is asked: calls that need it are refused in time, everybody
//! else goes on, and all is well by itself once it is.

use std::time::{Duration, Instant};

use futures_util::future::join_all;
use serde_json::{Value, json};
use test_kit::{PATIENCE, Person, Platform, RedisServer, eventually, free_port};

use crate::log::all_published;

/// How long anything may take to heal.
const HEALED_WITHIN: Duration = Duration::from_secs(10);

/// How long a refusal may take: the wait for a connection and for an answer.
const REFUSED_WITHIN: Duration = Duration::from_millis(2500);

async fn tell(redis: &RedisServer, words: &[&str]) {
    let mut command = redis::cmd(words[0]);
    command.arg(&words[1..]);
    let mut connection = redis.connect().await;
    command
        .exec_async(&mut connection)
        .await
        .expect("an answer");
}

/// What the readiness of a service says, once that is what is wanted.
async fn until_ready_says(
    platform: &Platform,
    service: &str,
    wanted: impl Fn(&Value) -> bool,
) -> Value {
    let url = format!(
        "http://127.0.0.1:{}/health/ready",
        platform.ops_port(service)
    );
    eventually(&format!("{service} says so"), PATIENCE, async || {
        let answer = reqwest::get(&url)
            .await
            .map_err(|error| error.to_string())?;
        let said: Value = answer.json().await.map_err(|error| error.to_string())?;
        match wanted(&said) {
            true => Ok(said),
            false => Err(said.to_string()),
        }
    })
    .await
}

async fn ask(person: &Person) -> u16 {
    let began = Instant::now();
    let answer = person.post("/api/ai/chat", json!({"message": "What next?"}));
    let status = answer.await.status;
    assert!(began.elapsed() < REFUSED_WITHIN, "{:?}", began.elapsed());
    status
}

#[tokio::test]
async fn a_streams_redis_that_takes_no_writes_refuses_those_alone_and_heals_by_itself() {
    let platform = Platform::start().await;
    let person = platform.person().await;
    let project = person.create_project("FULL").await;
    assert_eq!(ask(&person).await, 200);
    let nowhere = free_port().to_string();
    let mut tasks = 1;
    for (bad, good, says, is_ready) in [
        (
            ["CONFIG", "SET", "maxmemory", "1"].as_slice(),
            ["CONFIG", "SET", "maxmemory", "0"].as_slice(),
            "it is full",
            true,
        ),
        (
            &["CONFIG", "SET", "min-replicas-to-write", "1"],
            &["CONFIG", "SET", "min-replicas-to-write", "0"],
            "too few replicas",
            true,
        ),
        (
            &["REPLICAOF", "127.0.0.1", &nowhere],
            &["REPLICAOF", "NO", "ONE"],
            "it is a replica",
            false,
        ),
    ] {
        tell(&platform.streams, bad).await;
        for _ in 0..5 {
            assert_eq!(ask(&person).await, 503, "{says}");
            person.get("/api/projects").await.expect(200);
            person.create_task(&project, "Stored all the same").await;
            tasks += 1;
        }
        let named = |said: &Value| {
            let reason = said["degraded"]["redis-streams"].as_str();
            reason.is_some_and(|reason| reason.contains(says))
        };
        let said = until_ready_says(&platform, "ai-gateway", named).await;
        assert_eq!(said["status"] == "degraded", is_ready, "{said}");
        let standing = if is_ready { "degraded" } else { "down" };
        eventually("the platform says so", PATIENCE, async || {
            let health = person.get("/api/health").await.body;
            let shown = &health["redis"]["streams"]["status"];
            match health["status"] == "degraded" && shown == standing {
                true => Ok(()),
                false => Err(health),
            }
        })
        .await;

        tell(&platform.streams, good).await;
        let undone = Instant::now();
        eventually("the mentor answers", PATIENCE, async || {
            match ask(&person).await {
                200 => Ok(()),
                status => Err(status),
            }
        })
        .await;
        let published = all_published(&person, &project, &platform.streams).await;
        assert_eq!(published.len(), tasks);
        until_ready_says(&platform, "ai-gateway", |said| {
            said["degraded"] == json!({})
        })
        .await;
        assert!(
            undone.elapsed() < HEALED_WITHIN,
            "{says}: {:?}",
            undone.elapsed()
        );
    }
}

#[tokio::test]
async fn while_no_connection_to_redis_can_be_opened_requests_are_answered_in_time() {
    let platform = Platform::builder()
        .proxy_cache()
        .proxy_streams()
        .start()
        .await;
    let person = platform.person().await;
    let wires =
        [&platform.cache_wire, &platform.streams_wire].map(|wire| wire.as_ref().expect("a wire"));
    for wire in wires {
        wire.hold_new();
    }
    for _ in 0..20 {
        let asked = join_all((0..10).map(async |_| {
            let began = Instant::now();
            let asked = json!({"message": "What next?"});
            let answer = person.post("/api/ai/chat", asked).await;
            (answer.status, began.elapsed())
        }));
        for (status, took) in asked.await {
            let is_answer = [200, 429, 503].contains(&status);
            assert!(is_answer && took < REFUSED_WITHIN, "{status} {took:?}");
        }
    }
    let opens_none = |said: &Value| {
        let why = said["degraded"].to_string();
        said["status"] == "not ready" && why.contains("no new connection can be opened")
    };
    until_ready_says(&platform, "ai-gateway", opens_none).await;
    for (wire, redis) in wires.into_iter().zip([&platform.cache, &platform.streams]) {
        wire.lead_new_to(([127, 0, 0, 1], redis.port()).into());
    }
    let undone = Instant::now();
    until_ready_says(&platform, "ai-gateway", |said| {
        said["degraded"] == json!({})
    })
    .await;
    eventually("it is served", PATIENCE, async || {
        let answer = person.get("/api/learning/profile").await;
        if answer.status == 200 {
            Ok(())
        } else {
            Err(answer)
        }
    })
    .await;
    assert!(undone.elapsed() < HEALED_WITHIN, "{:?}", undone.elapsed());
}
