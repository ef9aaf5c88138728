//! Tasks: reading, making, changing, moving, deleting.

use redis_contracts::{
    Timestamp,
    event::{Changed, Changes, EventBody, TaskDeleted},
    resource::{Author, Task, TaskStatus},
};
use service_kit::{
    Problem,
    page::{Limit, Page},
};
use sqlx::{Row, SqliteConnection, sqlite::SqliteRow};
use uuid::Uuid;

use super::{
    Change, Mutation, Store, pages,
    projects::{note, own as own_project, require_version},
    rows, sql_problem,
    sweep::{ROWS_A_STEP, Remainder, disown_task},
};
use crate::domain::{
    attention::open_steps,
    board::{at_column, column},
    cursor::BoardCursor,
    fields::is_day,
    rank,
};

/// The columns of a task with its reference.
macro_rules! select_task {
    ($rest:literal) => {
        concat!(
            "SELECT t.*, p.key || '-' || t.number AS ref FROM tasks t JOIN projects p ON p.id = t.project_id ",
            $rest
        )
    };
}

pub(super) fn task(row: &SqliteRow) -> Result<Task, sqlx::Error> {
    rows::named("task", row, |row| {
        Ok(Task {
            id: row.try_get("id")?,
            project_id: row.try_get("project_id")?,
            reference: row.try_get("ref")?,
            title: row.try_get("title")?,
            description: row.try_get("description")?,
            status: status(row)?,
            labels: labels(row)?,
            due_on: due_on(row)?,
            position: row.try_get("position")?,
            author: Author {
                user_id: row.try_get("author_id")?,
                name: row.try_get("author_name")?,
            },
            external_ref: row.try_get("external_ref")?,
            comment_count: row.try_get("comment_count")?,
            version: row.try_get("version")?,
            created_at: rows::time(row, "created_at")?,
            updated_at: rows::time(row, "updated_at")?,
            completed_at: rows::optional_time(row, "completed_at")?,
        })
    })
}

pub(super) fn status(row: &SqliteRow) -> Result<TaskStatus, sqlx::Error> {
    at_column(row.try_get("status")?).ok_or_else(|| rows::unreadable("status", "0 to 3"))
}

fn labels(row: &SqliteRow) -> Result<Vec<String>, sqlx::Error> {
    let labels = serde_json::from_str(row.try_get("labels")?);
    labels.map_err(|_| rows::unreadable("labels", "a JSON array of texts"))
}

pub(super) fn due_on(row: &SqliteRow) -> Result<Option<String>, sqlx::Error> {
    let day: Option<String> = row.try_get("due_on")?;
    match day.as_deref().is_none_or(is_day) {
        true => Ok(day),
        false => Err(rows::unreadable("due_on", "a day such as 2026-01-31")),
    }
}

fn subject(id: Uuid) -> String {
    format!("task/{id}")
}

/// A task of the caller's own projects, or not found.
pub(super) async fn own(
    sql: &mut SqliteConnection,
    owner: Uuid,
    id: Uuid,
) -> Result<Task, Problem> {
    sqlx::query(select_task!("WHERE t.id = ? AND p.owner_id = ?"))
        .bind(id)
        .bind(owner)
        .fetch_optional(sql)
        .await
        .and_then(|row| row.as_ref().map(task).transpose())
        .map_err(sql_problem)?
        .ok_or_else(|| Problem::not_found("task"))
}

/// Adds to a task's count of comments; answers the new count.
pub(super) async fn count_comment(
    sql: &mut SqliteConnection,
    id: Uuid,
    by: i64,
) -> Result<u64, Problem> {
    sqlx::query_scalar::<_, i64>(
        "UPDATE tasks SET comment_count = comment_count + ? WHERE id = ? RETURNING comment_count",
    )
    .bind(by)
    .bind(id)
    .fetch_one(sql)
    .await
    .map(i64::unsigned_abs)
    .map_err(sql_problem)
}

