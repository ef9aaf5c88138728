//! How long a session lives.

use redis_contracts::Timestamp;
use service_kit::{config, identity::SESSION_SLIDE};

/// When a session used at `now` ends: after the idle time, and never beyond its absolute end.
pub fn expires_at(settings: config::Session, created_at: Timestamp, now: Timestamp) -> Timestamp {
    now.plus_seconds(settings.idle_seconds)
        .min(created_at.plus_seconds(settings.absolute_seconds))
}

/// Whether a session in use is slid: at most once a minute.
pub fn is_slide_due(last_seen: Timestamp, now: Timestamp) -> bool {
    u128::try_from(now.unix_ms() - last_seen.unix_ms())
        .is_ok_and(|age_ms| age_ms >= SESSION_SLIDE.as_millis())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn slides_to_the_absolute_end_and_not_beyond() {
        let settings = config::Session {
            idle_seconds: 60,
            absolute_seconds: 100,
        };
        let created_at = Timestamp::from_unix_ms(0);
        let ends_s = |now_s: i64| {
            expires_at(settings, created_at, Timestamp::from_unix_ms(now_s * 1000)).unix_ms() / 1000
        };
        assert_eq!([0, 30, 40, 90].map(ends_s), [60, 90, 100, 100]);
    }

    proptest! {
        #[test]
        fn never_beyond_either_end(idle in 1u64..1_000_000_000, absolute in 1u64..1_000_000_000, used_ms in 0i64..1_000_000_000_000) {
            let settings = config::Session { idle_seconds: idle, absolute_seconds: absolute };
            let created_at = Timestamp::from_unix_ms(0);
            let now = Timestamp::from_unix_ms(used_ms);
            let ends = expires_at(settings, created_at, now);
            prop_assert!(ends <= now.plus_seconds(idle) && ends <= created_at.plus_seconds(absolute));
        }
    }

    #[test]
    fn a_clock_that_goes_back_slides_nothing() {
        let at = Timestamp::from_unix_ms;
        assert!(is_slide_due(at(0), at(60_000)));
        assert!(!is_slide_due(at(0), at(59_999)) && !is_slide_due(at(5000), at(0)));
    }
}
