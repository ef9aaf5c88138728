//! What the asker can have done with one click, and undone.

use serde::{Deserialize, Serialize, Serializer};
use uuid::Uuid;

use super::{
    facts::{Status, Task},
    phrases::Now,
    points::{Point, Reason},
    wording::counted,
};

/// A task in review that nobody changed for so many days can probably be closed.
const CLOSE_AFTER_DAYS: i64 = 7;

/// Words in a title that make a day worth having.
const URGENT: &[&str] = &[
    "urgent", "asap", "critical", "blocker", "hotfix", "outage", "security", "deadline", "release",
];

/// What a suggestion does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum SuggestionKind {
    /// One task for each open step.
    Split,
    /// Due in a week.
    SetDueDate,
    /// To review.
    AskForReview,
    /// To done.
    Close,
}

impl SuggestionKind {
    /// Every kind.
    pub(crate) const ALL: [Self; 4] = [
        Self::Split,
        Self::SetDueDate,
        Self::AskForReview,
        Self::Close,
    ];

    /// Its name outside.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Split => "split",
            Self::SetDueDate => "set_due_date",
            Self::AskForReview => "ask_for_review",
            Self::Close => "close",
        }
    }
}

/// A suggestion about a task.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub(crate) struct Suggestion {
    pub(crate) kind: SuggestionKind,
    pub(crate) task_id: Uuid,
    /// For people.
    pub(crate) label: String,
}

/// The list of its fields, as replies are stored.
impl Serialize for Suggestion {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        (self.kind, self.task_id, &self.label).serialize(serializer)
    }
}

/// What to suggest for a task that a reply tells of.
pub(super) fn of(point: &Point<'_>, now: Now) -> Option<Suggestion> {
    let task = point.task;
    let name = &task.reference;
    let kind = kind(point, now)?;
    let label = match kind {
        SuggestionKind::Split => {
            let tasks = counted(task.open_steps, "task", "tasks");
            format!("Split {name} into {tasks}")
        }
        SuggestionKind::SetDueDate if task.due_on.is_some() => {
            format!("Move {name} to a week from now")
        }
        SuggestionKind::SetDueDate => format!("Set {name} due in a week"),
        SuggestionKind::AskForReview => format!("Ask for a review of {name}"),
        SuggestionKind::Close => format!("Close {name}"),
    };
    Some(Suggestion {
        kind,
        task_id: task.id,
        label,
    })
}

fn kind(point: &Point<'_>, now: Now) -> Option<SuggestionKind> {
    let task = point.task;
    if task.status == Status::Done {
        return None;
    }
    if point.is_big {
        return Some(SuggestionKind::Split);
    }
    let has_waited_long = now.unchanged_days(task) >= CLOSE_AFTER_DAYS;
    match point.reason {
        Reason::Stuck => Some(SuggestionKind::AskForReview),
        Reason::Unreviewed if has_waited_long => Some(SuggestionKind::Close),
        Reason::Overdue => Some(SuggestionKind::SetDueDate),
        Reason::Next | Reason::Asked if task.due_on.is_none() => Some(SuggestionKind::SetDueDate),
        Reason::Later if task.due_on.is_none() && looks_urgent(task) => {
            Some(SuggestionKind::SetDueDate)
        }
        Reason::Unreviewed | Reason::Big | Reason::Next | Reason::Later | Reason::Asked => None,
    }
}

fn looks_urgent(task: &Task) -> bool {
    let title = task.title.to_lowercase();
    let mut words = title.split(|letter: char| !letter.is_alphanumeric());
    words.any(|word| URGENT.contains(&word))
}
