//! The client-side cache: what it serves is never older than it may be.

mod loss;
mod order;
mod rules;
mod stress;

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use redis_access::{Admitted, Change, Changes, RedisSettings, TrackedCache, Tracking};
use redis_contracts::{Cache, DecodeError, SignedCopy, Value, keys::SESSION};
use test_kit::{PATIENCE, Proxy, RedisServer, eventually};
use tokio::time::timeout;
use tokio_util::sync::{CancellationToken, DropGuard};
use uuid::Uuid;

use crate::Reached;

/// A cache over a wire that can be cut; what is written goes to Redis directly.
struct Held {
    server: RedisServer,
    wire: Proxy,
    reader: Reader,
    writer: redis::aio::MultiplexedConnection,
}

/// A client-side cache that keeps of each copy its version.
type Versions = TrackedCache<SignedCopy, u64>;

/// A process's client-side cache.
struct Reader {
    reached: Reached<Cache>,
    tracking: Tracking,
    cache: Versions,
    /// How often a value was admitted, or not.
    admissions: Arc<AtomicUsize>,
    _stop: DropGuard,
}

impl Reader {
    /// Reaches Redis, and tracks in it.
    async fn with(settings: &RedisSettings, capacity: usize) -> Self {
        let reader = Self::not_yet(settings, capacity).await;
        reader.until_alive().await;
        reader
    }

    /// Reaches Redis, and begins to track in it.
    async fn not_yet(settings: &RedisSettings, capacity: usize) -> Self {
        let reached = Reached::<Cache>::with(settings).await;
        let tracking = Tracking::new(reached.pool.clone());
        let stop = CancellationToken::new();
        let (kept, stopped) = (tracking.clone(), stop.clone());
        tokio::spawn(async move { kept.keep(stopped).await });
        let admissions = Arc::<AtomicUsize>::default();
        let counted = Arc::clone(&admissions);
        let admit = move |_, read| {
            counted.fetch_add(1, Ordering::Relaxed);
            admit(read)
        };
        Self {
            cache: tracking.cache(&SESSION, capacity, admit),
            admissions,
            reached,
            tracking,
            _stop: stop.drop_guard(),
        }
    }

    async fn until_alive(&self) {
        eventually("the tracked connection is there", PATIENCE, async || {
            self.tracking.is_alive().then_some(()).ok_or("away")
        })
        .await;
    }

    /// The version that a read gives.
    async fn version(&self, id: Uuid) -> Option<u64> {
        let version = self.cache.get(id).await.expect("an answer");
        version.map(|version| *version)
    }

    /// The version that is held.
    fn held(&self, id: Uuid) -> Option<u64> {
        self.cache.held(id).map(|version| *version)
    }

    async fn until_not_held(&self, id: Uuid) {
        eventually("it is not held", PATIENCE, async || match self.held(id) {
            None => Ok(()),
            Some(version) => Err(version),
        })
        .await;
    }
}

impl Held {
    async fn start() -> Self {
        let server = RedisServer::cache().await;
        let wire = Proxy::start(([127, 0, 0, 1], server.port()).into()).await;
        let reader = Reader::with(
            &RedisSettings::new(format!("redis://{}", wire.addr())),
            1000,
        )
        .await;
        let writer = server.connect().await;
        Self {
            server,
            wire,
            reader,
            writer,
        }
    }

    /// Writes a version for `ttl`.
    async fn write(&mut self, id: Uuid, version: u64, ttl: Duration) {
        write(&mut self.writer, id, version, ttl)
            .await
            .expect("SET");
    }

    /// A version that is held.
    async fn hold(&mut self, id: Uuid, version: u64) {
        self.write(id, version, HOUR).await;
        // An invalidation of what was held before may still be on its way.
        eventually("it is held", PATIENCE, async || {
            let read = self.reader.version(id).await;
            let held = self.reader.held(id);
            let held_now = held == Some(version);
            held_now.then_some(()).ok_or(format!("{read:?}, {held:?}"))
        })
        .await;
    }

    async fn command(&mut self, words: &[&str]) {
        let mut command = redis::cmd(words[0]);
        command.arg(&words[1..]);
        command.exec_async(&mut self.writer).await.expect("done");
    }
}

const HOUR: Duration = Duration::from_secs(3600);

fn name(id: Uuid) -> String {
    SESSION.key(id).name().to_owned()
}

async fn write(
    writer: &mut redis::aio::MultiplexedConnection,
    id: Uuid,
    version: u64,
    ttl: Duration,
) -> redis::RedisResult<()> {
    let mut set = redis::cmd("SET");
    let ttl_ms = u64::try_from(ttl.as_millis()).expect("short");
    set.arg(name(id)).arg(copy(&version.to_string()));
    set.arg("PX").arg(ttl_ms).exec_async(writer).await
}

/// What stands in Redis: a version, or a version and for how many milliseconds it is good.
fn copy(payload: &str) -> Vec<u8> {
    let copy = SignedCopy {
        signature: "x".repeat(86),
        payload: payload.as_bytes().to_vec(),
    };
    copy.encode()
}

fn admit(read: Result<SignedCopy, DecodeError>) -> Option<Admitted<u64>> {
    let payload = String::from_utf8(read.ok()?.payload).ok()?;
    let (version, good_ms) = payload.split_once(' ').unwrap_or((&payload, "3600000"));
    Some(Admitted {
        value: version.parse().ok()?,
        good_for: Duration::from_millis(good_ms.parse().ok()?),
    })
}

/// The next change, which has to come.
async fn told(changes: &mut Changes) -> Change {
    timeout(PATIENCE, changes.next()).await.expect("a change")
}

/// Waits until the change of a key is told.
async fn until_told(changes: &mut Changes, id: Uuid) {
    while told(changes).await != Change::Key(name(id).into()) {}
}
