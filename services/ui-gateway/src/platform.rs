//! What is known of the platform's health: a task asks the services every second, and whoever wants
//! to know gets its last word at once.

use std::time::Duration;

use redis_access::{LinkState, LinkWatch};
use rpc::{
    auth::{GetStatusRequest as GetAuthStatus, GetStatusResponse as AuthStatus},
    project::{GetStatusRequest as GetProjectStatus, GetStatusResponse as ProjectStatus},
};
use service_kit::{Context, Stage, health::Need};
use tokio::sync::watch;

use crate::upstream::Upstream;

/// How often the services are asked.
const ASK_EVERY: Duration = Duration::from_secs(1);

/// How often while one of them does not answer, so that its return is known at once.
const ASK_AGAIN_AFTER: Duration = Duration::from_millis(100);

/// How long one may take to answer before it counts as away.
const ANSWER_WITHIN: Duration = Duration::from_millis(400);

/// What the services said last; `None` for one that did not answer.
#[derive(Clone, Debug, Default)]
pub(crate) struct Word {
    pub(crate) auth: Option<AuthStatus>,
    pub(crate) project: Option<ProjectStatus>,
}

impl Word {
    const fn is_whole(&self) -> bool {
        self.auth.is_some() && self.project.is_some()
    }
}

/// A view of the platform's health.
#[derive(Clone)]
pub(crate) struct Platform {
    word: watch::Receiver<Option<Word>>,
    cache: LinkWatch,
    streams: LinkWatch,
}

impl Platform {
    /// The last word. Just after the start it waits for the first, not longer than a service may
    /// take to answer.
    pub(crate) async fn word(&self) -> Word {
        let mut word = self.word.clone();
        let first = tokio::time::timeout(ANSWER_WITHIN, word.wait_for(Option::is_some)).await;
        match first {
            Ok(Ok(word)) => word.clone().unwrap_or_default(),
            _ => Word::default(),
        }
    }

    pub(crate) fn cache_is_up(&self) -> bool {
        is_up(&self.cache)
    }

    pub(crate) fn streams_is_up(&self) -> bool {
        is_up(&self.streams)
    }
}

fn is_up(link: &LinkWatch) -> bool {
    matches!(&*link.borrow(), LinkState::Up(_))
}

/// Starts asking; the task is in the context's supervisor.
pub(crate) fn watch(
    context: &mut Context,
    upstream: &Upstream,
    cache: LinkWatch,
    streams: LinkWatch,
) -> Platform {
    let (said, word) = watch::channel(None);
    let stop = context.supervisor.stop_of(Stage::Workers);
    let upstream = upstream.clone();
    context
        .supervisor
        .spawn(Stage::Workers, "platform-health", async move {
            loop {
                let word = ask(&upstream).await;
                let wait = if word.is_whole() {
                    ASK_EVERY
                } else {
                    ASK_AGAIN_AFTER
                };
                said.send_replace(Some(word));
                tokio::select! {
                    () = stop.cancelled() => return Ok(()),
                    () = tokio::time::sleep(wait) => {}
                }
            }
        });
    show(context, "auth-service", word.clone(), |word| {
        word.auth.is_some()
    });
    show(context, "project-service", word.clone(), |word| {
        word.project.is_some()
    });
    Platform {
        word,
        cache,
        streams,
    }
}

async fn ask(upstream: &Upstream) -> Word {
    let (mut auth, mut projects) = (upstream.auth.clone(), upstream.projects.clone());
    let auth = tokio::time::timeout(ANSWER_WITHIN, auth.get_status(GetAuthStatus {}));
    let project = tokio::time::timeout(ANSWER_WITHIN, projects.get_status(GetProjectStatus {}));
    let (auth, project) = tokio::join!(auth, project);
    Word {
        auth: auth
            .ok()
            .and_then(Result::ok)
            .map(tonic::Response::into_inner),
        project: project
            .ok()
            .and_then(Result::ok)
            .map(tonic::Response::into_inner),
    }
}

fn show(
    context: &Context,
    name: &'static str,
    word: watch::Receiver<Option<Word>>,
    is_there: fn(&Word) -> bool,
) {
    context
        .health
        .add(name, Need::Useful, move || match &*word.borrow() {
            Some(word) if is_there(word) => Ok(()),
            Some(_) => Err("does not answer".to_owned()),
            None => Err("not asked yet".to_owned()),
        });
}