/// Which tasks of a project are listed.
#[derive(Clone, Debug, Default)]
pub struct TaskFilter {
    /// Only of this status.
    pub status: Option<TaskStatus>,
    /// Only with this label.
    pub label: Option<String>,
    /// Only with this text in title or description.
    pub text: Option<String>,
}

/// The tasks after a place on the board, up to a column: the index is read from there.
const TASKS: &str = select_task!(
    "WHERE t.project_id = ?1 AND p.owner_id = ?9 AND (t.status, t.position, t.id) > (?2, ?3, ?4) AND t.status <= ?5
       AND (?6 IS NULL OR EXISTS (SELECT 1 FROM json_each(t.labels) WHERE value = ?6))
       AND (?7 IS NULL OR instr(lower(t.title), lower(?7)) > 0 OR instr(lower(t.description), lower(?7)) > 0)
     ORDER BY t.status, t.position, t.id LIMIT ?8"
);

impl Store {
    /// A task of the caller's own projects, or not found.
    pub async fn task(&self, owner: Uuid, id: Uuid) -> Result<Task, Problem> {
        let mut sql = self.read.acquire().await.map_err(sql_problem)?;
        own(&mut sql, owner, id).await
    }

    /// One task of the owner's, by its project's key and its number there.
    pub async fn task_at(&self, owner: Uuid, key: &str, number: i64) -> Result<Task, Problem> {
        sqlx::query(select_task!(
            "WHERE p.owner_id = ? AND p.key = ? AND t.number = ?"
        ))
        .bind(owner)
        .bind(key)
        .bind(number)
        .fetch_optional(&self.read)
        .await
        .and_then(|row| row.as_ref().map(task).transpose())
        .map_err(sql_problem)?
        .ok_or_else(|| Problem::not_found("task"))
    }

    /// A project's tasks by status and position. To look into each of them is a search.
    pub async fn tasks(
        &self,
        owner: Uuid,
        project_id: Uuid,
        filter: TaskFilter,
        after: Option<BoardCursor>,
        limit: Limit,
    ) -> Result<Page<Task>, Problem> {
        self.project(owner, project_id).await?;
        let is_search = filter.label.is_some() || filter.text.is_some();
        let (first, last) = match filter.status {
            Some(status) => (column(status), column(status)),
            None => (0, i64::MAX),
        };
        let after = after.filter(|after| after.column >= first);
        let after = after.unwrap_or(BoardCursor::top_of(first));
        let tasks = sqlx::query(TASKS)
            .bind(project_id)
            .bind(after.column)
            .bind(after.position)
            .bind(after.id)
            .bind(last)
            .bind(filter.label)
            .bind(filter.text)
            .bind(limit.to_read())
            .bind(owner);
        if is_search {
            return self.searches.find(owner, tasks, limit).await;
        }
        let page = pages::read(tasks.fetch(&self.read), limit).await;
        page.map_err(sql_problem)
    }
}

/// The position after the last card of a column.
pub(super) async fn end_of_column(
    sql: &mut SqliteConnection,
    project_id: Uuid,
    status: TaskStatus,
) -> Result<String, Problem> {
    let last: Option<String> =
        sqlx::query_scalar("SELECT max(position) FROM tasks WHERE project_id = ? AND status = ?")
            .bind(project_id)
            .bind(column(status))
            .fetch_one(sql)
            .await
            .map_err(sql_problem)?;
    rank::between(last.as_deref(), None)
        .ok_or_else(|| Problem::internal("a stored position cannot be read"))
}

/// Takes the next number of a project.
pub(super) async fn take_number(
    sql: &mut SqliteConnection,
    project_id: Uuid,
) -> Result<i64, Problem> {
    sqlx::query_scalar(
        "UPDATE projects SET next_number = next_number + 1 WHERE id = ? RETURNING next_number - 1",
    )
    .bind(project_id)
    .fetch_one(sql)
    .await
    .map_err(sql_problem)
}

