//! gRPC: translation only. Each method first finds its caller; only their own projects are seen.

mod comments;
mod history;
mod import;
mod projects;
mod review;
mod tasks;

use std::{pin::Pin, sync::Arc};

use aws_lc_rs::digest::{SHA256, digest};
use futures_util::Stream;
use identity::{Caller, Guard};
use prost::Message;
use rate_limits::DayShare;
use redis_contracts::{Timestamp, keys::Scope};
use rpc::{
    metadata::{IDEMPOTENCY_KEY, IDEMPOTENT_REPLAYED},
    project::{self as api, project_service_server::ProjectService},
};
use service_kit::{Problem, RequestContext};
use sql::sqlite::Sqlite;
use tokio::sync::Notify;
use tonic::{Request, Response, Status, Streaming, metadata::MetadataMap};
use uuid::Uuid;

use self::import::Imports;
use crate::store::{Actor, Answer, Idempotency, Store, Writer};

/// Longest idempotency key, in characters.
const LONGEST_KEY: usize = 128;

/// The service. Cheap to clone.
#[derive(Clone)]
pub struct Projects {
    guard: Guard,
    store: Store,
    writer: Writer,
    sqlite: Sqlite,
    imports: Arc<Imports>,
    /// Wakes the sweeper.
    deleted: Arc<Notify>,
}

/// A caller and their request.
pub(crate) struct Call<T> {
    caller: Caller,
    context: RequestContext,
    idempotency: Option<Idempotency>,
    message: T,
}

impl<T> Call<T> {
    fn owner(&self) -> Uuid {
        self.caller.user().id
    }

    fn actor(&self) -> Actor {
        actor(&self.caller, &self.context)
    }
}

fn actor(caller: &Caller, context: &RequestContext) -> Actor {
    Actor {
        user_id: caller.user().id,
        handle: caller.user().handle.clone(),
        context: context.clone(),
    }
}

impl Projects {
    /// Assembles it.
    pub fn new(
        guard: Guard,
        store: Store,
        writer: Writer,
        sqlite: Sqlite,
        imported: DayShare,
        deleted: Arc<Notify>,
    ) -> Self {
        Self {
            guard,
            store,
            writer,
            sqlite,
            imports: Arc::new(Imports::new(imported)),
            deleted,
        }
    }

    /// The caller of a request, who may do what takes this scope, or 401, 403.
    async fn call<T: Message>(
        &self,
        scope: Scope,
        method: &str,
        request: Request<T>,
    ) -> Result<Call<T>, Problem> {
        let (caller, context) = self
            .caller(scope, request.metadata(), request.extensions())
            .await?;
        let key = idempotency_key(request.metadata())?;
        let message = request.into_inner();
        let idempotency = key.map(|key| Idempotency {
            key_hash: digest(&SHA256, key.as_bytes()).as_ref().to_vec(),
            request_hash: digest(
                &SHA256,
                &[method.as_bytes(), &[0], &message.encode_to_vec()].concat(),
            )
            .as_ref()
            .to_vec(),
        });
        Ok(Call {
            caller,
            context,
            idempotency,
            message,
        })
    }

    async fn caller(
        &self,
        scope: Scope,
        metadata: &MetadataMap,
        extensions: &tonic::Extensions,
    ) -> Result<(Caller, RequestContext), Problem> {
        let context = extensions
            .get::<RequestContext>()
            .cloned()
            .unwrap_or_else(|| RequestContext::from_headers(None, None));
        let guard = &self.guard;
        let caller = guard.check_metadata(metadata, &context, scope).await?;
        Ok((caller, context))
    }
}

fn idempotency_key(metadata: &MetadataMap) -> Result<Option<String>, Problem> {
    let Some(key) = metadata.get(IDEMPOTENCY_KEY) else {
        return Ok(None);
    };
    let refused = || {
        Problem::invalid_field(
            IDEMPOTENCY_KEY,
            format!("1 to {LONGEST_KEY} visible ASCII characters"),
        )
    };
    let key = key.to_str().map_err(|_| refused())?;
    if (1..=LONGEST_KEY).contains(&key.len()) {
        Ok(Some(key.to_owned()))
    } else {
        Err(refused())
    }
}

/// An id in a request; one that is no UUID is not there.
pub(crate) fn id(text: &str, what: &str) -> Result<Uuid, Problem> {
    Uuid::try_parse(text).map_err(|_| Problem::not_found(what))
}

pub(crate) fn answer<T, M: From<T>>(answer: Answer<T>) -> Response<M> {
    match answer.replayed {
        true => replayed(answer.value.into()),
        false => Response::new(answer.value.into()),
    }
}

/// The answer to a request that was made before.
fn replayed<M>(message: M) -> Response<M> {
    let mut response = Response::new(message);
    let yes = tonic::metadata::MetadataValue::from_static("true");
    response.metadata_mut().insert(IDEMPOTENT_REPLAYED, yes);
    response
}

pub(crate) fn moment(message: Option<&prost_types::Timestamp>) -> Option<Timestamp> {
    message.map(rpc::timestamp_from)
}

