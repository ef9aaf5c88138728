//! The history: event rows under positions that grow in commit order.

use redis_contracts::{Position, Timestamp, event::Event};
use service_kit::{
    Problem,
    page::{Limit, Page},
};
use sqlx::{Row, SqliteConnection, SqlitePool, sqlite::SqliteRow};
use uuid::Uuid;

use super::{Store, pages, sql_problem};

/// Events after a position are counted up to here: a reader further behind than 10,000 starts from a
/// snapshot, and how much further tells nobody anything.
pub(super) const COUNTED: i64 = 10_001;

/// An event as it is stored.
#[derive(Clone, Debug)]
pub struct StoredEvent {
    /// Its position.
    pub position: Position,
    /// Its project.
    pub project_id: Uuid,
    /// CloudEvent, JSON.
    pub event: String,
}

/// How far a reader is behind.
#[derive(Clone, Copy, Debug)]
pub struct History {
    /// Position of the newest event.
    pub newest: Position,
    /// Whether the reader's position is one of this project's.
    pub known: bool,
    /// Events after it, counted up to 10,001.
    pub behind: u32,
}

/// The newest position of all.
pub(super) async fn newest(pool: &SqlitePool) -> Result<Position, sqlx::Error> {
    let packed: Option<i64> = sqlx::query_scalar("SELECT max(position) FROM events")
        .fetch_one(pool)
        .await?;
    Ok(packed.map_or(Position::START, Position::from_packed))
}

/// The newest position of a project.
pub(super) async fn newest_of(
    sql: &mut SqliteConnection,
    project_id: Uuid,
) -> Result<Position, Problem> {
    let packed: Option<i64> =
        sqlx::query_scalar("SELECT max(position) FROM events WHERE project_id = ?")
            .bind(project_id)
            .fetch_one(sql)
            .await
            .map_err(sql_problem)?;
    Ok(packed.map_or(Position::START, Position::from_packed))
}

pub(super) async fn insert(
    sql: &mut SqliteConnection,
    position: Position,
    project_id: Uuid,
    event: &Event,
    encoded: String,
) -> Result<(), Problem> {
    sqlx::query(
        "INSERT INTO events (position, project_id, type, time, event) VALUES (?, ?, ?, ?, ?)",
    )
    .bind(position.packed())
    .bind(project_id)
    .bind(event.body.type_name())
    .bind(event.time.unix_ms())
    .bind(encoded)
    .execute(sql)
    .await
    .map(drop)
    .map_err(sql_problem)
}

pub(super) fn stored(row: &SqliteRow) -> Result<StoredEvent, sqlx::Error> {
    Ok(StoredEvent {
        position: Position::from_packed(row.try_get("position")?),
        project_id: row.try_get("project_id")?,
        event: Event::cut_stored(row.try_get("event")?),
    })
}

/// The newest event that is too many, or one too many bytes. How long a text is stands at its head, so that
/// none is read.
const BEFORE_NEWEST: &str = "SELECT position FROM
    (SELECT position, row_number() OVER newer AS number, sum(octet_length(event)) OVER newer AS bytes
     FROM (SELECT position, event FROM events ORDER BY position DESC LIMIT ?1 + 1)
     WINDOW newer AS (ORDER BY position DESC ROWS UNBOUNDED PRECEDING))
    WHERE number > ?1 OR bytes > ?2 ORDER BY position DESC LIMIT 1";

/// The history of all projects, for whom it is published by. Cheap to clone.
#[derive(Clone)]
pub struct EventLog {
    read: SqlitePool,
}

impl EventLog {
    /// Reads with these connections.
    pub const fn new(read: SqlitePool) -> Self {
        Self { read }
    }

    /// Events of all projects after a position, oldest first.
    pub async fn events_after(
        &self,
        after: Position,
        limit: i64,
    ) -> Result<Vec<StoredEvent>, Problem> {
        sqlx::query("SELECT position, project_id, event FROM events WHERE position > ? ORDER BY position LIMIT ?")
            .bind(after.packed())
            .bind(limit)
            .fetch_all(&self.read)
            .await
            .and_then(|rows| rows.iter().map(stored).collect())
            .map_err(sql_problem)
    }

    /// How many events come after a position.
    pub async fn count_after(&self, after: Position) -> Result<i64, Problem> {
        sqlx::query_scalar("SELECT count(*) FROM events WHERE position > ?")
            .bind(after.packed())
            .fetch_one(&self.read)
            .await
            .map_err(sql_problem)
    }

