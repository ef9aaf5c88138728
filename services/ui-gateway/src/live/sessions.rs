//! The sessions of open sockets, watched over one tracked connection (CLIENT TRACKING): when the hot
//! copy of one changes, it is read again, and the sockets of a session that ended are closed at once.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use futures_util::{StreamExt, stream};
use redis_access::{Backoff, CachePool, PushConnection};
use redis_contracts::{
    Timestamp,
    keys::{SESSION, SessionRecord},
};
use service_kit::{RequestContext, identity::Guard};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

/// While the cache is away, sessions are asked of auth-service this often.
const ASK_EVERY: Duration = Duration::from_secs(2);

/// Sessions asked of auth-service at once.
const ASK_AT_ONCE: usize = 16;

type Tracked = PushConnection<Option<Vec<String>>>;

/// The sessions of open sockets. Cheap to clone.
#[derive(Clone, Default)]
pub(super) struct Sessions {
    inner: Arc<Inner>,
}

#[derive(Default)]
struct Inner {
    open: Mutex<HashMap<Uuid, Session>>,
    /// A session was added that is not tracked yet.
    added: Notify,
}

#[derive(Clone)]
struct Session {
    token: Arc<str>,
    ended: CancellationToken,
    sockets: usize,
    tracked: bool,
}

/// A socket's hold on its session.
pub(super) struct Watched {
    sessions: Sessions,
    id: Uuid,
    ended: CancellationToken,
}

impl Watched {
    /// Cancelled when the session has ended.
    pub(super) fn ended(&self) -> CancellationToken {
        self.ended.clone()
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        let mut open = self.sessions.lock();
        if let Some(session) = open.get_mut(&self.id) {
            session.sockets -= 1;
            if session.sockets == 0 {
                open.remove(&self.id);
            }
        }
    }
}

impl Sessions {
    /// The sessions, and the task that watches them until `stop`.
    pub(super) fn watch(
        cache: CachePool,
        guard: Guard,
        stop: CancellationToken,
    ) -> (
        Self,
        impl Future<Output = anyhow::Result<()>> + Send + 'static,
    ) {
        let sessions = Self::default();
        let watcher = Watcher {
            sessions: sessions.clone(),
            cache,
            guard,
        };
        let watching = async move {
            tokio::select! {
                () = stop.cancelled() => {}
                () = watcher.run() => {}
            }
            Ok(())
        };
        (sessions, watching)
    }

    /// Adds a socket of a session.
    pub(super) fn join(&self, id: Uuid, token: &Arc<str>) -> Watched {
        let mut open = self.lock();
        let session = open.entry(id).or_insert_with(|| Session {
            token: Arc::clone(token),
            ended: CancellationToken::new(),
            sockets: 0,
            tracked: false,
        });
        session.sockets += 1;
        let ended = session.ended.clone();
        drop(open);
        self.inner.added.notify_one();
        Watched {
            sessions: self.clone(),
            id,
            ended,
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Uuid, Session>> {
        self.inner
            .open
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn ids(&self) -> Vec<Uuid> {
        self.lock().keys().copied().collect()
    }

    fn untracked(&self) -> Vec<Uuid> {
        let mut open = self.lock();
        let fresh = open.iter_mut().filter(|(_, session)| !session.tracked);
        fresh
            .map(|(id, session)| {
                session.tracked = true;
                *id
            })
            .collect()
    }

    /// Closes the sockets of a session that has ended.
    pub(super) fn end(&self, id: Uuid) {
        if let Some(session) = self.lock().get(&id) {
            session.ended.cancel();
        }
    }
}

struct Watcher {
    sessions: Sessions,
    cache: CachePool,
    guard: Guard,
}

impl Watcher {
    async fn run(self) {
        let mut backoff = Backoff::new(Duration::from_millis(50), ASK_EVERY);
        loop {
            match self.cache.track().await {
                Ok(mut tracked) => {
                    backoff.reset();
                    self.follow(&mut tracked).await;
                }
                Err(error) => tracing::debug!(error = %error, "sessions are asked of auth-service"),
            }
            self.ask_all(self.sessions.ids()).await;
            tokio::time::sleep(backoff.next_wait()).await;
        }
    }

    /// Follows changes until the connection is lost.
    async fn follow(&self, tracked: &mut Tracked) {
        let mut changed = self.sessions.ids();
        loop {
            if self.look_at(tracked, changed).await.is_err() {
                return;
            }
            changed = tokio::select! {
                () = self.sessions.inner.added.notified() => self.sessions.untracked(),
                told = tracked.next() => match told {
                    Ok(Some(keys)) => self.named(&keys),
                    Ok(None) => self.sessions.ids(),
                    Err(lost) => {
                        tracing::debug!(reason = %lost, "the watch over sessions was lost");
                        return;
                    }
                },
            };
        }
    }

    /// The open sessions among these keys.
    fn named(&self, keys: &[String]) -> Vec<Uuid> {
        let ids = self.sessions.ids();
        ids.into_iter()
            .filter(|id| keys.iter().any(|key| key == SESSION.key(*id).name()))
            .collect()
    }

    /// Reads sessions again; those the cache does not hold are asked of auth-service.
    async fn look_at(
        &self,
        tracked: &mut Tracked,
        ids: Vec<Uuid>,
    ) -> Result<(), redis_access::AccessError> {
        let mut missing = Vec::new();
        for id in ids {
            match tracked.get(&SESSION.key(id)).await? {
                Some(record) if is_live(&record) => {}
                Some(record) if record.ended_at.is_some() => self.sessions.end(id),
                _ => missing.push(id),
            }
        }
        if missing.is_empty() {
            return Ok(());
        }
        self.ask_all(missing.clone()).await;
        // auth-service has restored what is live; from now on, a change of it is told again.
        for id in missing {
            tracked.get(&SESSION.key(id)).await?;
        }
        Ok(())
    }

    async fn ask_all(&self, ids: Vec<Uuid>) {
        stream::iter(ids)
            .for_each_concurrent(ASK_AT_ONCE, |id| self.ask(id))
            .await;
    }

    /// A session that cannot be asked about lives on until it can.
    async fn ask(&self, id: Uuid) {
        let token = self
            .sessions
            .lock()
            .get(&id)
            .map(|session| Arc::clone(&session.token));
        let Some(token) = token else {
            return;
        };
        let context = RequestContext::from_headers(None, None);
        if let Err(problem) = self.guard.check(&token, &context).await
            && problem.code.http_status() == 401
        {
            self.sessions.end(id);
        }
    }
}

fn is_live(record: &SessionRecord) -> bool {
    record.ended_at.is_none() && record.expires_at > Timestamp::now()
}
