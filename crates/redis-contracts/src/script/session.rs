//! Writing sessions.

use std::time::Duration;

use uuid::Uuid;

use super::{Invocation, PUT_SESSION, millis, text};
use crate::{
    Cache, SignedCopy, Value,
    keys::{Rank, SESSION},
};

/// Writes the hot copy of a session or a machine token for `ttl`, and no longer than such a copy may
/// stay; see `put_session.lua`. `forged` is replaced whatever it claims. Reply: the better copy that is
/// held, or nil.
pub fn put_session(
    id: Uuid,
    copy: &SignedCopy,
    rank: Rank,
    ttl: Duration,
    forged: &[u8],
) -> Invocation<Cache> {
    let longest = SESSION.ttl().unwrap_or_default();
    Invocation::new(
        &PUT_SESSION,
        vec![SESSION.key(id).name().to_owned()],
        vec![
            text(rank.version),
            copy.encode(),
            text(millis(ttl.min(longest)).max(1)),
            text(u8::from(rank.ended)),
            forged.to_vec(),
        ],
    )
}
