//! Work that has a deadline, and whether it was waiting for Redis when that passed: an outage, or a Redis
//! that is slow, is not the fault of what was worked on.

use std::{cell::Cell, future::Future, pin::pin, time::Duration};

use redis_contracts::Instance;
use tokio::time::timeout;

use crate::AccessError;

/// How many commands are waited for, and the instance of the latest.
#[derive(Clone, Copy, Default)]
struct Waits {
    commands: usize,
    latest: Option<Instance>,
}

tokio::task_local! {
    static WAITS: Cell<Waits>;
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
        output.map_err(|_| match WAITS.with(Cell::get) {
            Waits {
                commands: 1..,
                latest: Some(instance),
            } => Elapsed::Redis(AccessError::away(instance, "no answer in time")),
            _ => Elapsed::Work,
        })
    };
    WAITS.scope(Cell::default(), timed).await
}

/// Marks that the work waits for Redis, until it is dropped.
pub(crate) struct Waiting;

impl Waiting {
    pub(crate) fn begin(instance: Instance) -> Self {
        count(|waits| Waits {
            commands: waits.commands + 1,
            latest: Some(instance),
        });
        Self
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        count(|waits| Waits {
            commands: waits.commands.saturating_sub(1),
            ..waits
        });
    }
}

/// Work without a deadline is nobody's business.
fn count(change: impl FnOnce(Waits) -> Waits) {
    let _ = WAITS.try_with(|waits| waits.set(change(waits.get())));
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
        let both = within(SOON, async {
            let _slow = Waiting::begin(Instance::Streams);
            drop(Waiting::begin(Instance::Streams));
            pending::<()>().await;
        });
        assert!(matches!(both.await, Err(Elapsed::Redis(_))), "one of two");
        assert!(matches!(within(SOON, async { 7 }).await, Ok(7)));
    }
}
