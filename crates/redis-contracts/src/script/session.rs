//! Writing sessions.

use std::time::Duration;

use uuid::Uuid;

use super::{Invocation, PUT_SESSION, millis, text};
use crate::{
    Cache, Timestamp, Value,
    keys::{SESSION, SessionRecord, USER_SESSIONS},
};

/// Writes the hot copy of a session or a machine token for `ttl`; see `put_session.lua`. Reply: 1 or 0.
pub fn put_session(id: Uuid, record: &SessionRecord, ttl: Duration) -> Invocation<Cache> {
    let ended = record.ended_at.is_some();
    let is_listed = !ended && record.machine.is_none();
    let listed_until_ms = if is_listed {
        record.expires_at.unix_ms()
    } else {
        0
    };
    Invocation::new(
        &PUT_SESSION,
        vec![
            SESSION.key(id).name().to_owned(),
            USER_SESSIONS.key(record.user.id).name().to_owned(),
        ],
        vec![
            text(record.version),
            record.encode(),
            text(millis(ttl).max(1)),
            text(id),
            text(listed_until_ms),
            text(Timestamp::now().unix_ms()),
            text(u8::from(ended)),
        ],
    )
}
