//! Who calls, by the token in the metadata.

use identity::bearer;
use redis_contracts::keys::Scope;
use rpc::metadata::AUTHORIZATION;
use service_kit::Problem;
use tonic::{Request, metadata::MetadataMap};

use super::AuthMethods;
use crate::{accounts::Caller, domain::machine_token, store::SessionRow};

impl AuthMethods {
    /// The caller, or 401.
    pub(super) async fn live_caller(&self, metadata: &MetadataMap) -> Result<Caller, Problem> {
        self.accounts.callers.live(bearer(metadata)?).await
    }

    /// The caller, or 401. A socket outlives the access token it was opened with: when the gateway asks
    /// on its behalf, a token that has expired still names its session, which counts.
    pub(super) async fn socket_caller<T>(&self, request: &Request<T>) -> Result<Caller, Problem> {
        let token = bearer(request.metadata())?;
        if token.starts_with(machine_token::PREFIX) || !self.gateway.is_shown(request) {
            return self.accounts.callers.live(token).await;
        }
        self.accounts.callers.live_though_expired(token).await
    }

    /// A caller who may do what takes this scope.
    pub(super) async fn caller(
        &self,
        metadata: &MetadataMap,
        scope: Scope,
    ) -> Result<Caller, Problem> {
        self.accounts
            .callers
            .with_scope(bearer(metadata)?, scope)
            .await
    }

    /// A person, and no machine.
    pub(super) async fn person(&self, metadata: &MetadataMap) -> Result<SessionRow, Problem> {
        self.accounts.callers.person(bearer(metadata)?).await
    }

    /// The session that is shown, where one is. One that has ended is refused, and not passed over: who
    /// believes to be signed in must not lose what they have.
    pub(super) async fn shown_session(
        &self,
        metadata: &MetadataMap,
    ) -> Result<Option<SessionRow>, Problem> {
        match metadata.contains_key(AUTHORIZATION) {
            true => self.person(metadata).await.map(Some),
            false => Ok(None),
        }
    }

    /// A person who gave their password within five minutes.
    pub(super) async fn recent(&self, metadata: &MetadataMap) -> Result<SessionRow, Problem> {
        self.accounts.callers.recent(bearer(metadata)?).await
    }

    /// An admin; a machine token needs the scope admin beside this one.
    pub(super) async fn admin(
        &self,
        metadata: &MetadataMap,
        scope: Scope,
    ) -> Result<Caller, Problem> {
        self.accounts.callers.admin(bearer(metadata)?, scope).await
    }

    /// An admin who gave their password within five minutes; no machine token.
    pub(super) async fn admin_in_person(
        &self,
        metadata: &MetadataMap,
    ) -> Result<SessionRow, Problem> {
        self.accounts
            .callers
            .admin_in_person(bearer(metadata)?)
            .await
    }
}