    /// The position before the newest events that are so many, and have so many bytes, at most;
    /// [`Position::START`] when that is all of them.
    pub async fn position_before(&self, newest: i64, bytes: i64) -> Result<Position, Problem> {
        let before: Option<i64> = sqlx::query_scalar(BEFORE_NEWEST)
            .bind(newest)
            .bind(bytes)
            .fetch_optional(&self.read)
            .await
            .map_err(sql_problem)?;
        Ok(before.map_or(Position::START, Position::from_packed))
    }

    /// Whether an event is stored under this position.
    pub async fn has(&self, position: Position) -> Result<bool, Problem> {
        let stored = "SELECT EXISTS (SELECT 1 FROM events WHERE position = ?)";
        let stored: bool = sqlx::query_scalar(stored)
            .bind(position.packed())
            .fetch_one(&self.read)
            .await
            .map_err(sql_problem)?;
        Ok(stored && position.is_packable())
    }

    /// The newest position of all projects.
    pub async fn newest_position(&self) -> Result<Position, Problem> {
        newest(&self.read).await.map_err(sql_problem)
    }
}

impl Store {
    /// A project's events after a position, oldest first; `from` and `to` bound their time, `to`
    /// exclusive; an empty type means all. To look for some of them is a search.
    #[expect(clippy::too_many_arguments, reason = "a list's filters")]
    pub async fn project_events(
        &self,
        owner: Uuid,
        project_id: Uuid,
        after: Position,
        from: Option<Timestamp>,
        to: Option<Timestamp>,
        type_name: &str,
        limit: Limit,
    ) -> Result<Page<StoredEvent>, Problem> {
        let is_search = from.is_some() || to.is_some() || !type_name.is_empty();
        let events = sqlx::query(
            "SELECT position, project_id, event FROM events
             WHERE project_id = ?1 AND position > ?2 AND (?3 IS NULL OR time >= ?3) AND (?4 IS NULL OR time < ?4)
               AND (?5 = '' OR type = ?5)
             ORDER BY position LIMIT ?6",
        )
        .bind(project_id)
        .bind(after.packed())
        .bind(from.map(Timestamp::unix_ms))
        .bind(to.map(Timestamp::unix_ms))
        .bind(type_name)
        .bind(limit.to_read());
        if is_search {
            return self.searches.find(owner, events, limit).await;
        }
        let page = pages::read(events.fetch(&self.history), limit).await;
        page.map_err(sql_problem)
    }

    /// How far a reader at `after` is behind a project's history.
    pub async fn history(&self, project_id: Uuid, after: Position) -> Result<History, Problem> {
        let row = sqlx::query(
            "SELECT (SELECT max(position) FROM events WHERE project_id = ?1) AS newest,
                    EXISTS (SELECT 1 FROM events WHERE project_id = ?1 AND position = ?2) AS known,
                    (SELECT count(*) FROM
                        (SELECT 1 FROM events WHERE project_id = ?1 AND position > ?2 LIMIT ?3)) AS behind",
        )
        .bind(project_id)
        .bind(after.packed())
        .bind(COUNTED)
        .fetch_one(&self.history)
        .await
        .map_err(sql_problem)?;
        let newest: Option<i64> = row.get("newest");
        let behind: i64 = row.get("behind");
        Ok(History {
            newest: newest.map_or(Position::START, Position::from_packed),
            known: after == Position::START || row.get("known"),
            behind: u32::try_from(behind).unwrap_or(u32::MAX),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::tests::empty_database;

    #[tokio::test]
    async fn the_newest_are_bounded_by_their_number_and_by_their_bytes() {
        let mut sql = empty_database().await;
        for position in 1..=5 {
            // Two bytes each character.
            sqlx::query("INSERT INTO events VALUES (?, x'01', 'type', 0, ?)")
                .bind(position)
                .bind("\u{e9}".repeat(50))
                .execute(&mut sql)
                .await
                .expect("an event");
        }
        for (newest, bytes, before) in [
            (10, 1000, None),
            (5, 500, None),
            (2, 1000, Some(3)),
            (10, 499, Some(1)),
            (10, 250, Some(3)),
            (4, 250, Some(3)),
            (10, 99, Some(5)),
            (0, 1000, Some(5)),
        ] {
            let found: Option<i64> = sqlx::query_scalar(BEFORE_NEWEST)
                .bind(newest)
                .bind(bytes)
                .fetch_optional(&mut sql)
                .await
                .expect("a position");
            assert_eq!(found, before, "{newest} {bytes}");
        }
    }
}
