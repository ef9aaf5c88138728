//! The time that passes, whatever the wall clock says.

use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

/// Counts also while the machine sleeps, which [`std::time::Instant`] does not.
#[cfg(target_os = "linux")]
const PASSED: ClockId = ClockId::Boottime;
#[cfg(not(target_os = "linux"))]
const PASSED: ClockId = ClockId::Monotonic;

/// Since the machine was started.
pub fn uptime() -> Duration {
    let passed = clock_gettime(PASSED);
    let [seconds, nanoseconds] = [passed.tv_sec, passed.tv_nsec].map(i64::unsigned_abs);
    Duration::from_secs(seconds) + Duration::from_nanos(nanoseconds)
}
