//! Memory of each service: idle after a first start, before anybody signs in, beside its budget; and
//! loaded, with everything the other benchmarks do and with all sockets open.

use std::time::Duration;

use serde_json::json;
use test_kit::Platform;
use tokio::time::sleep;

use crate::{
    ceiling::{Ceiling, Serve},
    commit_to_socket::Ours,
    load::{HttpConnection, get, post},
    me::gateway_port,
    plan::Plan,
    process::Memory,
    report::{Expected, Figure, Report, Unit, progress},
};

/// The services, in the order in which they need each other.
pub const SERVICES: [&str; 5] = [
    "auth-service",
    "project-service",
    "learning-consumer",
    "ai-gateway",
    "ui-gateway",
];

/// What a service may take, idle.
const BUDGET_MB: f64 = 30.0;

/// Looks at what is idle.
const LOOKS: usize = 3;

/// Time between two looks, the first of which is as long after the start.
const EVERY: Duration = Duration::from_millis(500);

const CONNECTIONS: usize = 64;

pub async fn run(plan: &Plan) -> anyhow::Result<Report> {
    let mut platform = Platform::start().await;
    let hello = Ceiling::start(|port| Serve::Hello { port }).await?;
    let mut idle = [const { Vec::new() }; SERVICES.len()];
    let mut bare = Vec::new();
    for _ in 0..LOOKS {
        sleep(EVERY).await;
        for (service, looks) in SERVICES.iter().zip(&mut idle) {
            looks.push(of(&mut platform, service)?.resident_mb);
        }
        bare.push(Memory::of(hello.pid())?.resident_mb);
    }
    progress("  idle");
    let loaded = loaded(&mut platform, plan).await?;
    progress("  loaded");

    let figure = |name: String, values| Figure::median(name, Unit::Megabytes, values);
    let bare = figure("actix hello, idle".to_owned(), bare);
    let budget = Figure::budget(Unit::Megabytes, BUDGET_MB);
    let mut report = Report::default();
    let idle = std::iter::zip(SERVICES, idle);
    let idle: Vec<_> = idle
        .map(|(service, looks)| figure(format!("{service}, idle"), looks))
        .collect();
    for idle in &idle {
        report.row(idle, &budget, Some(Expected::RatioAtMost(1.0)));
        report.row(idle, &bare, None);
    }
    for ((service, idle), memory) in SERVICES.iter().zip(&idle).zip(loaded) {
        let now = figure(format!("{service}, loaded"), vec![memory.resident_mb]);
        let peak = figure(format!("{service}, peak"), vec![memory.peak_mb]);
        report.row(&now, idle, None);
        report.row(&peak, idle, None);
    }
    Ok(report)
}

fn of(platform: &mut Platform, service: &str) -> anyhow::Result<Memory> {
    let pid = platform.service(service).pid();
    Memory::of(pid.unwrap_or_default())
}

/// Memory under reads, then writes, then questions, then events to many sockets.
async fn loaded(platform: &mut Platform, plan: &Plan) -> anyhow::Result<Vec<Memory>> {
    let person = platform.person().await;
    let project = person.create_project("BENCH").await;
    let id = project["id"].as_str().unwrap_or_default();
    let path = format!("/api/projects/{id}/tasks");
    let question = json!({"message": "What should I do next?", "project_id": id});
    let reads = (get("/api/me", &person.token), "200");
    let writes = (
        post(&path, &person.token, &json!({"title": "a task"})),
        "201",
    );
    let questions = (post("/api/ai/chat", &person.token, &question), "200");
    for (request, status) in [reads, writes, questions] {
        let port = gateway_port(platform)?;
        let mut load = HttpConnection::open_many(CONNECTIONS, port, &request, status).await?;
        load.round(plan.total / 2).await?;
    }
    let mut live = Ours::open(platform, &person).await?;
    live.round(plan.total / 2).await?;
    let services = SERVICES.iter();
    services.map(|service| of(platform, service)).collect()
}
