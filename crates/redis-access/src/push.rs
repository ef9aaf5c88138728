//! Connections that Redis speaks on by itself: subscriptions and invalidations.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use redis::{FromRedisValue, PushInfo, PushKind, aio::MultiplexedConnection, from_redis_value};
use redis_contracts::{Cache, Channel, Instance, Key, RedisInstance, Streams, Value};
use tokio::sync::mpsc;

use crate::{AccessError, Pool, link::Link, pool::decode};

/// A wire silent for this long is asked whether it is still there.
const HEARTBEAT: Duration = Duration::from_secs(1);

/// Messages that may wait before the connection is given up; the reader then reads what it missed.
const WAITING: usize = 8192;

/// The connection was lost, or its reader fell too far behind: what came meanwhile was missed.
#[derive(Debug, thiserror::Error, Clone)]
#[error("the connection that Redis speaks on was lost: {0}")]
pub struct PushLost(String);

/// A connection of its own that Redis pushes texts on. `T` is what it says.
pub struct PushConnection<T> {
    connection: MultiplexedConnection,
    waiting: mpsc::Receiver<T>,
    overflown: Arc<AtomicBool>,
    instance: Instance,
    link: Arc<Link>,
}

impl Pool<Streams> {
    /// Subscribes to channels (SUBSCRIBE). Messages are payloads, in the order they were published,
    /// whatever their channel.
    pub async fn subscribe(
        &self,
        channels: &[&Channel],
    ) -> Result<PushConnection<String>, AccessError> {
        let mut push = self.open_push(PushKind::Message, channel_payload).await?;
        let names: Vec<_> = channels.iter().map(|channel| channel.name()).collect();
        let subscribed = push.connection.subscribe(names).await;
        subscribed.map_err(|error| AccessError::from_redis(Instance::Streams, &error))?;
        Ok(push)
    }
}

impl Pool<Cache> {
    /// Opens a connection that is told when a key it has read changes (CLIENT TRACKING, RESP3).
    /// `None` means every key: the cache was emptied.
    pub async fn track(&self) -> Result<PushConnection<Option<Vec<String>>>, AccessError> {
        let mut push = self
            .open_push(PushKind::Invalidate, invalidated_keys)
            .await?;
        let mut command = redis::cmd("CLIENT");
        command.arg("TRACKING").arg("ON");
        let tracking = command.exec_async(&mut push.connection).await;
        tracking.map_err(|error| AccessError::from_redis(Instance::Cache, &error))?;
        Ok(push)
    }
}

impl<I: RedisInstance> Pool<I> {
    async fn open_push<T: Send + 'static>(
        &self,
        wanted: PushKind,
        read: fn(PushInfo) -> Option<T>,
    ) -> Result<PushConnection<T>, AccessError> {
        let (sender, waiting) = mpsc::channel(WAITING);
        let overflown = Arc::new(AtomicBool::new(false));
        let on_push = {
            let overflown = Arc::clone(&overflown);
            // Dropping the sender is how the reader hears of the end, in order.
            let sender = std::sync::Mutex::new(Some(sender));
            move |push: PushInfo| -> Result<(), ()> {
                let Ok(mut sender) = sender.lock() else {
                    return Err(());
                };
                if push.kind == PushKind::Disconnection {
                    *sender = None;
                } else if push.kind == wanted
                    && let (Some(open), Some(message)) = (sender.as_ref(), read(push))
                    && open.try_send(message).is_err()
                {
                    overflown.store(true, Ordering::Relaxed);
                    *sender = None;
                }
                Ok(())
            }
        };
        let connection = self.connector().connect_pushing(on_push).await?;
        Ok(PushConnection {
            connection,
            waiting,
            overflown,
            instance: I::INSTANCE,
            link: self.shared_link(),
        })
    }
}

impl<T> PushConnection<T> {
    /// The next message. Fails once the wire is lost or silent; what was already received comes
    /// first. Cancel safe.
    pub async fn next(&mut self) -> Result<T, PushLost> {
        loop {
            match tokio::time::timeout(HEARTBEAT, self.waiting.recv()).await {
                Ok(Some(message)) => return Ok(message),
                Ok(None) if self.overflown.load(Ordering::Relaxed) => {
                    return Err(PushLost(format!(
                        "more than {WAITING} messages were waiting"
                    )));
                }
                Ok(None) => return Err(PushLost("connection closed".to_owned())),
                Err(_silent) => self.check().await?,
            }
        }
    }

    /// A message that is already here.
    pub fn try_next(&mut self) -> Option<T> {
        self.waiting.try_recv().ok()
    }

    async fn check(&mut self) -> Result<(), PushLost> {
        let ping = redis::cmd("PING");
        let answer = tokio::time::timeout(HEARTBEAT, ping.exec_async(&mut self.connection)).await;
        let lost = match answer {
            Ok(Ok(())) => return Ok(()),
            Ok(Err(error)) => error.to_string(),
            Err(_) => "silent".to_owned(),
        };
        // Whoever waits for commands on this instance should know as soon.
        self.link.suspect();
        Err(PushLost(lost))
    }
}

impl PushConnection<Option<Vec<String>>> {
    /// GET over this connection: from now on, a change of the key is told.
    pub async fn get<V: Value>(&mut self, key: &Key<Cache, V>) -> Result<Option<V>, AccessError> {
        let mut command = redis::cmd("GET");
        command.arg(key.name());
        let bytes: Option<Vec<u8>> = command
            .query_async(&mut self.connection)
            .await
            .map_err(|error| AccessError::from_redis(self.instance, &error))?;
        bytes.map(|bytes| decode::<Cache, V>(&bytes)).transpose()
    }
}

fn channel_payload(push: PushInfo) -> Option<String> {
    let payload = push.data.into_iter().nth(1)?;
    from_redis_value(payload).ok()
}

fn invalidated_keys(push: PushInfo) -> Option<Option<Vec<String>>> {
    let keys = push.data.into_iter().next()?;
    Option::<Vec<String>>::from_redis_value(keys).ok()
}
