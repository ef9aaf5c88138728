//! What a process takes in of hot copies from the cache Redis: those that auth-service signed for this
//! session, that are still good, and that are not older than what the process has seen.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use quick_cache::unsync::Cache;
use redis_access::Admitted;
use redis_contracts::{
    DecodeError, HotCopy, SignedCopy, Timestamp,
    keys::{Rank, SessionRecord},
};
use uuid::Uuid;

use super::{BadCopy, TokenVerifier, check_copy};

/// Sessions whose newest copy is remembered: as many as are held.
const REMEMBERED: usize = 100_000;

/// Takes in hot copies.
pub(super) struct Intake {
    verifier: Arc<TokenVerifier>,
    /// The best that was seen of each.
    seen: Mutex<Cache<Uuid, Rank>>,
}

impl Intake {
    /// Checks with the keys of this verifier.
    pub(super) fn new(verifier: Arc<TokenVerifier>) -> Self {
        Self {
            verifier,
            seen: Mutex::new(Cache::new(REMEMBERED)),
        }
    }

    /// What a copy that was read counts as; `None`: nothing, and auth-service is asked.
    pub(super) fn admit(
        &self,
        id: Uuid,
        read: Result<SignedCopy, DecodeError>,
    ) -> Option<Admitted<SessionRecord>> {
        let keys = self.verifier.keys();
        // At the start nothing can be checked, which is nobody's doing.
        if keys.is_empty() {
            return None;
        }
        let checked = check_copy(id, read, &keys).and_then(|copy| self.not_older(id, copy));
        checked.inspect_err(|bad| bad.report(id)).ok().map(admitted)
    }

    /// Nothing of less than this rank is taken in from now on. It may be forgotten when too many others
    /// came since; then a copy is good for as long as it was signed for.
    pub(super) fn has_seen(&self, id: Uuid, rank: Rank) {
        self.at_least(id, rank);
    }

    /// Nothing that is live is taken in from now on.
    pub(super) fn has_ended(&self, id: Uuid) {
        let any_end = Rank {
            ended: true,
            version: 0,
        };
        self.has_seen(id, any_end);
    }

    fn not_older(&self, id: Uuid, copy: HotCopy) -> Result<HotCopy, BadCopy> {
        let rank = copy.session.rank();
        match self.at_least(id, rank) == rank {
            true => Ok(copy),
            false => Err(BadCopy::Older),
        }
    }

    /// The best that was seen, this one included.
    fn at_least(&self, id: Uuid, rank: Rank) -> Rank {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let best = seen.get(&id).map_or(rank, |best| rank.max(*best));
        seen.insert(id, best);
        best
    }
}

fn admitted(copy: HotCopy) -> Admitted<SessionRecord> {
    let left_ms = copy.good_until.unix_ms() - Timestamp::now().unix_ms();
    Admitted {
        value: copy.session,
        good_for: Duration::from_millis(u64::try_from(left_ms).unwrap_or_default()),
    }
}
