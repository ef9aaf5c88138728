//! How long a session lives.

use identity::QUARTERS_OF_LIFE;
use redis_contracts::Timestamp;
use service_kit::config;

/// When a session slid at `now` ends: its idle time after the last use that slides nothing, and never
/// beyond its absolute end.
pub fn expires_at(settings: config::Session, created_at: Timestamp, now: Timestamp) -> Timestamp {
    let quarter_ms = settings.idle_seconds.saturating_mul(1000) / 4;
    let life_ms = quarter_ms.saturating_mul(QUARTERS_OF_LIFE);
    Timestamp::from_unix_ms(now.unix_ms().saturating_add_unsigned(life_ms))
        .min(created_at.plus_seconds(settings.absolute_seconds))
}

#[cfg(test)]
mod tests {
    use identity::is_slide_due;
    use proptest::prelude::*;

    use super::*;

    fn at(ms: u64) -> Timestamp {
        Timestamp::from_unix_ms(ms.cast_signed())
    }

    #[test]
    fn slides_to_the_absolute_end_and_not_beyond() {
        let settings = config::Session {
            idle_seconds: 60,
            absolute_seconds: 100,
        };
        let ends_s = |now_s: u64| expires_at(settings, at(0), at(now_s * 1000)).unix_ms() / 1000;
        assert_eq!([0, 20, 30, 90].map(ends_s), [75, 95, 100, 100]);
    }

    /// A session as it is used: when it was slid, when it ends, and how often it was slid.
    struct Used {
        settings: config::Session,
        last_seen: Timestamp,
        expires_at: Timestamp,
        slides: u64,
    }

    impl Used {
        fn new(idle_seconds: u64, absolute_seconds: u64) -> Self {
            let settings = config::Session {
                idle_seconds,
                absolute_seconds,
            };
            Self {
                settings,
                last_seen: at(0),
                expires_at: expires_at(settings, at(0), at(0)),
                slides: 0,
            }
        }

        /// Whether it is live at this moment; used then.
        fn is_live(&mut self, now: Timestamp) -> bool {
            if is_slide_due(self.last_seen, self.expires_at, now) {
                self.last_seen = now;
                self.expires_at = expires_at(self.settings, at(0), now);
                self.slides += 1;
            }
            now < self.expires_at
        }
    }

    proptest! {
        #[test]
        fn one_used_at_least_each_idle_time_stays_and_one_that_is_not_ends(
            idle in 1_u64..100_000,
            gaps in prop::collection::vec(0.0..1.0_f64, 1..60),
        ) {
            let mut used = Used::new(idle, 1_000_000_000);
            let idle_ms = idle * 1000;
            let mut now_ms = 0;
            for gap in gaps {
                now_ms += (gap * idle_ms as f64) as u64;
                prop_assert!(used.is_live(at(now_ms)));
                prop_assert!(used.expires_at > at(now_ms + idle_ms - 1), "its idle time from here");
                prop_assert!(used.expires_at <= at(now_ms + idle_ms / 4 * 5), "and at most a quarter more");
            }
        }

        #[test]
        fn one_in_constant_use_is_slid_four_times_in_its_idle_time(idle in 4_u64..10_000) {
            let mut used = Used::new(idle, 1_000_000_000);
            for step in 0..4000 {
                used.is_live(at(idle * step));
            }
            prop_assert!((15..=16).contains(&used.slides), "{} in four idle times", used.slides);
        }

        #[test]
        fn never_beyond_either_end(idle in 1u64..1_000_000_000, absolute in 1u64..1_000_000_000, used_ms in 0u64..1_000_000_000_000) {
            let settings = config::Session { idle_seconds: idle, absolute_seconds: absolute };
            let ends = expires_at(settings, at(0), at(used_ms));
            prop_assert!(ends <= at(used_ms + idle * 1250) && ends <= at(0).plus_seconds(absolute));
        }
    }

    #[test]
    fn use_just_before_a_quarter_is_gone_keeps_the_session_for_its_idle_time() {
        let mut used = Used::new(3600, 1_000_000);
        assert!(used.is_live(at(899_999)) && used.slides == 0);
        assert!(used.is_live(at(899_999 + 3_600_000)) && used.slides == 1);
    }

    #[test]
    fn a_session_near_its_absolute_end_is_slid_a_few_times_more_and_no_longer() {
        let mut used = Used::new(3600, 7200);
        for ms in 0..7_200_000 {
            assert!(used.is_live(at(ms)));
        }
        assert!(!used.is_live(at(7_200_000)));
        assert!(used.slides < 100, "{}", used.slides);
    }

    #[test]
    fn a_clock_that_goes_back_slides_nothing() {
        assert!(is_slide_due(at(0), at(4_500_000), at(900_000)));
        assert!(!is_slide_due(at(0), at(4_500_000), at(899_999)));
        assert!(!is_slide_due(at(900_000), at(5_400_000), at(0)));
    }
}
