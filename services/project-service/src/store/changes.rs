//! What happened in a project after a position.

use std::collections::BTreeMap;

use redis_contracts::{Position, Timestamp};
use service_kit::Problem;
use sqlx::{Row, SqliteConnection, sqlite::SqliteRow};
use uuid::Uuid;

use super::{events::COUNTED, rows, sql_problem};

/// Changes that are shown.
const SHOWN: i64 = 20;

/// What happened after a position.
#[derive(Clone, Debug, Default)]
pub struct Changes {
    /// How many events, by type, of the first 10,001.
    pub by_type: BTreeMap<String, u32>,
    /// The newest, newest first.
    pub latest: Vec<ChangeGlance>,
}

/// Something that happened.
#[derive(Clone, Debug)]
pub struct ChangeGlance {
    /// Its position.
    pub position: Position,
    /// Its type.
    pub type_name: String,
    /// The task it is about, where it is about one.
    pub task: Option<Uuid>,
    /// The task's reference, where the event names it or the task is there.
    pub reference: Option<String>,
    /// The task's title, where the event names it or the task is there.
    pub title: Option<String>,
    /// Who did it.
    pub actor_id: String,
    /// When.
    pub time: Timestamp,
}

const COUNT: &str = "SELECT type, count(*) AS events FROM
        (SELECT type FROM events WHERE project_id = ? AND position > ? ORDER BY position LIMIT ?)
     GROUP BY type";

/// An event about a task holds the task; one about a comment names the task's id, and the rest is
/// as the task is now, as long as it is in this project.
const LATEST: &str = "WITH latest AS (
        SELECT position, type, time, event ->> '$.actor' AS actor_id, event -> '$.data' AS data
        FROM events WHERE project_id = ?1 AND position > ?2 ORDER BY position DESC LIMIT ?3
     )
     SELECT latest.position, type, time, actor_id,
            CASE WHEN type LIKE 'devmentor.task.%' THEN data ->> 'id' ELSE data ->> 'task_id' END AS task_id,
            coalesce(data ->> 'ref', p.key || '-' || t.number) AS ref,
            CASE WHEN type LIKE 'devmentor.task.%' THEN data ->> 'title' ELSE t.title END AS title
     FROM latest
     LEFT JOIN tasks t ON t.id = unhex(data ->> 'task_id', '-') AND t.project_id = ?1
     LEFT JOIN projects p ON p.id = t.project_id
     ORDER BY latest.position DESC";

/// Counts what happened after a position, and tells the newest of it.
pub(super) async fn changes_after(
    sql: &mut SqliteConnection,
    project_id: Uuid,
    after: Position,
) -> Result<Changes, Problem> {
    let read = async |sql: &mut SqliteConnection, statement: &'static str, limit: i64| {
        sqlx::query(statement)
            .bind(project_id)
            .bind(after.packed())
            .bind(limit)
            .fetch_all(sql)
            .await
            .map_err(sql_problem)
    };
    let counted = read(sql, COUNT, COUNTED).await?;
    let latest = read(sql, LATEST, SHOWN).await?;
    let latest = latest.iter().map(glance).collect::<Result<_, _>>();
    Ok(Changes {
        by_type: counted
            .iter()
            .map(|row| (row.get("type"), row.get("events")))
            .collect(),
        latest: latest.map_err(sql_problem)?,
    })
}

fn glance(row: &SqliteRow) -> Result<ChangeGlance, sqlx::Error> {
    Ok(ChangeGlance {
        position: Position::from_packed(row.try_get("position")?),
        type_name: row.try_get("type")?,
        task: task_id(row)?,
        reference: row.try_get("ref")?,
        title: row.try_get("title")?,
        actor_id: row.try_get("actor_id")?,
        time: rows::time(row, "time")?,
    })
}

fn task_id(row: &SqliteRow) -> Result<Option<Uuid>, sqlx::Error> {
    let id: Option<&str> = row.try_get("task_id")?;
    let id = id.map(Uuid::try_parse).transpose();
    id.map_err(|_| rows::unreadable("event", "the id of its task"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::tests::{empty_database, plan};

    #[tokio::test]
    async fn only_events_after_the_position_are_read() {
        let mut sql = empty_database().await;
        for statement in [COUNT, LATEST] {
            let plan = plan(&mut sql, statement).await;
            assert!(
                plan.contains("events_of_project (project_id=? AND position>?)"),
                "{plan}"
            );
            assert!(!plan.contains("SCAN events"), "{plan}");
        }
    }
}
