//! New addresses that wait for their proof, and what brings an old one back.

use redis_contracts::{Timestamp, resource::User};
use service_kit::{Code, Problem};
use sql::{id_bytes, id_of};
use sqlx::Row;
use uuid::Uuid;

use super::{Account, Change, Store, sql_problem};

/// What brings an address back.
pub struct EmailUndo {
    /// Its id.
    pub id: Uuid,
    /// Whose account it is about.
    pub user_id: Uuid,
    /// The address.
    pub email: String,
}

impl Store {
    /// What a mailed link undoes, while it can.
    pub async fn email_undo(&self, id: Uuid) -> Result<Option<EmailUndo>, Problem> {
        let row = sqlx::query(
            "SELECT id, user_id, email FROM email_undos WHERE id = $1 AND expires_at > $2",
        )
        .bind(id_bytes(id))
        .bind(Timestamp::now().unix_ms())
        .fetch_optional(&self.read)
        .await
        .map_err(sql_problem)?;
        row.map(|row| {
            Ok(EmailUndo {
                id: id_of(&row, "id")?,
                user_id: id_of(&row, "user_id")?,
                email: row.get("email"),
            })
        })
        .transpose()
    }

    /// Forgets what cannot be undone or proven any more.
    pub async fn forget_old_email_changes(&self) -> Result<(), Problem> {
        for statement in [
            "DELETE FROM email_undos WHERE expires_at < $1",
            "UPDATE users SET pending_email = NULL WHERE pending_email IS NOT NULL AND pending_until < $1",
        ] {
            sqlx::query(statement)
                .bind(Timestamp::now().unix_ms())
                .execute(&self.write)
                .await
                .map_err(sql_problem)?;
        }
        Ok(())
    }
}

impl Change {
    /// Whether another account has an address, or can still get it back.
    pub async fn is_email_taken(&mut self, email: &str, not_by: Uuid) -> Result<bool, Problem> {
        let now_ms = self.now.unix_ms();
        let row = sqlx::query(
            "SELECT 1 FROM users WHERE email = $1 AND id <> $2
             UNION ALL SELECT 1 FROM email_undos WHERE email = $1 AND user_id <> $2 AND expires_at > $3",
        )
        .bind(email)
        .bind(id_bytes(not_by))
        .bind(now_ms)
        .fetch_optional(self.sql())
        .await
        .map_err(sql_problem)?;
        Ok(row.is_some())
    }

    /// Refuses an address that is taken.
    pub async fn require_free(&mut self, email: &str, not_by: Uuid) -> Result<(), Problem> {
        match self.is_email_taken(email, not_by).await? {
            true => Err(email_taken()),
            false => Ok(()),
        }
    }

    /// An account waits for the proof of a new address, or for none. Links to another one prove nothing
    /// any more.
    pub async fn set_pending_email(
        &mut self,
        user_id: Uuid,
        pending: Option<(&str, Timestamp)>,
    ) -> Result<(), Problem> {
        sqlx::query("UPDATE users SET pending_email = $2, pending_until = $3 WHERE id = $1")
            .bind(id_bytes(user_id))
            .bind(pending.map(|(email, _)| email))
            .bind(pending.map_or(0, |(_, until)| until.unix_ms()))
            .execute(self.sql())
            .await
            .map(drop)
            .map_err(sql_problem)
    }

    /// The new address that an account waits for counts from now on; `false` when it is not this one any
    /// more.
    pub async fn take_pending_email(
        &mut self,
        user_id: Uuid,
        email: &str,
    ) -> Result<bool, Problem> {
        let now_ms = self.now.unix_ms();
        let taken = sqlx::query(
            "UPDATE users SET email = pending_email, email_verified = 1, pending_email = NULL
             WHERE id = $1 AND pending_email = $2 AND pending_until > $3",
        )
        .bind(id_bytes(user_id))
        .bind(email)
        .bind(now_ms)
        .execute(self.sql())
        .await;
        match taken {
            Ok(taken) => Ok(taken.rows_affected() == 1),
            // Another replica was faster.
            Err(sqlx::Error::Database(fault)) if fault.is_unique_violation() => Err(email_taken()),
            Err(error) => Err(sql_problem(error)),
        }
    }

