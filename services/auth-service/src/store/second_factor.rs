//! Second factors: sealed secrets, recovery codes, and sign-ins that wait for their second step.

use redis_contracts::Timestamp;
use service_kit::Problem;
use sql::{id_bytes, id_of};
use uuid::Uuid;

use super::{Account, Change, Store, sql_problem};

/// Codes that may be tried for one challenge.
const MOST_TRIES: i64 = 5;

/// Sign-ins of an account that wait for their second step at most; older ones are dropped.
const MOST_CHALLENGES: i64 = 20;

impl Store {
    /// Whose sign-in waits under this challenge, if it has not expired.
    pub async fn challenged(&self, sha256: &[u8]) -> Result<Option<Uuid>, Problem> {
        let row =
            sqlx::query("SELECT user_id FROM challenges WHERE sha256 = $1 AND expires_at > $2")
                .bind(sha256)
                .bind(Timestamp::now().unix_ms())
                .fetch_optional(&self.read)
                .await
                .map_err(sql_problem)?;
        row.map(|row| id_of(&row, "user_id")).transpose()
    }

    /// Counts a code that is tried for a challenge; answers what its first step was lent, or nothing when
    /// no try is left.
    pub async fn try_challenge(&self, sha256: &[u8]) -> Result<Option<String>, Problem> {
        sqlx::query_scalar(
            "UPDATE challenges SET tries = tries + 1 WHERE sha256 = $1 AND tries < $2 RETURNING lent",
        )
        .bind(sha256)
        .bind(MOST_TRIES)
        .fetch_optional(&self.write)
        .await
        .map_err(sql_problem)
    }

    /// Begins to wait for the second step of a sign-in.
    pub async fn challenge(
        &self,
        user_id: Uuid,
        sha256: &[u8],
        expires_at: Timestamp,
        lent: &str,
    ) -> Result<(), Problem> {
        let mut change = self.change().await?;
        change.hold_account(user_id).await?;
        sqlx::query(
            "DELETE FROM challenges WHERE expires_at < $2 OR (user_id = $1 AND sha256 NOT IN
                (SELECT sha256 FROM challenges WHERE user_id = $1 ORDER BY expires_at DESC LIMIT $3))",
        )
        .bind(id_bytes(user_id))
        .bind(Timestamp::now().unix_ms())
        .bind(MOST_CHALLENGES - 1)
        .execute(change.sql())
        .await
        .map_err(sql_problem)?;
        sqlx::query(
            "INSERT INTO challenges (sha256, user_id, expires_at, lent) VALUES ($1, $2, $3, $4)",
        )
        .bind(sha256)
        .bind(id_bytes(user_id))
        .bind(expires_at.unix_ms())
        .bind(lent)
        .execute(change.sql())
        .await
        .map_err(sql_problem)?;
        change.commit().await
    }

    /// Keeps a sealed secret until its first code comes.
    pub async fn begin_totp(&self, user_id: Uuid, sealed: &[u8]) -> Result<(), Problem> {
        sqlx::query("UPDATE users SET totp_pending = $2 WHERE id = $1 AND totp_secret IS NULL")
            .bind(id_bytes(user_id))
            .bind(sealed)
            .execute(&self.write)
            .await
            .map(drop)
            .map_err(sql_problem)
    }
}

impl Change {
    /// Takes a challenge; `false` when another request was faster.
    pub async fn take_challenge(&mut self, sha256: &[u8]) -> Result<bool, Problem> {
        let taken = sqlx::query("DELETE FROM challenges WHERE sha256 = $1")
            .bind(sha256)
            .execute(self.sql())
            .await
            .map_err(sql_problem)?;
        Ok(taken.rows_affected() == 1)
    }

    /// Takes the code of a time step; `false` when it, or a later one, was taken before.
    pub async fn take_totp_step(&mut self, user_id: Uuid, step: i64) -> Result<bool, Problem> {
        let taken = sqlx::query("UPDATE users SET totp_step = $2 WHERE id = $1 AND totp_step < $2")
            .bind(id_bytes(user_id))
            .bind(step)
            .execute(self.sql())
            .await
            .map_err(sql_problem)?;
        Ok(taken.rows_affected() == 1)
    }

