//! Machine tokens are made, listed and revoked.

use std::sync::Arc;

use redis_contracts::{event::EventBody, keys::Scope};
use service_kit::{Code, Problem};
use tokio::sync::Notify;
use uuid::Uuid;

use super::{Origin, Parts, callers::forbidden};
use crate::{
    copies::Copies,
    domain::{
        account::ADMIN,
        machine_token::{Wanted, new_text},
        secret::sha256,
    },
    store::{Happened, MachineRow, MailKind, NewMachineToken, SessionRow, Store},
    tokens::session_ended,
};

/// Machine tokens of a person at most.
const MOST: i64 = 100;

/// Makes and revokes machine tokens.
pub struct MachineTokens {
    store: Store,
    copies: Copies,
    mail_waits: Arc<Notify>,
}

/// A machine token that was made.
pub struct MadeToken {
    /// As it is listed; none where it is gone already.
    pub row: Option<MachineRow>,
    /// Its text, which is shown once.
    pub text: String,
}

impl MachineTokens {
    /// Of these parts.
    pub fn of(parts: &Parts) -> Self {
        Self {
            store: parts.store.clone(),
            copies: parts.copies.clone(),
            mail_waits: Arc::clone(&parts.mail_waits),
        }
    }

    /// Those of a person.
    pub async fn list(&self, user_id: Uuid) -> Result<Vec<MachineRow>, Problem> {
        self.store.machine_tokens(user_id).await
    }

    /// A new one; its person hears of it by mail.
    pub async fn create(
        &self,
        session: &SessionRow,
        origin: &Origin,
        wanted: Wanted,
    ) -> Result<MadeToken, Problem> {
        let Wanted {
            name,
            scopes,
            expires_on,
            expires_at,
        } = wanted;
        let roles = &session.user.roles;
        if scopes.contains(&Scope::Admin) && !roles.iter().any(|role| role == ADMIN) {
            return Err(forbidden(
                "Only admins can make a token with the scope admin.",
            ));
        }
        let id = Uuid::now_v7();
        let text = new_text(id)?;
        let new = NewMachineToken {
            id,
            name,
            scopes,
            sha256: sha256(text.as_bytes()),
            expires_on,
            expires_at,
        };
        let user_id = session.user.id;
        let telling = self.copies.telling();
        let mut change = self.store.change().await?;
        // A session, or a role, that ends meanwhile makes no token that outlives it.
        let held = change.hold_account(user_id).await?;
        let as_it_was = held.is_some_and(|held| held.user.roles == *roles);
        if !as_it_was || !change.is_open(session.id).await? {
            telling.nothing();
            return Err(session_ended());
        }
        if !change.create_machine_token(user_id, &new, MOST).await? {
            telling.nothing();
            return Err(Problem::new(
                Code::Conflict,
                format!("There are {MOST} machine tokens already; revoke one first."),
            ));
        }
        let happened = Happened::to(user_id, EventBody::MachineTokenCreated).saying(new.name);
        change.record(&origin.who(Some(session.id)), happened);
        change
            .send_mail(MailKind::MachineTokenMade, &session.user.email, None, "")
            .await?;
        change.commit().await?;
        self.mail_waits.notify_one();
        telling.tell_all(user_id).await;
        let row = self.store.machine_token(id).await?;
        Ok(MadeToken { row, text })
    }

    /// Revokes one; answers whether the cache has heard.
    pub async fn revoke(
        &self,
        session: &SessionRow,
        origin: &Origin,
        id: Uuid,
    ) -> Result<bool, Problem> {
        let user_id = session.user.id;
        let telling = self.copies.telling();
        let mut change = self.store.change().await?;
        change.hold_account(user_id).await?;
        let revoked = change.revoke_machine_tokens(user_id, Some(id)).await?;
        let Some((_, name)) = revoked.into_iter().next() else {
            telling.nothing();
            return Err(Problem::not_found("machine token"));
        };
        let happened = Happened::to(user_id, EventBody::MachineTokenRevoked).saying(name);
        change.record(&origin.who(Some(session.id)), happened);
        change.commit().await?;
        Ok(telling.tell_all(user_id).await)
    }
}
