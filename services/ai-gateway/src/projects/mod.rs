//! What is read from project-service, with the asker's own token, so that nobody is told of what they may not
//! see.

mod read;

use redis_contracts::Position;
use rpc::project::{
    FindTaskRequest, ListProjectsRequest, Page, ReviewProjectRequest,
    project_service_client::ProjectServiceClient,
};
use service_kit::{Code, Problem};
use tonic::{Request, transport::Channel};
use uuid::Uuid;

use crate::{
    asker::Asker,
    domain::mentor::{Project, Task},
};

/// The asker's projects.
pub(crate) struct Projects {
    client: ProjectServiceClient<Channel>,
}

impl Projects {
    pub(crate) fn new(channel: Channel) -> Self {
        let client = ProjectServiceClient::new(channel);
        Self {
            client: client.max_decoding_message_size(rpc::LARGEST_ANSWER),
        }
    }

    /// The active ones among the newest `most`.
    pub(crate) async fn active(&self, asker: &Asker, most: u32) -> Result<Vec<Uuid>, Problem> {
        let (mut ids, mut left, mut cursor) = (Vec::new(), most, String::new());
        loop {
            // A page of long texts ends earlier than it was asked to.
            let page = Page {
                limit: left,
                cursor,
            };
            let message = ListProjectsRequest {
                page: Some(page),
                key: String::new(),
            };
            let request = request(asker, message);
            let answer = self.client.clone().list_projects(request).await?;
            let answer = answer.into_inner();
            left = left.saturating_sub(u32::try_from(answer.projects.len()).unwrap_or(left));
            for project in answer.projects {
                if project.status == "active" {
                    ids.push(read::uuid(&project.id, "project.id")?);
                }
            }
            cursor = answer.next_cursor;
            if cursor.is_empty() || left == 0 {
                return Ok(ids);
            }
        }
    }

    /// A project as it is now; what changed is told where the position is known up to which the asker was here.
    pub(crate) async fn review(
        &self,
        asker: &Asker,
        project_id: Uuid,
        since: Option<Position>,
    ) -> Result<Project, Problem> {
        let message = ReviewProjectRequest {
            project_id: project_id.to_string(),
            since: since.map(|since| since.to_string()).unwrap_or_default(),
        };
        let request = request(asker, message);
        let answer = self.client.clone().review_project(request).await?;
        Ok(read::project(answer.into_inner(), since.is_some())?)
    }

    /// The task of this reference, where it is the asker's.
    pub(crate) async fn task(
        &self,
        asker: &Asker,
        reference: String,
    ) -> Result<Option<Task>, Problem> {
        let request = request(asker, FindTaskRequest { r#ref: reference });
        let answer = self.client.clone().find_task(request).await;
        match answer.map_err(Problem::from) {
            Ok(task) => Ok(Some(read::task(task.into_inner())?)),
            Err(problem) if problem.code == Code::NotFound => Ok(None),
            Err(problem) => Err(problem),
        }
    }
}

fn request<T>(asker: &Asker, message: T) -> Request<T> {
    asker.context.call(Some(&asker.caller.token), message)
}
