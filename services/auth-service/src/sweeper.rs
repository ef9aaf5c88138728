//! Deletes what is over: a bound on what SQL holds.

use std::time::Duration;

use redis_contracts::Timestamp;
use service_kit::Problem;
use tokio_util::sync::CancellationToken;

use crate::store::Store;

/// How often.
const EVERY: Duration = Duration::from_secs(600);

/// Rows deleted at once, so that whoever else writes waits for little.
const BATCH: i64 = 1000;

/// Revoked and expired machine tokens are kept for this long.
const MACHINE_TOKENS_KEPT_MS: i64 = 7 * 86_400_000;

/// Deleted accounts, which have no name any more, are kept for this long.
const DELETED_KEPT_MS: i64 = 86_400_000;

/// Deletes until `stop`.
pub async fn run(store: Store, absolute_s: u64, stop: CancellationToken) -> anyhow::Result<()> {
    loop {
        if let Err(problem) = sweep(&store, absolute_s).await {
            tracing::warn!(error = %problem, "what is over was not deleted");
        }
        tokio::select! {
            () = stop.cancelled() => return Ok(()),
            () = tokio::time::sleep(EVERY) => {}
        }
    }
}

async fn sweep(store: &Store, absolute_s: u64) -> Result<(), Problem> {
    let now_ms = Timestamp::now().unix_ms();
    let absolute_ms = absolute_s.saturating_mul(1000);
    let oldest = Timestamp::from_unix_ms(now_ms.saturating_sub_unsigned(absolute_ms));
    while store.forget_old_sessions(oldest, BATCH).await? == BATCH.unsigned_abs() {}
    while store.forget_old_events(BATCH).await? == BATCH.unsigned_abs() {}
    let machine_tokens = Timestamp::from_unix_ms(now_ms - MACHINE_TOKENS_KEPT_MS);
    store.forget_old_machine_tokens(machine_tokens).await?;
    store.forget_old_mail_tokens().await?;
    store.forget_old_pending().await?;
    store.forget_old_devices().await?;
    store.forget_old_email_changes().await?;
    while store.settle_failures(BATCH).await? == BATCH.unsigned_abs() {}
    // A Redis that comes back with older data is told again of what has ended, for as long as it can hold it.
    let deleted = Timestamp::from_unix_ms(now_ms - DELETED_KEPT_MS);
    store.forget_deleted_users(deleted).await?;
    Ok(())
}
