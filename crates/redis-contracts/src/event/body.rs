//! The event types and their data.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value as Json;
use uuid::Uuid;

use super::mentor::{
    FeedbackGiven, InteractionRecorded, LearningProfileUpdated, MentorAdapted, MentorReplied,
};
use super::security::Security;
use super::snapshot::{CommentSnapshot, ProjectSnapshot, TaskSnapshot};

/// One field's value before and after.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Change {
    /// Before.
    pub from: Json,
    /// After.
    pub to: Json,
}

/// Field name to its change.
pub type Changes = BTreeMap<String, Change>;

/// The whole of something as it is now, and what changed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Changed<S> {
    /// As it is now.
    #[serde(flatten)]
    pub snapshot: S,
    /// What changed.
    pub changes: Changes,
}

/// A comment that was added, with the task's count after it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CommentAdded {
    /// The comment.
    #[serde(flatten)]
    pub comment: CommentSnapshot,
    /// How many comments the task has now.
    pub task_comment_count: u64,
}

/// A comment that is gone, with the task's count after it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CommentDeleted {
    /// Comment id.
    pub id: Uuid,
    /// The task it was on.
    pub task_id: Uuid,
    /// How many comments the task has now.
    pub task_comment_count: u64,
}

/// A project that is gone.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ProjectDeleted {
    /// Project id.
    pub id: Uuid,
    /// Its key.
    pub key: String,
}

/// A task that is gone.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TaskDeleted {
    /// Task id.
    pub id: Uuid,
    /// The project it was in.
    pub project_id: Uuid,
    /// Its reference.
    #[serde(rename = "ref")]
    pub reference: String,
}

