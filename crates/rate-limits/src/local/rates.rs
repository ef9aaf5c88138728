//! Windows that slide, by `governor`.

use std::{cell::RefCell, collections::HashMap, num::NonZero, time::Duration};

use governor::{
    Quota, RateLimiter, clock::Clock, middleware::StateInformationMiddleware, nanos::Nanos,
    state::StateStore,
};
use quick_cache::unsync::Cache;
use redis_contracts::script::Limit;

use super::{REMEMBERED, Ruled};

const ONE: NonZero<u32> = NonZero::<u32>::MIN;

/// A limiter for each policy.
pub(super) struct Rates<C: Clock> {
    clock: C,
    policies: HashMap<&'static str, Rate<C>>,
}

impl<C: Clock + Clone> Rates<C> {
    pub(super) fn new(clock: C) -> Self {
        Self {
            clock,
            policies: HashMap::new(),
        }
    }

    /// What would be; takes nothing.
    pub(super) fn look(&mut self, limit: &Limit, window: Duration, key: u64, cost: u64) -> Ruled {
        let rate = self.rate(limit, window);
        rate.rule(
            limit,
            window,
            cost,
            |cost| rate.wait(key, cost, Change::None),
            key,
        )
    }

    /// Takes it, where it is admitted.
    pub(super) fn take(&mut self, limit: &Limit, window: Duration, key: u64, cost: u64) -> Ruled {
        let rate = self.rate(limit, window);
        rate.rule(
            limit,
            window,
            cost,
            |cost| rate.wait(key, cost, Change::Take),
            key,
        )
    }

    /// Gives one back.
    pub(super) fn give_back(&mut self, limit: &Limit, window: Duration, key: u64) {
        let each = quota(limit.allows, window).replenish_interval();
        let change = Change::GiveBack(each);
        // What it answers is about nobody.
        let _ = self
            .rate(limit, window)
            .0
            .check_key(&Question { key, change });
    }

    fn rate(&mut self, limit: &Limit, window: Duration) -> &Rate<C> {
        let clock = &self.clock;
        let policy = self.policies.entry(limit.policy);
        policy.or_insert_with(|| Rate::new(limit.allows, window, clock.clone()))
    }
}

/// One policy.
struct Rate<C: Clock>(RateLimiter<Question, States, C, StateInformationMiddleware>);

/// Whom it is about, and what becomes of what is held of them.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
struct Question {
    key: u64,
    change: Change,
}

#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum Change {
    /// Nothing: it is only looked at.
    None,
    /// What is asked for is taken.
    Take,
    /// The arrival time is earlier by this.
    GiveBack(Duration),
}

impl<C: Clock> Rate<C> {
    fn new(allows: u64, window: Duration, clock: C) -> Self {
        Self(RateLimiter::new(
            quota(allows, window),
            States::new(),
            clock,
        ))
    }

    fn rule(
        &self,
        limit: &Limit,
        window: Duration,
        cost: u64,
        wait: impl Fn(NonZero<u32>) -> Option<Duration>,
        key: u64,
    ) -> Ruled {
        let refused_for = match u32::try_from(cost).map(NonZero::new) {
            Ok(None) => None,
            Ok(Some(cost_each)) if cost <= limit.allows => wait(cost_each),
            // More than it ever allows at once.
            Ok(Some(_)) | Err(_) => Some(window),
        };
        let left = self.left(key);
        Ruled {
            admitted: refused_for.is_none(),
            left,
            wait: match refused_for {
                Some(wait) => wait,
                None if left > 0 => Duration::ZERO,
                None => self.wait(key, ONE, Change::None).unwrap_or_default(),
            },
        }
    }

    /// How long to wait for so many; `None` when they are there.
    fn wait(&self, key: u64, cost: NonZero<u32>, change: Change) -> Option<Duration> {
        match self.0.check_key_n(&Question { key, change }, cost) {
            Ok(Ok(_)) => None,
            Ok(Err(until)) => Some(until.wait_time_from(self.0.clock().now())),
            // The quota was made smaller than what is allowed; see `quota`.
            Err(_) => Some(Duration::ZERO),
        }
    }

    fn left(&self, key: u64) -> u64 {
        let question = Question {
            key,
            change: Change::None,
        };
        match self.0.check_key(&question) {
            Ok(after) => u64::from(after.remaining_burst_capacity()) + 1,
            Err(_) => 0,
        }
    }
}

/// What `governor` calls a limit. It counts in u32 and in whole nanoseconds: what is larger is as good
/// as no limit.
pub fn quota(allows: u64, window: Duration) -> Quota {
    let most = u32::try_from(allows).unwrap_or(u32::MAX);
    let burst = NonZero::new(most).unwrap_or(ONE);
    let each = window / burst.get();
    Quota::with_period(each.max(Duration::from_nanos(1)))
        .unwrap_or(Quota::per_second(burst))
        .allow_burst(burst)
}

/// Theoretical arrival times, of a bounded number of subjects.
struct States(RefCell<Cache<u64, Nanos>>);

impl States {
    fn new() -> Self {
        Self(RefCell::new(Cache::new(REMEMBERED)))
    }
}

impl StateStore for States {
    type Key = Question;

    fn measure_and_replace<T, F, E>(&self, question: &Question, decide: F) -> Result<T, E>
    where
        F: Fn(Option<Nanos>) -> Result<(T, Nanos), E>,
    {
        let mut states = self.0.borrow_mut();
        let held = states.get(&question.key).copied();
        match question.change {
            Change::None => decide(held).map(|(answer, _)| answer),
            Change::Take => {
                let (answer, state) = decide(held)?;
                states.insert(question.key, state);
                Ok(answer)
            }
            Change::GiveBack(each) => {
                if let Some(arrival) = held {
                    states.insert(question.key, arrival.saturating_sub(each.into()));
                }
                decide(None).map(|(answer, _)| answer)
            }
        }
    }
}
