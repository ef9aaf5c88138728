//! gRPC: translation only. A profile is read by its person alone.

use identity::Guard;
use redis_access::{AccessError, StreamsPool};
use redis_contracts::{PROFILE, ProfileRecord, keys::Scope};
use rpc::learning::{self as api, learning_service_server::LearningService};
use service_kit::{Code, Problem, RequestContext};
use stream_worker::Totals;
use tokio::sync::watch;
use tonic::{Request, Response, Status};
use uuid::Uuid;

/// The service.
pub(crate) struct Learning {
    /// None for a worker that runs alone.
    guard: Option<Guard>,
    streams: StreamsPool,
    totals: watch::Receiver<Option<Totals>>,
}

impl Learning {
    pub(crate) fn new(
        guard: Option<Guard>,
        streams: StreamsPool,
        totals: watch::Receiver<Option<Totals>>,
    ) -> Self {
        Self {
            guard,
            streams,
            totals,
        }
    }

    fn guard(&self) -> Result<&Guard, Problem> {
        let alone = || {
            let what_to_do = "This worker runs alone and knows nobody; set redis.cache.url.";
            Problem::new(Code::Unavailable, what_to_do)
        };
        self.guard.as_ref().ok_or_else(alone)
    }

    async fn profile(&self, user_id: Uuid) -> Result<ProfileRecord, Problem> {
        let held = self.streams.fields(&PROFILE.key(user_id)).await;
        let held = held.or_else(AccessError::none_if_wrong_type)?;
        Ok(held.unwrap_or_else(ProfileRecord::prior))
    }
}

#[tonic::async_trait]
impl LearningService for Learning {
    async fn get_profile(
        &self,
        request: Request<api::GetProfileRequest>,
    ) -> Result<Response<api::Profile>, Status> {
        let context = RequestContext::of(&request);
        let caller = self
            .guard()?
            .check_metadata(request.metadata(), &context, Scope::Read)
            .await?;
        let user_id = caller.user().id;
        let profile = self.profile(user_id).await?;
        Ok(Response::new(message(user_id, profile)))
    }

    async fn get_status(
        &self,
        _request: Request<api::GetStatusRequest>,
    ) -> Result<Response<api::GetStatusResponse>, Status> {
        let totals = *self.totals.borrow();
        Ok(Response::new(api::GetStatusResponse {
            version: crate::SERVICE.version.to_owned(),
            lag: totals.map(|totals| totals.lag),
            pending: totals.map(|totals| totals.pending),
            dead_letters: totals.map_or(0, |totals| totals.dead_letters),
        }))
    }
}

fn message(user_id: Uuid, profile: ProfileRecord) -> api::Profile {
    let average_rating = profile.average_rating();
    let style = profile.style.into_iter().map(|(name, choices)| {
        let choices = choices
            .into_iter()
            .map(|(name, probability)| api::Choice { name, probability });
        api::Dimension {
            name,
            choices: choices.collect(),
        }
    });
    api::Profile {
        user_id: user_id.to_string(),
        version: profile.version,
        style: style.collect(),
        feedback_count: profile.feedback_count,
        average_rating,
        updated_at: profile.updated_at.map(rpc::timestamp),
    }
}
