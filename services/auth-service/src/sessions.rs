//! Hot copies of sessions in the cache Redis. SQL is changed first; what Redis did not hear of is
//! repeated until it has.

use std::{sync::Arc, time::Duration};

use redis_access::{Backoff, CachePool, LinkState};
use redis_contracts::{Timestamp, script::put_session};
use service_kit::{Problem, config};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::store::{SessionRow, Store};

/// Copies written between two looks at SQL.
const BATCH: i64 = 100;

/// Sessions deleted at once, so that whoever else writes waits for little.
const FORGET_BATCH: u32 = 1000;

/// How often long-gone sessions are deleted.
const FORGET_EVERY: Duration = Duration::from_secs(3600);

/// A copy of an ended session outlives every access token of it by this, so that no late write can
/// bring it back.
const ENDED_MARGIN: Duration = Duration::from_secs(60);

/// Writes hot copies. Cheap to clone.
#[derive(Clone)]
pub struct Sessions {
    store: Store,
    cache: CachePool,
    settings: config::Session,
    unheard: Arc<Notify>,
}

/// A change of sessions on its way through SQL to Redis. When it ends before Redis has heard,
/// because Redis is away or the caller hung up, the task that repeats is woken.
pub struct Change<'a> {
    sessions: &'a Sessions,
    heard: bool,
}

/// Repeats what Redis did not hear.
pub struct Telling(Sessions);

impl Sessions {
    /// Writes copies of this store's sessions into this cache.
    pub fn new(store: Store, cache: CachePool, settings: config::Session) -> (Self, Telling) {
        let sessions = Self {
            store,
            cache,
            settings,
            unheard: Arc::default(),
        };
        (sessions.clone(), Telling(sessions))
    }

    /// The lives of sessions.
    pub const fn settings(&self) -> config::Session {
        self.settings
    }

    /// Begins a change of sessions; taken before SQL is changed.
    pub const fn change(&self) -> Change<'_> {
        Change {
            sessions: self,
            heard: false,
        }
    }

    /// Restores the copy of a session that did not change.
    pub async fn restore(&self, row: &SessionRow) {
        if let Err(problem) = self.put(row).await {
            tracing::debug!(session.id = %row.id, error = %problem, "the copy of a session is not restored");
        }
    }

    async fn tell(&self, row: &SessionRow) -> Result<(), Problem> {
        self.put(row).await?;
        self.store.heard(row.id, row.version).await
    }

    async fn put(&self, row: &SessionRow) -> Result<(), Problem> {
        let call = put_session(row.id, &row.record(), self.copy_ttl(row));
        let _written: bool = self.cache.invoke(&call).await?;
        Ok(())
    }

    fn copy_ttl(&self, row: &SessionRow) -> Duration {
        if row.is_live() {
            let left_ms = row.expires_at.unix_ms() - Timestamp::now().unix_ms();
            Duration::from_millis(left_ms.max(1).unsigned_abs())
        } else {
            Duration::from_secs(self.settings.idle_seconds) + ENDED_MARGIN
        }
    }
}

impl Change<'_> {
    /// Writes the copies of sessions that were changed in SQL, where the change counts either way;
    /// `false` when that has to be repeated.
    pub async fn tell(mut self, rows: &[SessionRow]) -> bool {
        for row in rows {
            if let Err(problem) = self.sessions.tell(row).await {
                tracing::debug!(session.id = %row.id, error = %problem, "the copy of a session is written later");
                return false;
            }
        }
        self.heard = true;
        true
    }
}

impl Drop for Change<'_> {
    fn drop(&mut self) {
        if !self.heard {
            self.sessions.unheard.notify_one();
        }
    }
}

impl Telling {
    /// Repeats until `stop`, whenever there is something or Redis is back.
    pub async fn run(self, stop: CancellationToken) -> anyhow::Result<()> {
        let Self(sessions) = self;
        let mut link = sessions.cache.link();
        let mut backoff = Backoff::new(Duration::from_millis(100), Duration::from_secs(5));
        let mut forget = tokio::time::interval(FORGET_EVERY);
        loop {
            let up = matches!(&*link.borrow_and_update(), LinkState::Up(_));
            let failed = up && !sessions.repeat_all().await;
            if !failed {
                backoff.reset();
            }
            tokio::select! {
                () = stop.cancelled() => return Ok(()),
                Ok(()) = link.changed() => {}
                () = sessions.unheard.notified(), if up && !failed => {}
                () = tokio::time::sleep(backoff.next_wait()), if failed => {}
                _ = forget.tick() => sessions.forget_old().await,
            }
        }
    }
}

impl Sessions {
    /// `false` when something is left.
    async fn repeat_all(&self) -> bool {
        loop {
            let rows = match self.store.unheard_sessions(BATCH).await {
                Ok(rows) if rows.is_empty() => return true,
                Ok(rows) => rows,
                Err(_) => return false,
            };
            for row in rows {
                if self.tell(&row).await.is_err() {
                    return false;
                }
            }
        }
    }

    async fn forget_old(&self) {
        loop {
            match self.store.forget_old_sessions(FORGET_BATCH).await {
                Ok(count) if count < u64::from(FORGET_BATCH) => return,
                Ok(_) => {}
                Err(problem) => {
                    tracing::warn!(error = %problem, "old sessions were not deleted");
                    return;
                }
            }
        }
    }
}
