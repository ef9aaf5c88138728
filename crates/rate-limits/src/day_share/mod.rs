//! What one person may add in a UTC day, whatever services they add it through.
//!
//! Each process counts by itself, and lets in or refuses from what it knows: no call waits for Redis. A task
//! tells the cache Redis what was counted, and learns what others have. So a person gets at most their share,
//! and what each process lets in between two times it tells ([`TOLD_EVERY`] and a round trip), with what is
//! being written at that moment. While Redis is away each process counts for itself, on from what it knew; of
//! a process that dies, what it had not told is forgotten.

mod ledger;
#[cfg(test)]
mod tests;

use std::{
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use futures_util::future::join_all;
use redis_access::{CachePool, LinkState};
use redis_contracts::{
    Timestamp,
    script::{self, Counted},
};
use service_kit::{Code, Context, Problem, Stage, config::Limits};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use self::ledger::Ledger;
use super::{By, decisions, verdict::words};

/// How often Redis is told.
pub const TOLD_EVERY: Duration = Duration::from_millis(250);

/// People of whom Redis is told at once.
const TOLD_AT_ONCE: usize = 64;

const DAY_MS: i64 = 86_400_000;

/// What a person has a share of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Share {
    /// What their own calls add to streams: the bytes of events, as appended.
    Stream,
    /// The archives they import: the bytes of the files.
    Import,
}

impl Share {
    /// The name in keys and metrics.
    const fn name(self) -> &'static str {
        match self {
            Self::Stream => "stream_bytes",
            Self::Import => "import_bytes",
        }
    }

    const fn of_what(self) -> &'static str {
        match self {
            Self::Stream => "changes",
            Self::Import => "archives",
        }
    }

    const fn allows(self, limits: &Limits) -> u64 {
        match self {
            Self::Stream => limits.stream_bytes_per_day,
            Self::Import => limits.import_bytes_per_day,
        }
    }
}

/// Counts what people add. Cheap to clone.
#[derive(Clone)]
pub struct DayShare {
    inner: Arc<Inner>,
}

struct Inner {
    share: Share,
    /// 0: any number.
    allows: u64,
    cache: CachePool,
    ledger: Mutex<Ledger>,
    /// Ms by which the clock of Redis is ahead of this process.
    ahead_ms: AtomicI64,
    untold: Notify,
}

impl DayShare {
    /// Counts from now on, as the context's settings say; its task is in the supervisor.
    pub fn start(context: &mut Context, share: Share, cache: &CachePool) -> Self {
        let shares = Self::new(share, &context.settings.limits, cache);
        let stop = context.supervisor.stop_of(Stage::Workers);
        let telling = shares.clone().tell_until(stop);
        let supervisor = &mut context.supervisor;
        supervisor.spawn(Stage::Workers, share.name(), async {
            telling.await;
            Ok(())
        });
        shares
    }

    /// One that counts; Redis hears of it by [`DayShare::tell_until`].
    pub fn new(share: Share, limits: &Limits, cache: &CachePool) -> Self {
        let inner = Inner {
            share,
            allows: share.allows(limits),
            cache: cache.clone(),
            ledger: Mutex::default(),
            ahead_ms: AtomicI64::new(0),
            untold: Notify::new(),
        };
        Self {
            inner: Arc::new(inner),
        }
    }

    /// Whether a person may add something, or 429 until the day ends.
    pub fn admit(&self, user_id: Uuid) -> Result<(), Problem> {
        self.admit_more(user_id, 1)
    }

    /// Whether a person may add so many bytes, where that is known before, or 429 until the day ends.
    pub fn admit_more(&self, user_id: Uuid, bytes: u64) -> Result<(), Problem> {
        let Inner { share, allows, .. } = *self.inner;
        if allows == 0 {
            return Ok(());
        }
        let now_ms = self.now_ms();
        let total = self.ledger().total(now_ms.div_euclid(DAY_MS), user_id);
        self.inner.untold.notify_one();
        if total.saturating_add(bytes) <= allows {
            return Ok(());
        }
        decisions(share.name(), false, By::Local).inc();
        Err(refusal(share, allows, now_ms))
    }

