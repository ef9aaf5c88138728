//! A password is set anew by mail.

use std::sync::Arc;

use rate_limits::Limiter;
use redis_contracts::{Timestamp, event::EventBody};
use secrecy::{ExposeSecret, SecretString};
use service_kit::{Code, Problem};
use tokio::sync::Notify;

use super::{
    Origin, Parts,
    ended_access::EndedAccess,
    limits::{LimitedAnswer, admit_all},
    place::Knows,
};
use crate::{
    copies::Copies,
    domain::{
        account::{checked_password, named_email},
        secret::sha256,
    },
    passwords::Passwords,
    store::{Happened, MailKind, Purpose, Store},
};

/// Sets passwords anew.
pub struct PasswordReset {
    store: Store,
    passwords: Passwords,
    limiter: Limiter,
    copies: Copies,
    mail_waits: Arc<Notify>,
}

/// What a reset is made with.
pub struct ResetLetter {
    /// The token of the letter.
    pub token: SecretString,
    /// The password that the account gets.
    pub new_password: SecretString,
}

/// What a reset leads to.
pub struct ResetAccount {
    /// What it has ended.
    pub ended: EndedAccess,
    /// The secret of the device, which the account knows from now on.
    pub device: String,
}

impl PasswordReset {
    /// Of these parts.
    pub fn of(parts: &Parts) -> Self {
        Self {
            store: parts.store.clone(),
            passwords: parts.passwords.clone(),
            limiter: parts.limiter.clone(),
            copies: parts.copies.clone(),
            mail_waits: Arc::clone(&parts.mail_waits),
        }
    }

    /// The same answer and the same work whether there is such an account or not: that is looked at
    /// when the mail is sent.
    pub async fn request(
        &self,
        origin: &Origin,
        email: &str,
    ) -> Result<LimitedAnswer<()>, Problem> {
        let email = named_email(email)?;
        let place = origin.place(&email, Knows::default(), Timestamp::default());
        // No lock is looked at: the way out of one leads through here.
        let verdict = admit_all(&self.limiter, &origin.reset_limits(&place)).await?;
        let mut change = self.store.change().await?;
        change
            .send_mail(MailKind::PasswordReset, &email, None, "")
            .await?;
        change.commit().await?;
        self.mail_waits.notify_one();
        Ok(LimitedAnswer::new(&verdict, ()))
    }

    /// One Argon2id, whether the token is good or not.
    pub async fn reset(
        &self,
        origin: &Origin,
        given: ResetLetter,
    ) -> Result<LimitedAnswer<ResetAccount>, Problem> {
        let verdict = admit_all(&self.limiter, &origin.address_limits()).await?;
        let set = self.set_by_mail(origin, given).await;
        let reset = set.map_err(|problem| problem.with_limits(verdict.headers()))?;
        Ok(LimitedAnswer::new(&verdict, reset))
    }

    /// Where the address was not proven before, it is now, and nothing stays of what was there: whoever made
    /// the account did not own the mailbox. Else the second factor stays.
    async fn set_by_mail(
        &self,
        origin: &Origin,
        given: ResetLetter,
    ) -> Result<ResetAccount, Problem> {
        let chosen = given.new_password;
        checked_password("new_password", chosen.expose_secret())?;
        let sha256 = sha256(given.token.expose_secret().as_bytes());
        let token = self
            .store
            .mail_token(Purpose::PasswordReset, &sha256)
            .await?;
        // Who has a link waits apart from strangers.
        let line = origin.line(token.is_some());
        let hash = self
            .passwords
            .hash_chosen("new_password", chosen, Vec::new(), line)
            .await?;
        let token = token.ok_or_else(link_is_over)?;
        let user_id = token.subject_id;
        let telling = self.copies.telling();
        let mut change = self.store.change().await?;
        let held = change.hold_account(user_id).await?;
        let taken = change
            .take_mail_token(Purpose::PasswordReset, &sha256)
            .await?;
        let (Some(held), Some(_)) = (held, taken) else {
            telling.nothing();
            return Err(link_is_over());
        };
        if !change.verify_email(user_id, &token.email).await? {
            telling.nothing();
            return Err(link_is_over());
        }
        let is_first_proof = !held.user.email_verified;
        // A thief may have asked for another address.
        change.set_pending_email(user_id, None).await?;
        change.drop_email_undo(user_id).await?;
        let ended = match is_first_proof {
            true => change.take_over(user_id, Some(&hash)).await?,
            false => change.close_doors(user_id, Some(&hash)).await?,
        };
        let device = change
            .know(user_id, origin.device.as_deref(), false)
            .await?;
        change
            .send_mail(MailKind::PasswordChanged, &token.email, None, "")
            .await?;
        let who = origin.who(None);
        change.record(&who, Happened::to(user_id, EventBody::PasswordReset));
        if is_first_proof {
            change.touch_copies(user_id).await?;
            change.record(&who, Happened::to(user_id, EventBody::EmailVerified));
        }
        change.commit().await?;
        self.mail_waits.notify_one();
        let heard = telling.tell_all(user_id).await;
        Ok(ResetAccount {
            ended: EndedAccess { ids: ended, heard },
            device,
        })
    }
}

/// What a link was for is not there any more.
pub fn link_is_over() -> Problem {
    Problem::new(
        Code::InvalidCredentials,
        "The link was used before, is too old, or what it was for has changed. Ask for a new one.",
    )
}
