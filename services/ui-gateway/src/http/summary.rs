//! A project at a glance: what there is, what needs somebody, and what changed since the caller was
//! last here.

use std::collections::BTreeMap;

use redis_contracts::{MEMORY, Timestamp};
use rpc::{
    Malformed,
    project::{
        Attention, ChangeGlance, Changes, Glance, ReviewProjectRequest, ReviewProjectResponse,
    },
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use service_kit::Problem;
use uuid::Uuid;

use super::{
    Signed,
    call::Call,
    input::Query,
    reply::{Answer, Plain},
};
use crate::contract::Optional;

/// From when on changes are told.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(default)]
pub(super) struct SummaryQuery {
    /// Changes after this position; after the caller's last visit when it is left out.
    since: Optional<String>,
}

/// Members.
pub(super) async fn read(
    signed: Signed,
    call: Call,
    query: Query<SummaryQuery>,
) -> Answer<Plain<Summary>> {
    let project_id = call.id("project")?;
    let since = match query.read(&call)?.since.0 {
        Some(since) => Some(since),
        None => last_here(&signed, &call, &project_id).await,
    };
    let request = signed.call(ReviewProjectRequest {
        project_id: project_id.clone(),
        since: since.clone().unwrap_or_default(),
    });
    let mut projects = call.projects();
    let review = projects.review_project(request).await?.into_inner();
    Ok(Plain(summary(project_id, since, review)?))
}

/// The position up to which the caller has seen the project. While the streams Redis is away it is
/// not known.
async fn last_here(signed: &Signed, call: &Call, project_id: &str) -> Option<String> {
    let project_id = Uuid::try_parse(project_id).ok()?;
    let memory = MEMORY.key(signed.caller.user().id);
    let held = call.state.streams.fields(&memory).await;
    let held = held
        .inspect_err(|error| tracing::debug!(error = %error, "when they were here is not known"))
        .ok()??;
    held.seen.get(&project_id).map(ToString::to_string)
}

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "ProjectSummary")]
pub(super) struct Summary {
    project_id: String,
    counts: Counts,
    done_this_week: u32,
    overdue: Group,
    stuck: Group,
    unreviewed: Group,
    big: Group,
    next: Group,
    changes: Changed,
    newest: String,
}

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "TaskCounts")]
struct Counts {
    todo: u32,
    in_progress: u32,
    in_review: u32,
    done: u32,
}

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "GlanceGroup")]
struct Group {
    total: u32,
    tasks: Vec<Task>,
}

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "GlanceTask")]
struct Task {
    id: String,
    r#ref: String,
    title: String,
    status: String,
    due_on: Option<String>,
    open_steps: u32,
    updated_at: Timestamp,
}

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "GlanceChanges")]
struct Changed {
    since: Option<String>,
    total: u32,
    by_type: BTreeMap<String, u32>,
    latest: Vec<Change>,
}

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "GlanceChange")]
struct Change {
    position: String,
    r#type: String,
    task_id: Option<String>,
    r#ref: Option<String>,
    title: Option<String>,
    actor_id: Option<String>,
    time: Timestamp,
}

fn summary(
    project_id: String,
    since: Option<String>,
    review: ReviewProjectResponse,
) -> Result<Summary, Problem> {
    Ok(Summary {
        project_id,
        counts: Counts {
            todo: review.todo,
            in_progress: review.in_progress,
            in_review: review.in_review,
            done: review.done,
        },
        done_this_week: review.done_this_week,
        overdue: group(review.overdue)?,
        stuck: group(review.stuck)?,
        unreviewed: group(review.unreviewed)?,
        big: group(review.big)?,
        next: group(review.next)?,
        changes: changed(since, review.changes.unwrap_or_default())?,
        newest: review.newest,
    })
}

fn group(of: Option<Attention>) -> Result<Group, Malformed> {
    let of = of.unwrap_or_default();
    let tasks = of.tasks.into_iter().map(task);
    Ok(Group {
        total: of.total,
        tasks: tasks.collect::<Result<_, _>>()?,
    })
}

fn task(of: Glance) -> Result<Task, Malformed> {
    let updated_at = of.updated_at.ok_or(Malformed("updated_at"))?;
    Ok(Task {
        id: of.id,
        r#ref: of.r#ref,
        title: of.title,
        status: of.status,
        due_on: of.due_on,
        open_steps: of.open_steps,
        updated_at: rpc::timestamp_from(&updated_at),
    })
}

fn changed(since: Option<String>, of: Changes) -> Result<Changed, Malformed> {
    let latest = of.latest.into_iter().map(change);
    Ok(Changed {
        since,
        total: of.total,
        by_type: of.by_type.into_iter().collect(),
        latest: latest.collect::<Result<_, _>>()?,
    })
}

fn change(of: ChangeGlance) -> Result<Change, Malformed> {
    let given = |text: String| Some(text).filter(|text| !text.is_empty());
    let time = of.time.ok_or(Malformed("time"))?;
    Ok(Change {
        position: of.position,
        r#type: of.r#type,
        task_id: given(of.task_id),
        r#ref: given(of.r#ref),
        title: given(of.title),
        actor_id: given(of.actor_id),
        time: rpc::timestamp_from(&time),
    })
}
