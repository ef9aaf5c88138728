//! The scripts that decide over sign-ins: they have to agree with a bucket that leaks, take from all
//! limits or from none, and lock for different wrong passwords only.

mod failures;

use std::time::Duration;

use proptest::{
    prelude::{Strategy, prop},
    test_runner::{Config, TestCaseError, TestRunner},
};
use redis_contracts::{
    Cache, Timestamp,
    script::{ADMIT, Limit, Lock, Measure, Period, admit},
};
use test_kit::{Bucket, RedisServer};

use crate::Reached;

const HOUR: f64 = 3600.0;
const DAY_MS: i64 = 86_400_000;
/// What passes while a test runs is far less than this; nearer than this the model does not decide.
const NEAR: f64 = 0.02;

struct Limits {
    reached: Reached<Cache>,
    server: RedisServer,
}

/// What is said of one limit.
#[derive(Debug, PartialEq)]
struct Ruled {
    admits: bool,
    left: i64,
    wait_ms: i64,
}

impl Limits {
    async fn new() -> Self {
        let server = RedisServer::cache().await;
        let reached = Reached::at(&server.url()).await;
        Self { reached, server }
    }

    /// The reply: how long a lock holds, and what each limit says.
    async fn admit(&self, lock: Option<&Lock>, limits: &[Limit], cost: u64) -> (i64, Vec<Ruled>) {
        let call = admit(lock, limits, cost);
        let numbers: Vec<i64> = self.reached.pool.invoke(&call).await.expect("a reply");
        let each = numbers[1..].chunks_exact(3).map(|three| Ruled {
            admits: three[0] == 1,
            left: three[1],
            wait_ms: three[2],
        });
        (numbers[0], each.collect())
    }

    async fn ask(&self, limits: &[Limit], cost: u64) -> Vec<Ruled> {
        self.admit(None, limits, cost).await.1
    }

    /// Time passes, for this limit: its state is a moment.
    async fn pass(&self, limit: &Limit, seconds: f64) {
        let mut connection = self.server.connect().await;
        let get = redis::cmd("GET").arg(name(limit)).to_owned();
        let held: Option<String> = get.query_async(&mut connection).await.expect("GET");
        if let Some(held) = held {
            let arrival: f64 = held.parse().expect("a moment");
            let earlier = format!("{:.3}", arrival - seconds * 1e6);
            let set = redis::cmd("SET")
                .arg(name(limit))
                .arg(earlier)
                .arg("KEEPTTL")
                .to_owned();
            set.exec_async(&mut connection).await.expect("SET");
        }
    }

    async fn ttl_ms(&self, key: &str) -> i64 {
        let pttl = redis::cmd("PTTL").arg(key).to_owned();
        let mut connection = self.server.connect().await;
        pttl.query_async(&mut connection).await.expect("PTTL")
    }

    async fn forget_all(&self) {
        let mut connection = self.server.connect().await;
        redis::cmd("FLUSHALL")
            .exec_async(&mut connection)
            .await
            .expect("FLUSHALL");
    }
}

fn name(limit: &Limit) -> String {
    format!("rate_limit:{}:{}", limit.policy, limit.subject)
}

fn rate(policy: &'static str, allows: u64) -> Limit {
    Limit {
        policy,
        subject: "somebody".to_owned(),
        allows,
        measure: Measure::Rate(Duration::from_secs(3600)),
    }
}

/// `ends` is when the asking process believes that the period ends: it says nothing.
fn quota_of(period: Period, allows: u64, ends: Timestamp) -> Limit {
    Limit {
        measure: Measure::Quota { period, ends },
        ..rate("quota", allows)
    }
}

fn quota(allows: u64) -> Limit {
    quota_of(Period::Day, allows, Timestamp::now())
}

fn lock(valid_from: Timestamp) -> Lock {
    Lock {
        account: "ab".repeat(32),
        origin: "192.0.2.0/24".to_owned(),
        valid_from,
    }
}

/// One step of a story: time passes, then so much is asked for.
#[derive(Clone, Debug)]
struct Step {
    seconds: f64,
    cost: u32,
}

fn story() -> impl Strategy<Value = (u32, Vec<Step>)> {
    let step = (0.0..HOUR, 1_u32..5).prop_map(|(seconds, cost)| Step {
        // Mostly short times, so that limits are met.
        seconds: seconds * seconds / HOUR / 4.0,
        cost,
    });
    (1_u32..30, prop::collection::vec(step, 1..40))
}

