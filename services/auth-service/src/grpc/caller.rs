//! Who calls: a person with a session, or a machine with a token of theirs. SQL has the word,
//! whatever the token says.

use identity::bearer;
use redis_contracts::{Timestamp, keys::Scope, resource::User};
use service_kit::{Code, Problem};
use tonic::{Request, metadata::MetadataMap};

use super::Accounts;
use crate::{
    copies::Copied,
    domain::{account::ADMIN, machine_token, secret::sha256},
    store::{MachineRow, SessionRow},
    tokens::session_ended,
};

/// For so long after giving their password a person may change what guards the account.
const RECENT_MS: i64 = 300_000;

/// A live caller.
pub(super) enum Caller {
    /// A person.
    Person(SessionRow),
    /// A machine.
    Machine(MachineRow),
}

impl Caller {
    /// Whose call it is.
    pub(super) const fn user(&self) -> &User {
        match self {
            Self::Person(row) => &row.user,
            Self::Machine(row) => &row.user,
        }
    }

    /// What has a hot copy.
    pub(super) const fn copied(&self) -> Copied<'_> {
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

impl Accounts {
    /// The caller, or 401.
    pub(super) async fn live_caller(&self, metadata: &MetadataMap) -> Result<Caller, Problem> {
        let token = bearer(metadata)?;
        if token.starts_with(machine_token::PREFIX) {
            return self.live_machine(token).await.map(Caller::Machine);
        }
        self.session_of(metadata).await.map(Caller::Person)
    }

    /// The caller, or 401. A socket outlives the access token it was opened with: when the gateway asks
    /// on its behalf, a token that has expired still names its session, which counts.
    pub(super) async fn socket_caller<T>(&self, request: &Request<T>) -> Result<Caller, Problem> {
        let metadata = request.metadata();
        let token = bearer(metadata)?;
        if token.starts_with(machine_token::PREFIX) || !self.gateway.is_shown(request) {
            return self.live_caller(metadata).await;
        }
        let claims = self.tokens.verify_expired(token)?;
        let session = self.live_session(claims.sid, claims.sub).await;
        session.map(Caller::Person)
    }

    /// For the gateway: another access token for a live session, where the one shown has expired.
    pub(super) fn token_to_go_on(
        &self,
        metadata: &MetadataMap,
        caller: &Caller,
    ) -> Result<String, Problem> {
        match caller {
            Caller::Person(row) if self.tokens.verify(bearer(metadata)?).is_err() => {
                Ok(self.tokens.issue(row)?.text)
            }
            Caller::Person(_) | Caller::Machine(_) => Ok(String::new()),
        }
    }

    /// A caller who may do what takes this scope.
    pub(super) async fn caller(
        &self,
        metadata: &MetadataMap,
        scope: Scope,
    ) -> Result<Caller, Problem> {
        let caller = self.live_caller(metadata).await?;
        caller.require(scope)?;
        Ok(caller)
    }

    /// A person, and no machine.
    pub(super) async fn person(&self, metadata: &MetadataMap) -> Result<SessionRow, Problem> {
        token_of_person(metadata)?;
        self.session_of(metadata).await
    }

    /// A person who gave their password within five minutes.
    pub(super) async fn recent(&self, metadata: &MetadataMap) -> Result<SessionRow, Problem> {
        let session = self.person(metadata).await?;
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
    pub(super) async fn admin(
        &self,
        metadata: &MetadataMap,
        scope: Scope,
    ) -> Result<Caller, Problem> {
        let caller = self.caller(metadata, scope).await?;
        if !caller.user().roles.iter().any(|role| role == ADMIN) {
            return Err(forbidden("Only admins may do this."));
        }
        caller.require(Scope::Admin)?;
        Ok(caller)
    }

    /// An admin who gave their password within five minutes; no machine token.
    pub(super) async fn admin_in_person(
        &self,
        metadata: &MetadataMap,
    ) -> Result<SessionRow, Problem> {
        token_of_person(metadata)?;
        self.admin(metadata, Scope::Write).await?;
        self.recent(metadata).await
    }

    async fn session_of(&self, metadata: &MetadataMap) -> Result<SessionRow, Problem> {
        let claims = self.tokens.verify(bearer(metadata)?)?;
        self.live_session(claims.sid, claims.sub).await
    }

    async fn live_session(
        &self,
        id: uuid::Uuid,
        user_id: uuid::Uuid,
    ) -> Result<SessionRow, Problem> {
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

/// The token of a call, unless it is a machine's.
pub(super) fn token_of_person(metadata: &MetadataMap) -> Result<&str, Problem> {
    let token = bearer(metadata)?;
    if token.starts_with(machine_token::PREFIX) {
        return Err(forbidden(
            "This takes a person who is signed in, not a machine token.",
        ));
    }
    Ok(token)
}

pub(super) fn forbidden(detail: impl Into<String>) -> Problem {
    Problem::new(Code::Forbidden, detail)
}
