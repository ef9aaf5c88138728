//! The limiter of this process alone. It counts while Redis answers too, so that it goes on from
//! there when Redis does not. What it holds is bounded; the busiest stays.

mod locks;
mod quotas;
mod rates;

use std::{
    collections::HashMap,
    hash::{BuildHasher, RandomState},
    time::Duration,
};

use governor::clock::{Clock, DefaultClock};
use redis_contracts::{
    Timestamp,
    script::{Limit, Lock, Measure},
};
use service_kit::config::Lockout;

use self::locks::Locks;
use self::quotas::Quotas;
use self::rates::Rates;
use super::verdict::{Decision, Ruled, whole_seconds};
use crate::policy::{Policy, WhenAway};

pub use rates::quota;

/// Subjects of each policy, and places of locks, that are remembered.
const REMEMBERED: usize = 10_000;

/// Counts in this process.
pub(super) struct Local<C: Clock = DefaultClock> {
    rates: Rates<C>,
    quotas: Quotas,
    locks: Locks,
    hasher: RandomState,
    /// Until when Redis may not know what was taken here alone, by policy.
    alone_until: HashMap<&'static str, Timestamp>,
}

impl Local {
    /// Nothing is counted yet.
    pub(super) fn new(lockout: Lockout) -> Self {
        Self::with_clock(lockout, DefaultClock::default())
    }
}

impl<C: Clock + Clone> Local<C> {
    fn with_clock(lockout: Lockout, clock: C) -> Self {
        Self {
            rates: Rates::new(clock),
            quotas: Quotas::default(),
            locks: Locks::new(lockout),
            hasher: RandomState::new(),
            alone_until: HashMap::new(),
        }
    }

    /// The refusal of a request that Redis need not be asked about: a lock that is known here, or what
    /// was counted here while Redis was away, of which it would admit more than is allowed.
    pub(super) fn refuse_for_redis(
        &mut self,
        lock: Option<&Lock>,
        limits: &[Limit],
        cost: u64,
        now: Timestamp,
    ) -> Option<Decision> {
        if let Some(left) = self.lock_left(lock, now) {
            return Some(Decision::locked(left));
        }
        let missed = |limit: &Limit| self.alone_until.get(limit.policy) > Some(&now);
        let missed: Vec<_> = limits.iter().map(missed).collect();
        if !missed.contains(&true) {
            return None;
        }
        let ruled: Vec<_> = limits
            .iter()
            .map(|limit| self.look(limit, cost, now))
            .collect();
        let mut both = missed.iter().zip(&ruled);
        let refuses = both.any(|(missed, ruled)| *missed && !ruled.admitted);
        refuses.then_some(Decision {
            locked: None,
            ruled,
        })
    }

    /// Decides as `admit.lua` does; what passes while Redis is away passes.
    pub(super) fn admit(
        &mut self,
        lock: Option<&Lock>,
        policies: &[&Policy],
        limits: &[Limit],
        cost: u64,
        now: Timestamp,
    ) -> Decision {
        if let Some(left) = self.lock_left(lock, now) {
            return Decision::locked(left);
        }
        let each = policies.iter().zip(limits);
        let ruled = each.map(|(policy, limit)| match policy.when_away {
            WhenAway::CountLocally => self.look(limit, cost, now),
            WhenAway::Pass => passing(limit),
        });
        let mut decision = Decision {
            locked: None,
            ruled: ruled.collect(),
        };
        if cost > 0 && decision.is_admitted() {
            for (index, (policy, limit)) in policies.iter().zip(limits).enumerate() {
                if policy.when_away == WhenAway::CountLocally {
                    decision.ruled[index] = self.take(limit, cost, now);
                    self.note_alone(limit, now);
                }
            }
        }
        decision
    }

    /// Follows a decision of Redis.
    pub(super) fn learn(
        &mut self,
        lock: Option<&Lock>,
        limits: &[Limit],
        cost: u64,
        decision: &Decision,
        now: Timestamp,
    ) {
        if let (Some(lock), Some(left)) = (lock, decision.locked) {
            self.lock(lock, left, now);
        } else if cost > 0 && decision.is_admitted() {
            for limit in limits {
                self.take(limit, cost, now);
            }
        }
    }

    /// Gives back one of each.
    pub(super) fn give_back(&mut self, limits: &[Limit]) {
        for limit in limits {
            let subject = self.subject(limit);
            match limit.measure {
                Measure::Rate(window) => self.rates.give_back(limit, window, subject),
                Measure::Quota { ends, .. } => self.quotas.give_back(ends, subject),
            }
        }
    }

    /// Counts a wrong password; whether this one locked.
    pub(super) fn record_failure(&mut self, lock: &Lock, hash: &str, now: Timestamp) -> bool {
        let hash = self.hasher.hash_one(hash);
        self.locks.record_failure(self.place(lock), lock, hash, now)
    }

    /// Locks for so long.
    pub(super) fn lock(&mut self, lock: &Lock, left: Duration, now: Timestamp) {
        self.locks.lock(self.place(lock), left, now);
    }

    /// Forgets the wrong passwords.
    pub(super) fn forget_failures(&mut self, lock: &Lock) {
        self.locks.forget_failures(self.place(lock));
    }

    fn lock_left(&self, lock: Option<&Lock>, now: Timestamp) -> Option<Duration> {
        lock.and_then(|lock| self.locks.left(self.place(lock), lock, now))
    }

    fn note_alone(&mut self, limit: &Limit, now: Timestamp) {
        let until = match limit.measure {
            Measure::Rate(window) => now.plus_seconds(whole_seconds(window)),
            Measure::Quota { ends, .. } => ends,
        };
        self.alone_until.insert(limit.policy, until);
    }

    fn look(&mut self, limit: &Limit, cost: u64, now: Timestamp) -> Ruled {
        let subject = self.subject(limit);
        match limit.measure {
            Measure::Rate(window) => self.rates.look(limit, window, subject, cost),
            Measure::Quota { ends, .. } => self.quotas.look(limit.allows, ends, subject, cost, now),
        }
    }

    fn take(&mut self, limit: &Limit, cost: u64, now: Timestamp) -> Ruled {
        let subject = self.subject(limit);
        match limit.measure {
            Measure::Rate(window) => self.rates.take(limit, window, subject, cost),
            Measure::Quota { ends, .. } => self.quotas.take(limit.allows, ends, subject, cost, now),
        }
    }

    /// Subjects are kept as keyed hashes: small, and nobody can make two that collide.
    fn subject(&self, limit: &Limit) -> u64 {
        self.hasher.hash_one((limit.policy, &limit.subject))
    }

    fn place(&self, lock: &Lock) -> u64 {
        self.hasher.hash_one((&lock.account, &lock.origin))
    }
}

fn passing(limit: &Limit) -> Ruled {
    Ruled {
        admitted: true,
        left: limit.allows,
        wait: Duration::ZERO,
    }
}

#[cfg(test)]
mod tests;
