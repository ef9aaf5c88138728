//! Whoever has a session gives the password again, and a code where there is a second factor: what is wrong
//! counts as at sign-in.

use rate_limits::{Asked, Limiter};
use redis_contracts::Timestamp;
use secrecy::{ExposeSecret, SecretString};
use service_kit::Problem;

use super::{
    Origin, Parts,
    attempts::{Admitted, Attempts},
    codes::Codes,
    failures::Failures,
    limits::admit_all,
    place::{Knows, Place},
};
use crate::{
    domain::account::is_password,
    store::{Account, SessionRow, Store},
    tokens::session_ended,
};

/// Checks what is given again.
pub struct Confirmation {
    store: Store,
    attempts: Attempts,
    failures: Failures,
    codes: Codes,
    limiter: Limiter,
}

/// What is given again.
pub struct PasswordAndCode {
    /// The password.
    pub password: SecretString,
    /// The code; empty where there is no second factor.
    pub code: SecretString,
}

impl Confirmation {
    /// Of these parts.
    pub fn of(parts: &Parts) -> Self {
        Self {
            store: parts.store.clone(),
            attempts: Attempts::of(parts),
            failures: Failures::of(parts),
            codes: Codes::of(parts),
            limiter: parts.limiter.clone(),
        }
    }

    /// From now on the session is one whose person gave their password of late.
    pub async fn confirm_again(
        &self,
        session: &SessionRow,
        origin: &Origin,
        given: PasswordAndCode,
    ) -> Result<(), Problem> {
        self.confirmed_twice(session, origin, given).await?;
        self.store.authenticated(session.id, Timestamp::now()).await
    }

    /// The account of an address whose person gives their password, and where a lock may stand: wrong
    /// ones count as at sign-in.
    pub async fn confirmed(
        &self,
        email: &str,
        session: Option<&SessionRow>,
        origin: &Origin,
        password: SecretString,
    ) -> Result<(Account, Place), Problem> {
        let given = self.password_given(email, session, origin, password);
        let (account, place, lent) = given.await?;
        self.limiter.give_back(&lent).await;
        Ok((account, place))
    }

    /// As [`Self::confirmed`], with a code where there is a second factor: it counts as at sign-in, too.
    pub async fn confirmed_twice(
        &self,
        session: &SessionRow,
        origin: &Origin,
        given: PasswordAndCode,
    ) -> Result<Account, Problem> {
        let PasswordAndCode { password, code } = given;
        let email = &session.user.email;
        let given = self.password_given(email, Some(session), origin, password);
        let (account, place, mut lent) = given.await?;
        if account.totp_secret.is_some() {
            if code.expose_secret().is_empty() {
                let expected = "the code of the second factor";
                return Err(Problem::invalid_field("code", expected));
            }
            let limit: Vec<_> = place.code_limit().into_iter().collect();
            admit_all(&self.limiter, &limit).await?;
            self.code_given(&account, &place, origin, &code).await?;
            lent.extend(limit);
        }
        tokio::join!(
            self.limiter.give_back(&lent),
            self.limiter.forget_failures(&place.lock),
        );
        Ok(account)
    }

    /// With what is given back once all that is asked for was given. Who has a session is no stranger, on
    /// whatever device: wrong passwords lock there alone.
    async fn password_given(
        &self,
        email: &str,
        session: Option<&SessionRow>,
        origin: &Origin,
        password: SecretString,
    ) -> Result<(Account, Place, Vec<Asked>), Problem> {
        let found = self
            .store
            .sign_in_account(email, &origin.device_sha256())
            .await?
            .ok_or_else(session_ended)?;
        let unlocked_at = found.account.unlocked_at;
        let knows = Knows {
            session: session.map(|session| session.id),
            ..Knows::of(&found)
        };
        let place = origin.place(email, knows, unlocked_at);
        if !is_password(password.expose_secret()) {
            let account = Some(&found.account);
            return Err(self.failures.no_password(&place, origin, account).await);
        }
        let Admitted { lent, .. } = self.attempts.admit(origin, &place).await?;
        let account = self
            .attempts
            .verified(Some(found.account), &place, origin, password)
            .await?;
        Ok((account, place, lent))
    }

    async fn code_given(
        &self,
        account: &Account,
        place: &Place,
        origin: &Origin,
        code: &SecretString,
    ) -> Result<(), Problem> {
        let mut change = self.store.change().await?;
        let taken = self
            .codes
            .take(&mut change, account, code.expose_secret(), origin);
        if !taken.await? {
            drop(change);
            return Err(self.failures.wrong_code(place, origin, account, code).await);
        }
        change.commit().await
    }
}
