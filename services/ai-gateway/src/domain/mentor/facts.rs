//! What the mentor knows: the asker's projects as project-service reviewed them.

use std::collections::BTreeMap;

use redis_contracts::{Position, Timestamp};
use rpc::{Malformed, project as api};
use time::{Date, macros::format_description};
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
    /// Reads a review; `was_here` when it tells what changed since the asker was.
    pub(crate) fn read(
        review: api::ReviewProjectResponse,
        was_here: bool,
    ) -> Result<Self, Malformed> {
        let project = review.project.ok_or(Malformed("project"))?;
        let changes = review.changes.ok_or(Malformed("changes"))?;
        Ok(Self {
            id: uuid(&project.id, "project.id")?,
            key: project.key,
            todo: review.todo,
            in_progress: review.in_progress,
            in_review: review.in_review,
            done: review.done,
            done_this_week: review.done_this_week,
            overdue: attention(review.overdue)?,
            stuck: attention(review.stuck)?,
            unreviewed: attention(review.unreviewed)?,
            big: attention(review.big)?,
            next: attention(review.next)?,
            changes: was_here.then(|| read_changes(changes)).transpose()?,
            newest: review.newest.parse().map_err(|_| Malformed("newest"))?,
        })
    }

    /// How much it presses: projects are told of in this order, the greatest first.
    pub(super) fn pressure(&self) -> (u32, u32, u32, u32, u32) {
        let changes = self.changes.as_ref().map_or(0, |changes| changes.total);
        let lists = [&self.overdue, &self.stuck, &self.unreviewed, &self.big];
        let [overdue, stuck, unreviewed, big] = lists.map(|list| list.total);
        (overdue, stuck, unreviewed, big, changes)
    }
}

fn attention(list: Option<api::Attention>) -> Result<Attention, Malformed> {
    let list = list.unwrap_or_default();
    Ok(Attention {
        total: list.total,
        tasks: list
            .tasks
            .into_iter()
            .map(read_task)
            .collect::<Result<_, _>>()?,
    })
}

fn read_task(glance: api::Glance) -> Result<Task, Malformed> {
    let updated_at = glance.updated_at.ok_or(Malformed("updated_at"))?;
    Ok(Task {
        id: uuid(&glance.id, "task.id")?,
        reference: glance.r#ref,
        title: glance.title,
        status: Status::from_name(&glance.status).ok_or(Malformed("status"))?,
        due_on: glance.due_on.as_deref().and_then(day),
        open_steps: glance.open_steps,
        updated_at: rpc::timestamp_from(&updated_at),
    })
}

fn read_changes(changes: api::Changes) -> Result<Changes, Malformed> {
    let latest = changes.latest.into_iter().map(|change| {
        let task = match change.task_id.as_str() {
            "" => None,
            id => Some((uuid(id, "task_id")?, change.r#ref, change.title)),
        };
        let time = change.time.ok_or(Malformed("time"))?;
        Ok(Change {
            type_name: change.r#type,
            task,
            actor: change.actor_id,
            time: rpc::timestamp_from(&time),
        })
    });
    Ok(Changes {
        total: changes.total,
        latest: latest.collect::<Result<_, _>>()?,
        by_type: changes.by_type.into_iter().collect(),
    })
}

/// How a step that is left begins, in a description.
const OPEN_STEP: &str = "- [ ]";

impl Task {
    /// Reads a whole task.
    pub(crate) fn read(task: api::Task) -> Result<Self, Malformed> {
        let open_steps = task.description.matches(OPEN_STEP).count();
        read_task(api::Glance {
            id: task.id,
            r#ref: task.r#ref,
            title: task.title,
            status: task.status,
            due_on: task.due_on,
            open_steps: u32::try_from(open_steps).unwrap_or(u32::MAX),
            updated_at: task.updated_at,
        })
    }
}

impl Status {
    fn from_name(name: &str) -> Option<Self> {
        match name {
            "todo" => Some(Self::Todo),
            "in_progress" => Some(Self::InProgress),
            "in_review" => Some(Self::InReview),
            "done" => Some(Self::Done),
            _ => None,
        }
    }
}

fn uuid(text: &str, field: &'static str) -> Result<Uuid, Malformed> {
    Uuid::try_parse(text).map_err(|_| Malformed(field))
}

fn day(text: &str) -> Option<Date> {
    Date::parse(text, format_description!("[year]-[month]-[day]")).ok()
}
