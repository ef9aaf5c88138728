//! Importing an archive, a batch a transaction. What is there already is left as it is, so that a
//! run that was cut off is finished by running it again.

use redis_contracts::resource::{Author, Comment, Project, Task};
use service_kit::Problem;
use uuid::Uuid;

use super::{Change, Mutation, comments, projects, sql_problem, tasks};
use crate::domain::archive::{ArchivedComment, Issue, IssueName, Piece};

/// What a batch has written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Imported {
    /// Tasks.
    pub issues: u32,
    /// Comments.
    pub comments: u32,
}

/// Imports some of an archive into the caller's own project.
pub struct ImportBatch {
    /// Into which project.
    pub project_id: Uuid,
    /// Issues and comments, each issue before its comments; those may be in later batches.
    pub pieces: Vec<Piece>,
}

impl Mutation for ImportBatch {
    type Output = Imported;
    const IS_COUNTED: bool = false;

    fn text_bytes(&self) -> usize {
        self.pieces.iter().map(Piece::text_bytes).sum()
    }

    async fn apply(self, change: &mut Change<'_>) -> Result<Imported, Problem> {
        let project = projects::own(change.sql, change.actor.user_id, self.project_id).await?;
        let mut imported = Imported::default();
        for piece in self.pieces {
            match piece {
                Piece::Issue(archived) => {
                    imported.issues += u32::from(issue(change, &project, archived).await?);
                }
                Piece::Comment(archived) => {
                    imported.comments += u32::from(comment(change, project.id, archived).await?);
                }
            }
        }
        Ok(imported)
    }
}

async fn task_of(
    change: &mut Change<'_>,
    project_id: Uuid,
    issue: &IssueName,
) -> Result<Option<Uuid>, Problem> {
    sqlx::query_scalar("SELECT id FROM tasks WHERE project_id = ? AND import_key = ?")
        .bind(project_id)
        .bind(&issue.import_key)
        .fetch_optional(&mut *change.sql)
        .await
        .map_err(sql_problem)
}

/// `false` when it was there already.
async fn issue(change: &mut Change<'_>, project: &Project, issue: Issue) -> Result<bool, Problem> {
    let name = &issue.name;
    if task_of(change, project.id, name).await?.is_some() {
        return Ok(false);
    }
    let number = tasks::take_number(change.sql, project.id).await?;
    let task = Task {
        id: Uuid::now_v7(),
        project_id: project.id,
        reference: format!("{}-{number}", project.key),
        title: issue.title,
        description: issue.description,
        status: issue.status,
        labels: issue.labels,
        due_on: None,
        position: tasks::end_of_column(change.sql, project.id, issue.status).await?,
        author: Author {
            user_id: None,
            name: issue.author,
        },
        external_ref: Some(name.external_ref.clone()),
        comment_count: 0,
        version: 1,
        created_at: issue.created_at,
        updated_at: issue.updated_at,
        completed_at: issue.completed_at,
    };
    tasks::add(change, &task, number, Some(&name.import_key)).await?;
    Ok(true)
}

/// `false` when it was there already.
async fn comment(
    change: &mut Change<'_>,
    project_id: Uuid,
    archived: ArchivedComment,
) -> Result<bool, Problem> {
    let Some(task_id) = task_of(change, project_id, &archived.issue).await? else {
        // The task was deleted while its archive was being imported.
        return Ok(false);
    };
    let import_place = archived.place as i64;
    let present: bool = sqlx::query_scalar(
        "SELECT EXISTS (SELECT 1 FROM comments WHERE task_id = ? AND import_place = ?)",
    )
    .bind(task_id)
    .bind(import_place)
    .fetch_one(&mut *change.sql)
    .await
    .map_err(sql_problem)?;
    if present {
        return Ok(false);
    }
    let comment = Comment {
        id: Uuid::now_v7(),
        task_id,
        author: Author {
            user_id: None,
            name: archived.author,
        },
        body: archived.body,
        external_ref: Some(format!(
            "{}/{}",
            archived.issue.external_ref,
            archived.place + 1
        )),
        version: 1,
        created_at: archived.created_at,
        updated_at: archived.updated_at,
    };
    comments::add(change, project_id, &comment, Some(import_place)).await?;
    Ok(true)
}
