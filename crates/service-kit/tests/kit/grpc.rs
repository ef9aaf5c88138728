//! The gRPC server of every service: reflection, health, request ids and the deadline.

use std::{
    convert::Infallible,
    future::{Pending, pending},
    net::TcpListener,
    task::{Context, Poll},
    time::{Duration, Instant},
};

use http::{Request, Response};
use rpc::auth::{GetStatusRequest, auth_service_client::AuthServiceClient};
use service_kit::grpc;
use tokio_util::sync::{CancellationToken, DropGuard};
use tonic::{Code, body::Body, server::NamedService};
use tonic_health::pb::{HealthCheckRequest, health_client::HealthClient};

/// A service whose methods never answer.
#[derive(Clone)]
struct Silent;

impl NamedService for Silent {
    const NAME: &'static str = "devmentor.auth.v1.AuthService";
}

impl tower::Service<Request<Body>> for Silent {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Pending<Result<Response<Body>, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Request<Body>) -> Self::Future {
        pending()
    }
}

async fn serve() -> (tonic::transport::Channel, DropGuard) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    listener.set_nonblocking(true).expect("non-blocking");
    let address = format!("http://{}", listener.local_addr().expect("an address"));
    let routes = grpc::routes(Silent).await.expect("routes");
    let stop = CancellationToken::new();
    tokio::spawn(grpc::serve(listener, routes, stop.clone()));
    (
        rpc::connect(&address, None).expect("a channel"),
        stop.drop_guard(),
    )
}

#[tokio::test]
async fn a_call_ends_at_its_deadline_or_after_five_seconds() {
    let (channel, _stop) = serve().await;
    let mut shorter = tonic::Request::new(GetStatusRequest {});
    shorter.set_timeout(Duration::from_millis(200));
    for (request, least, most) in [
        (shorter, Duration::from_millis(200), Duration::from_secs(4)),
        (
            tonic::Request::new(GetStatusRequest {}),
            Duration::from_secs(5),
            Duration::from_secs(9),
        ),
    ] {
        let began = Instant::now();
        let status = AuthServiceClient::new(channel.clone())
            .get_status(request)
            .await
            .expect_err("silent");
        let took = began.elapsed();
        assert!((least..most).contains(&took), "{took:?}");
        assert!(
            matches!(status.code(), Code::DeadlineExceeded | Code::Cancelled),
            "{status:?}"
        );
    }
}

#[tokio::test]
async fn health_is_served_beside_every_service() {
    let (channel, _stop) = serve().await;
    let service = Silent::NAME.to_owned();
    let answer = HealthClient::new(channel)
        .check(HealthCheckRequest { service })
        .await
        .expect("an answer");
    assert_eq!(
        answer.into_inner().status(),
        tonic_health::ServingStatus::Serving.into()
    );
}

#[tokio::test]
async fn reflection_knows_what_errors_carry() {
    use tonic_reflection::pb::v1::{
        ServerReflectionRequest, server_reflection_client::ServerReflectionClient,
        server_reflection_request::MessageRequest, server_reflection_response::MessageResponse,
    };
    let (channel, _stop) = serve().await;
    let mut client = ServerReflectionClient::new(channel);
    for symbol in ["ErrorInfo", "BadRequest", "RetryInfo"] {
        let asked = MessageRequest::FileContainingSymbol(format!("google.rpc.{symbol}"));
        let asked = ServerReflectionRequest {
            host: String::new(),
            message_request: Some(asked),
        };
        let answers = client
            .server_reflection_info(tokio_stream::once(asked))
            .await;
        let answer = answers.expect("answers").into_inner().message().await;
        let answer = answer
            .expect("an answer")
            .and_then(|answer| answer.message_response);
        assert!(
            matches!(answer, Some(MessageResponse::FileDescriptorResponse(_))),
            "{symbol}: {answer:?}"
        );
    }
}
