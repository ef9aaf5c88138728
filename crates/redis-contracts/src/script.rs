//! The Lua scripts: named, documented, and called with keys of one instance only.

use std::time::Duration;

use uuid::Uuid;

use crate::{
    Cache, LIVE_PROJECTS, PROJECT_TIMELINE, PROJECTS, Position, RedisInstance, Streams, Timestamp,
    Topic, Value,
    keys::{OUTBOX, OUTBOX_PRODUCER_PROJECTS, SESSION, SessionRecord, USER_SESSIONS},
};

/// A Lua script. Each is safe to send again when its reply was lost: it looks at what is held first.
#[derive(Debug)]
pub struct Script {
    /// Name in metrics, logs and the reference.
    pub name: &'static str,
    /// Lua source; its head documents KEYS, ARGV and the reply.
    pub source: &'static str,
}

/// Compare-and-append of events: XADD, XADD to the timeline and PUBLISH at once.
pub static APPEND: Script = Script {
    name: "append",
    source: include_str!("scripts/append.lua"),
};

/// Writes a session's hot copy and index together.
pub static PUT_SESSION: Script = Script {
    name: "put_session",
    source: include_str!("scripts/put_session.lua"),
};

/// Every script.
pub static SCRIPTS: &[&Script] = &[&APPEND, &PUT_SESSION];

/// A script with its keys and arguments, for the instance `I`.
pub struct Invocation<I> {
    /// The script.
    pub script: &'static Script,
    /// KEYS.
    pub keys: Vec<String>,
    /// ARGV.
    pub args: Vec<Vec<u8>>,
    instance: std::marker::PhantomData<fn() -> I>,
}

impl<I: RedisInstance> Invocation<I> {
    const fn new(script: &'static Script, keys: Vec<String>, args: Vec<Vec<u8>>) -> Self {
        Self {
            script,
            keys,
            args,
            instance: std::marker::PhantomData,
        }
    }
}

/// An event on its way to the stream.
#[derive(Clone, Debug)]
pub struct Append {
    /// The position SQL gave it.
    pub position: Position,
    /// The project it belongs to.
    pub project_id: Uuid,
    /// The event's JSON.
    pub event: String,
    /// Whether this is the last event of its timeline.
    pub ends_timeline: bool,
}

/// Appends project events after `held`; see `append.lua`. Reply: `(appended, position held)`.
pub fn append_project_events(held: Position, events: &[Append]) -> Invocation<Streams> {
    let mut keys = Vec::with_capacity(2 + events.len());
    keys.push(OUTBOX.key(OUTBOX_PRODUCER_PROJECTS).name().to_owned());
    keys.push(PROJECTS.key(()).name().to_owned());
    let max_age = PROJECTS.max_age().unwrap_or_default();
    let oldest_ms = Timestamp::now().unix_ms() - millis(max_age);
    let mut args = Vec::with_capacity(4 + 4 * events.len());
    args.push(held.encode());
    args.push(LIVE_PROJECTS.name().as_bytes().to_vec());
    args.push(text(oldest_ms));
    args.push(text(PROJECT_TIMELINE.newest().unwrap_or_default()));
    for event in events {
        let expire_ms = if event.ends_timeline {
            millis(max_age)
        } else {
            0
        };
        keys.push(PROJECT_TIMELINE.key(event.project_id).name().to_owned());
        args.push(event.position.encode());
        args.push(text(Topic::Project(event.project_id)));
        args.push(event.event.clone().into_bytes());
        args.push(text(expire_ms));
    }
    Invocation::new(&APPEND, keys, args)
}

/// Writes the hot copy of a session for `ttl`; see `put_session.lua`. Reply: 1 or 0.
pub fn put_session(id: Uuid, record: &SessionRecord, ttl: Duration) -> Invocation<Cache> {
    let ends_at_ms = match record.ended_at {
        Some(_) => 0,
        None => record.expires_at.unix_ms(),
    };
    Invocation::new(
        &PUT_SESSION,
        vec![
            SESSION.key(id).name().to_owned(),
            USER_SESSIONS.key(record.user.id).name().to_owned(),
        ],
        vec![
            text(record.version),
            record.encode(),
            text(millis(ttl).max(1)),
            text(id),
            text(ends_at_ms),
            text(Timestamp::now().unix_ms()),
        ],
    )
}

fn text(value: impl std::fmt::Display) -> Vec<u8> {
    value.to_string().into_bytes()
}

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}
