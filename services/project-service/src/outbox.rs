//! The project events on their way to the streams Redis.

use std::sync::atomic::{AtomicBool, Ordering};

use redis_contracts::{
    PROJECTS, Position, StreamFamily, Streams,
    keys::OUTBOX_PRODUCER_PROJECTS,
    script::{Append, Hearing, Invocation, append_project_events},
};
use service_kit::Problem;
use sql::relay::Outbox;

use crate::store::{Actor, EventLog, Settle, StoredEvent, Writer};

/// The stored events of all projects.
pub struct ProjectEvents {
    log: EventLog,
    writer: Writer,
    /// Since the start; see [`Settle`].
    is_settled: AtomicBool,
}

impl ProjectEvents {
    /// They are read here; the writer gives them their positions.
    pub const fn new(log: EventLog, writer: Writer) -> Self {
        Self {
            log,
            writer,
            is_settled: AtomicBool::new(false),
        }
    }
}

impl Outbox for ProjectEvents {
    type Event = StoredEvent;

    async fn events_after(&self, after: Position, limit: i64) -> Result<Vec<StoredEvent>, Problem> {
        self.log.events_after(after, limit).await
    }

    async fn count_after(&self, after: Position) -> Result<i64, Problem> {
        self.log.count_after(after).await
    }

    async fn newest_position(&self) -> Result<Position, Problem> {
        self.log.newest_position().await
    }

    async fn has(&self, position: Position) -> Result<bool, Problem> {
        self.log.has(position).await
    }

    async fn position_before(&self, newest: i64, bytes: i64) -> Result<Position, Problem> {
        self.log.position_before(newest, bytes).await
    }

    fn position(event: &StoredEvent) -> Position {
        event.position
    }

    fn stream() -> &'static StreamFamily<()> {
        &PROJECTS
    }

    async fn settle(&self, held: Position, newest: Position) -> Result<(), Problem> {
        if held <= newest && self.is_settled.load(Ordering::Relaxed) {
            return Ok(());
        }
        self.writer.write(Actor::process(), Settle { held }).await?;
        self.is_settled.store(true, Ordering::Relaxed);
        Ok(())
    }

    fn producer() -> &'static str {
        OUTBOX_PRODUCER_PROJECTS
    }

    fn bytes(event: &StoredEvent) -> usize {
        event.event.len()
    }

    fn append(after: Position, events: Vec<StoredEvent>, hearing: Hearing) -> Invocation<Streams> {
        let append = |event: StoredEvent| Append {
            position: event.position,
            project_id: event.project_id,
            event: event.event,
        };
        let events: Vec<_> = events.into_iter().map(append).collect();
        append_project_events(after, &events, hearing)
    }
}
