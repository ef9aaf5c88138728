//! Many readers, a writer, and a wire that is cut, frozen and healed before a Redis that is emptied,
//! killed and started again. Whatever happens, two things hold of each value that is served:
//!
//! - It is not older than one that anybody was served before the read began.
//! - It is not older than one whose write was confirmed two seconds before the read began.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use redis_access::SILENT_FOR;
use test_kit::{PATIENCE, eventually};
use tokio::task::JoinSet;
use uuid::Uuid;

use super::{HOUR, Held, Versions, write};

const READERS: usize = 8;
const SESSIONS: usize = 16;

/// What is known of one session.
#[derive(Default)]
struct Known {
    /// The newest version that anybody was served.
    served: AtomicU64,
    /// Versions whose write was confirmed, and when; the first is the newest that has to be served.
    confirmed: Mutex<Vec<(Instant, u64)>>,
}

impl Known {
    fn confirm(&self, version: u64) {
        let mut confirmed = self.confirmed.lock().expect("not poisoned");
        confirmed.push((Instant::now(), version));
    }

    /// The oldest version that a read begun at `began` may give.
    fn oldest(&self, began: Instant) -> u64 {
        let mut confirmed = self.confirmed.lock().expect("not poisoned");
        let due = confirmed.partition_point(|(at, _)| *at + SILENT_FOR <= began);
        confirmed.drain(..due.saturating_sub(1));
        let due = if due > 0 { confirmed[0].1 } else { 0 };
        due.max(self.served.load(Ordering::SeqCst))
    }
}

struct World {
    ids: Vec<Uuid>,
    known: Vec<Known>,
    hits: AtomicU64,
    stopping: AtomicBool,
}

impl World {
    fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::Relaxed)
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn nothing_older_is_served_than_may_be() {
    let mut held = Held::start().await;
    let world = Arc::new(World {
        ids: (0..SESSIONS).map(|_| Uuid::now_v7()).collect(),
        known: (0..SESSIONS).map(|_| Known::default()).collect(),
        hits: AtomicU64::new(0),
        stopping: AtomicBool::new(false),
    });
    let mut tasks = JoinSet::new();
    for reader in 0..READERS {
        tasks.spawn(read(Arc::clone(&world), held.reader.cache.clone(), reader));
    }
    tasks.spawn(write_on(Arc::clone(&world), held.server.url()));

    more_hits(&world, &mut tasks).await;
    for _ in 0..3 {
        held.wire.cut_once();
        more_hits(&world, &mut tasks).await;
        held.wire.freeze_answers();
        held.wire.heal();
        more_hits(&world, &mut tasks).await;
        let _ = redis::cmd("FLUSHALL").exec_async(&mut held.writer).await;
        more_hits(&world, &mut tasks).await;
        held.wire.freeze();
        held.reader.until_not_held(world.ids[0]).await;
        eventually("it is silent", PATIENCE, async || {
            (!held.reader.tracking.is_alive())
                .then_some(())
                .ok_or("it is alive")
        })
        .await;
        held.wire.heal();
        more_hits(&world, &mut tasks).await;
        held.server.kill();
        held.server.restart().await;
        held.writer = held.server.connect().await;
        more_hits(&world, &mut tasks).await;
    }
    world.stopping.store(true, Ordering::Relaxed);
    while let Some(ended) = tasks.join_next().await {
        ended.expect("every value was new enough");
    }
}

/// Waits until the cache has served a good many values again.
async fn more_hits(world: &World, tasks: &mut JoinSet<()>) {
    let wanted = world.hits.load(Ordering::Relaxed) + 2000;
    eventually("values are served from memory", PATIENCE, async || {
        if let Some(ended) = tasks.try_join_next() {
            ended.expect("every value was new enough");
        }
        let hits = world.hits.load(Ordering::Relaxed);
        if hits >= wanted { Ok(()) } else { Err(hits) }
    })
    .await;
}

async fn read(world: Arc<World>, cache: Versions, reader: usize) {
    let mut number = reader;
    while !world.is_stopping() {
        number = (number + 1) % SESSIONS;
        let known = &world.known[number];
        let began = Instant::now();
        let oldest = known.oldest(began);
        let held = cache.held(world.ids[number]);
        let version = match held {
            Some(version) => {
                world.hits.fetch_add(1, Ordering::Relaxed);
                Some(version)
            }
            None => cache.get(world.ids[number]).await.unwrap_or_default(),
        };
        if let Some(version) = version {
            let version = *version;
            assert!(
                version >= oldest,
                "version {version} though {oldest} was due {:?} ago",
                began.elapsed()
            );
            known.served.fetch_max(version, Ordering::SeqCst);
        }
        tokio::task::yield_now().await;
    }
}

/// Writes ever newer versions; what Redis does not confirm is written again.
async fn write_on(world: Arc<World>, url: String) {
    let client = redis::Client::open(url).expect("a Redis URL");
    let mut version = 0;
    while !world.is_stopping() {
        let Ok(mut connection) = client.get_multiplexed_async_connection().await else {
            tokio::time::sleep(Duration::from_millis(5)).await;
            continue;
        };
        loop {
            version += 1;
            let number = version as usize % SESSIONS;
            let written = write(&mut connection, world.ids[number], version, HOUR).await;
            if written.is_err() || world.is_stopping() {
                break;
            }
            world.known[number].confirm(version);
            tokio::time::sleep(Duration::from_micros(300)).await;
        }
    }
}
