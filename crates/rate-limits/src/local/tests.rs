use governor::clock::FakeRelativeClock;
use proptest::prelude::*;
use redis_contracts::script::Period;
use test_kit::Bucket;

use super::*;
use crate::policy::{API, AUTH_ADDRESS, MAIL_DAY};

const HOUR: Duration = Duration::from_secs(3600);
/// Nearer than this to a bound, the model does not decide: it counts in fractions.
const NEAR: f64 = 1e-3;

fn local(clock: &FakeRelativeClock) -> Local<FakeRelativeClock> {
    let lockout = Lockout {
        failures: 3,
        seconds: 900,
    };
    Local::with_clock(lockout, clock.clone())
}

fn rate(allows: u64) -> Limit {
    Limit {
        policy: "hourly",
        subject: "somebody".to_owned(),
        allows,
        measure: Measure::Rate(HOUR),
    }
}

fn daily(allows: u64, ends: Timestamp) -> Limit {
    Limit {
        policy: "daily",
        measure: Measure::Quota {
            period: Period::Day,
            ends,
        },
        ..rate(allows)
    }
}

fn lock(valid_from: Timestamp) -> Lock {
    Lock {
        account: "ab".repeat(32),
        origin: "192.0.2.0/24".to_owned(),
        valid_from,
    }
}

fn at(seconds: u64) -> Timestamp {
    Timestamp::from_unix_ms(1_700_000_000_000).plus_seconds(seconds)
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_rate_agrees_with_a_bucket_that_leaks(
        allows in 1_u32..30,
        steps in prop::collection::vec((0.0..1000.0_f64, 1_u32..5), 1..60),
    ) {
        let clock = FakeRelativeClock::default();
        let mut local = local(&clock);
        let mut model = Bucket::new(allows, HOUR.as_secs_f64());
        let limit = rate(u64::from(allows));
        for (seconds, cost) in steps {
            clock.advance(Duration::from_secs_f64(seconds));
            model.pass(seconds);
            let looked = local.look(&limit, u64::from(cost), at(0));
            let said = local.take(&limit, u64::from(cost), at(0));
            prop_assert_eq!(looked.admitted, said.admitted);
            let room = model.room_after(cost);
            if room.abs() > NEAR {
                prop_assert_eq!(said.admitted, room > 0.0, "room {}", room);
            }
            if said.admitted {
                model.take(cost);
            }
            let over = model.room_after(0);
            if (over - over.round()).abs() > NEAR {
                prop_assert_eq!(said.left, over.floor() as u64, "over {}", over);
            }
            if cost <= allows {
                let wait = if said.admitted { model.wait(1) } else { model.wait(cost) };
                let off = (said.wait.as_secs_f64() - wait).abs();
                prop_assert!(off < NEAR * HOUR.as_secs_f64(), "waits {:?}, not {wait}", said.wait);
            }
        }
    }
}

#[test]
fn all_limits_are_charged_or_none() {
    let mut local = local(&FakeRelativeClock::default());
    let policies = [AUTH_ADDRESS, MAIL_DAY];
    let limits = [rate(10), daily(1, at(60))];
    assert!(
        local
            .admit(None, &policies, &limits, 1, at(0))
            .is_admitted()
    );
    for _ in 0..5 {
        let decision = local.admit(None, &policies, &limits, 1, at(0));
        let admitted: Vec<_> = decision.ruled.iter().map(|ruled| ruled.admitted).collect();
        assert_eq!(admitted, [true, false]);
    }
    assert_eq!(local.look(&limits[0], 0, at(0)).left, 9);
    // Another day.
    let limits = [rate(10), daily(1, at(120))];
    let decision = local.admit(None, &policies, &limits, 1, at(61));
    assert_eq!(decision.ruled[0].left, 8);
    assert!(decision.is_admitted());
}

#[test]
fn what_redis_admitted_is_counted_here_too() {
    let mut local = local(&FakeRelativeClock::default());
    let limits = [rate(3), daily(9, at(60))];
    let admitted = Ruled {
        admitted: true,
        left: 0,
        wait: Duration::ZERO,
    };
    let decision = Decision {
        locked: None,
        ruled: vec![admitted; 2],
    };
    for _ in 0..3 {
        local.learn(None, &limits, 1, &decision, at(0));
    }
    let decision = local.admit(None, &[AUTH_ADDRESS, MAIL_DAY], &limits, 1, at(0));
    let ruled: Vec<_> = decision
        .ruled
        .iter()
        .map(|ruled| (ruled.admitted, ruled.left))
        .collect();
    assert_eq!(ruled, [(false, 0), (true, 5)]);
}

