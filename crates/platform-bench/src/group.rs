//! A stream of ratings on a Redis of its own, and those who can consume it.

use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use redis::{AsyncCommands, aio::MultiplexedConnection, streams::StreamInfoGroupsReply};
use redis_contracts::{EVENT_FIELD, FEEDBACK, PROFILE};
use test_kit::{RedisServer, ServiceProcess, free_port};
use tokio::time::sleep;
use uuid::Uuid;

use crate::{
    ceiling::{Process, Serve},
    process::cpu_time,
};

/// The worker of the platform.
const WORKER: &str = "learning-consumer";

/// Entries appended in one trip.
const TRIP: usize = 500;

/// How often the group is looked at.
const EVERY: Duration = Duration::from_millis(2);

/// Longest wait for it.
const PATIENCE: Duration = Duration::from_secs(30);

/// Who consumes.
#[derive(Clone, Copy)]
pub enum Kind {
    /// XREADGROUP and XACK, and nothing else.
    Bare,
    /// A worker whose handler does nothing.
    NoOp,
    /// The platform's worker: each rating moves a profile.
    Profiles,
}

/// The stream, with those of its entries that were appended so far.
pub struct Ratings {
    redis: RedisServer,
    connection: MultiplexedConnection,
    redis_pid: u32,
    appended: usize,
}

/// What was seen at a moment.
#[derive(Clone, Copy)]
pub struct Look {
    /// Entries delivered and acknowledged.
    pub settled: usize,
    /// When.
    pub at: Instant,
    /// Processor time that Redis took so far.
    pub redis_cpu: Duration,
}

impl Ratings {
    /// An empty stream.
    pub async fn start() -> anyhow::Result<Self> {
        let redis = RedisServer::streams().await;
        let mut connection = redis.connect().await;
        let info: redis::InfoDict = redis::cmd("INFO").query_async(&mut connection).await?;
        Ok(Self {
            redis,
            connection,
            redis_pid: info.get("process_id").context("the id of Redis")?,
            appended: 0,
        })
    }

    /// Appends these.
    pub async fn append(&mut self, ratings: &[String]) -> anyhow::Result<()> {
        let stream = FEEDBACK.key(());
        // Each 16 KiB would be synced; what is measured comes after.
        self.sync("no").await?;
        for trip in ratings.chunks(TRIP) {
            let mut append = redis::pipe();
            for rating in trip {
                let entry = [(EVENT_FIELD, rating)];
                append.xadd(stream.name(), "*", &entry).ignore();
            }
            append.exec_async(&mut self.connection).await?;
        }
        self.appended += ratings.len();
        self.sync("always").await
    }

    async fn sync(&mut self, when: &str) -> anyhow::Result<()> {
        let mut command = redis::cmd("CONFIG");
        command.arg("SET").arg("appendfsync").arg(when);
        Ok(command.exec_async(&mut self.connection).await?)
    }

    /// Looks until so many entries are settled; what was seen then.
    pub async fn settled(&mut self, least: usize) -> anyhow::Result<Look> {
        let began = Instant::now();
        loop {
            let settled = self.settled_now().await?;
            if settled >= least {
                return Ok(Look {
                    settled,
                    at: Instant::now(),
                    redis_cpu: cpu_time(self.redis_pid)?,
                });
            }
            ensure!(began.elapsed() < PATIENCE, "only {settled} are settled");
            sleep(EVERY).await;
        }
    }

    async fn settled_now(&mut self) -> anyhow::Result<usize> {
        let stream = FEEDBACK.key(());
        let groups: StreamInfoGroupsReply = self.connection.xinfo_groups(stream.name()).await?;
        let group = groups.groups.first();
        let left = group.and_then(|group| Some(group.lag? + group.pending));
        Ok(self.appended - left.unwrap_or(self.appended))
    }

    /// How many ratings count in the profiles of these people.
    pub async fn counted(&mut self, people: &[Uuid]) -> anyhow::Result<usize> {
        let mut read = redis::pipe();
        for person in people {
            read.hget(PROFILE.key(*person).name(), "feedback_count");
        }
        let counts: Vec<Option<usize>> = read.query_async(&mut self.connection).await?;
        Ok(counts.into_iter().flatten().sum())
    }
}

/// Someone who consumes, until dropped.
pub enum Consumer {
    /// A process of this binary.
    Ours(Process),
    /// The worker alone: its cache Redis and auth-service are not there.
    Worker(ServiceProcess),
}

impl Consumer {
    /// Starts one.
    pub fn start(kind: Kind, ratings: &Ratings) -> anyhow::Result<Self> {
        let redis_url = ratings.redis.url();
        Ok(match kind {
            Kind::Bare => Self::Ours(Process::start(Serve::Consume { redis_url })?),
            Kind::NoOp => Self::Ours(Process::start(Serve::ConsumeNoOp { redis_url })?),
            Kind::Profiles => Self::Worker(worker(redis_url)),
        })
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        match self {
            Self::Ours(process) => process.pid(),
            Self::Worker(process) => process.pid().unwrap_or_default(),
        }
    }
}

fn worker(redis_url: String) -> ServiceProcess {
    let here = |port| format!("127.0.0.1:{port}");
    let nowhere = free_port();
    let settings = [
        ("REDIS__STREAMS__URL", redis_url),
        ("REDIS__CACHE__URL", format!("redis://{}", here(nowhere))),
        ("OPS__ADDR", here(free_port())),
        ("GRPC__ADDR", here(free_port())),
    ];
    let environment = settings.map(|(name, value)| (format!("DEVMENTOR__{name}"), value));
    ServiceProcess::spawn(WORKER, environment.to_vec())
}
