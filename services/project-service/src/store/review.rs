//! A project at a glance. Each list is counted and begun from an index of its own, so the work does
//! not grow with the descriptions of all tasks; with their number it does, so it is a long read.

use redis_contracts::{
    Position, Timestamp,
    resource::{Project, TaskStatus},
};
use service_kit::Problem;
use sqlx::{Connection, Row, SqliteConnection, sqlite::SqliteRow};
use uuid::Uuid;

use super::{
    Store,
    changes::{Changes, changes_after},
    events::newest_of,
    projects::own as own_project,
    rows, sql_problem, tasks,
};
use crate::domain::{
    attention::{BIG_FROM_STEPS, Bounds},
    board::column,
};

/// Tasks of a list that are shown.
const SHOWN: i64 = 10;

/// A project as it is at one moment.
#[derive(Clone, Debug)]
pub struct Review {
    /// The project itself.
    pub project: Project,
    /// How many tasks there are, by place of their status on the board.
    pub by_status: [u32; TaskStatus::ALL.len()],
    /// How many were done this week.
    pub done_this_week: u32,
    /// Open and due before today, the longest overdue first.
    pub overdue: Attention,
    /// In progress and long unchanged, the longest first.
    pub stuck: Attention,
    /// In review and unchanged, the longest first.
    pub unreviewed: Attention,
    /// Open with many steps left, the most first.
    pub big: Attention,
    /// To do, as on the board.
    pub next: Attention,
    /// What happened after the position asked about.
    pub changes: Changes,
    /// Position of the newest event.
    pub newest: Position,
}

/// Tasks that need somebody: how many, and the first of them.
#[derive(Clone, Debug)]
pub struct Attention {
    /// All of them.
    pub total: u32,
    /// The first.
    pub tasks: Vec<Glance>,
}

/// A task as far as a review shows it.
#[derive(Clone, Debug)]
pub struct Glance {
    /// Task id.
    pub id: Uuid,
    /// Its number in the project.
    pub number: i64,
    /// Title.
    pub title: String,
    /// Column.
    pub status: TaskStatus,
    /// Day it is due.
    pub due_on: Option<String>,
    /// Steps left.
    pub open_steps: u32,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

impl Store {
    /// Reviews the caller's project, or not found. All is read in one transaction, so that the
    /// newest position is the one up to which the rest is told.
    pub async fn review(
        &self,
        owner: Uuid,
        project_id: Uuid,
        since: Option<Position>,
        bounds: &Bounds,
    ) -> Result<Review, Problem> {
        let mut read = self.reviews.begin(owner).await?;
        let mut sql = read.sql().begin().await.map_err(sql_problem)?;
        let sql = &mut *sql;
        let project = own_project(sql, owner, project_id).await?;
        let (by_status, done_this_week) = counts(sql, project_id, bounds).await?;
        let stuck_since = bounds.stuck_since.unix_ms();
        let unreviewed_since = bounds.unreviewed_since.unix_ms();
        Ok(Review {
            project,
            by_status,
            done_this_week,
            overdue: list(sql, project_id, OVERDUE, bounds.today.as_str()).await?,
            stuck: list(sql, project_id, STUCK, stuck_since).await?,
            unreviewed: list(sql, project_id, UNREVIEWED, unreviewed_since).await?,
            big: list(sql, project_id, BIG, BIG_FROM_STEPS).await?,
            next: list(sql, project_id, NEXT, column(TaskStatus::Todo)).await?,
            changes: match since {
                Some(since) => changes_after(sql, project_id, since).await?,
                None => Changes::default(),
            },
            newest: newest_of(sql, project_id).await?,
        })
    }
}

/// Counts by status, and what was done this week.
const COUNTS: &str = "SELECT count(*) FILTER (WHERE status = 0) AS todo, count(*) FILTER (WHERE status = 1) AS in_progress,
        count(*) FILTER (WHERE status = 2) AS in_review, count(*) FILTER (WHERE status = 3) AS done,
        (SELECT count(*) FROM tasks WHERE project_id = ?1 AND completed_at >= ?2) AS done_this_week
     FROM tasks WHERE project_id = ?1";

/// The first tasks that fit, and how many there are. `?1` is the project, `?2` what they are
/// compared with. The status is a number in the text, because an index of some rows is used only
/// where the statement says the same.
macro_rules! list {
    ($which:literal, $order:literal) => {
        concat!(
            "SELECT id, number, title, status, due_on, open_steps, updated_at, ",
            "(SELECT count(*) FROM tasks WHERE project_id = ?1 AND ",
            $which,
            ") AS total FROM tasks WHERE project_id = ?1 AND ",
            $which,
            " ORDER BY ",
            $order,
            " LIMIT ?3"
        )
    };
}

const OVERDUE: &str = list!("status < 3 AND due_on < ?2", "due_on, number");
const STUCK: &str = list!("status = 1 AND updated_at <= ?2", "updated_at, number");
const UNREVIEWED: &str = list!("status = 2 AND updated_at <= ?2", "updated_at, number");
const BIG: &str = list!(
    "status < 3 AND open_steps > 0 AND open_steps >= ?2",
    "open_steps DESC, number"
);
const NEXT: &str = list!("status = ?2", "position, id");

async fn counts(
    sql: &mut SqliteConnection,
    project_id: Uuid,
    bounds: &Bounds,
) -> Result<([u32; TaskStatus::ALL.len()], u32), Problem> {
    let row = sqlx::query(COUNTS)
        .bind(project_id)
        .bind(bounds.week_from.unix_ms())
        .fetch_one(sql)
        .await
        .map_err(sql_problem)?;
    let by_status = TaskStatus::ALL.map(|status| row.get(status.name()));
    Ok((by_status, row.get("done_this_week")))
}

async fn list<'q, B>(
    sql: &mut SqliteConnection,
    project_id: Uuid,
    statement: &'static str,
    bound: B,
) -> Result<Attention, Problem>
where
    B: sqlx::Encode<'q, sqlx::Sqlite> + sqlx::Type<sqlx::Sqlite> + Send + 'q,
{
    let rows = sqlx::query(statement)
        .bind(project_id)
        .bind(bound)
        .bind(SHOWN)
        .fetch_all(sql)
        .await
        .map_err(sql_problem)?;
    let tasks = rows.iter().map(glance).collect::<Result<_, _>>();
    Ok(Attention {
        total: rows.first().map_or(0, |row| row.get("total")),
        tasks: tasks.map_err(sql_problem)?,
    })
}

