//! Pub/Sub: channels, topics, and the message they carry.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use uuid::Uuid;

use crate::{Declaration, Kind, Lifetime, Position};

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
        producer: "project-service's relay, in the script that appends",
        holds: "{topic, position, previous, event}; previous is the position before it in the stream, so a hole shows",
    },
};

/// `realtime:ai:events`: what the mentor and the learning loop tell a person, as it is appended to
/// `stream:devmentor:user:{id}`.
pub const LIVE_AI: Channel = Channel {
    declaration: Declaration {
        pattern: "realtime:ai:events",
        kind: Kind::Channel,
        lifetime: Lifetime::Transient,
        producer: "the scripts record_reply and learn",
        holds: "{topic, position, previous, event}; previous is the position before it in that person's stream",
    },
};

/// What a client subscribes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Topic {
    /// Everything that happens in one project: `project:{id}`.
    Project(Uuid),
    /// What the platform tells one person: `user:{id}`.
    User(Uuid),
}

impl fmt::Display for Topic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Project(id) => write!(f, "project:{id}"),
            Self::User(id) => write!(f, "user:{id}"),
        }
    }
}

/// Text that names no topic.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ParseTopicError;

impl FromStr for Topic {
    type Err = ParseTopicError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (kind, id) = text.split_once(':').ok_or(ParseTopicError)?;
        let uuid = Uuid::try_parse(id).map_err(|_| ParseTopicError)?;
        let topic = match kind {
            "project" => Self::Project(uuid),
            "user" => Self::User(uuid),
            _ => return Err(ParseTopicError),
        };
        // Only as we write it: answers carry the topic, and clients compare texts.
        if topic.to_string() == text {
            Ok(topic)
        } else {
            Err(ParseTopicError)
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
