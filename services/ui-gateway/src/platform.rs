//! What is known of the platform's health: a task asks the services every second, and whoever wants
//! to know gets the last snapshot at once.

use std::time::Duration;

use identity::GatewayCredential;
use redis_access::{CachePool, Pool, StreamsPool};
use redis_contracts::RedisInstance;
use rpc::{ai, auth, learning, project};
use service_kit::{Context, Stage, health::Need};
use tokio::sync::watch;
use tonic::{Request, Response, Status};

use crate::upstream::Upstream;

/// How often the services are asked.
const ASK_EVERY: Duration = Duration::from_secs(1);

/// How often while one of them does not answer, so that its return is known at once.
const ASK_AGAIN_AFTER: Duration = Duration::from_millis(100);

/// How long one may take to answer before it counts as away.
const ANSWER_WITHIN: Duration = Duration::from_millis(400);

/// What the services said last; `None` for one that did not answer.
#[derive(Clone, Debug, Default)]
pub(crate) struct HealthSnapshot {
    pub(crate) auth: Option<auth::GetStatusResponse>,
    pub(crate) project: Option<project::GetStatusResponse>,
    pub(crate) learning: Option<learning::GetStatusResponse>,
    pub(crate) ai: Option<ai::GetStatusResponse>,
}

type Answered = fn(&HealthSnapshot) -> bool;

/// The services that are asked, and whether each of them answered.
pub(crate) const SERVICES: [(&str, Answered); 4] = [
    ("auth-service", |snapshot| snapshot.auth.is_some()),
    ("project-service", |snapshot| snapshot.project.is_some()),
    ("learning-consumer", |snapshot| snapshot.learning.is_some()),
    ("ai-gateway", |snapshot| snapshot.ai.is_some()),
];

impl HealthSnapshot {
    pub(crate) fn is_whole(&self) -> bool {
        SERVICES.iter().all(|(_, answered)| answered(self))
    }
}

/// A view of the platform's health.
#[derive(Clone)]
pub(crate) struct Platform {
    snapshot: watch::Receiver<Option<HealthSnapshot>>,
    cache: CachePool,
    streams: StreamsPool,
}

impl Platform {
    /// The last snapshot. Just after the start it waits for the first, not longer than a service may
    /// take to answer.
    pub(crate) async fn snapshot(&self) -> HealthSnapshot {
        let mut snapshot = self.snapshot.clone();
        let first = tokio::time::timeout(ANSWER_WITHIN, snapshot.wait_for(Option::is_some)).await;
        match first {
            Ok(Ok(snapshot)) => snapshot.clone().unwrap_or_default(),
            _ => HealthSnapshot::default(),
        }
    }

    /// `ok`, `degraded` where it takes no writes, or `down`.
    pub(crate) fn cache(&self) -> &'static str {
        standing(&self.cache)
    }

    /// As [`Platform::cache`].
    pub(crate) fn streams(&self) -> &'static str {
        standing(&self.streams)
    }
}

fn standing<I: RedisInstance>(pool: &Pool<I>) -> &'static str {
    match (pool.fault(), pool.refusal()) {
        (None, None) => "ok",
        (None, Some(_)) => "degraded",
        (Some(_), _) => "down",
    }
}

/// Starts asking; the task is in the context's supervisor.
pub(crate) fn watch(
    context: &mut Context,
    upstream: &Upstream,
    credential: GatewayCredential,
    cache: CachePool,
    streams: StreamsPool,
) -> Platform {
    let (said, snapshot) = watch::channel(None);
    let stop = context.supervisor.stop_of(Stage::Workers);
    let upstream = upstream.clone();
    context
        .supervisor
        .spawn(Stage::Workers, "platform-health", async move {
            loop {
                let snapshot = ask(&upstream, &credential).await;
                let wait = if snapshot.is_whole() {
                    ASK_EVERY
                } else {
                    ASK_AGAIN_AFTER
                };
                said.send_replace(Some(snapshot));
                tokio::select! {
                    () = stop.cancelled() => return Ok(()),
                    () = tokio::time::sleep(wait) => {}
                }
            }
        });
    for (name, answered) in SERVICES {
        show(context, name, snapshot.clone(), answered);
    }
    Platform {
        snapshot,
        cache,
        streams,
    }
}

async fn ask(upstream: &Upstream, credential: &GatewayCredential) -> HealthSnapshot {
    let mut of_auth = Request::new(auth::GetStatusRequest {});
    credential.show(of_auth.metadata_mut());
    let (mut auth, mut projects) = (upstream.auth.clone(), upstream.projects.clone());
    let (mut learning, mut ai) = (upstream.learning.clone(), upstream.ai.clone());
    let (auth, project, learning, ai) = tokio::join!(
        said(auth.get_status(of_auth)),
        said(projects.get_status(project::GetStatusRequest {})),
        said(learning.get_status(learning::GetStatusRequest {})),
        said(ai.get_status(ai::GetStatusRequest {})),
    );
    HealthSnapshot {
        auth,
        project,
        learning,
        ai,
    }
}

async fn said<T>(asked: impl Future<Output = Result<Response<T>, Status>>) -> Option<T> {
    let answer = tokio::time::timeout(ANSWER_WITHIN, asked).await;
    Some(answer.ok()?.ok()?.into_inner())
}

fn show(
    context: &Context,
    name: &'static str,
    snapshot: watch::Receiver<Option<HealthSnapshot>>,
    answered: Answered,
) {
    context
        .health
        .add(name, Need::Useful, move || match &*snapshot.borrow() {
            Some(snapshot) if answered(snapshot) => Ok(()),
            Some(_) => Err("does not answer".to_owned()),
            None => Err("not asked yet".to_owned()),
        });
}
