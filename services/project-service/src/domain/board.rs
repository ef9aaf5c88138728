//! The board: statuses in their order, and project statuses.

/// A column of the board.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
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

    /// Its place on the board, as stored.
    pub const fn column(self) -> i64 {
        self as i64
    }

    /// The status stored as this place.
    pub fn from_column(column: i64) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|status| status.column() == column)
    }
}

/// What is expected of a task's status.
pub const TASK_STATUSES: &str = "todo, in_progress, in_review or done";

/// What a project's status may be.
pub const PROJECT_STATUSES: [&str; 2] = ["active", "archived"];
