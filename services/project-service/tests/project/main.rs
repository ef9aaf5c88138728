//! The running service, called over gRPC.

mod beside;
mod changes;
mod day_share;
mod deleting;
mod imports;
mod refill;
mod review;
mod searching;
mod set_back;

use std::time::Duration;

use redis_contracts::Timestamp;
use rpc::{
    project::{
        ReviewProjectRequest, ReviewProjectResponse, project_service_client::ProjectServiceClient,
    },
    tonic::{Response, transport::Channel},
};
use serde_json::{Value, json};
use service_kit::{Problem, RequestContext};
use sqlx::{Connection, SqliteConnection, sqlite::SqliteConnectOptions};
use test_kit::{Person, Platform};
use uuid::Uuid;

const DAY_SECONDS: i64 = 86_400;

/// A platform, somebody and a project of theirs.
struct Room {
    platform: Platform,
    person: Person,
    project: Value,
}

impl Room {
    async fn open() -> Self {
        Self::on(Platform::start().await).await
    }

    async fn on(platform: Platform) -> Self {
        let person = platform.person().await;
        let project = person.create_project("ROOM").await;
        Self {
            platform,
            person,
            project,
        }
    }

    /// A review as somebody asks for it.
    async fn asked_by(
        &self,
        person: &Person,
        project_id: &str,
        since: &str,
    ) -> Result<ReviewProjectResponse, Problem> {
        let channel = channel(&self.platform, Some(rpc::DEADLINE));
        let message = ReviewProjectRequest {
            project_id: project_id.to_owned(),
            since: since.to_owned(),
        };
        let request = RequestContext::from_headers(None, None).call(Some(&person.token), message);
        let mut client = ProjectServiceClient::new(channel);
        let answer = client.review_project(request).await;
        answer.map(Response::into_inner).map_err(Problem::from)
    }

    /// The project as its owner reviews it.
    async fn review(&self, since: &str) -> ReviewProjectResponse {
        let review = self.asked_by(&self.person, id(&self.project), since).await;
        review.expect("a review")
    }

    /// A task with these fields, beside its title.
    async fn task(&self, title: &str, mut fields: Value) -> Value {
        fields["title"] = json!(title);
        let path = format!("/api/projects/{}/tasks", id(&self.project));
        self.person.post(&path, fields).await.expect(201)
    }

    /// The service's database.
    async fn database(&self) -> SqliteConnection {
        let file = self.platform.data_dir().join("project-service.db");
        let options = SqliteConnectOptions::new().filename(file);
        let database = SqliteConnection::connect_with(&options).await;
        database.expect("the database")
    }

    /// Sets a task's last change, and its end where it has one, back by so many seconds.
    async fn set_back(&self, task: &Value, seconds: i64) {
        let mut database = self.database().await;
        let then = Timestamp::now().unix_ms() - seconds * 1000;
        sqlx::query(
            "UPDATE tasks SET updated_at = ?1, completed_at = iif(completed_at IS NULL, NULL, ?1) WHERE id = ?2",
        )
        .bind(then)
        .bind(Uuid::try_parse(id(task)).expect("a UUID"))
        .execute(&mut database)
        .await
        .expect("a statement");
        database.close().await.expect("closed");
    }
}

/// A way to the service.
fn channel(platform: &Platform, deadline: Option<Duration>) -> Channel {
    let port = platform.grpc_port("project-service");
    rpc::connect(&format!("http://127.0.0.1:{port}"), deadline).expect("an address")
}

fn id(resource: &Value) -> &str {
    resource["id"].as_str().expect("a resource has an id")
}
