//! Sessions: checked, slid, listed and ended.

use identity::{is_slide_due, is_use_noted};
use redis_contracts::{
    Timestamp,
    event::{EventBody, Security},
};
use rpc::auth as api;
use service_kit::Problem;
use uuid::Uuid;

use super::{Accounts, caller::Caller};
use crate::{
    copies::Copied,
    domain::lifetime::expires_at,
    store::{Happened, MachineRow, SessionRow, Who},
    tokens::session_ended,
};

impl Accounts {
    /// Slides what a call was made with, when that is due.
    pub(super) async fn slid(&self, caller: Caller) -> Result<Caller, Problem> {
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

    /// Ends a session of a person: in SQL, then wherever its copy is. `None` when there is no such one;
    /// else whether the cache has heard.
    pub(super) async fn end(
        &self,
        user_id: Uuid,
        id: Uuid,
        happened: fn(Security) -> EventBody,
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

    pub(super) async fn end_others(
        &self,
        session: &SessionRow,
    ) -> Result<api::EndOtherSessionsResponse, Problem> {
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
        Ok(api::EndOtherSessionsResponse {
            session_ids: ended.iter().map(Uuid::to_string).collect(),
            heard: telling.tell_all(user_id).await,
        })
    }

    pub(super) async fn list_live(
        &self,
        user_id: Uuid,
    ) -> Result<api::ListSessionsResponse, Problem> {
        let sessions = self.store.live_sessions(user_id).await?;
        Ok(api::ListSessionsResponse {
            sessions: sessions.into_iter().map(Into::into).collect(),
        })
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
