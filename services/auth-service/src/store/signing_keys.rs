//! The public keys that access tokens are verified with.

use redis_contracts::Timestamp;
use service_kit::Problem;
use sqlx::Row;

use super::{Store, sql_problem};

/// A published key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicKey {
    /// Its id.
    pub kid: String,
    /// Ed25519, 32 bytes.
    pub public_key: Vec<u8>,
    /// When it was made.
    pub created_at: Timestamp,
}

impl Store {
    /// Publishes a key, or says that it is still in use.
    pub async fn publish_key(&self, key: &PublicKey, now: Timestamp) -> Result<(), Problem> {
        sqlx::query(
            "INSERT INTO signing_keys (kid, public_key, created_at, seen_at, retired) VALUES ($1, $2, $3, $4, 0)
             ON CONFLICT (kid) DO UPDATE SET seen_at = $4",
        )
        .bind(key.kid.as_str())
        .bind(key.public_key.as_slice())
        .bind(key.created_at.unix_ms())
        .bind(now.unix_ms())
        .execute(&self.write)
        .await
        .map(drop)
        .map_err(sql_problem)
    }

    /// A key signs no more.
    pub async fn retire_key(&self, kid: &str, now: Timestamp) -> Result<(), Problem> {
        sqlx::query(
            "UPDATE signing_keys SET retired = 1, seen_at = $2 WHERE kid = $1 AND retired = 0",
        )
        .bind(kid)
        .bind(now.unix_ms())
        .execute(&self.write)
        .await
        .map(drop)
        .map_err(sql_problem)
    }

    /// All published keys, the newest first.
    pub async fn public_keys(&self) -> Result<Vec<PublicKey>, Problem> {
        sqlx::query("SELECT kid, public_key, created_at FROM signing_keys ORDER BY created_at DESC, kid DESC")
            .fetch_all(&self.write)
            .await
            .map(|rows| {
                let key = |row: &sqlx::any::AnyRow| PublicKey {
                    kid: row.get("kid"),
                    public_key: row.get("public_key"),
                    created_at: Timestamp::from_unix_ms(row.get("created_at")),
                };
                rows.iter().map(key).collect()
            })
            .map_err(sql_problem)
    }

    /// Withdraws keys that nobody signed with since a moment: retired, or of a process that is gone.
    pub async fn forget_old_keys(
        &self,
        retired: Timestamp,
        gone: Timestamp,
    ) -> Result<u64, Problem> {
        sqlx::query("DELETE FROM signing_keys WHERE (retired = 1 AND seen_at < $1) OR seen_at < $2")
            .bind(retired.unix_ms())
            .bind(gone.unix_ms())
            .execute(&self.write)
            .await
            .map(|done| done.rows_affected())
            .map_err(sql_problem)
    }
}
