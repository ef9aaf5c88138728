//! gRPC: translation, and what is recorded. Each method first finds its caller; only their own replies and
//! projects are seen.

mod chat;
mod feedback;
mod interactions;
mod kept;
mod read;
mod record;

use std::pin::Pin;

use futures_util::Stream;
use identity::{Caller, Guard};
use rate_limits::DayShare;
use redis_access::StreamsPool;
use redis_contracts::{Timestamp, keys::Scope};
use rpc::{
    ai::{self as api, ai_service_server::AiService},
    metadata::{IDEMPOTENCY_KEY, IDEMPOTENT_REPLAYED},
    project::project_service_client::ProjectServiceClient,
};
use service_kit::{Problem, RequestContext};
use tonic::{Request, Response, Status, metadata::MetadataMap, transport::Channel};
use uuid::Uuid;

/// Who replies while no provider is set.
const SOURCE: &str = "built_in";

/// Longest idempotency key, in characters.
const LONGEST_KEY: usize = 128;

/// The service.
pub(crate) struct Mentor {
    guard: Guard,
    streams: StreamsPool,
    projects: ProjectServiceClient<Channel>,
    share: DayShare,
    started_at: Timestamp,
}

/// A caller and their request.
struct Call<T> {
    caller: Caller,
    context: RequestContext,
    idempotency_key: Option<String>,
    message: T,
}

impl Mentor {
    pub(crate) fn new(
        guard: Guard,
        streams: StreamsPool,
        projects: Channel,
        share: DayShare,
    ) -> Self {
        Self {
            guard,
            streams,
            projects: ProjectServiceClient::new(projects)
                .max_decoding_message_size(rpc::LARGEST_ANSWER),
            share,
            started_at: Timestamp::now(),
        }
    }

    /// The caller of a request, which records something: a machine token needs the scope write.
    async fn call<T>(&self, request: Request<T>) -> Result<Call<T>, Problem> {
        let context = RequestContext::of(&request);
        let caller = self
            .guard
            .check_metadata(request.metadata(), &context, Scope::Write)
            .await?;
        Ok(Call {
            caller,
            context,
            idempotency_key: idempotency_key(request.metadata())?,
            message: request.into_inner(),
        })
    }
}

fn idempotency_key(metadata: &MetadataMap) -> Result<Option<String>, Problem> {
    let Some(key) = metadata.get(IDEMPOTENCY_KEY) else {
        return Ok(None);
    };
    let key = key.to_str().ok();
    let key = key.filter(|key| (1..=LONGEST_KEY).contains(&key.len()));
    let expected = format!("1 to {LONGEST_KEY} visible ASCII characters");
    key.map(|key| Some(key.to_owned()))
        .ok_or_else(|| Problem::invalid_field(IDEMPOTENCY_KEY, expected))
}

/// An id in a request; one that is no UUID is not there.
fn id(text: &str, what: &str) -> Result<Uuid, Problem> {
    Uuid::try_parse(text).map_err(|_| Problem::not_found(what))
}

/// An answer that says when it was given before.
fn answer<T>(value: T, replayed: bool) -> Response<T> {
    let mut response = Response::new(value);
    if replayed {
        let yes = tonic::metadata::MetadataValue::from_static("true");
        response.metadata_mut().insert(IDEMPOTENT_REPLAYED, yes);
    }
    response
}

type Replies = Pin<Box<dyn Stream<Item = Result<api::ChatResponse, Status>> + Send>>;

#[tonic::async_trait]
impl AiService for Mentor {
    type ChatStream = Replies;

    /// A machine token needs the scope read as well: the caller's projects are read.
    async fn chat(&self, request: Request<api::ChatRequest>) -> Result<Response<Replies>, Status> {
        let call = self.call(request).await?;
        call.caller.require(Scope::Read)?;
        Ok(self.chat(call).await?)
    }

    async fn give_feedback(
        &self,
        request: Request<api::GiveFeedbackRequest>,
    ) -> Result<Response<api::Recorded>, Status> {
        let call = self.call(request).await?;
        Ok(self.give_feedback(call).await?)
    }

    async fn record_interaction(
        &self,
        request: Request<api::RecordInteractionRequest>,
    ) -> Result<Response<api::Recorded>, Status> {
        let call = self.call(request).await?;
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
