//! Data of the events of the learning loop: ids, numbers and choices, no free text.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{Probabilities, Style, Timestamp};

/// The mentor replied.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct MentorReplied {
    /// The reply.
    pub message_id: Uuid,
    /// Its conversation.
    pub conversation_id: Uuid,
    /// Whom it was given.
    pub user_id: Uuid,
    /// The project that was asked about, if one was.
    pub project_id: Option<Uuid>,
    /// How it was written.
    pub style: Style,
    /// How likely that style was, above 0 and at most 1.
    pub propensity: f64,
    /// The profile it was drawn from.
    pub profile_version: u64,
    /// `built_in` or `provider`.
    pub source: String,
}

/// A reply was rated.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FeedbackGiven {
    /// `mentor_reply`.
    pub target_type: String,
    /// The reply's message id.
    pub target_id: Uuid,
    /// Who rated it.
    pub user_id: Uuid,
    /// 1 to 5.
    pub rating: u8,
    /// Up to 10.
    #[serde(default)]
    pub tags: Vec<String>,
    /// How the reply was written.
    #[serde(default)]
    pub style: Style,
    /// How likely that style was.
    #[serde(default)]
    pub propensity: Option<f64>,
}

/// What a person did with the mentor or a reply of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum InteractionKind {
    /// Asked the mentor.
    Asked,
    /// Copied a reply.
    Copied,
    /// Asked on after a reply.
    FollowedUp,
    /// Did what a suggestion said.
    Accepted,
    /// Waved a suggestion away.
    Dismissed,
}

impl InteractionKind {
    /// Its name in JSON and in the profile.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Asked => "asked",
            Self::Copied => "copied",
            Self::FollowedUp => "followed_up",
            Self::Accepted => "accepted",
            Self::Dismissed => "dismissed",
        }
    }
}

/// The suggestion an interaction is about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SuggestionRef {
    /// `split`, `set_due_date`, `ask_for_review`, `close`.
    pub kind: String,
    /// The task.
    pub task_id: Uuid,
}

/// A person did something with the mentor.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct InteractionRecorded {
    /// Who.
    pub user_id: Uuid,
    /// What.
    pub kind: InteractionKind,
    /// With which reply.
    #[serde(default)]
    pub message_id: Option<Uuid>,
    /// About which suggestion.
    #[serde(default)]
    pub suggestion: Option<SuggestionRef>,
}

/// A reply was chosen by a newer profile than the one before. The last field is written by the script
/// that appends, which alone knows it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct MentorAdapted {
    /// Whose mentor.
    pub user_id: Uuid,
    /// The reply.
    pub message_id: Uuid,
    /// The profile that chose it.
    pub profile_version: u64,
    /// How it was written.
    pub style: Style,
    /// The profile that chose before.
    pub previous_version: u64,
}

/// A person's profile changed. The script `learn` writes this data.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LearningProfileUpdated {
    /// Whose.
    pub user_id: Uuid,
    /// Grows with each change.
    pub version: u64,
    /// What the next style is drawn from.
    pub style: Probabilities,
    /// Ratings that counted.
    pub feedback_count: u64,
    /// Their mean.
    pub average_rating: Option<f64>,
    /// When.
    pub updated_at: Timestamp,
}
