//! Making a task: one commit, then the answer; the stream follows. So the ceilings are the bare
//! commit of the same rows on the same disk, and the bare append of the same event to a Redis that
//! syncs each. Changes that wait at the same time share a commit, which the ceiling at 64 in flight
//! does too.

use std::time::Duration;

use anyhow::Context as _;
use rpc::{
    project::{CreateTaskRequest, project_service_client::ProjectServiceClient},
    tonic::{Request, metadata::AsciiMetadataValue, transport::Channel},
};
use serde_json::json;
use tempfile::TempDir;
use test_kit::{Person, Platform, RedisServer};

use crate::{
    ceiling::{Commit, Xadd},
    load::{HttpConnection, Load, Step, post},
    me::gateway_port,
    plan::Plan,
    report::{Report, progress},
    rounds::Rounds,
};

/// Requests at a time, where many are.
const MANY: usize = 64;

const TITLE: &str = "a task of the benchmark";

pub async fn run(plan: &Plan) -> anyhow::Result<Report> {
    let surroundings = Surroundings::start().await?;
    let (mut one, mut many) = (Measured::default(), Measured::default());
    let mut loads = [surroundings.open(1).await?, surroundings.open(MANY).await?];
    for load in &mut loads {
        load.round(plan.round() / 4, &mut Measured::default())
            .await?; // warm
    }
    for round in plan.rounds() {
        for (load, measured) in loads.iter_mut().zip([&mut one, &mut many]) {
            load.round(plan.round(), measured).await?;
        }
        progress(&format!("  round {round}"));
    }
    let mut report = Report::default();
    one.report("1 in flight", "bare commit, 1 a time", &mut report);
    many.report("64 in flight", "bare commit, 64 a time", &mut report);
    Ok(report)
}

/// What is measured, and what its ceilings need.
struct Surroundings {
    platform: Platform,
    person: Person,
    project_id: String,
    /// The JSON of a `task.created`.
    event: String,
    folder: TempDir,
    streams: RedisServer,
}

impl Surroundings {
    async fn start() -> anyhow::Result<Self> {
        // One person works as many do.
        let platform = Platform::builder()
            .set("limits.stream_bytes_per_day", "0")
            .start()
            .await;
        let person = platform.person().await;
        let project = person.create_project("BENCH").await;
        let project_id = project["id"].as_str().context("a project id")?;
        person.create_task(&project, TITLE).await;
        let history = person
            .get(&format!("/api/projects/{project_id}/events"))
            .await
            .expect(200);
        let newest = history["items"].as_array().and_then(|items| items.last());
        Ok(Self {
            event: newest.context("an event")?["event"].to_string(),
            project_id: project_id.to_owned(),
            platform,
            person,
            folder: tempfile::tempdir()?,
            streams: RedisServer::streams().await,
        })
    }

    async fn open(&self, in_flight: usize) -> anyhow::Result<Loads> {
        let path = format!("/api/projects/{}/tasks", self.project_id);
        let request = post(&path, &self.person.token, &json!({"title": TITLE}));
        let port = gateway_port(&self.platform)?;
        let together = u32::try_from(in_flight)?;
        let commit = Commit::open(self.folder.path(), together, &self.event).await?;
        Ok(Loads {
            gateway: HttpConnection::open_many(in_flight, port, &request, "201").await?,
            grpc: GrpcCreate::load(in_flight, self)?,
            commit: Load::new(vec![commit]),
            tasks_a_commit: f64::from(together),
            xadd: Xadd::load(&self.streams.connect().await, in_flight, &self.event),
        })
    }
}

/// The same at one number in flight.
struct Loads {
    gateway: Load<HttpConnection>,
    grpc: Load<GrpcCreate>,
    commit: Load<Commit>,
    tasks_a_commit: f64,
    xadd: Load<Xadd>,
}

impl Loads {
    async fn round(&mut self, length: Duration, measured: &mut Measured) -> anyhow::Result<()> {
        measured
            .gateway
            .add(&self.gateway.round(length).await?, 1.0);
        measured.grpc.add(&self.grpc.round(length).await?, 1.0);
        let commits = self.commit.round(length).await?;
        measured.commit.add(&commits, self.tasks_a_commit);
        measured.xadd.add(&self.xadd.round(length).await?, 1.0);
        Ok(())
    }
}

#[derive(Default)]
struct Measured {
    gateway: Rounds,
    grpc: Rounds,
    commit: Rounds,
    xadd: Rounds,
}

impl Measured {
    fn report(self, in_flight: &str, commit: &str, report: &mut Report) {
        let gateway = self.gateway.figures(&format!("POST task, {in_flight}"));
        let grpc = self
            .grpc
            .figures(&format!("CreateTask by gRPC, {in_flight}"));
        let commit = self.commit.figures(commit);
        let xadd = self.xadd.figures(&format!("bare XADD, {in_flight}"));
        for ceiling in [&commit, &xadd, &grpc] {
            report.row(&gateway.rate, &ceiling.rate, None);
        }
        report.row(&gateway.p50, &commit.p50, None);
        report.row(&gateway.p99, &commit.p99, None);
        for ceiling in [&commit, &xadd] {
            report.row(&grpc.rate, &ceiling.rate, None);
        }
    }
}

/// Calls project-service itself.
struct GrpcCreate {
    client: ProjectServiceClient<Channel>,
    authorization: AsciiMetadataValue,
    project_id: String,
}

impl GrpcCreate {
    fn load(in_flight: usize, surroundings: &Surroundings) -> anyhow::Result<Load<Self>> {
        let Surroundings {
            platform,
            person,
            project_id,
            ..
        } = surroundings;
        let address = format!("http://127.0.0.1:{}", platform.grpc_port("project-service"));
        let client = ProjectServiceClient::new(rpc::connect(&address, Some(rpc::DEADLINE))?);
        let authorization: AsciiMetadataValue = format!("Bearer {}", person.token).parse()?;
        let worker = || Self {
            client: client.clone(),
            authorization: authorization.clone(),
            project_id: project_id.clone(),
        };
        Ok(Load::new(
            std::iter::repeat_with(worker).take(in_flight).collect(),
        ))
    }
}

impl Step for GrpcCreate {
    async fn step(&mut self) -> anyhow::Result<()> {
        let mut request = Request::new(CreateTaskRequest {
            project_id: self.project_id.clone(),
            title: TITLE.to_owned(),
            ..CreateTaskRequest::default()
        });
        let metadata = request.metadata_mut();
        metadata.insert(rpc::metadata::AUTHORIZATION, self.authorization.clone());
        self.client.create_task(request).await?;
        Ok(())
    }
}
