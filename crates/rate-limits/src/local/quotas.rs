//! Quotas of a day or a month.

use std::time::Duration;

use quick_cache::unsync::Cache;
use redis_contracts::Timestamp;

use super::{REMEMBERED, Ruled};

/// What was used of each quota. One is forgotten when another window has begun.
pub(super) struct Quotas(Cache<u64, Usage>);

#[derive(Clone, Copy)]
struct Usage {
    ends: Timestamp,
    count: u64,
}

impl Default for Quotas {
    fn default() -> Self {
        Self(Cache::new(REMEMBERED))
    }
}

impl Quotas {
    /// What would be; takes nothing.
    pub(super) fn look(
        &self,
        allows: u64,
        ends: Timestamp,
        key: u64,
        cost: u64,
        now: Timestamp,
    ) -> Ruled {
        let used = self.used(key, ends);
        let after = used.saturating_add(cost);
        let admitted = after <= allows;
        let used = if admitted { after } else { used };
        let left_ms = ends.unix_ms().saturating_sub(now.unix_ms());
        Ruled {
            admitted,
            left: allows.saturating_sub(used),
            wait: Duration::from_millis(u64::try_from(left_ms).unwrap_or(0).max(1)),
        }
    }

    /// Takes it, where it is admitted.
    pub(super) fn take(
        &mut self,
        allows: u64,
        ends: Timestamp,
        key: u64,
        cost: u64,
        now: Timestamp,
    ) -> Ruled {
        let ruled = self.look(allows, ends, key, cost, now);
        if ruled.admitted {
            let count = self.used(key, ends).saturating_add(cost);
            self.0.insert(key, Usage { ends, count });
        }
        ruled
    }

    /// Gives one back.
    pub(super) fn give_back(&mut self, ends: Timestamp, key: u64) {
        let count = self.used(key, ends).saturating_sub(1);
        self.0.insert(key, Usage { ends, count });
    }

    fn used(&self, key: u64, ends: Timestamp) -> u64 {
        let held = self.0.get(&key).filter(|used| used.ends == ends);
        held.map_or(0, |used| used.count)
    }
}
