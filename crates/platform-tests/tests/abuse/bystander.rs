//! Somebody else, who uses the platform as people do.

use std::{
    collections::BTreeMap,
    net::Ipv4Addr,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use reqwest::Method;
use serde_json::{Value, json};
use test_kit::{Live, Person, Platform};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// Longest wait for anything: whoever waits longer has noticed.
const PATIENCE: Duration = Duration::from_secs(8);

/// Between two rounds.
const PAUSE: Duration = Duration::from_millis(50);

/// Where the bystander connects from.
const FROM: Ipv4Addr = Ipv4Addr::LOCALHOST;

/// Kinds of calls of a round.
const KINDS: usize = 6;

fn p99(times: &[Duration]) -> Duration {
    let mut sorted = times.to_vec();
    sorted.sort_unstable();
    let at = (sorted.len() * 99 / 100).min(sorted.len().saturating_sub(1));
    sorted.get(at).copied().unwrap_or_default()
}

/// What was seen of each kind of call.
#[derive(Clone, Default)]
pub(crate) struct Seen {
    pub(crate) times: BTreeMap<&'static str, Vec<Duration>>,
    pub(crate) failures: Vec<String>,
}

impl Seen {
    /// The 99th percentile of the kind of calls that was slowest.
    pub(crate) fn p99(&self) -> Duration {
        let slowest = self.times.values().map(|times| p99(times)).max();
        slowest.unwrap_or_default()
    }

    /// Calls that were answered, of the kind that was answered least.
    pub(crate) fn rounds(&self) -> usize {
        let least = self.times.values().map(Vec::len).min().unwrap_or_default();
        if self.times.len() < KINDS { 0 } else { least }
    }
}

/// The bystander at work.
pub(crate) struct Bystander {
    seen: Arc<Mutex<Seen>>,
    stop: CancellationToken,
    working: JoinHandle<()>,
}

struct Working {
    person: Person,
    base_url: String,
    project: Value,
    card: String,
    http: reqwest::Client,
    live: Live,
    seen: Arc<Mutex<Seen>>,
}

impl Bystander {
    /// Signs up, and works until it is stopped.
    pub(crate) async fn start(platform: &Platform) -> Self {
        let person = platform.person().await;
        let project = person.create_project("CALM").await;
        let card = person.create_task(&project, "A card").await;
        let http = reqwest::Client::builder()
            .no_proxy()
            .local_address(Some(FROM.into()))
            .pool_max_idle_per_host(0)
            .timeout(PATIENCE)
            .build()
            .expect("an HTTP client");
        let mut live = person.live().await;
        live.subscribe(&topic(&project), None).await;
        live.expect("subscribed").await;
        let seen = Arc::<Mutex<Seen>>::default();
        let mut working = Working {
            base_url: platform.base_url().to_owned(),
            card: text(&card, "id"),
            seen: Arc::clone(&seen),
            person,
            project,
            http,
            live,
        };
        let stop = CancellationToken::new();
        let stopped = stop.clone();
        let working = tokio::spawn(async move {
            for round in 0.. {
                if stopped.is_cancelled() {
                    return;
                }
                working.round(round).await;
                tokio::time::sleep(PAUSE).await;
            }
        });
        Self {
            seen,
            stop,
            working,
        }
    }

    /// What was seen since the last time, the calls that are still waited for among it.
    pub(crate) async fn end(self) -> Seen {
        self.stop.cancel();
        self.working.await.expect("no panic");
        let mut seen = self.seen.lock().expect("no panic while it was held");
        std::mem::take(&mut *seen)
    }

    /// What was seen since the last time this was asked, after so long.
    pub(crate) async fn watch(&self, during: Duration) -> Seen {
        self.take();
        tokio::time::sleep(during).await;
        self.take()
    }

    /// What was seen since the last time.
    pub(crate) fn take(&self) -> Seen {
        let mut seen = self.seen.lock().expect("no panic while it was held");
        std::mem::take(&mut *seen)
    }
}

impl Working {
    async fn round(&mut self, round: usize) {
        self.patch_and_hear(round).await;
        let tasks = format!("/api/projects/{}/tasks", text(&self.project, "id"));
        self.call("read", Method::GET, &tasks, None).await;
        self.call("health", Method::GET, "/api/health", None).await;
        self.open_and_subscribe().await;
    }

    async fn patch_and_hear(&mut self, round: usize) {
        let began = Instant::now();
        let title = format!("Round {round}");
        let path = format!("/api/tasks/{}", self.card);
        let patch = json!({"title": title});
        if !self.call("patch", Method::PATCH, &path, Some(patch)).await {
            return;
        }
        while began.elapsed() < PATIENCE {
            match self.live.next_within(PATIENCE).await {
                Ok(frame) if frame["event"]["data"]["title"] == title => {
                    return self.saw("live", began.elapsed());
                }
                Ok(_) => {}
                Err(lost) => return self.failed("live", &format!("{lost:?}")),
            }
        }
        self.failed("live", "never came");
    }

    async fn open_and_subscribe(&self) {
        let began = Instant::now();
        let opening = Live::connect(&self.base_url, &self.person.token);
        let mut live = match tokio::time::timeout(PATIENCE, opening).await {
            Ok(Ok(live)) => live,
            Ok(Err(error)) => return self.failed("open", &error.to_string()),
            Err(_) => return self.failed("open", "not opened"),
        };
        self.saw("open", began.elapsed());
        let began = Instant::now();
        live.subscribe(&topic(&self.project), Some("0-0")).await;
        for expected in ["subscribed", "event"] {
            match live.next_within(PATIENCE).await {
                Ok(frame) if frame["type"] == expected => {}
                other => return self.failed("subscribe", &format!("{other:?}")),
            }
        }
        self.saw("subscribe", began.elapsed());
    }

    /// Whether it was answered well.
    async fn call(
        &self,
        kind: &'static str,
        method: Method,
        path: &str,
        body: Option<Value>,
    ) -> bool {
        let began = Instant::now();
        let request = self
            .http
            .request(method, format!("{}{path}", self.base_url))
            .bearer_auth(&self.person.token);
        let request = match &body {
            Some(body) => request.json(body),
            None => request,
        };
        match request.send().await {
            Ok(answer) if answer.status().is_success() => {
                self.saw(kind, began.elapsed());
                true
            }
            Ok(answer) => {
                self.failed(kind, &answer.status().to_string());
                false
            }
            Err(error) => {
                self.failed(kind, &format!("{error:?}"));
                false
            }
        }
    }

    fn saw(&self, kind: &'static str, took: Duration) {
        let mut seen = self.seen.lock().expect("no panic while it was held");
        seen.times.entry(kind).or_default().push(took);
    }

    fn failed(&self, kind: &str, why: &str) {
        let mut seen = self.seen.lock().expect("no panic while it was held");
        seen.failures.push(format!("{kind}: {why}"));
    }
}

fn topic(project: &Value) -> String {
    format!("project:{}", text(project, "id"))
}

fn text(of: &Value, field: &str) -> String {
    of[field].as_str().expect("a text").to_owned()
}
