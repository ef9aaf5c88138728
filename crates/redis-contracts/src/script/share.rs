//! Counting what a person adds in a day.

use uuid::Uuid;

use super::{COUNT_SHARE, Invocation, text};
use crate::{Cache, keys::SHARE};

/// What one process has counted of a person.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Counted {
    /// The person.
    pub user_id: Uuid,
    /// Names this count: no other process has the same.
    pub counter: Uuid,
    /// In which UTC day, in days since 1970.
    pub day: i64,
    /// Bytes of that day.
    pub bytes: u64,
}

/// Adds what a process has counted to what others have; see `count_share.lua`. Reply: the Unix ms of Redis,
/// then the bytes of all processes.
pub fn count_share(share: &'static str, counted: &Counted) -> Invocation<Cache> {
    let key = SHARE.key((share, counted.user_id.to_string()));
    Invocation::new(
        &COUNT_SHARE,
        vec![key.name().to_owned()],
        vec![
            text(counted.day),
            text(counted.counter.simple()),
            text(counted.bytes),
        ],
    )
}