    /// Takes a recovery code; `false` when there is no such one any more.
    pub async fn take_recovery_code(
        &mut self,
        user_id: Uuid,
        sha256: &[u8],
    ) -> Result<bool, Problem> {
        let taken = sqlx::query("DELETE FROM recovery_codes WHERE user_id = $1 AND sha256 = $2")
            .bind(id_bytes(user_id))
            .bind(sha256)
            .execute(self.sql())
            .await
            .map_err(sql_problem)?;
        Ok(taken.rows_affected() == 1)
    }

    /// The waiting secret counts from now on; `false` when it is not `sealed` any more.
    pub async fn confirm_totp(
        &mut self,
        user_id: Uuid,
        sealed: &[u8],
        step: i64,
        recovery_codes: &[[u8; 32]],
    ) -> Result<bool, Problem> {
        let confirmed = sqlx::query(
            "UPDATE users SET totp_secret = totp_pending, totp_pending = NULL, totp_step = $3
             WHERE id = $1 AND totp_pending = $2 AND totp_secret IS NULL",
        )
        .bind(id_bytes(user_id))
        .bind(sealed)
        .bind(step)
        .execute(self.sql())
        .await
        .map_err(sql_problem)?;
        if confirmed.rows_affected() == 0 {
            return Ok(false);
        }
        let codes = recovery_codes.iter().map(<[u8; 32]>::as_slice);
        self.replace_recovery_codes(user_id, codes).await?;
        Ok(true)
    }

    /// The second factor is what it was, codes included, unless it still is.
    pub(super) async fn put_totp_back(
        &mut self,
        held: &Account,
        secret: Option<Vec<u8>>,
        recovery_codes: &[u8],
    ) -> Result<(), Problem> {
        let user_id = held.user.id;
        let is_same = held.totp_secret == secret;
        sqlx::query("UPDATE users SET totp_secret = $2, totp_pending = NULL WHERE id = $1")
            .bind(id_bytes(user_id))
            .bind(secret)
            .execute(self.sql())
            .await
            .map_err(sql_problem)?;
        if is_same {
            return Ok(());
        }
        self.replace_recovery_codes(user_id, recovery_codes.chunks_exact(32))
            .await
    }

    /// SHA-256 of each recovery code that is left.
    pub(super) async fn recovery_codes(&mut self, user_id: Uuid) -> Result<Vec<Vec<u8>>, Problem> {
        sqlx::query_scalar("SELECT sha256 FROM recovery_codes WHERE user_id = $1")
            .bind(id_bytes(user_id))
            .fetch_all(self.sql())
            .await
            .map_err(sql_problem)
    }

    async fn replace_recovery_codes<'a>(
        &mut self,
        user_id: Uuid,
        codes: impl Iterator<Item = &'a [u8]>,
    ) -> Result<(), Problem> {
        self.forget_recovery_codes(user_id).await?;
        for sha256 in codes {
            sqlx::query("INSERT INTO recovery_codes (user_id, sha256) VALUES ($1, $2)")
                .bind(id_bytes(user_id))
                .bind(sha256.to_vec())
                .execute(self.sql())
                .await
                .map_err(sql_problem)?;
        }
        Ok(())
    }

    /// Removes the second factor, and one that waits for its first code; `false` when there was neither.
    pub async fn remove_totp(&mut self, user_id: Uuid) -> Result<bool, Problem> {
        let removed = sqlx::query(
            "UPDATE users SET totp_secret = NULL, totp_pending = NULL
             WHERE id = $1 AND (totp_secret IS NOT NULL OR totp_pending IS NOT NULL)",
        )
        .bind(id_bytes(user_id))
        .execute(self.sql())
        .await
        .map_err(sql_problem)?;
        self.forget_recovery_codes(user_id).await?;
        Ok(removed.rows_affected() == 1)
    }

    async fn forget_recovery_codes(&mut self, user_id: Uuid) -> Result<(), Problem> {
        sqlx::query("DELETE FROM recovery_codes WHERE user_id = $1")
            .bind(id_bytes(user_id))
            .execute(self.sql())
            .await
            .map(drop)
            .map_err(sql_problem)
    }
}
