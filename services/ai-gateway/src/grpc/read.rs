//! What the mentor reads before it replies: the asker's memory and profile, and their projects.

use futures_util::{StreamExt, TryStreamExt, stream};
use redis_access::AccessError;
use redis_contracts::{MEMORY, MentorMemory, PROFILE, ProfileRecord};
use rpc::project::{FindTaskRequest, ListProjectsRequest, Page, ReviewProjectRequest};
use service_kit::{Code, Problem};
use uuid::Uuid;

use super::{Call, Mentor, id};
use crate::domain::mentor::{Project, Task};

/// Projects looked at when none is named, the newest.
const MOST_PROJECTS: u32 = 20;

impl Mentor {
    pub(super) async fn memory(&self, user_id: Uuid) -> Result<MentorMemory, Problem> {
        let held = self.streams.fields(&MEMORY.key(user_id)).await;
        let held = held.or_else(AccessError::none_if_wrong_type)?;
        Ok(held.unwrap_or_default())
    }

    pub(super) async fn profile(&self, user_id: Uuid) -> Result<ProfileRecord, Problem> {
        let held = self.streams.fields(&PROFILE.key(user_id)).await;
        let held = held.or_else(AccessError::none_if_wrong_type)?;
        Ok(held.unwrap_or_else(ProfileRecord::prior))
    }

    /// A project as it is now, or all active ones of the caller's where none is named. They are read with the
    /// caller's own token, so nobody is told of what they may not see.
    pub(super) async fn projects<T>(
        &self,
        call: &Call<T>,
        project_id: Option<Uuid>,
        memory: &MentorMemory,
    ) -> Result<Vec<Project>, Problem> {
        if let Some(project_id) = project_id {
            return Ok(vec![self.review(call, project_id, memory).await?]);
        }
        let ids = self.project_ids(call).await?.into_iter();
        // In the order of the projects, so that the same question gets the same answer; one after the other, for a
        // person is given one long read at a time.
        let reviews = stream::iter(ids).then(|id| self.review(call, id, memory));
        reviews
            .filter_map(async |review| match review {
                // It was deleted after it was listed.
                Err(problem) if problem.code == Code::NotFound => None,
                review => Some(review),
            })
            .try_collect()
            .await
    }

    /// The task that a message names, where it is the caller's.
    pub(super) async fn named_task<T>(
        &self,
        call: &Call<T>,
        reference: String,
    ) -> Result<Option<Task>, Problem> {
        let message = FindTaskRequest { r#ref: reference };
        let request = call.context.call(Some(&call.caller.token), message);
        let answer = self.projects.clone().find_task(request).await;
        match answer.map_err(Problem::from) {
            Ok(task) => Ok(Some(Task::read(task.into_inner())?)),
            Err(problem) if problem.code == Code::NotFound => Ok(None),
            Err(problem) => Err(problem),
        }
    }

    /// Of the active ones among the newest.
    async fn project_ids<T>(&self, call: &Call<T>) -> Result<Vec<Uuid>, Problem> {
        let (mut ids, mut left, mut cursor) = (Vec::new(), MOST_PROJECTS, String::new());
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
            let request = call.context.call(Some(&call.caller.token), message);
            let answer = self.projects.clone().list_projects(request).await?;
            let answer = answer.into_inner();
            left = left.saturating_sub(u32::try_from(answer.projects.len()).unwrap_or(left));
            for project in answer.projects {
                if project.status == "active" {
                    ids.push(id(&project.id, "project")?);
                }
            }
            cursor = answer.next_cursor;
            if cursor.is_empty() || left == 0 {
                return Ok(ids);
            }
        }
    }

    async fn review<T>(
        &self,
        call: &Call<T>,
        project_id: Uuid,
        memory: &MentorMemory,
    ) -> Result<Project, Problem> {
        let seen = memory.seen.get(&project_id);
        let message = ReviewProjectRequest {
            project_id: project_id.to_string(),
            since: seen.map(ToString::to_string).unwrap_or_default(),
        };
        let request = call.context.call(Some(&call.caller.token), message);
        let answer = self.projects.clone().review_project(request).await?;
        Ok(Project::read(answer.into_inner(), seen.is_some())?)
    }
}
