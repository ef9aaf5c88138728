//! Connections that Redis speaks on by itself: subscriptions.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use redis::{PushInfo, PushKind, aio::MultiplexedConnection, from_redis_value};
use redis_contracts::{Channel, Instance, Streams};
use tokio::sync::mpsc;

use crate::{
    AccessError, Pool,
    link::{Link, LinkVersion},
};

/// A wire silent for this long is asked whether it is still there.
const HEARTBEAT: Duration = Duration::from_secs(1);

/// Messages that may wait before the connection is given up, and their bytes; the reader then reads what
/// it missed.
const WAITING: usize = 8192;
const WAITING_BYTES: usize = 32 << 20;

/// The connection was lost, or its reader fell too far behind: what came meanwhile was missed.
#[derive(Debug, thiserror::Error, Clone)]
#[error("the connection that Redis speaks on was lost: {0}")]
pub struct PushLost(String);

/// A connection of its own that Redis pushes texts on.
pub struct PushConnection {
    connection: MultiplexedConnection,
    waiting: mpsc::Receiver<String>,
    /// Bytes that wait.
    bytes: Arc<AtomicUsize>,
    overflown: Arc<AtomicBool>,
    link: Arc<Link>,
    standing: LinkVersion,
}

impl Pool<Streams> {
    /// Subscribes to channels (SUBSCRIBE). Messages are payloads, in the order they were published,
    /// whatever their channel.
    pub async fn subscribe(&self, channels: &[&Channel]) -> Result<PushConnection, AccessError> {
        let mut push = self.open_push().await?;
        let names: Vec<_> = channels.iter().map(|channel| channel.name()).collect();
        let subscribed = push.connection.subscribe(names).await;
        subscribed.map_err(|error| AccessError::from_redis(Instance::Streams, &error))?;
        Ok(push)
    }

    async fn open_push(&self) -> Result<PushConnection, AccessError> {
        let (sender, waiting) = mpsc::channel(WAITING);
        let (overflown, bytes) = (
            Arc::new(AtomicBool::new(false)),
            Arc::new(AtomicUsize::new(0)),
        );
        let on_push = {
            let (overflown, bytes) = (Arc::clone(&overflown), Arc::clone(&bytes));
            // Dropping the sender is how the reader hears of the end, in order.
            let sender = std::sync::Mutex::new(Some(sender));
            move |push: PushInfo| -> Result<(), ()> {
                let Ok(mut sender) = sender.lock() else {
                    return Err(());
                };
                if push.kind == PushKind::Disconnection {
                    *sender = None;
                } else if push.kind == PushKind::Message
                    && let (Some(open), Some(message)) = (sender.as_ref(), payload(push))
                    && !offer(open, message, &bytes)
                {
                    overflown.store(true, Ordering::Relaxed);
                    *sender = None;
                }
                Ok(())
            }
        };
        let link = self.shared_link();
        let standing = link.standing()?;
        let connection = self.connector().connect_pushing(on_push).await?;
        Ok(PushConnection {
            connection,
            waiting,
            bytes,
            overflown,
            link,
            standing,
        })
    }
}

impl PushConnection {
    /// The next message. Fails once the wire is lost or silent; what was already received comes
    /// first. Cancel safe.
    pub async fn next(&mut self) -> Result<String, PushLost> {
        loop {
            match tokio::time::timeout(HEARTBEAT, self.waiting.recv()).await {
                Ok(Some(message)) => return Ok(self.taken(message)),
                Ok(None) if self.overflown.load(Ordering::Relaxed) => {
                    return Err(PushLost(format!(
                        "more than {WAITING} messages or {WAITING_BYTES} bytes were waiting"
                    )));
                }
                Ok(None) => return Err(PushLost("connection closed".to_owned())),
                Err(_silent) => self.check().await?,
            }
        }
    }

    /// A message that is already here.
    pub fn try_next(&mut self) -> Option<String> {
        let message = self.waiting.try_recv().ok()?;
        Some(self.taken(message))
    }

    fn taken(&self, message: String) -> String {
        self.bytes.fetch_sub(message.len(), Ordering::Relaxed);
        message
    }

    async fn check(&mut self) -> Result<(), PushLost> {
        let is_current = self.standing.check();
        is_current.map_err(|stale| PushLost(stale.to_string()))?;
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

/// Whether there was room for a message.
fn offer(waiting: &mpsc::Sender<String>, message: String, bytes: &AtomicUsize) -> bool {
    let length = message.len();
    let before = bytes.fetch_add(length, Ordering::Relaxed);
    before + length <= WAITING_BYTES && waiting.try_send(message).is_ok()
}

fn payload(push: PushInfo) -> Option<String> {
    let payload = push.data.into_iter().nth(1)?;
    from_redis_value(payload).ok()
}
