//! Reading rows. What cannot be read is an error that names its row and its column, and never what stands there:
//! nothing is put in its place, so that no change of something else writes over it.

use redis_contracts::Timestamp;
use sqlx::{Error, Row, sqlite::SqliteRow};
use uuid::Uuid;

/// Reads what a row is, which has an `id`.
pub(super) fn named<T>(
    what: &'static str,
    row: &SqliteRow,
    read: impl FnOnce(&SqliteRow) -> Result<T, Error>,
) -> Result<T, Error> {
    read(row).map_err(|error| {
        let id = row.try_get::<Uuid, _>("id");
        let id = id.map_or_else(|_| "without a readable id".to_owned(), |id| id.to_string());
        Error::Decode(format!("{what} {id}: {error}").into())
    })
}

/// A column that holds something else than `expected`.
pub(super) fn unreadable(column: &str, expected: &str) -> Error {
    Error::ColumnDecode {
        index: column.to_owned(),
        source: format!("expected {expected}").into(),
    }
}

/// A moment.
pub(super) fn time(row: &SqliteRow, column: &str) -> Result<Timestamp, Error> {
    moment(row.try_get(column)?, column)
}

/// A moment, where there is one.
pub(super) fn optional_time(row: &SqliteRow, column: &str) -> Result<Option<Timestamp>, Error> {
    let unix_ms = row.try_get::<Option<i64>, _>(column)?;
    unix_ms.map(|unix_ms| moment(unix_ms, column)).transpose()
}

fn moment(unix_ms: i64, column: &str) -> Result<Timestamp, Error> {
    let moment = Timestamp::from_unix_ms(unix_ms);
    match moment.unix_ms() == unix_ms {
        true => Ok(moment),
        false => Err(unreadable(column, "a moment of the years 0 to 9999")),
    }
}

#[cfg(test)]
mod tests {
    use redis_contracts::resource::{Project, Task, TaskStatus};
    use service_kit::{Code, Problem};
    use sqlx::{AssertSqlSafe, SqlitePool};
    use tokio_util::sync::CancellationToken;

    use super::*;
    use crate::store::{
        Actor, CreateComment, CreateProject, CreateTask, UpdateComment, UpdateProject, UpdateTask,
        Writer,
        tests::{empty_pool, writer_on},
    };

    /// What nobody may read in a log.
    const SECRET: &str = "'a secret'";

    /// A project with a task and its comment.
    struct Desk {
        pool: SqlitePool,
        writer: Writer,
        actor: Actor,
        project: Project,
        task: Task,
        comment: Uuid,
    }

    impl Desk {
        async fn set_up(pool: SqlitePool, writer: Writer) -> Self {
            let actor = Actor {
                user_id: Uuid::now_v7(),
                ..Actor::process()
            };
            let project = CreateProject {
                key: "DESK".to_owned(),
                name: "Desk".to_owned(),
                description: String::new(),
            };
            let project = writer.write(actor.clone(), project).await.expect("made");
            let task = CreateTask {
                project_id: project.id,
                title: "First".to_owned(),
                description: String::new(),
                status: TaskStatus::Todo,
                labels: vec!["one".to_owned()],
                due_on: None,
            };
            let task = writer.write(actor.clone(), task).await.expect("made");
            let comment = CreateComment {
                task_id: task.id,
                body: "Said".to_owned(),
            };
            let comment = writer.write(actor.clone(), comment).await.expect("made");
            Self {
                pool,
                writer,
                actor,
                project,
                task,
                comment: comment.id,
            }
        }

        async fn run(&self, statement: String) {
            let run = sqlx::query(AssertSqlSafe(statement)).execute(&self.pool);
            run.await.expect("a statement");
        }

        /// The values of a column, as SQL writes them.
        async fn column(&self, table: &str, column: &str) -> String {
            let statement = format!("SELECT quote({column}) FROM {table}");
            let value = sqlx::query_scalar(AssertSqlSafe(statement)).fetch_one(&self.pool);
            value.await.expect("a row")
        }

        /// A change of something that is fine, in a row of this table.
        async fn change(&self, table: &str) -> Result<(), Problem> {
            let new = Some(format!("New {}", Uuid::now_v7()));
            let (writer, actor) = (&self.writer, self.actor.clone());
            match table {
                "projects" => {
                    let change = UpdateProject {
                        id: self.project.id,
                        name: new,
                        description: None,
                        status: None,
                        if_version: Vec::new(),
                    };
                    writer.write(actor, change).await.map(drop)
                }
                "tasks" => {
                    let change = UpdateTask {
                        id: self.task.id,
                        title: new,
                        ..UpdateTask::default()
                    };
                    writer.write(actor, change).await.map(drop)
                }
                _ => {
                    let change = UpdateComment {
                        id: self.comment,
                        body: new,
                        if_version: Vec::new(),
                    };
                    writer.write(actor, change).await.map(drop)
                }
            }
        }
    }

    /// Does something with a desk while its writer runs.
    async fn at_a_desk(work: impl AsyncFnOnce(&Desk)) {
        let pool = empty_pool().await;
        let (writer, writing) = writer_on(pool.clone());
        let stop = CancellationToken::new();
        let working = async {
            work(&Desk::set_up(pool, writer).await).await;
            stop.cancel();
        };
        let ((), ended) = tokio::join!(working, writing.run(stop.clone()));
        ended.expect("it ran until it was stopped");
    }

    #[tokio::test]
    async fn what_cannot_be_read_is_an_error_and_no_change_of_something_else_writes_over_it() {
        at_a_desk(async |desk| {
            for (table, column, junk) in [
                ("tasks", "status", "7"),
                ("tasks", "labels", SECRET),
                ("tasks", "labels", "'[1]'"),
                ("tasks", "due_on", SECRET),
                ("tasks", "version", "-1"),
                ("tasks", "comment_count", "-1"),
                ("tasks", "created_at", "9000000000000000000"),
                ("tasks", "completed_at", "9000000000000000000"),
                ("projects", "status", SECRET),
                ("projects", "updated_at", "9000000000000000000"),
                ("comments", "version", "-1"),
                ("comments", "author_id", "x'01'"),
            ] {
                let good = desk.column(table, column).await;
                desk.run(format!("UPDATE {table} SET {column} = {junk}"))
                    .await;
                let broken = desk.column(table, column).await;
                let refused = desk.change(table).await.expect_err(column);
                assert_eq!(refused.code, Code::Internal, "{table} {column}");
                assert_eq!(desk.column(table, column).await, broken);
                desk.run(format!("UPDATE {table} SET {column} = {good}"))
                    .await;
                desk.change(table).await.expect("it can be read again");
            }
        })
        .await;
    }

    #[tokio::test]
    async fn an_error_names_row_and_column_and_never_what_stands_there() {
        at_a_desk(async |desk| {
            for column in ["labels", "due_on"] {
                desk.run(format!("UPDATE tasks SET {column} = {SECRET}"))
                    .await;
                let task = sqlx::query("SELECT *, 'DESK-1' AS ref FROM tasks");
                let row = task.fetch_one(&desk.pool).await.expect("a row");
                let error = crate::store::tasks::task(&row)
                    .expect_err(column)
                    .to_string();
                assert!(error.contains(&desk.task.id.to_string()), "{error}");
                assert!(
                    error.contains(column) && !error.contains("secret"),
                    "{error}"
                );
                desk.run("UPDATE tasks SET labels = '[]', due_on = NULL".to_owned())
                    .await;
            }
        })
        .await;
    }
}
