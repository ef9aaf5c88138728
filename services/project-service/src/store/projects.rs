//! Projects.

use redis_contracts::{
    event::{Change as FieldChange, Changed, Changes, EventBody, ProjectDeleted},
    resource::Project,
};
use service_kit::{
    Code, Problem,
    page::{Limit, Page},
};
use sqlx::{Row, SqliteConnection, sqlite::SqliteRow};
use uuid::Uuid;

use super::{Change, Mutation, Store, pages, rows, sql_problem, sweep::disown};
use crate::domain::board::PROJECT_STATUSES;

/// Projects are their owner's alone so far.
const OWNER: &str = "owner";

pub(super) fn project(row: &SqliteRow) -> Result<Project, sqlx::Error> {
    rows::named("project", row, |row| {
        Ok(Project {
            id: row.try_get("id")?,
            key: row.try_get("key")?,
            name: row.try_get("name")?,
            description: row.try_get("description")?,
            status: status(row)?,
            role: OWNER.to_owned(),
            version: row.try_get("version")?,
            created_at: rows::time(row, "created_at")?,
            updated_at: rows::time(row, "updated_at")?,
        })
    })
}

fn status(row: &SqliteRow) -> Result<String, sqlx::Error> {
    let status: String = row.try_get("status")?;
    match PROJECT_STATUSES.contains(&status.as_str()) {
        true => Ok(status),
        false => Err(rows::unreadable("status", &PROJECT_STATUSES.join(" or "))),
    }
}

fn subject(id: Uuid) -> String {
    format!("project/{id}")
}

/// The caller's project, or not found.
pub(super) async fn own(
    sql: &mut SqliteConnection,
    owner: Uuid,
    id: Uuid,
) -> Result<Project, Problem> {
    sqlx::query("SELECT * FROM projects WHERE id = ? AND owner_id = ?")
        .bind(id)
        .bind(owner)
        .fetch_optional(sql)
        .await
        .and_then(|row| row.as_ref().map(project).transpose())
        .map_err(sql_problem)?
        .ok_or_else(|| Problem::not_found("project"))
}

/// Refuses a change of what has none of these versions; where none is named, any will do.
pub(super) fn require_version(asked: &[u64], held: u64) -> Result<(), Problem> {
    if asked.is_empty() || asked.contains(&held) {
        return Ok(());
    }
    Err(Problem::new(
        Code::VersionMismatch,
        format!("It has version {held} by now; read it again."),
    ))
}

/// Notes a change of a field.
pub(super) fn note(
    changes: &mut Changes,
    field: &str,
    from: impl Into<serde_json::Value>,
    to: impl Into<serde_json::Value>,
) {
    let (from, to) = (from.into(), to.into());
    changes.insert(field.to_owned(), FieldChange { from, to });
}

/// Somebody's projects before an id: the index is read from there.
const PROJECTS: &str =
    "SELECT * FROM projects WHERE owner_id = ?1 AND id < ?2 ORDER BY id DESC LIMIT ?3";

/// The one with a key.
const WITH_KEY: &str =
    "SELECT * FROM projects WHERE owner_id = ?1 AND key = ?4 AND +id < ?2 LIMIT ?3";

impl Store {
    /// The caller's project, or not found.
    pub async fn project(&self, owner: Uuid, id: Uuid) -> Result<Project, Problem> {
        let mut sql = self.read.acquire().await.map_err(sql_problem)?;
        own(&mut sql, owner, id).await
    }

    /// Refuses the history of a project that is not the caller's. Whoever catches up waits for no other reads.
    pub async fn history_of(&self, owner: Uuid, id: Uuid) -> Result<(), Problem> {
        let mut sql = self.history.acquire().await.map_err(sql_problem)?;
        own(&mut sql, owner, id).await.map(drop)
    }

    /// The caller's projects, newest first; `key` picks one.
    pub async fn projects(
        &self,
        owner: Uuid,
        after: Option<Uuid>,
        key: &str,
        limit: Limit,
    ) -> Result<Page<Project>, Problem> {
        let projects = sqlx::query(if key.is_empty() { PROJECTS } else { WITH_KEY })
            .bind(owner)
            .bind(after.unwrap_or(Uuid::max()))
            .bind(limit.to_read());
        let projects = match key {
            "" => projects,
            key => projects.bind(key),
        };
        let page = pages::read(projects.fetch(&self.read), limit).await;
        page.map_err(sql_problem)
    }
}

/// Makes a project. Fields are checked.
pub struct CreateProject {
    /// Key.
    pub key: String,
    /// Name.
    pub name: String,
    /// Description.
    pub description: String,
}

impl Mutation for CreateProject {
    type Output = Project;

