//! How streams and their groups are doing.

use std::collections::BTreeMap;

use redis::{Value as Reply, from_redis_value};
use redis_contracts::{
    DEAD_LETTERS, DeadLetter, DecodeError, FieldsValue, Instance, Key, Position, Streams,
    Timestamp, event::Event,
};

use crate::{AccessError, StreamsPool};

/// A stream at a moment.
#[derive(Clone, Debug, PartialEq)]
pub struct StreamReport {
    /// Entries it holds (XLEN).
    pub length: u64,
    /// Memory it takes (MEMORY USAGE).
    pub bytes: u64,
    /// Its last ID.
    pub newest: Position,
    /// Its groups.
    pub groups: Vec<GroupReport>,
}

/// A consumer group at a moment.
#[derive(Clone, Debug, PartialEq)]
pub struct GroupReport {
    /// Its name.
    pub name: String,
    /// Entries it was not given yet.
    pub lag: u64,
    /// How long the oldest of them has waited.
    pub lag_seconds: f64,
    /// Entries it was given and did not settle.
    pub pending: u64,
    /// The age of the oldest of them.
    pub oldest_pending_seconds: f64,
    /// Its members.
    pub consumers: u64,
    /// Where it goes on reading: after this ID.
    pub delivered: Position,
}

type Fields = BTreeMap<String, Reply>;

fn unless_missing<T>(answer: Result<T, AccessError>) -> Result<Option<T>, AccessError> {
    match answer {
        Err(AccessError::Refused { message, .. }) if message.contains("no such key") => Ok(None),
        answer => answer.map(Some),
    }
}

impl StreamsPool {
    /// A stream and its groups (XINFO); `None` when it is not there.
    pub async fn describe(&self, stream: &str) -> Result<Option<StreamReport>, AccessError> {
        // Groups first: what one of them was given is then in the stream that is described.
        let mut command = redis::cmd("XINFO");
        command.arg("GROUPS").arg(stream);
        let described = unless_missing(self.run::<Vec<Fields>>(&command).await)?;
        let held = self.stream_fields(stream).await?;
        let (Some(described), Some(held)) = (described, held) else {
            return Ok(None);
        };
        let mut usage = redis::cmd("MEMORY");
        usage.arg("USAGE").arg(stream);
        let length = read(&held, "length")?;
        let mut groups = Vec::with_capacity(described.len());
        for group in &described {
            groups.push(self.describe_group(stream, length, group).await?);
        }
        Ok(Some(StreamReport {
            length,
            bytes: self.run::<Option<u64>>(&usage).await?.unwrap_or_default(),
            newest: position(&read::<String>(&held, "last-generated-id")?)?,
            groups,
        }))
    }

    /// Whether a stream holds every entry that was ever appended to it; one that is not there does.
    pub async fn is_whole(&self, stream: &Key<Streams, Event>) -> Result<bool, AccessError> {
        let Some(held) = self.stream_fields(stream.name()).await? else {
            return Ok(true);
        };
        Ok(read::<u64>(&held, "length")? == read::<u64>(&held, "entries-added")?)
    }

    async fn stream_fields(&self, stream: &str) -> Result<Option<Fields>, AccessError> {
        let mut command = redis::cmd("XINFO");
        command.arg("STREAM").arg(stream);
        unless_missing(self.run(&command).await)
    }

    async fn describe_group(
        &self,
        stream: &str,
        length: u64,
        group: &Fields,
    ) -> Result<GroupReport, AccessError> {
        let name: String = read(group, "name")?;
        let delivered = position(&read::<String>(group, "last-delivered-id")?)?;
        let waiting = self.first_after(stream, delivered).await?;
        let mut command = redis::cmd("XPENDING");
        command.arg(stream).arg(&name).arg("-").arg("+").arg(1);
        let pending: Vec<(String, String, u64, u64)> = self.run(&command).await?;
        let oldest = pending.first().map(|(id, ..)| position(id)).transpose()?;
        // Redis does not know the lag of a group whose stream lost entries in the middle.
        let lag: Option<u64> = read(group, "lag")?;
        Ok(GroupReport {
            name,
            lag: waiting.map_or(0, |_| lag.unwrap_or(length)),
            lag_seconds: age_seconds(waiting),
            pending: read(group, "pending")?,
            oldest_pending_seconds: age_seconds(oldest),
            consumers: read(group, "consumers")?,
            delivered,
        })
    }

    async fn first_after(
        &self,
        stream: &str,
        id: Position,
    ) -> Result<Option<Position>, AccessError> {
        // Redis takes no range after the highest ID.
        if id == Position::new(u64::MAX, u64::MAX) {
            return Ok(None);
        }
        let mut command = redis::cmd("XRANGE");
        command.arg(stream).arg(format!("({id}")).arg("+");
        command.arg("COUNT").arg(1);
        let found: Vec<(String, Reply)> = self.run(&command).await?;
        found.first().map(|(id, _)| position(id)).transpose()
    }

    /// Dead letters of a stream, newest first, from before a position on. What does not hold the fields of
    /// one is passed over.
    pub async fn dead_letters(
        &self,
        stream: &str,
        before: Option<Position>,
        count: usize,
    ) -> Result<Vec<(Position, DeadLetter)>, AccessError> {
        let from = before.map_or("+".to_owned(), |before| format!("({before}"));
        let mut command = redis::cmd("XREVRANGE");
        command.arg(DEAD_LETTERS.key(stream.to_owned()).name());
        command.arg(from).arg("-").arg("COUNT").arg(count);
        let found = self.run(&command).await.map(Some);
        let found = found.or_else(AccessError::none_if_wrong_type)?;
        let found: Vec<(String, BTreeMap<String, String>)> = found.unwrap_or_default();
        let letters = found.iter().filter_map(|(id, fields)| {
            let letter = DeadLetter::from_fields(fields).ok()?;
            Some(position(id).map(|position| (position, letter)))
        });
        letters.collect()
    }
}

fn age_seconds(of: Option<Position>) -> f64 {
    let now_ms = Timestamp::now().unix_ms().unsigned_abs();
    of.map_or(0.0, |of| now_ms.saturating_sub(of.unix_ms) as f64 / 1000.0)
}

fn position(id: &str) -> Result<Position, AccessError> {
    id.parse().map_err(|_| malformed("an ID"))
}

fn read<T: redis::FromRedisValue>(fields: &Fields, name: &str) -> Result<T, AccessError> {
    let value = fields.get(name).cloned().unwrap_or(Reply::Nil);
    from_redis_value(value).map_err(|_| malformed(name))
}

fn malformed(what: &str) -> AccessError {
    AccessError::Undecodable {
        instance: Instance::Streams,
        cause: DecodeError(format!("{what} is not as Redis writes it")),
    }
}
