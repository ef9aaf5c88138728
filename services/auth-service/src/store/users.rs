//! Accounts.

use redis_contracts::{Timestamp, resource::User};
use service_kit::{Code, Problem};
use sqlx::{Row, sqlite::SqliteRow};
use uuid::Uuid;

use super::{Store, sql_problem};
use crate::domain::account::{ADMIN, NewAccount};

/// The account columns of a row, under their own names.
pub(super) fn user(row: &SqliteRow) -> User {
    User {
        id: row.get("user_id"),
        email: row.get("email"),
        handle: row.get("handle"),
        roles: serde_json::from_str(row.get("roles")).unwrap_or_default(),
        email_verified: row.get("email_verified"),
        second_factor: false,
        created_at: Timestamp::from_unix_ms(row.get("user_created_at")),
    }
}

/// The account columns under names that a session's columns do not have.
macro_rules! user_columns {
    () => {
        "u.id AS user_id, u.email, u.handle, u.roles, u.email_verified, u.created_at AS user_created_at"
    };
}
pub(super) use user_columns;

impl Store {
    /// Whether there is any account.
    pub async fn has_users(&self) -> Result<bool, Problem> {
        sqlx::query_scalar("SELECT EXISTS (SELECT 1 FROM users)")
            .fetch_one(&self.read)
            .await
            .map_err(sql_problem)
    }

    /// Makes an account, or says what is taken.
    pub async fn create_user(
        &self,
        account: NewAccount,
        password_hash: String,
        roles: Vec<String>,
    ) -> Result<User, Problem> {
        let made = User {
            id: Uuid::now_v7(),
            email: account.email,
            handle: account.handle,
            roles,
            email_verified: false,
            second_factor: false,
            created_at: Timestamp::now(),
        };
        let roles = serde_json::to_string(&made.roles).map_err(Problem::internal)?;
        let inserted = sqlx::query(
            "INSERT INTO users (id, email, handle, password_hash, roles, email_verified, created_at) VALUES (?, ?, ?, ?, ?, 0, ?)
             ON CONFLICT DO NOTHING",
        )
        .bind(made.id)
        .bind(&made.email)
        .bind(&made.handle)
        .bind(password_hash)
        .bind(roles)
        .bind(made.created_at.unix_ms())
        .execute(&self.write)
        .await
        .map_err(sql_problem)?;
        if inserted.rows_affected() == 0 {
            return Err(self.taken(&made.email).await?);
        }
        Ok(made)
    }

    async fn taken(&self, email: &str) -> Result<Problem, Problem> {
        let taken: bool = sqlx::query_scalar("SELECT EXISTS (SELECT 1 FROM users WHERE email = ?)")
            .bind(email)
            .fetch_one(&self.write)
            .await
            .map_err(sql_problem)?;
        Ok(if taken {
            Problem::new(
                Code::EmailTaken,
                "An account with this address exists; sign in.",
            )
        } else {
            Problem::new(Code::HandleTaken, "This handle is taken; choose another.")
        })
    }

    /// The account of an address with its password hash.
    pub async fn user_by_email(&self, email: &str) -> Result<Option<(User, String)>, Problem> {
        sqlx::query(concat!(
            "SELECT ",
            user_columns!(),
            ", u.password_hash FROM users u WHERE u.email = ?"
        ))
        .bind(email)
        .fetch_optional(&self.read)
        .await
        .map(|row| row.map(|row| (user(&row), row.get("password_hash"))))
        .map_err(sql_problem)
    }

    /// Accounts, newest first; `email` picks one.
    pub async fn users(
        &self,
        after: Option<Uuid>,
        email: &str,
        limit: i64,
    ) -> Result<Vec<User>, Problem> {
        sqlx::query(concat!(
            "SELECT ",
            user_columns!(),
            " FROM users u WHERE (?1 IS NULL OR u.id < ?1) AND (?2 = '' OR u.email = ?2) ORDER BY u.id DESC LIMIT ?3"
        ))
        .bind(after)
        .bind(email)
        .bind(limit)
        .fetch_all(&self.read)
        .await
        .map(|rows| rows.iter().map(user).collect())
        .map_err(sql_problem)
    }

    /// Replaces an account's roles. Its live sessions change with it, and Redis has to hear of them.
    pub async fn set_roles(&self, id: Uuid, roles: &[String]) -> Result<User, Problem> {
        let encoded = serde_json::to_string(roles).map_err(Problem::internal)?;
        let mut transaction = self.write.begin().await.map_err(sql_problem)?;
        sqlx::query("UPDATE users SET roles = ? WHERE id = ?")
            .bind(encoded)
            .bind(id)
            .execute(&mut *transaction)
            .await
            .map_err(sql_problem)?;
        let admins: bool = sqlx::query_scalar(
            "SELECT EXISTS (SELECT 1 FROM users, json_each(roles) WHERE value = ?)",
        )
        .bind(ADMIN)
        .fetch_one(&mut *transaction)
        .await
        .map_err(sql_problem)?;
        if !admins {
            return Err(Problem::new(
                Code::Conflict,
                "The platform needs an admin; make another one first.",
            ));
        }
        sqlx::query("UPDATE sessions SET version = version + 1, unheard = 1 WHERE user_id = ? AND ended_at IS NULL AND expires_at > ?")
            .bind(id)
            .bind(Timestamp::now().unix_ms())
            .execute(&mut *transaction)
            .await
            .map_err(sql_problem)?;
        let changed = sqlx::query(concat!(
            "SELECT ",
            user_columns!(),
            " FROM users u WHERE u.id = ?"
        ))
        .bind(id)
        .fetch_optional(&mut *transaction)
        .await
        .map_err(sql_problem)?;
        let changed = changed
            .map(|row| user(&row))
            .ok_or_else(|| Problem::not_found("account"))?;
        transaction.commit().await.map_err(sql_problem)?;
        Ok(changed)
    }
}
