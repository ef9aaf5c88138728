//! What is sent in the links of mails: known by SHA-256, good once.

use redis_contracts::Timestamp;
use service_kit::Problem;
use sql::{id_bytes, id_of};
use sqlx::{Row, any::AnyRow};
use uuid::Uuid;

use super::{Change, Store, sql_problem};

/// What a mailed token opens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// A new password.
    PasswordReset,
    /// The proof of an address.
    VerifyEmail,
    /// The making of an account whose address is proven.
    ConfirmAccount,
    /// The proof of the address that an account waits for.
    ChangeEmail,
    /// The return of an old address. Its subject is what undoes the change.
    UndoEmailChange,
}

impl Purpose {
    const fn name(self) -> &'static str {
        match self {
            Self::PasswordReset => "password_reset",
            Self::VerifyEmail => "verify_email",
            Self::ConfirmAccount => "confirm_account",
            Self::ChangeEmail => "change_email",
            Self::UndoEmailChange => "undo_email_change",
        }
    }
}

/// A mailed token that was taken.
pub struct MailToken {
    /// The account, or the one that waits for confirmation.
    pub subject_id: Uuid,
    /// Where it was sent.
    pub email: String,
}

fn mail_token(row: &AnyRow) -> Result<MailToken, Problem> {
    Ok(MailToken {
        subject_id: id_of(row, "subject_id")?,
        email: row.get("email"),
    })
}

impl Store {
    /// Keeps a token that is about to be sent.
    pub async fn keep_mail_token(
        &self,
        purpose: Purpose,
        token: &MailToken,
        sha256: &[u8],
        expires_at: Timestamp,
    ) -> Result<(), Problem> {
        sqlx::query(
            "INSERT INTO mail_tokens (sha256, purpose, subject_id, email, created_at, expires_at)
             VALUES ($1, $2, $3, $4, $5, $6)",
        )
        .bind(sha256)
        .bind(purpose.name())
        .bind(id_bytes(token.subject_id))
        .bind(token.email.as_str())
        .bind(Timestamp::now().unix_ms())
        .bind(expires_at.unix_ms())
        .execute(&self.write)
        .await
        .map(drop)
        .map_err(sql_problem)
    }

    /// A token that can be taken: whose account is to be held before it is.
    pub async fn mail_token(
        &self,
        purpose: Purpose,
        sha256: &[u8],
    ) -> Result<Option<MailToken>, Problem> {
        let row = sqlx::query(
            "SELECT subject_id, email FROM mail_tokens WHERE sha256 = $1 AND purpose = $2 AND expires_at > $3",
        )
        .bind(sha256)
        .bind(purpose.name())
        .bind(Timestamp::now().unix_ms())
        .fetch_optional(&self.read)
        .await
        .map_err(sql_problem)?;
        row.as_ref().map(mail_token).transpose()
    }

    /// Drops a token that could not be sent.
    pub async fn drop_mail_token(&self, sha256: &[u8]) -> Result<(), Problem> {
        sqlx::query("DELETE FROM mail_tokens WHERE sha256 = $1")
            .bind(sha256)
            .execute(&self.write)
            .await
            .map(drop)
            .map_err(sql_problem)
    }

    /// Whether such a token was made for an address since a moment.
    pub async fn mailed_since(
        &self,
        purpose: Purpose,
        token: &MailToken,
        since: Timestamp,
    ) -> Result<bool, Problem> {
        let row = sqlx::query(
            "SELECT 1 FROM mail_tokens WHERE subject_id = $1 AND purpose = $2 AND email = $3 AND created_at > $4",
        )
        .bind(id_bytes(token.subject_id))
        .bind(purpose.name())
        .bind(token.email.as_str())
        .bind(since.unix_ms())
        .fetch_optional(&self.read)
        .await
        .map_err(sql_problem)?;
        Ok(row.is_some())
    }

    /// Deletes tokens that have expired.
    pub async fn forget_old_mail_tokens(&self) -> Result<u64, Problem> {
        sqlx::query("DELETE FROM mail_tokens WHERE expires_at < $1")
            .bind(Timestamp::now().unix_ms())
            .execute(&self.write)
            .await
            .map(|done| done.rows_affected())
            .map_err(sql_problem)
    }
}

impl Change {
    /// Takes a token: it is good once, and not after its end.
    pub async fn take_mail_token(
        &mut self,
        purpose: Purpose,
        sha256: &[u8],
    ) -> Result<Option<MailToken>, Problem> {
        let now_ms = self.now.unix_ms();
        let row = sqlx::query(
            "DELETE FROM mail_tokens WHERE sha256 = $1 AND purpose = $2 AND expires_at > $3
             RETURNING subject_id, email",
        )
        .bind(sha256)
        .bind(purpose.name())
        .bind(now_ms)
        .fetch_optional(self.sql())
        .await
        .map_err(sql_problem)?;
        row.as_ref().map(mail_token).transpose()
    }

    /// Drops all tokens of a purpose: one of them was used, or what they would do is done.
    pub async fn drop_mail_tokens(
        &mut self,
        purpose: Purpose,
        subject_id: Uuid,
    ) -> Result<(), Problem> {
        sqlx::query("DELETE FROM mail_tokens WHERE subject_id = $1 AND purpose = $2")
            .bind(id_bytes(subject_id))
            .bind(purpose.name())
            .execute(self.sql())
            .await
            .map(drop)
            .map_err(sql_problem)
    }
}
