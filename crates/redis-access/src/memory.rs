//! What the streams Redis takes, and the timelines that can make room: SQL has what those of projects hold; who
//! replays a dropped one of a person is told of the `gap`.

use std::{collections::BinaryHeap, time::Duration};

use redis::{FromRedisValue, InfoDict, Pipeline};
use redis_contracts::{Instance, PROJECT_TIMELINE, STREAMS_BYTES, StreamFamily, USER_TIMELINE};
use uuid::Uuid;

use crate::{AccessError, StreamsPool};

/// Keys that are looked at in one round trip.
const AT_ONCE: usize = 500;

/// What an instance takes (INFO memory), in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Memory {
    /// `used_memory`.
    pub used: u64,
    /// `maxmemory`, or what the platform asks for where none is set.
    pub limit: u64,
}

/// A timeline that nothing was added to for so long.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Idle {
    /// Reversed, so that a heap gives the one idle shortest.
    idle: std::cmp::Reverse<Duration>,
    bytes: u64,
    name: String,
}

impl StreamsPool {
    /// What this instance takes.
    pub async fn memory(&self) -> Result<Memory, AccessError> {
        let info: InfoDict = self.run(redis::cmd("INFO").arg("memory")).await?;
        let set = info.get("maxmemory").filter(|bytes| *bytes > 0);
        Ok(Memory {
            used: info.get("used_memory").unwrap_or_default(),
            limit: set.unwrap_or(STREAMS_BYTES),
        })
    }

    /// Drops the timelines that are idle longest, until about so many bytes are free or none is left; how many
    /// went.
    pub async fn drop_idle_timelines(&self, bytes: u64) -> Result<usize, AccessError> {
        let mut idlest = Idlest::new(bytes);
        for family in [&PROJECT_TIMELINE, &USER_TIMELINE] {
            self.look_through(family, &mut idlest).await?;
        }
        let names = idlest.names();
        for names in names.chunks(AT_ONCE) {
            let mut command = redis::cmd("UNLINK");
            command.arg(names);
            self.run::<u64>(&command).await?;
        }
        Ok(names.len())
    }

    async fn look_through(
        &self,
        family: &StreamFamily<Uuid>,
        idlest: &mut Idlest,
    ) -> Result<(), AccessError> {
        let mut cursor = 0_u64;
        loop {
            let mut command = redis::cmd("SCAN");
            command.arg(cursor).arg("MATCH").arg(family.every());
            command.arg("COUNT").arg(AT_ONCE);
            let (next, names): (u64, Vec<String>) = self.run(&command).await?;
            if !names.is_empty() {
                self.weigh(family.timeline().idle, names, idlest).await?;
            }
            if next == 0 {
                return Ok(());
            }
            cursor = next;
        }
    }

    async fn weigh(
        &self,
        expires_after: Duration,
        names: Vec<String>,
        idlest: &mut Idlest,
    ) -> Result<(), AccessError> {
        let mut pipeline = redis::pipe();
        for name in &names {
            pipeline.cmd("PTTL").arg(name);
            pipeline.cmd("MEMORY").arg("USAGE").arg(name);
        }
        let answers: Vec<Option<i64>> = self.bulk_pipeline(&pipeline).await?;
        for (name, answers) in names.into_iter().zip(answers.chunks(2)) {
            let left_ms = answers[0].unwrap_or_default().max(0).unsigned_abs();
            let left = Duration::from_millis(left_ms);
            idlest.add(Idle {
                idle: std::cmp::Reverse(expires_after.saturating_sub(left)),
                bytes: answers[1].unwrap_or_default().unsigned_abs(),
                name,
            });
        }
        Ok(())
    }

    async fn bulk_pipeline<T: FromRedisValue>(
        &self,
        pipeline: &Pipeline,
    ) -> Result<T, AccessError> {
        let mut connection = self.bulk().await?;
        let answer = pipeline.query_async(&mut connection).await;
        answer.map_err(|error| AccessError::from_redis(Instance::Streams, &error))
    }
}

/// As few timelines as free so many bytes, those idle longest.
struct Idlest {
    wanted: u64,
    bytes: u64,
    heap: BinaryHeap<Idle>,
}

impl Idlest {
    const fn new(wanted: u64) -> Self {
        Self {
            wanted,
            bytes: 0,
            heap: BinaryHeap::new(),
        }
    }

    fn add(&mut self, timeline: Idle) {
        self.bytes += timeline.bytes;
        self.heap.push(timeline);
        while let Some(shortest) = self.heap.peek()
            && self.bytes - shortest.bytes >= self.wanted
        {
            self.bytes -= shortest.bytes;
            self.heap.pop();
        }
    }

    fn names(self) -> Vec<String> {
        self.heap.into_iter().map(|idle| idle.name).collect()
    }
}
