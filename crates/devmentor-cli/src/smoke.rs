//! `devmentor smoke`: the whole way through a running platform, as a new person.

use std::{
    process::ExitCode,
    time::{Duration, Instant},
};

use anyhow::{Context, bail, ensure};
use futures_util::{SinkExt, StreamExt};
use reqwest::Method;
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::{
    MaybeTlsStream, WebSocketStream,
    tungstenite::{Message, client::IntoClientRequest},
};

use crate::{api::Api, output};

/// All steps together.
const WITHIN: Duration = Duration::from_secs(10);

type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// What was found so far.
struct Smoke<'a> {
    api: &'a Api,
    began: Instant,
    steps: Vec<Value>,
    /// What is being tried.
    step: &'static str,
    step_began: Instant,
    token: String,
    user_id: String,
    project_id: Option<String>,
}

/// Runs the steps and names the one that failed; what was made is removed either way.
pub(crate) async fn run(api: &Api, as_json: bool) -> anyhow::Result<ExitCode> {
    let now = Instant::now();
    let mut smoke = Smoke {
        api,
        began: now,
        steps: Vec::new(),
        step: "sign up",
        step_began: now,
        token: String::new(),
        user_id: String::new(),
        project_id: None,
    };
    let went = within(smoke.go())
        .await
        .map_err(|error| (smoke.step, error));
    let removed = within(smoke.remove())
        .await
        .map_err(|error| (smoke.step, error));
    let failed = went.and(removed).err();
    smoke.tell(failed.as_ref(), as_json);
    Ok(ExitCode::from(u8::from(failed.is_some())))
}

async fn within(steps: impl Future<Output = anyhow::Result<()>>) -> anyhow::Result<()> {
    let ended = tokio::time::timeout(WITHIN, steps).await;
    ended.unwrap_or_else(|_| bail!("not within {} s", WITHIN.as_secs()))
}

