//! A change of an address is undone, by the letter that went to the old one.

use std::sync::Arc;

use redis_contracts::event::EventBody;
use service_kit::Problem;
use tokio::sync::Notify;

use super::{Origin, Parts, ended_access::EndedAccess, password_reset::link_is_over};
use crate::{
    copies::Copies,
    domain::secret::sha256,
    store::{Happened, MailKind, Purpose, Store},
};

/// Brings old addresses back.
pub struct EmailReturn {
    store: Store,
    copies: Copies,
    mail_waits: Arc<Notify>,
}

impl EmailReturn {
    /// Of these parts.
    pub fn of(parts: &Parts) -> Self {
        Self {
            store: parts.store.clone(),
            copies: parts.copies.clone(),
            mail_waits: Arc::clone(&parts.mail_waits),
        }
    }

    /// An old address comes back. Whoever changed it keeps nothing that opens the account.
    pub async fn bring_back(&self, origin: &Origin, token: &str) -> Result<EndedAccess, Problem> {
        let sha256 = sha256(token.as_bytes());
        let found = self
            .store
            .mail_token(Purpose::UndoEmailChange, &sha256)
            .await?;
        let undo_id = found.ok_or_else(link_is_over)?.subject_id;
        let undo = self.store.email_undo(undo_id).await?;
        let undo = undo.ok_or_else(link_is_over)?;
        let user_id = undo.user_id;
        let telling = self.copies.telling();
        let mut change = self.store.change().await?;
        let brought_back = match change.hold_account(user_id).await? {
            Some(held) => change.bring_email_back(&held, &undo).await?,
            None => None,
        };
        let Some(user) = brought_back else {
            telling.nothing();
            return Err(link_is_over());
        };
        let ended = change.close_doors(user_id, None).await?;
        for purpose in [Purpose::ChangeEmail, Purpose::VerifyEmail] {
            change.drop_mail_tokens(purpose, user_id).await?;
        }
        change
            .send_mail(MailKind::PasswordReset, &user.email, None, "")
            .await?;
        let happened = Happened::to(user_id, EventBody::EmailChangeUndone);
        change.record(&origin.who(None), happened);
        change.commit().await?;
        self.mail_waits.notify_one();
        tracing::info!(user.id = %user_id, "an address was brought back");
        let heard = telling.tell_all(user_id).await;
        Ok(EndedAccess { ids: ended, heard })
    }
}
