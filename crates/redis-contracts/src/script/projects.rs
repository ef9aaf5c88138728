//! Appending the events of projects.

use uuid::Uuid;

use super::{APPEND, Invocation, append::head};
use crate::{
    LIVE_PROJECTS, PROJECT_TIMELINE, PROJECTS, Position, Streams, Topic, Value,
    keys::{OUTBOX, OUTBOX_PRODUCER_PROJECTS},
    script::{Hearing, text},
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
}

/// Appends project events after `held`; see `append.lua`. Reply: [`AppendReply`](super::AppendReply).
pub fn append_project_events(
    held: Position,
    events: &[Append],
    hearing: Hearing,
) -> Invocation<Streams> {
    let mut keys = Vec::with_capacity(2 + events.len());
    keys.push(OUTBOX.key(OUTBOX_PRODUCER_PROJECTS).name().to_owned());
    keys.push(PROJECTS.key(()).name().to_owned());
    let channel = match hearing {
        Hearing::Live => LIVE_PROJECTS.name(),
        Hearing::Quiet => "",
    };
    let mut args = head(held, channel, &PROJECTS);
    args.reserve(3 * events.len());
    for event in events {
        keys.push(PROJECT_TIMELINE.key(event.project_id).name().to_owned());
        args.push(event.position.encode());
        args.push(text(Topic::Project(event.project_id)));
        args.push(event.event.clone().into_bytes());
    }
    Invocation::new(&APPEND, keys, args)
}
