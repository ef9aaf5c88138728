//! Importing an archive, a batch a transaction. What is there already is left as it is, so that a
//! run that was cut off is finished by running it again.

use std::{ops::Range, sync::Arc};

use redis_contracts::resource::{Author, Comment, Task};
use service_kit::Problem;
use uuid::Uuid;

use super::{Change, Mutation, comments, projects, sql_problem, tasks};
use crate::domain::archive::{Archive, Issue};

/// One step of an import: an issue, or a comment on one, by their places in the archive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// The issue at this place.
    Issue(usize),
    /// The comment at this place of the issue at that place.
    Comment(usize, usize),
}

/// The steps of an archive, in order: each issue before its comments.
pub fn steps(archive: &Archive) -> Vec<Step> {
    let issues = archive.issues.iter().enumerate();
    issues
        .flat_map(|(at, issue)| {
            let comments = (0..issue.comments.len()).map(move |place| Step::Comment(at, place));
            std::iter::once(Step::Issue(at)).chain(comments)
        })
        .collect()
}

/// What a batch has written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Imported {
    /// Tasks.
    pub issues: u32,
    /// Comments.
    pub comments: u32,
}

/// Imports some steps of an archive into the caller's own project.
pub struct ImportBatch {
    /// Into which project.
    pub project_id: Uuid,
    /// The archive.
    pub archive: Arc<Archive>,
    /// All its steps.
    pub steps: Arc<[Step]>,
    /// The steps of this batch.
    pub batch: Range<usize>,
}

impl Mutation for ImportBatch {
    type Output = Imported;

    async fn apply(self, change: &mut Change<'_>) -> Result<Imported, Problem> {
        let project = projects::own(change.sql, change.actor.user_id, self.project_id).await?;
        let mut imported = Imported::default();
        for step in &self.steps[self.batch] {
            match *step {
                Step::Issue(at) => {
                    imported.issues +=
                        u32::from(issue(change, &project, &self.archive.issues[at]).await?);
                }
                Step::Comment(at, place) => {
                    imported.comments += u32::from(
                        comment(change, project.id, &self.archive.issues[at], place).await?,
                    );
                }
            }
        }
        Ok(imported)
    }
}

async fn task_of(
    change: &mut Change<'_>,
    project_id: Uuid,
    issue: &Issue,
) -> Result<Option<Uuid>, Problem> {
    sqlx::query_scalar("SELECT id FROM tasks WHERE project_id = ? AND import_key = ?")
        .bind(project_id)
        .bind(&issue.import_key)
        .fetch_optional(&mut *change.sql)
        .await
        .map_err(sql_problem)
}

/// `false` when it was there already.
async fn issue(
    change: &mut Change<'_>,
    project: &redis_contracts::resource::Project,
    issue: &Issue,
) -> Result<bool, Problem> {
    if task_of(change, project.id, issue).await?.is_some() {
        return Ok(false);
    }
    let number = tasks::take_number(change.sql, project.id).await?;
    let task = Task {
        id: Uuid::now_v7(),
        project_id: project.id,
        reference: format!("{}-{number}", project.key),
        title: issue.title.clone(),
        description: issue.description.clone(),
        status: issue.status.name().to_owned(),
        labels: issue.labels.clone(),
        due_on: None,
        position: tasks::end_of_column(change.sql, project.id, issue.status).await?,
        author: Author {
            user_id: None,
            name: issue.author.clone(),
        },
        external_ref: Some(issue.external_ref.clone()),
        comment_count: 0,
        version: 1,
        created_at: issue.created_at,
        updated_at: issue.updated_at,
        completed_at: issue.completed_at,
    };
    tasks::add(change, &task, issue.status, number, Some(&issue.import_key)).await?;
    Ok(true)
}

/// `false` when it was there already.
async fn comment(
    change: &mut Change<'_>,
    project_id: Uuid,
    issue: &Issue,
    place: usize,
) -> Result<bool, Problem> {
    let Some(task_id) = task_of(change, project_id, issue).await? else {
        // The task was deleted while its archive was being imported.
        return Ok(false);
    };
    let import_place = place as i64;
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
    let archived = &issue.comments[place];
    let comment = Comment {
        id: Uuid::now_v7(),
        task_id,
        author: Author {
            user_id: None,
            name: archived.author.clone(),
        },
        body: archived.body.clone(),
        external_ref: Some(format!("{}/{}", issue.external_ref, place + 1)),
        version: 1,
        created_at: archived.created_at,
        updated_at: archived.updated_at,
    };
    comments::add(change, project_id, &comment, Some(import_place)).await?;
    Ok(true)
}
