//! Events: CloudEvents 1.0 in JSON, one tagged and versioned type for each thing that happens.

mod body;
mod codec;
mod cut;
mod mentor;
mod security;
mod snapshot;

pub use body::{
    COMMENT_ADDED, COMMENT_DELETED, COMMENT_UPDATED, Change, Changed, Changes, CommentAdded,
    CommentDeleted, EventBody, LEARNING_PROFILE_UPDATED, PROJECT_DELETED, ProjectDeleted,
    TASK_COMPLETED, TASK_CREATED, TASK_DELETED, TASK_MOVED, TASK_UPDATED, TaskDeleted,
};
pub use cut::LONGEST_TEXT;
pub use mentor::{
    FeedbackGiven, InteractionKind, InteractionRecorded, LearningProfileUpdated, MentorAdapted,
    MentorReplied, SuggestionRef,
};
pub use security::Security;
pub use snapshot::{AuthorSnapshot, CommentSnapshot, ProjectSnapshot, TaskSnapshot};

use uuid::Uuid;

use crate::Timestamp;

/// One thing that happened. Encoded by [`Event::encode`], read by [`Event::decode`].
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    /// UUID v7, unique for ever.
    pub id: Uuid,
    /// Which service says so, `/project-service`.
    pub source: String,
    /// What it is about, `task/<id>`.
    pub subject: String,
    /// When it happened; for imports, the archive's time.
    pub time: Timestamp,
    /// W3C trace context of the request that caused it.
    pub traceparent: Option<String>,
    /// The person who did it.
    pub actor: Uuid,
    /// The project it belongs to.
    pub project_id: Option<Uuid>,
    /// Its type and data.
    pub body: EventBody,
}
