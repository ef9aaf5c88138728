//! The relay: takes stored events to the streams Redis, in order, each once.
//!
//! It appends only onto the position before an event; when the stream is elsewhere, the script
//! answers what it holds and the relay goes on from there. So a second relay, a lost reply and a
//! Redis that lost its tail are one case. It is woken by commits and by the link, and looks every few
//! seconds for what nobody woke it for: a commit of another process, or of a caller who hung up before
//! the answer.

use std::{
    sync::{
        Arc, LazyLock,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use prometheus::{IntGauge, register_int_gauge};
use redis_access::{AccessError, Backoff, LinkState, StreamsPool};
use redis_contracts::{
    Position, Streams, Timestamp,
    script::{Hearing, Invocation},
};
use tokio::sync::{Notify, watch};
use tokio_util::sync::CancellationToken;

use crate::{Context, Problem, Stage, health::Need};

/// Events of one append at most.
const BATCH_EVENTS: i64 = 128;

/// Bytes of one append at most, but always one event: a quarter of what may wait for a socket, so
/// that an import does not fill its queue at once.
const BATCH_BYTES: usize = 256 << 10;

/// Events that a stream is filled with that Redis has lost: the newest, so that what happens now is soon
/// live again. SQL has the others.
const REFILLED: i64 = 50_000;

/// What nobody woke the relay for is found within this.
const LOOK_EVERY: Duration = Duration::from_secs(5);

/// Events of one producer, stored under positions that grow in commit order.
pub trait Outbox: Send + Sync + 'static {
    /// A stored event.
    type Event: Send;
    /// Events after a position, oldest first.
    fn events_after(
        &self,
        after: Position,
        limit: i64,
    ) -> impl Future<Output = Result<Vec<Self::Event>, Problem>> + Send;
    /// How many events come after a position.
    fn count_after(&self, after: Position) -> impl Future<Output = Result<i64, Problem>> + Send;
    /// The newest position.
    fn newest_position(&self) -> impl Future<Output = Result<Position, Problem>> + Send;
    /// Later positions grow above `held`: the stream is ahead of a database that was set back.
    fn raise_floor(&self, held: Position) -> impl Future<Output = Result<(), Problem>> + Send;
    /// The position before the newest so many events; that before the first when there are fewer.
    fn position_before(
        &self,
        newest: i64,
    ) -> impl Future<Output = Result<Position, Problem>> + Send;
    /// The position of an event.
    fn position(event: &Self::Event) -> Position;
    /// How long the stream keeps an event.
    fn max_age() -> Duration;
    /// Bytes of an event.
    fn bytes(event: &Self::Event) -> usize;
    /// The call of the append script; its reply is `(appended, position held)`.
    fn append(after: Position, events: Vec<Self::Event>, hearing: Hearing) -> Invocation<Streams>;
}

/// What the relay needs to know of commits.
#[derive(Default)]
pub struct Committed {
    wake: Notify,
    pending: AtomicI64,
}

impl Committed {
    /// So many events were committed.
    pub fn add(&self, events: usize) {
        self.pending.fetch_add(events as i64, Ordering::Relaxed);
        self.wake.notify_one();
    }

    /// Events stored and not yet confirmed by the streams Redis, as far as this process knows: what
    /// waited before it began is counted once Redis says what it holds.
    pub fn pending(&self) -> u64 {
        self.pending.load(Ordering::Relaxed).max(0).unsigned_abs()
    }
}

/// Starts a relay; its task is in the context's supervisor, its state in health and metrics.
/// `shared`: other processes have a relay on the same database.
pub fn start(
    context: &mut Context,
    outbox: impl Outbox,
    streams: StreamsPool,
    committed: Arc<Committed>,
    shared: bool,
) {
    static PENDING: LazyLock<IntGauge> = LazyLock::new(|| {
        register_int_gauge!(
            "devmentor_outbox_pending",
            "Events stored and not yet confirmed by the streams Redis."
        )
        .expect("a metric is registered once")
    });
    let relay = Relay {
        outbox,
        streams,
        committed: Arc::clone(&committed),
        shared,
        trouble: watch::Sender::new(None),
    };
    let trouble = relay.trouble.subscribe();
    context
        .health
        .add("relay", Need::Useful, move || match &*trouble.borrow() {
            None => Ok(()),
            Some(reason) => Err(reason.clone()),
        });
    context.observe(move || PENDING.set(committed.pending().cast_signed()));
    let stop = context.supervisor.stop_of(Stage::Workers);
    context
        .supervisor
        .spawn(Stage::Workers, "relay", relay.run(stop));
}

/// Takes events from SQL to Redis.
struct Relay<O> {
    outbox: O,
    streams: StreamsPool,
    committed: Arc<Committed>,
    shared: bool,
    /// What keeps events from the stream, beside Redis being away.
    trouble: watch::Sender<Option<String>>,
}

/// Where the relay is.
#[derive(Clone, Copy)]
struct Progress {
    /// The position that the stream holds.
    held: Position,
    /// The position that comes before what is appended next; another where an empty stream is not filled
    /// from the beginning.
    after: Position,
    /// What is appended before this position is history that was published before.
    live_from: Position,
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

impl<O: Outbox> Relay<O> {
    /// Runs until `stop`; then takes over what is already stored.
    async fn run(self, stop: CancellationToken) -> anyhow::Result<()> {
        let mut link = self.streams.link();
        let mut backoff = Backoff::new(Duration::from_millis(50), Duration::from_secs(3));
        // Unknown after each loss of the link.
        let mut progress = None;
        loop {
            let wait = match &*link.borrow_and_update() {
                LinkState::Up(_) => None,
                _ => Some(Wait::Link),
            };
            let wait = match wait {
                Some(wait) => wait,
                None => self.drain(&mut progress).await,
            };
            if stop.is_cancelled() {
                return Ok(());
            }
            let reason = match &wait {
                Wait::Retry(reason) => Some(reason.clone()),
                Wait::Commit | Wait::Link => None,
            };
            self.tell(reason);
            let idle = matches!(wait, Wait::Commit);
            tokio::select! {
                () = stop.cancelled() => {}
                Ok(()) = link.changed() => progress = None,
                () = self.committed.wake.notified(), if idle => backoff.reset(),
                () = tokio::time::sleep(LOOK_EVERY), if idle => {}
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
    async fn drain(&self, progress: &mut Option<Progress>) -> Wait {
        loop {
            match self.step(progress).await {
                Ok(true) => {}
                Ok(false) => return Wait::Commit,
                Err(Fault::Redis(AccessError::Unavailable { .. })) => {
                    *progress = None;
                    return Wait::Retry("the streams Redis did not answer".to_owned());
                }
                Err(Fault::Redis(error)) => return Wait::Retry(error.to_string()),
                Err(Fault::Sql(problem)) => return Wait::Retry(problem.to_string()),
            }
        }
    }

    /// One append; `false` when nothing is left.
    async fn step(&self, progress: &mut Option<Progress>) -> Result<bool, Fault> {
        let Some(at) = *progress else {
            *progress = Some(self.ask_held().await?);
            return Ok(true);
        };
        let batch = self.outbox.events_after(at.after, BATCH_EVENTS).await?;
        let pending = &self.committed.pending;
        if batch.is_empty() {
            // Other relays may have taken some, and this one those of others. A commit that is counted
            // only now wakes it, and is set right the same way.
            pending.store(0, Ordering::Relaxed);
            return Ok(false);
        }
        let batch = fitting::<O>(batch);
        let count = batch.len() as i64;
        // The last event of history is published: whoever missed some of it reads on from there.
        let is_history = batch
            .last()
            .is_some_and(|event| O::position(event) < at.live_from);
        let hearing = if is_history {
            Hearing::Quiet
        } else {
            Hearing::Live
        };
        match self.append(at.held, batch, hearing).await? {
            (true, held) => {
                pending.fetch_sub(count, Ordering::Relaxed);
                *progress = Some(Progress {
                    held,
                    after: held,
                    ..at
                });
            }
            (false, held) => {
                self.tell_elsewhere(at.held, held);
                *progress = Some(self.go_on_from(held).await?);
            }
        }
        Ok(true)
    }

    /// Where there are other relays, one of them was faster; else Redis lost something.
    fn tell_elsewhere(&self, expected: Position, held: Position) {
        if self.shared {
            tracing::debug!(%expected, %held, "another relay was faster");
        } else {
            tracing::warn!(%expected, %held, "the stream is elsewhere; going on from there");
        }
    }

    /// What the stream holds, as it says itself.
    async fn ask_held(&self) -> Result<Progress, Fault> {
        let call = self.append(Position::START, Vec::new(), Hearing::Quiet);
        let (_, held) = call.await?;
        self.go_on_from(held).await
    }

    async fn go_on_from(&self, held: Position) -> Result<Progress, Fault> {
        let newest = self.outbox.newest_position().await?;
        if held > newest {
            tracing::warn!(held = %held, newest = %newest, "the stream is ahead of the database");
            self.outbox.raise_floor(held).await?;
        }
        let progress = match held {
            Position::START => Progress {
                held,
                after: self.refill_after().await?,
                live_from: newest,
            },
            held => Progress {
                held,
                after: held,
                live_from: held,
            },
        };
        if let Ok(count) = self.outbox.count_after(progress.after).await {
            self.committed.pending.store(count, Ordering::Relaxed);
        }
        Ok(progress)
    }

    /// Where a stream that is empty begins: what is older would only be trimmed.
    async fn refill_after(&self) -> Result<Position, Fault> {
        let max_age_ms = i64::try_from(O::max_age().as_millis()).unwrap_or(i64::MAX);
        let oldest_ms = Timestamp::now().unix_ms().saturating_sub(max_age_ms);
        let oldest = Position::new(oldest_ms.max(0).unsigned_abs(), 0);
        let before = self.outbox.position_before(REFILLED).await?;
        Ok(before.max(oldest))
    }

    async fn append(
        &self,
        after: Position,
        batch: Vec<O::Event>,
        hearing: Hearing,
    ) -> Result<(bool, Position), Fault> {
        let call = O::append(after, batch, hearing);
        let (appended, position): (u8, String) = self.streams.invoke(&call).await?;
        let position = position
            .parse()
            .map_err(|_| Problem::internal("the stream holds no position"))?;
        Ok((appended == 1, position))
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
fn fitting<O: Outbox>(events: Vec<O::Event>) -> Vec<O::Event> {
    let mut bytes = 0;
    let fits = |event: &O::Event| {
        let first = bytes == 0;
        bytes += O::bytes(event);
        first || bytes <= BATCH_BYTES
    };
    events.into_iter().take_while(fits).collect()
}
