//! The client-side cache: what it serves is never older than it may be.

mod loss;
mod order;
mod rules;
mod stress;

use std::time::Duration;

use redis_access::{Change, Changes, RedisSettings, TrackedCache, Tracking};
use redis_contracts::{
    Cache, Timestamp, Value,
    keys::{SESSION, SessionRecord},
    resource::User,
};
use test_kit::{PATIENCE, Proxy, RedisServer, eventually};
use tokio::time::timeout;
use tokio_util::sync::{CancellationToken, DropGuard};
use uuid::Uuid;

use crate::{Reached, settings};

/// A cache over a wire that can be cut; what is written goes to Redis directly.
struct Held {
    server: RedisServer,
    wire: Proxy,
    reader: Reader,
    writer: redis::aio::MultiplexedConnection,
}

/// A process's client-side cache.
struct Reader {
    reached: Reached<Cache>,
    tracking: Tracking,
    cache: TrackedCache<SessionRecord>,
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
        Self {
            cache: tracking.cache(&SESSION, capacity),
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
        let record = self.cache.get(id).await.expect("an answer");
        record.map(|record| record.version)
    }

    /// The version that is held.
    fn held(&self, id: Uuid) -> Option<u64> {
        self.cache.held(id).map(|record| record.version)
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
        let reader = Reader::with(&settings(&format!("redis://{}", wire.addr())), 1000).await;
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
    set.arg(name(id)).arg(record(version).encode());
    set.arg("PX").arg(ttl_ms).exec_async(writer).await
}

fn record(version: u64) -> SessionRecord {
    let now = Timestamp::now();
    SessionRecord {
        version,
        user: User {
            id: Uuid::now_v7(),
            email: "reader@example.com".to_owned(),
            handle: "reader".to_owned(),
            roles: vec!["user".to_owned()],
            email_verified: false,
            pending_email: None,
            second_factor: false,
            created_at: now,
        },
        created_at: now,
        expires_at: now.plus_seconds(3600),
        last_seen: now,
        ended_at: None,
        agent: String::new(),
        address: String::new(),
        machine: None,
    }
}

/// The next change, which has to come.
async fn told(changes: &mut Changes) -> Change {
    timeout(PATIENCE, changes.next()).await.expect("a change")
}

/// Waits until the change of a key is told.
async fn until_told(changes: &mut Changes, id: Uuid) {
    while told(changes).await != Change::Key(name(id).into()) {}
}
