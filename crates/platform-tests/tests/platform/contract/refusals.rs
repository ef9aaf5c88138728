//! What is refused, and what cannot be done.

use std::{fs, time::Duration};

use futures_util::stream;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::json;
use test_kit::{PATIENCE, Person, Platform, eventually};

use super::{document::Contract, sql, text};

const TASKS: &str = "POST /api/projects/{id}/tasks";

pub(super) async fn tell(contract: &mut Contract, platform: &mut Platform) {
    let person = &platform.person().await;
    let project = text(&person.create_project("REF").await, "/id");
    bodies(contract, person, &project).await;
    callers(contract, platform, person).await;
    faults(contract, platform, person, &project).await;
}

async fn bodies(contract: &mut Contract, person: &Person, project: &str) {
    let wrong = contract
        .ask(person, TASKS, project)
        .json(json!({"titel": 1}));
    wrong.refused(422, "invalid").await;
    let no_json = contract.ask(person, TASKS, project);
    let no_json =
        no_json.with(|request| request.header("content-type", "application/json").body("{"));
    no_json.refused(400, "malformed").await;
    let no_type = contract.ask(person, TASKS, project);
    let no_type = no_type.with(|request| request.header("content-type", "text/plain").body("x"));
    no_type.refused(415, "unsupported_media_type").await;
    let long = "x".repeat(2 << 20);
    let too_large = contract.ask(person, TASKS, project);
    let too_large = too_large.json(json!({"title": long}));
    too_large.refused(413, "too_large").await;
    let slow = contract.ask(person, "POST /api/projects/{id}/import", project);
    let never = stream::pending::<Result<String, std::convert::Infallible>>();
    let slow = slow.with(|request| {
        let request = request.header("content-type", "application/json");
        let request = request.header("content-length", "1000000");
        request
            .body(reqwest::Body::wrap_stream(never))
            .timeout(Duration::from_secs(60))
    });
    slow.refused(408, "request_timeout").await;
}

async fn callers(contract: &mut Contract, platform: &Platform, person: &Person) {
    contract
        .ask(person, "GET /api/admin/users", "")
        .refused(403, "forbidden")
        .await;
    let mut nobody = person.clone();
    nobody.token = "no token".to_owned();
    contract
        .ask(&nobody, "GET /api/me", "")
        .refused(401, "unauthenticated")
        .await;
    let csrf = contract.ask(person, "POST /api/auth/refresh", "");
    let csrf = csrf.with(|request| request.header("cookie", "dm_refresh=x"));
    csrf.json(json!({"cookies": true}))
        .refused(403, "csrf")
        .await;
    sql(
        platform,
        "auth-service",
        "UPDATE sessions SET authenticated_at = authenticated_at - 300000",
    )
    .await;
    let late = contract.ask(person, "DELETE /api/me", "");
    late.refused(403, "reauthentication_required").await;
}

/// A service that cannot read its data, does not answer, or is away.
async fn faults(contract: &mut Contract, platform: &mut Platform, person: &Person, project: &str) {
    let create = contract.ask(person, TASKS, project);
    let task = create.json(json!({"title": "A task"})).expect(201).await;
    let task = text(&task, "/id");
    let junk = "UPDATE tasks SET labels = 'junk'";
    sql(platform, "project-service", junk).await;
    let read = contract.ask(person, "GET /api/tasks/{id}", &task);
    read.refused(500, "internal").await;

    let pid = platform.service("project-service").pid().expect("it runs");
    let process = Pid::from_raw(pid.cast_signed()).expect("a process");
    kill_process(process, Signal::STOP).expect("it runs");
    eventually("it stands still", PATIENCE, async || all_stopped(pid)).await;
    let read = contract.ask(person, "GET /api/projects/{id}", project);
    let read = read.with(|request| request.timeout(Duration::from_secs(60)));
    read.refused(504, "deadline_exceeded").await;
    kill_process(process, Signal::CONT).expect("it runs");
    platform.kill("project-service");
    // Asked just when it dies, it may never answer.
    person.get(&format!("/api/projects/{project}")).await;
    let read = contract.ask(person, "GET /api/projects/{id}", project);
    read.refused(503, "unavailable").await;
    let health = contract.ask(person, "GET /api/health", "");
    health.answer().await;
}

/// A signal reaches the threads of a process one after the other.
fn all_stopped(pid: u32) -> Result<(), &'static str> {
    let threads = fs::read_dir(format!("/proc/{pid}/task")).expect("a process");
    let mut states = threads.flatten().map(|thread| {
        let stat = fs::read_to_string(thread.path().join("stat"));
        stat.unwrap_or_default()
    });
    let all = states.all(|stat| stat.contains(") T "));
    all.then_some(()).ok_or("a thread runs")
}