#[test]
fn a_rate_agrees_with_a_bucket_that_leaks() {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let limits = runtime.block_on(Limits::new());
    let config = Config {
        cases: 64,
        failure_persistence: None,
        ..Config::default()
    };
    let told = TestRunner::new(config).run(&story(), |(allows, steps)| {
        runtime.block_on(follows(&limits, allows, steps))
    });
    told.unwrap_or_else(|error| panic!("{error}"));
}

async fn follows(limits: &Limits, allows: u32, steps: Vec<Step>) -> Result<(), TestCaseError> {
    limits.forget_all().await;
    let limit = rate("hourly", u64::from(allows));
    let mut model = Bucket::new(allows, HOUR);
    for Step { seconds, cost } in steps {
        limits.pass(&limit, seconds).await;
        model.pass(seconds);
        let ruled = limits
            .ask(std::slice::from_ref(&limit), u64::from(cost))
            .await;
        let (room, said) = (model.room_after(cost), &ruled[0]);
        if room.abs() > NEAR {
            proptest::prop_assert_eq!(said.admits, room > 0.0, "room {}", room);
        }
        if said.admits {
            model.take(cost);
        }
        let over = model.room_after(0);
        if (over - over.round()).abs() > NEAR {
            proptest::prop_assert_eq!(said.left, over.floor() as i64, "over {}", over);
        }
        let wait = if said.admits {
            model.wait(1)
        } else {
            model.wait(cost)
        };
        let off = (said.wait_ms as f64 / 1000.0 - wait).abs();
        proptest::prop_assert!(off < NEAR * HOUR, "waits {said:?}, not {wait}");
    }
    Ok(())
}

#[tokio::test]
async fn many_at_once_are_admitted_as_often_as_is_allowed() {
    let limits = Limits::new().await;
    let asked = [rate("hourly", 20), quota(15)];
    let all = (0..200).map(|_| limits.ask(&asked, 1));
    let ruled = futures_util::future::join_all(all).await;
    let admitted = ruled
        .iter()
        .filter(|each| each.iter().all(|ruled| ruled.admits));
    assert_eq!(admitted.count(), 15);
    // What the quota refused was not taken from the rate.
    assert_eq!(limits.ask(&asked, 0).await[0].left, 5);
}

#[tokio::test]
async fn a_burst_gets_all_that_is_allowed_whatever_that_is() {
    let limits = Limits::new().await;
    for allows in [1, 3, 7, 11, 13, 97] {
        limits.forget_all().await;
        let limit = [rate("hourly", allows)];
        for _ in 0..allows {
            assert!(limits.ask(&limit, 1).await[0].admits, "of {allows}");
        }
        assert!(!limits.ask(&limit, 1).await[0].admits, "of {allows}");
    }
}

#[tokio::test]
async fn all_limits_are_charged_or_none() {
    let limits = Limits::new().await;
    let (wide, narrow) = (rate("wide", 10), rate("narrow", 1));
    let both = [wide.clone(), narrow];
    assert!(limits.ask(&both, 1).await.iter().all(|ruled| ruled.admits));
    for _ in 0..5 {
        let ruled = limits.ask(&both, 1).await;
        assert_eq!((ruled[0].admits, ruled[1].admits), (true, false));
        // Not charged: it tells what would be left.
        assert_eq!(ruled[0].left, 8);
    }
    assert_eq!(limits.ask(&[wide], 0).await[0].left, 9);
}

#[tokio::test]
async fn looking_takes_nothing_and_leaves_no_key() {
    let limits = Limits::new().await;
    let asked = [rate("hourly", 3), quota(3)];
    for _ in 0..10 {
        let ruled = limits.ask(&asked, 0).await;
        assert!(
            ruled.iter().all(|ruled| ruled.admits && ruled.left == 3),
            "{ruled:?}"
        );
    }
    assert_eq!(limits.ttl_ms(&name(&asked[0])).await, -2);
    assert_eq!(limits.ttl_ms(&name(&asked[1])).await, -2);
}

#[tokio::test]
async fn a_key_lives_no_longer_than_its_window() {
    let limits = Limits::new().await;
    let asked = [rate("hourly", 4), quota(4)];
    limits.ask(&asked, 1).await;
    let ttl_ms = limits.ttl_ms(&name(&asked[0])).await;
    assert!((3_590_000..=3_600_000).contains(&ttl_ms), "{ttl_ms}");
    let ttl_ms = limits.ttl_ms(&name(&asked[1])).await;
    assert!((1..=DAY_MS).contains(&ttl_ms), "{ttl_ms}");
}

