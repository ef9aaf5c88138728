//! Waiting for conditions.

use std::{fmt::Display, time::Duration};

use tokio::time::{Instant, sleep, timeout_at};

/// How long to wait for what should be there at once: long, because machines that run tests are busy.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// How often a condition is looked at.
const EVERY: Duration = Duration::from_millis(10);

/// Looks at a condition until it holds, and gives what it gave. Panics with the last thing seen when
/// it does not hold in time.
pub async fn eventually<T, E: Display>(
    what: &str,
    timeout: Duration,
    mut condition: impl AsyncFnMut() -> Result<T, E>,
) -> T {
    let deadline = Instant::now() + timeout;
    let mut seen = "nothing: the first look did not end".to_owned();
    loop {
        match timeout_at(deadline, condition()).await {
            Ok(Ok(value)) => return value,
            Ok(Err(error)) => seen = error.to_string(),
            Err(_) => {}
        }
        assert!(
            Instant::now() < deadline,
            "not within {timeout:?}: {what}; last seen: {seen}"
        );
        sleep(EVERY).await;
    }
}
