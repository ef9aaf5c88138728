//! What is in Redis: every key, stream, channel, script and event type of the platform is declared
//! here and nowhere else.
//!
//! The declarations are data. Names, TTLs and value types are taken from them by the code, and the
//! reference in `docs/redis.md` is generated from them. This crate is pure: no client, no runtime,
//! no service; `redis-access` says how Redis is reached.

mod catalog;
mod channel;
mod declaration;
pub mod event;
mod instance;
pub mod keys;
mod position;
mod reference;
pub mod resource;
pub mod script;
mod stream;
mod timestamp;
mod value;

pub use catalog::catalog;
pub use channel::{Channel, LIVE_PROJECTS, LiveMessage, Topic};
pub use declaration::{Declaration, Key, KeyArgs, KeyFamily, Kind, Lifetime, Partition};
pub use instance::{Cache, Instance, RedisInstance, Streams};
pub use position::{ParsePositionError, Position};
pub use reference::reference_markdown;
pub use stream::{EVENT_FIELD, PROJECT_TIMELINE, PROJECTS, StreamFamily};
pub use timestamp::{ParseTimestampError, Timestamp};
pub use value::{DecodeError, Value};
