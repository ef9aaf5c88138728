//! The session check: signature, then the hot copy, then auth-service.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use quick_cache::sync::Cache;
use redis_access::CachePool;
use redis_contracts::{
    Timestamp,
    keys::{SESSION, SessionRecord},
    resource::User,
};
use rpc::auth::{
    CheckSessionRequest, Session, TouchSessionRequest, auth_service_client::AuthServiceClient,
};
use tokio::sync::mpsc;
use tonic::{metadata::MetadataMap, transport::Channel};
use uuid::Uuid;

use super::{JwksSource, KeySet, TokenVerifier, token::Rejected};
use crate::{
    Code, Context, Problem, RequestContext, Stage,
    health::{Health, Need},
};

/// A session in use is slid when it was not for this long.
pub const SESSION_SLIDE: Duration = Duration::from_secs(60);

/// How long auth-service's word is good while the cache cannot hold it.
const WORD_GOOD_FOR: Duration = Duration::from_secs(1);

/// How long it is taken as given that auth-service has no word, so that those who wait for a frozen
/// one wait together and not one after the other.
const SILENCE_GOOD_FOR: Duration = Duration::from_millis(200);

/// Words of auth-service that are remembered.
const REMEMBERED: usize = 20_000;

/// Slides that may wait; one that finds no room is done by a later request.
const SLIDES_WAITING: usize = 256;

/// A person with a live session.
#[derive(Clone, Debug)]
pub struct Caller {
    /// Who they are.
    pub user: User,
    /// Their session.
    pub session_id: Uuid,
    /// When they signed in.
    pub signed_in_at: Timestamp,
    /// When the session ends unless it is used.
    pub expires_at: Timestamp,
    /// Their access token, to call other services on their behalf.
    pub token: Arc<str>,
}

impl Caller {
    /// Whether they have this role.
    pub fn has_role(&self, role: &str) -> bool {
        self.user.roles.iter().any(|held| held == role)
    }
}

/// Checks callers. Cheap to clone.
#[derive(Clone)]
pub struct Guard {
    inner: Arc<Inner>,
}

struct Inner {
    verifier: Arc<TokenVerifier>,
    jwks: JwksSource,
    cache: CachePool,
    auth: AuthServiceClient<Channel>,
    words: Cache<Uuid, Word>,
    slides: mpsc::Sender<Slide>,
    slid: Cache<Uuid, Instant>,
}

/// What auth-service said of a session, and when.
#[derive(Clone)]
struct Word {
    said: Result<Arc<SessionRecord>, Problem>,
    at: Instant,
}

impl Word {
    /// A live session is in the cache again unless that is away; a refusal is nowhere else.
    fn is_good(&self, cache_away: bool) -> bool {
        let good_for = match &self.said {
            Ok(_) if !cache_away => Duration::ZERO,
            Err(problem) if problem.code.http_status() != 401 => SILENCE_GOOD_FOR,
            Ok(_) | Err(_) => WORD_GOOD_FOR,
        };
        self.at.elapsed() < good_for
    }
}

struct Slide {
    token: Arc<str>,
    context: RequestContext,
}

impl Guard {
    /// A guard, with its background tasks in the context's supervisor.
    pub fn start(context: &mut Context, cache: CachePool) -> anyhow::Result<Self> {
        let settings = &context.settings;
        let channel = rpc::connect(&settings.upstream.auth, Some(rpc::DEADLINE))?;
        let (slides, waiting) = mpsc::channel(SLIDES_WAITING);
        let inner = Inner {
            verifier: Arc::new(TokenVerifier::new(&settings.jwt, KeySet::new())),
            jwks: JwksSource::new(&settings.jwt.jwks_url)?,
            cache,
            auth: AuthServiceClient::new(channel),
            words: Cache::new(REMEMBERED),
            slides,
            slid: Cache::new(REMEMBERED),
        };
        let guard = Self {
            inner: Arc::new(inner),
        };
        guard.show_health(&context.health);
        guard.spawn_tasks(context, waiting);
        Ok(guard)
    }

    fn show_health(&self, health: &Health) {
        let verifier = Arc::clone(&self.inner.verifier);
        health.add("token-keys", Need::Useful, move || {
            let known = verifier.has_keys().then_some(());
            known.ok_or_else(|| "auth-service has not told its keys yet".to_owned())
        });
    }

    fn spawn_tasks(&self, context: &mut Context, mut waiting: mpsc::Receiver<Slide>) {
        let stop = context.supervisor.stop_of(Stage::Workers);
        let (guard, stopped) = (self.clone(), stop.clone());
        context
            .supervisor
            .spawn(Stage::Workers, "token-keys", async move {
                let Inner { jwks, verifier, .. } = &*guard.inner;
                jwks.fetch_first(verifier, &stopped).await;
                stopped.cancelled().await;
                Ok(())
            });
        let guard = self.clone();
        context
            .supervisor
            .spawn(Stage::Workers, "session-slides", async move {
                loop {
                    tokio::select! {
                        () = stop.cancelled() => return Ok(()),
                        Some(slide) = waiting.recv() => guard.slide(slide).await,
                    }
                }
            });
    }

