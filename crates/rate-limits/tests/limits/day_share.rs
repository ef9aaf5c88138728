//! The share of a day over several processes, with the cache Redis there, away, slow and empty.

use std::time::Duration;

use rate_limits::{DayShare, Share};
use redis::AsyncCommands;
use redis_access::{CachePool, LinkState, RedisSettings};
use redis_contracts::keys::SHARE;
use service_kit::{Code, config::Limits};
use test_kit::{PATIENCE, Proxy, RedisServer, eventually};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

const ALLOWS: u64 = 1000;

const LIMITS: Limits = Limits {
    auth_per_minute: 5,
    api_per_minute: 600,
    sockets_per_person: 50,
    connections_per_address: 256,
    stream_bytes_per_day: ALLOWS,
    import_bytes_per_day: 0,
};

/// A process that counts, and its wire to Redis.
struct Process {
    shares: DayShare,
    pool: CachePool,
    wire: Proxy,
    stop: CancellationToken,
    telling: tokio::task::JoinHandle<()>,
}

impl Process {
    async fn start(server: &RedisServer) -> Self {
        let wire = Proxy::start(([127, 0, 0, 1], server.port()).into()).await;
        let pool = CachePool::new(&RedisSettings::new(format!("redis://{}", wire.addr())))
            .expect("a Redis URL");
        let stop = CancellationToken::new();
        let (kept, stopped) = (pool.clone(), stop.clone());
        tokio::spawn(async move { kept.keep_link(stopped).await });
        let shares = DayShare::new(Share::Stream, &LIMITS, &pool);
        let telling = tokio::spawn(shares.clone().tell_until(stop.clone()));
        let process = Self {
            shares,
            pool,
            wire,
            stop,
            telling,
        };
        process
            .link(|state| matches!(state, LinkState::Up(_)))
            .await;
        process
    }

    async fn link(&self, wanted: impl Fn(&LinkState) -> bool) {
        let link = self.pool.link();
        eventually("the link", PATIENCE, async || {
            let state = link.borrow().clone();
            if wanted(&state) {
                Ok(())
            } else {
                Err(format!("{state:?}"))
            }
        })
        .await;
    }

    fn admits(&self, person: Uuid) -> bool {
        self.shares.admit(person).is_ok()
    }

    /// Waits until it refuses a person, who adds a little whenever it does not.
    async fn refuses(&self, person: Uuid) {
        eventually("refused", PATIENCE, async || {
            if self.admits(person) {
                self.shares.spend(person, 1);
                Err("it admits")
            } else {
                Ok(())
            }
        })
        .await;
    }

    /// Ends in order.
    async fn end(self) {
        self.stop.cancel();
        self.telling.await.expect("it ends");
    }
}

#[tokio::test]
async fn what_one_process_let_in_counts_in_every_other_and_after_a_restart() {
    let server = RedisServer::cache().await;
    let (one, two) = (Process::start(&server).await, Process::start(&server).await);
    let (attacker, bystander) = (Uuid::now_v7(), Uuid::now_v7());
    one.shares.spend(attacker, ALLOWS / 2);
    two.shares.spend(attacker, ALLOWS / 2);
    one.refuses(attacker).await;
    two.refuses(attacker).await;
    one.end().await;
    let anew = Process::start(&server).await;
    anew.refuses(attacker).await;
    let refused = anew.shares.admit(attacker).expect_err("refused");
    assert_eq!(refused.code, Code::RateLimited);
    let wait = refused.retry_after.expect("a time");
    assert!(
        wait > Duration::ZERO && wait <= Duration::from_secs(86_401),
        "{wait:?}"
    );
    assert!(anew.admits(bystander) && two.admits(bystander));
    let key = SHARE.key(("stream_bytes", attacker.to_string()));
    let mut redis = server.connect().await;
    let ttl: i64 = redis.pttl(key.name()).await.expect("a TTL");
    assert!((1..=86_400_000).contains(&ttl), "{ttl}");
}

#[tokio::test]
async fn a_redis_that_is_away_slow_or_empty_costs_nothing_and_forgets_nothing() {
    let mut server = RedisServer::cache().await;
    let (one, two) = (Process::start(&server).await, Process::start(&server).await);
    let (attacker, other) = (Uuid::now_v7(), Uuid::now_v7());
    one.shares.spend(attacker, ALLOWS);
    two.refuses(attacker).await;
    one.wire.freeze();
    let began = std::time::Instant::now();
    for _ in 0..10_000 {
        assert!(!one.admits(attacker));
        assert!(one.admits(other));
        one.shares.spend(other, 0);
    }
    assert!(
        began.elapsed() < Duration::from_secs(1),
        "{:?}",
        began.elapsed()
    );
    server.kill();
    // By itself, on from what it knew.
    one.shares.spend(other, ALLOWS);
    assert!(!one.admits(other) && !two.admits(attacker));
    assert!(two.admits(other), "it cannot know");
    one.wire.heal();
    server.wipe();
    server.restart().await;
    two.refuses(other).await;
    let anew = Process::start(&server).await;
    anew.refuses(attacker).await;
}

#[tokio::test]
async fn what_somebody_else_left_under_the_key_stops_nobody() {
    let server = RedisServer::cache().await;
    let person = Uuid::now_v7();
    let key = SHARE.key(("stream_bytes", person.to_string()));
    let mut redis = server.connect().await;
    let () = redis.set(key.name(), "text").await.expect("SET");
    let (one, two) = (Process::start(&server).await, Process::start(&server).await);
    assert!(one.admits(person));
    one.shares.spend(person, ALLOWS);
    two.refuses(person).await;
}
