//! What all calls of the append script have in common.

use super::{millis, text};
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
    let timeline = PROJECT_TIMELINE.timeline();
    vec![
        held.encode(),
        channel.as_bytes().to_vec(),
        text(millis(stream.max_age().unwrap_or_default())),
        text(STREAM_BYTES),
        text(timeline.newest),
        text(timeline.bytes),
        text(millis(timeline.idle)),
    ]
}
