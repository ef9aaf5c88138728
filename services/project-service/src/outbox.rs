//! The project events on their way to the streams Redis.

use std::sync::Arc;

use redis_contracts::{
    Position, Streams,
    event::PROJECT_DELETED,
    script::{Append, Invocation, append_project_events},
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

    async fn raise_floor(&self, held: Position) -> Result<(), Problem> {
        self.floor.raise(held);
        Ok(())
    }

    fn bytes(event: &StoredEvent) -> usize {
        event.event.len()
    }

    fn append(after: Position, events: Vec<StoredEvent>) -> Invocation<Streams> {
        let append = |event: StoredEvent| Append {
            position: event.position,
            project_id: event.project_id,
            ends_timeline: event.type_name == PROJECT_DELETED,
            event: event.event,
        };
        append_project_events(after, &events.into_iter().map(append).collect::<Vec<_>>())
    }
}
