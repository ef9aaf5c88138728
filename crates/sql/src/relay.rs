//! The relay: takes stored events to the streams Redis, in order, each once.
//!
//! It appends only onto the position before an event; when the stream is elsewhere, the script
//! answers what it holds and the relay goes on from there. So a second relay, a lost reply and a
//! Redis that lost its tail are one case. It is woken by commits and by the link, and looks every few
//! seconds for what nobody woke it for: a commit of another process, or of a caller who hung up before
//! the answer.

mod committed;
mod position_clock;
mod step;

use std::{
    sync::{Arc, LazyLock},
    time::Duration,
};

use prometheus::{IntGauge, register_int_gauge};
use redis_access::{Backoff, LinkState, StreamsPool};
use redis_contracts::{
    Position, StreamFamily, Streams,
    script::{Hearing, Invocation},
};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use self::step::{Fault, Progress, Step};
pub use self::{committed::Committed, position_clock::PositionClock};
use service_kit::{Context, Problem, Stage, health::Need};

/// How long a relay leaves the stream to another one that was faster.
const LEFT_TO_ANOTHER: Duration = Duration::from_millis(50);

/// What nobody woke the relay for is found within this.
const LOOK_EVERY: Duration = Duration::from_secs(5);

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

    /// Shows the clock of Redis to one that is doubted.
    async fn ask_witness(&self) {
        let clock = self.committed.clock();
        if clock.is_doubted()
            && let Ok(unix_ms) = self.streams.time_ms().await
        {
            clock.witness(unix_ms);
        }
    }
}