#[test]
fn a_policy_that_passes_while_redis_is_away_passes() {
    let mut local = local(&FakeRelativeClock::default());
    for _ in 0..10 {
        assert!(
            local
                .admit(None, &[API], &[rate(2)], 2, at(0))
                .is_admitted()
        );
    }
}

#[test]
fn more_than_a_limit_ever_allows_is_refused() {
    let mut local = local(&FakeRelativeClock::default());
    for cost in [3, u64::from(u32::MAX) + 1, u64::MAX] {
        let decision = local.admit(None, &[AUTH_ADDRESS], &[rate(2)], cost, at(0));
        assert_eq!(decision.ruled[0].wait, HOUR, "{cost}");
        assert!(!decision.is_admitted());
    }
    // As large as a setting can be, and larger than `governor` counts.
    let decision = local.admit(None, &[AUTH_ADDRESS], &[rate(12_000_000_000)], 1, at(0));
    assert!(decision.is_admitted());
}

#[test]
fn different_wrong_passwords_lock_and_the_same_one_counts_once() {
    let mut local = local(&FakeRelativeClock::default());
    let lock = lock(at(0));
    for hash in ["aa", "aa", "bb", "aa", "bb"] {
        assert!(!local.record_failure(&lock, hash, at(1)));
    }
    assert!(local.record_failure(&lock, "cc", at(2)));
    local.lock(&lock, Duration::from_secs(900), at(2));
    let decision = local.admit(Some(&lock), &[AUTH_ADDRESS], &[rate(5)], 1, at(3));
    assert_eq!(decision.locked, Some(Duration::from_secs(899)));
    assert!(decision.ruled.is_empty());
    let refused = local.refuse_for_redis(Some(&lock), &[], 1, at(3));
    assert_eq!(refused, Some(decision));
    let unlocked = self::lock(at(4));
    assert!(
        local
            .admit(Some(&unlocked), &[], &[], 1, at(5))
            .is_admitted()
    );
    assert!(local.admit(Some(&lock), &[], &[], 1, at(902)).is_admitted());
}

#[test]
fn failures_are_forgotten_with_time_by_an_unlock_and_by_the_right_password() {
    let mut local = local(&FakeRelativeClock::default());
    let lock = lock(at(0));
    let fail_twice = |local: &mut Local<_>, now| {
        assert!(!local.record_failure(&lock, "aa", now));
        assert!(!local.record_failure(&lock, "bb", now));
    };
    fail_twice(&mut local, at(0));
    local.forget_failures(&lock);
    fail_twice(&mut local, at(1));
    assert!(!local.record_failure(&self::lock(at(2)), "cc", at(2)));
    local.forget_failures(&lock);
    fail_twice(&mut local, at(3));
    assert!(!local.record_failure(&lock, "cc", at(904)));
}

#[test]
fn what_was_taken_here_alone_counts_when_redis_is_back() {
    let mut local = local(&FakeRelativeClock::default());
    let limits = [rate(2), daily(9, at(60))];
    let policies = [AUTH_ADDRESS, MAIL_DAY];
    for _ in 0..2 {
        assert_eq!(local.refuse_for_redis(None, &limits, 1, at(0)), None);
        assert!(
            local
                .admit(None, &policies, &limits, 1, at(0))
                .is_admitted()
        );
    }
    let refused = local
        .refuse_for_redis(None, &limits, 1, at(1))
        .expect("it refuses");
    let admitted: Vec<_> = refused.ruled.iter().map(|ruled| ruled.admitted).collect();
    assert_eq!(admitted, [false, true]);
    let somebody_else = [Limit {
        subject: "somebody else".to_owned(),
        ..rate(2)
    }];
    assert_eq!(local.refuse_for_redis(None, &somebody_else, 1, at(1)), None);
    // After the window Redis is asked again, whatever is held here.
    assert_eq!(
        local.refuse_for_redis(None, &limits[..1], 1, at(3600)),
        None
    );
}