/// Writes a new task into SQL and records it at its own time.
pub(super) async fn add(
    change: &mut Change<'_>,
    task: &Task,
    number: i64,
    import_key: Option<&str>,
) -> Result<(), Problem> {
    let labels = serde_json::to_string(&task.labels).map_err(Problem::internal)?;
    sqlx::query(
        "INSERT INTO tasks (id, project_id, number, title, description, status, labels, due_on, position, author_id, author_name,
                            external_ref, import_key, comment_count, version, created_at, updated_at, completed_at, open_steps)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 0, ?, ?, ?, ?, ?)",
    )
    .bind(task.id)
    .bind(task.project_id)
    .bind(number)
    .bind(&task.title)
    .bind(&task.description)
    .bind(column(task.status))
    .bind(labels)
    .bind(&task.due_on)
    .bind(&task.position)
    .bind(task.author.user_id)
    .bind(&task.author.name)
    .bind(&task.external_ref)
    .bind(import_key)
    .bind(task.version as i64)
    .bind(task.created_at.unix_ms())
    .bind(task.updated_at.unix_ms())
    .bind(task.completed_at.map(Timestamp::unix_ms))
    .bind(open_steps(&task.description))
    .execute(&mut *change.sql)
    .await
    .map_err(sql_problem)?;
    change
        .record(
            task.project_id,
            subject(task.id),
            task.created_at,
            EventBody::TaskCreated(task.into()),
        )
        .await
}

/// Makes a task at the end of its column. Fields are checked.
pub struct CreateTask {
    /// In which project.
    pub project_id: Uuid,
    /// Title.
    pub title: String,
    /// Description.
    pub description: String,
    /// Column.
    pub status: TaskStatus,
    /// Labels.
    pub labels: Vec<String>,
    /// Day it is due.
    pub due_on: Option<String>,
}

impl Mutation for CreateTask {
    type Output = Task;

    fn text_bytes(&self) -> usize {
        self.description.len()
    }

    async fn apply(self, change: &mut Change<'_>) -> Result<Task, Problem> {
        let project = own_project(change.sql, change.actor.user_id, self.project_id).await?;
        let number = take_number(change.sql, project.id).await?;
        let task = Task {
            id: Uuid::now_v7(),
            project_id: project.id,
            reference: format!("{}-{number}", project.key),
            title: self.title,
            description: self.description,
            status: self.status,
            labels: self.labels,
            due_on: self.due_on,
            position: end_of_column(change.sql, project.id, self.status).await?,
            author: Author {
                user_id: Some(change.actor.user_id),
                name: change.actor.handle.clone(),
            },
            external_ref: None,
            comment_count: 0,
            version: 1,
            created_at: change.now,
            updated_at: change.now,
            completed_at: (self.status == TaskStatus::Done).then_some(change.now),
        };
        add(change, &task, number, None).await?;
        Ok(task)
    }
}

/// Where a task is moved within its column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// Right after this task.
    After(Uuid),
    /// Right before this task.
    Before(Uuid),
}

/// Changes fields, moves, or both. Fields are checked.
#[derive(Default)]
pub struct UpdateTask {
    /// Which.
    pub id: Uuid,
    /// New title.
    pub title: Option<String>,
    /// New description.
    pub description: Option<String>,
    /// New labels.
    pub labels: Option<Vec<String>>,
    /// New day; `Some(None)` removes it.
    pub due_on: Option<Option<String>>,
    /// New column; without a place, its end.
    pub status: Option<TaskStatus>,
    /// New place.
    pub place: Option<Place>,
    /// Only when it has one of these versions; empty: whatever it has.
    pub if_version: Vec<u64>,
}

impl Mutation for UpdateTask {
    type Output = Task;

