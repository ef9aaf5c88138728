//! The relay: takes stored events to the streams Redis, in order, each once.
//!
//! It appends only onto the position before an event; when the stream is elsewhere, the script
//! answers what it holds and the relay goes on from there. So a second relay, a lost reply and a
//! Redis that lost its tail are one case. It is woken by commits and by the link, and looks every few
//! seconds for what nobody woke it for: a commit of another process, or of a caller who hung up before
//! the answer.

mod committed;
mod position_clock;

use std::{
    sync::{Arc, LazyLock, atomic::Ordering},
    time::Duration,
};

use prometheus::{IntGauge, register_int_gauge};
use redis_access::{AccessError, Backoff, LinkState, StreamsPool};
use redis_contracts::{
    Position, StreamFamily, Streams, Timestamp,
    script::{AppendReply, Hearing, Invocation, repair_log},
};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

pub use self::{committed::Committed, position_clock::PositionClock};
use crate::{Context, Problem, Stage, health::Need};

/// Events of one append at most.
const BATCH_EVENTS: i64 = 128;

/// Events of one append at most while history is filled in: nobody waits for one of them, and each append is
/// an fsync of Redis.
const HISTORY_BATCH_EVENTS: i64 = 512;

/// Bytes of one append at most, but always one event: a quarter of what may wait for a socket, so
/// that an import does not fill its queue at once.
const BATCH_BYTES: usize = 256 << 10;

/// Events that a stream is filled with that Redis has lost, and their bytes: the newest, so that what happens
/// now is live again within 3 s. SQL has the others.
const REFILLED: i64 = 50_000;
const REFILLED_BYTES: i64 = 32 << 20;

/// How long a relay leaves the stream to another one that was faster.
const LEFT_TO_ANOTHER: Duration = Duration::from_millis(50);

/// What nobody woke the relay for is found within this.
const LOOK_EVERY: Duration = Duration::from_secs(5);

/// A stream that is ahead of SQL is believed where its clock may have been so far ahead of Redis': SQL may have
/// been set back. What is further ahead was never appended by a service.
const BELIEVED_AHEAD_MS: i64 = 86_400_000;

/// What stands in the way is taken out so often before the relay waits a little.
const REPAIRS_AT_ONCE: u32 = 100;

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
    /// Whether an event is stored under this position.
    fn has(&self, position: Position) -> impl Future<Output = Result<bool, Problem>> + Send;
    /// The stream holds this position, and `newest` is stored: later positions grow above both, and what was
    /// recorded since the start before anybody knew lies above `held`.
    fn settle(
        &self,
        held: Position,
        newest: Position,
    ) -> impl Future<Output = Result<(), Problem>> + Send;
    /// The position before the newest events that are so many, and have so many bytes, at most; that before
    /// the first when that is all of them.
    fn position_before(
        &self,
        newest: i64,
        bytes: i64,
    ) -> impl Future<Output = Result<Position, Problem>> + Send;
    /// The position of an event.
    fn position(event: &Self::Event) -> Position;
    /// The stream.
    fn stream() -> &'static StreamFamily<()>;
    /// The name of its outbox in Redis.
    fn producer() -> &'static str;
    /// Bytes of an event.
    fn bytes(event: &Self::Event) -> usize;
    /// The call of the append script.
    fn append(after: Position, events: Vec<Self::Event>, hearing: Hearing) -> Invocation<Streams>;
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
#[derive(Default)]
struct Progress {
    /// Unknown after each loss of the link.
    place: Option<Place>,
    /// What is appended before this position is history that was published before. It outlasts the link: what
    /// is left of a refill is history still.
    live_from: Position,
}

/// A place in the stream, and in SQL.
#[derive(Clone, Copy)]
struct Place {
    /// The position that the stream holds.
    held: Position,
    /// The position that comes before what is appended next; another where an empty stream is not filled
    /// from the beginning.
    after: Position,
}

impl Place {
    const fn at(held: Position) -> Self {
        Self { held, after: held }
    }
}

/// Why the relay has to wait.
enum Wait {
    /// Everything is confirmed.
    Commit,
    /// Redis is away.
    Link,
    /// Another relay appends.
    Another,
    /// It will be tried again.
    Retry(String),
}

