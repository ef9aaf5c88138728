//! A clock for short spans: it follows the wall clock, and leaps with it never.

use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

use redis_contracts::Timestamp;
use service_kit::uptime;

/// Of a span, by which the clock may be wrong while it follows a wall clock that has leapt.
const SLACK: i64 = 10;

/// Moments whose distance is the time that passed, give or take a tenth. Set right by an hour, the wall clock
/// would make a token that was used a second ago look as if that was an hour ago.
#[derive(Debug)]
pub struct SteadyClock(Mutex<Told>);

#[derive(Clone, Copy, Debug)]
struct Told {
    unix_us: i64,
    at: Duration,
}

impl Default for SteadyClock {
    fn default() -> Self {
        Self(Mutex::new(Told {
            unix_us: unix_us(Timestamp::now()),
            at: uptime(),
        }))
    }
}

impl SteadyClock {
    /// This moment.
    pub fn now(&self) -> Timestamp {
        let mut told = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *told = told.next(Timestamp::now(), uptime());
        Timestamp::from_unix_ms(told.unix_us / 1000)
    }
}

impl Told {
    fn next(self, wall: Timestamp, at: Duration) -> Self {
        let passed = at.saturating_sub(self.at);
        let passed_us = i64::try_from(passed.as_micros()).unwrap_or(i64::MAX / 4);
        let slack_us = passed_us / SLACK;
        let expected_us = self.unix_us.saturating_add(passed_us);
        let unix_us = unix_us(wall).clamp(
            expected_us.saturating_sub(slack_us),
            expected_us.saturating_add(slack_us),
        );
        Self { unix_us, at }
    }
}

fn unix_us(moment: Timestamp) -> i64 {
    moment.unix_ms().saturating_mul(1000)
}

#[cfg(test)]
mod tests {
    use super::*;

    const START_MS: i64 = 1_700_000_000_000;

    /// What the clock says after each second of a wall clock that says this, in ms since the start.
    fn says(wall_ms: &[i64]) -> Vec<i64> {
        let mut told = Told {
            unix_us: START_MS * 1000,
            at: Duration::ZERO,
        };
        let moments = wall_ms.iter().zip(1_u32..).map(|(wall_ms, second)| {
            let wall = Timestamp::from_unix_ms(START_MS + wall_ms);
            told = told.next(wall, Duration::from_secs(1) * second);
            told.unix_us / 1000 - START_MS
        });
        moments.collect()
    }

    #[test]
    fn it_is_the_wall_clock_where_that_goes_evenly() {
        assert_eq!(says(&[1000, 2003, 2995, 4000]), [1000, 2003, 2995, 4000]);
    }

    #[test]
    fn a_leap_changes_a_span_by_a_tenth_and_is_followed_in_time() {
        assert_eq!(says(&[3_600_000, 3_601_000]), [1100, 2200]);
        assert_eq!(says(&[-3_600_000, -3_599_000]), [900, 1800]);
        let (mut wall, mut seconds) = (Vec::new(), 0);
        wall.resize_with(30, || {
            seconds += 1000;
            seconds + 2000
        });
        assert_eq!(says(&wall).last(), Some(&32_000), "two seconds in twenty");
    }
}
