//! The streams.

use std::time::Duration;

use uuid::Uuid;

use crate::{
    DeadLetter, Declaration, KeyArgs, KeyFamily, Kind, Lifetime, Streams, Timeline, event::Event,
};

/// The one field of a stream entry; it holds the event as JSON.
pub const EVENT_FIELD: &str = "event";

/// A family of streams, all of them on the streams Redis and all of them of events.
pub type StreamFamily<A> = KeyFamily<Streams, Event, A>;

/// Bytes of the streams Redis where its `maxmemory` is not set. Before it is full, the timelines that are idle
/// longest go.
pub const STREAMS_BYTES: u64 = 1 << 30;

/// Bytes of a stream. Beyond it what its group has acknowledged goes, the oldest first; where that is not
/// enough, the streams that SQL has as well lose their oldest, and the others take nothing new.
pub const STREAM_BYTES: u64 = 256 << 20;

/// `stream:devmentor:projects`: everything that happens in projects, in commit order.
pub const PROJECTS: StreamFamily<()> = KeyFamily::new(Declaration {
    pattern: "stream:devmentor:projects",
    kind: Kind::Stream,
    lifetime: Lifetime::MaxAge(Duration::from_secs(7 * 86_400)),
    producer: "project-service's relay",
    holds: "project, task and comment events in commit order",
});

/// `stream:devmentor:project:{id}`: one project's timeline, under the same IDs.
pub const PROJECT_TIMELINE: StreamFamily<Uuid> = KeyFamily::new(Declaration {
    pattern: "stream:devmentor:project:{id}",
    kind: Kind::Stream,
    lifetime: Lifetime::Timeline(Timeline {
        newest: 1000,
        bytes: 2 << 20,
        idle: DAY.saturating_mul(7),
    }),
    producer: "project-service's relay, in the script that appends to stream:devmentor:projects",
    holds: "that project's newest events, for replay to topic project:{id}",
});

const DAY: Duration = Duration::from_secs(86_400);

/// The consumer group of the learning loop.
pub const LEARNING_GROUP: &str = "learning-group";

/// A stream that a group reads. An entry goes when it is older than the stream's age and every one of
/// its groups has acknowledged it.
#[derive(Clone, Copy)]
pub struct Consumed {
    /// The stream.
    pub stream: &'static StreamFamily<()>,
    /// Who reads it.
    pub group: &'static str,
}

/// Every stream with a group.
pub const CONSUMED: &[Consumed] = &[
    Consumed {
        stream: &FEEDBACK,
        group: LEARNING_GROUP,
    },
    Consumed {
        stream: &INTERACTIONS,
        group: LEARNING_GROUP,
    },
    Consumed {
        stream: &AI_EVENTS,
        group: LEARNING_GROUP,
    },
];

/// The streams with a name of their own whose IDs Redis gives.
pub const STREAMS: &[&StreamFamily<()>] = &[
    &FEEDBACK,
    &INTERACTIONS,
    &AI_EVENTS,
    &ADAPTATIONS,
    &MODEL_UPDATES,
];

/// `user:feedback`: every rating. Others may append to it.
pub const FEEDBACK: StreamFamily<()> = KeyFamily::new(Declaration {
    pattern: "user:feedback",
    kind: Kind::Stream,
    lifetime: Lifetime::MaxAge(DAY.saturating_mul(30)),
    producer: "ai-gateway, and others",
    holds: "feedback.given; group learning-group",
});

/// `user:interactions`: what people do with the mentor. Others may append to it.
pub const INTERACTIONS: StreamFamily<()> = KeyFamily::new(Declaration {
    pattern: "user:interactions",
    kind: Kind::Stream,
    lifetime: Lifetime::MaxAge(DAY.saturating_mul(7)),
    producer: "ai-gateway, and others",
    holds: "interaction.recorded: asked, copied, followed up, accepted, dismissed; group learning-group",
});

/// `ai:events`: every reply of the mentor.
pub const AI_EVENTS: StreamFamily<()> = KeyFamily::new(Declaration {
    pattern: "ai:events",
    kind: Kind::Stream,
    lifetime: Lifetime::MaxAge(DAY.saturating_mul(7)),
    producer: "ai-gateway",
    holds: "mentor.replied; group learning-group",
});

/// `ai:adaptations`: replies whose style was chosen by a newer profile than the one before.
pub const ADAPTATIONS: StreamFamily<()> = KeyFamily::new(Declaration {
    pattern: "ai:adaptations",
    kind: Kind::Stream,
    lifetime: Lifetime::MaxAge(DAY.saturating_mul(7)),
    producer: "ai-gateway",
    holds: "mentor.adapted",
});

/// `ai:model:updates`: every change of a profile.
pub const MODEL_UPDATES: StreamFamily<()> = KeyFamily::new(Declaration {
    pattern: "ai:model:updates",
    kind: Kind::Stream,
    lifetime: Lifetime::MaxAge(DAY.saturating_mul(7)),
    producer: "learning-consumer",
    holds: "learning.profile.updated",
});

/// `auth:events`: what happened to accounts and sessions, in commit order.
pub const AUTH_EVENTS: StreamFamily<()> = KeyFamily::new(Declaration {
    pattern: "auth:events",
    kind: Kind::Stream,
    lifetime: Lifetime::MaxAge(DAY),
    producer: "auth-service's relay",
    holds: "security.*; the truth is auth-service's SQL",
});

/// `stream:devmentor:user:{id}`: what the platform tells one person.
pub const USER_TIMELINE: StreamFamily<Uuid> = KeyFamily::new(Declaration {
    pattern: "stream:devmentor:user:{id}",
    kind: Kind::Stream,
    lifetime: Lifetime::Timeline(Timeline {
        newest: 200,
        bytes: 2 << 20,
        idle: DAY.saturating_mul(30),
    }),
    producer: "the script that appends the event's source",
    holds: "learning.profile.updated and mentor.adapted, for replay to topic user:{id}",
});

/// `dlq:{stream}`: entries of a stream that no consumer can take, with the reason.
pub const DEAD_LETTERS: KeyFamily<Streams, DeadLetter, String> = KeyFamily::new(Declaration {
    pattern: "dlq:{stream}",
    kind: Kind::Stream,
    lifetime: Lifetime::Newest(100_000),
    producer: "stream-worker",
    holds: "event (raw, or all fields as JSON), source_stream, source_id, group, error, attempts, failed_at",
});

impl<V, A: KeyArgs> KeyFamily<Streams, V, A> {
    /// How many of its newest entries a stream of this family keeps, where that is its bound.
    pub const fn newest(&self) -> Option<u64> {
        match self.lifetime() {
            Lifetime::Newest(count) => Some(count),
            _ => None,
        }
    }

    /// The bounds of a timeline of this family.
    ///
    /// # Panics
    /// For a family of other streams.
    pub const fn timeline(&self) -> Timeline {
        match self.lifetime() {
            Lifetime::Timeline(timeline) => timeline,
            _ => panic!("a timeline"),
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
