//! Accounts are made.

use redis_contracts::{event::EventBody, resource::User};
use rpc::auth as api;
use secrecy::SecretString;
use service_kit::{Problem, config::Registration};
use tonic::Response;
use uuid::Uuid;

use super::{Accounts, convert::limited};
use crate::{
    accounts::{LimitedAnswer, Origin},
    domain::{
        account::{NewAccount, USER},
        password_strength::known_words,
    },
    postman::CONFIRM_HOURS,
    store::{Happened, MailKind, PendingAccount},
};

/// A mail may be on its way for so long before its link begins to count.
const MAIL_MAY_WAIT_HOURS: u64 = 49;

impl Accounts {
    /// Says what is taken, after the same work as for what is not; in mode `verified` it says nothing,
    /// and the mail does.
    pub(super) async fn make_account(
        &self,
        origin: &Origin,
        asked: api::RegisterRequest,
    ) -> Result<Response<api::RegisterResponse>, Problem> {
        let verdict = self.admit_all(&origin.register_limits()).await?;
        let user = self.asked_account(origin, asked).await;
        let user = user.map_err(|problem| problem.with_limits(verdict.headers()))?;
        self.mail_waits.notify_one();
        Ok(limited(LimitedAnswer::new(&verdict, user), |user| {
            api::RegisterResponse { user }
        }))
    }

    /// The account; nothing where a mail says how it goes on.
    async fn asked_account(
        &self,
        origin: &Origin,
        asked: api::RegisterRequest,
    ) -> Result<Option<api::User>, Problem> {
        let says_nothing = self.registration == Registration::Verified;
        let check = match says_nothing {
            true => NewAccount::check_own,
            false => NewAccount::check,
        };
        let account = check(&asked.email, &asked.handle, &asked.password)?;
        let words = known_words(&account.email, &account.handle);
        let password = SecretString::from(asked.password);
        let hash = self
            .passwords
            .hash_chosen("password", password, words, origin.line(false))
            .await?;
        if says_nothing {
            self.keep_pending(account, hash).await?;
            return Ok(None);
        }
        let user = self.create(origin, account, hash).await?;
        Ok(Some(user.into()))
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
