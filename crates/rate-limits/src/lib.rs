//! Who may do how much: the policies of [`policy`], decided for all dimensions of a
//! request in one round trip, and the locks of accounts.
//!
//! While Redis is away, or slower than [`FINDING_OUT`], the process decides by itself, on from what
//! it has seen so far: no caller ever gets an error from here, and none waits longer than that.

mod day_share;
mod headers;
mod local;
mod metrics;
pub mod policy;
mod silence;
mod subject;
mod verdict;
mod window;

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use redis_access::{AccessError, CachePool};
use redis_contracts::{
    Timestamp,
    keys::LOGIN_FAILURES,
    script::{self, Limit, Lock},
};
use service_kit::config::{Limits, Lockout};

use self::{local::Local, silence::Silence, verdict::Decision};
use crate::policy::Policy;

pub use day_share::{DayShare, Share, TOLD_EVERY};
pub use local::quota;
pub use metrics::decisions;
pub use subject::{address_subject, network_origin, wide_network};
pub use verdict::{By, Standing, Verdict};

/// Longest wait for the word of Redis.
pub const FINDING_OUT: Duration = Duration::from_millis(10);

/// Stands for the wrong passwords that Redis has not heard of. No hash looks like it.
const MISSED: &str = "missed";

/// What a request asks of one policy.
#[derive(Clone, Debug)]
pub struct Asked {
    /// The policy.
    pub policy: &'static Policy,
    /// Whom it counts for: an address by [`address_subject`], an account by its hash. No secret.
    pub subject: String,
}

impl Asked {
    /// This policy, for this subject.
    pub fn of(policy: &'static Policy, subject: impl Into<String>) -> Self {
        Self {
            policy,
            subject: subject.into(),
        }
    }
}

/// Decides over requests. Cheap to clone.
#[derive(Clone)]
pub struct Limiter {
    inner: Arc<Inner>,
}

struct Inner {
    cache: CachePool,
    limits: Limits,
    lockout: Lockout,
    local: Mutex<Local>,
    silence: Silence,
    finding_out: Duration,
}

impl Limiter {
    /// A limiter for these settings, for requests that wait for its word.
    pub fn new(cache: CachePool, limits: Limits, lockout: Lockout) -> Self {
        Self::patient(cache, limits, lockout, FINDING_OUT)
    }

    /// One that waits longer for Redis, where no request waits for it.
    pub fn patient(
        cache: CachePool,
        limits: Limits,
        lockout: Lockout,
        finding_out: Duration,
    ) -> Self {
        let inner = Inner {
            cache,
            limits,
            lockout,
            local: Mutex::new(Local::new(lockout)),
            silence: Silence::default(),
            finding_out,
        };
        Self {
            inner: Arc::new(inner),
        }
    }

    /// How much a policy allows in its window.
    pub fn allowed(&self, policy: &Policy) -> u64 {
        let Limits {
            auth_per_minute,
            api_per_minute,
            ..
        } = self.inner.limits;
        policy.allowed(auth_per_minute, api_per_minute)
    }

    /// How long a policy's window is.
    pub fn window(policy: &Policy) -> Duration {
        window::length(policy.window, Timestamp::now())
    }

    /// Takes `cost` from all that is asked, or from nothing when a lock stands or one of them
    /// refuses; 0 only looks. A lock answers before any limit is touched.
    pub async fn admit(&self, lock: Option<&Lock>, asked: &[Asked], cost: u64) -> Verdict {
        let verdict = self.lease(lock, asked, cost).await;
        if cost > 0 {
            metrics::count(&verdict);
        }
        verdict
    }

    /// As [`Limiter::admit`], for requests that are still to come: who makes them counts them, by
    /// [`decisions`].
    pub async fn lease(&self, lock: Option<&Lock>, asked: &[Asked], cost: u64) -> Verdict {
        let now = Timestamp::now();
        let limits: Vec<_> = asked.iter().map(|asked| self.limit(asked, now)).collect();
        let (by, decision) = self.decide(lock, asked, &limits, cost, now).await;
        Verdict::new(by, decision, asked, &limits, now)
    }

