//! New tokens for a refresh token. One look into SQL and one statement, which is also the commit.

use std::{sync::Arc, time::Duration};

use identity::is_slide_due;
use redis_contracts::{Timestamp, event::EventBody};
use service_kit::{Code, Problem, config};

use super::{Origin, Parts, session_tokens::SessionTokens};
use crate::{
    copies::{Copied, Copies},
    domain::{
        lifetime::expires_at,
        refresh::{Presented, RefreshToken},
        secret::random,
    },
    store::{Happened, Rotation, SessionRow, Store},
    tokens::{Tokens, session_ended},
};

/// How often a refresh that another one overtook is looked at again.
const ATTEMPTS: usize = 8;

/// Repeats of a session's tokens are one event in this time.
const REPEATS_APART_MS: i64 = 3_600_000;

/// Gives new tokens for refresh tokens.
pub struct Refresh {
    store: Store,
    copies: Copies,
    tokens: Arc<Tokens>,
    session: config::Session,
}

impl Refresh {
    /// Of these parts.
    pub fn of(parts: &Parts) -> Self {
        Self {
            store: parts.store.clone(),
            copies: parts.copies.clone(),
            tokens: Arc::clone(&parts.tokens),
            session: parts.session,
        }
    }

    /// The next tokens of the session that a refresh token belongs to.
    pub async fn refresh(&self, origin: &Origin, token: &str) -> Result<SessionTokens, Problem> {
        let token = RefreshToken::parse(token).ok_or_else(unknown)?;
        for _ in 0..ATTEMPTS {
            let found = self.store.family(&token).await?;
            let (row, family, looked_at) = found.ok_or_else(unknown)?;
            let now = Timestamp::now();
            if !self.may_go_on(&row, now) {
                return Err(session_ended());
            }
            let (successor, next, repeats) = match family.present(&token, random()?, looked_at) {
                Presented::Rotated(successor, next) => (successor, next, false),
                Presented::Beside(successor, next) => (successor, next, true),
                Presented::Again(successor) if row.is_live() => {
                    return self.tokens_of(row, successor);
                }
                // Its idle time passed while the answer was on its way.
                Presented::Again(successor) => (successor, family.clone(), false),
                Presented::TooOften => return Err(too_often()),
                Presented::Stolen => return Err(self.stolen(&row, origin).await?),
            };
            let (slides, row) = self.slid_by(row, origin, now);
            let rotation = Rotation {
                row: &row,
                held: &family,
                next: &next,
                slides,
            };
            if self.move_on(&rotation, origin, repeats).await? {
                return self.tokens_of(row, successor);
            }
        }
        Err(Problem::unavailable(
            "The session (too many refreshes at once)",
        ))
    }

    fn tokens_of(
        &self,
        row: SessionRow,
        successor: RefreshToken,
    ) -> Result<SessionTokens, Problem> {
        SessionTokens::issue(&self.tokens, row, successor, String::new())
    }

    /// Neither ended nor at its absolute end; its idle time may be over.
    fn may_go_on(&self, row: &SessionRow, now: Timestamp) -> bool {
        let ends = row.created_at.plus_seconds(self.session.absolute_seconds);
        row.ended_at.is_none() && ends > now
    }

    /// The session as a refresh leaves it, and whether it is slid.
    fn slid_by(&self, mut row: SessionRow, origin: &Origin, now: Timestamp) -> (bool, SessionRow) {
        let slides = is_slide_due(row.last_seen, row.expires_at, now) || !row.is_live();
        if slides {
            row.version += 1;
            row.last_seen = now;
            row.expires_at = expires_at(self.session, row.created_at, now);
            row.agent.clone_from(&origin.agent);
            row.address = origin.address();
        }
        (slides, row)
    }

    /// Stores a rotation; `false` when another refresh was faster.
    async fn move_on(
        &self,
        rotation: &Rotation<'_>,
        origin: &Origin,
        repeats: bool,
    ) -> Result<bool, Problem> {
        let telling = self.copies.telling();
        let stored = match repeats {
            true => self.store_repeat(rotation, origin).await?,
            false => self.store.rotate(rotation).await?,
        };
        if stored && rotation.slides {
            telling.tell(&[Copied::Session(rotation.row)]).await;
        } else {
            telling.nothing();
        }
        Ok(stored)
    }

    /// Mostly an answer was lost; that it may be a thief is for the person to judge.
    async fn store_repeat(
        &self,
        rotation: &Rotation<'_>,
        origin: &Origin,
    ) -> Result<bool, Problem> {
        let row = rotation.row;
        let mut change = self.store.change().await?;
        let stored = change.rotate(rotation).await?;
        if stored && change.note_repeat(row.id, REPEATS_APART_MS).await? {
            let repeated = Happened::to(row.user.id, EventBody::RefreshRepeated);
            change.record(&origin.who(Some(row.id)), repeated);
        }
        change.commit().await?;
        Ok(stored)
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
