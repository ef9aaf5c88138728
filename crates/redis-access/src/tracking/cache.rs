//! What was read over the tracked connection.

use std::{
    sync::{Arc, OnceLock},
    time::{Duration, Instant},
};

use quick_cache::sync::Cache as Places;
use redis_contracts::{Cache, DecodeError, KeyFamily, Value};
use uuid::Uuid;

use super::{
    Tracking,
    wire::{Forget, Pulse, Wire},
};
use crate::{AccessError, metrics};

/// Values of a family, each decoded and admitted once, and shared. Cheap to clone.
pub struct TrackedCache<V: 'static, C: 'static> {
    tracking: Tracking,
    entries: Arc<Entries<V, C>>,
}

/// A value that was admitted: what it counts as, and for how long at most.
pub struct Admitted<C> {
    /// What is served.
    pub value: C,
    /// For so long it is held, unless Redis says something else before.
    pub good_for: Duration,
}

/// Decides what a value that was read counts as; `None` makes it a miss.
type Admit<V, C> = dyn Fn(Uuid, Result<V, DecodeError>) -> Option<Admitted<C>> + Send + Sync;

impl<V, C> Clone for TrackedCache<V, C> {
    fn clone(&self) -> Self {
        Self {
            tracking: self.tracking.clone(),
            entries: Arc::clone(&self.entries),
        }
    }
}

impl<V: Value + Send + Sync, C: Send + Sync> TrackedCache<V, C> {
    pub(super) fn new(
        tracking: Tracking,
        family: &'static KeyFamily<Cache, V, Uuid>,
        capacity: usize,
        admit: Box<Admit<V, C>>,
    ) -> (Self, Arc<Entries<V, C>>) {
        let entries = Arc::new(Entries {
            places: Places::new(capacity),
            family,
            admit,
        });
        let cache = Self {
            tracking,
            entries: Arc::clone(&entries),
        };
        (cache, entries)
    }

    /// The value of an id: held, or read and admitted. One that is not there, or was not admitted, is
    /// not held.
    pub async fn get(&self, id: Uuid) -> Result<Option<Arc<C>>, AccessError> {
        match self.held(id) {
            Some(value) => Ok(Some(value)),
            None => self.read(id).await,
        }
    }

    /// The value of an id when it is held: no round trip and no waiting.
    pub fn held(&self, id: Uuid) -> Option<Arc<C>> {
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

    /// Forgets all values: what they were admitted by counts no more.
    pub fn forget_all(&self) {
        self.entries.places.clear();
    }

    async fn read(&self, id: Uuid) -> Result<Option<Arc<C>>, AccessError> {
        let key = self.entries.family.key(id);
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
        let read = match self.tracking.inner.pool.get(&key).await {
            Ok(Some(value)) => Ok(value),
            Ok(None) => return Ok(None),
            Err(AccessError::Undecodable { cause, .. }) => Err(cause),
            Err(error) => return Err(error),
        };
        let admitted = (self.entries.admit)(id, read);
        Ok(admitted.map(|admitted| Arc::new(admitted.value)))
    }

    async fn read_tracked(
        &self,
        wire: &Wire,
        id: Uuid,
        name: &str,
    ) -> Result<Option<Arc<C>>, AccessError> {
        let reading = self.entries.begin(id, &wire.pulse);
        let sent = Instant::now();
        let (bytes, ttl_ms) = wire.get(name).await?;
        let Some(bytes) = bytes else {
            return Ok(None);
        };
        // Of many who read it at once, one checks it: that costs more than the reading.
        if reading.is_none()
            && let Some(place) = self.entries.places.get(&id)
            && let Some(value) = place.value(Instant::now())
        {
            return Ok(Some(value));
        }
        let Some(admitted) = (self.entries.admit)(id, V::decode(&bytes)) else {
            return Ok(None);
        };
        let value = Arc::new(admitted.value);
        if let Some(reading) = reading {
            reading.end(&value, sent, ttl_ms, admitted.good_for);
        }
        Ok(Some(value))
    }
}

/// The places of a cache.
pub(super) struct Entries<V: 'static, C> {
    places: Places<Uuid, Arc<Place<C>>>,
    family: &'static KeyFamily<Cache, V, Uuid>,
    admit: Box<Admit<V, C>>,
}

/// Where a value is put when its reply comes. It is taken before the read is sent; an invalidation removes
/// it from the cache, and what is put into it then is found by nobody.
struct Place<C> {
    pulse: Arc<Pulse>,
    held: OnceLock<Held<C>>,
}

struct Held<C> {
    value: Arc<C>,
    /// The end of its key, or of what it is good for.
    until: Option<Instant>,
}

impl<C> Place<C> {
    fn value(&self, now: Instant) -> Option<Arc<C>> {
        let held = self.held.get()?;
        let lives = held.until.is_none_or(|until| now < until);
        (lives && self.pulse.is_alive(now)).then(|| Arc::clone(&held.value))
    }

    fn is_being_read(&self) -> bool {
        self.held.get().is_none() && self.pulse.is_alive(Instant::now())
    }
}

impl<V, C> Entries<V, C> {
    /// Takes the place of an id, unless another reader has: that one's reply is the one that is held.
    fn begin(&self, id: Uuid, pulse: &Arc<Pulse>) -> Option<Reading<'_, V, C>> {
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

impl<V: Send + Sync, C: Send + Sync> Forget for Entries<V, C> {
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
struct Reading<'a, V: 'static, C> {
    entries: &'a Entries<V, C>,
    id: Uuid,
    place: Arc<Place<C>>,
}

impl<V, C> Reading<'_, V, C> {
    /// The reply is here: `ttl_ms` is what PTTL said, -1 for no end and -2 for a key that has gone meanwhile.
    fn end(self, value: &Arc<C>, sent: Instant, ttl_ms: i64, good_for: Duration) {
        let goes = match u64::try_from(ttl_ms) {
            // The TTL was counted after the read was sent, so this is the earlier end.
            Ok(ttl_ms) => sent.checked_add(Duration::from_millis(ttl_ms)),
            Err(_) if ttl_ms == -1 => None,
            Err(_) => return,
        };
        let ends = Instant::now().checked_add(good_for);
        let until = [goes, ends].into_iter().flatten().min();
        let value = Arc::clone(value);
        // It is set here alone.
        let _ = self.place.held.set(Held { value, until });
    }
}

impl<V, C> Drop for Reading<'_, V, C> {
    fn drop(&mut self) {
        if self.place.held.get().is_none() {
            let own = |held: &Arc<Place<C>>| Arc::ptr_eq(held, &self.place);
            self.entries.places.remove_if(&self.id, own);
        }
    }
}
