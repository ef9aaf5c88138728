//! The second step: a code.

use secrecy::{ExposeSecret, SecretString};
use service_kit::Problem;

use super::{SignIn, begin::PassedStep, begin_anew, place_of};
use crate::{
    accounts::{
        Origin,
        limits::{LimitedAnswer, admit_all},
        session_tokens::SessionTokens,
    },
    domain::secret::sha256,
};

/// What the second step is taken with.
pub struct SecondStep {
    /// The secret that the first step was answered with.
    pub challenge: SecretString,
    /// Six digits, or a recovery code.
    pub code: SecretString,
}

impl SignIn {
    /// The session, for a code of the second factor.
    pub async fn complete(
        &self,
        origin: &Origin,
        given: SecondStep,
    ) -> Result<LimitedAnswer<SessionTokens>, Problem> {
        let challenge = sha256(given.challenge.expose_secret().as_bytes());
        let account = match self.store.challenged(&challenge).await? {
            Some(user_id) => self.store.account(user_id).await?,
            None => None,
        };
        let Some(account) = account else {
            // Nobody can guess a challenge; trying is limited all the same.
            admit_all(&self.limiter, &origin.address_limits()).await?;
            return Err(begin_anew());
        };
        let email = &account.user.email;
        let found = self
            .store
            .sign_in_account(email, &origin.device_sha256())
            .await?;
        let place = place_of(origin, email, found.as_ref());
        let limits = origin.code_limits(&place);
        let verdict = self.limiter.admit(Some(&place.lock), &limits, 1).await;
        if let Some(refusal) = verdict.refusal() {
            return Err(refusal);
        }
        let told = |problem: Problem| problem.with_limits(verdict.headers());
        let Some(lent) = self.store.try_challenge(&challenge).await? else {
            return Err(told(begin_anew()));
        };
        let code = given.code;
        let Some(proof) = self.codes.proof(&account, code.expose_secret())? else {
            let wrong = self.failures.wrong_code(&place, origin, &account, &code);
            return Err(told(wrong.await));
        };
        let passed = PassedStep {
            challenge,
            proof,
            code,
        };
        let signed_in = self.begin_session(&account, &place, origin, Some(passed));
        let signed_in = signed_in.await.map_err(told)?;
        // Both steps did what they were let in for.
        let mut lent = place.stored_as(&lent);
        lent.extend(place.code_limit());
        self.limiter.give_back(&lent).await;
        Ok(LimitedAnswer::new(&verdict, signed_in))
    }
}
