//! gRPC: translation only. Each method says who may call it.

mod accounts;
mod sign_in;

use std::sync::Arc;

use redis_contracts::Timestamp;
use rpc::auth::{self as api, auth_service_server::AuthService};
use service_kit::{
    Code, Problem,
    config::Registration,
    identity::{Claims, bearer},
    sqlite::Sqlite,
};
use tonic::{Request, Response, Status, metadata::MetadataMap};

use crate::{
    domain::account::ADMIN,
    passwords::Passwords,
    sessions::Sessions,
    store::{SessionRow, Store},
    tokens::Tokens,
};

/// The service.
pub struct Accounts {
    /// Accounts and sessions.
    pub store: Store,
    /// Hashes.
    pub passwords: Passwords,
    /// Access tokens.
    pub tokens: Arc<Tokens>,
    /// Hot copies.
    pub sessions: Sessions,
    /// The database, for its state.
    pub sqlite: Sqlite,
    /// Who may make an account.
    pub registration: Registration,
}

impl Accounts {
    /// The claims of the caller's token, or 401.
    fn claims(&self, metadata: &MetadataMap) -> Result<Arc<Claims>, Problem> {
        self.tokens.verify(bearer(metadata)?)
    }

    /// The caller's live session as SQL has it, or 401.
    async fn live_session(&self, metadata: &MetadataMap) -> Result<SessionRow, Problem> {
        let claims = self.claims(metadata)?;
        let row = self.store.session(claims.sid).await?;
        row.filter(|row| row.is_live() && row.user.id == claims.sub)
            .ok_or_else(ended)
    }

    /// The caller, who has to be an admin by SQL's word, whatever the token says.
    async fn admin(&self, metadata: &MetadataMap) -> Result<SessionRow, Problem> {
        let session = self.live_session(metadata).await?;
        if session.user.roles.iter().any(|role| role == ADMIN) {
            Ok(session)
        } else {
            Err(Problem::new(Code::Forbidden, "Only admins may do this."))
        }
    }
}

fn ended() -> Problem {
    Problem::new(Code::SessionEnded, "The session has ended; sign in again.")
}

/// A session as a message.
fn session(row: SessionRow) -> api::Session {
    let time = |moment: Timestamp| Some(rpc::timestamp(moment));
    api::Session {
        id: row.id.to_string(),
        user: Some(row.user.into()),
        created_at: time(row.created_at),
        expires_at: time(row.expires_at),
        last_seen: time(row.last_seen),
        agent: row.agent,
        address: row.address,
        version: row.version,
    }
}

#[tonic::async_trait]
impl AuthService for Accounts {
    /// Anyone, unless registration is closed; then admins.
    async fn register(
        &self,
        request: Request<api::RegisterRequest>,
    ) -> Result<Response<api::RegisterResponse>, Status> {
        if self.registration == Registration::Closed {
            self.admin(request.metadata()).await.map_err(closed)?;
        }
        let user = self.make_account(request.into_inner()).await?;
        Ok(Response::new(api::RegisterResponse {
            user: Some(user.into()),
        }))
    }

    /// Anyone.
    async fn login(
        &self,
        request: Request<api::LoginRequest>,
    ) -> Result<Response<api::LoginResponse>, Status> {
        Ok(Response::new(self.sign_in(request.into_inner()).await?))
    }

    /// The session's own person. One that has ended is signed out already.
    async fn logout(
        &self,
        request: Request<api::LogoutRequest>,
    ) -> Result<Response<api::LogoutResponse>, Status> {
        let claims = self.claims(request.metadata())?;
        let heard = self.end(claims.sid).await?;
        Ok(Response::new(api::LogoutResponse { heard }))
    }

    /// Anyone signed in.
    async fn get_me(
        &self,
        request: Request<api::GetMeRequest>,
    ) -> Result<Response<api::GetMeResponse>, Status> {
        let row = self.live_session(request.metadata()).await?;
        Ok(Response::new(api::GetMeResponse {
            session: Some(session(row)),
        }))
    }

    /// Anyone signed in.
    async fn check_session(
        &self,
        request: Request<api::CheckSessionRequest>,
    ) -> Result<Response<api::CheckSessionResponse>, Status> {
        let row = self.live_session(request.metadata()).await?;
        self.sessions.restore(&row).await;
        Ok(Response::new(api::CheckSessionResponse {
            session: Some(session(row)),
        }))
    }

    /// Anyone signed in.
    async fn touch_session(
        &self,
        request: Request<api::TouchSessionRequest>,
    ) -> Result<Response<api::TouchSessionResponse>, Status> {
        let row = self.live_session(request.metadata()).await?;
        let row = self.slide(row).await?;
        Ok(Response::new(api::TouchSessionResponse {
            session: Some(session(row)),
        }))
    }

    /// Admins.
    async fn list_users(
        &self,
        request: Request<api::ListUsersRequest>,
    ) -> Result<Response<api::ListUsersResponse>, Status> {
        self.admin(request.metadata()).await?;
        Ok(Response::new(self.list(request.into_inner()).await?))
    }

    /// Admins.
    async fn set_user_roles(
        &self,
        request: Request<api::SetUserRolesRequest>,
    ) -> Result<Response<api::SetUserRolesResponse>, Status> {
        self.admin(request.metadata()).await?;
        let user = self.change_roles(request.into_inner()).await?;
        Ok(Response::new(api::SetUserRolesResponse {
            user: Some(user.into()),
        }))
    }

    /// Anyone.
    async fn get_jwks(
        &self,
        _request: Request<api::GetJwksRequest>,
    ) -> Result<Response<api::GetJwksResponse>, Status> {
        let jwks = self.tokens.jwks().to_owned();
        Ok(Response::new(api::GetJwksResponse { jwks }))
    }

    /// Anyone.
    async fn get_status(
        &self,
        _request: Request<api::GetStatusRequest>,
    ) -> Result<Response<api::GetStatusResponse>, Status> {
        Ok(Response::new(api::GetStatusResponse {
            version: crate::SERVICE.version.to_owned(),
            database_ok: self.sqlite.is_ok(),
        }))
    }
}

fn closed(problem: Problem) -> Problem {
    match problem.code {
        Code::Unavailable | Code::Internal => problem,
        _ => Problem::new(
            Code::Forbidden,
            "Registration is closed; ask an admin for an account.",
        ),
    }
}