    /// Counts what a person has added. Call it once that lasts.
    pub fn spend(&self, user_id: Uuid, bytes: u64) {
        if self.inner.allows == 0 || bytes == 0 {
            return;
        }
        let day = self.now_ms().div_euclid(DAY_MS);
        self.ledger().add(day, user_id, bytes);
        self.inner.untold.notify_one();
    }

    /// Tells Redis what was counted, until `stop`, and the rest then. Run it supervised.
    pub async fn tell_until(self, stop: CancellationToken) {
        let mut link = self.inner.cache.link();
        loop {
            tokio::select! {
                () = stop.cancelled() => break,
                () = self.inner.untold.notified() => {}
                Ok(()) = link.changed() => {
                    if matches!(&*link.borrow_and_update(), LinkState::Up(_)) {
                        self.ledger().untell_all();
                    }
                }
            }
            self.tell().await;
            tokio::select! {
                () = stop.cancelled() => break,
                () = tokio::time::sleep(TOLD_EVERY) => {}
            }
        }
        self.tell().await;
    }

    /// Tells Redis all it has not heard, as long as it listens: when it is back, it is told everything.
    async fn tell(&self) {
        loop {
            let untold = self.ledger().take_untold(TOLD_AT_ONCE);
            let told = join_all(untold.iter().map(|counted| self.tell_one(counted))).await;
            if untold.len() < TOLD_AT_ONCE || !told.iter().all(|told| *told) {
                return;
            }
        }
    }

    /// Whether Redis has heard it.
    async fn tell_one(&self, counted: &Counted) -> bool {
        let Inner { share, cache, .. } = &*self.inner;
        let call = script::count_share(share.name(), counted);
        let sent_ms = Timestamp::now().unix_ms();
        let answer = cache.invoke::<Vec<i64>>(&call).await;
        let numbers = match answer {
            Ok(numbers) => numbers,
            Err(error) => {
                tracing::debug!(error = %error, share = share.name(), "shares are counted in the process");
                self.ledger().untell(counted.user_id);
                self.inner.untold.notify_one();
                return false;
            }
        };
        if let Some(redis_ms) = numbers.first() {
            self.inner
                .ahead_ms
                .store(redis_ms - sent_ms, Ordering::Relaxed);
        }
        if let Some(sum) = numbers.get(1) {
            self.ledger().learn(counted, sum.unsigned_abs());
        }
        true
    }

    /// The days are those of Redis, so that they begin everywhere at once.
    fn now_ms(&self) -> i64 {
        let ahead_ms = self.inner.ahead_ms.load(Ordering::Relaxed);
        Timestamp::now().unix_ms().saturating_add(ahead_ms)
    }

    fn ledger(&self) -> MutexGuard<'_, Ledger> {
        let held = self.inner.ledger.lock();
        held.unwrap_or_else(PoisonError::into_inner)
    }
}

fn refusal(share: Share, allows: u64, now_ms: i64) -> Problem {
    let left_ms = DAY_MS - now_ms.rem_euclid(DAY_MS);
    let left = Duration::from_millis(left_ms.unsigned_abs());
    let detail = format!(
        "You may add {} of {} in a day (UTC). Go on in {}.",
        size(allows),
        share.of_what(),
        words(left)
    );
    Problem {
        retry_after: Some(Duration::from_secs(left.as_secs() + 1)),
        ..Problem::new(Code::RateLimited, detail)
    }
}

/// A size for people, exact.
fn size(bytes: u64) -> String {
    let units = [(30, "GiB"), (20, "MiB"), (10, "KiB")];
    let fits = |&(shift, _): &(u32, &str)| bytes.trailing_zeros() >= shift;
    match units.into_iter().find(fits) {
        Some((shift, unit)) => format!("{} {unit}", bytes >> shift),
        None => format!("{bytes} bytes"),
    }
}
