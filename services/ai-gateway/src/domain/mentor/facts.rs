//! What the mentor knows: the asker's projects as project-service reviewed them.

use std::collections::BTreeMap;

use redis_contracts::{Position, Timestamp};
use time::Date;
use uuid::Uuid;

/// A project as it was reviewed for the asker.
#[derive(Clone, Debug)]
pub(crate) struct Project {
    pub(crate) id: Uuid,
    pub(crate) key: String,
    pub(crate) todo: u32,
    pub(crate) in_progress: u32,
    pub(crate) in_review: u32,
    pub(crate) done: u32,
    pub(crate) done_this_week: u32,
    pub(crate) overdue: Attention,
    pub(crate) stuck: Attention,
    pub(crate) unreviewed: Attention,
    pub(crate) big: Attention,
    pub(crate) next: Attention,
    /// What happened since the asker was last here; unknown where no position is held.
    pub(crate) changes: Option<Changes>,
    /// Position up to which all this is known.
    pub(crate) newest: Position,
}

/// Tasks that need somebody: how many, and the first of them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Attention {
    pub(crate) total: u32,
    pub(crate) tasks: Vec<Task>,
}

/// Where a task stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Status {
    Todo,
    InProgress,
    InReview,
    Done,
}

/// A task.
#[derive(Clone, Debug)]
pub(crate) struct Task {
    pub(crate) id: Uuid,
    /// `KEY-12`
    pub(crate) reference: String,
    pub(crate) title: String,
    pub(crate) status: Status,
    pub(crate) due_on: Option<Date>,
    /// Steps left, as unticked lines of its description.
    pub(crate) open_steps: u32,
    pub(crate) updated_at: Timestamp,
}

/// What happened after a position.
#[derive(Clone, Debug, Default)]
pub(crate) struct Changes {
    pub(crate) total: u32,
    pub(crate) by_type: BTreeMap<String, u32>,
    /// The newest, newest first.
    pub(crate) latest: Vec<Change>,
}

/// Something that happened.
#[derive(Clone, Debug)]
pub(crate) struct Change {
    pub(crate) type_name: String,
    /// Id, reference and title, where it is about a task.
    pub(crate) task: Option<(Uuid, String, String)>,
    pub(crate) actor: String,
    pub(crate) time: Timestamp,
}

impl Project {
    /// How much it presses: projects are told of in this order, the greatest first.
    pub(super) fn pressure(&self) -> (u32, u32, u32, u32, u32) {
        let changes = self.changes.as_ref().map_or(0, |changes| changes.total);
        let lists = [&self.overdue, &self.stuck, &self.unreviewed, &self.big];
        let [overdue, stuck, unreviewed, big] = lists.map(|list| list.total);
        (overdue, stuck, unreviewed, big, changes)
    }
}

/// How a step that is left begins, in a description.
const OPEN_STEP: &str = "- [ ]";

/// Steps that a description leaves to do.
pub(crate) fn open_steps(description: &str) -> u32 {
    u32::try_from(description.matches(OPEN_STEP).count()).unwrap_or(u32::MAX)
}

impl Status {
    /// The status of this name.
    pub(crate) fn from_name(name: &str) -> Option<Self> {
        match name {
            "todo" => Some(Self::Todo),
            "in_progress" => Some(Self::InProgress),
            "in_review" => Some(Self::InReview),
            "done" => Some(Self::Done),
            _ => None,
        }
    }
}
