//! The check of every caller: the token, then the session, which is mostly held in the process and
//! costs no round trip; else its signed copy is read from the cache Redis, else it is asked of
//! auth-service.

use std::sync::Arc;

use quick_cache::sync::Cache;
use redis_access::{CachePool, TrackedCache, Tracking};
use redis_contracts::{
    SignedCopy, Timestamp,
    keys::{SESSION, Scope, SessionRecord},
};
use service_kit::{
    Code, Context, Problem, RequestContext, Stage,
    health::{Health, Need},
};
use tokio::sync::mpsc;
use tonic::metadata::MetadataMap;
use uuid::Uuid;

use super::{
    Caller, GatewayCredential, JwksSource, KeySet, TokenVerifier,
    asking::Asking,
    caller::Holder,
    intake::Intake,
    machine::{MACHINE_TOKEN_PREFIX, MachineToken},
    slides::{Slide, Slides},
    token::{Rejected, Verified},
};

/// Sessions that are held in the process.
const HELD: usize = 100_000;

/// Access tokens that are kept for sockets that outlived theirs.
const FRESH: usize = 20_000;

/// Checks callers. Cheap to clone.
#[derive(Clone)]
pub struct Guard {
    inner: Arc<Inner>,
}

struct Inner {
    verifier: Arc<TokenVerifier>,
    jwks: JwksSource,
    cache: CachePool,
    tracking: Tracking,
    sessions: TrackedCache<SignedCopy, SessionRecord>,
    intake: Arc<Intake>,
    asking: Asking,
    slides: Slides,
    /// The newest access token of sessions whose sockets outlived theirs.
    fresh: Cache<Uuid, Arc<str>>,
}

impl Guard {
    /// A guard, with its background tasks in the context's supervisor.
    pub fn start(context: &mut Context, cache: CachePool) -> anyhow::Result<Self> {
        Self::assemble(context, cache, None)
    }

    /// The gateway's: it shows its credential to auth-service, which then says of a session whose access
    /// token has expired, as those of sockets have, whether it lives.
    pub fn start_in_gateway(
        context: &mut Context,
        cache: CachePool,
        credential: GatewayCredential,
    ) -> anyhow::Result<Self> {
        Self::assemble(context, cache, Some(credential))
    }

    fn assemble(
        context: &mut Context,
        cache: CachePool,
        credential: Option<GatewayCredential>,
    ) -> anyhow::Result<Self> {
        let settings = &context.settings;
        let channel = rpc::connect(&settings.upstream.auth, Some(rpc::DEADLINE))?;
        let (slides, waiting) = Slides::new();
        let tracking = Tracking::new(cache.clone());
        let verifier = Arc::new(TokenVerifier::new(&settings.jwt, KeySet::new()));
        let intake = Arc::new(Intake::new(Arc::clone(&verifier)));
        let admitting = Arc::clone(&intake);
        let sessions = tracking.cache(&SESSION, HELD, move |id, read| admitting.admit(id, read));
        let held = sessions.clone();
        let inner = Inner {
            verifier,
            jwks: JwksSource::new(&settings.jwt.jwks_url, move || held.forget_all())?,
            sessions,
            intake,
            tracking,
            cache,
            asking: Asking::new(channel, credential),
            slides,
            fresh: Cache::new(FRESH),
        };
        let guard = Self {
            inner: Arc::new(inner),
        };
        guard.show_health(&context.health);
        guard.spawn_tasks(context, waiting);
        Ok(guard)
    }

    fn show_health(&self, health: &Health) {
        let inner = Arc::clone(&self.inner);
        health.add("token-keys", Need::Useful, move || {
            let known = inner.verifier.has_keys().then_some(());
            known.ok_or_else(|| "auth-service has not told its keys yet".to_owned())
        });
    }

