//! The proof that makes a registration an account.

use redis_contracts::{Timestamp, event::EventBody, resource::User};
use secrecy::{ExposeSecret, SecretString};
use service_kit::Problem;

use super::{Answered, EmailProof, ProvenEmail, shown::Shown};
use crate::{
    accounts::{Origin, attempts::Admitted, password_reset::link_is_over, place::Knows},
    domain::account::{USER, is_password},
    store::{Happened, PendingAccount, Purpose},
};

impl EmailProof {
    /// A name that was taken meanwhile is told; the token stays good for as long as the registration.
    /// Whoever signed up may not own the mailbox: their password counts only when it is given again.
    pub(super) async fn finish_registration(
        &self,
        origin: &Origin,
        answered: Answered,
    ) -> Result<ProvenEmail, Problem> {
        let pending = self.store.pending(answered.token.subject_id).await?;
        let pending = pending.ok_or_else(link_is_over)?;
        let (shown, password_hash) = match answered.password {
            Some(password) => {
                self.give_registered_password(origin, &pending, password)
                    .await?;
                (Shown::Password, Some(pending.password_hash.clone()))
            }
            None => {
                let new_password = answered.new_password;
                let hash = self.new_hash(origin, Shown::Nothing, new_password).await?;
                (Shown::Nothing, hash)
            }
        };
        let mut change = self.store.change().await?;
        let taken = change
            .take_mail_token(Purpose::ConfirmAccount, &answered.sha256)
            .await?;
        taken.ok_or_else(link_is_over)?;
        let pending = change.take_pending(pending.id).await?;
        let user = registered(pending.ok_or_else(link_is_over)?);
        change
            .create_user(&user, password_hash.as_deref().unwrap_or_default())
            .await?;
        let mut proven = ProvenEmail::default();
        if shown == Shown::Password {
            proven.device = change
                .know(user.id, origin.device.as_deref(), false)
                .await?;
        }
        let who = origin.who(None);
        change.record(&who, Happened::to(user.id, EventBody::AccountCreated));
        change.record(&who, Happened::to(user.id, EventBody::EmailVerified));
        change.commit().await?;
        Ok(proven)
    }

    async fn give_registered_password(
        &self,
        origin: &Origin,
        pending: &PendingAccount,
        password: SecretString,
    ) -> Result<(), Problem> {
        let place = origin.place(&pending.email, Knows::default(), Timestamp::default());
        if !is_password(password.expose_secret()) {
            return Err(self.failures.no_password(&place, origin, None).await);
        }
        let Admitted { lent, .. } = self.attempts.admit(origin, &place).await?;
        let held = Some(pending.password_hash.clone());
        let verified = self
            .passwords
            .verify(password.clone(), held, origin.line(false))
            .await?;
        if !verified.matches {
            let wrong = self
                .failures
                .wrong_password(&place, origin, None, &password);
            return Err(wrong.await);
        }
        self.limiter.give_back(&lent).await;
        Ok(())
    }
}

fn registered(pending: PendingAccount) -> User {
    User {
        id: pending.id,
        email: pending.email,
        pending_email: None,
        handle: pending.handle,
        roles: vec![USER.to_owned()],
        email_verified: true,
        second_factor: false,
        created_at: Timestamp::now(),
    }
}
