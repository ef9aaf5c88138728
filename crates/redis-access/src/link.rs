//! The watched link to an instance: one connection that is kept, checked and made again with a
//! jittered back-off, so that everyone else knows at once whether asking is worth it.

use std::{sync::Arc, time::Duration};

use redis::{PushInfo, PushKind};
use redis_contracts::Instance;
use tokio::sync::{Notify, watch};
use tokio_util::sync::CancellationToken;

use crate::{AccessError, Backoff, client::Connector, metrics::Metrics};

/// Whether the instance can be reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LinkState {
    /// Not reached yet.
    Connecting,
    /// Reached; the number grows with each time the link was made.
    Up(u64),
    /// Lost, and why.
    Down(String),
}

/// A view of the link that wakes when it changes.
pub type LinkWatch = watch::Receiver<LinkState>;

pub(crate) struct Link {
    state: watch::Sender<LinkState>,
    suspicion: Notify,
}

impl Link {
    pub(crate) fn new() -> Self {
        Self {
            state: watch::Sender::new(LinkState::Connecting),
            suspicion: Notify::new(),
        }
    }

    pub(crate) fn watch(&self) -> LinkWatch {
        self.state.subscribe()
    }

    /// Fails at once while the instance is known to be away.
    pub(crate) fn require_up(&self, instance: Instance) -> Result<(), AccessError> {
        match &*self.state.borrow() {
            LinkState::Up(_) => Ok(()),
            LinkState::Connecting => Err(AccessError::away(instance, "not connected yet")),
            LinkState::Down(reason) => Err(AccessError::away(instance, reason)),
        }
    }

    /// Asks for a check now: a command failed in a way that may mean the instance is gone.
    pub(crate) fn suspect(&self) {
        self.suspicion.notify_one();
    }

    /// Keeps the link until `stop`.
    pub(crate) async fn keep(
        &self,
        connector: &Connector,
        health_check: Duration,
        metrics: &Metrics,
        stop: &CancellationToken,
    ) {
        let mut backoff = Backoff::new(Duration::from_millis(20), Duration::from_secs(1));
        let mut made = 0;
        while !stop.is_cancelled() {
            let lost = tokio::select! {
                () = stop.cancelled() => return,
                lost = self.hold(connector, health_check, metrics, &mut made, &mut backoff) => lost,
            };
            metrics.up.set(0.0);
            metrics.errors.inc();
            if !matches!(&*self.state.borrow(), LinkState::Down(_)) {
                tracing::warn!(redis.instance = %connector.instance, reason = %lost, "Redis is away");
            }
            self.state.send_replace(LinkState::Down(lost.to_string()));
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(backoff.next_wait()) => {}
            }
        }
    }

    /// Connects and holds; returns why the link was lost.
    async fn hold(
        &self,
        connector: &Connector,
        health_check: Duration,
        metrics: &Metrics,
        made: &mut u64,
        backoff: &mut Backoff,
    ) -> AccessError {
        let closed = Arc::new(Notify::new());
        let on_push = {
            let closed = Arc::clone(&closed);
            move |push: PushInfo| -> Result<(), ()> {
                if push.kind == PushKind::Disconnection {
                    closed.notify_one();
                }
                Ok(())
            }
        };
        let mut connection = match connector.connect_pushing(on_push).await {
            Ok(connection) => connection,
            Err(error) => return error,
        };
        if let Err(error) = ping(connector.instance, &mut connection).await {
            return error;
        }
        *made += 1;
        if *made > 1 {
            metrics.reconnects.inc();
            tracing::info!(redis.instance = %connector.instance, "Redis is back");
        }
        metrics.up.set(1.0);
        backoff.reset();
        self.state.send_replace(LinkState::Up(*made));
        loop {
            tokio::select! {
                () = closed.notified() => {
                    return AccessError::away(connector.instance, "connection closed");
                }
                () = self.suspicion.notified() => {}
                () = tokio::time::sleep(health_check) => {}
            }
            if let Err(error) = ping(connector.instance, &mut connection).await {
                return error;
            }
        }
    }
}

async fn ping(
    instance: Instance,
    connection: &mut redis::aio::MultiplexedConnection,
) -> Result<(), AccessError> {
    redis::cmd("PING")
        .exec_async(connection)
        .await
        .map_err(|error| AccessError::from_redis(instance, &error))
}
