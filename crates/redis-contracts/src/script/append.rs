//! What all calls of the append script have in common.

use super::{max_age, text, timeline_bounds};
use crate::{PROJECT_TIMELINE, Position, STREAM_BYTES, StreamFamily, Value};

/// Whether what is appended is also published.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hearing {
    /// To everyone who listens.
    Live,
    /// It is history that Redis has lost: whoever wants it reads it.
    Quiet,
}

/// The arguments before the events.
pub(super) fn head(held: Position, channel: &str, stream: &StreamFamily<()>) -> Vec<Vec<u8>> {
    let mut args = vec![
        held.encode(),
        channel.as_bytes().to_vec(),
        max_age(stream),
        text(STREAM_BYTES),
    ];
    args.extend(timeline_bounds(PROJECT_TIMELINE.timeline()));
    args
}
