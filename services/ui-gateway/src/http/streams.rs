//! The streams and their dead letters, for admins.

use futures_util::future;
use redis_access::{AccessError, GroupReport, StreamsPool};
use redis_contracts::{DEAD_LETTERS, DeadLetter, Kind, Position, Timestamp, catalog};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;
use service_kit::Problem;

use super::{
    Signed,
    call::Call,
    input::Query,
    reply::{Answer, Page, Plain},
};
use crate::contract::{Limit, PageQuery};

/// Dead letters of a page whose length was not said.
const USUAL: u32 = 50;

/// Admins: every stream with a fixed name.
pub(super) async fn list(_: Signed, call: Call) -> Answer<Plain<Streams>> {
    let described = names().map(|name| describe(&call.state.streams, name));
    let streams = future::try_join_all(described).await?;
    Ok(Plain(Streams { streams }))
}

/// Admins: newest first.
pub(super) async fn dead_letters(
    _: Signed,
    call: Call,
    query: Query<PageQuery>,
) -> Answer<Plain<Page<Letter>>> {
    let named = call.request.match_info().get("stream").unwrap_or_default();
    let stream = names().find(|name| *name == named);
    let stream = stream.ok_or_else(|| Problem::not_found("stream"))?;
    let page = query.read(&call)?;
    let limit = match page.limit {
        Limit(0) => USUAL as usize,
        Limit(limit) => limit as usize,
    };
    let before = page.cursor.0.map(|cursor| cursor.parse::<Position>());
    let before = before.transpose().map_err(|_| {
        let message = "expected a cursor as given by the server";
        Problem::invalid_field("cursor", message)
    })?;
    let streams = &call.state.streams;
    let mut letters = streams.dead_letters(stream, before, limit + 1).await?;
    let more = letters.len() > limit;
    letters.truncate(limit);
    let last = letters.last().filter(|_| more);
    let page = Page {
        next_cursor: last.map(|(position, _)| position.to_string()),
        items: letters.into_iter().map(Letter::from).collect(),
    };
    Ok(Plain(page))
}

/// A stream of its own for each project or person is not among them.
fn names() -> impl Iterator<Item = &'static str> {
    let declared = catalog().into_iter();
    let declared = declared.map(|(_, declaration, _)| declaration);
    let fixed = declared.filter(|of| matches!(of.kind, Kind::Stream) && !of.pattern.contains('{'));
    fixed.map(|of| of.pattern)
}

/// Streams and their groups.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "StreamList")]
pub(super) struct Streams {
    streams: Vec<Stream>,
}

#[derive(Serialize, JsonSchema)]
struct Stream {
    stream: &'static str,
    length: u64,
    bytes: u64,
    dead_letters: u64,
    groups: Vec<Group>,
}

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "ConsumerGroup")]
struct Group {
    group: String,
    lag: u64,
    lag_seconds: f64,
    pending: u64,
    oldest_pending_seconds: f64,
    consumers: u64,
}

/// A stream that nothing was appended to yet is empty, and so is what is none: it begins anew.
async fn describe(streams: &StreamsPool, stream: &'static str) -> Result<Stream, AccessError> {
    let dead = DEAD_LETTERS.key(stream.to_owned());
    let described = future::join(streams.describe(stream), streams.describe(dead.name()));
    let (held, dead) = described.await;
    let held = held.or_else(AccessError::none_if_wrong_type)?;
    let dead = dead.or_else(AccessError::none_if_wrong_type)?;
    let dead_letters = dead.map_or(0, |dead| dead.length);
    let (length, bytes, groups) = held.map_or_else(Default::default, |held| {
        (held.length, held.bytes, held.groups)
    });
    Ok(Stream {
        stream,
        length,
        bytes,
        dead_letters,
        groups: groups.into_iter().map(Group::from).collect(),
    })
}

impl From<GroupReport> for Group {
    fn from(of: GroupReport) -> Self {
        Self {
            group: of.name,
            lag: of.lag,
            lag_seconds: of.lag_seconds,
            pending: of.pending,
            oldest_pending_seconds: of.oldest_pending_seconds,
            consumers: of.consumers,
        }
    }
}

/// An entry that no consumer could take.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "DeadLetter")]
pub(super) struct Letter {
    id: Position,
    /// Text where it is no JSON.
    event: Value,
    source_stream: String,
    source_id: String,
    group: String,
    error: String,
    attempts: u64,
    failed_at: Timestamp,
}

impl From<(Position, DeadLetter)> for Letter {
    fn from((id, letter): (Position, DeadLetter)) -> Self {
        Self {
            id,
            event: serde_json::from_str(&letter.event).unwrap_or(Value::String(letter.event)),
            source_stream: letter.source_stream,
            source_id: letter.source_id,
            group: letter.group,
            error: letter.error,
            attempts: letter.attempts,
            failed_at: letter.failed_at,
        }
    }
}
