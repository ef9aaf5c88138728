//! The project events on their way to the streams Redis.

use std::{sync::Arc, time::Duration};

use redis_contracts::{
    PROJECTS, Position, Streams,
    script::{Append, Hearing, Invocation, append_project_events},
};
use service_kit::{Problem, relay::Outbox};

use crate::store::{EventLog, Floor, StoredEvent};

/// The stored events of all projects.
pub struct ProjectEvents {
    /// Where they are read.
    pub log: EventLog,
    /// What the writer's positions grow above.
    pub floor: Arc<Floor>,
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

    async fn position_before(&self, newest: i64) -> Result<Position, Problem> {
        self.log.position_before(newest).await
    }

    fn position(event: &StoredEvent) -> Position {
        event.position
    }

    fn max_age() -> Duration {
        PROJECTS.max_age().unwrap_or_default()
    }

    async fn raise_floor(&self, held: Position) -> Result<(), Problem> {
        self.floor.raise(held);
        Ok(())
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
