//! The one writer. Each change gets its rows, its event rows and their positions in one
//! transaction; changes that are waiting share a commit, because a commit is an fsync. How much shares one is
//! bounded in changes, bytes and time, and who is next is for the queue to say, so nobody waits for the bulk of
//! others.
//!
//! A change runs to its end even when its caller has gone: whoever asks again finds it done.

use std::{
    future::Future,
    pin::Pin,
    sync::Arc,
    time::{Duration, Instant},
};

use rate_limits::DayShare;
use redis_contracts::{
    Position, Timestamp,
    event::{Event, EventBody},
};
use service_kit::{Code, Problem, RequestContext};
use sql::relay::Committed;
use sqlx::{Acquire, Sqlite, SqliteConnection, SqlitePool, Transaction};
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::{events, fence, queue::Queue, sql_problem};

/// Changes that share a commit at most.
const TOGETHER: usize = 64;

/// A commit that writes so many bytes takes no further change.
pub const COMMIT_BYTES: usize = 1 << 20;

/// Nor does one whose changes have taken so long.
pub const COMMIT_WITHIN: Duration = Duration::from_millis(10);

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
    /// The texts that it writes, in bytes: of what is longer than a line.
    fn text_bytes(&self) -> usize {
        0
    }
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
    queue: Arc<Queue<Box<dyn Job>>>,
    committed: Arc<Committed>,
    shares: DayShare,
}

impl Writer {
    /// A writer, and what makes its changes. `shares` are of what people add to streams.
    pub fn new(pool: SqlitePool, shares: DayShare) -> (Self, Writing) {
        let writer = Self {
            queue: Arc::default(),
            committed: Arc::default(),
            shares,
        };
        let writing = Writing {
            pool,
            writer: writer.clone(),
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
        let person = actor.user_id;
        let job = Waiting {
            mutation: Some(mutation),
            actor,
            outcome: None,
            bytes: 0,
            answer,
        };
        if let Some(refused) = self.queue.push(person, Box::new(job)) {
            refused.answer(Err(self.refusal()), &self.shares);
        }
        answered
            .await
            .map_err(|_| Problem::unavailable("The project database"))?
    }

    fn refusal(&self) -> Problem {
        if self.queue.is_closed() {
            return Problem::unavailable("The project database");
        }
        let detail = "Too many changes are waiting; try again shortly.";
        Problem::new(Code::Unavailable, detail)
    }
}

type Step<'a> = Pin<Box<dyn Future<Output = Result<(), ()>> + Send + 'a>>;

/// A change whose answer type is forgotten, so that different ones wait in one queue.
pub trait Job: Send {
    #[doc(hidden)]
    fn actor(&self) -> Actor;
    #[doc(hidden)]
    fn text_bytes(&self) -> usize;
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

