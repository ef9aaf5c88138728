//! What was wrong is counted, may lock, and is recorded: in one commit, whether there is an account or not.

use std::sync::Arc;

use rate_limits::Limiter;
use redis_contracts::event::EventBody;
use secrecy::SecretString;
use service_kit::{Code, Problem};
use tokio::sync::Notify;

use super::{Origin, Parts, place::Place};
use crate::{
    passwords::failure_hash,
    store::{Account, FailedSignIn, Happened, MailKind, Store},
};

/// Counts wrong passwords and codes.
pub struct Failures {
    store: Store,
    limiter: Limiter,
    mail_waits: Arc<Notify>,
    /// Keys the hashes of wrong passwords.
    key: [u8; 32],
}

/// A sign-in that failed.
struct Failed<'a> {
    account: Option<&'a Account>,
    /// Whether this one locked.
    locked: bool,
    /// Whether a device that the account does not know gave the right password, and a wrong code.
    knew_password: bool,
}

impl Failures {
    /// Of these parts.
    pub fn of(parts: &Parts) -> Self {
        Self {
            store: parts.store.clone(),
            limiter: parts.limiter.clone(),
            mail_waits: Arc::clone(&parts.mail_waits),
            key: parts.failures_key,
        }
    }

    /// What no account can have as a password, whoever is asked for: it takes nothing from the limits of
    /// the account, so that it keeps nobody out.
    pub async fn no_password(
        &self,
        place: &Place,
        origin: &Origin,
        account: Option<&Account>,
    ) -> Problem {
        let asked = origin.address_limits();
        let verdict = self.limiter.admit(Some(&place.lock), &asked, 1).await;
        if let Some(refusal) = verdict.refusal() {
            return refusal;
        }
        let failed = Failed {
            account,
            locked: false,
            knew_password: false,
        };
        let recorded = self.record(place, origin, failed).await;
        let problem = recorded.err().unwrap_or_else(refused);
        problem.with_limits(verdict.headers())
    }

    /// Counts a wrong password, and records it; answers the refusal.
    pub async fn wrong_password(
        &self,
        place: &Place,
        origin: &Origin,
        account: Option<&Account>,
        given: &SecretString,
    ) -> Problem {
        let failed = Failed {
            account,
            locked: self.count(place, given).await,
            knew_password: false,
        };
        let recorded = self.record(place, origin, failed).await;
        recorded.err().unwrap_or_else(refused)
    }

    /// As [`Self::wrong_password`], of a wrong code that came with the right password.
    pub async fn wrong_code(
        &self,
        place: &Place,
        origin: &Origin,
        account: &Account,
        code: &SecretString,
    ) -> Problem {
        let failed = Failed {
            account: Some(account),
            locked: self.count(place, code).await,
            knew_password: place.is_suspect(),
        };
        let recorded = self.record(place, origin, failed).await;
        recorded.err().unwrap_or_else(refused)
    }

    /// Whether this one locked.
    async fn count(&self, place: &Place, given: &SecretString) -> bool {
        let hash = failure_hash(&self.key, &place.lock.account, given);
        self.limiter.record_failure(&place.lock, &hash).await
    }

    async fn record(
        &self,
        place: &Place,
        origin: &Origin,
        failed: Failed<'_>,
    ) -> Result<(), Problem> {
        let who = origin.who(None);
        let user_id = failed.account.map(|account| account.user.id);
        let mut change = self.store.change().await?;
        let counted = FailedSignIn {
            account: place.lock.account.as_bytes(),
            network: &origin.network(),
            user_id,
        };
        change.count_failure(&counted, &who).await?;
        if failed.locked {
            let locked = Happened {
                body: EventBody::AccountLocked,
                user_id,
                detail: None,
            };
            change.record(&who, locked);
        }
        if let Some(account) = failed.account.filter(|_| failed.knew_password)
            && change.note_password_known(account.user.id).await?
        {
            let failed = Happened::to(account.user.id, EventBody::SecondStepFailed);
            change.record(&who, failed);
            let letter = MailKind::PasswordKnown;
            change
                .send_mail(letter, &account.user.email, None, "")
                .await?;
            self.mail_waits.notify_one();
        }
        change.commit().await
    }
}

/// The same words for whatever was wrong.
pub fn refused() -> Problem {
    Problem::new(
        Code::InvalidCredentials,
        "Address, password or code is wrong.",
    )
}
