//! What is shown beside a letter, and whether it still counts when the account is held.

use secrecy::SecretString;
use service_kit::Problem;
use uuid::Uuid;

use super::{Answered, EmailProof};
use crate::{
    accounts::{
        Origin, attempts::changed_meanwhile, failures::refused, limits::admit_all,
        password_reset::link_is_over,
    },
    store::{Account, Change, SessionRow},
    tokens::session_ended,
};

/// What else there is to show that an account is one's own.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Shown {
    /// This session of it.
    Session(Uuid),
    /// Its password, at this moment.
    Password,
    /// Neither.
    Nothing,
}

impl EmailProof {
    /// What is shown, and the account whose password was right.
    pub(super) async fn shown(
        &self,
        origin: &Origin,
        session: Option<SessionRow>,
        answered: &Answered,
    ) -> Result<(Shown, Option<Account>), Problem> {
        if let Some(session) = session {
            return Ok((Shown::Session(session.id), None));
        }
        let Some(password) = answered.password.clone() else {
            return Ok((Shown::Nothing, None));
        };
        let account = self.store.account(answered.token.subject_id).await?;
        let email = account.ok_or_else(link_is_over)?.user.email;
        let confirmed = self.confirmation.confirmed(&email, None, origin, password);
        let (account, _) = confirmed.await?;
        if account.user.id != answered.token.subject_id {
            return Err(refused());
        }
        Ok((Shown::Password, Some(account)))
    }

    /// The hash of the password that is set with a first proof by who knows no other.
    pub(super) async fn new_hash(
        &self,
        origin: &Origin,
        shown: Shown,
        new_password: Option<SecretString>,
    ) -> Result<Option<String>, Problem> {
        let Some(chosen) = new_password else {
            return Ok(None);
        };
        if shown != Shown::Nothing {
            return Err(Problem::invalid_field(
                "new_password",
                "left out where the account's password or a session of it is shown",
            ));
        }
        admit_all(&self.limiter, &origin.address_limits()).await?;
        let line = origin.line(true);
        let hash = self
            .passwords
            .hash_chosen("new_password", chosen, Vec::new(), line);
        hash.await.map(Some)
    }
}

/// Holds an account; none when it is gone. What was shown still has to count.
pub async fn hold_as_seen(
    change: &mut Change,
    user_id: Uuid,
    shown: Shown,
    seen: Option<&Account>,
) -> Result<Option<Account>, Problem> {
    let Some(held) = change.hold_account(user_id).await? else {
        return Ok(None);
    };
    if let Shown::Session(id) = shown
        && !change.is_open(id).await?
    {
        return Err(session_ended());
    }
    match seen {
        Some(seen) if seen.password_hash != held.password_hash => Err(changed_meanwhile()),
        _ => Ok(Some(held)),
    }
}
