//! How long things are measured.

use std::time::Duration;

/// Rounds of each figure.
const ROUNDS: u32 = 9;

/// How each figure is measured: in rounds that take turns with those of its ceilings, so that what
/// else happens on the machine hits all of them alike; what counts is the median.
pub struct Plan {
    /// All rounds of a figure together.
    pub total: Duration,
}

impl Plan {
    /// A plan that measures each figure for this long.
    pub const fn new(total: Duration) -> Self {
        Self { total }
    }

    /// One round.
    pub fn round(&self) -> Duration {
        self.total / ROUNDS
    }

    /// The rounds' numbers.
    pub fn rounds(&self) -> std::ops::RangeInclusive<u32> {
        1..=ROUNDS
    }
}
