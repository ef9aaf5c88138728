//! The pools: one per instance, with typed reads and writes.

use std::{
    cell::Cell,
    collections::HashMap,
    marker::PhantomData,
    pin::Pin,
    sync::{
        Arc, LazyLock, Mutex, MutexGuard, PoisonError, RwLock,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use futures_util::{FutureExt, future::Shared};
use redis::{Cmd, FromRedisValue, aio::MultiplexedConnection};
use redis_contracts::{
    Cache, Key, RedisInstance, Streams, Value,
    script::{Invocation, SCRIPTS, Script},
};
use tokio_util::sync::CancellationToken;

use crate::{
    AccessError, Backoff, InvalidRedisUrl, LinkWatch, RedisSettings,
    bulk::Bulk,
    client::Connector,
    error::Trouble,
    link::{Link, LinkVersion},
    metrics::Metrics,
    waiting::Waiting,
};

/// The way to the cache Redis.
pub type CachePool = Pool<Cache>;
/// The way to the streams Redis.
pub type StreamsPool = Pool<Streams>;

/// Threads with a connection of their own; beyond that, connections are shared.
const THREAD_SLOTS: usize = 16;

/// The way to one instance. Cheap to clone.
pub struct Pool<I> {
    inner: Arc<Inner>,
    instance: PhantomData<fn() -> I>,
}

impl<I> Clone for Pool<I> {
    fn clone(&self) -> Self {
        Self {
            inner: Arc::clone(&self.inner),
            instance: PhantomData,
        }
    }
}

struct Inner {
    connector: Connector,
    settings: RedisSettings,
    link: Arc<Link>,
    metrics: Metrics,
    slots: [Slot; THREAD_SLOTS],
    bulk: Bulk,
}

/// One thread's connection. Its driver runs on the thread that opened it, so that a command and its
/// answer cross no thread.
#[derive(Default)]
struct Slot {
    connection: RwLock<Option<Arc<Held>>>,
    opening: Mutex<Option<Opening>>,
}

/// A connection, and the link it was opened beside.
struct Held {
    connection: MultiplexedConnection,
    standing: LinkVersion,
}

/// A connection on its way, for all who wait for it. It stays when they give up, and the next one carries it
/// on: else callers in a hurry would begin anew for ever where opening takes longer than they wait.
type Opening = Shared<Pin<Box<dyn Future<Output = Result<Arc<Held>, AccessError>> + Send>>>;

thread_local! {
    static THREAD: Cell<Option<usize>> = const { Cell::new(None) };
}

fn thread_slot() -> usize {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    THREAD.with(|thread| {
        thread.get().unwrap_or_else(|| {
            let slot = NEXT.fetch_add(1, Ordering::Relaxed) % THREAD_SLOTS;
            thread.set(Some(slot));
            slot
        })
    })
}

impl<I: RedisInstance> Pool<I> {
    /// A pool; nothing is connected until [`Pool::keep_link`] runs.
    pub fn new(settings: &RedisSettings) -> Result<Self, InvalidRedisUrl> {
        let metrics = Metrics::of(I::INSTANCE);
        let link = Arc::new(Link::new(I::INSTANCE, metrics.clone()));
        let connector = Connector::new(I::INSTANCE, settings, Arc::clone(&link))?;
        let bulk = Bulk::new(I::INSTANCE, settings, &connector, Arc::clone(&link))?;
        let inner = Inner {
            connector,
            settings: settings.clone(),
            link,
            metrics,
            slots: Default::default(),
            bulk,
        };
        Ok(Self {
            inner: Arc::new(inner),
            instance: PhantomData,
        })
    }

    /// Keeps the link to the instance until `stop`: health check and reconnect. Run it supervised.
    pub async fn keep_link(&self, stop: CancellationToken) {
        let Inner {
            connector,
            settings,
            link,
            ..
        } = &*self.inner;
        link.keep(connector, settings.health_check, &stop).await;
    }

    /// Whether the instance is reached, as a value that wakes when it changes.
    pub fn link(&self) -> LinkWatch {
        self.inner.link.watch()
    }

    /// What keeps callers from being served: the instance is away, or no connection to it can be opened.
    pub fn fault(&self) -> Option<String> {
        self.inner.link.fault()
    }

    /// Why the instance takes no writes, while it serves reads.
    pub fn refusal(&self) -> Option<&'static str> {
        self.inner.link.refusal()
    }

    /// Asks for a check of the link now: an answer that was not waited for any longer may mean that the
    /// instance is gone.
    pub fn suspect(&self) {
        self.inner.link.suspect();
    }

    /// GET of a declared key; `None` when it is not there.
    pub async fn get<V: Value>(&self, key: &Key<I, V>) -> Result<Option<V>, AccessError> {
        let mut command = redis::cmd("GET");
        command.arg(key.name());
        let bytes: Option<Vec<u8>> = self.run(&command).await?;
        bytes.map(|bytes| decode::<I, V>(&bytes)).transpose()
    }

    /// SET of a declared key, with the TTL its declaration fixes.
    pub async fn set<V: Value>(&self, key: &Key<I, V>, value: &V) -> Result<(), AccessError> {
        let mut command = redis::cmd("SET");
        command.arg(key.name()).arg(value.encode());
        if let Some(ttl) = key.ttl() {
            command.arg("EX").arg(ttl.as_secs());
        }
        self.run(&command).await
    }

    /// DEL of a declared key. Deleting what is not there is fine.
    pub async fn delete<V>(&self, key: &Key<I, V>) -> Result<(), AccessError> {
        let mut command = redis::cmd("DEL");
        command.arg(key.name());
        self.run(&command).await
    }

    /// Runs a script: EVALSHA, and EVAL where Redis does not know it yet.
    pub async fn invoke<T: FromRedisValue>(&self, call: &Invocation<I>) -> Result<T, AccessError> {
        let command = |first: &str, second: &str| {
            let mut command = redis::cmd(first);
            command
                .arg(second)
                .arg(call.keys.len())
                .arg(&call.keys)
                .arg(&call.args);
            command
        };
        match self.run(&command("EVALSHA", hash(call.script))).await {
            Err(AccessError::Refused { message, .. }) if message.contains("NOSCRIPT") => {
                self.run(&command("EVAL", call.script.source)).await
            }
            answer => answer,
        }
    }

    /// A short command over this thread's connection, sent again when the connection broke or Redis
    /// is not ready yet; one that was waited for in vain is not, for the next would be too. Every command that comes here is
    /// safe to repeat: reads, writes of whole values, and scripts that look before they write.
    pub(crate) async fn run<T: FromRedisValue>(&self, command: &Cmd) -> Result<T, AccessError> {
        let inner = &*self.inner;
        let _waiting = Waiting::begin(I::INSTANCE);
        let mut backoff = Backoff::new(Duration::from_millis(5), Duration::from_millis(100));
        let mut left = inner.settings.retries;
        loop {
            match self.attempt(command).await {
                Err(error) if error.is_worth_repeating() && left > 0 => {
                    left -= 1;
                    inner.metrics.retries.inc();
                    tokio::time::sleep(backoff.next_wait()).await;
                }
                answer => return answer,
            }
        }
    }

    async fn attempt<T: FromRedisValue>(&self, command: &Cmd) -> Result<T, AccessError> {
        let inner = &*self.inner;
        let slot = &inner.slots[thread_slot()];
        let held = self.connection(slot).await?;
        let began = Instant::now();
        let answer = command.query_async(&mut held.connection.clone()).await;
        inner
            .metrics
            .command_seconds
            .observe(began.elapsed().as_secs_f64());
        answer.map_err(|error| {
            inner.metrics.errors.inc();
            let error = AccessError::from_redis(I::INSTANCE, &error);
            match error.trouble() {
                Some(Trouble::Lost | Trouble::Silent) => {
                    slot.forget(&held);
                    inner.link.suspect();
                }
                Some(Trouble::NotYet) => inner.link.suspect(),
                // The connection is well, and what only reads goes on over it.
                Some(Trouble::Refusing) if inner.link.refusal().is_none() => inner.link.suspect(),
                Some(Trouble::Refusing) | None => {}
            }
            error
        })
    }

    async fn connection(&self, slot: &Slot) -> Result<Arc<Held>, AccessError> {
        let made = self.inner.link.require_up()?;
        if let Some(open) = slot.open() {
            match open.standing.is_of(made) {
                true => return Ok(open),
                false => slot.forget(&open),
            }
        }
        self.inner.link.require_opening()?;
        // One that was begun before may have failed before this caller came: it is worth another.
        if let Some(begun) = slot.opening()
            && let Ok(opened) = self.wait_for(slot, begun).await
        {
            return Ok(opened);
        }
        self.inner.link.require_opening()?;
        self.wait_for(slot, self.begin_opening(slot)?).await
    }

    async fn wait_for(&self, slot: &Slot, opening: Opening) -> Result<Arc<Held>, AccessError> {
        let opened = opening.clone().await;
        if slot.finish(&opening, opened.as_ref().ok()) && opened.is_err() {
            self.inner.metrics.errors.inc();
        }
        opened
    }

    /// Begins to open a connection, unless another caller just did.
    fn begin_opening(&self, slot: &Slot) -> Result<Opening, AccessError> {
        let standing = self.inner.link.standing()?;
        let connector = self.inner.connector.clone();
        let begin = || -> Opening {
            let opening = async move {
                let connection = connector.connect().await?;
                Ok(Arc::new(Held {
                    connection,
                    standing,
                }))
            };
            opening.boxed().shared()
        };
        Ok(slot.lock_opening().get_or_insert_with(begin).clone())
    }

    /// A connection of its own for bulk work, waited for no longer than the timeout.
    pub(crate) async fn bulk(&self) -> Result<deadpool_redis::Connection, AccessError> {
        let inner = &*self.inner;
        inner.link.require_up()?;
        let began = Instant::now();
        let lent = inner.bulk.lend().await;
        inner
            .metrics
            .pool_wait_seconds
            .observe(began.elapsed().as_secs_f64());
        lent.inspect_err(|_| {
            inner.metrics.errors.inc();
            inner.link.suspect();
        })
    }

    /// Brings the pool's gauges up to date; called when metrics are read.
    pub fn observe(&self) {
        let (size, in_use) = self.inner.bulk.size();
        self.inner.metrics.pool_size.set(size as f64);
        self.inner.metrics.pool_in_use.set(in_use as f64);
    }

    pub(crate) fn connector(&self) -> &Connector {
        &self.inner.connector
    }

    pub(crate) fn shared_link(&self) -> Arc<Link> {
        Arc::clone(&self.inner.link)
    }
}

impl Slot {
    fn opening(&self) -> Option<Opening> {
        self.lock_opening().clone()
    }

    /// Takes up what an opening led to; `false` when another of its callers has done so.
    fn finish(&self, ended: &Opening, opened: Option<&Arc<Held>>) -> bool {
        let mut opening = self.lock_opening();
        let is_first = opening
            .as_ref()
            .is_some_and(|opening| opening.ptr_eq(ended));
        if is_first {
            if let Some(opened) = opened {
                self.remember(opened);
            }
            *opening = None;
        }
        is_first
    }

    fn lock_opening(&self) -> MutexGuard<'_, Option<Opening>> {
        self.opening.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn open(&self) -> Option<Arc<Held>> {
        self.connection.read().ok()?.clone()
    }

    fn remember(&self, opened: &Arc<Held>) {
        if let Ok(mut held) = self.connection.write() {
            *held = Some(Arc::clone(opened));
        }
    }

    /// Drops a connection that failed, unless another has taken its place.
    fn forget(&self, failed: &Arc<Held>) {
        if let Ok(mut held) = self.connection.write()
            && held.as_ref().is_some_and(|held| Arc::ptr_eq(held, failed))
        {
            *held = None;
        }
    }
}

/// What Redis knows a script by. It takes longer to find out than many a script to run, so that is done
/// once.
fn hash(script: &Script) -> &'static str {
    static HASHES: LazyLock<HashMap<&str, String>> = LazyLock::new(|| {
        let hash = |source| redis::Script::new(source).get_hash().to_owned();
        let all = SCRIPTS.iter();
        all.map(|script| (script.name, hash(script.source)))
            .collect()
    });
    HASHES.get(script.name).map_or("", String::as_str)
}

pub(crate) fn decode<I: RedisInstance, V: Value>(bytes: &[u8]) -> Result<V, AccessError> {
    V::decode(bytes).map_err(|cause| AccessError::Undecodable {
        instance: I::INSTANCE,
        cause,
    })
}
