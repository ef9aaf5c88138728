//! Appending the events of projects.

use uuid::Uuid;

use super::{APPEND, Invocation, millis, oldest_kept, text};
use crate::{
    LIVE_PROJECTS, PROJECT_TIMELINE, PROJECTS, Position, Streams, Topic, Value,
    keys::{OUTBOX, OUTBOX_PRODUCER_PROJECTS},
};

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
    let max_age = PROJECTS.max_age();
    let mut args = Vec::with_capacity(4 + 4 * events.len());
    args.push(held.encode());
    args.push(LIVE_PROJECTS.name().as_bytes().to_vec());
    args.push(oldest_kept(max_age));
    args.push(text(PROJECT_TIMELINE.newest().unwrap_or_default()));
    for event in events {
        let expire_ms = if event.ends_timeline {
            millis(max_age.unwrap_or_default())
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
