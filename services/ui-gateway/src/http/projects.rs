//! Projects.

use redis_contracts::resource::Project;
use rpc::project::{
    CreateProjectRequest, DeleteProjectRequest, GetProjectRequest, ListProjectsRequest,
    UpdateProjectRequest,
};
use service_kit::Problem;

use super::{
    Signed,
    call::Call,
    reply::{Answer, created, done, found, page},
};

/// Signed in: their own, newest first.
pub(super) async fn list(signed: Signed, call: Call) -> Answer {
    let _turn = call.turn().await?;
    let query = call.query();
    let request = signed.call(ListProjectsRequest {
        page: Some(query.page()?),
        key: query.get("key").unwrap_or_default(),
    });
    let answer = call
        .state
        .upstream
        .projects
        .clone()
        .list_projects(request)
        .await?
        .into_inner();
    page::<Project, _>(answer.projects, answer.next_cursor)
}

/// Signed in.
pub(super) async fn create(signed: Signed, mut call: Call) -> Answer {
    let message = call
        .json(|body| CreateProjectRequest {
            key: body.text("key"),
            name: body.text("name"),
            description: body.optional_text("description").unwrap_or_default(),
        })
        .await?;
    let request = call.keyed(signed.call(message))?;
    created::<Project, _>(
        call.state
            .upstream
            .projects
            .clone()
            .create_project(request)
            .await?,
    )
}

/// Members.
pub(super) async fn read(signed: Signed, call: Call) -> Answer {
    let _turn = call.turn().await?;
    let request = signed.call(GetProjectRequest { id: id(&call)? });
    found::<Project, _>(
        call.state
            .upstream
            .projects
            .clone()
            .get_project(request)
            .await?,
    )
}

/// Owners.
pub(super) async fn change(signed: Signed, mut call: Call) -> Answer {
    let id = id(&call)?;
    let mut message = call
        .patch(|body| UpdateProjectRequest {
            id: id.clone(),
            name: body.optional_text("name"),
            description: body.optional_text("description"),
            status: body.optional_text("status"),
            if_version: Vec::new(),
        })
        .await?;
    message.if_version = call.precondition()?;
    let request = signed.call(message);
    found::<Project, _>(
        call.state
            .upstream
            .projects
            .clone()
            .update_project(request)
            .await?,
    )
}

/// Owners.
pub(super) async fn delete(signed: Signed, call: Call) -> Answer {
    let id = id(&call)?;
    let if_version = call.precondition()?;
    let request = signed.call(DeleteProjectRequest { id, if_version });
    call.state
        .upstream
        .projects
        .clone()
        .delete_project(request)
        .await?;
    done()
}

fn id(call: &Call) -> Result<String, Problem> {
    call.id("project")
}