    fn text_bytes(&self) -> usize {
        self.mutation.as_ref().map_or(0, M::text_bytes)
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

/// Makes changes, one commit after the other.
pub struct Writing {
    pool: SqlitePool,
    writer: Writer,
}

impl Drop for Writing {
    fn drop(&mut self) {
        self.writer.queue.abandon();
    }
}

impl Writing {
    /// Makes changes until `stop`, then those that are still waiting.
    pub async fn run(self, stop: CancellationToken) -> anyhow::Result<()> {
        let mut last = fence::begin(&self.pool).await?;
        let Writer {
            queue,
            committed,
            shares,
        } = &self.writer;
        loop {
            let first = tokio::select! {
                biased;
                first = queue.next() => first,
                () = stop.cancelled(), if !queue.is_closed() => { queue.close(); continue }
            };
            let Some(first) = first else {
                return Ok(());
            };
            let mut jobs = vec![first];
            let outcome = self.commit_together(&mut jobs, &mut last).await;
            if let Ok(recorded) = outcome
                && recorded > 0
            {
                committed.add(recorded);
            }
            let outcome = outcome.map(drop).map_err(sql_problem);
            for job in jobs {
                job.answer(outcome.clone(), shares);
            }
        }
    }

    /// One transaction for the first of `jobs` and for what waits, which is added to them; answers how many
    /// events were recorded.
    async fn commit_together(
        &self,
        jobs: &mut Vec<Box<dyn Job>>,
        last: &mut Position,
    ) -> Result<usize, sqlx::Error> {
        let queue = &self.writer.queue;
        let mut transaction = self.pool.begin().await?;
        let (mut events, mut cost) = (0, 0);
        while let Some(job) = jobs.last_mut() {
            let began = Instant::now();
            let (person, text_bytes) = (job.actor().user_id, job.text_bytes());
            let recorded = self.make(&mut transaction, job.as_mut(), last).await?;
            let its_cost = cost_of(text_bytes + recorded.bytes, began.elapsed());
            queue.charge(person, its_cost);
            (events, cost) = (events + recorded.events, cost + its_cost);
            if jobs.len() >= TOGETHER || cost >= COMMIT_BYTES as u64 {
                break;
            }
            let Some(next) = queue.try_next() else {
                break;
            };
            jobs.push(next);
        }
        transaction.commit().await?;
        Ok(events)
    }

    /// Makes one change, in a savepoint: one that fails takes no other with it.
    async fn make(
        &self,
        transaction: &mut Transaction<'_, Sqlite>,
        job: &mut dyn Job,
        last: &mut Position,
    ) -> Result<Recorded, sqlx::Error> {
        let actor = job.actor();
        let mut savepoint = transaction.begin().await?;
        let mut change = Change {
            sql: &mut savepoint,
            actor: &actor,
            now: Timestamp::now(),
            last,
            position_ms: self.writer.committed.clock().now_ms(),
            recorded: Recorded::default(),
        };
        let kept = job.run(&mut change).await;
        let recorded = change.recorded;
        match kept {
            Ok(()) => savepoint.commit().await.map(|()| recorded),
            Err(()) => savepoint.rollback().await.map(|()| Recorded::default()),
        }
    }
}

/// What a change takes of the writer, in bytes: its own, and as many as a commit has room for in that time.
fn cost_of(bytes: usize, took: Duration) -> u64 {
    let micros = took.as_micros().min(u128::from(u32::MAX)) as u64;
    bytes as u64 + micros * COMMIT_BYTES as u64 / COMMIT_WITHIN.as_micros() as u64
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use futures_util::future::join_all;
    use redis_contracts::event::ProjectDeleted;

    use super::*;
    use crate::store::tests::{empty_pool, writer_on};

    /// Who made each change, and how many were committed before it.
    type Made = Arc<Mutex<Vec<(Uuid, u64)>>>;

    /// A change with texts of so many bytes.
    struct Record {
        bytes: usize,
        committed: Arc<Committed>,
        made: Made,
    }

    impl Mutation for Record {
        type Output = ();

        fn text_bytes(&self) -> usize {
            self.bytes
        }

        async fn apply(self, change: &mut Change<'_>) -> Result<(), Problem> {
            let made = (change.actor.user_id, self.committed.pending());
            self.made.lock().expect("no panic").push(made);
            let id = Uuid::now_v7();
            let key = String::new();
            let body = EventBody::ProjectDeleted(ProjectDeleted { id, key });
            change.record(id, String::new(), change.now, body).await
        }
    }

    /// Makes changes of these people, which all wait when the first is made; each with the bytes of its texts.
    async fn make(changes: &[(Uuid, usize)]) -> Vec<(Uuid, u64)> {
        let (writer, writing) = writer_on(empty_pool().await);
        let (made, stop) = (Made::default(), CancellationToken::new());
        let writes = changes.iter().map(|(person, bytes)| {
            let actor = Actor {
                user_id: *person,
                ..Actor::process()
            };
            let record = Record {
                bytes: *bytes,
                committed: Arc::clone(writer.committed()),
                made: Arc::clone(&made),
            };
            writer.write(actor, record)
        });
        let writes = async {
            for written in join_all(writes).await {
                written.expect("made");
            }
            stop.cancel();
        };
        let ((), ended) = tokio::join!(writes, writing.run(stop.clone()));
        ended.expect("it ran until it was stopped");
        let made = made.lock().expect("no panic");
        made.clone()
    }

    /// How many changes shared a commit at most.
    fn most_together(made: &[(Uuid, u64)]) -> usize {
        let commits = made.chunk_by(|(_, one), (_, next)| one == next);
        commits.map(<[_]>::len).max().unwrap_or_default()
    }

    #[tokio::test]
    async fn a_commit_has_a_bound_in_changes_and_in_bytes() {
        let person = Uuid::now_v7();
        let small = make(&[(person, 10); 3 * TOGETHER]).await;
        assert_eq!(small.len(), 3 * TOGETHER);
        assert!((2..=TOGETHER).contains(&most_together(&small)), "{small:?}");
        let large = make(&[(person, COMMIT_BYTES / 2); 20]).await;
        assert_eq!(large.len(), 20);
        assert!(most_together(&large) <= 2, "{large:?}");
    }

    #[tokio::test]
    async fn a_small_change_of_one_stands_behind_one_of_each_other_however_many_and_large_they_are()
    {
        let greedy: Vec<_> = (0..3).map(|_| Uuid::now_v7()).collect();
        let bystander = Uuid::now_v7();
        let mut changes: Vec<_> = greedy
            .iter()
            .flat_map(|person| [(*person, COMMIT_BYTES); 10])
            .collect();
        changes.push((bystander, 10));
        let made = make(&changes).await;
        let place = made.iter().position(|(person, _)| *person == bystander);
        assert_eq!(place, Some(greedy.len()), "{made:?}");
    }

    #[tokio::test]
    async fn what_waits_when_the_writer_has_gone_is_answered() {
        let (writer, writing) = writer_on(empty_pool().await);
        let record = Record {
            bytes: 1,
            committed: Arc::default(),
            made: Made::default(),
        };
        let write = writer.write(Actor::process(), record);
        let (answer, ()) = tokio::join!(write, async { drop(writing) });
        assert_eq!(answer.expect_err("not made").code, Code::Unavailable);
    }
}
