//! What who commits events and who publishes them know of each other.

use std::sync::atomic::{AtomicI64, Ordering};

use tokio::sync::Notify;

use super::PositionClock;

/// What the relay needs to know of commits, and the clock that their positions are taken from.
#[derive(Default)]
pub struct Committed {
    pub(super) wake: Notify,
    pub(super) pending: AtomicI64,
    clock: PositionClock,
}

impl Committed {
    /// So many events were committed.
    pub fn add(&self, events: usize) {
        self.pending.fetch_add(events as i64, Ordering::Relaxed);
        self.wake.notify_one();
    }

    /// Events stored and not yet confirmed by the streams Redis, as far as this process knows: what
    /// waited before it began is counted once Redis says what it holds.
    pub fn pending(&self) -> u64 {
        self.pending.load(Ordering::Relaxed).max(0).unsigned_abs()
    }

    /// The clock of positions.
    pub const fn clock(&self) -> &PositionClock {
        &self.clock
    }
}
