//! Comments.

use redis_contracts::{
    event::{Changed, Changes, CommentAdded, CommentDeleted, EventBody},
    resource::{Author, Comment},
};
use service_kit::{
    Code, Problem,
    page::{Limit, Page},
};
use sqlx::{Row, SqliteConnection, sqlite::SqliteRow};
use uuid::Uuid;

use super::{
    Change, Mutation, Store, pages,
    projects::{note, require_version},
    rows, sql_problem, tasks,
};
use crate::domain::cursor::TimeCursor;

pub(super) fn comment(row: &SqliteRow) -> Result<Comment, sqlx::Error> {
    rows::named("comment", row, |row| {
        Ok(Comment {
            id: row.try_get("id")?,
            task_id: row.try_get("task_id")?,
            author: Author {
                user_id: row.try_get("author_id")?,
                name: row.try_get("author_name")?,
            },
            body: row.try_get("body")?,
            external_ref: row.try_get("external_ref")?,
            version: row.try_get("version")?,
            created_at: rows::time(row, "created_at")?,
            updated_at: rows::time(row, "updated_at")?,
        })
    })
}

fn subject(id: Uuid) -> String {
    format!("comment/{id}")
}

/// A comment on a task of the caller's own projects and the id of its project, or not found.
async fn own(
    sql: &mut SqliteConnection,
    owner: Uuid,
    id: Uuid,
) -> Result<(Comment, Uuid), Problem> {
    let row = sqlx::query(
        "SELECT c.*, t.project_id FROM comments c JOIN tasks t ON t.id = c.task_id JOIN projects p ON p.id = t.project_id
         WHERE c.id = ? AND p.owner_id = ?",
    )
    .bind(id)
    .bind(owner)
    .fetch_optional(sql)
    .await
    .map_err(sql_problem)?
    .ok_or_else(|| Problem::not_found("comment"))?;
    let own = || Ok((comment(&row)?, row.try_get("project_id")?));
    own().map_err(sql_problem)
}

/// The comments before a moment: the index is read from there.
const COMMENTS: &str = "SELECT * FROM comments WHERE task_id = ?1 AND (created_at, id) < (?2, ?3)
     ORDER BY created_at DESC, id DESC LIMIT ?4";

impl Store {
    /// A comment on a task of the caller's own projects, or not found.
    pub async fn comment(&self, owner: Uuid, id: Uuid) -> Result<Comment, Problem> {
        let mut sql = self.read.acquire().await.map_err(sql_problem)?;
        own(&mut sql, owner, id).await.map(|(comment, _)| comment)
    }

    /// A task's comments, newest first.
    pub async fn comments(
        &self,
        owner: Uuid,
        task_id: Uuid,
        after: Option<TimeCursor>,
        limit: Limit,
    ) -> Result<Page<Comment>, Problem> {
        self.task(owner, task_id).await?;
        let after = after.unwrap_or(TimeCursor::NEWEST);
        let comments = sqlx::query(COMMENTS)
            .bind(task_id)
            .bind(after.unix_ms)
            .bind(after.id)
            .bind(limit.to_read());
        let page = pages::read(comments.fetch(&self.read), limit).await;
        page.map_err(sql_problem)
    }
}

/// Writes a comment into SQL, counts it on its task and records it at its own time.
pub(super) async fn add(
    change: &mut Change<'_>,
    project_id: Uuid,
    comment: &Comment,
    import_place: Option<i64>,
) -> Result<(), Problem> {
    sqlx::query(
        "INSERT INTO comments (id, task_id, author_id, author_name, body, external_ref, import_place, version, created_at, updated_at)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
    )
    .bind(comment.id)
    .bind(comment.task_id)
    .bind(comment.author.user_id)
    .bind(&comment.author.name)
    .bind(&comment.body)
    .bind(&comment.external_ref)
    .bind(import_place)
    .bind(comment.version as i64)
    .bind(comment.created_at.unix_ms())
    .bind(comment.updated_at.unix_ms())
    .execute(&mut *change.sql)
    .await
    .map_err(sql_problem)?;
    let body = EventBody::CommentAdded(CommentAdded {
        comment: comment.into(),
        task_comment_count: tasks::count_comment(change.sql, comment.task_id, 1).await?,
    });
    change
        .record(project_id, subject(comment.id), comment.created_at, body)
        .await
}