    /// Gives back one of each of what was taken: the request did what it was let in for.
    pub async fn give_back(&self, asked: &[Asked]) {
        if asked.is_empty() {
            return;
        }
        let now = Timestamp::now();
        let limits: Vec<_> = asked.iter().map(|asked| self.limit(asked, now)).collect();
        self.local().give_back(&limits);
        // Away: it was not taken there.
        self.in_time(self.inner.cache.invoke::<i64>(&script::give_back(&limits)))
            .await;
    }

    /// Counts a wrong password by its truncated keyed hash; the same one again counts once. Whether
    /// this one locked.
    pub async fn record_failure(&self, lock: &Lock, password_hash: &str) -> bool {
        let Lockout { failures, seconds } = self.inner.lockout;
        let remembered = Duration::from_secs(seconds);
        let call = script::record_failure(lock, password_hash, failures, remembered);
        let told = self.in_time(self.inner.cache.invoke::<i64>(&call)).await;
        let now = Timestamp::now();
        let here = self.local().record_failure(lock, password_hash, now);
        let told = told == Some(1);
        if here && !told {
            // Redis missed some of them. One more that it has never seen locks at once.
            let call = script::record_failure(lock, MISSED, 1, remembered);
            self.in_time(self.inner.cache.invoke::<i64>(&call)).await;
        }
        if here || told {
            self.local().lock(lock, remembered, now);
        }
        here || told
    }

    /// Forgets the wrong passwords of this place: the right one was given.
    pub async fn forget_failures(&self, lock: &Lock) {
        self.local().forget_failures(lock);
        let key = LOGIN_FAILURES.key(lock.place());
        // Away: they are forgotten by themselves, after as long as a lock holds.
        self.in_time(self.inner.cache.delete(&key)).await;
    }

    async fn decide(
        &self,
        lock: Option<&Lock>,
        asked: &[Asked],
        limits: &[Limit],
        cost: u64,
        now: Timestamp,
    ) -> (By, Decision) {
        let refused = self.local().refuse_for_redis(lock, limits, cost, now);
        if let Some(decision) = refused {
            return (By::Local, decision);
        }
        let call = script::admit(lock, limits, cost);
        let answer = self.in_time(self.inner.cache.invoke::<Vec<i64>>(&call));
        let read = |numbers: Vec<i64>| Decision::read(&numbers, limits.len());
        if let Some(decision) = answer.await.and_then(read) {
            self.local().learn(lock, limits, cost, &decision, now);
            return (By::Redis, decision);
        }
        let policies: Vec<_> = asked.iter().map(|asked| asked.policy).collect();
        let decision = self.local().admit(lock, &policies, limits, cost, now);
        (By::Local, decision)
    }

    fn limit(&self, asked: &Asked, now: Timestamp) -> Limit {
        Limit {
            policy: asked.policy.name,
            subject: asked.subject.clone(),
            allows: self.allowed(asked.policy),
            measure: window::measure(asked.policy.window, now),
        }
    }

    /// The answer of Redis, unless it is away or does not come in time.
    async fn in_time<T>(&self, answer: impl Future<Output = Result<T, AccessError>>) -> Option<T> {
        let Inner {
            cache,
            silence,
            finding_out,
            ..
        } = &*self.inner;
        if silence.holds() {
            return None;
        }
        match tokio::time::timeout(*finding_out, answer).await {
            Ok(Ok(answer)) => Some(answer),
            Ok(Err(error)) => {
                tracing::debug!(error = %error, "limits are decided in the process");
                None
            }
            Err(_) => {
                silence.begin();
                cache.suspect();
                tracing::debug!("Redis is slow; limits are decided in the process");
                None
            }
        }
    }

    fn local(&self) -> MutexGuard<'_, Local> {
        let held = self.inner.local.lock();
        held.unwrap_or_else(PoisonError::into_inner)
    }
}
