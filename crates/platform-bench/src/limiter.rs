//! Deciding over a sign-in by its lock and four limits, in one script, beside one bare GET over a
//! connection of the same kind.

use rate_limits::{
    Asked, By, Limiter,
    policy::{AUTH_ACCOUNT, AUTH_ADDRESS, AUTH_NETWORK, AUTH_UNKNOWN},
};
use redis::aio::MultiplexedConnection;
use redis_access::{CachePool, LinkState, RedisSettings};
use redis_contracts::{Timestamp, script::Lock};
use service_kit::config::{Limits, Lockout};
use test_kit::RedisServer;
use tokio_util::sync::CancellationToken;

use crate::{
    load::{Load, Step},
    plan::Plan,
    report::{Expected, Report, progress},
    rounds::Rounds,
};

/// Decisions at a time.
const IN_FLIGHT: [usize; 2] = [1, 64];

pub async fn run(plan: &Plan) -> anyhow::Result<Report> {
    let redis = RedisServer::cache().await;
    let pool = CachePool::new(&RedisSettings::new(redis.url()))?;
    let stop = CancellationToken::new();
    let keeping = pool.keep_link(stop.clone());
    tokio::select! {
        report = measured(plan, &redis, &pool) => report,
        () = keeping => anyhow::bail!("the link to Redis ended"),
    }
}

async fn measured(plan: &Plan, redis: &RedisServer, pool: &CachePool) -> anyhow::Result<Report> {
    let up = |state: &LinkState| matches!(state, LinkState::Up(_));
    pool.link().wait_for(up).await?;
    let mut connection = redis.connect().await;
    let set = redis::cmd("SET").arg("bench").arg("0123456789").to_owned();
    set.exec_async(&mut connection).await?;
    let limiter = Limiter::new(pool.clone(), LIMITS, LOCKOUT);
    let mut report = Report::default();
    for in_flight in IN_FLIGHT {
        let mut deciding = load(in_flight, || Deciding::new(&limiter));
        let mut getting = load(in_flight, || Getting(connection.clone()));
        deciding.round(plan.round() / 2).await?; // warm
        getting.round(plan.round() / 2).await?;
        let (mut decisions, mut gets) = (Rounds::default(), Rounds::default());
        for round in plan.rounds() {
            decisions.add(&deciding.round(plan.round()).await?, 1.0);
            gets.add(&getting.round(plan.round()).await?, 1.0);
            progress(&format!("  {in_flight} at a time, round {round}"));
        }
        let decisions = decisions.figures(&format!("lock and four limits, {in_flight} at a time"));
        let gets = gets.figures(&format!("bare GET, {in_flight} at a time"));
        let expected = (in_flight == 1).then_some(Expected::RatioAtMost(1.3));
        report.row(&decisions.p50, &gets.p50, expected);
        report.row(&decisions.p99, &gets.p99, None);
        report.row(&decisions.rate, &gets.rate, None);
    }
    Ok(report)
}

fn load<S: Step>(count: usize, worker: impl FnMut() -> S) -> Load<S> {
    Load::new(std::iter::repeat_with(worker).take(count).collect())
}

/// So much that nothing is refused.
const LIMITS: Limits = Limits {
    auth_per_minute: 1_000_000_000,
    api_per_minute: 600,
    sockets_per_person: 50,
    connections_per_address: 256,
    stream_bytes_per_day: 0,
    import_bytes_per_day: 0,
};

const LOCKOUT: Lockout = Lockout {
    failures: 5,
    seconds: 900,
};

struct Deciding {
    limiter: Limiter,
    lock: Lock,
    asked: [Asked; 4],
}

impl Deciding {
    fn new(limiter: &Limiter) -> Self {
        let account = "ab".repeat(32);
        let origin = "n-192.0.2.0/24";
        Self {
            limiter: limiter.clone(),
            asked: [
                Asked::of(AUTH_ADDRESS, "192.0.2.7"),
                Asked::of(AUTH_NETWORK, "192.0.2.0/24"),
                Asked::of(AUTH_ACCOUNT, format!("{account}:{origin}")),
                Asked::of(AUTH_UNKNOWN, account.clone()),
            ],
            lock: Lock {
                account,
                origin: origin.to_owned(),
                valid_from: Timestamp::default(),
            },
        }
    }
}

impl Step for Deciding {
    async fn step(&mut self) -> anyhow::Result<()> {
        let verdict = self.limiter.admit(Some(&self.lock), &self.asked, 1).await;
        // A busy machine may be too slow once; that is part of the picture.
        anyhow::ensure!(
            verdict.is_admitted() || verdict.by == By::Local,
            "{verdict:?}"
        );
        Ok(())
    }
}

struct Getting(MultiplexedConnection);

impl Step for Getting {
    async fn step(&mut self) -> anyhow::Result<()> {
        let get = redis::cmd("GET").arg("bench").to_owned();
        let _: Vec<u8> = get.query_async(&mut self.0).await?;
        Ok(())
    }
}