/// Adds the caller's comment to a task. The body is checked.
pub struct CreateComment {
    /// On which task.
    pub task_id: Uuid,
    /// Text.
    pub body: String,
}

impl Mutation for CreateComment {
    type Output = Comment;

    fn text_bytes(&self) -> usize {
        self.body.len()
    }

    async fn apply(self, change: &mut Change<'_>) -> Result<Comment, Problem> {
        let task = tasks::own(change.sql, change.actor.user_id, self.task_id).await?;
        let comment = Comment {
            id: Uuid::now_v7(),
            task_id: task.id,
            author: Author {
                user_id: Some(change.actor.user_id),
                name: change.actor.handle.clone(),
            },
            body: self.body,
            external_ref: None,
            version: 1,
            created_at: change.now,
            updated_at: change.now,
        };
        add(change, task.project_id, &comment, None).await?;
        Ok(comment)
    }
}

/// Changes the caller's own comment. The body is checked.
pub struct UpdateComment {
    /// Which.
    pub id: Uuid,
    /// New text; none: as it is.
    pub body: Option<String>,
    /// Only when it has one of these versions; empty: whatever it has.
    pub if_version: Vec<u64>,
}

impl Mutation for UpdateComment {
    type Output = Comment;

    fn text_bytes(&self) -> usize {
        self.body.as_ref().map_or(0, String::len)
    }

    async fn apply(self, change: &mut Change<'_>) -> Result<Comment, Problem> {
        let (mut comment, project_id) = own(change.sql, change.actor.user_id, self.id).await?;
        if comment.author.user_id != Some(change.actor.user_id) {
            return Err(Problem::new(
                Code::Forbidden,
                "Only its author may change a comment.",
            ));
        }
        require_version(&self.if_version, comment.version)?;
        let Some(new) = self.body.filter(|new| *new != comment.body) else {
            return Ok(comment);
        };
        let mut changes = Changes::new();
        note(&mut changes, "body", comment.body.as_str(), new.as_str());
        comment.body = new;
        comment.version += 1;
        comment.updated_at = change.now;
        sqlx::query("UPDATE comments SET body = ?, version = ?, updated_at = ? WHERE id = ?")
            .bind(&comment.body)
            .bind(comment.version as i64)
            .bind(comment.updated_at.unix_ms())
            .bind(comment.id)
            .execute(&mut *change.sql)
            .await
            .map_err(sql_problem)?;
        let snapshot = (&comment).into();
        let body = EventBody::CommentUpdated(Changed { snapshot, changes });
        change
            .record(project_id, subject(comment.id), change.now, body)
            .await?;
        Ok(comment)
    }
}

/// Deletes a comment of the caller's own project.
pub struct DeleteComment {
    /// Which.
    pub id: Uuid,
    /// Only when it has one of these versions; empty: whatever it has.
    pub if_version: Vec<u64>,
}

impl Mutation for DeleteComment {
    type Output = ();
    /// It makes room, for whoever has had their share too.
    const IS_COUNTED: bool = false;

    async fn apply(self, change: &mut Change<'_>) -> Result<(), Problem> {
        let (comment, project_id) = own(change.sql, change.actor.user_id, self.id).await?;
        require_version(&self.if_version, comment.version)?;
        sqlx::query("DELETE FROM comments WHERE id = ?")
            .bind(comment.id)
            .execute(&mut *change.sql)
            .await
            .map_err(sql_problem)?;
        let body = EventBody::CommentDeleted(CommentDeleted {
            id: comment.id,
            task_id: comment.task_id,
            task_comment_count: tasks::count_comment(change.sql, comment.task_id, -1).await?,
        });
        change
            .record(project_id, subject(comment.id), change.now, body)
            .await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::tests::{empty_database, plan};

    #[tokio::test]
    async fn a_page_of_comments_is_read_from_where_it_begins() {
        let mut sql = empty_database().await;
        let plan = plan(&mut sql, COMMENTS).await;
        let from = "comments_newest (task_id=? AND (created_at,id)<(?,?))";
        assert!(plan.contains(from), "{plan}");
        assert!(!plan.contains("TEMP B-TREE"), "{plan}");
    }
}
