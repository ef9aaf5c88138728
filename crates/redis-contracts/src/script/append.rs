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

/// What the append script answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AppendReply {
    /// All was appended, the last at this position.
    Appended(Position),
    /// Nothing was: this is the position that its producer has reached.
    Elsewhere(Position),
    /// Nothing was: the stream ends at this ID, and what was to be appended does not come after it.
    InTheWay(Position),
}

impl AppendReply {
    /// Of the two values of the reply; `None` for others.
    pub fn of((code, position): (u8, &str)) -> Option<Self> {
        let position = position.parse().ok()?;
        match code {
            1 => Some(Self::Appended(position)),
            0 => Some(Self::Elsewhere(position)),
            2 => Some(Self::InTheWay(position)),
            _ => None,
        }
    }
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
