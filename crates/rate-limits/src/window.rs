//! When windows end, and how long they are.

use std::time::Duration;

use redis_contracts::{
    Timestamp,
    script::{Measure, Period},
};
use time::{Date, OffsetDateTime, Time};

use crate::policy::Window;

const DAY: Duration = Duration::from_secs(86_400);

/// What a window means at this moment.
pub(super) fn measure(window: Window, now: Timestamp) -> Measure {
    match window {
        Window::Sliding(length) => Measure::Rate(length),
        Window::Day => Measure::Quota {
            period: Period::Day,
            ends: start_of(date(now).next_day()),
        },
        Window::Month => Measure::Quota {
            period: Period::Month,
            ends: start_of(first_of_next_month(date(now))),
        },
    }
}

/// How long a window is.
pub(super) fn length(window: Window, now: Timestamp) -> Duration {
    match window {
        Window::Sliding(length) => length,
        Window::Day => DAY,
        Window::Month => DAY * u32::from(date(now).month().length(date(now).year())),
    }
}

fn date(now: Timestamp) -> Date {
    // A Timestamp is within the years 0 to 9999, and so is this.
    let moment = OffsetDateTime::from_unix_timestamp(now.unix_ms().div_euclid(1000));
    moment.unwrap_or(OffsetDateTime::UNIX_EPOCH).date()
}

fn first_of_next_month(date: Date) -> Option<Date> {
    let year = date.year() + i32::from(date.month() == time::Month::December);
    Date::from_calendar_date(year, date.month().next(), 1).ok()
}

/// What lies behind the last day that can be written never begins.
fn start_of(date: Option<Date>) -> Timestamp {
    let date = date.unwrap_or(Date::MAX);
    let seconds = date.with_time(Time::MIDNIGHT).assume_utc().unix_timestamp();
    Timestamp::from_unix_ms(seconds.saturating_mul(1000))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ends(window: Window, now: Timestamp) -> Timestamp {
        match measure(window, now) {
            Measure::Quota { ends, .. } => ends,
            Measure::Rate(_) => panic!("a quota"),
        }
    }

    #[test]
    fn days_and_months_end_where_the_calendar_says() {
        for (now, day, month, days) in [
            (
                "2026-01-31T23:59:59.999Z",
                "2026-02-01T00:00:00.000Z",
                "2026-02-01T00:00:00.000Z",
                31,
            ),
            (
                "2026-02-01T00:00:00.000Z",
                "2026-02-02T00:00:00.000Z",
                "2026-03-01T00:00:00.000Z",
                28,
            ),
            (
                "2028-02-10T12:00:00.000Z",
                "2028-02-11T00:00:00.000Z",
                "2028-03-01T00:00:00.000Z",
                29,
            ),
            (
                "2026-12-31T08:00:00.000Z",
                "2027-01-01T00:00:00.000Z",
                "2027-01-01T00:00:00.000Z",
                31,
            ),
        ] {
            let now: Timestamp = now.parse().expect("a time");
            assert_eq!(ends(Window::Day, now).to_string(), day);
            assert_eq!(ends(Window::Month, now).to_string(), month);
            assert_eq!(length(Window::Month, now), DAY * days);
        }
    }

    #[test]
    fn the_last_moment_of_all_has_an_end_as_well() {
        let last: Timestamp = "9999-12-31T23:59:59.999Z".parse().expect("a time");
        assert!(ends(Window::Month, last) <= last);
        assert!(ends(Window::Day, last) <= last);
    }
}
