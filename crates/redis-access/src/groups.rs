//! Reading a stream as a member of a consumer group.

use std::time::Duration;

use redis::{Cmd, FromRedisValue, aio::MultiplexedConnection};
use redis_contracts::{DELIVERED, DecodeError, Instance, Key, Position, Streams, event::Event};

use crate::{
    AccessError, StreamsPool,
    link::{Link, LinkVersion},
};

/// Names and values.
type Fields = Vec<(Vec<u8>, Vec<u8>)>;
type RawEntries = Vec<(String, Fields)>;

/// An entry as it stands in the stream; anyone may have written it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RawEntry {
    /// Its ID.
    pub position: Position,
    /// Its fields, in order.
    pub fields: Fields,
}

/// Entries that were taken over from other consumers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claimed {
    /// Where to go on; [`Position::START`] when all were looked at.
    pub cursor: Position,
    /// What was taken over.
    pub entries: Vec<RawEntry>,
}

/// One consumer of one group, with a connection of its own: its reads wait in Redis.
pub struct GroupReader {
    connection: MultiplexedConnection,
    link: std::sync::Arc<Link>,
    standing: LinkVersion,
    stream: String,
    group: String,
    consumer: String,
}

impl StreamsPool {
    /// Opens a reader. A read may wait for entries as long as `longest_block`.
    pub async fn group_reader(
        &self,
        stream: &Key<Streams, Event>,
        group: &str,
        consumer: &str,
        longest_block: Duration,
    ) -> Result<GroupReader, AccessError> {
        let link = self.shared_link();
        let standing = link.standing()?;
        let connection = self.connector().connect_blocking(longest_block).await?;
        Ok(GroupReader {
            connection,
            link,
            standing,
            stream: stream.name().to_owned(),
            group: group.to_owned(),
            consumer: consumer.to_owned(),
        })
    }

    /// Acknowledges entries of a group (XACK).
    pub async fn acknowledge(
        &self,
        stream: &Key<Streams, Event>,
        group: &str,
        positions: &[Position],
    ) -> Result<(), AccessError> {
        let mut command = redis::cmd("XACK");
        command.arg(stream.name()).arg(group);
        for position in positions {
            command.arg(position.to_string());
        }
        self.run(&command).await
    }
}

impl GroupReader {
    /// Makes the group, and the stream, unless they are there (XGROUP CREATE from 0). A new one was delivered
    /// nothing.
    pub async fn create_group(&mut self) -> Result<(), AccessError> {
        let mut command = redis::cmd("XGROUP");
        command.arg("CREATE").arg(&self.stream).arg(&self.group);
        command.arg("0").arg("MKSTREAM");
        match self.ask::<()>(&command).await {
            Err(AccessError::Refused { message, .. }) if message.starts_with("BUSYGROUP") => Ok(()),
            Ok(()) => {
                let delivered = DELIVERED.key(self.stream.clone());
                self.ask(redis::cmd("DEL").arg(delivered.name())).await
            }
            refused => refused,
        }
    }

    /// Makes this consumer known (XGROUP CREATECONSUMER): Redis forgets to count one that waits for its
    /// first entry.
    pub async fn join(&mut self) -> Result<(), AccessError> {
        let mut command = redis::cmd("XGROUP");
        command.arg("CREATECONSUMER").arg(&self.stream);
        command.arg(&self.group).arg(&self.consumer);
        self.ask(&command).await
    }

    /// The next entries nobody was given yet (XREADGROUP), waiting up to `block`; none when none came.
    pub async fn next(
        &mut self,
        count: usize,
        block: Duration,
    ) -> Result<Vec<RawEntry>, AccessError> {
        let mut command = redis::cmd("XREADGROUP");
        command.arg("GROUP").arg(&self.group).arg(&self.consumer);
        command.arg("COUNT").arg(count);
        command.arg("BLOCK").arg(block.as_millis().max(1) as u64);
        command.arg("STREAMS").arg(&self.stream).arg(">");
        let answer: Option<Vec<(String, RawEntries)>> = self.ask(&command).await?;
        let entries = answer
            .into_iter()
            .flatten()
            .flat_map(|(_, entries)| entries);
        entries.map(entry).collect()
    }

    /// Takes over entries that another consumer left unsettled for `idle` (XAUTOCLAIM), from a cursor on.
    pub async fn claim(
        &mut self,
        cursor: Position,
        idle: Duration,
        count: usize,
    ) -> Result<Claimed, AccessError> {
        let mut command = redis::cmd("XAUTOCLAIM");
        command
            .arg(&self.stream)
            .arg(&self.group)
            .arg(&self.consumer);
        command.arg(idle.as_millis() as u64).arg(cursor.to_string());
        command.arg("COUNT").arg(count);
        let (next, entries, _deleted): (String, RawEntries, Vec<String>) =
            self.ask(&command).await?;
        Ok(Claimed {
            cursor: next.parse().map_err(|_| undecodable("cursor", &next))?,
            entries: entries.into_iter().map(entry).collect::<Result<_, _>>()?,
        })
    }

    /// How often entries were delivered so far, in one round trip (XPENDING of each); 0 for one that is
    /// settled.
    pub async fn deliveries(&mut self, entries: &[RawEntry]) -> Result<Vec<u64>, AccessError> {
        let mut each = redis::pipe();
        for entry in entries {
            let id = entry.position.to_string();
            each.cmd("XPENDING").arg(&self.stream).arg(&self.group);
            each.arg(&id).arg(&id).arg(1);
        }
        self.standing.check()?;
        let answer = each.query_async(&mut self.connection).await;
        let pending: Vec<Vec<(String, String, u64, u64)>> = self.read(answer)?;
        let deliveries = pending
            .iter()
            .map(|found| found.first().map_or(0, |of| of.3));
        Ok(deliveries.collect())
    }

    async fn ask<T: FromRedisValue>(&mut self, command: &Cmd) -> Result<T, AccessError> {
        self.standing.check()?;
        let answer = command.query_async(&mut self.connection).await;
        self.read(answer)
    }

    fn read<T>(&self, answer: redis::RedisResult<T>) -> Result<T, AccessError> {
        answer.map_err(|error| {
            let error = AccessError::from_redis(Instance::Streams, &error);
            if error.is_unavailable() {
                self.link.suspect();
            }
            error
        })
    }
}

fn entry((id, fields): (String, Fields)) -> Result<RawEntry, AccessError> {
    let position = id.parse().map_err(|_| undecodable("entry", &id))?;
    Ok(RawEntry { position, fields })
}

fn undecodable(what: &str, id: &str) -> AccessError {
    AccessError::Undecodable {
        instance: Instance::Streams,
        cause: DecodeError(format!("{what} {id}: its ID is no position")),
    }
}
