//! Streams and dead letters read from the streams Redis itself: where a worker runs alone, there is nobody
//! else to ask.

use std::{process::ExitCode, time::Duration};

use anyhow::{Context, bail};
use redis_access::{AccessError, LinkState, StreamsPool};
use redis_contracts::{CONSUMED, DEAD_LETTERS, DeadLetter, Position, StreamFamily, script};
use serde_json::{Value, json};
use service_kit::{
    Service,
    config::{self, Environment},
};
use tokio_util::sync::CancellationToken;

use crate::{arguments::Global, output::Usage, streams::Report};

const URL: &str = "DEVMENTOR__REDIS__STREAMS__URL";
const HOST_URL: &str = "REDIS_STREAMS_URL";
const PASSWORD: &str = "DEVMENTOR__REDIS__STREAMS__PASSWORD";

/// Longest wait for Redis to answer at all.
const REACHED_WITHIN: Duration = Duration::from_secs(5);

/// Dead letters that are read at once.
const PAGE: usize = 100;

/// Who reads the streams: settings are read as it reads them.
const WORKER: Service = Service {
    name: "learning-consumer",
    version: env!("CARGO_PKG_VERSION"),
    http_port: 8083,
    grpc_port: Some(50053),
    ops_port: 8083,
};

/// The streams Redis.
pub(crate) struct Direct {
    streams: StreamsPool,
}

impl Direct {
    /// The Redis at `url`; where that is empty, the one that the worker's settings name.
    pub(crate) fn new(global: &Global, url: &str) -> anyhow::Result<Self> {
        let environment = environment(global, url, config::process_environment());
        let settings = config::load_for(&WORKER, None, &environment);
        let settings = settings.map_err(|fault| Usage(fault.to_string()))?;
        let streams = StreamsPool::new(&settings.redis.streams.access())?;
        Ok(Self { streams })
    }

    /// Does the work, and keeps the connection for as long as it takes.
    pub(crate) async fn serve(
        &self,
        work: impl Future<Output = anyhow::Result<ExitCode>>,
    ) -> anyhow::Result<ExitCode> {
        tokio::select! {
            done = work => done,
            () = self.streams.keep_link(CancellationToken::new()) => {
                bail!("the connection to Redis has ended")
            }
        }
    }

    async fn reached(&self) -> anyhow::Result<()> {
        let mut link = self.streams.link();
        let up = link.wait_for(|state| matches!(state, LinkState::Up(_)));
        if tokio::time::timeout(REACHED_WITHIN, up).await.is_err() {
            bail!(self.streams.fault().unwrap_or_default());
        }
        Ok(())
    }

    /// What the streams of the worker hold.
    pub(crate) async fn report(&self) -> anyhow::Result<Report> {
        self.reached().await?;
        let mut streams = Vec::with_capacity(CONSUMED.len());
        for of in CONSUMED {
            streams.push(self.describe(of.stream.key(()).name()).await?);
        }
        Ok(serde_json::from_value(json!({ "streams": streams }))?)
    }

    /// As the platform describes one.
    async fn describe(&self, stream: &str) -> Result<Value, AccessError> {
        let dead = DEAD_LETTERS.key(stream.to_owned());
        let dead = self.streams.describe(dead.name()).await;
        let dead = dead.or_else(AccessError::none_if_wrong_type)?;
        let held = self.streams.describe(stream).await;
        let held = held.or_else(AccessError::none_if_wrong_type)?;
        let groups = held.iter().flat_map(|held| &held.groups).map(|group| {
            json!({
                "group": group.name, "lag": group.lag, "lag_seconds": group.lag_seconds,
                "pending": group.pending, "oldest_pending_seconds": group.oldest_pending_seconds,
                "consumers": group.consumers,
            })
        });
        Ok(json!({
            "stream": stream, "groups": groups.collect::<Vec<_>>(),
            "length": held.as_ref().map_or(0, |held| held.length),
            "bytes": held.as_ref().map_or(0, |held| held.bytes),
            "dead_letters": dead.map_or(0, |dead| dead.length),
        }))
    }

    /// Dead letters of a stream, newest first, page by page until there are enough.
    pub(crate) async fn letters(
        &self,
        stream: &str,
        mut is_enough: impl FnMut(Vec<Value>) -> bool,
    ) -> anyhow::Result<()> {
        self.reached().await?;
        let names = CONSUMED
            .iter()
            .map(|of| of.stream.key(()).name().to_owned());
        let names: Vec<_> = names.collect();
        let known = names.iter().any(|name| name == stream);
        let unknown = || format!("{stream} is not known; there are {}", names.join(", "));
        known.then_some(()).with_context(unknown)?;
        let mut before = None;
        loop {
            let page = self.streams.dead_letters(stream, before, PAGE).await?;
            before = page.last().map(|(position, _)| *position);
            let is_last = page.len() < PAGE;
            if is_enough(page.into_iter().map(letter).collect()) || is_last {
                return Ok(());
            }
        }
    }

    /// Takes out of a stream what its producers cannot have appended; answers how many entries.
    pub(crate) async fn repair(&self, stream: &StreamFamily<()>) -> anyhow::Result<u64> {
        self.reached().await?;
        let mut taken = 0;
        loop {
            let call = script::repair_stream(stream);
            let (more, is_all): (u64, bool) = self.streams.invoke(&call).await?;
            taken += more;
            if is_all {
                return Ok(taken);
            }
        }
    }

    /// What `devmentor status` shows of it.
    pub(crate) async fn health(&self) -> anyhow::Result<Value> {
        let report = self.report().await?;
        let status = |is_ok| if is_ok { "ok" } else { "degraded" };
        let faults = report.faults();
        let is_writable = self.streams.refusal().is_none();
        let is_ok = faults.is_empty() && is_writable;
        Ok(json!({
            "status": status(is_ok), "version": env!("CARGO_PKG_VERSION"),
            "services": {"learning-consumer": {"status": status(faults.is_empty())}},
            "redis": {"streams": {"status": status(is_writable)}},
            "faults": faults,
        }))
    }
}

/// As the platform shows one.
fn letter((position, letter): (Position, DeadLetter)) -> Value {
    let event = serde_json::from_str(&letter.event).unwrap_or(Value::String(letter.event));
    json!({
        "id": position, "event": event, "source_stream": letter.source_stream,
        "source_id": letter.source_id, "group": letter.group, "error": letter.error,
        "attempts": letter.attempts, "failed_at": letter.failed_at,
    })
}

/// The worker's, with the address that is given, and with what `devmentor up` keeps where nothing is.
fn environment(global: &Global, url: &str, mut environment: Environment) -> Environment {
    let file = |name: &str| format!("{name}_FILE");
    if !url.is_empty() {
        environment.remove(&file(URL));
        environment.insert(URL.to_owned(), url.to_owned());
    }
    let is_set = |name: &str| environment.contains_key(name);
    if ![URL, &file(URL), HOST_URL].into_iter().any(is_set) {
        let port = 6380 + global.port_offset;
        environment.insert(URL.to_owned(), format!("redis://127.0.0.1:{port}"));
    }
    let kept = global.data_dir.join("redis-streams-password");
    let has_password = [PASSWORD, &file(PASSWORD)]
        .iter()
        .any(|name| environment.contains_key(*name))
        || environment.get(URL).is_some_and(|url| url.contains('@'));
    if kept.is_file() && !has_password && url.is_empty() {
        environment.insert(file(PASSWORD), kept.display().to_string());
    }
    environment
}
