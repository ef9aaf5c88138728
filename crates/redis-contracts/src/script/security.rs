//! Appending the events of accounts and sessions.

use super::{APPEND, Invocation, append::head};
use crate::{
    AUTH_EVENTS, Position, Streams, Value,
    keys::{OUTBOX, OUTBOX_PRODUCER_AUTH},
};

/// An event on its way to the stream.
#[derive(Clone, Debug)]
pub struct SecurityAppend {
    /// The position SQL gave it.
    pub position: Position,
    /// The event's JSON.
    pub event: String,
}

/// Appends security events after `held`; see `append.lua`. Reply: [`AppendReply`](super::AppendReply).
pub fn append_security_events(held: Position, events: &[SecurityAppend]) -> Invocation<Streams> {
    let keys = vec![
        OUTBOX.key(OUTBOX_PRODUCER_AUTH).name().to_owned(),
        AUTH_EVENTS.key(()).name().to_owned(),
    ];
    let mut args = head(held, "", &AUTH_EVENTS);
    for event in events {
        args.push(event.position.encode());
        args.push(Vec::new());
        args.push(event.event.clone().into_bytes());
    }
    Invocation::new(&APPEND, keys, args)
}
