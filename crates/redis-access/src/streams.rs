//! Reading streams.

use std::collections::BTreeMap;

use redis_contracts::{
    DecodeError, EVENT_FIELD, FieldsValue, Instance, Key, Position, Streams, event::Event,
};

use crate::{AccessError, StreamsPool};

/// A stream entry: its position and the event's JSON, unread.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The entry's ID.
    pub position: Position,
    /// The event's JSON; empty where somebody has added an entry that holds none.
    pub event: String,
}

type Raw = Vec<(String, Vec<(String, String)>)>;

impl StreamsPool {
    /// HGETALL of a declared hash; `None` when it is not there.
    pub async fn fields<V: FieldsValue>(
        &self,
        key: &Key<Streams, V>,
    ) -> Result<Option<V>, AccessError> {
        let mut command = redis::cmd("HGETALL");
        command.arg(key.name());
        let fields: BTreeMap<String, String> = self.run(&command).await?;
        if fields.is_empty() {
            return Ok(None);
        }
        V::from_fields(&fields)
            .map(Some)
            .map_err(|cause| AccessError::Undecodable {
                instance: Instance::Streams,
                cause: DecodeError(format!("{}: {cause}", key.name())),
            })
    }

    /// TIME: Unix milliseconds by the clock of Redis.
    pub async fn time_ms(&self) -> Result<i64, AccessError> {
        let (seconds, microseconds): (i64, i64) = self.run(&redis::cmd("TIME")).await?;
        Ok(seconds * 1000 + microseconds / 1000)
    }

    /// XRANGE from `first`, inclusive, up to `count` entries, over a connection for bulk work.
    pub async fn entries_from(
        &self,
        stream: &Key<Streams, Event>,
        first: Position,
        count: usize,
    ) -> Result<Vec<Entry>, AccessError> {
        let mut command = redis::cmd("XRANGE");
        command
            .arg(stream.name())
            .arg(first.to_string())
            .arg("+")
            .arg("COUNT")
            .arg(count);
        self.bulk_entries(&command).await
    }

    /// The position of the newest entry, [`Position::START`] when there is none.
    pub async fn newest_position(
        &self,
        stream: &Key<Streams, Event>,
    ) -> Result<Position, AccessError> {
        let mut command = redis::cmd("XREVRANGE");
        command
            .arg(stream.name())
            .arg("+")
            .arg("-")
            .arg("COUNT")
            .arg(1);
        let newest = self.bulk_entries(&command).await?;
        Ok(newest
            .first()
            .map_or(Position::START, |entry| entry.position))
    }

    async fn bulk_entries(&self, command: &redis::Cmd) -> Result<Vec<Entry>, AccessError> {
        let mut connection = self.bulk().await?;
        let answer = command.query_async(&mut connection).await;
        let raw: Raw =
            answer.map_err(|error| AccessError::from_redis(Instance::Streams, &error))?;
        raw.into_iter().map(entry).collect()
    }
}

fn entry((id, fields): (String, Vec<(String, String)>)) -> Result<Entry, AccessError> {
    let position = id.parse().map_err(|_| AccessError::Undecodable {
        instance: Instance::Streams,
        cause: DecodeError(format!("entry {id}: its ID is no position")),
    })?;
    let event = fields
        .into_iter()
        .find_map(|(name, value)| (name == EVENT_FIELD).then_some(value));
    Ok(Entry {
        position,
        event: event.unwrap_or_default(),
    })
}