    fn text_bytes(&self) -> usize {
        self.description.as_ref().map_or(0, String::len)
    }

    async fn apply(self, change: &mut Change<'_>) -> Result<Task, Problem> {
        let mut task = own(change.sql, change.actor.user_id, self.id).await?;
        require_version(&self.if_version, task.version)?;
        let was = task.status;
        let moved = self.move_to(change, &mut task).await?;
        let edited = self.edit(&mut task);
        if moved.is_empty() && edited.is_empty() {
            return Ok(task);
        }
        task.version += 1;
        task.updated_at = change.now;
        if was != task.status {
            task.completed_at = (task.status == TaskStatus::Done).then_some(change.now);
        }
        save(change.sql, &task).await?;
        let completed = was != task.status && task.status == TaskStatus::Done;
        let told = |changes| Changed {
            snapshot: (&task).into(),
            changes,
        };
        if !edited.is_empty() {
            let body = EventBody::TaskUpdated(told(edited));
            change
                .record(task.project_id, subject(task.id), change.now, body)
                .await?;
        }
        if !moved.is_empty() {
            let body = if completed {
                EventBody::TaskCompleted(told(moved))
            } else {
                EventBody::TaskMoved(told(moved))
            };
            change
                .record(task.project_id, subject(task.id), change.now, body)
                .await?;
        }
        Ok(task)
    }
}

impl UpdateTask {
    fn edit(self, task: &mut Task) -> Changes {
        let mut changes = Changes::new();
        if let Some(title) = self.title.filter(|title| *title != task.title) {
            note(&mut changes, "title", task.title.as_str(), title.as_str());
            task.title = title;
        }
        if let Some(text) = self.description.filter(|text| *text != task.description) {
            note(
                &mut changes,
                "description",
                task.description.as_str(),
                text.as_str(),
            );
            task.description = text;
        }
        if let Some(labels) = self.labels.filter(|labels| *labels != task.labels) {
            note(&mut changes, "labels", task.labels.clone(), labels.clone());
            task.labels = labels;
        }
        if let Some(due_on) = self.due_on.filter(|due_on| *due_on != task.due_on) {
            note(&mut changes, "due_on", task.due_on.clone(), due_on.clone());
            task.due_on = due_on;
        }
        changes
    }

    async fn move_to(&self, change: &mut Change<'_>, task: &mut Task) -> Result<Changes, Problem> {
        let mut changes = Changes::new();
        let was = task.status;
        let status = self.status.unwrap_or(was);
        let position = match self.place {
            Some(place) => position_at(change.sql, task, status, place).await?,
            None if was == status => return Ok(changes),
            None => end_of_column(change.sql, task.project_id, status).await?,
        };
        if was != status {
            note(&mut changes, "status", was.name(), status.name());
            task.status = status;
        }
        if position != task.position {
            note(
                &mut changes,
                "position",
                task.position.as_str(),
                position.as_str(),
            );
            task.position = position;
        }
        Ok(changes)
    }
}

