//! The messages of the WebSocket, as in the contract.

use std::num::NonZeroU32;

use bytestring::ByteString;
use redis_contracts::{Position, Topic};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

/// Largest message from a client, in bytes.
pub(super) const LARGEST_MESSAGE: usize = 16 * 1024;

/// Topics of one socket.
pub(super) const MOST_TOPICS: usize = 100;

/// Messages of a client, also as many at once.
pub(super) const MESSAGES_PER_SECOND: NonZeroU32 = NonZeroU32::new(20).unwrap();

/// As many at once where they are about its topics: it may subscribe to all, one after the other.
pub(super) const MESSAGES_AT_ONCE: NonZeroU32 = NonZeroU32::new(120).unwrap();

/// How long a client should wait before it comes back after a restart.
pub(super) const RETRY_MS: u64 = 500;

/// From the client.
#[derive(Debug, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum Request {
    /// Events of a topic from now on, or after a position.
    Subscribe {
        topic: String,
        after: Option<String>,
    },
    /// No more of a topic.
    Unsubscribe { topic: String },
    /// Are you there?
    Ping,
}

/// To the client.
#[derive(Debug, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum Reply<'a> {
    /// The topic is subscribed; `replayed` events follow, then live ones. With a `gap`, what was
    /// between is not told: read a snapshot and go on from `position`.
    Subscribed {
        topic: &'a str,
        position: Position,
        replayed: u32,
        gap: bool,
    },
    /// Something happened.
    Event {
        topic: &'a str,
        position: Position,
        event: &'a RawValue,
    },
    /// The topic was given up; subscribe again from the last position.
    Resync { topic: &'a str, reason: Resync },
    /// What was asked for cannot be had.
    Error { code: &'a str, topic: &'a str },
    /// Whether events are heard of as they happen; without it they come later, none is lost.
    Status { live: bool },
    /// I am.
    Pong,
}

/// Why a topic was given up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Resync {
    /// The client does not read fast enough.
    SlowConsumer,
    /// What it missed cannot be read now.
    Unavailable,
}

impl Reply<'_> {
    /// The text frame.
    pub(super) fn frame(&self) -> ByteString {
        serde_json::to_string(self).unwrap_or_default().into()
    }
}

/// The frame of an event, made once for all its listeners.
pub(super) fn event_frame(topic: Topic, position: Position, event: &RawValue) -> ByteString {
    let topic = topic.to_string();
    Reply::Event {
        topic: &topic,
        position,
        event,
    }
    .frame()
}

/// The frame of an event whose text was not parsed before; `None` when it is not JSON.
pub(super) fn event_text_frame(
    topic: Topic,
    position: Position,
    event: &str,
) -> Option<ByteString> {
    let event: &RawValue = serde_json::from_str(event).ok()?;
    Some(event_frame(topic, position, event))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_are_as_in_the_contract() {
        let topic = "project:018f0000-0000-7000-8000-000000000000";
        let position = Position::new(1_700_000_000_000, 0);
        let subscribed = Reply::Subscribed {
            topic,
            position,
            replayed: 3,
            gap: false,
        };
        assert_eq!(
            subscribed.frame(),
            format!(
                r#"{{"type":"subscribed","topic":"{topic}","position":"1700000000000-0","replayed":3,"gap":false}}"#
            )
        );
        let event = event_text_frame(topic.parse().expect("a topic"), position, r#"{"id":"x"}"#)
            .expect("JSON");
        assert_eq!(
            event,
            format!(
                r#"{{"type":"event","topic":"{topic}","position":"1700000000000-0","event":{{"id":"x"}}}}"#
            )
        );
        let resync = Reply::Resync {
            topic,
            reason: Resync::SlowConsumer,
        };
        assert_eq!(
            resync.frame(),
            format!(r#"{{"type":"resync","topic":"{topic}","reason":"slow_consumer"}}"#)
        );
        assert_eq!(Reply::Pong.frame(), r#"{"type":"pong"}"#);
    }
}
