//! Registrations whose address has to be proven first.

use redis_contracts::Timestamp;
use service_kit::Problem;
use sql::id_bytes;
use sqlx::{Row, any::AnyRow};
use uuid::Uuid;

use super::{Change, Store, sql_problem};

/// A registration that waits.
pub struct PendingAccount {
    /// Its id, and that of the account it may become.
    pub id: Uuid,
    /// The address.
    pub email: String,
    /// The handle.
    pub handle: String,
    /// Argon2id, PHC string format.
    pub password_hash: String,
}

fn pending(id: Uuid, row: &AnyRow) -> PendingAccount {
    PendingAccount {
        id,
        email: row.get("email"),
        handle: row.get("handle"),
        password_hash: row.get("password_hash"),
    }
}

impl Change {
    /// Keeps a registration until its address is proven.
    pub async fn keep_pending(
        &mut self,
        pending: &PendingAccount,
        expires_at: Timestamp,
    ) -> Result<(), Problem> {
        sqlx::query(
            "INSERT INTO pending_accounts (id, email, handle, password_hash, expires_at) VALUES ($1, $2, $3, $4, $5)",
        )
        .bind(id_bytes(pending.id))
        .bind(pending.email.as_str())
        .bind(pending.handle.as_str())
        .bind(pending.password_hash.as_str())
        .bind(expires_at.unix_ms())
        .execute(self.sql())
        .await
        .map(drop)
        .map_err(sql_problem)
    }

    /// Takes a registration whose address was proven.
    pub async fn take_pending(&mut self, id: Uuid) -> Result<Option<PendingAccount>, Problem> {
        let row = sqlx::query(
            "DELETE FROM pending_accounts WHERE id = $1 RETURNING email, handle, password_hash",
        )
        .bind(id_bytes(id))
        .fetch_optional(self.sql())
        .await
        .map_err(sql_problem)?;
        Ok(row.map(|row| pending(id, &row)))
    }
}

impl Store {
    /// A registration that waits.
    pub async fn pending(&self, id: Uuid) -> Result<Option<PendingAccount>, Problem> {
        let row =
            sqlx::query("SELECT email, handle, password_hash FROM pending_accounts WHERE id = $1")
                .bind(id_bytes(id))
                .fetch_optional(&self.read)
                .await
                .map_err(sql_problem)?;
        Ok(row.map(|row| pending(id, &row)))
    }

    /// Deletes registrations that nobody confirmed.
    pub async fn forget_old_pending(&self) -> Result<u64, Problem> {
        sqlx::query("DELETE FROM pending_accounts WHERE expires_at < $1")
            .bind(Timestamp::now().unix_ms())
            .execute(&self.write)
            .await
            .map(|done| done.rows_affected())
            .map_err(sql_problem)
    }
}
