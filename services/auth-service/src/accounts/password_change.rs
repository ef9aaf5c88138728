//! A password is changed by whoever knows it.

use std::sync::Arc;

use redis_contracts::{Timestamp, event::EventBody};
use secrecy::{ExposeSecret, SecretString};
use service_kit::Problem;
use tokio::sync::Notify;

use super::{
    Origin, Parts, attempts::changed_meanwhile, confirmation::Confirmation,
    ended_access::EndedAccess,
};
use crate::{
    copies::Copies,
    domain::{account::checked_password, password_strength::known_words},
    passwords::Passwords,
    store::{Happened, MailKind, Purpose, SessionRow, Store},
};

/// Changes passwords.
pub struct PasswordChange {
    confirmation: Confirmation,
    store: Store,
    passwords: Passwords,
    copies: Copies,
    mail_waits: Arc<Notify>,
}

/// A password, and the one that comes in its place.
pub struct ChosenPassword {
    /// The one the account has.
    pub current: SecretString,
    /// The one it gets.
    pub new: SecretString,
    /// Whether machine tokens stay as they are.
    pub keep_tokens: bool,
}

impl PasswordChange {
    /// Of these parts.
    pub fn of(parts: &Parts) -> Self {
        Self {
            confirmation: Confirmation::of(parts),
            store: parts.store.clone(),
            passwords: parts.passwords.clone(),
            copies: parts.copies.clone(),
            mail_waits: Arc::clone(&parts.mail_waits),
        }
    }

    /// Ends what else opens the account.
    pub async fn change(
        &self,
        session: &SessionRow,
        origin: &Origin,
        chosen: ChosenPassword,
    ) -> Result<EndedAccess, Problem> {
        checked_password("new_password", chosen.new.expose_secret())?;
        let email = &session.user.email;
        let (account, place) = self
            .confirmation
            .confirmed(email, Some(session), origin, chosen.current)
            .await?;
        let words = known_words(&account.user.email, &account.user.handle);
        let line = origin.line(place.is_known);
        let hash = self
            .passwords
            .hash_chosen("new_password", chosen.new, words, line)
            .await?;
        let telling = self.copies.telling();
        let user_id = account.user.id;
        let mut change = self.store.change().await?;
        let held = change.hold_account(user_id).await?;
        if held.is_none_or(|held| held.password_hash != account.password_hash) {
            telling.nothing();
            return Err(changed_meanwhile());
        }
        change.set_password(user_id, &hash).await?;
        let mut ended = change.end_sessions(user_id, Some(session.id)).await?;
        if !chosen.keep_tokens {
            let revoked = change.revoke_machine_tokens(user_id, None).await?;
            ended.extend(revoked.into_iter().map(|(id, _)| id));
        }
        change
            .drop_mail_tokens(Purpose::PasswordReset, user_id)
            .await?;
        change
            .send_mail(MailKind::PasswordChanged, &account.user.email, None, "")
            .await?;
        let who = origin.who(Some(session.id));
        change.record(&who, Happened::to(user_id, EventBody::PasswordChanged));
        change.commit().await?;
        self.mail_waits.notify_one();
        let heard = telling.tell_all(user_id).await;
        // Where there is a code, the password alone does not stand in for it.
        if account.totp_secret.is_none() {
            self.store
                .authenticated(session.id, Timestamp::now())
                .await?;
        }
        Ok(EndedAccess { ids: ended, heard })
    }
}