/// The position next to another card of the column; the task's own when it is there already.
async fn position_at(
    sql: &mut SqliteConnection,
    task: &Task,
    status: TaskStatus,
    place: Place,
) -> Result<String, Problem> {
    let (field, neighbour) = match place {
        Place::After(id) => ("after_id", id),
        Place::Before(id) => ("before_id", id),
    };
    let refused = || Problem::invalid_field(field, "another task of the same project and status");
    let anchor: Option<String> = sqlx::query_scalar(
        "SELECT position FROM tasks WHERE id = ? AND project_id = ? AND status = ? AND id <> ?",
    )
    .bind(neighbour)
    .bind(task.project_id)
    .bind(column(status))
    .bind(task.id)
    .fetch_optional(&mut *sql)
    .await
    .map_err(sql_problem)?;
    let anchor = anchor.ok_or_else(refused)?;
    let beyond = match place {
        Place::After(_) => {
            "SELECT min(position) FROM tasks WHERE project_id = ? AND status = ? AND position > ? AND id <> ?"
        }
        Place::Before(_) => {
            "SELECT max(position) FROM tasks WHERE project_id = ? AND status = ? AND position < ? AND id <> ?"
        }
    };
    let beyond: Option<String> = sqlx::query_scalar(beyond)
        .bind(task.project_id)
        .bind(column(status))
        .bind(&anchor)
        .bind(task.id)
        .fetch_one(&mut *sql)
        .await
        .map_err(sql_problem)?;
    let (before, after) = match place {
        Place::After(_) => (Some(anchor.as_str()), beyond.as_deref()),
        Place::Before(_) => (beyond.as_deref(), Some(anchor.as_str())),
    };
    let here = task.position.as_str();
    let already =
        before.is_none_or(|before| before < here) && after.is_none_or(|after| here < after);
    if already && task.status == status {
        return Ok(task.position.clone());
    }
    rank::between(before, after)
        .ok_or_else(|| Problem::internal("stored positions are not in order"))
}

async fn save(sql: &mut SqliteConnection, task: &Task) -> Result<(), Problem> {
    let labels = serde_json::to_string(&task.labels).map_err(Problem::internal)?;
    sqlx::query(
        "UPDATE tasks SET title = ?, description = ?, labels = ?, due_on = ?, status = ?, position = ?, version = ?, updated_at = ?,
                          completed_at = ?, open_steps = ? WHERE id = ?",
    )
    .bind(&task.title)
    .bind(&task.description)
    .bind(labels)
    .bind(&task.due_on)
    .bind(column(task.status))
    .bind(&task.position)
    .bind(task.version as i64)
    .bind(task.updated_at.unix_ms())
    .bind(task.completed_at.map(Timestamp::unix_ms))
    .bind(open_steps(&task.description))
    .bind(task.id)
    .execute(sql)
    .await
    .map(drop)
    .map_err(sql_problem)
}

/// Deletes a task and its comments; when there are many of those, they are gone at once as well, and their
/// rows a little later.
pub struct DeleteTask {
    /// Which.
    pub id: Uuid,
    /// Only when it has one of these versions; empty: whatever it has.
    pub if_version: Vec<u64>,
}

impl Mutation for DeleteTask {
    type Output = Remainder;
    /// It makes room, for whoever has had their share too.
    const IS_COUNTED: bool = false;

    async fn apply(self, change: &mut Change<'_>) -> Result<Remainder, Problem> {
        let task = own(change.sql, change.actor.user_id, self.id).await?;
        require_version(&self.if_version, task.version)?;
        let left = delete(change, &task).await?;
        let body = EventBody::TaskDeleted(TaskDeleted {
            id: task.id,
            project_id: task.project_id,
            reference: task.reference,
        });
        change
            .record(task.project_id, subject(task.id), change.now, body)
            .await?;
        Ok(left)
    }
}

async fn delete(change: &mut Change<'_>, task: &Task) -> Result<Remainder, Problem> {
    if task.comment_count > ROWS_A_STEP.unsigned_abs() {
        disown_task(change.sql, task.id, change.now).await?;
        return Ok(Remainder::More);
    }
    sqlx::query("DELETE FROM tasks WHERE id = ?")
        .bind(task.id)
        .execute(&mut *change.sql)
        .await
        .map(|_| Remainder::Nothing)
        .map_err(sql_problem)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::tests::{empty_database, plan};

    #[tokio::test]
    async fn a_page_of_the_board_is_read_from_where_it_begins() {
        let mut sql = empty_database().await;
        let plan = plan(&mut sql, TASKS).await;
        let from = "tasks_board (project_id=? AND (status,position,id)>(?,?,?) AND status<?)";
        assert!(plan.contains(from), "{plan}");
        assert!(!plan.contains("TEMP B-TREE"), "{plan}");
    }
}