    fn text_bytes(&self) -> usize {
        self.description.len()
    }

    async fn apply(self, change: &mut Change<'_>) -> Result<Project, Problem> {
        let made = Project {
            id: Uuid::now_v7(),
            key: self.key,
            name: self.name,
            description: self.description,
            status: "active".to_owned(),
            role: OWNER.to_owned(),
            version: 1,
            created_at: change.now,
            updated_at: change.now,
        };
        let inserted = sqlx::query(
            "INSERT INTO projects (id, owner_id, key, name, description, status, next_number, version, created_at, updated_at)
             VALUES (?, ?, ?, ?, ?, ?, 1, 1, ?, ?) ON CONFLICT (owner_id, key) DO NOTHING",
        )
        .bind(made.id)
        .bind(change.actor.user_id)
        .bind(&made.key)
        .bind(&made.name)
        .bind(&made.description)
        .bind(&made.status)
        .bind(made.created_at.unix_ms())
        .bind(made.updated_at.unix_ms())
        .execute(&mut *change.sql)
        .await
        .map_err(sql_problem)?;
        if inserted.rows_affected() == 0 {
            let detail = format!(
                "You have a project with the key {}; choose another.",
                made.key
            );
            return Err(Problem::new(Code::KeyTaken, detail));
        }
        change
            .record(
                made.id,
                subject(made.id),
                change.now,
                EventBody::ProjectCreated((&made).into()),
            )
            .await?;
        Ok(made)
    }
}

/// Changes a project's fields. Fields are checked.
pub struct UpdateProject {
    /// Which.
    pub id: Uuid,
    /// New name.
    pub name: Option<String>,
    /// New description.
    pub description: Option<String>,
    /// New status.
    pub status: Option<String>,
    /// Only when it has one of these versions; empty: whatever it has.
    pub if_version: Vec<u64>,
}

impl Mutation for UpdateProject {
    type Output = Project;

    fn text_bytes(&self) -> usize {
        self.description.as_ref().map_or(0, String::len)
    }

    async fn apply(self, change: &mut Change<'_>) -> Result<Project, Problem> {
        let mut project = own(change.sql, change.actor.user_id, self.id).await?;
        require_version(&self.if_version, project.version)?;
        let mut changes = Changes::new();
        let fields = [
            ("name", self.name, &mut project.name),
            ("description", self.description, &mut project.description),
            ("status", self.status, &mut project.status),
        ];
        for (field, new, held) in fields {
            if let Some(new) = new.filter(|new| new != held) {
                note(&mut changes, field, held.as_str(), new.as_str());
                *held = new;
            }
        }
        if changes.is_empty() {
            return Ok(project);
        }
        project.version += 1;
        project.updated_at = change.now;
        sqlx::query("UPDATE projects SET name = ?, description = ?, status = ?, version = ?, updated_at = ? WHERE id = ?")
            .bind(&project.name)
            .bind(&project.description)
            .bind(&project.status)
            .bind(project.version as i64)
            .bind(project.updated_at.unix_ms())
            .bind(project.id)
            .execute(&mut *change.sql)
            .await
            .map_err(sql_problem)?;
        let snapshot = (&project).into();
        let body = EventBody::ProjectUpdated(Changed { snapshot, changes });
        change
            .record(project.id, subject(project.id), change.now, body)
            .await?;
        Ok(project)
    }
}

/// Deletes a project and all in it; its history stays. It is gone at once, its rows a little later.
pub struct DeleteProject {
    /// Which.
    pub id: Uuid,
    /// Only when it has one of these versions; empty: whatever it has.
    pub if_version: Vec<u64>,
}

impl Mutation for DeleteProject {
    type Output = ();
    /// It makes room, for whoever has had their share too.
    const IS_COUNTED: bool = false;

    async fn apply(self, change: &mut Change<'_>) -> Result<(), Problem> {
        let project = own(change.sql, change.actor.user_id, self.id).await?;
        require_version(&self.if_version, project.version)?;
        disown(change.sql, project.id).await?;
        let body = EventBody::ProjectDeleted(ProjectDeleted {
            id: project.id,
            key: project.key,
        });
        change
            .record(project.id, subject(project.id), change.now, body)
            .await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::tests::{empty_database, plan};

    #[tokio::test]
    async fn a_page_of_projects_is_read_from_where_it_begins() {
        let mut sql = empty_database().await;
        for (statement, from) in [
            (PROJECTS, "projects_newest (owner_id=? AND id<?)"),
            (WITH_KEY, "(owner_id=? AND key=?)"),
        ] {
            let plan = plan(&mut sql, statement).await;
            assert!(plan.contains(from), "{plan}");
            assert!(!plan.contains("TEMP B-TREE"), "{plan}");
        }
    }
}
