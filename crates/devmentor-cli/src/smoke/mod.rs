//! `devmentor smoke`: the whole way through a running platform, as a new person.

mod live;
mod steps;

use std::{process::ExitCode, time::Duration};

use anyhow::{Context, bail, ensure};
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};

use crate::api::{Api, Page, did_nothing};

use self::{
    live::Live,
    steps::{Leftovers, Steps},
};

/// All steps together, and then what removes their traces: 10 s in all.
const STEPS_WITHIN: Duration = Duration::from_secs(8);
const REMOVAL_WITHIN: Duration = Duration::from_secs(2);

/// A new person on their way.
struct Smoke<'a> {
    api: &'a Api,
    steps: Steps,
    token: Option<String>,
    /// What may be there: named before it is asked for, because an answer may be lost.
    left: Leftovers,
}

/// Goes the steps and names the one that failed; what was made is removed either way.
pub(crate) async fn run(api: &Api, as_json: bool) -> anyhow::Result<ExitCode> {
    let mut smoke = Smoke {
        api,
        steps: Steps::begin("sign up"),
        token: None,
        left: Leftovers::default(),
    };
    let went = within(STEPS_WITHIN, smoke.go()).await;
    smoke.steps.end(went);
    if smoke.token.is_some() {
        smoke.steps.next("remove all");
        let removed = within(REMOVAL_WITHIN, smoke.remove()).await;
        smoke.steps.end(removed);
    }
    Ok(smoke.steps.tell(&smoke.left, as_json))
}

async fn within(
    limit: Duration,
    steps: impl Future<Output = anyhow::Result<()>>,
) -> anyhow::Result<()> {
    let ended = tokio::time::timeout(limit, steps).await;
    ended.unwrap_or_else(|_| bail!("not within {} s", limit.as_secs()))
}

impl Smoke<'_> {
    async fn go(&mut self) -> anyhow::Result<()> {
        let user_id = self.sign_up().await?;

        self.steps.next("open a socket");
        let mut live = Live::open(self.request(Method::GET, live::PATH), self.api).await?;

        self.steps.next("make a project");
        let key = format!("S{:06X}", rand::random::<u32>() & 0xff_ffff);
        self.left.project = Some(key.clone());
        let project = json!({"key": key, "name": "Smoke"});
        let project = self.post("/api/projects", project).await?;
        let project_id = text(&project, "/id")?;
        let tasks = format!("/api/projects/{project_id}/tasks");

        self.steps.next("see an event live");
        live.subscribe("project", &project_id).await?;
        live.subscribe("user", &user_id).await?;
        self.post(&tasks, json!({"title": "Smoke"})).await?;
        live.hear("devmentor.task.created.v1").await?;

        self.steps.next("ask the mentor");
        self.left.asked = true;
        let question = json!({"project_id": project_id, "message": "What should I do next?"});
        let reply = self.post("/api/ai/chat", question).await?;
        let message_id = text(&reply, "/message_id")?;

        self.steps.next("rate the reply");
        self.left.rated = true;
        let rating = json!({"target_type": "mentor_reply", "target_id": message_id, "rating": 5});
        self.post("/api/feedback", rating).await?;

        self.steps.next("see the profile move");
        let event = live.hear("devmentor.learning.profile.updated.v1").await?;
        counts_one(&event["data"])?;

        self.steps.next("read the profile");
        let read = self.request(Method::GET, "/api/learning/profile");
        counts_one(&self.api.fetch(read).await?)
    }

    /// Makes an account and signs in; gives its id.
    async fn sign_up(&mut self) -> anyhow::Result<String> {
        let handle = format!("smoke-{:016x}", rand::random::<u64>());
        let email = format!("{handle}@smoke.invalid");
        let password = format!("{:032x}", rand::random::<u128>());
        let account = json!({"email": email, "handle": handle, "password": password});
        self.left.account = Some(handle);
        if let Err(error) = self.post("/api/auth/register", account).await {
            self.left.account.take_if(|_| did_nothing(&error));
            return Err(error);
        }
        self.steps.next("sign in");
        let credentials = json!({"email": email, "password": password});
        let session = self.post("/api/auth/login", credentials).await?;
        self.token = Some(text(&session, "/access_token")?);
        text(&session, "/user/id")
    }

    /// Removes the project and the account.
    async fn remove(&mut self) -> anyhow::Result<()> {
        if let Some(key) = &self.left.project {
            let path = format!("/api/projects?key={key}");
            let found = self.api.fetch(self.request(Method::GET, &path)).await?;
            let Page::<Value> { items, .. } = found;
            for project in items {
                let path = format!("/api/projects/{}", text(&project, "/id")?);
                self.api.send(self.request(Method::DELETE, &path)).await?;
            }
            self.left.project = None;
        }
        let me = self.request(Method::DELETE, "/api/me");
        self.api.send(me).await?;
        self.left.account = None;
        Ok(())
    }

    async fn post(&self, path: &str, body: Value) -> anyhow::Result<Value> {
        self.api
            .fetch(self.request(Method::POST, path).json(&body))
            .await
    }

    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let request = self.api.anonymous(method, path);
        match &self.token {
            Some(token) => request.bearer_auth(token),
            None => request,
        }
    }
}

fn counts_one(profile: &Value) -> anyhow::Result<()> {
    let count = &profile["feedback_count"];
    ensure!(count == 1, "after one rating the profile counts {count}");
    Ok(())
}

fn text(value: &Value, pointer: &str) -> anyhow::Result<String> {
    let found = value.pointer(pointer).and_then(Value::as_str);
    found
        .map(str::to_owned)
        .with_context(|| format!("the answer has no {pointer}"))
}
