//! Somebody who works while others do what is heavy.

use std::{
    cell::Cell,
    future::Future,
    time::{Duration, Instant},
};

use serde_json::Value;
use test_kit::{PATIENCE, Person, Platform, eventually};
use tokio::sync::{Mutex, MutexGuard};

/// Held by whoever measures or makes heavy work, so that one test does not slow down another.
static HEAVY: Mutex<()> = Mutex::const_new(());

/// Waits until no other heavy test runs.
pub async fn alone() -> MutexGuard<'static, ()> {
    HEAVY.lock().await
}

/// A write on a busy machine.
const PROMPT: Duration = Duration::from_millis(500);

/// A person with a project of their own.
pub struct Bystander {
    pub person: Person,
    pub project: Value,
}

impl Bystander {
    pub async fn join(platform: &Platform) -> Self {
        let person = platform.person().await;
        let project = person.create_project("BESIDE").await;
        Self { person, project }
    }

    /// Waits until their writes are answered, as after a restart.
    pub async fn can_write(&self) {
        let path = format!("/api/projects/{}/tasks", crate::id(&self.project));
        eventually("a task is made", PATIENCE, async || {
            let task = serde_json::json!({"title": "First"});
            let answer = self.person.post(&path, task).await;
            if answer.status == 201 {
                Ok(())
            } else {
                Err(answer)
            }
        })
        .await;
    }

    /// Makes tasks for as long as some work lasts; every one has to be made. How long each took, the
    /// shortest first.
    pub async fn writes_beside<T>(&self, work: impl Future<Output = T>) -> (T, Vec<Duration>) {
        let done = Cell::new(false);
        let working = async {
            let worked = work.await;
            done.set(true);
            worked
        };
        let writing = async {
            let mut took = Vec::new();
            while !done.get() {
                let began = Instant::now();
                self.person.create_task(&self.project, "Beside").await;
                took.push(began.elapsed());
            }
            took.sort();
            took
        };
        tokio::join!(working, writing)
    }
}

/// Writes beside a sweep: 99 of 100 took half a second at most, none twice that. Without turns, one takes
/// as long as all that is deleted.
#[track_caller]
pub fn assert_prompt(took: &[Duration]) {
    let worst = took[took.len() - 1];
    let p99 = took[(took.len() * 99 / 100).min(took.len() - 1)];
    assert!(p99 < PROMPT, "{p99:?} of {}", took.len());
    assert!(worst < 2 * PROMPT, "{worst:?} of {}", took.len());
}