fn glance(row: &SqliteRow) -> Result<Glance, sqlx::Error> {
    rows::named("task", row, |row| {
        Ok(Glance {
            id: row.try_get("id")?,
            number: row.try_get("number")?,
            title: row.try_get("title")?,
            status: tasks::status(row)?,
            due_on: tasks::due_on(row)?,
            open_steps: row.try_get("open_steps")?,
            updated_at: rows::time(row, "updated_at")?,
        })
    })
}

#[cfg(test)]
mod tests {
    use service_kit::Code;
    use sql::sqlite::Sqlite;

    use super::*;
    use crate::store::{
        MIGRATIONS,
        tests::{empty_database, plan},
    };

    #[tokio::test]
    async fn a_review_waits_for_no_reads_and_no_reads_for_reviews() {
        let folder = tempfile::tempdir().expect("a folder");
        let url = format!("sqlite://{}/projects.db", folder.path().display());
        let mut sqlite = Sqlite::open(&url, MIGRATIONS).await.expect("a database");
        let store = Store::new(&mut sqlite);
        let (nobody, bounds) = (Uuid::now_v7(), Bounds::at(Timestamp::now()));
        let mut held = Vec::new();
        while let Some(reader) = store.read.try_acquire() {
            held.push(reader);
        }
        let review = store.review(nobody, nobody, None, &bounds).await;
        assert_eq!(review.expect_err("no project").code, Code::NotFound);
        drop(held);
        let reviewing = [Uuid::now_v7(), Uuid::now_v7()].map(|person| store.reviews.begin(person));
        let _reviewing = futures_util::future::join_all(reviewing).await;
        let review = store.review(nobody, nobody, None, &bounds).await;
        assert_eq!(review.expect_err("others review").code, Code::Unavailable);
        let task = store.task(nobody, nobody).await;
        assert_eq!(task.expect_err("no task").code, Code::NotFound);
    }

    #[tokio::test]
    async fn every_statement_reads_its_own_index_in_order() {
        let mut sql = empty_database().await;
        for (statement, index) in [
            (OVERDUE, "tasks_due"),
            (STUCK, "tasks_begun"),
            (UNREVIEWED, "tasks_begun"),
            (BIG, "tasks_steps"),
            (NEXT, "tasks_board"),
            (COUNTS, "tasks_completed"),
        ] {
            let plan = plan(&mut sql, statement).await;
            let counted = format!("USING COVERING INDEX {index} ");
            assert!(plan.contains(&counted), "{statement}\n{plan}");
            assert!(!plan.contains("TEMP B-TREE"), "{statement}\n{plan}");
            assert!(!plan.contains("SCAN tasks"), "{statement}\n{plan}");
        }
    }
}
