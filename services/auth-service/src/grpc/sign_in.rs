//! Signing in and out.

use std::slice;

use redis_contracts::Timestamp;
use rpc::auth as api;
use secrecy::SecretString;
use service_kit::{Code, Problem};
use uuid::Uuid;

use super::{Accounts, ended, session};
use crate::{
    domain::{
        account::{comparable_email, is_password},
        lifetime::{expires_at, is_slide_due},
    },
    store::{NewSession, SessionRow},
};

/// Longest `User-Agent` that is kept, in characters.
const LONGEST_AGENT: usize = 256;
/// Longest address that is kept, in characters.
const LONGEST_ADDRESS: usize = 64;

impl Accounts {
    /// The same answer and the same work for a wrong password and an unknown address.
    pub(super) async fn sign_in(
        &self,
        asked: api::LoginRequest,
    ) -> Result<api::LoginResponse, Problem> {
        let refused = || Problem::new(Code::InvalidCredentials, "Address or password is wrong.");
        // No account has such a password; hashing megabytes would be work for nothing.
        if !is_password(&asked.password) {
            return Err(refused());
        }
        let found = self
            .store
            .user_by_email(&comparable_email(&asked.email))
            .await?;
        let (user, hash) = found.unzip();
        let matches = self
            .passwords
            .verify(SecretString::from(asked.password), hash)
            .await?;
        let user = user.filter(|_| matches).ok_or_else(refused)?;
        let now = Timestamp::now();
        let change = self.sessions.change();
        let row = self
            .store
            .create_session(NewSession {
                user,
                agent: plain(&asked.agent, LONGEST_AGENT),
                address: plain(&asked.address, LONGEST_ADDRESS),
                expires_at: expires_at(self.sessions.settings(), now, now),
            })
            .await?;
        change.tell(slice::from_ref(&row)).await;
        let token = self.tokens.issue(&row)?;
        tracing::info!(user.id = %row.user.id, session.id = %row.id, "signed in");
        Ok(api::LoginResponse {
            access_token: token.text,
            expires_in: u32::try_from(token.expires_in).unwrap_or(u32::MAX),
            session: Some(session(row)),
        })
    }

    /// Ends a session: in SQL, then wherever its copy is; `false` when the cache has not heard yet.
    pub(super) async fn end(&self, id: Uuid) -> Result<bool, Problem> {
        let change = self.sessions.change();
        self.store.end_session(id).await?;
        let Some(row) = self.store.session(id).await? else {
            return Ok(true);
        };
        tracing::info!(user.id = %row.user.id, session.id = %id, "signed out");
        Ok(change.tell(slice::from_ref(&row)).await)
    }

    /// Slides a session when that is due.
    pub(super) async fn slide(&self, row: SessionRow) -> Result<SessionRow, Problem> {
        let now = Timestamp::now();
        if !is_slide_due(row.last_seen, now) {
            return Ok(row);
        }
        let expires_at = expires_at(self.sessions.settings(), row.created_at, now);
        let change = self.sessions.change();
        self.store.slide_session(row.id, now, expires_at).await?;
        let slid = self.store.session(row.id).await?;
        let slid = slid.filter(SessionRow::is_live).ok_or_else(ended)?;
        change.tell(slice::from_ref(&slid)).await;
        Ok(slid)
    }
}

fn plain(text: &str, most: usize) -> String {
    text.chars()
        .filter(|character| !character.is_control())
        .take(most)
        .collect()
}
