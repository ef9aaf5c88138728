//! Signing in: the password, and the second step where there is one.
//!
//! Known and unknown addresses are answered the same after the same work: one look into SQL, one
//! round trip for lock and limits, one Argon2id, and for what is wrong one commit.

mod begin;
mod second_step;

use std::sync::Arc;

use rate_limits::Limiter;
use redis_contracts::Timestamp;
use secrecy::{ExposeSecret, SecretString};
use service_kit::{Code, Problem, config};

pub use self::second_step::SecondStep;
use super::{
    Origin, Parts,
    attempts::{Admitted, Attempts},
    codes::Codes,
    failures::Failures,
    limits::LimitedAnswer,
    place::{Knows, Place},
    session_tokens::SessionTokens,
};
use crate::{
    copies::Copies,
    domain::{
        account::{is_password, looked_up_email},
        secret::{new_secret, sha256},
    },
    store::{Account, SignInAccount, Store},
    tokens::Tokens,
};

/// Seconds in which the second step has to be taken.
const CHALLENGE_S: u32 = 300;

/// Begins sessions.
pub struct SignIn {
    store: Store,
    attempts: Attempts,
    failures: Failures,
    codes: Codes,
    limiter: Limiter,
    copies: Copies,
    tokens: Arc<Tokens>,
    session: config::Session,
}

/// What somebody signs in with.
pub struct Credentials {
    /// The address, as it was typed.
    pub email: String,
    /// The password.
    pub password: SecretString,
}

/// What the right password leads to.
pub enum Outcome {
    /// To a session.
    SignedIn(Box<SessionTokens>),
    /// To the second step.
    SecondFactor(Challenge),
}

/// What the second step is taken with.
pub struct Challenge {
    /// A secret, good for one second step.
    pub secret: String,
    /// Seconds until it expires.
    pub expires_in_s: u32,
}

impl SignIn {
    /// Of these parts.
    pub fn of(parts: &Parts) -> Self {
        Self {
            store: parts.store.clone(),
            attempts: Attempts::of(parts),
            failures: Failures::of(parts),
            codes: Codes::of(parts),
            limiter: parts.limiter.clone(),
            copies: parts.copies.clone(),
            tokens: Arc::clone(&parts.tokens),
            session: parts.session,
        }
    }

    /// The first step: the password.
    pub async fn sign_in(
        &self,
        origin: &Origin,
        given: Credentials,
    ) -> Result<LimitedAnswer<Outcome>, Problem> {
        let Credentials { email, password } = given;
        let email = looked_up_email(&email).unwrap_or_default();
        let found = self
            .store
            .sign_in_account(&email, &origin.device_sha256())
            .await?;
        let place = place_of(origin, &email, found.as_ref());
        let account = found.map(|found| found.account);
        if !is_password(password.expose_secret()) {
            let account = account.as_ref();
            return Err(self.failures.no_password(&place, origin, account).await);
        }
        let admitted = self.attempts.admit(origin, &place).await?;
        let verdict = &admitted.verdict;
        let outcome = self.first_step(account, &place, origin, password, &admitted);
        let outcome = outcome
            .await
            .map_err(|problem| problem.with_limits(verdict.headers()))?;
        Ok(LimitedAnswer::new(verdict, outcome))
    }

    /// With a second factor, what was lent is given back after the second step.
    async fn first_step(
        &self,
        account: Option<Account>,
        place: &Place,
        origin: &Origin,
        password: SecretString,
        admitted: &Admitted,
    ) -> Result<Outcome, Problem> {
        let verified = self.attempts.verified(account, place, origin, password);
        let account = verified.await?;
        if account.totp_secret.is_some() {
            let lent = admitted.as_stored(origin);
            let challenge = self.ask_second_step(&account, &lent).await?;
            return Ok(Outcome::SecondFactor(challenge));
        }
        let signed_in = self.begin_session(&account, place, origin, None).await?;
        self.limiter.give_back(&admitted.lent).await;
        Ok(Outcome::SignedIn(Box::new(signed_in)))
    }

    async fn ask_second_step(&self, account: &Account, lent: &str) -> Result<Challenge, Problem> {
        let secret = new_secret()?;
        let expires_at = Timestamp::now().plus_seconds(CHALLENGE_S.into());
        self.store
            .challenge(
                account.user.id,
                &sha256(secret.as_bytes()),
                expires_at,
                lent,
            )
            .await?;
        Ok(Challenge {
            secret,
            expires_in_s: CHALLENGE_S,
        })
    }
}

fn place_of(origin: &Origin, email: &str, found: Option<&SignInAccount>) -> Place {
    let knows = found.map_or_else(Knows::default, Knows::of);
    let unlocked_at = found.map_or_else(Timestamp::default, |found| found.account.unlocked_at);
    origin.place(email, knows, unlocked_at)
}

fn begin_anew() -> Problem {
    Problem::new(
        Code::InvalidCredentials,
        "The sign-in has to begin anew: its first step was too long ago, or too many codes were wrong.",
    )
}
