//! The services' own APIs, without the gateway.

use std::time::Duration;

use futures_util::FutureExt;
use rpc::{
    auth::{GetMeRequest, auth_service_client::AuthServiceClient},
    project::{
        ListEventsRequest, ListProjectsRequest, project_service_client::ProjectServiceClient,
    },
    tonic::{Code, Request, Status},
};
use serde_json::json;
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

#[tokio::test]
async fn a_call_that_is_not_read_takes_nothing_from_the_others() {
    let platform = Platform::start().await;
    let person = platform.person().await;
    let project = person.create_project("WIN").await;
    let mut archive = crate::import::archive(200, 0);
    for issue in archive["issues"].as_array_mut().expect("issues") {
        issue["body"] = json!("x".repeat(2000));
    }
    let imported = crate::import::import(&person, &project, &archive).await;
    imported.expect(200);
    let client = ProjectServiceClient::new(upstream(&platform, "project-service"));
    let events = || {
        let request = ListEventsRequest {
            project_id: crate::log::id(&project).to_owned(),
            limit: 200,
            ..ListEventsRequest::default()
        };
        let mut client = client.clone();
        let request = signed(&person.token, request);
        async move { client.list_events(request).await }.boxed()
    };
    // Each reply is larger than what one call may hold unread, and all are more than many could.
    let mut unread: Vec<_> = (0..64).map(|_| events()).collect();
    for call in &mut unread {
        assert!(
            call.now_or_never().is_none(),
            "it is sent, and then left alone"
        );
    }
    for _ in 0..3 {
        let mut client = client.clone();
        let asked = client.list_projects(signed(&person.token, ListProjectsRequest::default()));
        let answer = tokio::time::timeout(Duration::from_secs(4), asked).await;
        answer.expect("in time").expect("an answer");
    }
    let late = unread.pop().expect("one").await;
    assert_eq!(late.expect("an answer").into_inner().events.len(), 200);
}
