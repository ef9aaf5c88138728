//! Changes of accounts.

use redis_contracts::resource::User;
use service_kit::{Code, Problem};
use sql::id_bytes;
use uuid::Uuid;

use super::{
    Account, Change, Purpose,
    email_changes::email_taken,
    sql_problem,
    users::{account, select_account, user, user_columns},
};
use crate::domain::account::{ADMIN, handle_taken};

impl Change {
    /// Holds an account until this change is done, and gives it as it is now; none when it was deleted.
    /// The first thing that a change of a person does: what they may do is looked at under it, and
    /// changes of one person come one after the other.
    pub async fn hold_account(&mut self, id: Uuid) -> Result<Option<Account>, Problem> {
        // An update, because it waits for whoever holds the row in another replica.
        let held =
            sqlx::query("UPDATE users SET roles = roles WHERE id = $1 AND deleted_at IS NULL")
                .bind(id_bytes(id))
                .execute(self.sql())
                .await
                .map_err(sql_problem)?;
        if held.rows_affected() == 0 {
            return Ok(None);
        }
        let row = sqlx::query(select_account!("", "WHERE u.id = $1"))
            .bind(id_bytes(id))
            .fetch_one(self.sql())
            .await
            .map_err(sql_problem)?;
        account(&row).map(Some)
    }

    /// Makes an account, or says what is taken.
    pub async fn create_user(&mut self, user: &User, password_hash: &str) -> Result<(), Problem> {
        let roles = serde_json::to_string(&user.roles).map_err(Problem::internal)?;
        self.require_free(&user.email, user.id).await?;
        let inserted = sqlx::query(
            "INSERT INTO users (id, email, handle, password_hash, roles, email_verified, created_at)
             VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT DO NOTHING",
        )
        .bind(id_bytes(user.id))
        .bind(user.email.as_str())
        .bind(user.handle.as_str())
        .bind(password_hash)
        .bind(roles)
        .bind(i64::from(user.email_verified))
        .bind(user.created_at.unix_ms())
        .execute(self.sql())
        .await
        .map_err(sql_problem)?;
        if inserted.rows_affected() == 0 {
            return Err(self.taken(&user.email, user.id).await?);
        }
        Ok(())
    }

    /// Which of the two names is taken.
    async fn taken(&mut self, email: &str, not_by: Uuid) -> Result<Problem, Problem> {
        Ok(match self.is_email_taken(email, not_by).await? {
            true => email_taken(),
            false => handle_taken(),
        })
    }

    /// Changes the handle, or says that it is taken.
    pub async fn change_handle(&mut self, id: Uuid, handle: &str) -> Result<(), Problem> {
        let taken = sqlx::query("SELECT 1 FROM users WHERE handle = $1 AND id <> $2")
            .bind(handle)
            .bind(id_bytes(id))
            .fetch_optional(self.sql())
            .await
            .map_err(sql_problem)?;
        if taken.is_some() {
            return Err(handle_taken());
        }
        let renamed = sqlx::query("UPDATE users SET handle = $2 WHERE id = $1")
            .bind(id_bytes(id))
            .bind(handle)
            .execute(self.sql())
            .await;
        match renamed {
            Ok(_) => Ok(()),
            // Another replica was faster.
            Err(sqlx::Error::Database(fault)) if fault.is_unique_violation() => Err(handle_taken()),
            Err(error) => Err(sql_problem(error)),
        }
    }

    /// The address of an account was proven, if it still is this one; answers whether it is.
    pub async fn verify_email(&mut self, id: Uuid, email: &str) -> Result<bool, Problem> {
        let verified =
            sqlx::query("UPDATE users SET email_verified = 1 WHERE id = $1 AND email = $2")
                .bind(id_bytes(id))
                .bind(email)
                .execute(self.sql())
                .await
                .map_err(sql_problem)?;
        Ok(verified.rows_affected() == 1)
    }

    /// Sets a new password, by its hash; empty: nobody knows one. Sign-ins that wait for their second step began with the old one.
    pub async fn set_password(&mut self, id: Uuid, hash: &str) -> Result<(), Problem> {
        self.update_user(
            "UPDATE users SET password_hash = $2 WHERE id = $1",
            id,
            hash,
        )
        .await?;
        sqlx::query("DELETE FROM challenges WHERE user_id = $1")
            .bind(id_bytes(id))
            .execute(self.sql())
            .await
            .map(drop)
            .map_err(sql_problem)
    }

    /// Locks and failures from before now are void.
    pub async fn unlock(&mut self, id: Uuid) -> Result<(), Problem> {
        let now_ms = self.now.unix_ms();
        self.update_user(
            "UPDATE users SET unlocked_at = $2 WHERE id = $1",
            id,
            now_ms,
        )
        .await
    }

