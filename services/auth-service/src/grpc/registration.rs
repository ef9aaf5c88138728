//! Accounts are made, and addresses proven.

use redis_contracts::{Timestamp, event::EventBody, resource::User};
use rpc::auth as api;
use secrecy::SecretString;
use service_kit::{Problem, config::Registration};
use tonic::Response;
use uuid::Uuid;

use super::{Accounts, origin::Origin, passwords::link_is_over, sign_in::limited};
use crate::{
    domain::{
        account::{NewAccount, USER},
        password_strength::known_words,
        secret::sha256,
    },
    postman::CONFIRM_HOURS,
    store::{Happened, MailKind, MailToken, PendingAccount, Purpose, SessionRow},
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
        let user = user.map_err(|problem| problem.with_limits(verdict.told()))?;
        self.mail_waits.notify_one();
        Ok(limited(&verdict, api::RegisterResponse { user }))
    }

    /// The account; nothing where a mail says how it goes on.
    async fn asked_account(
        &self,
        origin: &Origin,
        asked: api::RegisterRequest,
    ) -> Result<Option<api::User>, Problem> {
        let account = NewAccount::check(&asked.email, &asked.handle, &asked.password)?;
        let words = known_words(&account.email, &account.handle);
        let password = SecretString::from(asked.password);
        let hash = self
            .passwords
            .hash_chosen("password", password, words)
            .await?;
        if self.registration == Registration::Verified {
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

    /// A token proves the address of an account, or finishes a registration. What is no token is only
    /// looked up.
    pub(super) async fn prove(&self, origin: &Origin, token: &str) -> Result<(), Problem> {
        let sha256 = sha256(token.as_bytes());
        let verify = self.store.mail_token(Purpose::VerifyEmail, &sha256).await?;
        if let Some(token) = verify {
            return self.prove_address(origin, &token, &sha256).await;
        }
        let confirm = self
            .store
            .mail_token(Purpose::ConfirmAccount, &sha256)
            .await?;
        let token = confirm.ok_or_else(link_is_over)?;
        self.finish_registration(origin, token.subject_id, &sha256)
            .await
    }

    async fn prove_address(
        &self,
        origin: &Origin,
        token: &MailToken,
        sha256: &[u8],
    ) -> Result<(), Problem> {
        let user_id = token.subject_id;
        let telling = self.copies.telling();
        let mut change = self.store.change().await?;
        change.hold_account(user_id).await?;
        let taken = change.take_mail_token(Purpose::VerifyEmail, sha256).await?;
        if taken.is_none() || !change.verify_email(user_id, &token.email).await? {
            telling.nothing();
            return Err(link_is_over());
        }
        change.touch_copies(user_id).await?;
        let happened = Happened::to(user_id, EventBody::EmailVerified);
        change.record(&origin.who(None), happened);
        change.commit().await?;
        telling.tell_all(user_id).await;
        Ok(())
    }

    /// A name that was taken meanwhile is told; the token stays good for as long as the registration.
    async fn finish_registration(
        &self,
        origin: &Origin,
        pending_id: Uuid,
        sha256: &[u8],
    ) -> Result<(), Problem> {
        let mut change = self.store.change().await?;
        let taken = change
            .take_mail_token(Purpose::ConfirmAccount, sha256)
            .await?;
        taken.ok_or_else(link_is_over)?;
        let pending = change.take_pending(pending_id).await?;
        let pending = pending.ok_or_else(link_is_over)?;
        let user = User {
            id: pending.id,
            email: pending.email,
            handle: pending.handle,
            roles: vec![USER.to_owned()],
            email_verified: true,
            second_factor: false,
            created_at: Timestamp::now(),
        };
        change.create_user(&user, &pending.password_hash).await?;
        let who = origin.who(None);
        change.record(&who, Happened::to(user.id, EventBody::AccountCreated));
        change.record(&who, Happened::to(user.id, EventBody::EmailVerified));
        change.commit().await
    }

    /// Sends the mail that proves the address again.
    pub(super) async fn ask_verification(
        &self,
        session: &SessionRow,
        origin: &Origin,
    ) -> Result<(), Problem> {
        if session.user.email_verified {
            return Ok(());
        }
        self.admit_all(&origin.mail_limits()).await?;
        let mut change = self.store.change().await?;
        change
            .send_mail(MailKind::VerifyEmail, &session.user.email, None, "")
            .await?;
        change.commit().await?;
        self.mail_waits.notify_one();
        Ok(())
    }
}
