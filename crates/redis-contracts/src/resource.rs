//! The JSON shape of each resource in REST answers. Events hold snapshots of their own, see [`crate::event`].
//!
//! Times are RFC 3339 UTC with milliseconds; absent values are `null`, never left out.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::Timestamp;

/// A person's account, as they see it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct User {
    /// Account id.
    pub id: Uuid,
    /// Address they sign in with.
    pub email: String,
    /// A new address that is not proven yet; until then the other one counts.
    #[serde(default)]
    pub pending_email: Option<String>,
    /// Public short name.
    pub handle: String,
    /// `user`, `admin`.
    pub roles: Vec<String>,
    /// Whether the address was proven.
    pub email_verified: bool,
    /// Whether sign-in asks for a second factor.
    pub second_factor: bool,
    /// When the account was made.
    pub created_at: Timestamp,
}

/// A project as its owner sees it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Project {
    /// Project id.
    pub id: Uuid,
    /// Short upper-case name, unique per owner; the prefix of task references.
    pub key: String,
    /// Name, 1 to 300 characters.
    pub name: String,
    /// Text, up to 65,536 characters.
    pub description: String,
    /// `active` or `archived`.
    #[cfg_attr(feature = "schema", schemars(extend("enum" = ["active", "archived"])))]
    pub status: String,
    /// The reader's role.
    pub role: String,
    /// Grows with each change.
    pub version: u64,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

/// Who wrote something. `user_id` is null for authors named by an imported archive.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Author {
    /// Account id, where there is one.
    pub user_id: Option<Uuid>,
    /// Handle, or the archive's name.
    pub name: String,
}

/// A column of the board, in their order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TaskStatus {
    /// Not begun.
    Todo,
    /// Being worked on.
    InProgress,
    /// Waiting for a second pair of eyes.
    InReview,
    /// Done.
    Done,
}

impl TaskStatus {
    /// Every status in the order of the board.
    pub const ALL: [Self; 4] = [Self::Todo, Self::InProgress, Self::InReview, Self::Done];

    /// The name outside.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Todo => "todo",
            Self::InProgress => "in_progress",
            Self::InReview => "in_review",
            Self::Done => "done",
        }
    }

    /// The status of this name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.name() == name)
    }
}

/// A task on a project's board.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Task {
    /// Task id.
    pub id: Uuid,
    /// The project it belongs to.
    pub project_id: Uuid,
    /// Reference for people, `KEY-12`.
    #[serde(rename = "ref")]
    pub reference: String,
    /// Title, 1 to 300 characters.
    pub title: String,
    /// Text, up to 65,536 characters.
    pub description: String,
    /// `todo`, `in_progress`, `in_review` or `done`.
    #[cfg_attr(feature = "schema", schemars(with = "String", extend("enum" = TaskStatus::ALL.map(TaskStatus::name))))]
    pub status: TaskStatus,
    /// Up to 32 labels of 1 to 64 characters.
    pub labels: Vec<String>,
    /// Day it is due, `2026-01-31`.
    pub due_on: Option<String>,
    /// Opaque; sorts bytewise within a status.
    pub position: String,
    /// Who made it.
    pub author: Author,
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

/// A comment on a task.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Comment {
    /// Comment id.
    pub id: Uuid,
    /// The task it is on.
    pub task_id: Uuid,
    /// Who wrote it.
    pub author: Author,
    /// Text, 1 to 65,536 characters.
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
