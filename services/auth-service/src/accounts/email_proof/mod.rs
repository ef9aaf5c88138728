//! Addresses are proven, by the token of a letter.
//!
//! That somebody reads a mailbox says nothing of who set up the account that uses its address. So the first
//! proof leaves what was there only to who also shows that it is theirs: by the account's password, or by
//! a session of it. And a changed address counts for nobody else: the letter may have gone to a stranger.

mod change;
mod first;
mod registration;
mod shown;

use std::sync::Arc;

use rate_limits::Limiter;
use redis_contracts::resource::User;
use secrecy::{ExposeSecret, SecretString};
use service_kit::{Code, Problem};
use tokio::sync::Notify;

use super::{
    Origin, Parts, attempts::Attempts, confirmation::Confirmation, ended_access::EndedAccess,
    failures::Failures, limits::admit_all, password_reset::link_is_over,
};
use crate::{
    copies::Copies,
    domain::{account::checked_password, secret::sha256},
    passwords::Passwords,
    store::{MailKind, MailToken, Purpose, SessionRow, Store},
};

/// Takes proofs of addresses.
pub struct EmailProof {
    store: Store,
    attempts: Attempts,
    failures: Failures,
    confirmation: Confirmation,
    passwords: Passwords,
    limiter: Limiter,
    copies: Copies,
    mail_waits: Arc<Notify>,
}

/// What a letter is answered with.
pub struct LetterAnswer {
    /// The token of the letter.
    pub token: SecretString,
    /// The account's password; none where a session of it is shown, or neither is had.
    pub password: Option<SecretString>,
    /// Where neither is had: the account's password from now on; none: it has none until a reset.
    pub new_password: Option<SecretString>,
}

/// What a proof leads to.
#[derive(Default)]
pub struct ProvenEmail {
    /// The secret of the device, which the account knows from now on; empty unless the password was given.
    pub device: String,
    /// What it has ended.
    pub ended: Option<EndedAccess>,
}

/// An answer whose letter was found.
struct Answered {
    sha256: [u8; 32],
    token: MailToken,
    password: Option<SecretString>,
    new_password: Option<SecretString>,
}

impl EmailProof {
    /// Of these parts.
    pub fn of(parts: &Parts) -> Self {
        Self {
            store: parts.store.clone(),
            attempts: Attempts::of(parts),
            failures: Failures::of(parts),
            confirmation: Confirmation::of(parts),
            passwords: parts.passwords.clone(),
            limiter: parts.limiter.clone(),
            copies: parts.copies.clone(),
            mail_waits: Arc::clone(&parts.mail_waits),
        }
    }

    /// What is no token is only looked up: `session`, the one that is shown, is looked for after that.
    pub async fn prove(
        &self,
        origin: &Origin,
        session: impl Future<Output = Result<Option<SessionRow>, Problem>> + Send,
        answer: LetterAnswer,
    ) -> Result<ProvenEmail, Problem> {
        let sha256 = sha256(answer.token.expose_secret().as_bytes());
        let (purpose, token) = self.proof_of(&sha256).await?;
        if let Some(chosen) = &answer.new_password {
            checked_password("new_password", chosen.expose_secret())?;
        }
        let session = session.await?;
        let is_own = |session: &SessionRow| session.user.id == token.subject_id;
        if session.as_ref().is_some_and(|session| !is_own(session))
            && answer.password.is_none()
            && answer.new_password.is_none()
        {
            return Err(another_account());
        }
        let session = session.filter(is_own);
        let answered = Answered {
            sha256,
            token,
            password: answer.password,
            new_password: answer.new_password,
        };
        match purpose {
            Purpose::ConfirmAccount => self.finish_registration(origin, answered).await,
            Purpose::ChangeEmail => self.change_address(origin, session, answered).await,
            _ => self.prove_first(origin, session, answered).await,
        }
    }

    async fn proof_of(&self, sha256: &[u8; 32]) -> Result<(Purpose, MailToken), Problem> {
        for purpose in [
            Purpose::VerifyEmail,
            Purpose::ConfirmAccount,
            Purpose::ChangeEmail,
        ] {
            if let Some(token) = self.store.mail_token(purpose, sha256).await? {
                return Ok((purpose, token));
            }
        }
        Err(link_is_over())
    }

    /// Sends the letter that proves an address again: the new one where one waits.
    pub async fn send_again(&self, session: &SessionRow, origin: &Origin) -> Result<(), Problem> {
        let User {
            id,
            email,
            pending_email,
            email_verified,
            ..
        } = &session.user;
        if *email_verified && pending_email.is_none() {
            return Ok(());
        }
        admit_all(&self.limiter, &origin.mail_limits()).await?;
        let mut change = self.store.change().await?;
        match pending_email {
            Some(pending) => {
                let letter = MailKind::ConfirmAddress;
                change.send_mail(letter, pending, Some(*id), "").await?;
            }
            None => {
                let letter = MailKind::VerifyEmail;
                change.send_mail(letter, email, None, "").await?;
            }
        }
        change.commit().await?;
        self.mail_waits.notify_one();
        Ok(())
    }
}

/// Who is signed in believes to lose nothing: that the letter is about another account of theirs, whose
/// password would go, has to be said first.
fn another_account() -> Problem {
    Problem::new(
        Code::ReauthenticationRequired,
        "The link is about another account than the one you are signed in to; send that account's password with it.",
    )
}
