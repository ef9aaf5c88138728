//! From the messages of project-service to what the mentor knows.

use rpc::{Malformed, project as api};
use time::{Date, macros::format_description};
use uuid::Uuid;

use crate::domain::mentor::{Attention, Change, Changes, Project, Status, Task, open_steps};

/// A review; `was_here` when it tells what changed since the asker was.
pub(super) fn project(
    review: api::ReviewProjectResponse,
    was_here: bool,
) -> Result<Project, Malformed> {
    let project = review.project.ok_or(Malformed("project"))?;
    let changed = review.changes.ok_or(Malformed("changes"))?;
    Ok(Project {
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
        changes: was_here.then(|| changes(changed)).transpose()?,
        newest: review.newest.parse().map_err(|_| Malformed("newest"))?,
    })
}

/// A whole task.
pub(super) fn task(task: api::Task) -> Result<Task, Malformed> {
    glance(api::Glance {
        open_steps: open_steps(&task.description),
        id: task.id,
        r#ref: task.r#ref,
        title: task.title,
        status: task.status,
        due_on: task.due_on,
        updated_at: task.updated_at,
    })
}

pub(super) fn uuid(text: &str, field: &'static str) -> Result<Uuid, Malformed> {
    Uuid::try_parse(text).map_err(|_| Malformed(field))
}

fn attention(list: Option<api::Attention>) -> Result<Attention, Malformed> {
    let list = list.unwrap_or_default();
    let tasks = list.tasks.into_iter().map(glance);
    Ok(Attention {
        total: list.total,
        tasks: tasks.collect::<Result<_, _>>()?,
    })
}

fn glance(glance: api::Glance) -> Result<Task, Malformed> {
    let updated_at = glance.updated_at.ok_or(Malformed("updated_at"))?;
    Ok(Task {
        id: uuid(&glance.id, "task.id")?,
        reference: glance.r#ref,
        title: glance.title,
        status: Status::from_name(&glance.status).ok_or(Malformed("status"))?,
        due_on: glance.due_on.as_deref().map(day).transpose()?,
        open_steps: glance.open_steps,
        updated_at: rpc::timestamp_from(&updated_at),
    })
}

fn changes(changes: api::Changes) -> Result<Changes, Malformed> {
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

fn day(text: &str) -> Result<Date, Malformed> {
    let format = format_description!("[year]-[month]-[day]");
    Date::parse(text, format).map_err(|_| Malformed("due_on"))
}
