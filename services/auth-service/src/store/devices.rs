//! Devices that accounts were signed in to from.

use redis_contracts::Timestamp;
use service_kit::Problem;
use sql::id_bytes;
use uuid::Uuid;

use super::{Change, Store, sql_problem};
use crate::domain::secret::{new_secret, sha256};

/// A device that was not signed in from for this long is not known any more.
const KEPT_MS: i64 = 400 * 86_400_000;

/// Devices that an account knows at most; those used longest ago are forgotten.
const MOST: i64 = 50;

impl Change {
    /// An account knows a device from now on, and whether the second step was passed on it; answers its
    /// secret, a new one unless it is one of ours.
    pub async fn know(
        &mut self,
        user_id: Uuid,
        device: Option<&str>,
        second_step: bool,
    ) -> Result<String, Problem> {
        let device = match device {
            Some(device) if self.is_known_device(&sha256(device.as_bytes())).await? => {
                device.to_owned()
            }
            _ => new_secret()?,
        };
        self.know_device(user_id, &sha256(device.as_bytes()), second_step)
            .await?;
        Ok(device)
    }

    /// Whether any account knows a device: nobody else makes up what is known.
    async fn is_known_device(&mut self, sha256: &[u8; 32]) -> Result<bool, Problem> {
        let row = sqlx::query("SELECT 1 FROM devices WHERE sha256 = $1 LIMIT 1")
            .bind(sha256.to_vec())
            .fetch_optional(self.sql())
            .await
            .map_err(sql_problem)?;
        Ok(row.is_some())
    }

    /// An account knows no device any more.
    pub async fn forget_devices(&mut self, user_id: Uuid) -> Result<(), Problem> {
        sqlx::query("DELETE FROM devices WHERE user_id = $1")
            .bind(id_bytes(user_id))
            .execute(self.sql())
            .await
            .map(drop)
            .map_err(sql_problem)
    }

    /// An account was signed in to from a device.
    async fn know_device(
        &mut self,
        user_id: Uuid,
        sha256: &[u8; 32],
        second_step: bool,
    ) -> Result<(), Problem> {
        let now_ms = self.now.unix_ms();
        sqlx::query(
            "INSERT INTO devices (sha256, user_id, created_at, last_used_at, second_step) VALUES ($1, $2, $3, $3, $4)
             ON CONFLICT (sha256, user_id) DO UPDATE
                SET last_used_at = $3, second_step = CASE WHEN $4 = 1 THEN 1 ELSE devices.second_step END",
        )
        .bind(sha256.to_vec())
        .bind(id_bytes(user_id))
        .bind(now_ms)
        .bind(i64::from(second_step))
        .execute(self.sql())
        .await
        .map_err(sql_problem)?;
        sqlx::query(
            "DELETE FROM devices WHERE user_id = $1 AND sha256 IN
                (SELECT sha256 FROM devices WHERE user_id = $1 ORDER BY last_used_at DESC LIMIT 1000 OFFSET $2)",
        )
        .bind(id_bytes(user_id))
        .bind(MOST)
        .execute(self.sql())
        .await
        .map(drop)
        .map_err(sql_problem)
    }
}

impl Store {
    /// Forgets devices that were not used for long.
    pub async fn forget_old_devices(&self) -> Result<u64, Problem> {
        sqlx::query("DELETE FROM devices WHERE last_used_at < $1")
            .bind(Timestamp::now().unix_ms() - KEPT_MS)
            .execute(&self.write)
            .await
            .map(|done| done.rows_affected())
            .map_err(sql_problem)
    }
}
