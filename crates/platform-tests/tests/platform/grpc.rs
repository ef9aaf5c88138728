//! The services' own APIs, without the gateway.

use rpc::{
    auth::{GetMeRequest, auth_service_client::AuthServiceClient},
    project::{ListProjectsRequest, project_service_client::ProjectServiceClient},
    tonic::{Code, Request, Status},
};
use test_kit::Platform;

/// What a dead session is answered.
pub(crate) const UNAUTHENTICATED: Code = Code::Unauthenticated;

fn upstream(platform: &Platform, service: &str) -> rpc::tonic::transport::Channel {
    let address = format!("http://127.0.0.1:{}", platform.grpc_port(service));
    rpc::connect(&address, Some(rpc::DEADLINE)).expect("an address")
}

fn signed<T>(token: &str, message: T) -> Request<T> {
    let mut request = Request::new(message);
    let bearer = format!("Bearer {token}")
        .parse()
        .expect("a token is plain text");
    request.metadata_mut().insert("authorization", bearer);
    request
}

/// Asks auth-service who the holder of a token is.
pub(crate) async fn get_me(platform: &Platform, token: &str) -> Result<(), Code> {
    let mut client = AuthServiceClient::new(upstream(platform, "auth-service"));
    outcome(client.get_me(signed(token, GetMeRequest {})).await)
}

/// Asks project-service for the projects of the holder of a token.
pub(crate) async fn list_projects(platform: &Platform, token: &str) -> Result<(), Code> {
    let mut client = ProjectServiceClient::new(upstream(platform, "project-service"));
    outcome(
        client
            .list_projects(signed(token, ListProjectsRequest::default()))
            .await,
    )
}

fn outcome<T>(answer: Result<T, Status>) -> Result<(), Code> {
    answer.map(drop).map_err(|status| status.code())
}
