//! Deletes what is over, turn by turn.

use std::{sync::Arc, time::Duration};

use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::store::{Actor, ForgetAnswers, Mutation, Remainder, SweepProjects, Swept, Writer};

/// How often old answers are deleted.
const FORGET_EVERY: Duration = Duration::from_secs(3600);

/// What nobody woke the sweeper for is found within this: what a process that ended left, and what a caller
/// deleted who hung up before the answer.
const LOOK_EVERY: Duration = Duration::from_secs(10);

/// Deletes the rows of deleted projects until `stop`. It is woken by `deleted`.
pub async fn sweep(
    writer: Writer,
    deleted: Arc<Notify>,
    stop: CancellationToken,
) -> anyhow::Result<()> {
    while !stop.is_cancelled() {
        in_turns(&writer, &stop, || SweepProjects).await;
        tokio::select! {
            () = stop.cancelled() => {}
            () = deleted.notified() => {}
            () = tokio::time::sleep(LOOK_EVERY) => {}
        }
    }
    Ok(())
}

/// Deletes old first answers now and then until `stop`.
pub async fn forget(writer: Writer, stop: CancellationToken) -> anyhow::Result<()> {
    while !stop.is_cancelled() {
        in_turns(&writer, &stop, || ForgetAnswers).await;
        tokio::select! {
            () = stop.cancelled() => {}
            () = tokio::time::sleep(FORGET_EVERY) => {}
        }
    }
    Ok(())
}

/// Takes turns until nothing is left, and leaves the writer to others for as long as each took. One that fails
/// is logged, and the next look tries again.
async fn in_turns<M: Mutation<Output = Swept>>(
    writer: &Writer,
    stop: &CancellationToken,
    turn: impl Fn() -> M,
) {
    while !stop.is_cancelled() {
        match writer.write(Actor::process(), turn()).await {
            Ok(Swept {
                left: Remainder::More,
                took,
            }) => tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(took) => {}
            },
            Ok(_) => return,
            Err(problem) => {
                tracing::warn!(error = %problem, "rows that are over were not deleted");
                return;
            }
        }
    }
}
