//! Mails that wait to be sent. A row says only what is to be sent to whom: what the mail server does
//! not take now is sent later, and no secret is at rest.

use redis_contracts::Timestamp;
use service_kit::Problem;
use sql::{id_bytes, id_of};
use sqlx::Row;
use uuid::Uuid;

use super::{Change, Store, sql_problem};

/// What a mail is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MailKind {
    /// A link to set a new password.
    PasswordReset,
    /// A link to prove the address.
    VerifyEmail,
    /// A link to finish a registration, or why it cannot be.
    ConfirmAccount,
    /// The password was changed.
    PasswordChanged,
    /// The second factor was turned on.
    SecondFactorEnabled,
    /// The second factor was turned off.
    SecondFactorDisabled,
    /// A link to prove the address that an account waits for.
    ConfirmAddress,
    /// To the old address: another one was asked for, and how to undo it.
    AddressChanges,
    /// A machine token was made.
    MachineTokenMade,
    /// Somebody gave the right password, and a wrong code.
    PasswordKnown,
}

impl MailKind {
    const ALL: [Self; 10] = [
        Self::PasswordReset,
        Self::VerifyEmail,
        Self::ConfirmAccount,
        Self::PasswordChanged,
        Self::SecondFactorEnabled,
        Self::SecondFactorDisabled,
        Self::ConfirmAddress,
        Self::AddressChanges,
        Self::MachineTokenMade,
        Self::PasswordKnown,
    ];

    const fn name(self) -> &'static str {
        match self {
            Self::PasswordReset => "password_reset",
            Self::VerifyEmail => "verify_email",
            Self::ConfirmAccount => "confirm_account",
            Self::PasswordChanged => "password_changed",
            Self::SecondFactorEnabled => "second_factor_enabled",
            Self::SecondFactorDisabled => "second_factor_disabled",
            Self::ConfirmAddress => "confirm_address",
            Self::AddressChanges => "address_changes",
            Self::MachineTokenMade => "machine_token_made",
            Self::PasswordKnown => "password_known",
        }
    }
}

/// A mail that is due.
pub struct DueMail {
    /// Its id.
    pub id: Uuid,
    /// What it is about.
    pub kind: MailKind,
    /// To whom.
    pub email: String,
    /// The registration, account or change of an address it is about.
    pub subject_id: Option<Uuid>,
    /// The handle, or the new address, it is about.
    pub handle: String,
    /// When it was asked for.
    pub created_at: Timestamp,
    /// How often it was tried.
    pub tries: u32,
}

impl Store {
    /// When the next mail is due.
    pub async fn next_mail_at(&self) -> Result<Option<Timestamp>, Problem> {
        let unix_ms: Option<i64> = sqlx::query_scalar("SELECT MIN(next_try_at) FROM mails")
            .fetch_one(&self.read)
            .await
            .map_err(sql_problem)?;
        Ok(unix_ms.map(Timestamp::from_unix_ms))
    }

    /// Takes a mail that is due: until `again_at`, nobody else takes it.
    pub async fn take_mail(&self, again_at: Timestamp) -> Result<Option<DueMail>, Problem> {
        let row = sqlx::query(
            "UPDATE mails SET next_try_at = $1, tries = tries + 1
             WHERE id = (SELECT id FROM mails WHERE next_try_at <= $2 ORDER BY next_try_at LIMIT 1) AND next_try_at <= $2
             RETURNING id, kind, email, subject_id, handle, created_at, tries",
        )
        .bind(again_at.unix_ms())
        .bind(Timestamp::now().unix_ms())
        .fetch_optional(&self.write)
        .await
        .map_err(sql_problem)?;
        row.map(|row| {
            let name: String = row.get("kind");
            let kind = MailKind::ALL.into_iter().find(|kind| kind.name() == name);
            let subject: Option<Vec<u8>> = row.get("subject_id");
            Ok(DueMail {
                id: id_of(&row, "id")?,
                kind: kind.ok_or_else(|| Problem::internal("a mail of an unknown kind waits"))?,
                email: row.get("email"),
                subject_id: subject.and_then(|bytes| Uuid::from_slice(&bytes).ok()),
                handle: row.get("handle"),
                created_at: Timestamp::from_unix_ms(row.get("created_at")),
                tries: u32::try_from(row.get::<i64, _>("tries")).unwrap_or(u32::MAX),
            })
        })
        .transpose()
    }

    /// Tries a mail again at this moment.
    pub async fn try_mail_at(&self, id: Uuid, moment: Timestamp) -> Result<(), Problem> {
        sqlx::query("UPDATE mails SET next_try_at = $1 WHERE id = $2")
            .bind(moment.unix_ms())
            .bind(id_bytes(id))
            .execute(&self.write)
            .await
            .map(drop)
            .map_err(sql_problem)
    }

    /// A mail was sent, or never will be.
    pub async fn forget_mail(&self, id: Uuid) -> Result<(), Problem> {
        sqlx::query("DELETE FROM mails WHERE id = $1")
            .bind(id_bytes(id))
            .execute(&self.write)
            .await
            .map(drop)
            .map_err(sql_problem)
    }
}

impl Change {
    /// Has a mail sent once this change lasts.
    pub async fn send_mail(
        &mut self,
        kind: MailKind,
        email: &str,
        subject_id: Option<Uuid>,
        handle: &str,
    ) -> Result<(), Problem> {
        let now_ms = self.now.unix_ms();
        sqlx::query(
            "INSERT INTO mails (id, kind, email, subject_id, handle, created_at, next_try_at, tries)
             VALUES ($1, $2, $3, $4, $5, $6, $6, 0)",
        )
        .bind(id_bytes(Uuid::now_v7()))
        .bind(kind.name())
        .bind(email)
        .bind(subject_id.map(id_bytes))
        .bind(handle)
        .bind(now_ms)
        .execute(self.sql())
        .await
        .map(drop)
        .map_err(sql_problem)
    }
}
