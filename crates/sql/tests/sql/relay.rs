//! The relay while it fills a stream that Redis has lost.

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicUsize, Ordering},
};

use redis_access::{RedisSettings, StreamsPool};
use redis_contracts::{
    LIVE_PROJECTS, PROJECTS, Position, StreamFamily, Streams, Timestamp,
    keys::OUTBOX_PRODUCER_PROJECTS,
    script::{Append, Hearing, Invocation, append_project_events},
};
use service_kit::{
    Context, Problem,
    config::{Environment, load},
    health::Need,
};
use sql::relay::{self, Committed, Outbox};
use test_kit::{PATIENCE, Proxy, RedisServer, eventually};
use tokio_util::sync::{CancellationToken, DropGuard};
use uuid::Uuid;

use crate::SERVICE;

/// Events of a batch of history.
const BATCH: usize = 512;

/// Batches that a refill has.
const BATCHES: usize = 8;
const EVENTS: usize = BATCH * BATCHES;

/// Events in memory; the wire is cut while this one of their batches is read.
struct Stored {
    positions: Arc<Mutex<Vec<Position>>>,
    batches: AtomicUsize,
    cut_at: usize,
    wire: Arc<Proxy>,
}

impl Stored {
    fn positions(&self) -> Vec<Position> {
        self.positions.lock().expect("no panic").clone()
    }
}

impl Outbox for Stored {
    type Event = Position;

    async fn events_after(&self, after: Position, limit: i64) -> Result<Vec<Position>, Problem> {
        if self.batches.fetch_add(1, Ordering::Relaxed) == self.cut_at {
            self.wire.cut_once();
        }
        let mut events = self.positions();
        events.retain(|position| *position > after);
        events.truncate(limit as usize);
        Ok(events)
    }

    async fn count_after(&self, after: Position) -> Result<i64, Problem> {
        let after = |position: &&Position| **position > after;
        Ok(self.positions().iter().filter(after).count() as i64)
    }

    async fn newest_position(&self) -> Result<Position, Problem> {
        Ok(self.positions().last().copied().unwrap_or_default())
    }

    async fn has(&self, position: Position) -> Result<bool, Problem> {
        Ok(self.positions().contains(&position))
    }

    async fn settle(&self, _: Position, _: Position) -> Result<(), Problem> {
        Ok(())
    }

    async fn position_before(&self, _: i64, _: i64) -> Result<Position, Problem> {
        Ok(Position::START)
    }

    fn position(event: &Position) -> Position {
        *event
    }

    fn stream() -> &'static StreamFamily<()> {
        &PROJECTS
    }

    fn producer() -> &'static str {
        OUTBOX_PRODUCER_PROJECTS
    }

    fn bytes(_: &Position) -> usize {
        500
    }

    fn append(after: Position, events: Vec<Position>, hearing: Hearing) -> Invocation<Streams> {
        let append = |position| Append {
            position,
            project_id: Uuid::nil(),
            event: "{}".to_owned(),
        };
        let events: Vec<_> = events.into_iter().map(append).collect();
        append_project_events(after, &events, hearing)
    }
}

fn pool(url: String) -> StreamsPool {
    StreamsPool::new(&RedisSettings::new(url)).expect("a Redis URL")
}

/// A relay that runs while this lives.
struct Relaying {
    server: RedisServer,
    positions: Arc<Mutex<Vec<Position>>>,
    committed: Arc<Committed>,
    _stop: DropGuard,
}

impl Relaying {
    /// Its wire is cut while it reads this batch.
    async fn start(server: RedisServer, cut_at: usize) -> Self {
        let wire = Arc::new(Proxy::start(([127, 0, 0, 1], server.port()).into()).await);
        let first_ms = Timestamp::now().unix_ms().unsigned_abs() - 60_000;
        let positions = (0..EVENTS as u64).map(|number| Position::new(first_ms, number));
        let positions = Arc::new(Mutex::new(positions.collect()));
        let settings = load(&SERVICE, "", &Environment::new()).expect("good settings");
        let mut context = Context::new(SERVICE, settings);
        let streams = pool(format!("redis://{}", wire.addr()));
        context.keep(&streams, Need::Required);
        let committed = Arc::<Committed>::default();
        let outbox = Stored {
            positions: Arc::clone(&positions),
            batches: AtomicUsize::new(0),
            cut_at,
            wire,
        };
        relay::start(&mut context, outbox, streams, Arc::clone(&committed), false);
        let stop = CancellationToken::new();
        let stopped = stop.clone();
        tokio::spawn(async move { context.supervisor.run(stopped.cancelled()).await });
        Self {
            server,
            positions,
            committed,
            _stop: stop.drop_guard(),
        }
    }

    fn commit(&self) -> Position {
        let now_ms = Timestamp::now().unix_ms().unsigned_abs();
        let position = Position::new(now_ms, 0);
        self.positions.lock().expect("no panic").push(position);
        self.committed.add(1);
        position
    }

    async fn until_held(&self, count: usize) {
        let mut redis = self.server.connect().await;
        eventually("the stream is filled", PATIENCE, async || {
            let mut length = redis::cmd("XLEN");
            length.arg(PROJECTS.key(()).name());
            let held: usize = length.query_async(&mut redis).await.expect("XLEN");
            if held == count { Ok(()) } else { Err(held) }
        })
        .await;
    }
}

#[tokio::test]
async fn a_refill_that_lost_its_link_in_the_middle_goes_on_quietly() {
    let server = RedisServer::streams().await;
    let listening = pool(server.url());
    let stop = CancellationToken::new();
    let (kept, stopped) = (listening.clone(), stop.clone());
    tokio::spawn(async move { kept.keep_link(stopped).await });
    let _stop = stop.drop_guard();
    let mut live = eventually("subscribed", PATIENCE, async || {
        listening.subscribe(&[&LIVE_PROJECTS]).await
    })
    .await;
    let relaying = Relaying::start(server, BATCHES / 2).await;
    relaying.until_held(EVENTS).await;
    let new = relaying.commit();
    let mut published = 0;
    loop {
        let message = tokio::time::timeout(PATIENCE, live.next()).await;
        let message = message.expect("in time").expect("a message");
        published += 1;
        if message.contains(&format!("\"position\":\"{new}\"")) {
            break;
        }
    }
    // The last batch of history, so that whoever missed some reads on from there, and what is new.
    assert!(published <= BATCH + 1, "{published}");
}
