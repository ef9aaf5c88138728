//! Workers against a real Redis, with handlers that do as they are told.

mod outages;
mod outcomes;
mod taking_over;
mod tidying;

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use redis::{AsyncCommands, aio::MultiplexedConnection};
use redis_access::{AccessError, RedisSettings, StreamsPool};
use redis_contracts::{
    Consumed, INTERACTIONS, LEARNING_GROUP, Position, Timestamp,
    event::{Event, EventBody, InteractionKind, InteractionRecorded},
};
use stream_worker::{Delivery, Handler, Outcome, Timing, Worker};
use test_kit::{PATIENCE, RedisServer, eventually};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

const OF: Consumed = Consumed {
    stream: &INTERACTIONS,
    group: LEARNING_GROUP,
};
const STREAM: &str = "user:interactions";
const DEAD: &str = "dlq:user:interactions";

/// As the default, but in a hurry.
const TIMING: Timing = Timing {
    batch: 10,
    block: Duration::from_millis(50),
    deadline: Duration::from_millis(100),
    claim_idle: Duration::from_millis(250),
    claim_every: Duration::from_millis(20),
    most_attempts: 3,
};

type Seen = Arc<Mutex<HashMap<Uuid, u64>>>;

/// Does with each event what a function says, and remembers how often it was given each.
struct Told<F> {
    seen: Seen,
    tell: F,
}

impl<F: Fn(&Delivery, usize) -> Outcome + Send + Sync + 'static> Handler for Told<F> {
    async fn handle(&self, batch: &[Delivery]) -> Result<Vec<Outcome>, AccessError> {
        for delivery in batch {
            let mut seen = self.seen.lock().expect("no panic while held");
            *seen.entry(delivery.event.id).or_default() += 1;
        }
        Ok(batch
            .iter()
            .map(|delivery| (self.tell)(delivery, batch.len()))
            .collect())
    }
}

/// A worker that runs until it is stopped.
struct Running {
    seen: Seen,
    stop: CancellationToken,
    task: JoinHandle<()>,
}

impl Running {
    fn start(
        redis: &RedisServer,
        consumer: &str,
        tell: impl Fn(&Delivery, usize) -> Outcome + Send + Sync + 'static,
    ) -> Self {
        let seen = Seen::default();
        let handler = Told {
            seen: Arc::clone(&seen),
            tell,
        };
        Self::with(redis, consumer, handler, seen)
    }

    fn with(redis: &RedisServer, consumer: &str, handler: impl Handler, seen: Seen) -> Self {
        let stop = CancellationToken::new();
        let pool = StreamsPool::new(&RedisSettings::new(redis.url())).expect("a Redis URL");
        let worker = Worker::new(pool.clone(), OF, consumer.to_owned(), TIMING, handler);
        let worker = worker.expect("sound timing");
        let stopped = stop.clone();
        let task = tokio::spawn(async move {
            tokio::join!(pool.keep_link(stopped.clone()), worker.run(stopped));
        });
        Self { seen, stop, task }
    }

    fn given(&self, id: Uuid) -> u64 {
        let seen = self.seen.lock().expect("no panic while held");
        seen.get(&id).copied().unwrap_or_default()
    }

    async fn stop(self) {
        self.stop.cancel();
        tokio::time::timeout(PATIENCE, self.task)
            .await
            .expect("a drain")
            .expect("no panic");
    }
}

/// Appends an event; its id.
async fn append(connection: &mut MultiplexedConnection) -> Uuid {
    let id = Uuid::now_v7();
    append_text(connection, &event(id)).await;
    id
}

/// An event, as JSON.
fn event(id: Uuid) -> String {
    let event = Event {
        id,
        source: "/test".to_owned(),
        subject: "test".to_owned(),
        time: Timestamp::now(),
        traceparent: None,
        actor: id,
        project_id: None,
        body: EventBody::InteractionRecorded(InteractionRecorded {
            user_id: id,
            kind: InteractionKind::Asked,
            message_id: None,
            suggestion: None,
        }),
    };
    event.encode().expect("JSON")
}

async fn append_text(connection: &mut MultiplexedConnection, event: &str) -> Position {
    let id: String = connection
        .xadd(STREAM, "*", &[("event", event)])
        .await
        .expect("an entry");
    id.parse().expect("a position")
}

/// Waits until the group has no lag and nothing pending.
async fn settled(redis: &RedisServer) {
    let pool = StreamsPool::new(&RedisSettings::new(redis.url())).expect("a Redis URL");
    let stop = CancellationToken::new();
    let (kept, stopped) = (pool.clone(), stop.clone());
    let link = tokio::spawn(async move { kept.keep_link(stopped).await });
    eventually("the group has settled all", PATIENCE, async || {
        let report = pool
            .describe(STREAM)
            .await
            .map_err(|error| error.to_string())?;
        let groups = report.map(|report| report.groups).unwrap_or_default();
        match &groups[..] {
            [group] if group.lag == 0 && group.pending == 0 => Ok(()),
            groups => Err(format!("{groups:?}")),
        }
    })
    .await;
    stop.cancel();
    link.await.expect("no panic");
}

/// Reasons of the dead letters, in order.
async fn dead_letters(connection: &mut MultiplexedConnection) -> Vec<HashMap<String, String>> {
    let letters: Vec<(String, HashMap<String, String>)> =
        connection.xrange_all(DEAD).await.expect("a stream");
    letters.into_iter().map(|(_, fields)| fields).collect()
}