impl Smoke<'_> {
    async fn go(&mut self) -> anyhow::Result<()> {
        self.sign_up().await?;
        self.next("open a socket");
        let mut socket = self.connect().await?;
        self.next("make a project");
        let key = format!("S{:06X}", rand::random::<u32>() & 0xff_ffff);
        let project = self
            .post("/api/projects", json!({"key": key, "name": "Smoke"}))
            .await?;
        let project_id = text(&project, "/id")?;
        self.project_id = Some(project_id.clone());
        self.next("see an event live");
        subscribe(&mut socket, &format!("project:{project_id}")).await?;
        subscribe(&mut socket, &format!("user:{}", self.user_id)).await?;
        let path = format!("/api/projects/{project_id}/tasks");
        self.post(&path, json!({"title": "Smoke"})).await?;
        hear(&mut socket, "devmentor.task.created.v1").await?;
        self.next("ask the mentor");
        let asked = json!({"project_id": project_id, "message": "What should I do next?"});
        let reply = self.post("/api/ai/chat", asked).await?;
        self.next("rate the reply");
        let rating = json!({"target_type": "mentor_reply", "target_id": text(&reply, "/message_id")?, "rating": 5});
        self.post("/api/feedback", rating).await?;
        self.next("see the profile move");
        let event = hear(&mut socket, "devmentor.learning.profile.updated.v1").await?;
        ensure!(
            event["data"]["version"] == 1,
            "the profile told of version {}",
            event["data"]["version"]
        );
        self.next("read the profile");
        let profile = self.get("/api/learning/profile").await?;
        ensure!(
            profile["feedback_count"] == 1,
            "the profile counts {}",
            profile["feedback_count"]
        );
        self.finish();
        Ok(())
    }

    async fn sign_up(&mut self) -> anyhow::Result<()> {
        let handle = format!("smoke-{:016x}", rand::random::<u64>());
        let email = format!("{handle}@smoke.invalid");
        let password = format!("{:032x}", rand::random::<u128>());
        let account = json!({"email": email, "handle": handle, "password": password});
        let register = self
            .api
            .anonymous(Method::POST, "/api/auth/register")
            .json(&account);
        self.api.fetch::<Value>(register).await?;
        self.next("sign in");
        let credentials = json!({"email": email, "password": password});
        let login = self
            .api
            .anonymous(Method::POST, "/api/auth/login")
            .json(&credentials);
        let session: Value = self.api.fetch(login).await?;
        self.token = text(&session, "/access_token")?;
        self.user_id = text(&session, "/user/id")?;
        Ok(())
    }

    /// Removes the project and ends the session, whatever came before.
    async fn remove(&mut self) -> anyhow::Result<()> {
        if self.token.is_empty() {
            return Ok(());
        }
        self.begin("remove all");
        if let Some(project_id) = self.project_id.take() {
            let path = format!("/api/projects/{project_id}");
            let delete = self
                .api
                .anonymous(Method::DELETE, &path)
                .bearer_auth(&self.token);
            self.api.send(delete).await?;
        }
        let logout = self
            .api
            .anonymous(Method::POST, "/api/auth/logout")
            .bearer_auth(&self.token);
        self.api.send(logout).await?;
        self.finish();
        Ok(())
    }

    async fn connect(&self) -> anyhow::Result<Socket> {
        let url = format!(
            "{}/api/realtime/ws",
            self.api.url().replacen("http", "ws", 1)
        );
        let mut request = url.into_client_request()?;
        let bearer = format!("Bearer {}", self.token).parse()?;
        request.headers_mut().insert("authorization", bearer);
        let (socket, _) = tokio_tungstenite::connect_async(request).await?;
        Ok(socket)
    }

    async fn post(&self, path: &str, body: Value) -> anyhow::Result<Value> {
        let request = self
            .api
            .anonymous(Method::POST, path)
            .bearer_auth(&self.token);
        self.api.fetch(request.json(&body)).await
    }

    async fn get(&self, path: &str) -> anyhow::Result<Value> {
        let request = self
            .api
            .anonymous(Method::GET, path)
            .bearer_auth(&self.token);
        self.api.fetch(request).await
    }

    fn next(&mut self, step: &'static str) {
        self.finish();
        self.begin(step);
    }

    fn begin(&mut self, step: &'static str) {
        self.step = step;
        self.step_began = Instant::now();
    }

    fn finish(&mut self) {
        let took_ms = self.step_began.elapsed().as_millis() as u64;
        output::tell(&format!("{:<22}{took_ms:>5} ms", self.step));
        self.steps
            .push(json!({"step": self.step, "took_ms": took_ms}));
    }

    fn tell(&self, failed: Option<&(&str, anyhow::Error)>, as_json: bool) {
        let took_ms = self.began.elapsed().as_millis() as u64;
        if as_json {
            output::document(&json!({
                "ok": failed.is_none(), "took_ms": took_ms, "steps": self.steps,
                "failed_step": failed.map(|(step, _)| step),
                "error": failed.map(|(_, error)| format!("{error:#}")),
            }));
            return;
        }
        match failed {
            None => output::answer(&format!(
                "All is well, in {took_ms} ms. The project is removed; its account {} stays.",
                self.user_id
            )),
            Some((step, error)) => output::answer(&format!("Failed at: {step}\n{error:#}")),
        }
    }
}

async fn subscribe(socket: &mut Socket, topic: &str) -> anyhow::Result<()> {
    let frame = json!({"type": "subscribe", "topic": topic}).to_string();
    socket.send(Message::text(frame)).await?;
    let answer = read(socket, |frame| frame["topic"] == topic).await?;
    ensure!(
        answer["type"] == "subscribed",
        "{topic} was refused: {}",
        answer["code"]
    );
    Ok(())
}

/// The next event of this type.
async fn hear(socket: &mut Socket, type_name: &str) -> anyhow::Result<Value> {
    let mut frame = read(socket, |frame| frame["event"]["type"] == type_name).await?;
    Ok(frame["event"].take())
}

async fn read(socket: &mut Socket, wanted: impl Fn(&Value) -> bool) -> anyhow::Result<Value> {
    loop {
        let message = socket.next().await.context("the socket was closed")??;
        if let Message::Text(text) = message {
            let frame: Value = serde_json::from_str(&text)?;
            if wanted(&frame) {
                return Ok(frame);
            }
        }
    }
}

fn text(value: &Value, pointer: &str) -> anyhow::Result<String> {
    let found = value.pointer(pointer).and_then(Value::as_str);
    found
        .map(str::to_owned)
        .with_context(|| format!("the answer has no {pointer}"))
}
