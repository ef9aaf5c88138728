//! Against real Redis servers, over wires that are cut and frozen.

mod append;
mod failover;
mod limits;
mod link;
mod memory;
mod opening;
mod push;
mod refusing;
mod retries;
mod sessions;
mod streams;
mod tracking;
mod values;

use redis_access::{LinkState, Pool, RedisSettings};
use redis_contracts::RedisInstance;
use test_kit::{PATIENCE, RedisServer, eventually};
use tokio_util::sync::{CancellationToken, DropGuard};

/// A pool whose link is kept while this lives.
struct Reached<I> {
    pool: Pool<I>,
    _stop: DropGuard,
}

/// What an operator says to a server, and its answer.
async fn tell(server: &RedisServer, words: &[&str]) -> String {
    let mut command = redis::cmd(words[0]);
    command.arg(&words[1..]);
    let answer = command.query_async(&mut server.connect().await).await;
    answer.expect("an answer")
}

impl<I: RedisInstance> Reached<I> {
    /// Reaches Redis and waits until the link is up.
    async fn at(url: &str) -> Self {
        Self::with(&RedisSettings::new(url)).await
    }

    async fn with(settings: &RedisSettings) -> Self {
        let reached = Self::not_yet(settings);
        reached
            .until("up", |state| matches!(state, LinkState::Up(_)))
            .await;
        reached
    }

    /// Begins to reach Redis.
    fn not_yet(settings: &RedisSettings) -> Self {
        let pool = Pool::<I>::new(settings).expect("a Redis URL");
        let stop = CancellationToken::new();
        let (kept, stopped) = (pool.clone(), stop.clone());
        tokio::spawn(async move { kept.keep_link(stopped).await });
        Self {
            pool,
            _stop: stop.drop_guard(),
        }
    }

    /// Waits for a state of the link.
    async fn until(&self, what: &str, wanted: impl Fn(&LinkState) -> bool) -> LinkState {
        let link = self.pool.link();
        eventually(&format!("the link is {what}"), PATIENCE, async || {
            let state = link.borrow().clone();
            if wanted(&state) {
                Ok(state)
            } else {
                Err(format!("{state:?}"))
            }
        })
        .await
    }
}