    fn spawn_tasks(&self, context: &mut Context, mut waiting: mpsc::Receiver<Slide>) {
        let supervisor = &mut context.supervisor;
        let (guard, stop) = (self.clone(), supervisor.stop_of(Stage::Links));
        supervisor.spawn(Stage::Links, "client-cache", async move {
            guard.inner.tracking.keep(stop).await;
            Ok(())
        });
        let (guard, stop) = (self.clone(), supervisor.stop_of(Stage::Workers));
        supervisor.spawn(Stage::Workers, "token-keys", async move {
            let Inner {
                jwks,
                verifier,
                tracking,
                ..
            } = &*guard.inner;
            tokio::select! {
                () = stop.cancelled() => {}
                () = jwks.keep(verifier, tracking) => {}
            }
            Ok(())
        });
        let (guard, stop) = (self.clone(), supervisor.stop_of(Stage::Workers));
        supervisor.spawn(Stage::Workers, "session-slides", async move {
            loop {
                tokio::select! {
                    () = stop.cancelled() => return Ok(()),
                    Some(Slide { token, context }) = waiting.recv() => {
                        guard.inner.asking.touch(&token, &context).await;
                    }
                }
            }
        });
    }

    /// The caller of a token, or 401 `unauthenticated`, `session_ended`, or 503.
    pub async fn check(&self, token: &str, context: &RequestContext) -> Result<Caller, Problem> {
        if let Some(caller) = self.known(token, context) {
            return Ok(caller);
        }
        let holder = self.holder(token).await?;
        let session = self.session(&holder, token, context).await?;
        let now = Timestamp::now();
        holder.enter(&session, now)?;
        Ok(self.admit(holder.id(), token, session, now, context))
    }

    /// The caller of a token, when everything about them is in the process: nothing is waited for.
    /// `None` says nothing; then ask [`Guard::check`].
    pub fn known(&self, token: &str, context: &RequestContext) -> Option<Caller> {
        let Inner {
            verifier, sessions, ..
        } = &*self.inner;
        let holder = match MachineToken::parse(token) {
            Some(machine) => Holder::Machine(machine),
            None => verifier.remembered(token)?.into(),
        };
        let session = sessions.held(holder.id())?;
        let now = Timestamp::now();
        holder.enter(&session, now).ok()?;
        Some(self.admit(holder.id(), token, session, now, context))
    }

    /// The caller of a gRPC call, who may do what takes this scope.
    pub async fn check_metadata(
        &self,
        metadata: &MetadataMap,
        context: &RequestContext,
        scope: Scope,
    ) -> Result<Caller, Problem> {
        let caller = self.check(bearer(metadata)?, context).await?;
        caller.require(scope)?;
        Ok(caller)
    }

    /// Somebody who was let in before, as their session is now, or 401 when it lives no more. Their access
    /// token may have expired since. 503 says nothing of the session.
    pub async fn check_again(
        &self,
        caller: &Caller,
        context: &RequestContext,
    ) -> Result<Caller, Problem> {
        let holder = caller.holder().ok_or_else(MachineToken::refused)?;
        let session = self.session(&holder, &caller.token, context).await?;
        holder.enter(&session, Timestamp::now())?;
        Ok(caller.with(session))
    }

    /// A token to call other services with on behalf of somebody who was let in before: theirs, or another
    /// of their session when theirs has expired, as on a socket. In the gateway.
    pub async fn good_token(
        &self,
        caller: &Caller,
        context: &RequestContext,
    ) -> Result<Arc<str>, Problem> {
        let Inner {
            verifier,
            fresh,
            asking,
            ..
        } = &*self.inner;
        let good = |token: &Arc<str>| caller.is_machine() || verifier.check(token).is_ok();
        let held = fresh.get(&caller.session_id);
        if let Some(token) = [Some(&caller.token), held.as_ref()]
            .into_iter()
            .flatten()
            .find(|token| good(token))
        {
            return Ok(Arc::clone(token));
        }
        let token = asking.fresh_token(&caller.token, context).await?;
        fresh.insert(caller.session_id, Arc::clone(&token));
        Ok(token)
    }

