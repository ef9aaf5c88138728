//! Tasks.

use redis_contracts::resource::Task;
use rpc::project::{
    CreateTaskRequest, DeleteTaskRequest, GetTaskRequest, Labels, ListTasksRequest,
    UpdateTaskRequest, update_task_request::Place,
};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;
use service_kit::Problem;

use super::{
    Signed,
    call::Call,
    idempotency::IdempotencyKey,
    input::{Json, MergePatch, Query},
    precondition::IfMatch,
    reply::{
        Answer, Created, Done, Found, InTurn, Once, Page, Plain, changed, created, found, gone,
        page,
    },
};
use crate::contract::{Day, Optional, PageQuery};

/// Which tasks.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(default)]
pub(super) struct TaskQuery {
    #[serde(flatten)]
    page: PageQuery,
    /// Only those in this column.
    status: Optional<String>,
    /// Only those with this label.
    label: Optional<String>,
    /// Only those with all these words in reference, title, description or labels.
    q: Optional<String>,
}

/// A new task.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(example = json!({"title": "Write it down", "labels": ["docs"], "due_on": "2026-01-31"}))]
pub(super) struct NewTask {
    /// Title, one line.
    title: String,
    /// Text.
    #[serde(default)]
    description: String,
    /// Its column; the first one when it is left out.
    #[serde(default)]
    #[schemars(length(min = 1))]
    status: Optional<String>,
    /// Labels.
    #[serde(default)]
    labels: Vec<String>,
    /// The day it is due.
    due_on: Option<Day>,
}

/// Changes of a task. `after_id` and `before_id` move it; one of them at most.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[schemars(example = json!({"status": "done", "due_on": null}))]
pub(super) struct TaskPatch {
    /// Title, one line.
    title: Optional<String>,
    /// Text.
    description: Optional<String>,
    /// Its column.
    status: Optional<String>,
    /// All its labels.
    labels: Optional<Vec<String>>,
    /// The day it is due; null: none.
    due_on: Optional<Option<Day>>,
    /// The task of the column that it comes after.
    after_id: Optional<String>,
    /// The task of the column that it comes before.
    before_id: Optional<String>,
}

/// Members: by status and position.
pub(super) async fn list(
    signed: Signed,
    call: Call,
    query: Query<TaskQuery>,
) -> Answer<InTurn<Plain<Page<Task>>>> {
    let project_id = call.id("project")?;
    let query = query.read(&call)?;
    // A search has a line of its own, in the service.
    let turn = match query.q.0 {
        None => Some(call.turn().await?),
        Some(_) => None,
    };
    let request = signed.call(ListTasksRequest {
        project_id,
        page: Some(query.page.into()),
        status: query.status.0,
        label: query.label.0,
        q: query.q.0,
    });
    let answer = call.projects().list_tasks(request).await?.into_inner();
    let reply = page::<Task, _>(answer.tasks, answer.next_cursor)?;
    Ok(InTurn { reply, turn })
}

/// Editors.
pub(super) async fn create(
    signed: Signed,
    mut call: Call,
    body: Json<NewTask>,
    key: IdempotencyKey,
) -> Answer<InTurn<Created<Task>>> {
    let project_id = call.id("project")?;
    let new = body.read(&mut call).await?;
    let request = key.on(signed.call(CreateTaskRequest {
        project_id,
        title: new.title,
        description: new.description,
        status: new.status.0.unwrap_or_default(),
        labels: new.labels,
        due_on: new.due_on.map(|Day(day)| day),
    }))?;
    let changed = call.projects().create_task(request).await?;
    let turn = call.turn_after_change(&changed).await;
    let reply = created::<Task, _>(changed)?;
    Ok(InTurn { reply, turn })
}

/// Members.
pub(super) async fn read(signed: Signed, call: Call) -> Answer<InTurn<Found<Task>>> {
    let id = id(&call)?;
    let turn = Some(call.turn().await?);
    let request = signed.call(GetTaskRequest { id });
    let reply = found::<Task, _>(call.projects().get_task(request).await?)?;
    Ok(InTurn { reply, turn })
}

/// Editors. Changes fields, moves, or both.
pub(super) async fn change(
    signed: Signed,
    mut call: Call,
    body: MergePatch<TaskPatch>,
    if_match: IfMatch,
    key: IdempotencyKey,
) -> Answer<InTurn<Once<Found<Task>>>> {
    let id = id(&call)?;
    let changes = body.read(&mut call).await?.changes()?;
    let request = key.on(signed.call(UpdateTaskRequest {
        id,
        if_version: if_match.versions()?,
        ..changes
    }))?;
    let answer = call.projects().update_task(request).await?;
    let turn = call.turn_after_change(&answer).await;
    let reply = changed::<Task, _>(answer)?;
    Ok(InTurn { reply, turn })
}

/// Editors.
pub(super) async fn delete(
    signed: Signed,
    call: Call,
    if_match: IfMatch,
    key: IdempotencyKey,
) -> Answer<Once<Done>> {
    let id = id(&call)?;
    let if_version = if_match.versions()?;
    let request = key.on(signed.call(DeleteTaskRequest { id, if_version }))?;
    let answer = call.projects().delete_task(request).await?;
    Ok(gone(answer))
}

impl TaskPatch {
    /// What the service changes.
    fn changes(self) -> Result<UpdateTaskRequest, Problem> {
        Ok(UpdateTaskRequest {
            title: self.title.0,
            description: self.description.0,
            labels: self.labels.0.map(|values| Labels { values }),
            // In the service an empty text removes the day.
            due_on: self
                .due_on
                .0
                .map(|day| day.map_or_else(String::new, |Day(day)| day)),
            status: self.status.0,
            place: place(self.after_id.0, self.before_id.0)?,
            ..UpdateTaskRequest::default()
        })
    }
}

fn place(after_id: Option<String>, before_id: Option<String>) -> Result<Option<Place>, Problem> {
    match (after_id, before_id) {
        (Some(_), Some(_)) => {
            let message = "name either after_id or before_id";
            Err(Problem::invalid_field("before_id", message))
        }
        (after, before) => Ok(after.map(Place::AfterId).or(before.map(Place::BeforeId))),
    }
}

fn id(call: &Call) -> Result<String, Problem> {
    call.id("task")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::{Shape, read_json};

    fn patch(body: &str) -> Result<UpdateTaskRequest, Problem> {
        let shape = Shape::of::<TaskPatch>().expect("a known form");
        read_json::<TaskPatch>(&shape, body.as_bytes())?.changes()
    }

    #[test]
    fn null_removes_the_day_and_nothing_else_can_be_null() {
        assert_eq!(patch("{}").expect("a patch").due_on, None);
        assert_eq!(
            patch(r#"{"due_on":null}"#)
                .expect("a patch")
                .due_on
                .as_deref(),
            Some("")
        );
        for field in [
            "title",
            "description",
            "labels",
            "status",
            "after_id",
            "before_id",
        ] {
            let problem = patch(&format!("{{\"{field}\":null}}")).expect_err(field);
            assert_eq!(problem.errors[0].field, field);
        }
        assert!(patch(r#"{"due_on":""}"#).is_err());
    }

    #[test]
    fn a_task_has_one_place() {
        let problem = patch(r#"{"after_id":"a","before_id":"b"}"#).expect_err("two places");
        assert_eq!(problem.errors[0].field, "before_id");
        let moved = patch(r#"{"status":"done","after_id":"a"}"#).expect("a move");
        assert_eq!(moved.place, Some(Place::AfterId("a".to_owned())));
    }
}