/// Forwards a method of the trait to the method of the same name; a machine token needs the scope.
macro_rules! forward {
    ($scope:ident: $self:ident . $method:ident ($request:ident)) => {{
        let method = stringify!($method);
        let call = $self.call(Scope::$scope, method, $request).await?;
        Ok($self.$method(call).await?)
    }};
}

type ImportStream = Pin<Box<dyn Stream<Item = Result<api::ImportArchiveResponse, Status>> + Send>>;

#[tonic::async_trait]
impl ProjectService for Projects {
    type ImportArchiveStream = ImportStream;

    async fn create_project(
        &self,
        request: Request<api::CreateProjectRequest>,
    ) -> Result<Response<api::Project>, Status> {
        forward!(Write: self.create_project(request))
    }

    async fn list_projects(
        &self,
        request: Request<api::ListProjectsRequest>,
    ) -> Result<Response<api::ListProjectsResponse>, Status> {
        forward!(Read: self.list_projects(request))
    }

    async fn get_project(
        &self,
        request: Request<api::GetProjectRequest>,
    ) -> Result<Response<api::Project>, Status> {
        forward!(Read: self.get_project(request))
    }

    async fn update_project(
        &self,
        request: Request<api::UpdateProjectRequest>,
    ) -> Result<Response<api::Project>, Status> {
        forward!(Write: self.update_project(request))
    }

    async fn delete_project(
        &self,
        request: Request<api::DeleteProjectRequest>,
    ) -> Result<Response<api::DeleteProjectResponse>, Status> {
        forward!(Write: self.delete_project(request))
    }

    async fn create_task(
        &self,
        request: Request<api::CreateTaskRequest>,
    ) -> Result<Response<api::Task>, Status> {
        forward!(Write: self.create_task(request))
    }

    async fn list_tasks(
        &self,
        request: Request<api::ListTasksRequest>,
    ) -> Result<Response<api::ListTasksResponse>, Status> {
        forward!(Read: self.list_tasks(request))
    }

    async fn get_task(
        &self,
        request: Request<api::GetTaskRequest>,
    ) -> Result<Response<api::Task>, Status> {
        forward!(Read: self.get_task(request))
    }

    async fn find_task(
        &self,
        request: Request<api::FindTaskRequest>,
    ) -> Result<Response<api::Task>, Status> {
        forward!(Read: self.find_task(request))
    }

    async fn update_task(
        &self,
        request: Request<api::UpdateTaskRequest>,
    ) -> Result<Response<api::Task>, Status> {
        forward!(Write: self.update_task(request))
    }

    async fn delete_task(
        &self,
        request: Request<api::DeleteTaskRequest>,
    ) -> Result<Response<api::DeleteTaskResponse>, Status> {
        forward!(Write: self.delete_task(request))
    }

    async fn create_comment(
        &self,
        request: Request<api::CreateCommentRequest>,
    ) -> Result<Response<api::Comment>, Status> {
        forward!(Write: self.create_comment(request))
    }

    async fn list_comments(
        &self,
        request: Request<api::ListCommentsRequest>,
    ) -> Result<Response<api::ListCommentsResponse>, Status> {
        forward!(Read: self.list_comments(request))
    }

    async fn get_comment(
        &self,
        request: Request<api::GetCommentRequest>,
    ) -> Result<Response<api::Comment>, Status> {
        forward!(Read: self.get_comment(request))
    }

    async fn update_comment(
        &self,
        request: Request<api::UpdateCommentRequest>,
    ) -> Result<Response<api::Comment>, Status> {
        forward!(Write: self.update_comment(request))
    }

    async fn delete_comment(
        &self,
        request: Request<api::DeleteCommentRequest>,
    ) -> Result<Response<api::DeleteCommentResponse>, Status> {
        forward!(Write: self.delete_comment(request))
    }

    async fn review_project(
        &self,
        request: Request<api::ReviewProjectRequest>,
    ) -> Result<Response<api::ReviewProjectResponse>, Status> {
        forward!(Read: self.review_project(request))
    }

    async fn list_events(
        &self,
        request: Request<api::ListEventsRequest>,
    ) -> Result<Response<api::ListEventsResponse>, Status> {
        forward!(Read: self.list_events(request))
    }

    async fn describe_history(
        &self,
        request: Request<api::DescribeHistoryRequest>,
    ) -> Result<Response<api::DescribeHistoryResponse>, Status> {
        forward!(Read: self.describe_history(request))
    }

    async fn import_archive(
        &self,
        request: Request<Streaming<api::ImportArchiveRequest>>,
    ) -> Result<Response<ImportStream>, Status> {
        let (caller, context) = self
            .caller(Scope::Write, request.metadata(), request.extensions())
            .await?;
        let parts = request.into_inner();
        Ok(self.import_archive(caller, context, parts).await?)
    }

    async fn get_status(
        &self,
        _request: Request<api::GetStatusRequest>,
    ) -> Result<Response<api::GetStatusResponse>, Status> {
        Ok(Response::new(api::GetStatusResponse {
            version: crate::SERVICE.version.to_owned(),
            database_ok: self.sqlite.is_ok(),
            backlog: self.writer.committed().pending(),
        }))
    }
}
