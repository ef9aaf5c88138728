//! Deleting in turns. A statement that deletes without bound would hold up every change behind it, so what
//! is over goes a few rows a turn through the writer's queue, and other changes run between the turns.
//!
//! A deleted project belongs to nobody until its rows are gone: each statement finds a project, and what is
//! in it, by its owner.

use std::time::{Duration, Instant};

use redis_contracts::Timestamp;
use service_kit::Problem;
use sqlx::SqliteConnection;
use uuid::Uuid;

use super::{COMMIT_WITHIN, Change, Mutation, idempotency::KEPT_MS, sql_problem};

/// Rows that one turn deletes at most.
const ROWS_A_TURN: u64 = 500;

/// Rows of one statement: with the longest of texts they are some MiB. Whatever has no more is deleted at once.
pub(super) const ROWS_A_STEP: i64 = 10;

/// What is left to delete.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Remainder {
    /// More, for another turn.
    More,
    /// Nothing.
    Nothing,
}

/// A turn.
#[derive(Clone, Copy, Debug)]
pub struct Swept {
    /// What it left.
    pub left: Remainder,
    /// How long it held the writer.
    pub took: Duration,
}

/// Takes a project from its owner: nobody finds it any more, and its key is free.
pub(super) async fn disown(sql: &mut SqliteConnection, project_id: Uuid) -> Result<(), Problem> {
    sqlx::query("UPDATE projects SET owner_id = x'', key = hex(id) WHERE id = ?")
        .bind(project_id)
        .execute(sql)
        .await
        .map(drop)
        .map_err(sql_problem)
}

/// Takes a task with its comments out of its project, into one that belongs to nobody.
pub(super) async fn disown_task(
    sql: &mut SqliteConnection,
    task_id: Uuid,
    now: Timestamp,
) -> Result<(), Problem> {
    let nobodys = Uuid::now_v7();
    sqlx::query(
        "INSERT INTO projects (id, owner_id, key, name, description, status, next_number, version, created_at, updated_at)
         VALUES (?1, x'', hex(?1), '', '', 'archived', 1, 1, ?2, ?2)",
    )
    .bind(nobodys)
    .bind(now.unix_ms())
    .execute(&mut *sql)
    .await
    .map_err(sql_problem)?;
    sqlx::query("UPDATE tasks SET project_id = ? WHERE id = ?")
        .bind(nobodys)
        .bind(task_id)
        .execute(sql)
        .await
        .map(drop)
        .map_err(sql_problem)
}

/// Deletes rows of projects that belong to nobody.
pub struct SweepProjects;

impl Mutation for SweepProjects {
    type Output = Swept;
    const IS_COUNTED: bool = false;

    async fn apply(self, change: &mut Change<'_>) -> Result<Swept, Problem> {
        let mut turn = Turn::begin();
        while turn.goes_on() {
            let deleted = sweep_step(change.sql).await.map_err(sql_problem)?;
            let Some(deleted) = deleted else {
                return Ok(turn.end(Remainder::Nothing));
            };
            turn.rows += deleted;
        }
        Ok(turn.end(Remainder::More))
    }
}

/// Deletes first answers that are kept no longer.
pub struct ForgetAnswers;

impl Mutation for ForgetAnswers {
    type Output = Swept;
    const IS_COUNTED: bool = false;

    async fn apply(self, change: &mut Change<'_>) -> Result<Swept, Problem> {
        let mut turn = Turn::begin();
        let old: Vec<(Uuid, Vec<u8>)> = sqlx::query_as(OLD_ANSWERS)
            .bind(change.now.unix_ms() - KEPT_MS)
            .bind(ROWS_A_TURN.cast_signed())
            .fetch_all(&mut *change.sql)
            .await
            .map_err(sql_problem)?;
        let found = old.len() as u64;
        for (user_id, key_hash) in old {
            if !turn.goes_on() {
                return Ok(turn.end(Remainder::More));
            }
            sqlx::query("DELETE FROM idempotency WHERE user_id = ? AND key_hash = ?")
                .bind(user_id)
                .bind(key_hash)
                .execute(&mut *change.sql)
                .await
                .map_err(sql_problem)?;
            turn.rows += 1;
        }
        Ok(turn.end(match found < ROWS_A_TURN {
            true => Remainder::Nothing,
            false => Remainder::More,
        }))
    }
}

/// The keys alone: an answer can be long.
const OLD_ANSWERS: &str =
    "SELECT user_id, key_hash FROM idempotency WHERE created_at <= ? ORDER BY created_at LIMIT ?";

/// How far a turn has come. It ends early when it has taken as long as a commit may, for rows differ in size.
struct Turn {
    began: Instant,
    rows: u64,
}

impl Turn {
    fn begin() -> Self {
        Self {
            began: Instant::now(),
            rows: 0,
        }
    }

    fn goes_on(&self) -> bool {
        self.rows < ROWS_A_TURN && self.began.elapsed() < COMMIT_WITHIN
    }

    fn end(&self, left: Remainder) -> Swept {
        Swept {
            left,
            took: self.began.elapsed(),
        }
    }
}

/// Deletes comments, else tasks without comments, else the project itself; how many rows, or `None` when
/// there is no such project. What cascades is bounded so: nothing is left to cascade to.
async fn sweep_step(sql: &mut SqliteConnection) -> Result<Option<u64>, sqlx::Error> {
    let project: Option<Uuid> =
        sqlx::query_scalar("SELECT id FROM projects WHERE owner_id = x'' LIMIT 1")
            .fetch_optional(&mut *sql)
            .await?;
    let Some(project) = project else {
        return Ok(None);
    };
    for statement in [COMMENTS, TASKS] {
        let deleted = sqlx::query(statement)
            .bind(project)
            .bind(ROWS_A_STEP)
            .execute(&mut *sql)
            .await?
            .rows_affected();
        if deleted > 0 {
            return Ok(Some(deleted));
        }
    }
    let deleted = sqlx::query("DELETE FROM projects WHERE id = ?")
        .bind(project)
        .execute(sql)
        .await?;
    Ok(Some(deleted.rows_affected()))
}

/// Comments on the first tasks.
const COMMENTS: &str = "DELETE FROM comments WHERE id IN
    (SELECT c.id FROM (SELECT id FROM tasks WHERE project_id = ?1 ORDER BY number LIMIT ?2) t
     CROSS JOIN comments c ON c.task_id = t.id LIMIT ?2)";

/// The first tasks, when they have no comments.
const TASKS: &str = "DELETE FROM tasks WHERE id IN (SELECT id FROM tasks WHERE project_id = ?1 ORDER BY number LIMIT ?2)";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::tests::{empty_database, plan};

    #[tokio::test]
    async fn a_step_looks_at_no_more_than_it_deletes() {
        let mut sql = empty_database().await;
        let first_tasks = "SEARCH tasks USING INDEX sqlite_autoindex_tasks_2 (project_id=?)";
        let their_comments = "SEARCH c USING COVERING INDEX comments_newest (task_id=?)";
        for (statement, step) in [
            (COMMENTS, first_tasks),
            (COMMENTS, their_comments),
            (TASKS, first_tasks),
            (
                OLD_ANSWERS,
                "SEARCH idempotency USING COVERING INDEX idempotency_oldest",
            ),
        ] {
            let plan = plan(&mut sql, statement).await;
            assert!(plan.contains(step), "{statement}\n{plan}");
            assert!(
                !plan.contains("SCAN tasks") && !plan.contains("TEMP B-TREE"),
                "{plan}"
            );
        }
    }
}
