//! What is tried at an account: let in, then held against its password.

use rate_limits::{Asked, Limiter, Verdict, policy::AUTH_UNKNOWN};
use secrecy::{ExposeSecret, SecretString};
use service_kit::{Code, Problem};

use super::{
    Origin, Parts,
    failures::{Failures, refused},
    place::{Place, UNKNOWN},
};
use crate::{
    domain::account::is_password,
    passwords::{Line, Passwords},
    store::{Account, Store},
};

/// Lets in what is tried at accounts, and checks their passwords.
pub struct Attempts {
    store: Store,
    passwords: Passwords,
    limiter: Limiter,
    failures: Failures,
}

/// What was let in.
pub struct Admitted {
    /// How the limits stand.
    pub verdict: Verdict,
    /// What is given back once it has succeeded.
    pub lent: Vec<Asked>,
}

impl Admitted {
    /// What is lent, as it is kept until the second step; [`Place::stored_as`] reads it.
    pub fn as_stored(&self, origin: &Origin) -> String {
        match self.lent.as_slice() {
            [] => String::new(),
            [_] => UNKNOWN.to_owned(),
            _ => origin.network(),
        }
    }
}

impl Attempts {
    /// Of these parts.
    pub fn of(parts: &Parts) -> Self {
        Self {
            store: parts.store.clone(),
            passwords: parts.passwords.clone(),
            limiter: parts.limiter.clone(),
            failures: Failures::of(parts),
        }
    }

    /// Refuses when a lock stands or a limit is used up: a lock first. Once strangers have used up what
    /// unknown devices may do, each network has a permit of its own.
    pub async fn admit(&self, origin: &Origin, place: &Place) -> Result<Admitted, Problem> {
        let lock = Some(&place.lock);
        let verdict = self
            .limiter
            .admit(lock, &origin.sign_in_limits(place), 1)
            .await;
        let Some(refusal) = verdict.refusal() else {
            let lent = place.unknown_limit().into_iter().collect();
            return Ok(Admitted { verdict, lent });
        };
        if !verdict.refuses_only(AUTH_UNKNOWN) {
            return Err(refusal);
        }
        let lent = place.spare_limits(&origin.network());
        let mut spare = origin.account_limits(place);
        spare.extend(lent.clone());
        let verdict = self.limiter.admit(lock, &spare, 1).await;
        match verdict.is_admitted() {
            true => Ok(Admitted { verdict, lent }),
            false => Err(refusal),
        }
    }

    /// The account, when this is its password: one Argon2id, whether there is an account or not.
    pub async fn verified(
        &self,
        account: Option<Account>,
        place: &Place,
        origin: &Origin,
        password: SecretString,
    ) -> Result<Account, Problem> {
        // No account has such a password; hashing megabytes would be work for nothing.
        if !is_password(password.expose_secret()) {
            return Err(refused());
        }
        let held = account.as_ref().and_then(Account::password);
        let line = origin.line(place.is_known);
        let verified = self
            .passwords
            .verify(password.clone(), held.map(str::to_owned), line);
        let verified = verified.await?;
        let Some(account) = account.as_ref().filter(|_| verified.matches) else {
            let wrong = self
                .failures
                .wrong_password(place, origin, account.as_ref(), &password);
            return Err(wrong.await);
        };
        // Guesses that came at once were all let in; a lock that one of them made holds for the others.
        if let Some(locked) = self
            .limiter
            .admit(Some(&place.lock), &[], 0)
            .await
            .refusal()
        {
            return Err(locked);
        }
        if verified.outdated {
            let line = origin.line(place.is_known);
            return self.rehashed(account, password, line).await;
        }
        Ok(account.clone())
    }

    /// The account with its password hashed anew, by this sign-in or by another that was faster.
    async fn rehashed(
        &self,
        account: &Account,
        password: SecretString,
        line: Line,
    ) -> Result<Account, Problem> {
        let hash = self.passwords.hash(password.clone(), line.clone()).await?;
        let user_id = account.user.id;
        let held = &account.password_hash;
        if self.store.rehash(user_id, held, &hash).await? {
            return Ok(Account {
                password_hash: hash,
                ..account.clone()
            });
        }
        let now = self.store.account(user_id).await?.ok_or_else(refused)?;
        let hash = Some(now.password_hash.clone());
        match self.passwords.verify(password, hash, line).await?.matches {
            true => Ok(now),
            false => Err(changed_meanwhile()),
        }
    }
}

/// The password was right when it was looked at.
pub fn changed_meanwhile() -> Problem {
    Problem::new(
        Code::Unavailable,
        "The password was changed meanwhile; try again.",
    )
}
