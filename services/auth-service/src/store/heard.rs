//! What Redis has heard of.

use redis_contracts::Timestamp;
use service_kit::Problem;
use sql::id_bytes;
use uuid::Uuid;

use super::{Store, sql_problem};

/// Copies that are marked in one commit.
const TOGETHER: usize = 100;

/// A copy that Redis has.
#[derive(Clone, Copy, Debug)]
pub struct Heard {
    /// Of a machine token, not of a session.
    pub machine: bool,
    /// Whose.
    pub id: Uuid,
    /// The version of the copy.
    pub version: u64,
}

impl Store {
    /// Redis has heard of these. A newer version is still to be told. Others write between the commits.
    pub async fn heard(&self, copies: &[Heard]) -> Result<(), Problem> {
        // In one order, so that two replicas that write the same rows wait for each other and no more.
        let mut copies = copies.to_vec();
        copies.sort_unstable_by_key(|copy| (copy.machine, copy.id));
        for some in copies.chunks(TOGETHER) {
            self.some_heard(some).await?;
        }
        Ok(())
    }

    async fn some_heard(&self, copies: &[Heard]) -> Result<(), Problem> {
        let mut change = self.change().await?;
        for copy in copies {
            let statement = match copy.machine {
                false => "UPDATE sessions SET unheard = 0 WHERE id = $1 AND version = $2",
                true => "UPDATE machine_tokens SET unheard = 0 WHERE id = $1 AND version = $2",
            };
            sqlx::query(statement)
                .bind(id_bytes(copy.id))
                .bind(copy.version.cast_signed())
                .execute(change.sql())
                .await
                .map_err(sql_problem)?;
        }
        change.commit().await
    }

    /// How often all that ended of late was to be told again.
    pub async fn times_retold(&self) -> Result<i64, Problem> {
        sqlx::query_scalar("SELECT times FROM retold WHERE only_row = 1")
            .fetch_one(&self.write)
            .await
            .map_err(sql_problem)
    }

    /// Redis has to hear again of what ended since a moment; `false` when another replica has seen to that
    /// since it was so often.
    pub async fn unhear_ended_since(&self, moment: Timestamp, times: i64) -> Result<bool, Problem> {
        let mut change = self.change().await?;
        let first =
            sqlx::query("UPDATE retold SET times = times + 1 WHERE only_row = 1 AND times = $1")
                .bind(times)
                .execute(change.sql())
                .await
                .map_err(sql_problem)?;
        if first.rows_affected() == 0 {
            return Ok(false);
        }
        for statement in [
            "UPDATE sessions SET unheard = 1 WHERE ended_at >= $1 AND unheard = 0",
            "UPDATE machine_tokens SET unheard = 1 WHERE revoked_at >= $1 AND unheard = 0",
        ] {
            sqlx::query(statement)
                .bind(moment.unix_ms())
                .execute(change.sql())
                .await
                .map_err(sql_problem)?;
        }
        change.commit().await?;
        Ok(true)
    }
}