/// Makes the enum, its type names and its codec from one table, so that they cannot disagree. A name that is needed
/// by itself gets a constant.
macro_rules! event_types {
    (
        events { $($(#[$doc:meta])* $variant:ident($data:ty) = $name:literal $(as $constant:ident)?,)+ }
        security { $($(#[$account_doc:meta])* $account:ident = $account_name:literal,)+ }
    ) => {
        /// What happened, with its data.
        #[derive(Clone, Debug, PartialEq)]
        pub enum EventBody {
            $($(#[$doc])* $variant($data),)+
            $($(#[$account_doc])* $account(Security),)+
            /// A type or version this build does not know. It is kept as it came, never guessed at:
            /// consumers dead-letter it, browsers ignore it.
            Unknown {
                /// The type as it came.
                type_name: String,
                /// The data as it came.
                data: Json,
            },
        }

        $($(
            #[doc = concat!("The type name of [`EventBody::", stringify!($variant), "`].")]
            pub const $constant: &str = $name;
        )?)+

        impl EventBody {
            /// Every type name this build knows.
            pub const TYPES: &[&str] = &[$($name,)+ $($account_name),+];

            /// The CloudEvents `type`.
            pub fn type_name(&self) -> &str {
                match self {
                    $(Self::$variant(_) => $name,)+
                    $(Self::$account(_) => $account_name,)+
                    Self::Unknown { type_name, .. } => type_name,
                }
            }

            /// What is said of an account, when this is about one.
            pub const fn security(&self) -> Option<&Security> {
                match self {
                    $(Self::$account(data))|+ => Some(data),
                    _ => None,
                }
            }

            pub(super) fn data_json(&self) -> Result<Box<serde_json::value::RawValue>, serde_json::Error> {
                match self {
                    $(Self::$variant(data) => serde_json::value::to_raw_value(data),)+
                    $(Self::$account(data) => serde_json::value::to_raw_value(data),)+
                    Self::Unknown { data, .. } => serde_json::value::to_raw_value(data),
                }
            }

            pub(super) fn from_parts(type_name: String, data: &str) -> Result<Self, serde_json::Error> {
                match type_name.as_str() {
                    $($name => serde_json::from_str(data).map(Self::$variant),)+
                    $($account_name => serde_json::from_str(data).map(Self::$account),)+
                    _ => Ok(Self::Unknown { type_name, data: serde_json::from_str(data)? }),
                }
            }
        }
    };
}

event_types! {
    events {
        /// A project was made.
        ProjectCreated(ProjectSnapshot) = "devmentor.project.created.v1",
        /// A project's fields changed.
        ProjectUpdated(Changed<ProjectSnapshot>) = "devmentor.project.updated.v1",
        /// A project and all in it is gone.
        ProjectDeleted(ProjectDeleted) = "devmentor.project.deleted.v1" as PROJECT_DELETED,
        /// A task was made.
        TaskCreated(TaskSnapshot) = "devmentor.task.created.v1" as TASK_CREATED,
        /// A task's fields changed.
        TaskUpdated(Changed<TaskSnapshot>) = "devmentor.task.updated.v1" as TASK_UPDATED,
        /// A task went to another place or column.
        TaskMoved(Changed<TaskSnapshot>) = "devmentor.task.moved.v1" as TASK_MOVED,
        /// A task went to `done`.
        TaskCompleted(Changed<TaskSnapshot>) = "devmentor.task.completed.v1" as TASK_COMPLETED,
        /// A task is gone.
        TaskDeleted(TaskDeleted) = "devmentor.task.deleted.v1" as TASK_DELETED,
        /// A comment was written.
        CommentAdded(CommentAdded) = "devmentor.comment.added.v1" as COMMENT_ADDED,
        /// A comment was edited.
        CommentUpdated(Changed<CommentSnapshot>) = "devmentor.comment.updated.v1" as COMMENT_UPDATED,
        /// A comment is gone.
        CommentDeleted(CommentDeleted) = "devmentor.comment.deleted.v1" as COMMENT_DELETED,
        /// The mentor replied.
        MentorReplied(MentorReplied) = "devmentor.mentor.replied.v1",
        /// A reply was chosen by a newer profile.
        MentorAdapted(MentorAdapted) = "devmentor.mentor.adapted.v1",
        /// A reply was rated.
        FeedbackGiven(FeedbackGiven) = "devmentor.feedback.given.v1",
        /// A person did something with the mentor.
        InteractionRecorded(InteractionRecorded) = "devmentor.interaction.recorded.v1",
        /// A person's profile changed.
        LearningProfileUpdated(LearningProfileUpdated) = "devmentor.learning.profile.updated.v1" as LEARNING_PROFILE_UPDATED,
    }
    security {
        /// Somebody signed in.
        SignedIn = "devmentor.security.signed_in.v1",
        /// A wrong password or code.
        SignInFailed = "devmentor.security.sign_in_failed.v1",
        /// From a device that the account does not know, the right password and a wrong code; one a day.
        SecondStepFailed = "devmentor.security.second_step_failed.v1",
        /// Sign-in from one origin was locked.
        AccountLocked = "devmentor.security.account_locked.v1",
        /// An admin lifted the locks.
        AccountUnlocked = "devmentor.security.account_unlocked.v1",
        /// A session was ended by its person.
        SignedOut = "devmentor.security.signed_out.v1",
        /// A session was ended from elsewhere.
        SessionEnded = "devmentor.security.session_ended.v1",
        /// A refresh token was used again after its grace, and got another successor: an answer was lost, or
        /// somebody else has it.
        RefreshRepeated = "devmentor.security.refresh_repeated.v1",
        /// Of two who hold the same refresh token, both used it: it was stolen.
        TokenReused = "devmentor.security.token_reused.v1",
        /// The password was changed.
        PasswordChanged = "devmentor.security.password_changed.v1",
        /// A mail to set a new password was asked for.
        PasswordResetRequested = "devmentor.security.password_reset_requested.v1",
        /// The password was set by mail.
        PasswordReset = "devmentor.security.password_reset.v1",
        /// The address was proven.
        EmailVerified = "devmentor.security.email_verified.v1",
        /// Another address was asked for; it counts once it is proven.
        EmailChangeRequested = "devmentor.security.email_change_requested.v1",
        /// The account has another address.
        EmailChanged = "devmentor.security.email_changed.v1",
        /// An old address came back, and all that opened the account ended.
        EmailChangeUndone = "devmentor.security.email_change_undone.v1",
        /// The handle changed.
        ProfileChanged = "devmentor.security.profile_changed.v1",
        /// Sign-in asks for a second factor from now on.
        SecondFactorEnabled = "devmentor.security.second_factor_enabled.v1",
        /// Sign-in asks for no second factor any more.
        SecondFactorDisabled = "devmentor.security.second_factor_disabled.v1",
        /// A recovery code stood in for the second factor.
        RecoveryCodeUsed = "devmentor.security.recovery_code_used.v1",
        /// A machine token was made.
        MachineTokenCreated = "devmentor.security.machine_token_created.v1",
        /// A machine token was revoked.
        MachineTokenRevoked = "devmentor.security.machine_token_revoked.v1",
        /// An admin changed the roles.
        RolesChanged = "devmentor.security.roles_changed.v1",
        /// An account was made.
        AccountCreated = "devmentor.security.account_created.v1",
        /// An account is gone.
        AccountDeleted = "devmentor.security.account_deleted.v1",
    }
}
