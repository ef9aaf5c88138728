//! Asking auth-service about a session that the cache does not hold.

use std::{sync::Arc, time::Duration};

use redis_contracts::keys::{MachineAccess, Scope, SessionRecord};
use rpc::auth::{
    CheckSessionRequest, CheckSessionResponse, Session, TouchSessionRequest,
    auth_service_client::AuthServiceClient,
};
use service_kit::{Problem, RequestContext};
use tokio::{sync::Semaphore, time::timeout};
use tonic::transport::Channel;
use uuid::Uuid;

use super::{
    GatewayCredential,
    answers::{ANSWER_GOOD_FOR, AnswerCache, SessionAnswer},
    caller::{Holder, ended},
    machine::MachineToken,
    token::{Fingerprint, TokenVerifier},
};

/// A machine token that was refused stays refused: what is no token now will not be one later. So a
/// stranger's costs auth-service one question in this time.
const REFUSAL_GOOD_FOR: Duration = Duration::from_secs(60);

/// Machine tokens that are asked about at once: anybody can write one that nobody has asked about before.
const STRANGERS_AT_ONCE: usize = 8;

/// How long a machine token waits to be asked about.
const STRANGER_WAITS: Duration = Duration::from_secs(1);

/// Asks, and remembers for a moment what was said.
pub(super) struct Asking {
    auth: AuthServiceClient<Channel>,
    credential: Option<GatewayCredential>,
    sessions: AnswerCache<Uuid>,
    machines: AnswerCache<Fingerprint>,
    strangers: Semaphore,
}

impl Asking {
    /// Asks over this channel; the gateway shows its credential.
    pub(super) fn new(channel: Channel, credential: Option<GatewayCredential>) -> Self {
        Self {
            auth: AuthServiceClient::new(channel),
            credential,
            sessions: AnswerCache::new(ANSWER_GOOD_FOR),
            machines: AnswerCache::new(REFUSAL_GOOD_FOR),
            strangers: Semaphore::new(STRANGERS_AT_ONCE),
        }
    }

    /// What auth-service says, which restores what is live to the cache. A word about a machine token
    /// is remembered by its whole text: a wrong secret says nothing about the right one.
    pub(super) async fn ask(
        &self,
        holder: &Holder,
        token: &str,
        context: &RequestContext,
        cache_away: bool,
    ) -> SessionAnswer {
        match holder {
            Holder::Person { session_id, .. } => {
                let ask = self.check_session(token, context);
                self.sessions.answer_or(*session_id, cache_away, ask).await
            }
            Holder::Machine(machine) if self.sessions.refuses(&machine.id()) => {
                Err(MachineToken::refused())
            }
            Holder::Machine(machine) => {
                let ask = self.check_stranger(token, context);
                self.machines
                    .answer_or(*machine.sha256(), cache_away, ask)
                    .await
            }
        }
    }

    /// A session or a machine token was ended.
    pub(super) fn end(&self, id: Uuid) {
        self.sessions.refuse(id, ended());
    }

    /// What was said of a session says nothing any more.
    pub(super) fn forget(&self, id: &Uuid) {
        self.sessions.forget(id);
    }

    /// Slides a session.
    pub(super) async fn touch(&self, token: &str, context: &RequestContext) {
        let request = context.call(Some(token), TouchSessionRequest {});
        if let Err(status) = self.auth.clone().touch_session(request).await {
            tracing::debug!(error = %status, "a session was not slid; a later request does it");
        }
    }

    async fn check_stranger(&self, token: &str, context: &RequestContext) -> SessionAnswer {
        let turn = timeout(STRANGER_WAITS, self.strangers.acquire()).await;
        match turn {
            Ok(Ok(_turn)) => self.check_session(token, context).await,
            _ => Err(Problem::unavailable("auth-service")),
        }
    }

    async fn check_session(&self, token: &str, context: &RequestContext) -> SessionAnswer {
        let answer = self.fetch(token, context).await?;
        let session = answer.session.ok_or(rpc::Malformed("session"))?;
        Ok(Arc::new(record(session)?))
    }

    /// An access token for the live session of one that has expired. The gateway alone is given one.
    pub(super) async fn fresh_token(
        &self,
        token: &str,
        context: &RequestContext,
    ) -> Result<Arc<str>, Problem> {
        match self.fetch(token, context).await?.access_token {
            empty if empty.is_empty() => Err(TokenVerifier::refused()),
            fresh => Ok(fresh.into()),
        }
    }

    async fn fetch(
        &self,
        token: &str,
        context: &RequestContext,
    ) -> Result<CheckSessionResponse, Problem> {
        let mut request = context.call(Some(token), CheckSessionRequest {});
        if let Some(credential) = &self.credential {
            credential.show(request.metadata_mut());
        }
        let answer = self.auth.clone().check_session(request).await?;
        Ok(answer.into_inner())
    }
}

fn record(session: Session) -> Result<SessionRecord, rpc::Malformed> {
    let time = |message: &Option<_>, field| {
        message
            .as_ref()
            .map(rpc::timestamp_from)
            .ok_or(rpc::Malformed(field))
    };
    Ok(SessionRecord {
        version: session.version,
        created_at: time(&session.created_at, "created_at")?,
        expires_at: time(&session.expires_at, "expires_at")?,
        last_seen: time(&session.last_seen, "last_seen")?,
        ended_at: None,
        user: session.user.ok_or(rpc::Malformed("user"))?.try_into()?,
        agent: session.agent,
        address: session.address,
        machine: session.machine.map(machine_access).transpose()?,
    })
}

fn machine_access(message: rpc::auth::MachineAccess) -> Result<MachineAccess, rpc::Malformed> {
    let scopes = message.scopes.iter().map(|scope| Scope::from_name(scope));
    Ok(MachineAccess {
        scopes: scopes
            .collect::<Option<_>>()
            .ok_or(rpc::Malformed("machine.scopes"))?,
        sha256: message.sha256,
    })
}
