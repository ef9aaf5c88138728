//! The gRPC server of every service: reflection, health, deadlines, request ids, metrics and an
//! ordered stop.

mod connections;
mod handshake;

use std::{
    net::TcpListener,
    pin::Pin,
    task::{Context, Poll},
    time::{Duration, Instant},
};

use futures_util::StreamExt;
use http::{HeaderMap, HeaderValue, Request, Response};
use rpc::{
    CALLS_PER_CONNECTION, DEADLINE, SERVER_CALL_WINDOW, SERVER_WINDOW,
    metadata::{REQUEST_ID, TRACEPARENT},
};
use tokio_util::sync::CancellationToken;
use tonic::{
    Status,
    body::Body,
    server::NamedService,
    service::Routes,
    transport::{
        Server,
        server::{TcpConnectInfo, TcpIncoming},
    },
};
use tower::{Layer, Service};
use tracing::Instrument;

use self::{
    connections::Connections,
    handshake::{Handshake, PREFACE_WITHIN},
};
use crate::{Code, Problem, RequestContext, process::most_connections};

/// Connections at most, where the system allows as many open files: the callers are services, each of which has
/// a few.
const CONNECTIONS: usize = 1024;

const GRPC_TIMEOUT: &str = "grpc-timeout";

/// Serves the routes until `stop`, then finishes the calls it has.
pub async fn serve(
    listener: TcpListener,
    routes: Routes,
    stop: CancellationToken,
) -> anyhow::Result<()> {
    serve_at_most(most_connections(CONNECTIONS), listener, routes, stop).await
}

async fn serve_at_most(
    most: usize,
    listener: TcpListener,
    routes: Routes,
    stop: CancellationToken,
) -> anyhow::Result<()> {
    let connections = Connections::new(most);
    let incoming =
        TcpIncoming::from(tokio::net::TcpListener::from_std(listener)?).with_nodelay(Some(true));
    let opened = connections.clone();
    let incoming = incoming.map(move |accepted| {
        accepted.map(|stream| {
            let place = opened.open(stream.peer_addr().ok());
            Handshake::new(stream, place, PREFACE_WITHIN)
        })
    });
    Server::builder()
        .max_concurrent_streams(Some(CALLS_PER_CONNECTION))
        .initial_stream_window_size(SERVER_CALL_WINDOW)
        .initial_connection_window_size(SERVER_WINDOW)
        .http2_keepalive_interval(Some(Duration::from_secs(20)))
        .http2_keepalive_timeout(Some(Duration::from_secs(5)))
        .layer(RequestLayer { connections })
        .add_routes(routes)
        .serve_with_incoming_shutdown(incoming, stop.cancelled_owned())
        .await?;
    Ok(())
}

/// The routes of one service, with reflection and health beside it.
pub async fn routes<S>(service: S) -> anyhow::Result<Routes>
where
    S: Service<Request<Body>, Error = std::convert::Infallible>
        + NamedService
        + Clone
        + Send
        + Sync
        + 'static,
    S::Response: axum::response::IntoResponse,
    S::Future: Send + 'static,
{
    let reflection = || {
        tonic_reflection::server::Builder::configure()
            .register_encoded_file_descriptor_set(rpc::DESCRIPTORS)
            .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
            // What errors carry, so that tools can show it.
            .register_encoded_file_descriptor_set(tonic_types::pb::FILE_DESCRIPTOR_SET)
            .with_service_name(S::NAME)
            .with_service_name("grpc.health.v1.Health")
    };
    let (reporter, health) = tonic_health::server::health_reporter();
    reporter.set_serving::<S>().await;
    let mut routes = tonic::service::RoutesBuilder::default();
    routes
        .add_service(service)
        .add_service(reflection().build_v1()?)
        // Older tools ask in the older way.
        .add_service(reflection().build_v1alpha()?)
        .add_service(health);
    Ok(routes.routes())
}

/// Gives each call its context and deadline, a span, and a line in the metrics.
#[derive(Clone)]
struct RequestLayer {
    connections: Connections,
}

