//! Asking the mentor without a provider. A reply reads the project and is stored with its events
//! before it is given; so beside it stands the reading alone, `GET /api/projects/{id}/summary`.

use anyhow::Context as _;
use rpc::{
    ai::{ChatRequest, ai_service_client::AiServiceClient},
    tonic::{Request, metadata::AsciiMetadataValue, transport::Channel},
};
use serde_json::json;
use test_kit::{Person, Platform};

use crate::{
    load::{HttpConnection, Load, Step, get, post},
    me::gateway_port,
    plan::Plan,
    report::{Report, progress},
    rounds::Rounds,
};

/// Requests at a time, where many are.
const MANY: usize = 16;

const TASKS: usize = 150;

const QUESTION: &str = "What should I do next?";

pub async fn run(plan: &Plan) -> anyhow::Result<Report> {
    // One person works as many do.
    let platform = Platform::builder()
        .set("limits.stream_bytes_per_day", "0")
        .start()
        .await;
    let asker = Asker::new(&platform).await?;
    progress(&format!("  a project of {TASKS} tasks is there"));
    let (mut one, mut many) = (Measured::default(), Measured::default());
    let mut loads = [asker.open(1).await?, asker.open(MANY).await?];
    for load in &mut loads {
        load.round(plan, &mut Measured::default()).await?; // warm
    }
    for round in plan.rounds() {
        for (load, measured) in loads.iter_mut().zip([&mut one, &mut many]) {
            load.round(plan, measured).await?;
        }
        progress(&format!("  round {round}"));
    }
    let mut report = Report::default();
    one.report("1 in flight", &mut report);
    many.report("16 in flight", &mut report);
    Ok(report)
}

/// Somebody with a project that has something of everything.
struct Asker<'a> {
    platform: &'a Platform,
    person: Person,
    project_id: String,
}

impl<'a> Asker<'a> {
    async fn new(platform: &'a Platform) -> anyhow::Result<Self> {
        let person = platform.person().await;
        let project = person.create_project("BENCH").await;
        let project_id = project["id"].as_str().context("a project id")?.to_owned();
        let path = format!("/api/projects/{project_id}/tasks");
        for number in 0..TASKS {
            let status = ["todo", "in_progress", "in_review", "done"][number % 4];
            let due_on = (number % 5 == 0).then_some("2020-01-31");
            let task = json!({
                "title": format!("Task {number} of the benchmark"), "status": status, "due_on": due_on,
                "description": "Some words.\n\n- [ ] one\n- [ ] two\n- [ ] three\n- [ ] four\n- [x] five\n",
            });
            person.post(&path, task).await.expect(201);
        }
        Ok(Self {
            platform,
            person,
            project_id,
        })
    }

    async fn open(&self, in_flight: usize) -> anyhow::Result<Loads> {
        let token = &self.person.token;
        let port = gateway_port(self.platform)?;
        let question = json!({"message": QUESTION, "project_id": self.project_id});
        let chat = post("/api/ai/chat", token, &question);
        let summary = get(&format!("/api/projects/{}/summary", self.project_id), token);
        Ok(Loads {
            chat: HttpConnection::open_many(in_flight, port, &chat, "200").await?,
            grpc: GrpcChat::load(in_flight, self)?,
            summary: HttpConnection::open_many(in_flight, port, &summary, "200").await?,
        })
    }
}

/// The same at one number in flight.
struct Loads {
    chat: Load<HttpConnection>,
    grpc: Load<GrpcChat>,
    summary: Load<HttpConnection>,
}

impl Loads {
    async fn round(&mut self, plan: &Plan, measured: &mut Measured) -> anyhow::Result<()> {
        let length = plan.round();
        measured.chat.add(&self.chat.round(length).await?, 1.0);
        measured.grpc.add(&self.grpc.round(length).await?, 1.0);
        let summary = self.summary.round(length).await?;
        measured.summary.add(&summary, 1.0);
        Ok(())
    }
}

#[derive(Default)]
struct Measured {
    chat: Rounds,
    grpc: Rounds,
    summary: Rounds,
}

impl Measured {
    fn report(self, in_flight: &str, report: &mut Report) {
        let chat = self.chat.figures(&format!("POST chat, {in_flight}"));
        let grpc = self.grpc.figures(&format!("Chat by gRPC, {in_flight}"));
        let summary = self.summary.figures(&format!("GET summary, {in_flight}"));
        for asked in [&chat, &grpc] {
            report.row(&asked.p50, &summary.p50, None);
            report.row(&asked.p99, &summary.p99, None);
            report.row(&asked.rate, &summary.rate, None);
        }
    }
}

/// Asks ai-gateway itself, and reads until the whole reply is there.
struct GrpcChat {
    client: AiServiceClient<Channel>,
    authorization: AsciiMetadataValue,
    project_id: String,
}

impl GrpcChat {
    fn load(in_flight: usize, asker: &Asker<'_>) -> anyhow::Result<Load<Self>> {
        let address = format!(
            "http://127.0.0.1:{}",
            asker.platform.grpc_port("ai-gateway")
        );
        let client = AiServiceClient::new(rpc::connect(&address, Some(rpc::DEADLINE))?);
        let authorization: AsciiMetadataValue = format!("Bearer {}", asker.person.token).parse()?;
        let worker = || Self {
            client: client.clone(),
            authorization: authorization.clone(),
            project_id: asker.project_id.clone(),
        };
        Ok(Load::new(
            std::iter::repeat_with(worker).take(in_flight).collect(),
        ))
    }
}

impl Step for GrpcChat {
    async fn step(&mut self) -> anyhow::Result<()> {
        let mut request = Request::new(ChatRequest {
            project_id: self.project_id.clone(),
            message: QUESTION.to_owned(),
            ..ChatRequest::default()
        });
        let metadata = request.metadata_mut();
        metadata.insert(rpc::metadata::AUTHORIZATION, self.authorization.clone());
        let mut pieces = self.client.chat(request).await?.into_inner();
        while pieces.message().await?.is_some() {}
        Ok(())
    }
}
