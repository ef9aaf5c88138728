//! The one writer. Each change gets its rows, its event rows and their positions in one
//! transaction; changes that are waiting share a commit, because a commit is an fsync.
//!
//! A change runs to its end even when its caller has gone: whoever asks again finds it done.

use std::{future::Future, pin::Pin, sync::Arc};

use redis_contracts::{
    Position, Timestamp,
    event::{Event, EventBody},
};
use service_kit::{Problem, RequestContext, limits::DayShare, relay::Committed};
use sqlx::{Acquire, SqliteConnection, SqlitePool};
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::{events, fence, sql_problem};

/// Changes that may wait; a further one is told to come again.
const WAITING: usize = 1024;

/// Changes that share a commit at most.
const TOGETHER: usize = 64;

/// Who makes a change, and in which request.
#[derive(Clone, Debug)]
pub struct Actor {
    /// Account id.
    pub user_id: Uuid,
    /// Handle, as the author's name.
    pub handle: String,
    /// The request.
    pub context: RequestContext,
}

impl Actor {
    /// The process itself, for changes that nobody is told of.
    pub fn process() -> Self {
        Self {
            user_id: Uuid::nil(),
            handle: String::new(),
            context: RequestContext::from_headers(None, None),
        }
    }
}

/// A change of the store, with its events.
pub trait Mutation: Send + 'static {
    /// What it answers.
    type Output: Send + 'static;
    /// Whether its events count for the day's share of who makes it.
    const IS_COUNTED: bool = true;
    /// Makes the change. On `Err` nothing of it stays.
    fn apply(
        self,
        change: &mut Change<'_>,
    ) -> impl Future<Output = Result<Self::Output, Problem>> + Send;
}

/// A transaction in progress.
pub struct Change<'c> {
    /// Where rows are written.
    pub sql: &'c mut SqliteConnection,
    /// Who makes the change.
    pub actor: &'c Actor,
    /// The moment of the change.
    pub now: Timestamp,
    last: &'c mut Position,
    /// Positions are taken from this moment, or from the last.
    position_ms: u64,
    recorded: Recorded,
}

/// What a change has recorded.
#[derive(Clone, Copy, Debug, Default)]
struct Recorded {
    events: usize,
    /// Of their JSON.
    bytes: usize,
}

impl Change<'_> {
    /// Records that something happened, at its own `time`, in this transaction.
    pub async fn record(
        &mut self,
        project_id: Uuid,
        subject: String,
        time: Timestamp,
        body: EventBody,
    ) -> Result<(), Problem> {
        let event = Event {
            id: Uuid::now_v7(),
            source: "/project-service".to_owned(),
            subject,
            time,
            traceparent: Some(self.actor.context.traceparent.clone()),
            actor: self.actor.user_id,
            project_id: Some(project_id),
            body,
        };
        *self.last = self.last.next_packable(self.position_ms);
        let encoded = event.encode().map_err(Problem::internal)?;
        self.recorded.events += 1;
        self.recorded.bytes += encoded.len();
        events::insert(self.sql, *self.last, project_id, &event, encoded).await
    }

    /// Positions that are given from now on grow above this one.
    pub(super) fn grow_above(&mut self, position: Position) {
        *self.last = position.max(*self.last);
    }
}

/// Hands changes to the writer. Cheap to clone.
#[derive(Clone)]
pub struct Writer {
    jobs: mpsc::Sender<Box<dyn Job>>,
    committed: Arc<Committed>,
    shares: DayShare,
}

impl Writer {
    /// A writer, and what makes its changes. `shares` are of what people add to streams.
    pub fn new(pool: SqlitePool, shares: DayShare) -> (Self, Writing) {
        let (jobs, waiting) = mpsc::channel(WAITING);
        let committed = Arc::<Committed>::default();
        let writing = Writing {
            pool,
            waiting,
            committed: Arc::clone(&committed),
            shares: shares.clone(),
        };
        let writer = Self {
            jobs,
            committed,
            shares,
        };
        (writer, writing)
    }

    /// What the relay needs to know of commits.
    pub fn committed(&self) -> &Arc<Committed> {
        &self.committed
    }

