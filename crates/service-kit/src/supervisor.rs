//! Every long task runs here: when one ends by itself the process says which and stops, and a stop
//! drains them in order under one deadline. No task is detached.

use std::{collections::BTreeMap, future::Future, time::Duration};

use tokio::{
    task::{AbortHandle, Id, JoinError, JoinSet},
    time::Instant,
};
use tokio_util::sync::CancellationToken;

/// When a task is told to stop: listeners first, what others need last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stage {
    /// Accepts requests; on stop, finishes those it has.
    Listeners,
    /// Serves open sockets.
    Sockets,
    /// Works in the background.
    Workers,
    /// Keeps what all others use.
    Links,
}

const STAGES: [Stage; 4] = [
    Stage::Listeners,
    Stage::Sockets,
    Stage::Workers,
    Stage::Links,
];

struct Named {
    stage: Stage,
    name: &'static str,
    abort: AbortHandle,
}

/// Runs tasks until a stop is asked for or one of them ends.
pub struct Supervisor {
    grace: Duration,
    stops: BTreeMap<Stage, CancellationToken>,
    names: BTreeMap<Id, Named>,
    tasks: JoinSet<anyhow::Result<()>>,
}

impl Supervisor {
    /// A supervisor whose drain takes `grace` at most.
    pub fn new(grace: Duration) -> Self {
        Self {
            grace,
            stops: STAGES.map(|stage| (stage, CancellationToken::new())).into(),
            names: BTreeMap::new(),
            tasks: JoinSet::new(),
        }
    }

    /// The token that tells tasks of this stage to stop.
    pub fn stop_of(&self, stage: Stage) -> CancellationToken {
        self.stops[&stage].clone()
    }

    /// Runs a task. It has to end soon after `stop_of(stage)` is cancelled, and not before.
    pub fn spawn<F>(&mut self, stage: Stage, name: &'static str, task: F)
    where
        F: Future<Output = anyhow::Result<()>> + Send + 'static,
    {
        let abort = self.tasks.spawn(task);
        self.names.insert(abort.id(), Named { stage, name, abort });
    }

    /// Runs until `stop` or until a task ends, then drains. `Err` names the task that ended.
    pub async fn run(mut self, stop: impl Future<Output = ()>) -> anyhow::Result<()> {
        let ended = tokio::select! {
            () = stop => {
                tracing::info!("stopping");
                Ok(())
            }
            Some(ended) = self.tasks.join_next_with_id() => Err(self.told(ended)),
        };
        self.drain().await;
        ended
    }

    /// Each stage has half of the time that is left, the last one all of it: one that does not end
    /// costs those after it no drain of their own.
    async fn drain(&mut self) {
        let end = Instant::now() + self.grace;
        for stage in STAGES {
            self.stops[&stage].cancel();
            let left = end.saturating_duration_since(Instant::now());
            let share = if stage == Stage::Links {
                left
            } else {
                left / 2
            };
            if tokio::time::timeout(share, self.drain_stage(stage))
                .await
                .is_err()
            {
                self.abort(stage);
                self.drain_stage(stage).await;
            }
        }
    }

    async fn drain_stage(&mut self, stage: Stage) {
        while self.names.values().any(|named| named.stage == stage) {
            match self.tasks.join_next_with_id().await {
                Some(ended) => self.finished(ended),
                None => self.names.clear(),
            }
        }
    }

    fn abort(&self, stage: Stage) {
        for named in self.names.values().filter(|named| named.stage == stage) {
            tracing::warn!(
                task = named.name,
                "still busy after its share of the grace; ending it"
            );
            named.abort.abort();
        }
    }

    fn finished(&mut self, ended: Result<(Id, anyhow::Result<()>), JoinError>) {
        let id = match &ended {
            Ok((id, _)) => *id,
            Err(error) => error.id(),
        };
        let name = self.names.remove(&id).map_or("?", |named| named.name);
        match ended {
            Ok((_, Ok(()))) => {}
            Ok((_, Err(error))) => {
                tracing::warn!(task = name, error = %error, "failed while stopping")
            }
            Err(error) if error.is_cancelled() => {}
            Err(error) => tracing::error!(task = name, error = %error, "panicked while stopping"),
        }
    }

    fn told(&mut self, ended: Result<(Id, anyhow::Result<()>), JoinError>) -> anyhow::Error {
        let id = match &ended {
            Ok((id, _)) => *id,
            Err(error) => error.id(),
        };
        let name = self.names.remove(&id).map_or("?", |named| named.name);
        let error = match ended {
            Ok((_, Ok(()))) => anyhow::anyhow!("task {name} ended by itself"),
            Ok((_, Err(error))) => error.context(format!("task {name} failed")),
            Err(error) => anyhow::anyhow!("task {name} panicked: {error}"),
        };
        tracing::error!(error = format!("{error:#}"), "a task ended; stopping");
        error
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;

    #[tokio::test]
    async fn drains_in_order() {
        let ended = Arc::new(Mutex::new(Vec::new()));
        let mut supervisor = Supervisor::new(Duration::from_secs(5));
        for (stage, name) in [
            (Stage::Links, "link"),
            (Stage::Listeners, "listener"),
            (Stage::Workers, "worker"),
        ] {
            let (stop, ended) = (supervisor.stop_of(stage), Arc::clone(&ended));
            supervisor.spawn(stage, name, async move {
                stop.cancelled().await;
                ended.lock().expect("no panic").push(name);
                Ok(())
            });
        }
        supervisor.run(async {}).await.expect("a clean stop");
        assert_eq!(
            *ended.lock().expect("no panic"),
            ["listener", "worker", "link"]
        );
    }

    #[tokio::test]
    async fn a_task_that_ends_or_panics_stops_the_process_and_is_named() {
        for panics in [false, true] {
            let mut supervisor = Supervisor::new(Duration::from_secs(5));
            let stop = supervisor.stop_of(Stage::Links);
            supervisor.spawn(Stage::Links, "link", async move {
                stop.cancelled().await;
                Ok(())
            });
            supervisor.spawn(Stage::Workers, "relay", async move {
                assert!(!panics, "as wanted");
                anyhow::bail!("broken")
            });
            let error = supervisor
                .run(std::future::pending())
                .await
                .expect_err("relay ended");
            assert!(error.to_string().contains("relay"), "{error}");
        }
    }

    #[tokio::test]
    async fn a_task_that_does_not_stop_is_ended_after_the_grace() {
        let mut supervisor = Supervisor::new(Duration::from_millis(20));
        supervisor.spawn(Stage::Workers, "stuck", std::future::pending());
        supervisor
            .run(async {})
            .await
            .expect("the stop itself is clean");
    }
}
