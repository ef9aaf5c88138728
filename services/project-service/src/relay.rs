//! The relay: takes stored events to the streams Redis, in order, each once.
//!
//! It appends only onto the position before an event; when the stream is elsewhere, the script
//! answers what it holds and the relay goes on from there. So a second relay, a lost reply and a
//! Redis that lost its tail are one case. It is woken by commits and by the link, never polls.

use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use redis_access::{AccessError, Backoff, LinkState, StreamsPool};
use redis_contracts::{
    Position,
    event::PROJECT_DELETED,
    script::{Append, append_project_events},
};
use service_kit::Problem;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::store::{Committed, Store, StoredEvent};

/// Events of one append at most.
const BATCH_EVENTS: i64 = 128;

/// Bytes of one append at most, but always one event: a quarter of what may wait for a socket, so
/// that an import does not fill its queue at once.
const BATCH_BYTES: usize = 256 << 10;

/// Takes events from SQL to Redis.
pub struct Relay {
    store: Store,
    streams: StreamsPool,
    committed: Arc<Committed>,
    trouble: watch::Sender<Option<String>>,
}

/// Why the relay has to wait.
enum Wait {
    /// Everything is confirmed.
    Commit,
    /// Redis is away.
    Link,
    /// It will be tried again.
    Retry(String),
}

impl Relay {
    /// A relay; it works while [`Relay::run`] runs.
    pub fn new(store: Store, streams: StreamsPool, committed: Arc<Committed>) -> Self {
        let trouble = watch::Sender::new(None);
        Self {
            store,
            streams,
            committed,
            trouble,
        }
    }

    /// What keeps events from the stream, beside Redis being away.
    pub fn trouble(&self) -> watch::Receiver<Option<String>> {
        self.trouble.subscribe()
    }

    /// Runs until `stop`; then takes over what is already stored.
    pub async fn run(self, stop: CancellationToken) -> anyhow::Result<()> {
        let mut link = self.streams.link();
        let mut backoff = Backoff::new(Duration::from_millis(50), Duration::from_secs(3));
        // The position the stream is known to hold; unknown after each loss of the link.
        let mut held = None;
        self.count_pending(Position::START).await;
        loop {
            let wait = match &*link.borrow_and_update() {
                LinkState::Up(_) => None,
                _ => Some(Wait::Link),
            };
            let wait = match wait {
                Some(wait) => wait,
                None => self.drain(&mut held).await,
            };
            if stop.is_cancelled() {
                return Ok(());
            }
            let reason = match &wait {
                Wait::Retry(reason) => Some(reason.clone()),
                Wait::Commit | Wait::Link => None,
            };
            self.tell(reason);
            tokio::select! {
                () = stop.cancelled() => {}
                Ok(()) = link.changed() => held = None,
                () = self.committed.wake.notified(), if matches!(wait, Wait::Commit) => backoff.reset(),
                () = tokio::time::sleep(backoff.next_wait()), if matches!(wait, Wait::Retry(_)) => {}
            }
        }
    }

    fn tell(&self, reason: Option<String>) {
        self.trouble.send_if_modified(|told| {
            let changed = *told != reason;
            if changed && let Some(reason) = &reason {
                tracing::error!(reason, "events are stored and cannot be published");
            }
            *told = reason;
            changed
        });
    }

    /// Appends until all is confirmed or something is in the way.
    async fn drain(&self, held: &mut Option<Position>) -> Wait {
        loop {
            match self.step(held).await {
                Ok(true) => {}
                Ok(false) => return Wait::Commit,
                Err(Fault::Redis(AccessError::Unavailable { .. })) => {
                    *held = None;
                    return Wait::Retry("the streams Redis did not answer".to_owned());
                }
                Err(Fault::Redis(error)) => return Wait::Retry(error.to_string()),
                Err(Fault::Sql(problem)) => return Wait::Retry(problem.to_string()),
            }
        }
    }

    /// One append; `false` when nothing is left.
    async fn step(&self, held: &mut Option<Position>) -> Result<bool, Fault> {
        let Some(after) = *held else {
            *held = Some(self.ask_held().await?);
            return Ok(true);
        };
        let batch = self.store.events_after(after, BATCH_EVENTS).await?;
        if batch.is_empty() {
            return Ok(false);
        }
        let batch = appends(batch);
        let count = batch.len() as i64;
        match self.append(after, &batch).await? {
            (true, position) => {
                self.committed.pending.fetch_sub(count, Ordering::Relaxed);
                *held = Some(position);
            }
            (false, position) => {
                tracing::warn!(expected = %after, held = %position, "the stream is elsewhere; going on from there");
                *held = Some(self.go_on_from(position).await?);
            }
        }
        Ok(true)
    }

    /// What the stream holds, as it says itself.
    async fn ask_held(&self) -> Result<Position, Fault> {
        let (_, position) = self.append(Position::START, &[]).await?;
        self.go_on_from(position).await
    }

    async fn go_on_from(&self, position: Position) -> Result<Position, Fault> {
        let newest = self.store.newest_position().await?;
        if position > newest {
            tracing::warn!(held = %position, newest = %newest, "the stream is ahead of the database");
            self.committed.raise_floor(position);
        }
        self.count_pending(position).await;
        Ok(position)
    }

    async fn append(&self, after: Position, batch: &[Append]) -> Result<(bool, Position), Fault> {
        let call = append_project_events(after, batch);
        let (appended, position): (u8, String) = self.streams.invoke(&call).await?;
        let position = position
            .parse()
            .map_err(|_| Problem::internal("the stream holds no position"))?;
        Ok((appended == 1, position))
    }

    async fn count_pending(&self, after: Position) {
        let _counting = self.committed.counting.lock().await;
        if let Ok(count) = self.store.count_after(after).await {
            self.committed.pending.store(count, Ordering::Relaxed);
        }
    }
}

enum Fault {
    Redis(AccessError),
    Sql(Problem),
}

impl From<AccessError> for Fault {
    fn from(error: AccessError) -> Self {
        Self::Redis(error)
    }
}

impl From<Problem> for Fault {
    fn from(problem: Problem) -> Self {
        Self::Sql(problem)
    }
}

/// The first events whose bytes fit one append.
fn appends(events: Vec<StoredEvent>) -> Vec<Append> {
    let mut bytes = 0;
    let fits = |event: &StoredEvent| {
        let first = bytes == 0;
        bytes += event.event.len();
        first || bytes <= BATCH_BYTES
    };
    events
        .into_iter()
        .take_while(fits)
        .map(|event| Append {
            position: event.position,
            project_id: event.project_id,
            ends_timeline: event.type_name == PROJECT_DELETED,
            event: event.event,
        })
        .collect()
}