    /// Makes a change and answers once it is committed. Who has had their share of the day makes none.
    pub async fn write<M: Mutation>(
        &self,
        actor: Actor,
        mutation: M,
    ) -> Result<M::Output, Problem> {
        if M::IS_COUNTED {
            self.shares.admit(actor.user_id)?;
        }
        let (answer, answered) = oneshot::channel();
        let job = Waiting {
            mutation: Some(mutation),
            actor,
            outcome: None,
            bytes: 0,
            answer,
        };
        self.jobs.try_send(Box::new(job)).map_err(|_| {
            Problem::unavailable("The project database (too many changes are waiting)")
        })?;
        answered
            .await
            .map_err(|_| Problem::unavailable("The project database"))?
    }
}

type Step<'a> = Pin<Box<dyn Future<Output = Result<(), ()>> + Send + 'a>>;

/// A change whose answer type is forgotten, so that different ones wait in one queue.
pub trait Job: Send {
    #[doc(hidden)]
    fn actor(&self) -> Actor;
    #[doc(hidden)]
    fn run<'a>(&'a mut self, change: &'a mut Change<'_>) -> Step<'a>;
    #[doc(hidden)]
    fn answer(self: Box<Self>, committed: Result<(), Problem>, shares: &DayShare);
}

struct Waiting<M: Mutation> {
    mutation: Option<M>,
    actor: Actor,
    outcome: Option<Result<M::Output, Problem>>,
    /// Of events that count.
    bytes: usize,
    answer: oneshot::Sender<Result<M::Output, Problem>>,
}

impl<M: Mutation> Job for Waiting<M> {
    fn actor(&self) -> Actor {
        self.actor.clone()
    }

    fn run<'a>(&'a mut self, change: &'a mut Change<'_>) -> Step<'a> {
        Box::pin(async move {
            let Some(mutation) = self.mutation.take() else {
                return Err(());
            };
            let outcome = mutation.apply(change).await;
            let kept = outcome.as_ref().map(drop).map_err(drop);
            if M::IS_COUNTED && kept.is_ok() {
                self.bytes = change.recorded.bytes;
            }
            self.outcome = Some(outcome);
            kept
        })
    }

    fn answer(self: Box<Self>, committed: Result<(), Problem>, shares: &DayShare) {
        if committed.is_ok() {
            shares.spend(self.actor.user_id, self.bytes as u64);
        }
        let answer = match (committed, self.outcome) {
            (Ok(()), Some(outcome)) | (Err(_), Some(outcome @ Err(_))) => outcome,
            (Err(problem), _) => Err(problem),
            (Ok(()), None) => Err(Problem::internal("a change was not run")),
        };
        // A caller that has gone needs no answer.
        let _ = self.answer.send(answer);
    }
}

/// Makes changes, one batch after the other.
pub struct Writing {
    pool: SqlitePool,
    waiting: mpsc::Receiver<Box<dyn Job>>,
    committed: Arc<Committed>,
    shares: DayShare,
}

impl Writing {
    /// Makes changes until `stop`, then those that are still waiting.
    pub async fn run(mut self, stop: CancellationToken) -> anyhow::Result<()> {
        let mut last = fence::begin(&self.pool).await?;
        let mut jobs = Vec::with_capacity(TOGETHER);
        loop {
            let waiting = &mut self.waiting;
            tokio::select! {
                biased;
                count = waiting.recv_many(&mut jobs, TOGETHER) => if count == 0 { return Ok(()) },
                () = stop.cancelled(), if !waiting.is_closed() => { waiting.close(); continue }
            }
            let outcome = self.commit_together(&mut jobs, &mut last).await;
            if let Ok(recorded) = outcome
                && recorded > 0
            {
                self.committed.add(recorded);
            }
            let outcome = outcome.map(drop).map_err(sql_problem);
            for job in jobs.drain(..) {
                job.answer(outcome.clone(), &self.shares);
            }
        }
    }

    /// One transaction for all jobs; each has a savepoint, so that one that fails takes none with it.
    async fn commit_together(
        &self,
        jobs: &mut [Box<dyn Job>],
        last: &mut Position,
    ) -> Result<usize, sqlx::Error> {
        let mut transaction = self.pool.begin().await?;
        let mut recorded = 0;
        for job in jobs {
            let actor = job.actor();
            let mut savepoint = transaction.begin().await?;
            let mut change = Change {
                sql: &mut savepoint,
                actor: &actor,
                now: Timestamp::now(),
                last,
                position_ms: self.committed.clock().now_ms(),
                recorded: Recorded::default(),
            };
            if job.run(&mut change).await.is_ok() {
                recorded += change.recorded.events;
                savepoint.commit().await?;
            } else {
                savepoint.rollback().await?;
            }
        }
        transaction.commit().await?;
        Ok(recorded)
    }
}
