//! Sessions: checked, slid, listed and ended.

use std::sync::Arc;

use identity::{is_slide_due, is_use_noted};
use redis_contracts::{
    Timestamp,
    event::{EventBody, Security},
};
use service_kit::{Problem, config};
use uuid::Uuid;

use super::{
    Parts,
    callers::{Caller, token_of_person},
    ended_access::EndedAccess,
};
use crate::{
    copies::{Copied, Copies},
    domain::lifetime::expires_at,
    store::{Happened, MachineRow, SessionRow, Store, Who},
    tokens::{Tokens, session_ended},
};

/// Keeps sessions, and ends them.
pub struct Sessions {
    store: Store,
    copies: Copies,
    tokens: Arc<Tokens>,
    session: config::Session,
}

impl Sessions {
    /// Of these parts.
    pub fn of(parts: &Parts) -> Self {
        Self {
            store: parts.store.clone(),
            copies: parts.copies.clone(),
            tokens: Arc::clone(&parts.tokens),
            session: parts.session,
        }
    }

    /// The live sessions of a person.
    pub async fn list(&self, user_id: Uuid) -> Result<Vec<SessionRow>, Problem> {
        self.store.live_sessions(user_id).await
    }

    /// Restores the hot copy of what a call was made with.
    pub async fn restore_copy(&self, caller: &Caller) {
        self.copies.restore(caller.copied()).await;
    }

    /// Slides what a call was made with, when that is due.
    pub async fn slid(&self, caller: Caller) -> Result<Caller, Problem> {
        match caller {
            Caller::Person(row) => self.slide(row).await.map(Caller::Person),
            Caller::Machine(row) => self.mark_used(row).await.map(Caller::Machine),
        }
    }

    async fn slide(&self, row: SessionRow) -> Result<SessionRow, Problem> {
        let now = Timestamp::now();
        if !is_slide_due(row.last_seen, row.expires_at, now) {
            return Ok(row);
        }
        let ends = expires_at(self.session, row.created_at, now);
        let telling = self.copies.telling();
        self.store.slide_session(&row, now, ends).await?;
        let slid = self.store.session(row.id).await?;
        let slid = slid.filter(SessionRow::is_live).ok_or_else(session_ended)?;
        telling.tell(&[Copied::Session(&slid)]).await;
        Ok(slid)
    }

    async fn mark_used(&self, row: MachineRow) -> Result<MachineRow, Problem> {
        let now = Timestamp::now();
        if row
            .last_used_at
            .is_some_and(|last| !is_use_noted(last, now))
        {
            return Ok(row);
        }
        let telling = self.copies.telling();
        self.store.machine_token_used(row.id, now).await?;
        let used = self.store.machine_token(row.id).await?;
        let used = used.filter(MachineRow::is_live).ok_or_else(session_ended)?;
        telling.tell(&[Copied::Machine(&used)]).await;
        Ok(used)
    }

    /// Ends the session of an access token, which may have expired; answers whether the cache has heard.
    pub async fn sign_out(&self, token: &str) -> Result<bool, Problem> {
        let claims = self.tokens.verify_expired(token_of_person(token)?)?;
        let ended = self
            .end_as(EventBody::SignedOut, claims.sub, claims.sid)
            .await?;
        Ok(ended.unwrap_or(true))
    }

    /// Ends a session of a person; answers whether the cache has heard.
    pub async fn end(&self, user_id: Uuid, id: Uuid) -> Result<bool, Problem> {
        let ended = self.end_as(EventBody::SessionEnded, user_id, id).await?;
        ended.ok_or_else(|| Problem::not_found("session"))
    }

    /// Ends a session of a person: in SQL, then wherever its copy is. `None` when there is no such one;
    /// else whether the cache has heard.
    async fn end_as(
        &self,
        happened: fn(Security) -> EventBody,
        user_id: Uuid,
        id: Uuid,
    ) -> Result<Option<bool>, Problem> {
        let found = self.store.session(id).await?;
        let Some(found) = found.filter(|row| row.user.id == user_id) else {
            return Ok(None);
        };
        let telling = self.copies.telling();
        let mut change = self.store.change().await?;
        change.hold_account(user_id).await?;
        if change.end_session(user_id, id).await? {
            change.record(&place_of(&found), Happened::to(user_id, happened));
        }
        change.commit().await?;
        tracing::info!(user.id = %user_id, session.id = %id, "a session was ended");
        match self.store.session(id).await? {
            Some(row) => Ok(Some(telling.tell(&[Copied::Session(&row)]).await)),
            None => Ok(Some(true)),
        }
    }

    /// Ends all that opens an account but this session.
    pub async fn end_others(&self, session: &SessionRow) -> Result<EndedAccess, Problem> {
        let user_id = session.user.id;
        let telling = self.copies.telling();
        let mut change = self.store.change().await?;
        change.hold_account(user_id).await?;
        let mut ended = change.end_sessions(user_id, Some(session.id)).await?;
        for id in &ended {
            let who = Who {
                session_id: Some(*id),
                ..place_of(session)
            };
            change.record(&who, Happened::to(user_id, EventBody::SessionEnded));
        }
        for (token_id, name) in change.revoke_machine_tokens(user_id, None).await? {
            ended.push(token_id);
            let revoked = Happened::to(user_id, EventBody::MachineTokenRevoked).saying(name);
            change.record(&place_of(session), revoked);
        }
        change.commit().await?;
        let heard = telling.tell_all(user_id).await;
        Ok(EndedAccess { ids: ended, heard })
    }
}

/// Where a session is.
fn place_of(session: &SessionRow) -> Who {
    let known = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
    Who {
        agent: known(&session.agent),
        address: known(&session.address),
        session_id: Some(session.id),
        ..Who::default()
    }
}
