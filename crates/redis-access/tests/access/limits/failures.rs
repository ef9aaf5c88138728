//! Wrong passwords, and the lock before all limits.

use std::time::Duration;

use redis_contracts::{
    Timestamp,
    script::{Lock, record_failure},
};

use super::{Limits, lock, rate};

const REMEMBERED: Duration = Duration::from_secs(900);

impl Limits {
    /// Whether this wrong password locked.
    async fn fail(&self, lock: &Lock, hash: &str) -> bool {
        let call = record_failure(lock, hash, 3, REMEMBERED);
        self.reached.pool.invoke(&call).await.expect("a reply")
    }

    async fn locked_ms(&self, lock: &Lock) -> i64 {
        self.admit(Some(lock), &[], 1).await.0
    }
}

#[tokio::test]
async fn different_wrong_passwords_lock_and_the_same_one_counts_once() {
    let limits = Limits::new().await;
    let lock = lock(Timestamp::default());
    for hash in ["aa", "aa", "bb", "aa", "bb"] {
        assert!(!limits.fail(&lock, hash).await, "{hash}");
        assert_eq!(limits.locked_ms(&lock).await, 0);
    }
    assert!(limits.fail(&lock, "cc").await);
    let left_ms = limits.locked_ms(&lock).await;
    assert!((890_000..=900_000).contains(&left_ms), "{left_ms}");
    let other_place = Lock {
        origin: "198.51.100.0/24".to_owned(),
        ..lock
    };
    assert_eq!(limits.locked_ms(&other_place).await, 0);
}

#[tokio::test]
async fn a_lock_answers_before_any_limit_is_touched() {
    let limits = Limits::new().await;
    let lock = lock(Timestamp::default());
    for hash in ["aa", "bb", "cc"] {
        limits.fail(&lock, hash).await;
    }
    let asked = [rate("hourly", 1)];
    for _ in 0..3 {
        let (locked_ms, ruled) = limits.admit(Some(&lock), &asked, 1).await;
        assert!(locked_ms > 0 && ruled.is_empty());
    }
    assert!(limits.ask(&asked, 1).await[0].admits);
}

#[tokio::test]
async fn what_was_before_an_unlock_is_void() {
    let limits = Limits::new().await;
    let before = lock(Timestamp::default());
    for hash in ["aa", "bb", "cc"] {
        limits.fail(&before, hash).await;
    }
    let unlocked = lock(Timestamp::now().plus_seconds(1));
    assert!(limits.locked_ms(&before).await > 0);
    assert_eq!(limits.locked_ms(&unlocked).await, 0);

    limits.forget_all().await;
    for hash in ["aa", "bb"] {
        limits.fail(&before, hash).await;
    }
    // Failures as well: these two count no more.
    assert!(!limits.fail(&unlocked, "cc").await);
    assert!(!limits.fail(&before, "dd").await);
    assert!(limits.fail(&before, "ee").await);
}

#[tokio::test]
async fn many_different_ones_at_once_lock() {
    let limits = Limits::new().await;
    let lock = lock(Timestamp::default());
    let hashes: Vec<_> = (0..3).map(|number| format!("{number:x}")).collect();
    let all = hashes.iter().map(|hash| limits.fail(&lock, hash));
    let locked = futures_util::future::join_all(all).await;
    assert_eq!(locked.iter().filter(|locked| **locked).count(), 1);
    assert!(limits.locked_ms(&lock).await > 0);
}

#[tokio::test]
async fn a_failure_whose_answer_was_lost_is_answered_the_same_and_counts_once() {
    let limits = Limits::new().await;
    let lock = lock(Timestamp::default());
    for (hash, locks) in [("aa", false), ("bb", false), ("cc", true)] {
        let call = record_failure(&lock, hash, 3, REMEMBERED);
        for _ in 0..3 {
            let locked: bool = limits.reached.pool.invoke(&call).await.expect("a reply");
            assert_eq!(locked, locks, "{hash}");
        }
    }
    assert!(limits.locked_ms(&lock).await > 0);
    // Another call with the same password, even at the same moment, made no lock.
    assert!(!limits.fail(&lock, "cc").await);
}