    /// Keeps what brings an account's address back until then; answers its id. While no change counts, there
    /// is one: the second factor that comes back is that of the first request.
    pub async fn keep_email_undo(
        &mut self,
        account: &Account,
        until: Timestamp,
    ) -> Result<Uuid, Problem> {
        let (user_id, now_ms) = (account.user.id, self.now.unix_ms());
        let held = sqlx::query(
            "UPDATE email_undos SET expires_at = $3 WHERE user_id = $1 AND email = $2 AND counts = 0 AND expires_at > $4 RETURNING id",
        )
        .bind(id_bytes(user_id))
        .bind(account.user.email.as_str())
        .bind(until.unix_ms())
        .bind(now_ms)
        .fetch_optional(self.sql())
        .await
        .map_err(sql_problem)?;
        if let Some(row) = held {
            return id_of(&row, "id");
        }
        let id = Uuid::now_v7();
        let codes = self.recovery_codes(user_id).await?;
        sqlx::query(
            "INSERT INTO email_undos (id, user_id, email, counts, expires_at, totp_secret, recovery_codes)
             VALUES ($1, $2, $3, 0, $4, $5, $6)",
        )
        .bind(id_bytes(id))
        .bind(id_bytes(user_id))
        .bind(account.user.email.as_str())
        .bind(until.unix_ms())
        .bind(account.totp_secret.clone())
        .bind(codes.concat())
        .execute(self.sql())
        .await
        .map_err(sql_problem)?;
        Ok(id)
    }

    /// The change that was asked for counts: what undoes it is good until then.
    pub async fn start_email_undo(
        &mut self,
        user_id: Uuid,
        until: Timestamp,
    ) -> Result<(), Problem> {
        sqlx::query(
            "UPDATE email_undos SET counts = 1, expires_at = $2 WHERE user_id = $1 AND counts = 0",
        )
        .bind(id_bytes(user_id))
        .bind(until.unix_ms())
        .execute(self.sql())
        .await
        .map(drop)
        .map_err(sql_problem)
    }

    /// The change that was asked for never counted, and will not: there is nothing to undo.
    pub async fn drop_email_undo(&mut self, user_id: Uuid) -> Result<(), Problem> {
        sqlx::query("DELETE FROM email_undos WHERE user_id = $1 AND counts = 0")
            .bind(id_bytes(user_id))
            .execute(self.sql())
            .await
            .map(drop)
            .map_err(sql_problem)
    }

    /// Until when an address of an account can come back.
    pub async fn email_undo_ends(&mut self, user_id: Uuid) -> Result<Option<Timestamp>, Problem> {
        let now_ms = self.now.unix_ms();
        let ends_ms: Option<i64> = sqlx::query_scalar(
            "SELECT MAX(expires_at) FROM email_undos WHERE user_id = $1 AND expires_at > $2",
        )
        .bind(id_bytes(user_id))
        .bind(now_ms)
        .fetch_one(self.sql())
        .await
        .map_err(sql_problem)?;
        Ok(ends_ms.map(Timestamp::from_unix_ms))
    }

    /// Brings an address back, and the second factor that the account had; what was asked for since, and
    /// what would undo it, is gone. `None` when it was used before.
    pub async fn bring_email_back(
        &mut self,
        held: &Account,
        undo: &EmailUndo,
    ) -> Result<Option<User>, Problem> {
        let now_ms = self.now.unix_ms();
        let row = sqlx::query(
            "DELETE FROM email_undos WHERE id = $1 AND expires_at > $2 RETURNING totp_secret, recovery_codes",
        )
        .bind(id_bytes(undo.id))
        .bind(now_ms)
        .fetch_optional(self.sql())
        .await
        .map_err(sql_problem)?;
        let Some(row) = row else { return Ok(None) };
        // Ids grow with time.
        sqlx::query("DELETE FROM email_undos WHERE user_id = $1 AND id > $2")
            .bind(id_bytes(undo.user_id))
            .bind(id_bytes(undo.id))
            .execute(self.sql())
            .await
            .map_err(sql_problem)?;
        sqlx::query(
            "UPDATE users SET email = $2, email_verified = 1, pending_email = NULL WHERE id = $1",
        )
        .bind(id_bytes(undo.user_id))
        .bind(undo.email.as_str())
        .execute(self.sql())
        .await
        .map_err(sql_problem)?;
        let codes: Vec<u8> = row.get("recovery_codes");
        self.put_totp_back(held, row.get("totp_secret"), &codes)
            .await?;
        self.user(undo.user_id).await.map(Some)
    }
}

pub(super) fn email_taken() -> Problem {
    Problem::new(
        Code::EmailTaken,
        "An account with this address exists; sign in.",
    )
}
