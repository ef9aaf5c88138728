//! A service that hangs holds what is its own, and nobody's turn.

use std::{num::NonZero, thread};

use futures_util::future::join_all;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::json;
use test_kit::{Person, Platform};

/// A process that does nothing, until this is dropped.
struct Hanging(Pid);

impl Hanging {
    fn of(platform: &mut Platform, service: &str) -> Self {
        let pid = platform.service(service).pid();
        let pid = pid.and_then(|pid| Pid::from_raw(pid.try_into().ok()?));
        let pid = pid.expect("it runs");
        kill_process(pid, Signal::STOP).expect("it hangs");
        Self(pid)
    }
}

impl Drop for Hanging {
    fn drop(&mut self) {
        let _ = kill_process(self.0, Signal::CONT);
    }
}

#[tokio::test]
async fn long_bodies_to_a_mentor_that_hangs_hold_nobodys_turn() {
    let mut platform = Platform::start().await;
    let bystander = platform.person().await;
    let project = bystander.create_project("TURN").await;
    // More than there are turns, two each.
    let processors = thread::available_parallelism().map_or(1, NonZero::get);
    let askers = join_all((0..=2 * processors).map(|_| platform.person())).await;
    let mentor = Hanging::of(&mut platform, "ai-gateway");
    let asking = askers
        .into_iter()
        .map(|asker| tokio::spawn(ask_twice(asker)));
    let asking: Vec<_> = asking.collect();
    let path = format!(
        "/api/projects/{}/tasks",
        project["id"].as_str().expect("an id")
    );
    for number in 0..10 {
        let body = json!({"title": format!("Task {number}"), "description": "a".repeat(60_000)});
        bystander.post(&path, body).await.expect(201);
    }
    let answered = asking.iter().any(|asked| asked.is_finished());
    assert!(!answered, "the mentor hangs");
    drop(mentor);
    for asked in join_all(asking).await {
        asked.expect("each is answered");
    }
}

/// With bodies that wait for a turn. The mentor refuses them, once it does anything.
async fn ask_twice(asker: Person) {
    let long = || asker.post("/api/ai/chat", json!({"message": "a".repeat(60_000)}));
    let (one, other) = tokio::join!(long(), long());
    for answer in [one, other] {
        answer.expect_problem(422, "invalid");
    }
}
