//! Accounts are made.

use std::sync::Arc;

use rate_limits::Limiter;
use redis_contracts::{event::EventBody, resource::User};
use secrecy::{ExposeSecret, SecretString};
use service_kit::{Problem, config::Registration};
use tokio::sync::Notify;
use uuid::Uuid;

use super::{
    Origin, Parts,
    limits::{LimitedAnswer, admit_all},
};
use crate::{
    domain::{
        account::{NewAccount, USER},
        password_strength::known_words,
    },
    passwords::Passwords,
    postman::CONFIRM_HOURS,
    store::{Happened, MailKind, PendingAccount, Store},
};

/// A mail may be on its way for so long before its link begins to count.
const MAIL_MAY_WAIT_HOURS: u64 = 49;

/// Makes accounts.
pub struct SignUp {
    store: Store,
    passwords: Passwords,
    limiter: Limiter,
    mail_waits: Arc<Notify>,
    mode: Registration,
}

/// What an account is asked for with.
pub struct AccountRequest {
    /// The address.
    pub email: String,
    /// The handle.
    pub handle: String,
    /// The password.
    pub password: SecretString,
}

impl SignUp {
    /// Of these parts.
    pub fn of(parts: &Parts) -> Self {
        Self {
            store: parts.store.clone(),
            passwords: parts.passwords.clone(),
            limiter: parts.limiter.clone(),
            mail_waits: Arc::clone(&parts.mail_waits),
            mode: parts.registration,
        }
    }

    /// Whether only admins make accounts.
    pub fn is_closed(&self) -> bool {
        self.mode == Registration::Closed
    }

    /// Says what is taken, after the same work as for what is not; in mode `verified` it says nothing,
    /// and the mail does.
    pub async fn register(
        &self,
        origin: &Origin,
        asked: AccountRequest,
    ) -> Result<LimitedAnswer<Option<User>>, Problem> {
        let verdict = admit_all(&self.limiter, &origin.register_limits()).await?;
        let user = self.asked_account(origin, asked).await;
        let user = user.map_err(|problem| problem.with_limits(verdict.headers()))?;
        self.mail_waits.notify_one();
        Ok(LimitedAnswer::new(&verdict, user))
    }

    /// The account; nothing where a mail says how it goes on.
    async fn asked_account(
        &self,
        origin: &Origin,
        asked: AccountRequest,
    ) -> Result<Option<User>, Problem> {
        let says_nothing = self.mode == Registration::Verified;
        let check = match says_nothing {
            true => NewAccount::check_own,
            false => NewAccount::check,
        };
        let AccountRequest {
            email,
            handle,
            password,
        } = asked;
        let account = check(&email, &handle, password.expose_secret())?;
        let words = known_words(&account.email, &account.handle);
        let hash = self
            .passwords
            .hash_chosen("password", password, words, origin.line(false))
            .await?;
        if says_nothing {
            self.keep_pending(account, hash).await?;
            return Ok(None);
        }
        self.create(origin, account, hash).await.map(Some)
    }

    async fn create(
        &self,
        origin: &Origin,
        account: NewAccount,
        hash: String,
    ) -> Result<User, Problem> {
        let mut change = self.store.change().await?;
        let user = account.into_user(change.now, vec![USER.to_owned()]);
        change.create_user(&user, &hash).await?;
        change
            .send_mail(MailKind::VerifyEmail, &user.email, None, "")
            .await?;
        change.record(
            &origin.who(None),
            Happened::to(user.id, EventBody::AccountCreated),
        );
        change.commit().await?;
        Ok(user)
    }

    async fn keep_pending(&self, account: NewAccount, hash: String) -> Result<(), Problem> {
        let mut change = self.store.change().await?;
        let pending = PendingAccount {
            id: Uuid::now_v7(),
            email: account.email,
            handle: account.handle,
            password_hash: hash,
        };
        let expires_at = change
            .now
            .plus_seconds((CONFIRM_HOURS + MAIL_MAY_WAIT_HOURS) * 3600);
        change.keep_pending(&pending, expires_at).await?;
        change
            .send_mail(
                MailKind::ConfirmAccount,
                &pending.email,
                Some(pending.id),
                &pending.handle,
            )
            .await?;
        change.commit().await
    }
}
