//! A project at a glance over gRPC.

use redis_contracts::Timestamp;
use rpc::project as api;
use service_kit::Problem;
use tonic::Response;

use super::{Call, Projects, history::position, id};
use crate::{
    domain::attention::Bounds,
    store::{Attention, ChangeGlance, Changes, Glance, Review},
};

impl Projects {
    /// The project's owner.
    pub(super) async fn review_project(
        &self,
        call: Call<api::ReviewProjectRequest>,
    ) -> Result<Response<api::ReviewProjectResponse>, Problem> {
        let project_id = id(&call.message.project_id, "project")?;
        let since = position("since", &call.message.since)?;
        let bounds = Bounds::at(Timestamp::now());
        let review = self
            .store
            .review(call.owner(), project_id, since, &bounds)
            .await?;
        Ok(Response::new(review.into()))
    }
}

impl From<Review> for api::ReviewProjectResponse {
    fn from(review: Review) -> Self {
        let [todo, in_progress, in_review, done] = review.by_status;
        let key = &review.project.key;
        let list = |of: Attention| {
            Some(api::Attention {
                total: of.total,
                tasks: of.tasks.into_iter().map(|task| glance(key, task)).collect(),
            })
        };
        Self {
            todo,
            in_progress,
            in_review,
            done,
            done_this_week: review.done_this_week,
            overdue: list(review.overdue),
            stuck: list(review.stuck),
            unreviewed: list(review.unreviewed),
            big: list(review.big),
            next: list(review.next),
            changes: Some(review.changes.into()),
            newest: review.newest.to_string(),
            project: Some(review.project.into()),
        }
    }
}

fn glance(key: &str, task: Glance) -> api::Glance {
    api::Glance {
        id: task.id.to_string(),
        r#ref: format!("{key}-{}", task.number),
        title: task.title,
        status: task.status.name().to_owned(),
        due_on: task.due_on,
        open_steps: task.open_steps,
        updated_at: Some(rpc::timestamp(task.updated_at)),
    }
}

impl From<Changes> for api::Changes {
    fn from(changes: Changes) -> Self {
        Self {
            total: changes.by_type.values().sum(),
            by_type: changes.by_type.into_iter().collect(),
            latest: changes.latest.into_iter().map(Into::into).collect(),
        }
    }
}

impl From<ChangeGlance> for api::ChangeGlance {
    fn from(change: ChangeGlance) -> Self {
        Self {
            position: change.position.to_string(),
            r#type: change.type_name,
            task_id: change.task.map(|id| id.to_string()).unwrap_or_default(),
            r#ref: change.reference.unwrap_or_default(),
            title: change.title.unwrap_or_default(),
            actor_id: change.actor_id,
            time: Some(rpc::timestamp(change.time)),
        }
    }
}
