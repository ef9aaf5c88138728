//! An outage is nobody's fault: what was being worked on is neither an attempt nor a dead letter.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Instant,
};

use redis::{AsyncCommands, aio::MultiplexedConnection, streams::StreamPendingCountReply};
use redis_access::{AccessError, LinkState, RedisSettings, StreamsPool};
use redis_contracts::{LEARNING_GROUP, Position, keys::OUTBOX};
use stream_worker::{Delivery, Handler, Outcome, Worker};
use test_kit::{PATIENCE, Proxy, RedisServer, eventually};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::{OF, Running, STREAM, Seen, TIMING, append, dead_letters, event, settled};

/// Looks something up in Redis for each batch.
struct LooksUp {
    pool: StreamsPool,
    begun: Arc<AtomicU64>,
}

impl Handler for LooksUp {
    async fn handle(&self, batch: &[Delivery]) -> Result<Vec<Outcome>, AccessError> {
        self.begun.fetch_add(1, Ordering::Relaxed);
        self.pool.get(&OUTBOX.key("a-producer")).await?;
        Ok(vec![Outcome::Done; batch.len()])
    }
}

/// Writes something for each batch, and counts how often that was done.
struct Counts {
    pool: StreamsPool,
    handled: Arc<AtomicU64>,
}

impl Handler for Counts {
    async fn handle(&self, batch: &[Delivery]) -> Result<Vec<Outcome>, AccessError> {
        let key = OUTBOX.key("a-producer");
        self.pool.set(&key, &Position::new(1, 0)).await?;
        self.handled.fetch_add(1, Ordering::Relaxed);
        Ok(vec![Outcome::Done; batch.len()])
    }
}

/// A way to Redis for handlers, whose link is up.
struct Reached {
    pool: StreamsPool,
    stop: CancellationToken,
    link: JoinHandle<()>,
}

impl Reached {
    async fn at(url: &str) -> Self {
        let pool = StreamsPool::new(&RedisSettings::new(url)).expect("a Redis URL");
        let (stop, kept) = (CancellationToken::new(), pool.clone());
        let stopped = stop.clone();
        let link = tokio::spawn(async move { kept.keep_link(stopped).await });
        let mut up = pool.link();
        let is_up = up.wait_for(|state| matches!(state, LinkState::Up(_)));
        is_up.await.expect("a link");
        Self { pool, stop, link }
    }

    async fn leave(self) {
        self.stop.cancel();
        self.link.await.expect("no panic");
    }
}

#[tokio::test]
async fn what_waits_for_redis_is_never_given_up() {
    let redis = RedisServer::streams().await;
    let mut connection = redis.connect().await;
    // The worker's own connections are well; those that it works with are not.
    let wire = Proxy::start(([127, 0, 0, 1], redis.port()).into()).await;
    let reached = Reached::at(&format!("redis://{}", wire.addr())).await;
    wire.freeze_answers();
    append(&mut connection).await;
    let begun = Arc::<AtomicU64>::default();
    let handler = LooksUp {
        pool: reached.pool.clone(),
        begun: Arc::clone(&begun),
    };
    let worker = Running::with(&redis, "one", handler, Seen::default());
    // Many times as often as an entry that fails is tried.
    eventually("it was tried again and again", PATIENCE, async || {
        let begun = begun.load(Ordering::Relaxed);
        if begun > 12 { Ok(()) } else { Err(begun) }
    })
    .await;
    wire.heal();
    settled(&redis).await;
    assert!(dead_letters(&mut connection).await.is_empty());
    worker.stop().await;
    reached.leave().await;
}

#[tokio::test]
async fn what_waits_for_redis_stays_with_its_consumer_however_many_there_are() {
    let redis = RedisServer::streams().await;
    let mut connection = redis.connect().await;
    let wire = Proxy::start(([127, 0, 0, 1], redis.port()).into()).await;
    let reached = Reached::at(&format!("redis://{}", wire.addr())).await;
    wire.freeze();
    append(&mut connection).await;
    let handled = Arc::<AtomicU64>::default();
    // More than deliveries after which an entry is given up.
    let names: Vec<_> = (0..8).map(|number| format!("worker-{number}")).collect();
    let workers = names.iter().map(|name| {
        let handler = Counts {
            pool: reached.pool.clone(),
            handled: Arc::clone(&handled),
        };
        Running::with(&redis, name, handler, Seen::default())
    });
    let workers: Vec<_> = workers.collect();
    // Each of them would have taken it over by then.
    let begun = Instant::now();
    eventually("it was held for long", PATIENCE, async || {
        let pending: StreamPendingCountReply = connection
            .xpending_count(STREAM, LEARNING_GROUP, "-", "+", 10)
            .await
            .map_err(|error| error.to_string())?;
        let delivered = pending.ids.first().map(|id| id.times_delivered);
        assert!(delivered.is_none_or(|times| times == 1), "{pending:?}");
        match begun.elapsed() > 12 * TIMING.claim_idle {
            true => Ok(()),
            false => Err(format!("{delivered:?}")),
        }
    })
    .await;
    wire.heal();
    settled(&redis).await;
    assert_eq!(handled.load(Ordering::Relaxed), 1);
    assert!(dead_letters(&mut connection).await.is_empty());
    for worker in workers {
        worker.stop().await;
    }
    reached.leave().await;
}

