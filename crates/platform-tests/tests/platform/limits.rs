//! The limits as a caller meets them: of the API, over all gateways, and of signing in.

use std::time::{Duration, Instant};

use futures_util::{StreamExt, stream};
use serde_json::json;
use test_kit::{Answer, PATIENCE, Person, Platform, eventually};

const ALLOWED: u64 = 100;
const LEASE: u64 = ALLOWED / 20;

/// Requests of a storm that are on their way at the same time: a gateway that has no time to hear Redis
/// within 10 ms decides by itself.
const AT_ONCE: usize = 4;

async fn limited() -> Platform {
    let allowed = ALLOWED.to_string();
    let builder = Platform::builder().set("limits.api_per_minute", &allowed);
    builder.proxy_cache().start().await
}

/// What came back while something ran.
fn refilled(began: Instant) -> u64 {
    (began.elapsed().as_secs_f64() * ALLOWED as f64 / 60.0) as u64 + 1
}

/// How many of so many requests are answered, and the refusals.
async fn storm(people: &[&Person], each: usize) -> (u64, Vec<Answer>) {
    let round = || people.iter().map(|person| person.get("/api/me"));
    let all = (0..each).flat_map(|_| round());
    let answers: Vec<_> = stream::iter(all).buffer_unordered(AT_ONCE).collect().await;
    let (good, refused): (Vec<_>, Vec<_>) =
        answers.into_iter().partition(|answer| answer.status == 200);
    (good.len() as u64, refused)
}

fn check_refusal(answer: &Answer) {
    answer.expect_problem(429, "rate_limited");
    let wait: u64 = answer.header("retry-after").parse().expect("seconds");
    assert!((1..=60).contains(&wait), "{answer}");
    assert_eq!(answer.header("ratelimit-policy"), "\"api\";q=100;w=60");
    assert_eq!(answer.header("ratelimit"), format!("\"api\";r=0;t={wait}"));
}

/// `r` of `"api";r=99;t=1`.
fn left(answer: &Answer) -> u64 {
    let header = answer.header("ratelimit");
    let after = header.split(";r=").nth(1).unwrap_or_default();
    let number = after.split(';').next().unwrap_or_default();
    number
        .parse()
        .unwrap_or_else(|_| panic!("no r in {header:?}: {answer}"))
}

#[tokio::test]
async fn a_person_gets_what_is_allowed_and_is_told_what_is_left() {
    let platform = limited().await;
    let person = platform.person().await;
    let began = Instant::now();
    let mut before = ALLOWED;
    for number in 1..=20 {
        let answer = person.get("/api/me").await;
        assert_eq!(answer.header("ratelimit-policy"), "\"api\";q=100;w=60");
        let left = left(&answer);
        assert!(
            left >= ALLOWED - number && left <= before + refilled(began),
            "{left} after {number}"
        );
        before = left;
    }
    let limits = person.get("/api/me/limits").await.expect(200);
    let api = limits["items"].as_array().expect("items").iter();
    let api = api
        .clone()
        .find(|item| item["policy"] == "api")
        .expect("the API's")
        .clone();
    assert_eq!(
        (&api["limit"], &api["window_seconds"]),
        (&json!(100), &json!(60))
    );
    // A lease that is on its way is neither here nor in Redis.
    let remaining = api["remaining"].as_u64().expect("a number");
    let can_be_left = 79 - LEASE..=79 + refilled(began);
    assert!(can_be_left.contains(&remaining), "{api}");
    for field in [
        "policy",
        "description",
        "limit",
        "window_seconds",
        "remaining",
        "reset_seconds",
    ] {
        assert!(
            limits["items"]
                .as_array()
                .expect("items")
                .iter()
                .all(|item| !item[field].is_null())
        );
    }
    // Looking at them takes one like any request, and no more.
    let (good, refused) = storm(&[&person], 100).await;
    assert!(
        (79..=79 + LEASE + refilled(began)).contains(&good),
        "{good}"
    );
    refused.iter().for_each(check_refusal);
    // Somebody else is not concerned.
    platform.person().await.get("/api/me").await.expect(200);
}

