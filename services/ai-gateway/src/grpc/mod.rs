//! gRPC: translation only. Each method first finds its caller; only their own replies and projects are seen.

mod call;
mod chat;
mod feedback;
mod interactions;

use identity::Guard;
use redis_contracts::{Timestamp, keys::Scope};
use rpc::{
    ai::{self as api, ai_service_server::AiService},
    metadata::IDEMPOTENT_REPLAYED,
};
use service_kit::Problem;
use tonic::{Request, Response, Status, metadata::MetadataValue};
use uuid::Uuid;

use self::{call::Call, chat::Replies};
use crate::{
    conversation::{Answer, Conversations, Records, SOURCE, SignalPlace, Signals},
    projects::Projects,
};

/// The service.
pub(crate) struct Mentor {
    guard: Guard,
    conversations: Conversations,
    signals: Signals,
    started_at: Timestamp,
}

impl Mentor {
    pub(crate) fn new(guard: Guard, records: Records, projects: Projects) -> Self {
        Self {
            guard,
            conversations: Conversations::new(records.clone(), projects),
            signals: Signals::new(records),
            started_at: Timestamp::now(),
        }
    }
}

/// An id in a request; one that is no UUID is not there.
fn id(text: &str, what: &str) -> Result<Uuid, Problem> {
    Uuid::try_parse(text).map_err(|_| Problem::not_found(what))
}

/// An answer that says when it was given before.
fn answer<T, M>(given: Answer<T>, message: impl FnOnce(T) -> M) -> Response<M> {
    let mut response = Response::new(message(given.value));
    if given.replayed {
        let yes = MetadataValue::from_static("true");
        response.metadata_mut().insert(IDEMPOTENT_REPLAYED, yes);
    }
    response
}

impl From<SignalPlace> for api::Recorded {
    fn from(place: SignalPlace) -> Self {
        Self {
            event_id: place.event_id.to_string(),
            position: place.position.to_string(),
        }
    }
}

#[tonic::async_trait]
impl AiService for Mentor {
    type ChatStream = Replies;

    /// A machine token needs the scope read as well: the caller's projects are read.
    async fn chat(&self, request: Request<api::ChatRequest>) -> Result<Response<Replies>, Status> {
        let call = Call::of(&self.guard, request).await?;
        call.asker.caller.require(Scope::Read)?;
        Ok(self.chat(call).await?)
    }

    async fn give_feedback(
        &self,
        request: Request<api::GiveFeedbackRequest>,
    ) -> Result<Response<api::Recorded>, Status> {
        let call = Call::of(&self.guard, request).await?;
        Ok(self.give_feedback(call).await?)
    }

    async fn record_interaction(
        &self,
        request: Request<api::RecordInteractionRequest>,
    ) -> Result<Response<api::Recorded>, Status> {
        let call = Call::of(&self.guard, request).await?;
        Ok(self.record_interaction(call).await?)
    }

    async fn get_status(
        &self,
        _request: Request<api::GetStatusRequest>,
    ) -> Result<Response<api::GetStatusResponse>, Status> {
        Ok(Response::new(api::GetStatusResponse {
            version: crate::SERVICE.version.to_owned(),
            source: SOURCE.to_owned(),
            started_at: Some(rpc::timestamp(self.started_at)),
        }))
    }
}