#[tokio::test]
async fn a_quota_begins_anew_when_it_ends() {
    let limits = Limits::new().await;
    let ended = quota(2);
    limits.ask(std::slice::from_ref(&ended), 2).await;
    let mut connection = limits.server.connect().await;
    let ends = redis::cmd("PEXPIRE").arg(name(&ended)).arg(5).to_owned();
    ends.exec_async(&mut connection).await.expect("PEXPIRE");
    test_kit::eventually("the key is gone", test_kit::PATIENCE, async || match limits
        .ttl_ms(&name(&ended))
        .await
    {
        -2 => Ok(()),
        left => Err(format!("{left} ms")),
    })
    .await;
    let ruled = limits.ask(std::slice::from_ref(&ended), 2).await;
    assert_eq!((ruled[0].admits, ruled[0].left), (true, 0));
    let refused = &limits.ask(&[ended], 1).await[0];
    assert!(!refused.admits, "{refused:?}");
    assert!((1..=DAY_MS).contains(&refused.wait_ms), "{refused:?}");
}

#[tokio::test]
async fn a_process_whose_clock_is_wrong_neither_voids_a_quota_nor_prolongs_it() {
    let limits = Limits::new().await;
    let now = Timestamp::now();
    for days in [-400, -1, 0, 1, 400] {
        let ends = Timestamp::from_unix_ms(now.unix_ms() + days * DAY_MS);
        for (period, longest_ms) in [(Period::Day, DAY_MS), (Period::Month, 31 * DAY_MS)] {
            limits.forget_all().await;
            let wrong = [quota_of(period, 2, ends)];
            assert!(limits.ask(&wrong, 2).await[0].admits);
            let refused = &limits.ask(&wrong, 1).await[0];
            assert!(!refused.admits, "{days} days off: {refused:?}");
            let ttl_ms = limits.ttl_ms(&name(&wrong[0])).await;
            assert!((1..=longest_ms).contains(&ttl_ms), "{ttl_ms}");
            assert!(!limits.ask(&[quota_of(period, 2, now)], 1).await[0].admits);
        }
    }
}

/// The script with the clock of Redis where the test wants it.
async fn ends_at(limits: &Limits, now: Timestamp, period: &str) -> i64 {
    let seconds = now.unix_ms() / 1000;
    let source = ADMIT
        .source
        .replace("redis.call('TIME')", &format!("{{{seconds}, 0}}"));
    let mut asked = redis::cmd("EVAL");
    asked.arg(source).arg(2).arg("-").arg("quota");
    asked.arg(0).arg(0).arg(0).arg(period).arg(1).arg(0);
    let mut connection = limits.server.connect().await;
    let reply: Vec<i64> = asked.query_async(&mut connection).await.expect("a reply");
    reply[3] + seconds * 1000
}

#[tokio::test]
async fn days_and_months_end_where_the_calendar_says() {
    let limits = Limits::new().await;
    let first_of = |year: i64, month: i64| -> Timestamp {
        let (year, month) = (year + (month - 1) / 12, (month - 1) % 12 + 1);
        format!("{year}-{month:02}-01T00:00:00Z")
            .parse()
            .expect("a moment")
    };
    for year in 2024..2100 {
        for month in 1..=12 {
            let (begins, ends) = (first_of(year, month), first_of(year, month + 1));
            let last = Timestamp::from_unix_ms(ends.unix_ms() - 1000);
            for now in [begins, begins.plus_seconds(1_000_000), last] {
                let told = ends_at(&limits, now, "month").await;
                assert_eq!(told, ends.unix_ms(), "{now}");
            }
            let tomorrow = begins.unix_ms() + DAY_MS;
            assert_eq!(ends_at(&limits, begins, "day").await, tomorrow);
            assert_eq!(ends_at(&limits, last, "day").await, ends.unix_ms());
        }
    }
}

#[tokio::test]
async fn what_was_admitted_under_a_smaller_limit_counts_under_a_larger_one() {
    let limits = Limits::new().await;
    assert!(limits.ask(&[rate("hourly", 1)], 1).await[0].admits);
    assert!(!limits.ask(&[rate("hourly", 1)], 1).await[0].admits);
    assert_eq!(limits.ask(&[rate("hourly", 100)], 1).await[0].left, 0);
}
