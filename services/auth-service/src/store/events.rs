//! What happened to accounts: what people see, and what the relay takes to the streams Redis.

use redis_contracts::{
    AUTH_EVENTS, Position, StreamFamily, Streams, Timestamp,
    event::Event,
    keys::OUTBOX_PRODUCER_AUTH,
    script::{Hearing, Invocation, SecurityAppend, append_security_events},
};
use service_kit::Problem;
use sql::{Pool, id_bytes, relay::Outbox};
use sqlx::{Row, any::AnyRow};
use uuid::Uuid;

use super::{Store, sql_problem};

/// How long events are kept.
const KEPT_MS: i64 = 400 * 86_400_000;

/// How long events of addresses that nobody has are kept: strangers make as many as they like.
const NOBODYS_KEPT_MS: i64 = 30 * 86_400_000;

/// An event as it is stored.
pub struct StoredEvent {
    /// Its position.
    pub position: Position,
    /// CloudEvent, JSON.
    pub event: String,
}

/// Which events are asked for. Times are compared with the event's own; `to` is not included.
#[derive(Debug, Default)]
pub struct EventFilter {
    /// Of this account; none: of all.
    pub user_id: Option<Uuid>,
    /// Of this type; empty: of all.
    pub type_name: String,
    /// From this moment on.
    pub from: Option<Timestamp>,
    /// Before this moment.
    pub to: Option<Timestamp>,
    /// Older than this position.
    pub before: Option<Position>,
}

fn stored(row: &AnyRow) -> StoredEvent {
    StoredEvent {
        position: Position::from_packed(row.get("position")),
        event: row.get("event"),
    }
}

macro_rules! select_events {
    ($more:literal) => {
        concat!(
            "SELECT position, event FROM events WHERE position >= $1 AND position < $2 AND time >= $3 AND time < $4",
            $more,
            " ORDER BY position DESC LIMIT $5"
        )
    };
}

impl Store {
    /// Events, newest first.
    pub async fn events(
        &self,
        filter: &EventFilter,
        limit: i64,
    ) -> Result<Vec<(Position, Event)>, Problem> {
        // An event's position is never before its time.
        let from_ms = filter.from.map_or(0, Timestamp::unix_ms);
        let oldest = Position::new(from_ms.max(0).unsigned_abs(), 0);
        let statement = match (filter.user_id.is_some(), !filter.type_name.is_empty()) {
            (false, false) => select_events!(""),
            (true, false) => select_events!(" AND user_id = $6"),
            (false, true) => select_events!(" AND type = $6"),
            (true, true) => select_events!(" AND user_id = $6 AND type = $7"),
        };
        let mut query = sqlx::query(statement)
            .bind(oldest.packed())
            .bind(filter.before.map_or(i64::MAX, Position::packed))
            .bind(from_ms)
            .bind(filter.to.map_or(i64::MAX, Timestamp::unix_ms))
            .bind(limit);
        if let Some(user_id) = filter.user_id {
            query = query.bind(id_bytes(user_id));
        }
        if !filter.type_name.is_empty() {
            query = query.bind(filter.type_name.as_str());
        }
        let rows = query.fetch_all(&self.read).await;
        let rows = rows.map_err(sql_problem)?;
        let decoded = rows.iter().map(stored).map(|stored| {
            let event = Event::decode(&stored.event).map_err(Problem::internal)?;
            Ok((stored.position, event))
        });
        decoded.collect()
    }

