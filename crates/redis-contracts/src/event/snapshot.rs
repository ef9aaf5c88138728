//! Resources as events hold them: as they were at that moment. An event is read for as long as the history is kept,
//! so these shapes are their own, and what REST answers can change without them.
//!
//! Within a version of a type a field is only ever added, as an `Option` that is left out when it is `None`: older
//! events have none. Readers leave out what they do not know. Anything else is a new version of the type
//! (decision 16).

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{
    Timestamp,
    resource::{Author, Comment, Project, Task},
};

/// A project.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProjectSnapshot {
    /// Project id.
    pub id: Uuid,
    /// Short upper-case name, the prefix of task references.
    pub key: String,
    /// Name.
    pub name: String,
    /// Text.
    pub description: String,
    /// `active` or `archived`.
    pub status: String,
    /// Grows with each change.
    pub version: u64,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

/// Who wrote something.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuthorSnapshot {
    /// Account id; `null` for authors named by an imported archive.
    pub user_id: Option<Uuid>,
    /// Handle, or the archive's name.
    pub name: String,
}

/// A task.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TaskSnapshot {
    /// Task id.
    pub id: Uuid,
    /// The project it belongs to.
    pub project_id: Uuid,
    /// Reference for people, `KEY-12`.
    #[serde(rename = "ref")]
    pub reference: String,
    /// Title.
    pub title: String,
    /// Text.
    pub description: String,
    /// `todo`, `in_progress`, `in_review` or `done`.
    pub status: String,
    /// Labels.
    pub labels: Vec<String>,
    /// Day it is due, `2026-01-31`.
    pub due_on: Option<String>,
    /// Opaque; sorts bytewise within a status.
    pub position: String,
    /// Who made it.
    pub author: AuthorSnapshot,
    /// Where it came from, for imported tasks.
    pub external_ref: Option<String>,
    /// How many comments it has.
    pub comment_count: u64,
    /// Grows with each change of the task itself.
    pub version: u64,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
    /// When it was done, if it is.
    pub completed_at: Option<Timestamp>,
}

/// A comment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CommentSnapshot {
    /// Comment id.
    pub id: Uuid,
    /// The task it is on.
    pub task_id: Uuid,
    /// Who wrote it.
    pub author: AuthorSnapshot,
    /// Text.
    pub body: String,
    /// Where it came from, for imported comments.
    pub external_ref: Option<String>,
    /// Grows with each change.
    pub version: u64,
    /// When it was written.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

impl From<&Project> for ProjectSnapshot {
    /// Without the reader's role: an event is the same for every reader.
    fn from(project: &Project) -> Self {
        Self {
            id: project.id,
            key: project.key.clone(),
            name: project.name.clone(),
            description: project.description.clone(),
            status: project.status.clone(),
            version: project.version,
            created_at: project.created_at,
            updated_at: project.updated_at,
        }
    }
}

impl From<&Author> for AuthorSnapshot {
    fn from(author: &Author) -> Self {
        Self {
            user_id: author.user_id,
            name: author.name.clone(),
        }
    }
}

impl From<&Task> for TaskSnapshot {
    fn from(task: &Task) -> Self {
        Self {
            id: task.id,
            project_id: task.project_id,
            reference: task.reference.clone(),
            title: task.title.clone(),
            description: task.description.clone(),
            status: task.status.name().to_owned(),
            labels: task.labels.clone(),
            due_on: task.due_on.clone(),
            position: task.position.clone(),
            author: (&task.author).into(),
            external_ref: task.external_ref.clone(),
            comment_count: task.comment_count,
            version: task.version,
            created_at: task.created_at,
            updated_at: task.updated_at,
            completed_at: task.completed_at,
        }
    }
}

impl From<&Comment> for CommentSnapshot {
    fn from(comment: &Comment) -> Self {
        Self {
            id: comment.id,
            task_id: comment.task_id,
            author: (&comment.author).into(),
            body: comment.body.clone(),
            external_ref: comment.external_ref.clone(),
            version: comment.version,
            created_at: comment.created_at,
            updated_at: comment.updated_at,
        }
    }
}