impl<O: Outbox> Relay<O> {
    /// Runs until `stop`; then takes over what is already stored.
    async fn run(self, stop: CancellationToken) -> anyhow::Result<()> {
        let mut link = self.streams.link();
        let mut backoff = Backoff::new(Duration::from_millis(50), Duration::from_secs(3));
        let mut progress = Progress::default();
        loop {
            let wait = match &*link.borrow_and_update() {
                LinkState::Up(_) => None,
                _ => Some(Wait::Link),
            };
            let wait = match wait {
                Some(wait) => wait,
                None => {
                    self.ask_witness().await;
                    self.drain(&mut progress).await
                }
            };
            if stop.is_cancelled() {
                return Ok(());
            }
            let reason = match &wait {
                Wait::Retry(reason) => Some(reason.clone()),
                Wait::Commit | Wait::Link | Wait::Another => None,
            };
            self.tell(reason);
            let idle = matches!(wait, Wait::Commit);
            tokio::select! {
                () = stop.cancelled() => {}
                Ok(()) = link.changed() => progress.place = None,
                () = self.committed.wake.notified(), if idle => backoff.reset(),
                () = tokio::time::sleep(LOOK_EVERY), if idle => {}
                () = tokio::time::sleep(LEFT_TO_ANOTHER), if matches!(wait, Wait::Another) => {}
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
    async fn drain(&self, progress: &mut Progress) -> Wait {
        let mut repairs = 0;
        loop {
            let stepped = match self.step(progress).await {
                Err(Fault::Redis(error)) if error.is_wrong_type() => {
                    self.begin_anew(progress).await
                }
                stepped => stepped,
            };
            match stepped {
                Ok(Step::Further) => {}
                Ok(Step::Repaired) if repairs < REPAIRS_AT_ONCE => repairs += 1,
                Ok(Step::Repaired) => {
                    return Wait::Retry(
                        "more stands in the way than is taken out at once".to_owned(),
                    );
                }
                Ok(Step::Done) => return Wait::Commit,
                Ok(Step::Overtaken) => return Wait::Another,
                Err(Fault::Redis(error)) => {
                    if error.is_unavailable() {
                        progress.place = None;
                    }
                    return Wait::Retry(error.to_string());
                }
                Err(Fault::Sql(problem)) => return Wait::Retry(problem.to_string()),
            }
        }
    }

    /// One append.
    async fn step(&self, progress: &mut Progress) -> Result<Step, Fault> {
        let Some(at) = progress.place else {
            return self.ask_held(progress).await;
        };
        let most = if at.after < progress.live_from {
            HISTORY_BATCH_EVENTS
        } else {
            BATCH_EVENTS
        };
        let batch = self.outbox.events_after(at.after, most).await?;
        let pending = &self.committed.pending;
        if batch.is_empty() {
            // Other relays may have taken some, and this one those of others. A commit that is counted
            // only now wakes it, and is set right the same way.
            pending.store(0, Ordering::Relaxed);
            return Ok(Step::Done);
        }
        let batch = fitting::<O>(batch);
        let count = batch.len() as i64;
        // The last event of history is published: whoever missed some of it reads on from there.
        let is_history = batch
            .last()
            .is_some_and(|event| O::position(event) < progress.live_from);
        let hearing = if is_history {
            Hearing::Quiet
        } else {
            Hearing::Live
        };
        match self.append(at.held, batch, hearing).await? {
            AppendReply::Appended(held) => {
                pending.fetch_sub(count, Ordering::Relaxed);
                progress.place = Some(Place::at(held));
                Ok(Step::Further)
            }
            AppendReply::Elsewhere(held) if held > at.held => {
                self.is_ahead(at.held, held, progress).await
            }
            AppendReply::Elsewhere(held) => {
                tracing::warn!(expected = %at.held, %held, "the stream has lost its end");
                self.go_on_from(held, progress).await
            }
            AppendReply::InTheWay(last) => {
                // What is stored was appended by this service, whatever its outbox says.
                let own = if self.outbox.has(last).await? {
                    last
                } else {
                    at.held
                };
                self.take_out(own, progress).await
            }
        }
    }

    /// The stream has gone further than this relay.
    async fn is_ahead(
        &self,
        expected: Position,
        held: Position,
        progress: &mut Progress,
    ) -> Result<Step, Fault> {
        if !self.outbox.has(held).await? {
            return self.take_out(expected, progress).await;
        }
        tracing::debug!(%expected, %held, "another relay was faster");
        progress.place = Some(Place::at(held));
        // It goes on, and need not be raced at each batch.
        Ok(match self.shared {
            true => Step::Overtaken,
            false => Step::Further,
        })
    }

    /// What somebody else has put into the stream after this position becomes dead letters.
    async fn take_out(&self, own: Position, progress: &mut Progress) -> Result<Step, Fault> {
        progress.place = None;
        let stream = O::stream();
        let call = repair_log(stream, O::producer(), own);
        let (taken, _all): (u64, bool) = self.streams.invoke(&call).await?;
        let stream = stream.key(());
        tracing::warn!(stream.name = stream.name(), taken, after = %own,
            "what this service has not appended was in the way; entries are dead letters now");
        Ok(Step::Repaired)
    }

    /// What stands in the stream's place is none.
    async fn begin_anew(&self, progress: &mut Progress) -> Result<Step, Fault> {
        let own = match progress.place {
            Some(at) => at.held,
            None => self.outbox.newest_position().await?,
        };
        self.take_out(own, progress).await
    }

    /// What the stream holds, as it says itself.
    async fn ask_held(&self, progress: &mut Progress) -> Result<Step, Fault> {
        let nothing = self.append(Position::START, Vec::new(), Hearing::Quiet);
        match nothing.await? {
            AppendReply::Appended(held)
            | AppendReply::Elsewhere(held)
            | AppendReply::InTheWay(held) => self.go_on_from(held, progress).await,
        }
    }

    async fn go_on_from(&self, held: Position, progress: &mut Progress) -> Result<Step, Fault> {
        let newest = self.outbox.newest_position().await?;
        if held > newest {
            if !self.is_believable(held).await? {
                return self.take_out(newest, progress).await;
            }
            tracing::warn!(held = %held, newest = %newest, "the stream is ahead of the database");
        }
        self.outbox.settle(held, newest).await?;
        let mut place = Place::at(held);
        if held == Position::START {
            place.after = self.refill_after().await?;
            progress.live_from = newest;
        }
        if let Ok(count) = self.outbox.count_after(place.after).await {
            self.committed.pending.store(count, Ordering::Relaxed);
        }
        progress.place = Some(place);
        Ok(Step::Further)
    }

    /// Whether a service may have appended at a position that SQL has not reached.
    async fn is_believable(&self, held: Position) -> Result<bool, AccessError> {
        let latest_ms = self.streams.time_ms().await? + BELIEVED_AHEAD_MS;
        Ok(held.is_packable() && held.unix_ms <= latest_ms.unsigned_abs())
    }

    /// Where a stream that is empty begins: what is older would only be trimmed.
    async fn refill_after(&self) -> Result<Position, Fault> {
        let max_age = O::stream().max_age().unwrap_or_default();
        let max_age_ms = i64::try_from(max_age.as_millis()).unwrap_or(i64::MAX);
        let oldest_ms = Timestamp::now().unix_ms().saturating_sub(max_age_ms);
        let oldest = Position::new(oldest_ms.max(0).unsigned_abs(), 0);
        let before = self.outbox.position_before(REFILLED, REFILLED_BYTES);
        let before = before.await?;
        Ok(before.max(oldest))
    }

    /// Shows the clock of Redis to one that is doubted.
    async fn ask_witness(&self) {
        let clock = self.committed.clock();
        if clock.is_doubted()
            && let Ok(unix_ms) = self.streams.time_ms().await
        {
            clock.witness(unix_ms);
        }
    }

    async fn append(
        &self,
        after: Position,
        batch: Vec<O::Event>,
        hearing: Hearing,
    ) -> Result<AppendReply, Fault> {
        let call = O::append(after, batch, hearing);
        let (code, position): (u8, String) = self.streams.invoke(&call).await?;
        let unknown = || Problem::internal("the streams Redis answered what no append does");
        AppendReply::of((code, &position))
            .ok_or_else(unknown)
            .map_err(Fault::Sql)
    }
}

/// How a step ended.
enum Step {
    /// There may be more.
    Further,
    /// What stood in the way was taken out.
    Repaired,
    /// Nothing is left.
    Done,
    /// Another relay was faster.
    Overtaken,
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
