//! The keys that are not streams.

use std::{collections::BTreeMap, time::Duration};

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{
    Cache, Declaration, KeyFamily, Kind, Lifetime, Position, SignedCopy, Streams, Timestamp,
    resource::User, value::JsonValue,
};

/// The hot copy of a session. The truth is auth-service's SQL.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionRecord {
    /// Grows with each change in SQL; a copy never replaces a newer one, and no live one a copy of what
    /// has ended.
    pub version: u64,
    /// Whose session it is.
    pub user: User,
    /// When they signed in.
    pub created_at: Timestamp,
    /// When it ends unless it is used.
    pub expires_at: Timestamp,
    /// When it was last slid, or its use last noted.
    pub last_seen: Timestamp,
    /// Set once it was ended: such a copy stays until every token of the session has expired, so
    /// that no late write can bring the session back.
    pub ended_at: Option<Timestamp>,
    /// The client's `User-Agent`.
    pub agent: String,
    /// The client's address.
    pub address: String,
    /// Set when this is a machine token, which is checked by its secret and bound to its scopes.
    #[serde(default)]
    pub machine: Option<MachineAccess>,
}

impl SessionRecord {
    /// What decides between copies of one session.
    pub const fn rank(&self) -> Rank {
        Rank {
            ended: self.ended_at.is_some(),
            version: self.version,
        }
    }
}

/// What decides between copies of one session: what has ended is never live again; else the newer
/// version counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Rank {
    /// Whether it has ended.
    pub ended: bool,
    /// Its version.
    pub version: u64,
}

/// What a machine token opens.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MachineAccess {
    /// SHA-256 of the token, hexadecimal.
    pub sha256: String,
    /// What it may do.
    pub scopes: Vec<Scope>,
}

/// What a machine token may do, beside what its person's roles allow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Scope {
    /// Look.
    Read,
    /// Change.
    Write,
    /// What takes the role admin.
    Admin,
}

impl Scope {
    /// Every scope.
    pub const ALL: [Self; 3] = [Self::Read, Self::Write, Self::Admin];

    /// The name in JSON and in messages.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Write => "write",
            Self::Admin => "admin",
        }
    }

    /// The scope of this name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|scope| scope.name() == name)
    }
}

/// `session:{id}`: a hot copy of a session. It goes a minute before it is good no more, so that clocks
/// may differ by that.
pub const SESSION: KeyFamily<Cache, SignedCopy, Uuid> = KeyFamily::new(Declaration {
    pattern: "session:{id}",
    kind: Kind::String,
    lifetime: Lifetime::Ttl(Duration::from_secs(3540)),
    producer: "auth-service",
    holds: "hot copy of a session or a machine token, signed by auth-service for an hour at most; a session is slid when a quarter of its idle time is gone, the use of a machine token noted once in 15 min; the truth is auth-service's SQL",
});

/// `rate_limit:{policy}:{subject}`: the state of one limit; see `admit.lua`.
pub const RATE_LIMIT: KeyFamily<Cache, LimitState, (&'static str, String)> = KeyFamily::new(
    Declaration {
        pattern: "rate_limit:{policy}:{subject}",
        kind: Kind::String,
        lifetime: Lifetime::Window,
        producer: "auth-service and ui-gateway",
        holds: "GCRA state of a rate (theoretical arrival time, Unix microseconds), or the count of a quota",
    },
);

/// The value of [`RATE_LIMIT`]; only scripts read it.
#[derive(Debug)]
pub enum LimitState {}

/// `share:{share}:{user}`: how much a person has added in this UTC day; see `count_share.lua`.
pub const SHARE: KeyFamily<Cache, ShareState, (&'static str, String)> = KeyFamily::new(
    Declaration {
        pattern: "share:{share}:{user}",
        kind: Kind::Hash,
        lifetime: Lifetime::Window,
        producer: "project-service and ai-gateway",
        holds: "bytes that a person added in this UTC day, one field for each process that counts them",
    },
);

/// The value of [`SHARE`]; only scripts read it.
#[derive(Debug)]
pub enum ShareState {}

/// `login_failures:{sha256 email}:{origin}`: distinct wrong passwords of late; see `record_failure.lua`.
pub const LOGIN_FAILURES: KeyFamily<Cache, Failures, (String, String)> = KeyFamily::new(
    Declaration {
        pattern: "login_failures:{sha256 email}:{origin}",
        kind: Kind::String,
        lifetime: Lifetime::Ttl(Duration::from_secs(900)),
        producer: "auth-service",
        holds: "Unix ms of the first, then a truncated keyed hash of each distinct wrong password; origin: a known device, or the network",
    },
);

/// The value of [`LOGIN_FAILURES`]; only scripts read it.
#[derive(Debug)]
pub enum Failures {}

/// `locked:{sha256 email}:{origin}`: sign-in to this address is locked from this origin.
pub const LOCKED: KeyFamily<Cache, LockedSince, (String, String)> = KeyFamily::new(Declaration {
    pattern: "locked:{sha256 email}:{origin}",
    kind: Kind::String,
    lifetime: Lifetime::Ttl(Duration::from_secs(900)),
    producer: "auth-service",
    holds: "Unix ms at which it was locked, and the id of the call that did; void when an admin has unlocked the account since",
});

/// The value of [`LOCKED`]; only scripts read it.
#[derive(Debug)]
pub enum LockedSince {}

/// The ids of the keys that access tokens are verified with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SigningKeyIds {
    /// `kid` of each, the newest first.
    pub kids: Vec<String>,
}

impl JsonValue for SigningKeyIds {}

/// `auth:keys`: written when a signing key is published; who verifies tokens watches it, so that the
/// key is known everywhere before it signs.
pub const SIGNING_KEYS: KeyFamily<Cache, SigningKeyIds, ()> = KeyFamily::new(Declaration {
    pattern: "auth:keys",
    kind: Kind::String,
    lifetime: Lifetime::Ttl(Duration::from_secs(86_400)),
    producer: "auth-service",
    holds: "ids of the published signing keys; a change tells processes to fetch the keys again",
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
        producer: "every process",
        holds: "version, start, readiness and what is degraded; refreshed every 10 s",
    });

/// `outbox:{producer}`: the position last appended by a producer.
pub const OUTBOX: KeyFamily<Streams, Position, &str> = KeyFamily::new(Declaration {
    pattern: "outbox:{producer}",
    kind: Kind::String,
    lifetime: Lifetime::Permanent,
    producer: "the append script",
    holds: "position last appended: compare-and-append, hence fence, dedupe and detection of a lost tail",
});

/// The producer name of project-service's relay.
pub const OUTBOX_PRODUCER_PROJECTS: &str = "project-service";

/// The producer name of auth-service's relay.
pub const OUTBOX_PRODUCER_AUTH: &str = "auth-service";
