//! Projects over gRPC.

use rpc::project as api;
use service_kit::{Checker, Problem, page::Limit};
use tonic::Response;

use super::{Call, Projects, answer, id, replayed};
use crate::{
    domain::{
        board::PROJECT_STATUSES,
        cursor,
        fields::{Fields, LONGEST_TEXT},
    },
    store::{CreateProject, DeleteProject, Idempotent, Once, UpdateProject},
};

impl Projects {
    /// Anyone signed in.
    pub(super) async fn create_project(
        &self,
        call: Call<api::CreateProjectRequest>,
    ) -> Result<Response<api::Project>, Problem> {
        let mut checker = Checker::default();
        checker.key("key", &call.message.key);
        let mutation = CreateProject {
            key: call.message.key.clone(),
            name: checker.title("name", &call.message.name),
            description: checker.text("description", &call.message.description, 0, LONGEST_TEXT),
        };
        checker.finish()?;
        let actor = call.actor();
        let key = call.idempotency;
        self.writer
            .write(actor, Idempotent { key, mutation })
            .await
            .map(answer)
    }

    /// The caller's own.
    pub(super) async fn list_projects(
        &self,
        call: Call<api::ListProjectsRequest>,
    ) -> Result<Response<api::ListProjectsResponse>, Problem> {
        let page = call.message.page.clone().unwrap_or_default();
        let limit = Limit::asked(page.limit)?;
        let after = cursor::after_id(&page.cursor)?;
        let projects = self
            .store
            .projects(call.owner(), after, &call.message.key, limit)
            .await?;
        let (projects, next_cursor) = projects.end(|project| project.id.to_string());
        Ok(Response::new(api::ListProjectsResponse {
            next_cursor,
            projects: projects.into_iter().map(Into::into).collect(),
        }))
    }

    /// The caller's own.
    pub(super) async fn get_project(
        &self,
        call: Call<api::GetProjectRequest>,
    ) -> Result<Response<api::Project>, Problem> {
        let id = id(&call.message.id, "project")?;
        let project = self.store.project(call.owner(), id).await?;
        Ok(Response::new(project.into()))
    }

    /// The owner.
    pub(super) async fn update_project(
        &self,
        call: Call<api::UpdateProjectRequest>,
    ) -> Result<Response<api::Project>, Problem> {
        let (actor, key) = (call.actor(), call.idempotency);
        let asked = call.message;
        let mut checker = Checker::default();
        if asked
            .status
            .as_deref()
            .is_some_and(|status| !PROJECT_STATUSES.contains(&status))
        {
            checker.refuse("status", PROJECT_STATUSES.join(" or "));
        }
        let mutation = UpdateProject {
            id: id(&asked.id, "project")?,
            name: asked.name.map(|name| checker.title("name", &name)),
            description: asked
                .description
                .map(|text| checker.text("description", &text, 0, LONGEST_TEXT)),
            status: asked.status,
            if_version: asked.if_version,
        };
        checker.finish()?;
        let (id, owner) = (mutation.id, actor.user_id);
        match self.writer.write(actor, Once { key, mutation }).await? {
            Some(project) => Ok(Response::new(project.into())),
            None => Ok(replayed(self.store.project(owner, id).await?.into())),
        }
    }

    /// The owner.
    pub(super) async fn delete_project(
        &self,
        call: Call<api::DeleteProjectRequest>,
    ) -> Result<Response<api::DeleteProjectResponse>, Problem> {
        let (actor, key) = (call.actor(), call.idempotency);
        let mutation = DeleteProject {
            id: id(&call.message.id, "project")?,
            if_version: call.message.if_version,
        };
        match self.writer.write(actor, Once { key, mutation }).await? {
            Some(_) => self.deleted.notify_one(),
            None => return Ok(replayed(api::DeleteProjectResponse {})),
        }
        Ok(Response::new(api::DeleteProjectResponse {}))
    }
}
