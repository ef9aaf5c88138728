//! What was read over the tracked connection.

use std::{
    sync::{Arc, OnceLock},
    time::{Duration, Instant},
};

use quick_cache::sync::Cache as Places;
use redis_contracts::{Cache, KeyFamily, Value};
use uuid::Uuid;

use super::{
    Tracking,
    wire::{Forget, Pulse, Wire},
};
use crate::{AccessError, metrics, pool::decode};

/// Values of a family, decoded once and shared. Cheap to clone.
pub struct TrackedCache<V: 'static> {
    tracking: Tracking,
    entries: Arc<Entries<V>>,
    family: &'static KeyFamily<Cache, V, Uuid>,
}

impl<V> Clone for TrackedCache<V> {
    fn clone(&self) -> Self {
        Self {
            tracking: self.tracking.clone(),
            entries: Arc::clone(&self.entries),
            family: self.family,
        }
    }
}

impl<V: Value + Send + Sync + 'static> TrackedCache<V> {
    pub(super) fn new(
        tracking: Tracking,
        family: &'static KeyFamily<Cache, V, Uuid>,
        capacity: usize,
    ) -> (Self, Arc<Entries<V>>) {
        let entries = Arc::new(Entries {
            places: Places::new(capacity),
            family,
        });
        let cache = Self {
            tracking,
            entries: Arc::clone(&entries),
            family,
        };
        (cache, entries)
    }

    /// The value of an id: held, or read. One that is not there is not held.
    pub async fn get(&self, id: Uuid) -> Result<Option<Arc<V>>, AccessError> {
        match self.held(id) {
            Some(value) => Ok(Some(value)),
            None => self.read(id).await,
        }
    }

    /// The value of an id when it is held: no round trip and no waiting.
    pub fn held(&self, id: Uuid) -> Option<Arc<V>> {
        let place = self.entries.places.get(&id)?;
        // The clock is read after the place was found: what is found now counts now.
        let value = place.value(Instant::now())?;
        metrics::CLIENT_CACHE.hit.inc();
        Some(value)
    }

    /// Forgets a value, so that the next read asks Redis.
    pub fn forget(&self, id: Uuid) {
        self.entries.places.remove(&id);
    }

    async fn read(&self, id: Uuid) -> Result<Option<Arc<V>>, AccessError> {
        let key = self.family.key(id);
        if let Some(wire) = self.tracking.inner.wire() {
            metrics::CLIENT_CACHE.miss.inc();
            match self.read_tracked(&wire, id, key.name()).await {
                Err(error) if error.is_unavailable() => {
                    self.tracking.inner.pool.suspect();
                    if !error.is_worth_repeating() {
                        return Err(error);
                    }
                }
                answer => return answer,
            }
        }
        metrics::CLIENT_CACHE.bypassed.inc();
        let value = self.tracking.inner.pool.get(&key).await?;
        Ok(value.map(Arc::new))
    }

    async fn read_tracked(
        &self,
        wire: &Wire,
        id: Uuid,
        name: &str,
    ) -> Result<Option<Arc<V>>, AccessError> {
        let reading = self.entries.begin(id, &wire.pulse);
        let sent = Instant::now();
        let (bytes, ttl_ms) = wire.get(name).await?;
        let Some(bytes) = bytes else {
            return Ok(None);
        };
        let value = Arc::new(decode::<Cache, V>(&bytes)?);
        if let Some(reading) = reading {
            reading.end(&value, sent, ttl_ms);
        }
        Ok(Some(value))
    }
}

/// The places of a cache.
pub(super) struct Entries<V: 'static> {
    places: Places<Uuid, Arc<Place<V>>>,
    family: &'static KeyFamily<Cache, V, Uuid>,
}

/// Where a value is put when its reply comes. It is taken before the read is sent; an invalidation removes
/// it from the cache, and what is put into it then is found by nobody.
struct Place<V> {
    pulse: Arc<Pulse>,
    held: OnceLock<Held<V>>,
}

struct Held<V> {
    value: Arc<V>,
    until: Option<Instant>,
}

impl<V> Place<V> {
    fn value(&self, now: Instant) -> Option<Arc<V>> {
        let held = self.held.get()?;
        let lives = held.until.is_none_or(|until| now < until);
        (lives && self.pulse.is_alive(now)).then(|| Arc::clone(&held.value))
    }

    fn is_being_read(&self) -> bool {
        self.held.get().is_none() && self.pulse.is_alive(Instant::now())
    }
}

impl<V> Entries<V> {
    /// Takes the place of an id, unless another reader has: that one's reply is the one that is held.
    fn begin(&self, id: Uuid, pulse: &Arc<Pulse>) -> Option<Reading<'_, V>> {
        let taken = self.places.peek(&id);
        if taken.is_some_and(|place| place.is_being_read()) {
            return None;
        }
        let place = Arc::new(Place {
            pulse: Arc::clone(pulse),
            held: OnceLock::new(),
        });
        self.places.insert(id, Arc::clone(&place));
        Some(Reading {
            entries: self,
            id,
            place,
        })
    }
}

impl<V: Send + Sync> Forget for Entries<V> {
    fn forget(&self, name: &str) {
        if let Some(id) = self.family.id_of(name) {
            self.places.remove(&id);
        }
    }

    fn forget_all(&self) {
        self.places.clear();
    }
}

/// A read on its way. A place that gets no value is given back.
struct Reading<'a, V: 'static> {
    entries: &'a Entries<V>,
    id: Uuid,
    place: Arc<Place<V>>,
}

impl<V> Reading<'_, V> {
    /// The reply is here: `ttl_ms` is what PTTL said, -1 for no end and -2 for a key that has gone meanwhile.
    fn end(self, value: &Arc<V>, sent: Instant, ttl_ms: i64) {
        let until = match u64::try_from(ttl_ms) {
            // The TTL was counted after the read was sent, so this is the earlier end.
            Ok(ttl_ms) => sent.checked_add(Duration::from_millis(ttl_ms)),
            Err(_) if ttl_ms == -1 => None,
            Err(_) => return,
        };
        let value = Arc::clone(value);
        // It is set here alone.
        let _ = self.place.held.set(Held { value, until });
    }
}

impl<V> Drop for Reading<'_, V> {
    fn drop(&mut self) {
        if self.place.held.get().is_none() {
            let own = |held: &Arc<Place<V>>| Arc::ptr_eq(held, &self.place);
            self.entries.places.remove_if(&self.id, own);
        }
    }
}
