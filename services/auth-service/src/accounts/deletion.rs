//! An account is deleted by its person.

use redis_contracts::event::EventBody;
use service_kit::{Code, Problem};

use super::{Origin, Parts, ended_access::EndedAccess};
use crate::{
    copies::Copies,
    store::{Happened, SessionRow, Store},
};

/// What a moment begins with.
const DAY: &str = "2026-01-31";

/// Deletes accounts.
pub struct AccountDeletion {
    store: Store,
    copies: Copies,
}

impl AccountDeletion {
    /// Of these parts.
    pub fn of(parts: &Parts) -> Self {
        Self {
            store: parts.store.clone(),
            copies: parts.copies.clone(),
        }
    }

    /// Takes the account away, and with it all that opens it.
    pub async fn delete(
        &self,
        session: &SessionRow,
        origin: &Origin,
    ) -> Result<EndedAccess, Problem> {
        let telling = self.copies.telling();
        let user_id = session.user.id;
        let mut change = self.store.change().await?;
        // Whoever signs in meanwhile comes before it, or not at all.
        change.hold_account(user_id).await?;
        if let Some(until) = change.email_undo_ends(user_id).await? {
            telling.nothing();
            return Err(Problem::new(
                Code::Conflict,
                format!(
                    "A change of the account's address can be undone until {}; it can be deleted then.",
                    &until.to_string()[..DAY.len()]
                ),
            ));
        }
        change.delete_user(user_id).await?;
        let mut ended = change.end_sessions(user_id, None).await?;
        let revoked = change.revoke_machine_tokens(user_id, None).await?;
        ended.extend(revoked.into_iter().map(|(id, _)| id));
        change.require_admin().await?;
        let happened = Happened::to(user_id, EventBody::AccountDeleted);
        change.record(&origin.who(Some(session.id)), happened);
        change.commit().await?;
        let heard = telling.tell_all(user_id).await;
        tracing::info!(user.id = %user_id, "an account was deleted");
        Ok(EndedAccess { ids: ended, heard })
    }
}
