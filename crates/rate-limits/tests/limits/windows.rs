//! The limiter over a wire that is cut and frozen.

use std::time::Duration;

use rate_limits::{
    Asked, By, Limiter, Verdict,
    policy::{AUTH_ACCOUNT, AUTH_ADDRESS, REGISTER_DAY},
};
use redis_access::{CachePool, LinkState, RedisSettings};
use redis_contracts::{Timestamp, script::Lock};
use service_kit::{
    Code, Problem,
    config::{Limits, Lockout},
    problem::RateHeaders,
};
use test_kit::{PATIENCE, Proxy, RedisServer, eventually};
use tokio_util::sync::{CancellationToken, DropGuard};

const LIMITS: Limits = Limits {
    auth_per_minute: 5,
    api_per_minute: 600,
    sockets_per_person: 50,
    connections_per_address: 256,
    stream_bytes_per_day: 0,
    import_bytes_per_day: 0,
};
const LOCKOUT: Lockout = Lockout {
    failures: 3,
    seconds: 900,
};

struct Kit {
    limiter: Limiter,
    pool: CachePool,
    wire: Proxy,
    server: RedisServer,
    _stop: DropGuard,
}

impl Kit {
    async fn new() -> Self {
        let server = RedisServer::cache().await;
        let wire = Proxy::start(([127, 0, 0, 1], server.port()).into()).await;
        let settings = RedisSettings::new(format!("redis://{}", wire.addr()));
        let pool = CachePool::new(&settings).expect("a Redis URL");
        let stop = CancellationToken::new();
        let (kept, stopped) = (pool.clone(), stop.clone());
        tokio::spawn(async move { kept.keep_link(stopped).await });
        let kit = Self {
            limiter: Limiter::new(pool.clone(), LIMITS, LOCKOUT),
            pool,
            wire,
            server,
            _stop: stop.drop_guard(),
        };
        kit.until("up", |state| matches!(state, LinkState::Up(_)))
            .await;
        kit.decided_by(By::Redis).await;
        kit
    }

    async fn until(&self, what: &str, wanted: impl Fn(&LinkState) -> bool) {
        let link = self.pool.link();
        eventually(&format!("the link is {what}"), PATIENCE, async || {
            let state = link.borrow().clone();
            if wanted(&state) {
                Ok(())
            } else {
                Err(format!("{state:?}"))
            }
        })
        .await;
    }

    /// Waits until it is this one that decides; takes nothing.
    async fn decided_by(&self, by: By) {
        eventually(&format!("{by:?} decides"), PATIENCE, async || {
            let verdict = self.limiter.admit(None, &address(), 0).await;
            if verdict.by == by {
                Ok(())
            } else {
                Err(format!("{verdict:?}"))
            }
        })
        .await;
    }

    async fn ask(&self, asked: &[Asked]) -> Verdict {
        self.limiter.admit(None, asked, 1).await
    }
}

fn address() -> [Asked; 1] {
    [Asked::of(AUTH_ADDRESS, "192.0.2.7")]
}

fn lock(valid_from: Timestamp) -> Lock {
    Lock {
        account: "ab".repeat(32),
        origin: "192.0.2.0/24".to_owned(),
        valid_from,
    }
}

fn refusal(verdict: &Verdict) -> Problem {
    verdict.refusal().expect("it refuses")
}

#[tokio::test]
async fn a_refusal_says_what_is_allowed_and_when_to_come_back() {
    let kit = Kit::new().await;
    for left in (0..5).rev() {
        let verdict = kit.ask(&address()).await;
        assert!(verdict.refusal().is_none());
        assert_eq!(verdict.standings[0].left, left);
    }
    let verdict = kit.ask(&address()).await;
    let problem = refusal(&verdict);
    assert_eq!(problem.code, Code::RateLimited);
    let retry_after = problem.retry_after.expect("a time").as_secs();
    assert!((1..=12).contains(&retry_after), "{retry_after}");
    assert!(
        problem.detail.contains("Try again in"),
        "{}",
        problem.detail
    );
    let told = verdict.headers().expect("limits");
    assert_eq!(told.policy, "\"auth_address\";q=5;w=60");
    assert_eq!(told.limit, format!("\"auth_address\";r=0;t={retry_after}"));
    assert_eq!(problem.limits.as_deref(), Some(&told));
    let status = tonic::Status::from(problem);
    assert_eq!(RateHeaders::read_from(status.metadata()), Some(told));
}

