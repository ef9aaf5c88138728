//! The tracked connection: kept, asked whether it is alive, and made again.

use std::{
    sync::{
        Arc, Weak,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use redis::{PushInfo, PushKind, Value as Reply, aio::MultiplexedConnection};
use redis_contracts::Instance;
use tokio::{sync::Notify, time::timeout};

use super::{BEAT_EVERY, Inner, SILENT_FOR};
use crate::{
    AccessError, Backoff, LinkState, link::LinkVersion, metrics::CLIENT_CACHE_INVALIDATIONS,
};

/// What is held because of the connection, and has to go when it says so.
pub(super) trait Forget: Send + Sync {
    /// The key of this name changed.
    fn forget(&self, name: &str);
    /// All of it.
    fn forget_all(&self);
}

/// Whether a connection is alive, as seen by whoever holds something that was read over it.
pub(super) struct Pulse {
    began: Instant,
    /// When the newest answered PING was sent, in nanoseconds since `began`.
    answered_ns: AtomicU64,
    lost: AtomicBool,
    loss: Notify,
}

impl Pulse {
    fn new() -> Self {
        Self {
            began: Instant::now(),
            answered_ns: AtomicU64::new(0),
            lost: AtomicBool::new(false),
            loss: Notify::new(),
        }
    }

    /// Whether what was read over the connection still counts at `now`.
    pub(super) fn is_alive(&self, now: Instant) -> bool {
        !self.lost.load(Ordering::Acquire) && self.silent_for(now) < SILENT_FOR
    }

    fn silent_for(&self, now: Instant) -> Duration {
        let answered = Duration::from_nanos(self.answered_ns.load(Ordering::Acquire));
        now.saturating_duration_since(self.began)
            .saturating_sub(answered)
    }

    /// A PING that was sent at `sent` is answered.
    fn answered(&self, sent: Instant) {
        let since = sent.saturating_duration_since(self.began).as_nanos();
        let since = u64::try_from(since).unwrap_or(u64::MAX);
        self.answered_ns.store(since, Ordering::Release);
    }

    fn lose(&self) {
        self.lost.store(true, Ordering::Release);
        self.loss.notify_one();
    }
}

/// A tracked connection.
pub(super) struct Wire {
    connection: MultiplexedConnection,
    standing: LinkVersion,
    pub(super) pulse: Arc<Pulse>,
}

impl Wire {
    pub(super) fn is_alive(&self) -> bool {
        self.pulse.is_alive(Instant::now())
    }

    pub(super) fn give_up(&self) {
        self.pulse.lose();
    }

    /// The value of a key and its TTL in milliseconds, as PTTL gives it.
    pub(super) async fn get(&self, name: &str) -> Result<(Option<Vec<u8>>, i64), AccessError> {
        let mut both = redis::pipe();
        both.cmd("GET").arg(name).cmd("PTTL").arg(name);
        both.query_async(&mut self.connection.clone())
            .await
            .map_err(|error| AccessError::from_redis(Instance::Cache, &error))
    }
}

/// Keeps the connection for ever.
pub(super) async fn keep(tracking: &Arc<Inner>) {
    let mut backoff = Backoff::new(Duration::from_millis(20), Duration::from_secs(1));
    let mut link = tracking.pool.link();
    loop {
        // The sender lives in the pool, so waiting cannot fail.
        let _ = link
            .wait_for(|state| matches!(state, LinkState::Up(_)))
            .await;
        match hold(tracking, &mut backoff).await {
            lost if lost.is_unavailable() => {
                tracing::debug!(reason = %lost, "the tracked connection is not there");
                tracking.pool.suspect();
            }
            refused => tracing::warn!(error = %refused, "Redis does not track what is read"),
        }
        tokio::time::sleep(backoff.next_wait()).await;
    }
}

/// Connects and holds; returns why the connection was lost.
async fn hold(tracking: &Arc<Inner>, backoff: &mut Backoff) -> AccessError {
    let pulse = Arc::new(Pulse::new());
    let wire = match connect(tracking, &pulse).await {
        Ok(wire) => Arc::new(wire),
        Err(error) => return error,
    };
    let mut asked = wire.connection.clone();
    asked.set_response_timeout(SILENT_FOR);
    tracking.connected(Arc::clone(&wire));
    backoff.reset();
    let lost = tokio::select! {
        () = pulse.loss.notified() => lost("connection closed"),
        lost = ask(tracking, &pulse, &mut asked) => lost,
        // This connection may be well, and lead to a server that is no longer the one to ask.
        () = wire.standing.until_lost() => lost("the link was lost"),
    };
    tracking.hang_up();
    tracking.forget_all();
    lost
}

/// Asks whether the connection is alive, until it is not.
async fn ask(
    tracking: &Inner,
    pulse: &Pulse,
    connection: &mut MultiplexedConnection,
) -> AccessError {
    loop {
        tokio::time::sleep(BEAT_EVERY).await;
        if let Err(lost) = beat(tracking, pulse, connection).await {
            return lost;
        }
    }
}

async fn connect(tracking: &Arc<Inner>, pulse: &Arc<Pulse>) -> Result<Wire, AccessError> {
    let on_push = {
        // The connection is held by what it tells.
        let (tracking, pulse) = (Arc::downgrade(tracking), Arc::clone(pulse));
        move |push: PushInfo| -> Result<(), ()> {
            hear(&tracking, &pulse, &push);
            Ok(())
        }
    };
    let connector = tracking.pool.connector();
    let standing = tracking.pool.shared_link().standing()?;
    let mut connection = connector.connect_pushing(on_push).await?;
    let sent = Instant::now();
    let mut command = redis::cmd("CLIENT");
    command.arg("TRACKING").arg("ON");
    let tracked = command.exec_async(&mut connection).await;
    tracked.map_err(|error| AccessError::from_redis(Instance::Cache, &error))?;
    pulse.answered(sent);
    Ok(Wire {
        connection,
        standing,
        pulse: Arc::clone(pulse),
    })
}

/// One question, whose answer is waited for no longer than silence is borne.
async fn beat(
    tracking: &Inner,
    pulse: &Pulse,
    connection: &mut MultiplexedConnection,
) -> Result<(), AccessError> {
    let sent = Instant::now();
    let left = SILENT_FOR.saturating_sub(pulse.silent_for(sent));
    let ping = redis::cmd("PING");
    let mut answer = std::pin::pin!(timeout(left, ping.exec_async(connection)));
    let answer = match timeout(BEAT_EVERY, answer.as_mut()).await {
        Ok(answer) => answer,
        Err(_) => {
            // Whoever waits for commands on this instance should know as soon.
            tracking.pool.suspect();
            answer.await
        }
    };
    match answer {
        Ok(Ok(())) => {
            pulse.answered(sent);
            Ok(())
        }
        Ok(Err(error)) => Err(AccessError::from_redis(Instance::Cache, &error)),
        Err(_) => Err(lost("silent")),
    }
}

/// Runs in the connection's own task, between what came before and what comes after.
fn hear(tracking: &Weak<Inner>, pulse: &Pulse, push: &PushInfo) {
    match push.kind {
        PushKind::Disconnection => pulse.lose(),
        PushKind::Invalidate => {
            if let Some(tracking) = tracking.upgrade() {
                invalidate(&tracking, &push.data);
            }
        }
        _ => {}
    }
}

/// `data` holds the names; anything else, as after FLUSHALL, means every key.
fn invalidate(tracking: &Inner, data: &[Reply]) {
    let Some(Reply::Array(names)) = data.first() else {
        return tracking.forget_all();
    };
    for name in names {
        CLIENT_CACHE_INVALIDATIONS.inc();
        match name {
            Reply::BulkString(bytes) => match std::str::from_utf8(bytes) {
                Ok(name) => tracking.forget(name),
                Err(_) => tracking.forget_all(),
            },
            Reply::SimpleString(name) => tracking.forget(name),
            _ => tracking.forget_all(),
        }
    }
}

fn lost(reason: &str) -> AccessError {
    AccessError::away(Instance::Cache, reason)
}
