//! Who calls: a person with a session, or a machine with a token of theirs. SQL has the word,
//! whatever the token says.

use std::sync::Arc;

use redis_contracts::{Timestamp, keys::Scope, resource::User};
use service_kit::{Code, Problem};
use uuid::Uuid;

use super::Parts;
use crate::{
    copies::Copied,
    domain::{account::ADMIN, machine_token, secret::sha256},
    store::{MachineRow, SessionRow, Store},
    tokens::{Tokens, session_ended},
};

/// For so long after giving their password a person may change what guards the account.
const RECENT_MS: i64 = 300_000;

/// A live caller.
pub enum Caller {
    /// A person.
    Person(SessionRow),
    /// A machine.
    Machine(MachineRow),
}

impl Caller {
    /// Whose call it is.
    pub const fn user(&self) -> &User {
        match self {
            Self::Person(row) => &row.user,
            Self::Machine(row) => &row.user,
        }
    }

    /// What has a hot copy.
    pub const fn copied(&self) -> Copied<'_> {
        match self {
            Self::Person(row) => Copied::Session(row),
            Self::Machine(row) => Copied::Machine(row),
        }
    }

    fn require(&self, scope: Scope) -> Result<(), Problem> {
        match self {
            Self::Machine(row) if !row.scopes.contains(&scope) => Err(forbidden(format!(
                "This takes a machine token with the scope {}.",
                scope.name()
            ))),
            Self::Person(_) | Self::Machine(_) => Ok(()),
        }
    }
}

/// Finds callers by the tokens they show.
pub struct Callers {
    store: Store,
    tokens: Arc<Tokens>,
}

impl Callers {
    /// Of these parts.
    pub fn of(parts: &Parts) -> Self {
        Self {
            store: parts.store.clone(),
            tokens: Arc::clone(&parts.tokens),
        }
    }

    /// The caller, or 401.
    pub async fn live(&self, token: &str) -> Result<Caller, Problem> {
        if token.starts_with(machine_token::PREFIX) {
            return self.live_machine(token).await.map(Caller::Machine);
        }
        self.session_of(token).await.map(Caller::Person)
    }

    /// The person whose session an access token names, which may have expired.
    pub async fn live_though_expired(&self, token: &str) -> Result<Caller, Problem> {
        let claims = self.tokens.verify_expired(token)?;
        let session = self.live_session(claims.sid, claims.sub).await;
        session.map(Caller::Person)
    }

    /// Another access token for a live session, where the one shown has expired; else an empty text.
    pub fn token_to_go_on(&self, token: &str, caller: &Caller) -> Result<String, Problem> {
        match caller {
            Caller::Person(row) if self.tokens.verify(token).is_err() => {
                Ok(self.tokens.issue(row)?.text)
            }
            Caller::Person(_) | Caller::Machine(_) => Ok(String::new()),
        }
    }

    /// A caller who may do what takes this scope.
    pub async fn with_scope(&self, token: &str, scope: Scope) -> Result<Caller, Problem> {
        let caller = self.live(token).await?;
        caller.require(scope)?;
        Ok(caller)
    }

    /// A person, and no machine.
    pub async fn person(&self, token: &str) -> Result<SessionRow, Problem> {
        self.session_of(token_of_person(token)?).await
    }

    /// A person who gave their password within five minutes.
    pub async fn recent(&self, token: &str) -> Result<SessionRow, Problem> {
        let session = self.person(token).await?;
        let age_ms = Timestamp::now().unix_ms() - session.authenticated_at.unix_ms();
        if age_ms < RECENT_MS {
            return Ok(session);
        }
        Err(Problem::new(
            Code::ReauthenticationRequired,
            "Confirm your password (POST /api/auth/reauthenticate), then try again within five minutes.",
        ))
    }

    /// An admin; a machine token needs the scope admin beside this one.
    pub async fn admin(&self, token: &str, scope: Scope) -> Result<Caller, Problem> {
        let caller = self.with_scope(token, scope).await?;
        if !caller.user().roles.iter().any(|role| role == ADMIN) {
            return Err(forbidden("Only admins may do this."));
        }
        caller.require(Scope::Admin)?;
        Ok(caller)
    }

    /// An admin who gave their password within five minutes; no machine token.
    pub async fn admin_in_person(&self, token: &str) -> Result<SessionRow, Problem> {
        token_of_person(token)?;
        self.admin(token, Scope::Write).await?;
        self.recent(token).await
    }

    async fn session_of(&self, token: &str) -> Result<SessionRow, Problem> {
        let claims = self.tokens.verify(token)?;
        self.live_session(claims.sid, claims.sub).await
    }

    async fn live_session(&self, id: Uuid, user_id: Uuid) -> Result<SessionRow, Problem> {
        let row = self.store.session(id).await?;
        row.filter(|row| row.is_live() && row.user.id == user_id)
            .ok_or_else(session_ended)
    }

    async fn live_machine(&self, text: &str) -> Result<MachineRow, Problem> {
        let refused = || {
            Problem::new(
                Code::Unauthenticated,
                "The machine token is not valid: it was revoked, has expired, or was never made.",
            )
        };
        let id = machine_token::id_of(text).ok_or_else(refused)?;
        let row = self.store.machine_token(id).await?;
        // SHA-256 of 256 random bits: how long the comparison takes tells nothing.
        row.filter(|row| row.is_live() && row.sha256 == sha256(text.as_bytes()))
            .ok_or_else(refused)
    }
}

/// A token, unless it is a machine's.
pub fn token_of_person(token: &str) -> Result<&str, Problem> {
    if token.starts_with(machine_token::PREFIX) {
        return Err(forbidden(
            "This takes a person who is signed in, not a machine token.",
        ));
    }
    Ok(token)
}

/// The caller may not do this.
pub fn forbidden(detail: impl Into<String>) -> Problem {
    Problem::new(Code::Forbidden, detail)
}