#[tokio::test]
async fn a_wire_that_is_cut_or_frozen_is_no_fault_and_no_fresh_start() {
    type Breaks = fn(&Proxy);
    for breaks in [Proxy::cut as Breaks, Proxy::freeze] {
        let kit = Kit::new().await;
        for _ in 0..3 {
            assert!(kit.ask(&address()).await.is_admitted());
        }
        breaks(&kit.wire);
        kit.decided_by(By::Local).await;
        // Three of five were used; they stay used.
        let verdicts = [kit.ask(&address()).await, kit.ask(&address()).await];
        for verdict in verdicts {
            assert!(verdict.is_admitted(), "{verdict:?}");
            assert_eq!(verdict.by, By::Local);
        }
        let refused = kit.ask(&address()).await;
        assert_eq!(
            (refused.by, refusal(&refused).code),
            (By::Local, Code::RateLimited)
        );
        kit.wire.heal();
        kit.decided_by(By::Redis).await;
        // It has not seen all five, and still nobody gets a sixth.
        assert!(!kit.ask(&address()).await.is_admitted());
    }
}

#[tokio::test]
async fn a_frozen_wire_is_found_out_once_and_not_by_every_request() {
    let kit = Kit::new().await;
    kit.wire.freeze();
    let began = std::time::Instant::now();
    for number in 0..1000 {
        let asked = [Asked::of(AUTH_ADDRESS, number.to_string())];
        assert_eq!(kit.ask(&asked).await.by, By::Local);
    }
    // Ten milliseconds each would be ten seconds.
    assert!(
        began.elapsed() < Duration::from_secs(5),
        "{:?}",
        began.elapsed()
    );
}

#[tokio::test]
async fn a_redis_that_is_not_there_at_first_is_used_when_it_comes() {
    let mut kit = Kit::new().await;
    kit.server.kill();
    kit.decided_by(By::Local).await;
    kit.server.restart().await;
    kit.decided_by(By::Redis).await;
}

#[tokio::test]
async fn parallel_requests_never_get_more_than_is_allowed() {
    let kit = Kit::new().await;
    let asked = [
        Asked::of(AUTH_ADDRESS, "192.0.2.7"),
        Asked::of(AUTH_ACCOUNT, "ab"),
        Asked::of(REGISTER_DAY, "192.0.2.7"),
    ];
    for by in [By::Redis, By::Local] {
        if by == By::Local {
            kit.wire.cut();
            kit.decided_by(by).await;
        }
        let verdicts = futures_util::future::join_all((0..100).map(|_| kit.ask(&asked))).await;
        let admitted = verdicts
            .iter()
            .filter(|verdict| verdict.is_admitted())
            .count();
        // What Redis admitted is not there a second time.
        assert_eq!(admitted, if by == By::Redis { 5 } else { 0 });
    }
}

#[tokio::test]
async fn a_lock_counts_before_a_limit_with_redis_and_without() {
    let kit = Kit::new().await;
    let lock = lock(Timestamp::default());
    for _ in 0..5 {
        kit.ask(&address()).await;
    }
    assert!(!kit.limiter.record_failure(&lock, "aa").await);
    assert!(!kit.limiter.record_failure(&lock, "aa").await);
    assert!(!kit.limiter.record_failure(&lock, "bb").await);
    kit.limiter.forget_failures(&lock).await;
    for hash in ["aa", "bb"] {
        assert!(!kit.limiter.record_failure(&lock, hash).await);
    }
    assert!(kit.limiter.record_failure(&lock, "cc").await);
    for by in [By::Redis, By::Local] {
        if by == By::Local {
            kit.wire.cut();
            kit.decided_by(by).await;
        }
        let verdict = kit.limiter.admit(Some(&lock), &address(), 1).await;
        let problem = refusal(&verdict);
        assert_eq!(problem.code, Code::AccountLocked);
        let retry_after = problem.retry_after.expect("a time").as_secs();
        assert!((880..=900).contains(&retry_after), "{retry_after}");
    }
    let unlocked = Lock {
        valid_from: Timestamp::now().plus_seconds(1),
        ..lock
    };
    let verdict = kit.limiter.admit(Some(&unlocked), &[], 1).await;
    assert!(verdict.is_admitted());
}

#[tokio::test]
async fn wrong_passwords_lock_while_redis_is_away() {
    let kit = Kit::new().await;
    let lock = lock(Timestamp::default());
    assert!(!kit.limiter.record_failure(&lock, "aa").await);
    kit.wire.cut();
    kit.decided_by(By::Local).await;
    // The first one counts on.
    assert!(!kit.limiter.record_failure(&lock, "bb").await);
    assert!(kit.limiter.record_failure(&lock, "cc").await);
    let verdict = kit.limiter.admit(Some(&lock), &address(), 1).await;
    assert_eq!(refusal(&verdict).code, Code::AccountLocked);
    kit.wire.heal();
    kit.decided_by(By::Redis).await;
    let verdict = kit.limiter.admit(Some(&lock), &address(), 1).await;
    assert_eq!(refusal(&verdict).code, Code::AccountLocked);
}
