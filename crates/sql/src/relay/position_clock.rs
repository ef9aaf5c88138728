//! The clock that positions are taken from. One wrong reading would last: every later position lies above it.
//!
//! So a leap forward of more than [`LARGEST_LEAP_MS`], against the time that really passed, is refused until a
//! second witness says the same: the clock of the streams Redis, as the relay sees it. Until then the clock
//! goes on as if there had been no leap. A clock that is set back is followed: positions go on from the last.

use std::sync::{Mutex, MutexGuard, PoisonError};

use redis_contracts::Timestamp;
use service_kit::uptime;

/// What clocks are corrected by in the ordinary run of things is less.
const LARGEST_LEAP_MS: i64 = 60_000;

/// A wall clock that does not leap.
#[derive(Default)]
pub struct PositionClock {
    state: Mutex<State>,
}

/// Both clocks at one moment.
#[derive(Clone, Copy)]
struct Reading {
    wall_ms: i64,
    passed_ms: i64,
}

#[derive(Default)]
struct State {
    /// What the wall clock is ahead of the time that passed, as far as that is believed; none before it was
    /// first read.
    ahead_ms: Option<i64>,
    /// Whether the last reading leapt.
    is_doubted: bool,
}

impl PositionClock {
    /// Unix milliseconds, without a leap.
    pub fn now_ms(&self) -> u64 {
        self.state().read(Reading::now()).max(0).unsigned_abs()
    }

    /// Whether a leap waits for a witness.
    pub fn is_doubted(&self) -> bool {
        let mut state = self.state();
        state.read(Reading::now());
        state.is_doubted
    }

    /// Another clock shows this time: where it agrees with a leap, there was none.
    pub fn witness(&self, unix_ms: i64) {
        self.state().witness(Reading::now(), unix_ms);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Reading {
    fn now() -> Self {
        Self {
            wall_ms: Timestamp::now().unix_ms(),
            passed_ms: i64::try_from(uptime().as_millis()).unwrap_or(i64::MAX),
        }
    }

    const fn ahead_ms(self) -> i64 {
        self.wall_ms - self.passed_ms
    }
}

impl State {
    fn read(&mut self, now: Reading) -> i64 {
        let ahead_ms = self.ahead_ms.unwrap_or(now.ahead_ms());
        let leap_ms = now.ahead_ms() - ahead_ms;
        if leap_ms > LARGEST_LEAP_MS {
            if !self.is_doubted {
                tracing::error!(
                    leap_ms,
                    "the clock leapt; positions go on as if it had not, until the streams Redis shows the same time"
                );
            }
            self.is_doubted = true;
            return now.passed_ms + ahead_ms;
        }
        self.is_doubted = false;
        // Small corrections do not add up to a leap: it is measured from the lowest.
        self.ahead_ms = Some(ahead_ms.min(now.ahead_ms()));
        now.wall_ms
    }

    fn witness(&mut self, now: Reading, unix_ms: i64) {
        self.read(now);
        if self.is_doubted && (now.wall_ms - unix_ms).abs() <= LARGEST_LEAP_MS {
            tracing::warn!("the streams Redis shows the same time; positions follow the clock");
            self.ahead_ms = Some(now.ahead_ms());
            self.is_doubted = false;
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const START_MS: i64 = 1_700_000_000_000;
    const DAY_MS: i64 = 86_400_000;

    fn at(passed_ms: i64, wrong_by_ms: i64) -> Reading {
        Reading {
            wall_ms: START_MS + passed_ms + wrong_by_ms,
            passed_ms,
        }
    }

    /// What a clock shows beside the time that passed since the start.
    fn read(state: &mut State, reading: Reading) -> i64 {
        state.read(reading) - START_MS
    }

    #[test]
    fn a_leap_is_refused_until_a_witness_shows_the_same_time() {
        let mut state = State::default();
        assert_eq!(read(&mut state, at(0, 0)), 0);
        assert_eq!(read(&mut state, at(1000, 59_000)), 60_000);
        for passed_ms in [2000, 5000] {
            assert_eq!(read(&mut state, at(passed_ms, 8 * DAY_MS)), passed_ms);
            assert!(state.is_doubted);
        }
        state.witness(at(6000, 8 * DAY_MS), START_MS + 6000);
        assert_eq!(read(&mut state, at(6000, 8 * DAY_MS)), 6000, "it is alone");
        state.witness(at(7000, 8 * DAY_MS), START_MS + 7500 + 8 * DAY_MS);
        assert_eq!(read(&mut state, at(8000, 8 * DAY_MS)), 8000 + 8 * DAY_MS);
        assert!(!state.is_doubted);
    }

    #[test]
    fn one_wrong_reading_leaves_nothing_behind() {
        let mut state = State::default();
        read(&mut state, at(0, 0));
        assert_eq!(read(&mut state, at(1000, 8 * DAY_MS)), 1000);
        assert_eq!(read(&mut state, at(2000, 0)), 2000);
        assert!(!state.is_doubted);
    }

    #[test]
    fn a_clock_that_is_set_back_is_followed_and_has_to_come_back_with_a_witness() {
        let mut state = State::default();
        read(&mut state, at(0, 0));
        assert_eq!(read(&mut state, at(1000, -DAY_MS)), 1000 - DAY_MS);
        assert_eq!(read(&mut state, at(2000, 0)), 2000 - DAY_MS);
        state.witness(at(3000, 0), START_MS + 3000);
        assert_eq!(read(&mut state, at(4000, 0)), 4000);
    }

    #[test]
    fn a_machine_that_slept_has_not_leapt() {
        let mut state = State::default();
        read(&mut state, at(0, 0));
        assert_eq!(read(&mut state, at(3 * DAY_MS, 0)), 3 * DAY_MS);
        assert!(!state.is_doubted);
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn without_a_witness_nothing_is_ever_a_minute_ahead(wrong in prop::collection::vec(-2 * DAY_MS..2 * DAY_MS, 1..50)) {
            let mut state = State::default();
            read(&mut state, at(0, 0));
            for (second, wrong_by_ms) in (1..).zip(wrong) {
                let passed_ms = second * 1000;
                let shown = read(&mut state, at(passed_ms, wrong_by_ms));
                prop_assert!(shown <= passed_ms + LARGEST_LEAP_MS, "{shown} after {passed_ms}");
            }
        }
    }
}