    /// A session or machine token was ended in this process's presence: it takes it for live no more. When
    /// auth-service could not reach the cache, the hot copy is removed from here, so that others ask.
    pub async fn end(&self, id: Uuid, cache_heard: bool) {
        self.inner.intake.has_ended(id);
        self.inner.asking.end(id);
        self.inner.sessions.forget(id);
        if !cache_heard && let Err(error) = self.inner.cache.delete(&SESSION.key(id)).await {
            tracing::debug!(error = %error, "no cache has heard of the end; auth-service repeats it");
        }
    }

    /// A session was taken up again in this process's presence, as a refresh token does when its idle
    /// time is over: that it was refused a moment ago counts no more.
    pub fn taken_up(&self, id: Uuid) {
        self.inner.asking.forget(&id);
    }

    /// The tracked connection of the process.
    pub fn tracking(&self) -> &Tracking {
        &self.inner.tracking
    }

    /// The JWK set that access tokens are checked with, as auth-service published it; `None` until it did.
    pub fn jwks(&self) -> Option<Arc<str>> {
        self.inner.jwks.published()
    }

    async fn holder(&self, token: &str) -> Result<Holder, Problem> {
        if token.starts_with(MACHINE_TOKEN_PREFIX) {
            let machine = MachineToken::parse(token);
            return machine
                .map(Holder::Machine)
                .ok_or_else(MachineToken::refused);
        }
        self.verified(token).await.map(Holder::from)
    }

    async fn verified(&self, token: &str) -> Result<Verified, Problem> {
        let Inner { verifier, jwks, .. } = &*self.inner;
        match verifier.check(token) {
            Ok(verified) => Ok(verified),
            Err(Rejected::Invalid) => Err(TokenVerifier::refused()),
            Err(Rejected::UnknownKey(kid)) => {
                jwks.look_for(&kid, verifier).await;
                if !verifier.has_keys() {
                    return Err(Problem::unavailable("auth-service"));
                }
                verifier.check(token).map_err(|_| TokenVerifier::refused())
            }
        }
    }

    async fn session(
        &self,
        holder: &Holder,
        token: &str,
        context: &RequestContext,
    ) -> Result<Arc<SessionRecord>, Problem> {
        let cache_away = match self.inner.sessions.get(holder.id()).await {
            Ok(Some(record)) if record.ended_at.is_some() => return Ok(record),
            Ok(Some(record)) if record.expires_at > Timestamp::now() => return Ok(record),
            Ok(_) => false,
            Err(error) => {
                tracing::debug!(error = %error, "the session is asked of auth-service");
                true
            }
        };
        let Inner { asking, intake, .. } = &*self.inner;
        let session = asking.ask(holder, token, context, cache_away).await?;
        intake.has_seen(holder.id(), session.rank());
        Ok(session)
    }

    fn admit(
        &self,
        id: Uuid,
        token: &str,
        session: Arc<SessionRecord>,
        now: Timestamp,
        context: &RequestContext,
    ) -> Caller {
        let caller = Caller::new(id, token, session);
        self.inner.slides.when_due(&caller, now, context);
        caller
    }
}

/// The token of `authorization: Bearer`.
pub fn bearer(metadata: &MetadataMap) -> Result<&str, Problem> {
    let missing = || {
        Problem::new(
            Code::Unauthenticated,
            "Send metadata `authorization: Bearer <access or machine token>`.",
        )
    };
    let value = metadata
        .get(rpc::metadata::AUTHORIZATION)
        .ok_or_else(missing)?;
    let (scheme, token) = value
        .to_str()
        .ok()
        .and_then(|text| text.split_once(' '))
        .ok_or_else(missing)?;
    if scheme.eq_ignore_ascii_case("bearer") {
        Ok(token.trim())
    } else {
        Err(missing())
    }
}
