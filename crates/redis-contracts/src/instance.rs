//! The two Redis instances, as values and as types.

use std::fmt;

/// Which of the two Redis instances holds something.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Instance {
    /// Sessions, limits and caches: may be lost, the system survives.
    Cache,
    /// Streams, Pub/Sub, profiles and queues: must not be lost.
    Streams,
}

impl Instance {
    /// The name used in settings, metrics and documents.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Cache => "cache",
            Self::Streams => "streams",
        }
    }
}

impl fmt::Display for Instance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// An instance as a type, so that a key of one cannot be sent to the other: it does not compile.
pub trait RedisInstance: Send + Sync + 'static {
    /// The instance this type stands for.
    const INSTANCE: Instance;
}

/// The cache Redis as a type.
#[derive(Clone, Copy, Debug)]
pub enum Cache {}

/// The streams Redis as a type.
#[derive(Clone, Copy, Debug)]
pub enum Streams {}

impl RedisInstance for Cache {
    const INSTANCE: Instance = Instance::Cache;
}

impl RedisInstance for Streams {
    const INSTANCE: Instance = Instance::Streams;
}
