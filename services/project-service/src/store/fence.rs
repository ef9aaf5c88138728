//! Keeps positions above what the streams Redis holds, also after the database was set back: the relay goes on
//! behind what the stream holds, so an event at or below it would never be published.
//!
//! Until the streams Redis answers for the first time after a start, nobody knows what it holds, and changes are
//! made all the same. What they recorded is remembered as unfenced, and moved up where the answer says so.

use redis_contracts::Position;
use service_kit::Problem;
use sqlx::{Row, SqliteConnection, SqlitePool};

use super::{Change, Mutation, sql_problem};

/// Begins before the first change of a process; answers what positions have to grow above.
pub(super) async fn begin(pool: &SqlitePool) -> Result<Position, sqlx::Error> {
    let packed: i64 = sqlx::query_scalar(
        "UPDATE event_fence SET unfenced_from = coalesce(unfenced_from, (SELECT max(position) FROM events), 0)
         RETURNING max(floor, coalesce((SELECT max(position) FROM events), 0))",
    )
    .fetch_one(pool)
    .await?;
    Ok(Position::from_packed(packed))
}

/// The stream holds this position: from now on all that is recorded lies above it, and what was recorded since
/// the start is moved there where it does not.
pub struct Settle {
    /// As the streams Redis says it.
    pub held: Position,
}

impl Mutation for Settle {
    type Output = ();
    const IS_COUNTED: bool = false;

    async fn apply(self, change: &mut Change<'_>) -> Result<(), Problem> {
        let held = self.held.packed();
        let newest = settle(change.sql, held).await.map_err(sql_problem)?;
        change.grow_above(Position::from_packed(newest));
        Ok(())
    }
}

/// Answers what positions have to grow above.
async fn settle(sql: &mut SqliteConnection, held: i64) -> Result<i64, sqlx::Error> {
    let lowest: Option<i64> = sqlx::query_scalar(
        "SELECT min(position) FROM events WHERE position > (SELECT unfenced_from FROM event_fence)",
    )
    .fetch_one(&mut *sql)
    .await?;
    if let Some(lowest) = lowest.filter(|lowest| *lowest <= held) {
        move_up(sql, lowest, held + 1 - lowest).await?;
    }
    let row = sqlx::query(
        "UPDATE event_fence SET floor = max(floor, ?), unfenced_from = NULL
         RETURNING max(floor, coalesce((SELECT max(position) FROM events), 0)) AS newest",
    )
    .bind(held)
    .fetch_one(sql)
    .await?;
    Ok(row.get("newest"))
}

/// Gives the events from `lowest` on positions that are higher by so much: their order stays. None of them was
/// published, for the stream has only just answered. By way of negative numbers, so that none meets another.
async fn move_up(sql: &mut SqliteConnection, lowest: i64, by: i64) -> Result<(), sqlx::Error> {
    let moved = sqlx::query("UPDATE events SET position = -(position + ?) WHERE position >= ?")
        .bind(by)
        .bind(lowest)
        .execute(&mut *sql)
        .await?
        .rows_affected();
    sqlx::query("UPDATE events SET position = -position WHERE position < 0")
        .execute(sql)
        .await?;
    tracing::warn!(
        events = moved,
        lowest = %Position::from_packed(lowest),
        "the stream was ahead of events that were recorded since the start; they were moved up"
    );
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::tests::empty_database;

    async fn record(sql: &mut SqliteConnection, positions: &[i64]) {
        for position in positions {
            sqlx::query("INSERT INTO events VALUES (?1, x'01', 'type', 0, 'event ' || ?1)")
                .bind(position)
                .execute(&mut *sql)
                .await
                .expect("an event");
        }
    }

    async fn begun_from(sql: &mut SqliteConnection, position: Option<i64>) {
        sqlx::query("UPDATE event_fence SET unfenced_from = ?")
            .bind(position)
            .execute(sql)
            .await
            .expect("a fence");
    }

    /// Positions, and which event has each.
    async fn log(sql: &mut SqliteConnection) -> Vec<(i64, String)> {
        let rows = sqlx::query("SELECT position, event FROM events ORDER BY position");
        let rows = rows.fetch_all(sql).await.expect("events");
        let event = |row: &sqlx::sqlite::SqliteRow| (row.get(0), row.get(1));
        rows.iter().map(event).collect()
    }

    fn event(position: i64, was: i64) -> (i64, String) {
        (position, format!("event {was}"))
    }

    #[tokio::test]
    async fn what_the_stream_overtook_is_moved_above_it_in_its_order_and_only_that() {
        let mut sql = empty_database().await;
        // Two from before the start; of those since, some are below what the stream holds.
        record(&mut sql, &[10, 20, 21, 23, 40]).await;
        begun_from(&mut sql, Some(20)).await;
        assert_eq!(settle(&mut sql, 30).await.expect("settled"), 50);
        let expected = [
            event(10, 10),
            event(20, 20),
            event(31, 21),
            event(33, 23),
            event(50, 40),
        ];
        assert_eq!(log(&mut sql).await, expected);
        // What the stream holds later was published by this process.
        assert_eq!(settle(&mut sql, 33).await.expect("settled"), 50);
        assert_eq!(log(&mut sql).await, expected);
    }

    #[tokio::test]
    async fn what_lies_above_the_stream_or_was_there_before_the_start_stays() {
        for (unfenced_from, held) in [(Some(20), 5), (Some(20), 20), (Some(40), 50), (None, 50)] {
            let mut sql = empty_database().await;
            record(&mut sql, &[10, 20, 21, 40]).await;
            begun_from(&mut sql, unfenced_from).await;
            let above = settle(&mut sql, held).await.expect("settled");
            assert_eq!(above, held.max(40), "the floor lasts");
            let all = [10, 20, 21, 40].map(|position| event(position, position));
            assert_eq!(log(&mut sql).await, all, "{unfenced_from:?} {held}");
        }
    }
}
