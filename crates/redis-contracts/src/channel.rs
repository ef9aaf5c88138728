//! Pub/Sub: channels, topics, and the message they carry.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use uuid::Uuid;

use crate::{Declaration, Kind, Lifetime, Partition, Position};

/// A Pub/Sub channel of the streams Redis.
#[derive(Debug)]
pub struct Channel {
    declaration: Declaration,
}

impl Channel {
    /// The exact name in Redis.
    pub const fn name(&self) -> &'static str {
        self.declaration.pattern
    }

    pub(crate) const fn declaration(&self) -> Declaration {
        self.declaration
    }
}

/// `realtime:devmentor:projects`: each event of `stream:devmentor:projects` as it is appended.
pub const LIVE_PROJECTS: Channel = Channel {
    declaration: Declaration {
        pattern: "realtime:devmentor:projects",
        kind: Kind::Channel,
        lifetime: Lifetime::Transient,
        partition: Partition::None,
        producer: "project-service's relay, in the script that appends",
        holds: "{topic, position, previous, event}; previous is the position before it in the stream, so a hole shows",
    },
};

/// What a client subscribes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Topic {
    /// Everything that happens in one project: `project:{id}`.
    Project(Uuid),
}

impl fmt::Display for Topic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Project(id) => write!(f, "project:{id}"),
        }
    }
}

/// Text that names no topic.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ParseTopicError;

impl FromStr for Topic {
    type Err = ParseTopicError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let id = text.strip_prefix("project:").ok_or(ParseTopicError)?;
        match Uuid::try_parse(id) {
            // Only as we write it: answers carry the topic, and clients compare texts.
            Ok(uuid) if uuid.to_string() == id => Ok(Self::Project(uuid)),
            _ => Err(ParseTopicError),
        }
    }
}

/// A message on a live channel. The event is passed on as it came, without being read.
#[derive(Debug, Serialize, Deserialize)]
pub struct LiveMessage<'a> {
    /// The topic, as text.
    #[serde(borrow)]
    pub topic: &'a str,
    /// The event's position.
    pub position: Position,
    /// The position before it in the stream.
    pub previous: Position,
    /// The event's JSON.
    #[serde(borrow)]
    pub event: &'a RawValue,
}