#[tokio::test]
async fn a_redis_that_takes_no_writes_is_no_attempt() {
    let redis = RedisServer::streams().await;
    let mut connection = redis.connect().await;
    let reached = Reached::at(&redis.url()).await;
    let handler = Counts {
        pool: reached.pool.clone(),
        handled: Arc::default(),
    };
    let handled = Arc::clone(&handler.handled);
    let worker = Running::with(&redis, "one", handler, Seen::default());
    append(&mut connection).await;
    settled(&redis).await;
    for (setting, code) in [
        ("min-replicas-to-write", "NOREPLICAS"),
        ("maxmemory", "OOM"),
    ] {
        let refusals = refused(&mut connection, code).await;
        let both = redis::pipe()
            .cmd("XADD")
            .arg(STREAM)
            .arg("*")
            .arg("event")
            .arg(event(Uuid::now_v7()))
            .ignore()
            .cmd("CONFIG")
            .arg("SET")
            .arg(setting)
            .arg(1)
            .ignore()
            .exec_async(&mut connection)
            .await;
        both.expect("both");
        // Many times as often as an entry that fails is tried.
        eventually("it was tried again and again", PATIENCE, async || {
            let more = refused(&mut connection, code).await - refusals;
            if more > 12 { Ok(()) } else { Err(more) }
        })
        .await;
        config(&mut connection, setting, "0").await;
        settled(&redis).await;
    }
    assert!(handled.load(Ordering::Relaxed) >= 3);
    assert!(dead_letters(&mut connection).await.is_empty());
    worker.stop().await;
    reached.leave().await;
}

/// How often the server has answered with an error of this code.
async fn refused(connection: &mut MultiplexedConnection, code: &str) -> u64 {
    let info = redis::cmd("INFO").arg("errorstats").to_owned();
    let text: String = info.query_async(connection).await.expect("INFO");
    let of_code = format!("errorstat_{code}:count=");
    let line = text.lines().find_map(|line| line.strip_prefix(&of_code));
    line.map_or(0, |count| count.trim().parse().expect("a count"))
}

async fn config(connection: &mut MultiplexedConnection, setting: &str, value: &str) {
    let mut command = redis::cmd("CONFIG");
    command.arg("SET").arg(setting).arg(value);
    command.exec_async(connection).await.expect("CONFIG SET");
}

#[tokio::test]
async fn something_else_in_place_of_a_key_is_no_fault_of_an_entry() {
    let redis = RedisServer::streams().await;
    let mut connection = redis.connect().await;
    let reached = Reached::at(&redis.url()).await;
    let key = OUTBOX.key("a-producer");
    let _: u64 = connection.lpush(key.name(), "x").await.expect("LPUSH");
    append(&mut connection).await;
    let begun = Arc::<AtomicU64>::default();
    let handler = LooksUp {
        pool: reached.pool.clone(),
        begun: Arc::clone(&begun),
    };
    let worker = Running::with(&redis, "one", handler, Seen::default());
    // Many times as often as an entry that fails is tried.
    eventually("it was tried again and again", PATIENCE, async || {
        let begun = begun.load(Ordering::Relaxed);
        if begun > 12 { Ok(()) } else { Err(begun) }
    })
    .await;
    let _: u64 = connection.del(key.name()).await.expect("DEL");
    settled(&redis).await;
    assert!(dead_letters(&mut connection).await.is_empty());
    worker.stop().await;
    reached.leave().await;
}

#[tokio::test]
async fn a_key_that_is_no_stream_is_named_and_over_once_it_is_gone() {
    let redis = RedisServer::streams().await;
    let mut connection = redis.connect().await;
    let _: () = connection.set(STREAM, "no stream").await.expect("SET");
    let pool = StreamsPool::new(&RedisSettings::new(redis.url())).expect("a Redis URL");
    let handler = Counts {
        pool: pool.clone(),
        handled: Arc::default(),
    };
    let worker = Worker::new(pool.clone(), OF, "one".to_owned(), TIMING, handler);
    let worker = worker.expect("sound timing");
    let (fault, stop) = (worker.fault(), CancellationToken::new());
    let stopped = stop.clone();
    let running = tokio::spawn(async move {
        tokio::join!(pool.keep_link(stopped.clone()), worker.run(stopped));
    });
    eventually("it is named", PATIENCE, async || match fault.reason() {
        Some(reason) if reason.contains("is no stream") => Ok(()),
        other => Err(format!("{other:?}")),
    })
    .await;
    let _: () = connection.del(STREAM).await.expect("DEL");
    eventually("it is over", PATIENCE, async || {
        fault.reason().map_or(Ok(()), Err)
    })
    .await;
    append(&mut connection).await;
    settled(&redis).await;
    stop.cancel();
    running.await.expect("no panic");
}
