//! New tokens for a refresh token. One look into SQL and one statement, which is also the commit.

use std::time::Duration;

use redis_contracts::{Timestamp, event::EventBody};
use rpc::auth as api;
use service_kit::{Code, Problem};

use super::{Accounts, origin::Origin};
use crate::{
    copies::Copied,
    domain::{
        lifetime::{expires_at, is_slide_due},
        refresh::{Family, Presented, RefreshToken},
        secret::random,
    },
    store::{Happened, SessionRow},
    tokens::session_ended,
};

/// How often a refresh that another one overtook is looked at again.
const ATTEMPTS: usize = 8;

impl Accounts {
    pub(super) async fn refreshed(
        &self,
        origin: Origin,
        asked: api::RefreshRequest,
    ) -> Result<api::SignedIn, Problem> {
        let token = RefreshToken::parse(&asked.refresh_token).ok_or_else(unknown)?;
        for _ in 0..ATTEMPTS {
            let found = self.store.family(&token).await?;
            let (row, family) = found.ok_or_else(unknown)?;
            let now = Timestamp::now();
            if !self.may_go_on(&row, now) {
                return Err(session_ended());
            }
            let (successor, next) = match family.present(&token, random()?, now) {
                Presented::Rotated(successor, next) => (successor, next),
                Presented::Again(successor) if row.is_live() => {
                    return self.signed_in(row, &successor, String::new());
                }
                // Its idle time passed while the answer was on its way.
                Presented::Again(successor) => (successor, family.clone()),
                Presented::TooOften => return Err(too_often()),
                Presented::Stolen => return Err(self.stolen(&row, &origin).await?),
            };
            if let Some(row) = self.move_on(row, &family, &next, &origin, now).await? {
                return self.signed_in(row, &successor, String::new());
            }
        }
        Err(Problem::unavailable(
            "The session (too many refreshes at once)",
        ))
    }

    /// Neither ended nor at its absolute end; its idle time may be over.
    fn may_go_on(&self, row: &SessionRow, now: Timestamp) -> bool {
        let ends = row.created_at.plus_seconds(self.session.absolute_seconds);
        row.ended_at.is_none() && ends > now
    }

    /// Stores the rotation; nothing when another refresh was faster.
    async fn move_on(
        &self,
        held: SessionRow,
        family: &Family,
        next: &Family,
        origin: &Origin,
        now: Timestamp,
    ) -> Result<Option<SessionRow>, Problem> {
        let slides = is_slide_due(held.last_seen, now) || !held.is_live();
        let mut row = held;
        if slides {
            row.version += 1;
            row.last_seen = now;
            row.expires_at = expires_at(self.session, row.created_at, now);
            row.agent.clone_from(&origin.agent);
            row.address = origin.address();
        }
        let telling = self.copies.telling();
        if !self.store.rotate(&row, family, next, slides).await? {
            telling.nothing();
            return Ok(None);
        }
        if slides {
            telling.tell(&[Copied::Session(&row)]).await;
        } else {
            telling.nothing();
        }
        Ok(Some(row))
    }

    /// Ends the session of a token that was used before; answers the refusal.
    async fn stolen(&self, row: &SessionRow, origin: &Origin) -> Result<Problem, Problem> {
        let telling = self.copies.telling();
        let mut change = self.store.change().await?;
        change.hold_account(row.user.id).await?;
        if change.end_session(row.user.id, row.id).await? {
            let reused = Happened::to(row.user.id, EventBody::TokenReused);
            change.record(&origin.who(Some(row.id)), reused);
        }
        change.commit().await?;
        tracing::warn!(user.id = %row.user.id, session.id = %row.id, "a refresh token was used again; its session has ended");
        if let Some(ended) = self.store.session(row.id).await? {
            telling.tell(&[Copied::Session(&ended)]).await;
        }
        Ok(Problem::new(
            Code::TokenReused,
            "This refresh token was used before, so it may have been stolen. The session has ended; sign in again.",
        ))
    }
}

fn unknown() -> Problem {
    Problem::new(
        Code::Unauthenticated,
        "The refresh token is not valid; sign in again.",
    )
}

fn too_often() -> Problem {
    Problem {
        retry_after: Some(Duration::from_secs(10)),
        ..Problem::new(
            Code::RateLimited,
            "This session was refreshed too often; use the access token it has, or try again in 10 seconds.",
        )
    }
}
