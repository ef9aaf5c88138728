//! Wrong passwords and locks.

use std::{collections::VecDeque, time::Duration};

use quick_cache::unsync::Cache;
use redis_contracts::{Timestamp, script::Lock};
use service_kit::config::Lockout;

use super::REMEMBERED;

/// Wrong passwords of one place that are told apart; older ones stay counted.
const TOLD_APART: usize = 32;

/// What `login_failures` and `locked` are in Redis.
pub(super) struct Locks {
    lockout: Lockout,
    failures: Cache<u64, Failures>,
    locked: Cache<u64, Locked>,
}

struct Failures {
    since: Timestamp,
    until: Timestamp,
    count: u64,
    seen: VecDeque<u64>,
}

#[derive(Clone, Copy)]
struct Locked {
    since: Timestamp,
    until: Timestamp,
}

impl Locks {
    pub(super) fn new(lockout: Lockout) -> Self {
        Self {
            lockout,
            failures: Cache::new(REMEMBERED),
            locked: Cache::new(REMEMBERED),
        }
    }

    /// How long the lock still holds.
    pub(super) fn left(&self, place: u64, lock: &Lock, now: Timestamp) -> Option<Duration> {
        let held = self.locked.get(&place)?;
        let left_ms = u64::try_from(held.until.unix_ms() - now.unix_ms()).unwrap_or(0);
        (held.since >= lock.valid_from && left_ms > 0).then(|| Duration::from_millis(left_ms))
    }

    pub(super) fn lock(&mut self, place: u64, left: Duration, now: Timestamp) {
        let left_ms = i64::try_from(left.as_millis()).unwrap_or(i64::MAX);
        let until = Timestamp::from_unix_ms(now.unix_ms().saturating_add(left_ms));
        let lock = Locked { since: now, until };
        self.locked.insert(place, lock);
    }

    /// Counts a wrong password; whether this one locked. See `record_failure.lua`.
    pub(super) fn record_failure(
        &mut self,
        place: u64,
        lock: &Lock,
        hash: u64,
        now: Timestamp,
    ) -> bool {
        let held = self.failures.remove(&place).map(|(_, held)| held);
        let counts = |held: &Failures| held.until > now && held.since >= lock.valid_from;
        let mut failures = held.filter(counts).unwrap_or_else(|| Failures {
            since: now,
            until: now,
            count: 0,
            seen: VecDeque::new(),
        });
        if !failures.seen.contains(&hash) {
            failures.count += 1;
            failures.until = now.plus_seconds(self.lockout.seconds);
            failures.seen.push_back(hash);
            if failures.seen.len() > TOLD_APART {
                failures.seen.pop_front();
            }
        }
        let locks = failures.count >= self.lockout.failures;
        if !locks {
            self.failures.insert(place, failures);
        }
        locks
    }

    pub(super) fn forget_failures(&mut self, place: u64) {
        self.failures.remove(&place);
    }
}
