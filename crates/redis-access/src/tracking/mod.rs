//! The client-side cache: values that Redis tells about when they change (CLIENT TRACKING, RESP3), so
//! that reading a hot one costs no round trip.
//!
//! One connection serves a whole process. [`wire`] keeps it and knows whether it is alive, [`cache`]
//! holds what was read over it, [`changes`] tells others what changed. What makes a held value good:
//!
//! - An invalidation is applied in the push callback, before any later reply is handed out.
//! - A reply is stored only when no invalidation of its key and no loss of the connection came after its
//!   read was sent: its place is taken before, and whoever finds the place again finds the value.
//! - A value is admitted once, by what its user says, and ends when that says so.
//! - A value ends with its key's own TTL.
//! - A value is served only while the newest answered PING of its connection was sent less than
//!   [`SILENT_FOR`] ago. That is looked at in each read, so that no late task can extend it.

mod cache;
mod changes;
mod wire;

use std::{
    sync::{Arc, PoisonError, RwLock, RwLockReadGuard},
    time::Duration,
};

use redis_contracts::{Cache, DecodeError, Instance, Key, KeyFamily, Value};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use self::{
    changes::Teller,
    wire::{Forget, Wire},
};
use crate::{AccessError, CachePool, metrics::CLIENT_CACHE_DROPS, pool::decode};

pub use self::{
    cache::{Admitted, TrackedCache},
    changes::{Change, Changes},
};

/// How often the connection is asked whether it is there.
const BEAT_EVERY: Duration = Duration::from_millis(500);

/// A connection that has answered nothing sent within this time is silent: nothing read over it counts.
pub const SILENT_FOR: Duration = Duration::from_secs(2);

/// The tracked connection of a process. Cheap to clone.
#[derive(Clone)]
pub struct Tracking {
    inner: Arc<Inner>,
}

struct Inner {
    pool: CachePool,
    wire: RwLock<Option<Arc<Wire>>>,
    caches: RwLock<Vec<Arc<dyn Forget>>>,
    teller: Teller,
}

impl Tracking {
    /// Tracking in the Redis of this pool; nothing is connected until [`Tracking::keep`] runs.
    pub fn new(pool: CachePool) -> Self {
        Self {
            inner: Arc::new(Inner {
                pool,
                wire: RwLock::default(),
                caches: RwLock::default(),
                teller: Teller::new(),
            }),
        }
    }

    /// A cache of at most `capacity` values of a family. `admit` is asked of each value that is read, and
    /// never of one that is held: what it counts as and for how long, or `None`, which makes it a miss.
    /// While the connection is away, the cache reads from Redis as the pool does and holds nothing.
    pub fn cache<V: Value + Send + Sync, C: Send + Sync>(
        &self,
        family: &'static KeyFamily<Cache, V, Uuid>,
        capacity: usize,
        admit: impl Fn(Uuid, Result<V, DecodeError>) -> Option<Admitted<C>> + Send + Sync + 'static,
    ) -> TrackedCache<V, C> {
        let (cache, entries) = TrackedCache::new(self.clone(), family, capacity, Box::new(admit));
        let caches = self.inner.caches.write();
        caches.unwrap_or_else(PoisonError::into_inner).push(entries);
        cache
    }

    /// Keeps the connection until `stop`, and makes it again when it was lost. Run it supervised.
    pub async fn keep(&self, stop: CancellationToken) {
        tokio::select! {
            () = stop.cancelled() => {}
            () = wire::keep(&self.inner) => {}
        }
        self.inner.hang_up();
    }

    /// What changes of what was read over the connection, from now on.
    pub fn changes(&self) -> Changes {
        self.inner.teller.listen(Arc::clone(&self.inner))
    }

    /// GET over the connection, not held: from now on, a change of the key is told. Fails while the
    /// connection is away; when it is back, [`Change::All`] is told.
    pub async fn read<V: Value>(&self, key: &Key<Cache, V>) -> Result<Option<V>, AccessError> {
        let wire = self.inner.wire().ok_or_else(Inner::away)?;
        let (bytes, _) = wire.get(key.name()).await?;
        bytes.map(|bytes| decode::<Cache, V>(&bytes)).transpose()
    }

    /// Whether the connection is alive: what changes is told.
    pub fn is_alive(&self) -> bool {
        self.inner.wire().is_some()
    }
}

impl Inner {
    /// The connection, while it is alive.
    fn wire(&self) -> Option<Arc<Wire>> {
        let held = self.wire.read().unwrap_or_else(PoisonError::into_inner);
        held.clone().filter(|wire| wire.is_alive())
    }

    fn connected(&self, wire: Arc<Wire>) {
        *self.wire.write().unwrap_or_else(PoisonError::into_inner) = Some(wire);
        // What changed before this connection began to track was told to nobody.
        self.teller.tell_all();
    }

    fn hang_up(&self) {
        let mut held = self.wire.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(wire) = held.take() {
            wire.give_up();
        }
    }

    /// One key changed.
    fn forget(&self, name: &str) {
        for cache in self.caches().iter() {
            cache.forget(name);
        }
        self.teller.tell(name);
    }

    /// All may have changed.
    fn forget_all(&self) {
        CLIENT_CACHE_DROPS.inc();
        for cache in self.caches().iter() {
            cache.forget_all();
        }
        self.teller.tell_all();
    }

    fn caches(&self) -> RwLockReadGuard<'_, Vec<Arc<dyn Forget>>> {
        self.caches.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn away() -> AccessError {
        AccessError::away(Instance::Cache, "the tracked connection is not there")
    }
}