impl<S> Layer<S> for RequestLayer {
    type Service = RequestService<S>;

    fn layer(&self, inner: S) -> Self::Service {
        let connections = self.connections.clone();
        RequestService { inner, connections }
    }
}

#[derive(Clone)]
struct RequestService<S> {
    inner: S,
    connections: Connections,
}

impl<S, B> Service<Request<B>> for RequestService<S>
where
    S: Service<Request<B>, Response = Response<Body>> + Clone + Send + 'static,
    S::Future: Send + 'static,
    B: Send + 'static,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<S::Response, S::Error>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<B>) -> Self::Future {
        let began = Instant::now();
        let connection = request.extensions().get::<TcpConnectInfo>();
        if let Some(peer) = connection.and_then(TcpConnectInfo::remote_addr) {
            self.connections.called(peer);
        }
        let headers = request.headers();
        let context =
            RequestContext::from_headers(text(headers, REQUEST_ID), text(headers, TRACEPARENT));
        let method = request.uri().path().to_owned();
        let request_id = HeaderValue::from_str(&context.request_id);
        let span = tracing::info_span!(
            "grpc",
            grpc.method = method,
            request.id = context.request_id
        );
        // A deadline of the caller's is kept by tonic.
        let asked = text(request.headers(), GRPC_TIMEOUT).is_some_and(is_deadline);
        let deadline = (!asked).then_some(DEADLINE);
        request.extensions_mut().insert(context);
        let answer = self.inner.call(request);
        Box::pin(
            async move {
                let mut answer = within(deadline, answer).await.map(readable);
                if let Ok(response) = &mut answer {
                    count(&method, response.headers(), began.elapsed());
                    if let Ok(id) = request_id {
                        response.headers_mut().insert(REQUEST_ID, id);
                    }
                }
                answer
            }
            .instrument(span),
        )
    }
}

/// An answer, or the status of one that took too long. What is streamed after its beginning has no
/// deadline.
async fn within<E>(
    deadline: Option<Duration>,
    answer: impl Future<Output = Result<Response<Body>, E>>,
) -> Result<Response<Body>, E> {
    let Some(deadline) = deadline else {
        return answer.await;
    };
    let answered = tokio::time::timeout(deadline, answer).await;
    answered.unwrap_or_else(|_| {
        let problem = Problem::new(
            Code::DeadlineExceeded,
            "Send a later deadline if this may take longer.",
        );
        Ok(Status::from(problem).into_http())
    })
}

/// What cannot be decoded is the caller's fault, which tonic calls one of ours.
fn readable(response: Response<Body>) -> Response<Body> {
    const UNDECODABLE: &str = "failed to decode Protobuf message";
    let is_undecodable = Status::from_header_map(response.headers()).is_some_and(|status| {
        status.code() == tonic::Code::Internal && status.message().starts_with(UNDECODABLE)
    });
    if !is_undecodable {
        return response;
    }
    let problem = Problem::new(
        Code::Malformed,
        "The message is not of the type that the method takes.",
    );
    Status::from(problem).into_http()
}

/// Counts an answered call; paths that no service has would make labels without bound.
fn count(method: &str, headers: &HeaderMap, took: Duration) {
    const UNIMPLEMENTED: &str = "12";
    let code = text(headers, "grpc-status").unwrap_or("0");
    let method = if code == UNIMPLEMENTED {
        "unknown"
    } else {
        method
    };
    crate::metrics::count_grpc(method, code, took);
    tracing::debug!(
        grpc.code = code,
        duration_ms = took.as_secs_f64() * 1000.0,
        "answered"
    );
}

/// <https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md>: at most 8 digits and a unit.
fn is_deadline(text: &str) -> bool {
    let Some((digits, unit)) = text.split_at_checked(text.len().saturating_sub(1)) else {
        return false;
    };
    let number =
        (1..=8).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit());
    number && matches!(unit, "H" | "M" | "S" | "m" | "u" | "n")
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}