    /// The caller of a token, or 401 `unauthenticated`, `session_ended`, or 503.
    pub async fn check(&self, token: &str, context: &RequestContext) -> Result<Caller, Problem> {
        let claims = self.claims(token).await?;
        let token = Arc::<str>::from(token);
        let record = self.session(claims.sid, &token, context).await?;
        if record.ended_at.is_some() || record.user.id != claims.sub {
            return Err(ended());
        }
        let record = Arc::unwrap_or_clone(record);
        self.slide_when_due(claims.sid, &record, &token, context);
        Ok(Caller {
            user: record.user,
            session_id: claims.sid,
            signed_in_at: record.created_at,
            expires_at: record.expires_at,
            token,
        })
    }

    /// The caller of a gRPC call.
    pub async fn check_metadata(
        &self,
        metadata: &MetadataMap,
        context: &RequestContext,
    ) -> Result<Caller, Problem> {
        self.check(bearer(metadata)?, context).await
    }

    /// A session was ended in this process's presence: it takes it for live no more. When auth-service
    /// could not reach the cache, the hot copy is removed from here, so that others ask.
    pub async fn end(&self, id: Uuid, cache_heard: bool) {
        let said = Err(ended());
        self.inner.words.insert(
            id,
            Word {
                said,
                at: Instant::now(),
            },
        );
        if !cache_heard && let Err(error) = self.inner.cache.delete(&SESSION.key(id)).await {
            tracing::debug!(error = %error, "no cache has heard of the end; auth-service repeats it");
        }
    }

    async fn claims(&self, token: &str) -> Result<Arc<super::Claims>, Problem> {
        let Inner { verifier, jwks, .. } = &*self.inner;
        match verifier.check(token) {
            Ok(claims) => Ok(claims),
            Err(Rejected::Invalid) => Err(TokenVerifier::refused()),
            Err(Rejected::UnknownKey) => {
                jwks.refresh(verifier).await;
                if !verifier.has_keys() {
                    return Err(Problem::unavailable("auth-service"));
                }
                verifier.verify(token)
            }
        }
    }

    async fn session(
        &self,
        id: Uuid,
        token: &Arc<str>,
        context: &RequestContext,
    ) -> Result<Arc<SessionRecord>, Problem> {
        match self.inner.cache.get(&SESSION.key(id)).await {
            Ok(Some(record))
                if record.ended_at.is_some() || record.expires_at > Timestamp::now() =>
            {
                Ok(Arc::new(record))
            }
            Ok(_) => self.ask_auth(id, token, context, false).await,
            Err(error) => {
                tracing::debug!(error = %error, "the session is asked of auth-service");
                self.ask_auth(id, token, context, true).await
            }
        }
    }

    /// Asks auth-service, once for all who ask at the same time. While the cache is away its word
    /// is good for a second, a refusal also otherwise: auth-service restores what is live.
    async fn ask_auth(
        &self,
        id: Uuid,
        token: &Arc<str>,
        context: &RequestContext,
        cache_away: bool,
    ) -> Result<Arc<SessionRecord>, Problem> {
        let words = &self.inner.words;
        if let Some(word) = words.get(&id) {
            if word.is_good(cache_away) {
                return word.said;
            }
            words.remove(&id);
        }
        match words.get_value_or_guard_async(&id).await {
            Ok(word) => word.said,
            Err(turn) => {
                let said = self.fetch_session(token, context).await;
                let word = Word {
                    said,
                    at: Instant::now(),
                };
                // The place may be gone when the cache is full; the word still counts.
                let _ = turn.insert(word.clone());
                word.said
            }
        }
    }

    async fn fetch_session(
        &self,
        token: &Arc<str>,
        context: &RequestContext,
    ) -> Result<Arc<SessionRecord>, Problem> {
        let request = context.call(Some(token), CheckSessionRequest {});
        let answer = self.inner.auth.clone().check_session(request).await?;
        let session = answer
            .into_inner()
            .session
            .ok_or(rpc::Malformed("session"))?;
        Ok(Arc::new(record(session)?))
    }

    fn slide_when_due(
        &self,
        id: Uuid,
        record: &SessionRecord,
        token: &Arc<str>,
        context: &RequestContext,
    ) {
        let slide_ms = SESSION_SLIDE.as_millis() as i64;
        if Timestamp::now().unix_ms() - record.last_seen.unix_ms() < slide_ms {
            return;
        }
        let Inner { slid, slides, .. } = &*self.inner;
        if slid
            .get(&id)
            .is_some_and(|at| at.elapsed() < SESSION_SLIDE / 4)
        {
            return;
        }
        let slide = Slide {
            token: Arc::clone(token),
            context: context.clone(),
        };
        if slides.try_send(slide).is_ok() {
            slid.insert(id, Instant::now());
        }
    }

    async fn slide(&self, slide: Slide) {
        let request = slide
            .context
            .call(Some(&slide.token), TouchSessionRequest {});
        if let Err(status) = self.inner.auth.clone().touch_session(request).await {
            tracing::debug!(error = %status, "a session was not slid; a later request does it");
        }
    }
}

/// The token of `authorization: Bearer`.
pub fn bearer(metadata: &MetadataMap) -> Result<&str, Problem> {
    let missing = || {
        Problem::new(
            Code::Unauthenticated,
            "Send metadata `authorization: Bearer <access token>`.",
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

fn ended() -> Problem {
    Problem::new(Code::SessionEnded, "The session has ended; sign in again.")
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
    })
}