#[tokio::test]
async fn all_gateways_together_let_through_one_lease_each_too_many_at_most() {
    let platform = limited().await;
    let other = platform.another_gateway().await;
    let here = platform.person().await;
    let there = here.at(other.base_url());
    let began = Instant::now();
    let (good, refused) = storm(&[&here, &there], 100).await;
    let most = ALLOWED + 2 * LEASE + refilled(began);
    // What one has leased and not used is not there for the other.
    assert!(
        (ALLOWED - LEASE..=most).contains(&good),
        "{good} of {ALLOWED}"
    );
    assert_eq!(refused.len() as u64, 200 - good);
    refused.iter().for_each(check_refusal);
    // Another session of the same person shares them.
    let answer = here.sign_in_again().await.get("/api/me").await;
    assert!(
        answer.status == 429 || began.elapsed() > Duration::from_millis(500),
        "{answer}"
    );
}

#[tokio::test]
async fn who_waits_as_told_is_answered_again() {
    let platform = limited().await;
    let person = platform.person().await;
    let (_, refused) = storm(&[&person], 150).await;
    check_refusal(refused.last().expect("a refusal"));
    eventually("it is answered", PATIENCE, async || {
        let answer = person.get("/api/me").await;
        match answer.status {
            200 => Ok(()),
            _ => Err(answer),
        }
    })
    .await;
}

#[tokio::test]
async fn while_redis_is_away_requests_pass_at_the_full_rate_and_no_faster() {
    let platform = limited().await;
    let person = platform.person().await;
    person.get("/api/me").await.expect(200);
    let wire = platform.cache_wire.as_ref().expect("a wire");
    for breaks in [test_kit::Proxy::cut, test_kit::Proxy::freeze] {
        breaks(wire);
        let person = platform.person().await;
        let began = Instant::now();
        let (good, refused) = storm(&[&person], 200).await;
        let most = ALLOWED + 2 * LEASE + refilled(began);
        assert!((ALLOWED..=most).contains(&good), "{good} of {ALLOWED}");
        let strange = refused.iter().find(|answer| answer.status != 429);
        assert!(strange.is_none(), "{strange:?}");
        wire.heal();
        platform.wait_healthy().await;
    }
    let metrics = format!(
        "http://127.0.0.1:{}/metrics",
        platform.ops_port("ui-gateway")
    );
    let text = reqwest::get(metrics)
        .await
        .expect("metrics")
        .text()
        .await
        .expect("text");
    for outcome in ["admitted", "refused"] {
        let line = format!(
            "devmentor_rate_limit_decisions_total{{by=\"local\",outcome=\"{outcome}\",policy=\"api\"}}"
        );
        assert!(text.contains(&line), "{line} in {text}");
    }
}

#[tokio::test]
async fn signing_in_is_limited_by_address_and_says_so_with_redis_and_without() {
    for cut in [false, true] {
        let builder = Platform::builder().set("limits.auth_per_minute", "5");
        let platform = builder.proxy_cache().start().await;
        if cut {
            platform.cache_wire.as_ref().expect("a wire").cut();
        }
        let login = || async {
            let body = json!({"email": "nobody@example.com", "password": "is not known here"});
            let url = format!("{}/api/auth/login", platform.base_url());
            reqwest::Client::new()
                .post(url)
                .json(&body)
                .send()
                .await
                .expect("an answer")
        };
        for number in 0..5 {
            let answer = login().await;
            assert_eq!(answer.status(), 401, "{number}");
            let policy = &answer.headers()["ratelimit-policy"];
            assert!(
                policy
                    .to_str()
                    .expect("text")
                    .starts_with("\"auth_address\";q=5;w=60")
            );
        }
        let answer = login().await;
        assert_eq!(answer.status(), 429);
        let head = answer.headers();
        let text = |name: &str| head[name].to_str().expect("text").to_owned();
        assert!(
            text("ratelimit").contains("\"auth_address\";r=0"),
            "{head:?}"
        );
        let wait: u64 = text("retry-after").parse().expect("seconds");
        assert!((1..=60).contains(&wait), "{wait}");
    }
}
