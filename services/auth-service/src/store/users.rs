//! Accounts.

use redis_contracts::{Timestamp, resource::User};
use service_kit::Problem;
use sql::{id_bytes, id_of};
use sqlx::{Row, any::AnyRow};
use uuid::Uuid;

use super::{Store, sql_problem};

/// An account with what only this service knows of it.
#[derive(Clone)]
pub struct Account {
    /// What others may know.
    pub user: User,
    /// Argon2id, PHC string format; empty while the account has no password.
    pub password_hash: String,
    /// Locks and failures from before are void.
    pub unlocked_at: Timestamp,
    /// The secret of the second factor, sealed.
    pub totp_secret: Option<Vec<u8>>,
    /// One that waits for its first code, sealed.
    pub totp_pending: Option<Vec<u8>>,
    /// The last time step whose code was taken.
    pub totp_step: i64,
}

impl Account {
    /// The hash of its password, where it has one.
    pub fn password(&self) -> Option<&str> {
        Some(self.password_hash.as_str()).filter(|hash| !hash.is_empty())
    }
}

/// What a sign-in looks at first.
pub struct SignInAccount {
    /// The account.
    pub account: Account,
    /// Of a device it knows, whether the second step was passed on it.
    pub second_step_on_device: Option<bool>,
}

/// The account columns of a row, under their own names.
pub(super) fn user(row: &AnyRow) -> Result<User, Problem> {
    Ok(User {
        id: id_of(row, "user_id")?,
        email: row.get("email"),
        pending_email: row.get("pending_email"),
        handle: row.get("handle"),
        roles: serde_json::from_str(row.get("roles")).map_err(Problem::internal)?,
        email_verified: row.get::<i64, _>("email_verified") != 0,
        second_factor: row.get::<i64, _>("second_factor") != 0,
        created_at: Timestamp::from_unix_ms(row.get("user_created_at")),
    })
}

/// The account columns under names that a session's columns do not have.
macro_rules! user_columns {
    () => {
        "u.id AS user_id, u.email, u.pending_email, u.handle, u.roles, u.email_verified, u.created_at AS user_created_at, \
         CASE WHEN u.totp_secret IS NULL THEN 0 ELSE 1 END AS second_factor"
    };
}
pub(super) use user_columns;

macro_rules! select_account {
    ($more:literal, $rest:literal) => {
        concat!(
            "SELECT ",
            user_columns!(),
            ", u.password_hash, u.unlocked_at, u.totp_secret, u.totp_pending, u.totp_step",
            $more,
            " FROM users u ",
            $rest
        )
    };
}
pub(super) use select_account;

pub(super) fn account(row: &AnyRow) -> Result<Account, Problem> {
    Ok(Account {
        user: user(row)?,
        password_hash: row.get("password_hash"),
        unlocked_at: Timestamp::from_unix_ms(row.get("unlocked_at")),
        totp_secret: row.get("totp_secret"),
        totp_pending: row.get("totp_pending"),
        totp_step: row.get("totp_step"),
    })
}

impl Store {
    /// Whether there is any account.
    pub async fn has_users(&self) -> Result<bool, Problem> {
        let any = sqlx::query("SELECT 1 FROM users LIMIT 1");
        let row = any.fetch_optional(&self.write).await.map_err(sql_problem)?;
        Ok(row.is_some())
    }

    /// The account of an address, and what it knows of the device of this hash.
    pub async fn sign_in_account(
        &self,
        email: &str,
        device_sha256: &[u8],
    ) -> Result<Option<SignInAccount>, Problem> {
        let row = sqlx::query(select_account!(
            ", (SELECT d.second_step FROM devices d WHERE d.user_id = u.id AND d.sha256 = $2) AS second_step_on_device",
            "WHERE u.email = $1 AND u.deleted_at IS NULL"
        ))
        .bind(email)
        .bind(device_sha256)
        .fetch_optional(&self.read)
        .await
        .map_err(sql_problem)?;
        row.map(|row| {
            Ok(SignInAccount {
                account: account(&row)?,
                second_step_on_device: row
                    .get::<Option<i64>, _>("second_step_on_device")
                    .map(|passed| passed != 0),
            })
        })
        .transpose()
    }

    /// An account by its id.
    pub async fn account(&self, id: Uuid) -> Result<Option<Account>, Problem> {
        let row = sqlx::query(select_account!(
            "",
            "WHERE u.id = $1 AND u.deleted_at IS NULL"
        ))
        .bind(id_bytes(id))
        .fetch_optional(&self.read)
        .await
        .map_err(sql_problem)?;
        row.as_ref().map(account).transpose()
    }

    /// The account of an address.
    pub async fn user_by_email(&self, email: &str) -> Result<Option<User>, Problem> {
        let row = sqlx::query(concat!(
            "SELECT ",
            user_columns!(),
            " FROM users u WHERE u.email = $1 AND u.deleted_at IS NULL"
        ))
        .bind(email)
        .fetch_optional(&self.read)
        .await
        .map_err(sql_problem)?;
        row.as_ref().map(user).transpose()
    }

    /// Whether an account has this handle.
    pub async fn is_handle_taken(&self, handle: &str) -> Result<bool, Problem> {
        let row = sqlx::query("SELECT 1 FROM users WHERE handle = $1")
            .bind(handle)
            .fetch_optional(&self.read)
            .await
            .map_err(sql_problem)?;
        Ok(row.is_some())
    }

    /// Accounts, newest first; `email` picks one.
    pub async fn users(
        &self,
        before: Option<Uuid>,
        email: &str,
        limit: i64,
    ) -> Result<Vec<User>, Problem> {
        let rows = sqlx::query(concat!(
            "SELECT ",
            user_columns!(),
            " FROM users u WHERE u.deleted_at IS NULL AND u.id < $1 AND ($2 = '' OR u.email = $2) ORDER BY u.id DESC LIMIT $3"
        ))
        .bind(id_bytes(before.unwrap_or(Uuid::max())))
        .bind(email)
        .bind(limit)
        .fetch_all(&self.read)
        .await
        .map_err(sql_problem)?;
        rows.iter().map(user).collect()
    }

    /// Replaces the hash of a password by one of the same password with today's parameters; `false` when
    /// it was changed meanwhile.
    pub async fn rehash(&self, id: Uuid, held: &str, hash: &str) -> Result<bool, Problem> {
        sqlx::query("UPDATE users SET password_hash = $1 WHERE id = $2 AND password_hash = $3")
            .bind(hash)
            .bind(id_bytes(id))
            .bind(held)
            .execute(&self.write)
            .await
            .map(|done| done.rows_affected() == 1)
            .map_err(sql_problem)
    }
}

impl Store {
    /// Removes accounts that were deleted before `oldest`, once Redis has heard of the end of all their
    /// sessions.
    pub async fn forget_deleted_users(&self, oldest: Timestamp) -> Result<u64, Problem> {
        sqlx::query(
            "DELETE FROM users WHERE deleted_at < $1
               AND NOT EXISTS (SELECT 1 FROM sessions s WHERE s.user_id = users.id AND s.unheard = 1)
               AND NOT EXISTS (SELECT 1 FROM machine_tokens t WHERE t.user_id = users.id AND t.unheard = 1)",
        )
        .bind(oldest.unix_ms())
        .execute(&self.write)
        .await
        .map(|done| done.rows_affected())
        .map_err(sql_problem)
    }
}
