//! How Redis is reached: typed pools, bounded waits, retries of safe commands only, and a link that
//! is watched and mended in the background.
//!
//! [`CachePool`] and [`StreamsPool`] are different types: a key of one instance cannot be sent to
//! the other. Short commands share one multiplexed connection per worker thread; what moves bulk
//! borrows a connection of its own, so that it never holds up a short one. What is read again and again
//! is held in the process and told about by Redis ([`Tracking`]).

mod backoff;
mod bulk;
mod client;
mod describe;
mod error;
mod groups;
mod link;
mod memory;
mod metrics;
mod pool;
mod push;
mod server;
mod settings;
mod streams;
mod tracking;
mod waiting;

pub use backoff::Backoff;
pub use describe::{GroupReport, StreamReport};
pub use error::{AccessError, Trouble};
pub use groups::{Claimed, GroupReader, RawEntry};
pub use link::{LinkState, LinkWatch};
pub use memory::Memory;
pub use pool::{CachePool, Pool, StreamsPool};
pub use push::{PushConnection, PushLost};
pub use settings::{InvalidRedisUrl, RedisSettings};
pub use streams::Entry;
pub use tracking::{Admitted, Change, Changes, SILENT_FOR, TrackedCache, Tracking};
pub use waiting::{Elapsed, within};
