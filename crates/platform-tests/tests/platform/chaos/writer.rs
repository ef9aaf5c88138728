//! Somebody who writes, and asks again with the same idempotency key until it is answered.

use std::{collections::BTreeSet, sync::atomic::Ordering, time::Duration};

use rand::{RngExt, SeedableRng, rngs::StdRng};
use reqwest::Method;
use serde_json::{Value, json};
use test_kit::{Answer, Person, eventually};

use super::{LONG, Scene};
use crate::log::id;

pub(super) struct Writer<'a> {
    number: usize,
    person: &'a Person,
    project_id: String,
    scene: &'a Scene,
    sent: usize,
}

impl<'a> Writer<'a> {
    pub(super) fn new(
        number: usize,
        person: &'a Person,
        project: &Value,
        scene: &'a Scene,
    ) -> Self {
        Self {
            number,
            person,
            project_id: id(project).to_owned(),
            scene,
            sent: 0,
        }
    }

    /// Writes until it is over; gives the ids of what was accepted.
    pub(super) async fn write(mut self, seed: u64) -> BTreeSet<String> {
        let mut dice = StdRng::seed_from_u64(seed);
        let mut accepted = BTreeSet::new();
        let mut last_task = None;
        while !self.scene.over.load(Ordering::Relaxed) {
            let made = match last_task.take().filter(|_| dice.random_bool(0.3)) {
                Some(task) => {
                    let path = format!("/api/tasks/{task}/comments");
                    self.accepted(&path, json!({"body": "A comment"})).await
                }
                None => {
                    let path = format!("/api/projects/{}/tasks", self.project_id);
                    let task = self.accepted(&path, json!({"title": "A task"})).await;
                    last_task = Some(task.clone());
                    task
                }
            };
            assert!(accepted.insert(made), "an id is given once");
            self.scene.accepted.fetch_add(1, Ordering::Relaxed);
        }
        accepted
    }

    /// Sends until it is accepted; the same key makes it one write.
    async fn accepted(&mut self, path: &str, body: Value) -> String {
        self.sent += 1;
        let key = format!("writer-{}-{}", self.number, self.sent);
        eventually("a write is accepted", LONG, async || {
            let request = self
                .person
                .request(Method::POST, path)
                .header("idempotency-key", &key);
            let request = request.json(&body).timeout(Duration::from_secs(8));
            match self.person.try_send(request).await {
                Ok(answer) => settled(answer),
                Err(error) => Err(error.to_string()),
            }
        })
        .await
    }
}

/// The id of what was made; an outage is worth asking again, anything else is a fault.
fn settled(answer: Answer) -> Result<String, String> {
    match answer.status {
        201 => Ok(id(&answer.body).to_owned()),
        503 | 504 => Err(answer.to_string()),
        _ => panic!("{answer}"),
    }
}
