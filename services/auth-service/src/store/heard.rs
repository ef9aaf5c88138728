//! What Redis has heard of.

use redis_contracts::Timestamp;
use service_kit::{Problem, sql::id_bytes};
use uuid::Uuid;

use super::{Store, sql_problem};

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
    /// Redis has heard of these, in one commit. A newer version is still to be told.
    pub async fn heard(&self, copies: &[Heard]) -> Result<(), Problem> {
        let mut change = self.change().await?;
        // In one order, so that two replicas that write the same rows wait for each other and no more.
        let mut copies = copies.to_vec();
        copies.sort_unstable_by_key(|copy| (copy.machine, copy.id));
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

    /// Redis has to hear again of what ended since a moment.
    pub async fn unhear_ended_since(&self, moment: Timestamp) -> Result<(), Problem> {
        for statement in [
            "UPDATE sessions SET unheard = 1 WHERE ended_at >= $1 AND unheard = 0",
            "UPDATE machine_tokens SET unheard = 1 WHERE revoked_at >= $1 AND unheard = 0",
        ] {
            sqlx::query(statement)
                .bind(moment.unix_ms())
                .execute(&self.write)
                .await
                .map_err(sql_problem)?;
        }
        Ok(())
    }
}
