//! Work that has a deadline, and whether it was waiting for Redis when that passed: an outage, or a Redis
//! that is slow, is not the fault of what was worked on.

use std::{cell::Cell, future::Future, pin::pin, time::Duration};

use redis_contracts::Instance;
use tokio::time::timeout;

use crate::AccessError;

tokio::task_local! {
    static WAITING_FOR: Cell<Option<Instance>>;
}

/// The deadline has passed.
#[derive(Debug)]
pub enum Elapsed {
    /// Redis had not answered.
    Redis(AccessError),
    /// The work itself takes that long.
    Work,
}

/// The output of the work, unless that takes longer.
pub async fn within<T>(deadline: Duration, work: impl Future<Output = T>) -> Result<T, Elapsed> {
    let timed = async {
        let mut timed = pin!(timeout(deadline, work));
        let output = timed.as_mut().await;
        // Asked while the work is still there: it no longer waits once it is dropped.
        output.map_err(|_| match WAITING_FOR.with(Cell::get) {
            Some(instance) => Elapsed::Redis(AccessError::away(instance, "no answer in time")),
            None => Elapsed::Work,
        })
    };
    WAITING_FOR.scope(Cell::new(None), timed).await
}

/// Marks that the work waits for Redis, until it is dropped.
pub(crate) struct Waiting;

impl Waiting {
    pub(crate) fn begin(instance: Instance) -> Self {
        set(Some(instance));
        Self
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        set(None);
    }
}

/// Work without a deadline is nobody's business.
fn set(waiting_for: Option<Instance>) {
    let _ = WAITING_FOR.try_with(|waiting| waiting.set(waiting_for));
}

#[cfg(test)]
mod tests {
    use std::future::pending;

    use super::*;

    const SOON: Duration = Duration::from_millis(20);

    #[tokio::test]
    async fn who_was_waited_for_when_the_time_was_over_is_known() {
        let waiting = within(SOON, async {
            let _waiting = Waiting::begin(Instance::Streams);
            pending::<()>().await;
        });
        assert!(matches!(waiting.await, Err(Elapsed::Redis(error)) if error.is_unavailable()));
        let working = within(SOON, async {
            drop(Waiting::begin(Instance::Streams));
            pending::<()>().await;
        });
        assert!(matches!(working.await, Err(Elapsed::Work)));
        assert!(matches!(within(SOON, async { 7 }).await, Ok(7)));
    }
}
