//! The permits of one subject on this gateway.

use std::{
    sync::{
        OnceLock,
        atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use governor::{DefaultDirectRateLimiter, RateLimiter, clock::Clock};
use rate_limits::quota;
use tokio::sync::{Notify, futures::Notified};

/// Their state. Requests only take; the one lease that is on its way gives.
pub(super) struct Permits {
    lease: u64,
    since: Instant,
    /// In hand; below zero: used on credit.
    held: AtomicI64,
    /// What Redis had left after the last lease; all, before the first.
    left: AtomicI64,
    /// No lease is asked for before; milliseconds from `since`.
    refused_until_ms: AtomicU64,
    asking: AtomicBool,
    /// A lease was answered: there is no credit any more.
    known: AtomicBool,
    /// The last lease was not given by Redis.
    alone: AtomicBool,
    answered: Notify,
    /// Gives the leases while Redis is away.
    own: OnceLock<Box<DefaultDirectRateLimiter>>,
}

/// What became of taking a permit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Take {
    /// Taken; so many are left.
    One(u64),
    /// There is none in hand; a lease is on its way.
    None,
    /// There is none for so long.
    Refused(Duration),
}

impl Permits {
    /// Of somebody new, who has credit.
    pub(super) fn new(lease: u64, allows: u64) -> Self {
        Self {
            lease,
            since: Instant::now(),
            held: AtomicI64::new(0),
            left: AtomicI64::new(number(allows)),
            refused_until_ms: AtomicU64::new(0),
            asking: AtomicBool::new(false),
            known: AtomicBool::new(false),
            alone: AtomicBool::new(false),
            answered: Notify::new(),
            own: OnceLock::new(),
        }
    }

    /// Takes one. What is in hand was paid for and counts also while no more is given.
    pub(super) fn take(&self) -> Take {
        let lowest = if self.known.load(Relaxed) {
            0
        } else {
            -self.lease()
        };
        let taken = self
            .held
            .fetch_update(Relaxed, Relaxed, |held| (held > lowest).then_some(held - 1));
        match taken {
            Ok(before) => {
                let left = self.left.load(Relaxed).saturating_add(before - 1);
                Take::One(u64::try_from(left).unwrap_or(0))
            }
            Err(_) => match self.refused_for() {
                Some(wait) => Take::Refused(wait),
                None => Take::None,
            },
        }
    }

    /// What is in hand.
    pub(super) fn in_hand(&self) -> u64 {
        u64::try_from(self.held.load(Relaxed)).unwrap_or(0)
    }

    /// Whether the next lease has to be asked for, by who hears this.
    pub(super) fn begins_to_ask(&self) -> bool {
        self.held.load(Relaxed) <= self.lease() / 2
            && !self.asking.load(Relaxed)
            && self.refused_for().is_none()
            && !self.asking.swap(true, Relaxed)
    }

    /// What the next lease should be: up to a lease is in hand then.
    pub(super) fn wanted(&self) -> u64 {
        let missing = self.lease().saturating_sub(self.held.load(Relaxed));
        u64::try_from(missing).unwrap_or(0).max(1)
    }

    /// Wakes when a lease was answered.
    pub(super) fn answered(&self) -> Notified<'_> {
        self.answered.notified()
    }

    /// Whether Redis was away when the last lease was given.
    pub(super) fn is_alone(&self) -> bool {
        self.alone.load(Relaxed)
    }

    /// A lease was given, and Redis has so many left.
    pub(super) fn grant(&self, permits: u64, left: u64) {
        self.alone.store(false, Relaxed);
        self.add(permits, left);
    }

    /// No lease is given for so long.
    pub(super) fn refuse(&self, wait: Duration) {
        self.alone.store(false, Relaxed);
        self.refuse_for(wait);
    }

    /// Redis is away: nothing that it counted counts, and the whole rate is given by this process.
    pub(super) fn lease_alone(&self, allows: u64, window: Duration, wanted: u64) {
        self.alone.store(true, Relaxed);
        let own = self
            .own
            .get_or_init(|| Box::new(RateLimiter::direct(quota(allows, window))));
        let mut wait = window;
        for cost in [wanted, 1] {
            let asked = u32::try_from(cost).ok().and_then(std::num::NonZero::new);
            match asked.map(|cost| own.check_n(cost)) {
                Some(Ok(Ok(()))) => return self.add(cost, 0),
                Some(Ok(Err(until))) => wait = until.wait_time_from(own.clock().now()),
                Some(Err(_)) | None => {}
            }
        }
        self.refuse_for(wait);
    }

    /// The lease could not be asked for.
    pub(super) fn gave_up(&self) {
        self.asking.store(false, Relaxed);
    }

    fn add(&self, permits: u64, left: u64) {
        self.left.store(number(left), Relaxed);
        self.refused_until_ms.store(0, Relaxed);
        self.held.fetch_add(number(permits), Relaxed);
        self.is_answered();
    }

    fn refuse_for(&self, wait: Duration) {
        self.left.store(0, Relaxed);
        let until = self.since.elapsed() + wait;
        let until_ms = u64::try_from(until.as_millis()).unwrap_or(u64::MAX);
        self.refused_until_ms.store(until_ms.max(1), Relaxed);
        self.is_answered();
    }

    fn is_answered(&self) {
        self.known.store(true, Relaxed);
        self.asking.store(false, Relaxed);
        self.answered.notify_waiters();
    }

    fn refused_for(&self) -> Option<Duration> {
        // Mostly never refused, and then no clock is read.
        let until_ms =
            Some(self.refused_until_ms.load(Relaxed)).filter(|until_ms| *until_ms > 0)?;
        let wait = Duration::from_millis(until_ms).checked_sub(self.since.elapsed())?;
        (!wait.is_zero()).then_some(wait)
    }

    fn lease(&self) -> i64 {
        number(self.lease)
    }
}

fn number(permits: u64) -> i64 {
    i64::try_from(permits).unwrap_or(i64::MAX)
}