    /// Takes an account's name and password away; the rest goes with [`Store::forget_deleted_users`].
    pub async fn delete_user(&mut self, id: Uuid) -> Result<(), Problem> {
        let now_ms = self.now.unix_ms();
        let nameless = format!("deleted-{}", id.simple());
        sqlx::query(
            "UPDATE users SET deleted_at = $2, email = $3, handle = $3, password_hash = '', roles = '[]',
                totp_secret = NULL, totp_pending = NULL, pending_email = NULL WHERE id = $1",
        )
        .bind(id_bytes(id))
        .bind(now_ms)
        .bind(nameless)
        .execute(self.sql())
        .await
        .map_err(sql_problem)?;
        for statement in [
            "DELETE FROM mail_tokens WHERE subject_id = $1",
            "DELETE FROM devices WHERE user_id = $1",
            "DELETE FROM challenges WHERE user_id = $1",
        ] {
            sqlx::query(statement)
                .bind(id_bytes(id))
                .execute(self.sql())
                .await
                .map_err(sql_problem)?;
        }
        Ok(())
    }

    /// Replaces an account's roles.
    pub async fn set_roles(&mut self, id: Uuid, roles: &[String]) -> Result<User, Problem> {
        let encoded = serde_json::to_string(roles).map_err(Problem::internal)?;
        self.update_user("UPDATE users SET roles = $2 WHERE id = $1", id, encoded)
            .await?;
        self.user(id).await
    }

    /// An account as this change leaves it.
    pub async fn user(&mut self, id: Uuid) -> Result<User, Problem> {
        let row = sqlx::query(concat!(
            "SELECT ",
            user_columns!(),
            " FROM users u WHERE u.id = $1 AND u.deleted_at IS NULL"
        ))
        .bind(id_bytes(id))
        .fetch_optional(self.sql())
        .await
        .map_err(sql_problem)?;
        row.as_ref()
            .map(user)
            .transpose()?
            .ok_or_else(|| Problem::not_found("account"))
    }

    /// There has to be an admin when a change is done. Those who take one away wait for each other, and
    /// ask last: whoever records an event waits for them.
    pub async fn require_admin(&mut self) -> Result<(), Problem> {
        sqlx::query("UPDATE event_head SET position = position WHERE only_row = 1")
            .execute(self.sql())
            .await
            .map_err(sql_problem)?;
        let admin = sqlx::query("SELECT 1 FROM users WHERE roles LIKE $1 LIMIT 1")
            .bind(format!("%\"{ADMIN}\"%"))
            .fetch_optional(self.sql())
            .await
            .map_err(sql_problem)?;
        admin.map(drop).ok_or_else(|| {
            Problem::new(
                Code::Conflict,
                "The platform needs an admin; make another one first.",
            )
        })
    }

    /// Nothing that opens an account but its second factor stays: this is its password from now on, by its
    /// hash, or nobody knows one. Answers the sessions and machine tokens that ended.
    pub async fn close_doors(
        &mut self,
        id: Uuid,
        hash: Option<&str>,
    ) -> Result<Vec<Uuid>, Problem> {
        self.set_password(id, hash.unwrap_or_default()).await?;
        self.unlock(id).await?;
        self.forget_devices(id).await?;
        self.drop_mail_tokens(Purpose::PasswordReset, id).await?;
        let mut ended = self.end_sessions(id, None).await?;
        let revoked = self.revoke_machine_tokens(id, None).await?;
        ended.extend(revoked.into_iter().map(|(token_id, _)| token_id));
        Ok(ended)
    }

    /// Nothing that whoever had an account set up stays. Answers as [`Self::close_doors`].
    pub async fn take_over(&mut self, id: Uuid, hash: Option<&str>) -> Result<Vec<Uuid>, Problem> {
        self.remove_totp(id).await?;
        self.set_pending_email(id, None).await?;
        for purpose in [Purpose::VerifyEmail, Purpose::ChangeEmail] {
            self.drop_mail_tokens(purpose, id).await?;
        }
        self.close_doors(id, hash).await
    }

    async fn update_user<'q, V>(
        &mut self,
        statement: &'static str,
        id: Uuid,
        value: V,
    ) -> Result<(), Problem>
    where
        V: sqlx::Encode<'q, sqlx::Any> + sqlx::Type<sqlx::Any> + 'q,
    {
        let updated = sqlx::query(statement)
            .bind(id_bytes(id))
            .bind(value)
            .execute(self.sql())
            .await
            .map_err(sql_problem)?;
        match updated.rows_affected() {
            0 => Err(Problem::not_found("account")),
            _ => Ok(()),
        }
    }
}
