//! Tasks.

use redis_contracts::resource::Task;
use rpc::project::{
    CreateTaskRequest, DeleteTaskRequest, GetTaskRequest, Labels, ListTasksRequest,
    UpdateTaskRequest, update_task_request::Place,
};
use service_kit::Problem;

use super::{
    Signed,
    call::Call,
    fields::Fields,
    reply::{Answer, created, done, found, page},
};

/// Members: by status and position.
pub(super) async fn list(signed: Signed, call: Call) -> Answer {
    let query = call.query();
    let q = query.get("q");
    // A search has a line of its own, in the service.
    let _turn = match q {
        None => Some(call.turn().await?),
        Some(_) => None,
    };
    let request = signed.call(ListTasksRequest {
        project_id: call.id("project")?,
        page: Some(query.page()?),
        status: query.get("status"),
        label: query.get("label"),
        q,
    });
    let answer = call
        .state
        .upstream
        .projects
        .clone()
        .list_tasks(request)
        .await?
        .into_inner();
    page::<Task, _>(answer.tasks, answer.next_cursor)
}

/// Editors.
pub(super) async fn create(signed: Signed, mut call: Call) -> Answer {
    let project_id = call.id("project")?;
    let message = call
        .json(|body| CreateTaskRequest {
            project_id,
            title: body.text("title"),
            description: body.optional_text("description").unwrap_or_default(),
            status: first_status(body),
            labels: body.optional_texts("labels").unwrap_or_default(),
            due_on: body.nullable_text("due_on").flatten(),
        })
        .await?;
    let request = call.keyed(signed.call(message))?;
    created::<Task, _>(
        call.state
            .upstream
            .projects
            .clone()
            .create_task(request)
            .await?,
    )
}

/// Members.
pub(super) async fn read(signed: Signed, call: Call) -> Answer {
    let _turn = call.turn().await?;
    let request = signed.call(GetTaskRequest { id: id(&call)? });
    found::<Task, _>(
        call.state
            .upstream
            .projects
            .clone()
            .get_task(request)
            .await?,
    )
}

/// Editors. Changes fields, moves, or both.
pub(super) async fn change(signed: Signed, mut call: Call) -> Answer {
    let id = id(&call)?;
    let mut message = call.patch(|body| changes(id.clone(), body)).await?;
    message.if_version = call.precondition()?;
    let request = signed.call(message);
    found::<Task, _>(
        call.state
            .upstream
            .projects
            .clone()
            .update_task(request)
            .await?,
    )
}

/// Editors.
pub(super) async fn delete(signed: Signed, call: Call) -> Answer {
    let id = id(&call)?;
    let if_version = call.precondition()?;
    let request = signed.call(DeleteTaskRequest { id, if_version });
    call.state
        .upstream
        .projects
        .clone()
        .delete_task(request)
        .await?;
    done()
}

fn changes(id: String, body: &mut Fields) -> UpdateTaskRequest {
    UpdateTaskRequest {
        id,
        title: body.optional_text("title"),
        description: body.optional_text("description"),
        labels: body
            .optional_texts("labels")
            .map(|values| Labels { values }),
        due_on: due_on(body),
        status: body.optional_text("status"),
        place: place(body),
        if_version: Vec::new(),
    }
}

/// An empty text means the first column in the service; here it is left out for that.
fn first_status(body: &mut Fields) -> String {
    let status = body.optional_text("status");
    if status.as_deref() == Some("") {
        body.refuse("status", "expected a status such as todo");
    }
    status.unwrap_or_default()
}

/// An empty text removes the day in the service; here null does, and an empty text is no day.
fn due_on(body: &mut Fields) -> Option<String> {
    let day = body.nullable_text("due_on")?;
    if day.as_deref() == Some("") {
        body.refuse("due_on", "expected a day such as 2026-01-31, or null");
    }
    Some(day.unwrap_or_default())
}

fn place(body: &mut Fields) -> Option<Place> {
    match (
        body.optional_text("after_id"),
        body.optional_text("before_id"),
    ) {
        (Some(_), Some(_)) => {
            body.refuse("before_id", "name either after_id or before_id");
            None
        }
        (Some(after), None) => Some(Place::AfterId(after)),
        (None, Some(before)) => Some(Place::BeforeId(before)),
        (None, None) => None,
    }
}

fn id(call: &Call) -> Result<String, Problem> {
    call.id("task")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn patch(body: &str) -> Result<UpdateTaskRequest, Problem> {
        Fields::parse(body.as_bytes())?.read(|fields| changes("id".to_owned(), fields))
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
