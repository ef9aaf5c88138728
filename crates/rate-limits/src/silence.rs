//! Remembering that Redis did not answer in time, so that not every request finds it out anew.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::{Duration, Instant},
};

/// How long it is taken as given that no answer comes in time.
const HOLDS_FOR: Duration = Duration::from_millis(250);

/// Whether Redis was silent a moment ago.
pub(super) struct Silence {
    since: Instant,
    /// Milliseconds from `since` until it is asked again.
    until_ms: AtomicU64,
}

impl Default for Silence {
    fn default() -> Self {
        Self {
            since: Instant::now(),
            until_ms: AtomicU64::new(0),
        }
    }
}

impl Silence {
    pub(super) fn holds(&self) -> bool {
        self.now_ms() < self.until_ms.load(Ordering::Relaxed)
    }

    pub(super) fn begin(&self) {
        let until_ms = self.now_ms() + HOLDS_FOR.as_millis() as u64;
        self.until_ms.store(until_ms, Ordering::Relaxed);
    }

    fn now_ms(&self) -> u64 {
        self.since.elapsed().as_millis() as u64
    }
}
