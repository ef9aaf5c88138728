//! Projects.

use redis_contracts::resource::Project;
use rpc::project::{
    CreateProjectRequest, DeleteProjectRequest, GetProjectRequest, ListProjectsRequest,
    UpdateProjectRequest,
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
use crate::contract::{Optional, PageQuery};

/// Which projects.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(default)]
pub(super) struct ProjectQuery {
    #[serde(flatten)]
    page: PageQuery,
    /// Only those with this key.
    key: Optional<String>,
}

/// A new project.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(example = json!({"key": "ECH", "name": "Echo"}))]
pub(super) struct NewProject {
    /// Short name, the prefix of task references: 2 to 10 capital letters and digits, a letter first.
    key: String,
    /// Name, one line.
    name: String,
    /// Text.
    #[serde(default)]
    description: String,
}

/// Changes of a project.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[schemars(example = json!({"status": "archived"}))]
pub(super) struct ProjectPatch {
    /// Name, one line.
    name: Optional<String>,
    /// Text.
    description: Optional<String>,
    /// `active` or `archived`.
    status: Optional<String>,
}

/// Signed in: their own, newest first.
pub(super) async fn list(
    signed: Signed,
    call: Call,
    query: Query<ProjectQuery>,
) -> Answer<InTurn<Plain<Page<Project>>>> {
    let query = query.read(&call)?;
    let turn = Some(call.turn().await?);
    let request = signed.call(ListProjectsRequest {
        page: Some(query.page.into()),
        key: query.key.0.unwrap_or_default(),
    });
    let answer = call.projects().list_projects(request).await?.into_inner();
    let reply = page::<Project, _>(answer.projects, answer.next_cursor)?;
    Ok(InTurn { reply, turn })
}

/// Signed in.
pub(super) async fn create(
    signed: Signed,
    mut call: Call,
    body: Json<NewProject>,
    key: IdempotencyKey,
) -> Answer<InTurn<Created<Project>>> {
    let new = body.read(&mut call).await?;
    let request = key.on(signed.call(CreateProjectRequest {
        key: new.key,
        name: new.name,
        description: new.description,
    }))?;
    let changed = call.projects().create_project(request).await?;
    let turn = call.turn_after_change(&changed).await;
    let reply = created::<Project, _>(changed)?;
    Ok(InTurn { reply, turn })
}

/// Members.
pub(super) async fn read(signed: Signed, call: Call) -> Answer<InTurn<Found<Project>>> {
    let id = id(&call)?;
    let turn = Some(call.turn().await?);
    let request = signed.call(GetProjectRequest { id });
    let reply = found::<Project, _>(call.projects().get_project(request).await?)?;
    Ok(InTurn { reply, turn })
}

/// Owners.
pub(super) async fn change(
    signed: Signed,
    mut call: Call,
    body: MergePatch<ProjectPatch>,
    if_match: IfMatch,
    key: IdempotencyKey,
) -> Answer<InTurn<Once<Found<Project>>>> {
    let id = id(&call)?;
    let patch = body.read(&mut call).await?;
    let request = key.on(signed.call(UpdateProjectRequest {
        id,
        name: patch.name.0,
        description: patch.description.0,
        status: patch.status.0,
        if_version: if_match.versions()?,
    }))?;
    let answer = call.projects().update_project(request).await?;
    let turn = call.turn_after_change(&answer).await;
    let reply = changed::<Project, _>(answer)?;
    Ok(InTurn { reply, turn })
}

/// Owners.
pub(super) async fn delete(
    signed: Signed,
    call: Call,
    if_match: IfMatch,
    key: IdempotencyKey,
) -> Answer<Once<Done>> {
    let id = id(&call)?;
    let if_version = if_match.versions()?;
    let request = key.on(signed.call(DeleteProjectRequest { id, if_version }))?;
    let answer = call.projects().delete_project(request).await?;
    Ok(gone(answer))
}

fn id(call: &Call) -> Result<String, Problem> {
    call.id("project")
}
