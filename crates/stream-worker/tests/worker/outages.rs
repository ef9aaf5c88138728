//! An outage is nobody's fault: what was being worked on is neither an attempt nor a dead letter.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use redis_access::{AccessError, LinkState, StreamsPool};
use redis_contracts::keys::OUTBOX;
use stream_worker::{Delivery, Handler, Outcome};
use test_kit::{PATIENCE, Proxy, RedisServer, eventually};
use tokio_util::sync::CancellationToken;

use super::{Running, Seen, append, dead_letters, settings_of, settled};

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

#[tokio::test]
async fn what_waits_for_redis_is_never_given_up() {
    let redis = RedisServer::streams().await;
    let mut connection = redis.connect().await;
    // The worker's own connections are well; those that it works with are not.
    let wire = Proxy::start(([127, 0, 0, 1], redis.port()).into()).await;
    let pool = StreamsPool::new(&settings_of(&format!("redis://{}", wire.addr())));
    let pool = pool.expect("a Redis URL");
    let (stop, kept, begun) = (CancellationToken::new(), pool.clone(), Arc::default());
    let stopped = stop.clone();
    let link = tokio::spawn(async move { kept.keep_link(stopped).await });
    let mut up = pool.link();
    let is_up = up.wait_for(|state| matches!(state, LinkState::Up(_)));
    is_up.await.expect("a link");
    wire.freeze_answers();
    append(&mut connection).await;
    let handler = LooksUp {
        pool,
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
    stop.cancel();
    link.await.expect("no panic");
}