    /// Deletes events that are long past, and sooner those of addresses that nobody has; so many at most;
    /// answers how many.
    pub async fn forget_old_events(&self, limit: i64) -> Result<u64, Problem> {
        let now_ms = Timestamp::now().unix_ms();
        let before = |kept_ms: i64| Position::new((now_ms - kept_ms).unsigned_abs(), 0).packed();
        sqlx::query(
            "DELETE FROM events WHERE position IN (SELECT position FROM events
                WHERE position < $1 OR (position < $2 AND user_id IS NULL) ORDER BY position LIMIT $3)",
        )
            .bind(before(KEPT_MS))
            .bind(before(NOBODYS_KEPT_MS))
            .bind(limit)
            .execute(&self.write)
            .await
            .map(|done| done.rows_affected())
            .map_err(sql_problem)
    }

    /// The stored events as the relay takes them.
    pub fn security_events(&self) -> SecurityEvents {
        SecurityEvents {
            read: self.read.clone(),
            write: self.write.clone(),
        }
    }
}

/// The stored events, for the relay.
pub struct SecurityEvents {
    read: Pool,
    write: Pool,
}

impl Outbox for SecurityEvents {
    type Event = StoredEvent;

    async fn events_after(&self, after: Position, limit: i64) -> Result<Vec<StoredEvent>, Problem> {
        sqlx::query(
            "SELECT position, event FROM events WHERE position > $1 ORDER BY position LIMIT $2",
        )
        .bind(after.packed())
        .bind(limit)
        .fetch_all(&self.read)
        .await
        .map(|rows| rows.iter().map(stored).collect())
        .map_err(sql_problem)
    }

    async fn count_after(&self, after: Position) -> Result<i64, Problem> {
        sqlx::query_scalar("SELECT COUNT(*) FROM events WHERE position > $1")
            .bind(after.packed())
            .fetch_one(&self.read)
            .await
            .map_err(sql_problem)
    }

    async fn newest_position(&self) -> Result<Position, Problem> {
        sqlx::query_scalar("SELECT position FROM event_head")
            .fetch_one(&self.read)
            .await
            .map(Position::from_packed)
            .map_err(sql_problem)
    }

    async fn has(&self, position: Position) -> Result<bool, Problem> {
        // PostgreSQL counts what SQLite tells as a number.
        let stored: i64 = sqlx::query_scalar("SELECT COUNT(*) FROM events WHERE position = $1")
            .bind(position.packed())
            .fetch_one(&self.read)
            .await
            .map_err(sql_problem)?;
        Ok(stored > 0 && position.is_packable())
    }

    async fn position_before(&self, newest: i64, bytes: i64) -> Result<Position, Problem> {
        let before = sqlx::query_scalar(
            "SELECT position FROM
                (SELECT position, row_number() OVER newer AS number, sum(octet_length(event)) OVER newer AS bytes
                 FROM (SELECT position, event FROM events ORDER BY position DESC LIMIT $1 + 1) AS latest
                 WINDOW newer AS (ORDER BY position DESC ROWS UNBOUNDED PRECEDING)) AS summed
             WHERE number > $1 OR bytes > $2 ORDER BY position DESC LIMIT 1",
        )
        .bind(newest)
        .bind(bytes)
        .fetch_optional(&self.read)
        .await
        .map_err(sql_problem)?;
        Ok(before.map_or(Position::START, Position::from_packed))
    }

    fn position(event: &StoredEvent) -> Position {
        event.position
    }

    fn stream() -> &'static StreamFamily<()> {
        &AUTH_EVENTS
    }

    async fn settle(&self, held: Position, newest: Position) -> Result<(), Problem> {
        if held <= newest {
            return Ok(());
        }
        sqlx::query("UPDATE event_head SET position = $1 WHERE position < $1")
            .bind(held.packed())
            .execute(&self.write)
            .await
            .map(drop)
            .map_err(sql_problem)
    }

    fn producer() -> &'static str {
        OUTBOX_PRODUCER_AUTH
    }

    fn bytes(event: &StoredEvent) -> usize {
        event.event.len()
    }

    fn append(after: Position, events: Vec<StoredEvent>, _: Hearing) -> Invocation<Streams> {
        let append = |stored: StoredEvent| SecurityAppend {
            position: stored.position,
            event: stored.event,
        };
        append_security_events(after, &events.into_iter().map(append).collect::<Vec<_>>())
    }
}
