//! The keys that are not streams.

use std::{collections::BTreeMap, time::Duration};

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{
    Cache, Declaration, KeyFamily, Kind, Lifetime, Partition, Position, Streams, Timestamp,
    resource::User, value::JsonValue,
};

/// The hot copy of a session. The truth is auth-service's SQL.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionRecord {
    /// Grows with each change in SQL; a copy never replaces a newer one.
    pub version: u64,
    /// Whose session it is.
    pub user: User,
    /// When they signed in.
    pub created_at: Timestamp,
    /// When it ends unless it is used.
    pub expires_at: Timestamp,
    /// When it was last slid.
    pub last_seen: Timestamp,
    /// Set once it was ended: such a copy stays until every token of the session has expired, so
    /// that no late write can bring the session back.
    pub ended_at: Option<Timestamp>,
    /// The client's `User-Agent`.
    pub agent: String,
    /// The client's address.
    pub address: String,
}

impl JsonValue for SessionRecord {}

/// `session:{id}`: a hot copy of a session.
pub const SESSION: KeyFamily<Cache, SessionRecord, Uuid> = KeyFamily::new(Declaration {
    pattern: "session:{id}",
    kind: Kind::String,
    lifetime: Lifetime::Ttl(Duration::from_secs(3600)),
    partition: Partition::User,
    producer: "auth-service",
    holds: "hot copy of a session, slid at most once a minute; the truth is auth-service's SQL",
});

/// The members of [`USER_SESSIONS`]: session ids scored by expiry, in Unix milliseconds.
#[derive(Debug)]
pub enum SessionIndex {}

/// `user_sessions:{user_id}`: the live sessions of a person, by expiry.
pub const USER_SESSIONS: KeyFamily<Cache, SessionIndex, Uuid> = KeyFamily::new(Declaration {
    pattern: "user_sessions:{user_id}",
    kind: Kind::SortedSet,
    lifetime: Lifetime::LongestMember,
    partition: Partition::User,
    producer: "auth-service",
    holds: "ids of a person's sessions, scored by expiry",
});

/// What a process says of itself every few seconds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HealthRecord {
    /// Version of the build.
    pub version: String,
    /// When the process started.
    pub started: Timestamp,
    /// Whether it can do its work.
    pub ready: bool,
    /// What is away, by name, with the reason.
    pub degraded: BTreeMap<String, String>,
}

impl JsonValue for HealthRecord {}

/// `system:health:{service}/{instance}`: a process's own word on its health.
pub const SYSTEM_HEALTH: KeyFamily<Cache, HealthRecord, (&str, String)> =
    KeyFamily::new(Declaration {
        pattern: "system:health:{service}/{instance}",
        kind: Kind::String,
        lifetime: Lifetime::Ttl(Duration::from_secs(30)),
        partition: Partition::None,
        producer: "every process",
        holds: "version, start, readiness and what is degraded; refreshed every 10 s",
    });

/// `outbox:{producer}`: the position last appended by a producer.
pub const OUTBOX: KeyFamily<Streams, Position, &str> = KeyFamily::new(Declaration {
    pattern: "outbox:{producer}",
    kind: Kind::String,
    lifetime: Lifetime::Permanent,
    partition: Partition::None,
    producer: "the append script",
    holds: "position last appended: compare-and-append, hence fence, dedupe and detection of a lost tail",
});

/// The producer name of project-service's relay.
pub const OUTBOX_PRODUCER_PROJECTS: &str = "project-service";
