//! The streams.

use std::time::Duration;

use uuid::Uuid;

use crate::{Declaration, KeyArgs, KeyFamily, Kind, Lifetime, Partition, Streams, event::Event};

/// The one field of a stream entry; it holds the event as JSON.
pub const EVENT_FIELD: &str = "event";

/// A family of streams, all of them on the streams Redis and all of them of events.
pub type StreamFamily<A> = KeyFamily<Streams, Event, A>;

/// `stream:devmentor:projects`: everything that happens in projects, in commit order.
pub const PROJECTS: StreamFamily<()> = KeyFamily::new(Declaration {
    pattern: "stream:devmentor:projects",
    kind: Kind::Stream,
    lifetime: Lifetime::MaxAge(Duration::from_secs(7 * 86_400)),
    partition: Partition::None,
    producer: "project-service's relay",
    holds: "project, task and comment events in commit order",
});

/// `stream:devmentor:project:{id}`: one project's timeline, under the same IDs.
pub const PROJECT_TIMELINE: StreamFamily<Uuid> = KeyFamily::new(Declaration {
    pattern: "stream:devmentor:project:{id}",
    kind: Kind::Stream,
    lifetime: Lifetime::Newest(1000),
    partition: Partition::Project,
    producer: "project-service's relay, in the script that appends to stream:devmentor:projects",
    holds: "that project's newest events, for replay to topic project:{id}; a deleted project's goes after 7 d",
});

impl<A: KeyArgs> StreamFamily<A> {
    /// How many of its newest entries a stream of this family keeps, where that is its bound.
    pub const fn newest(&self) -> Option<u64> {
        match self.lifetime() {
            Lifetime::Newest(count) => Some(count),
            _ => None,
        }
    }

    /// How long a stream of this family keeps an entry, where that is its bound.
    pub const fn max_age(&self) -> Option<Duration> {
        match self.lifetime() {
            Lifetime::MaxAge(age) => Some(age),
            _ => None,
        }
    }
}
