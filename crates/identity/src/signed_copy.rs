//! Hot copies of sessions: signed by auth-service, checked by whoever takes one in.

use std::{
    sync::{LazyLock, Mutex, PoisonError},
    time::{Duration, Instant},
};

use jsonwebtoken::{Algorithm, EncodingKey, crypto};
use prometheus::{IntCounterVec, register_int_counter_vec};
use redis_contracts::{
    COPY_GOOD_FOR, DecodeError, HotCopy, SignedCopy, Timestamp, Value,
    keys::{SESSION, SessionRecord},
};
use service_kit::Problem;
use uuid::Uuid;

use super::KeySet;

/// How often a copy that was not accepted is logged.
const LOGGED_EVERY: Duration = Duration::from_secs(60);

static REFUSED: LazyLock<IntCounterVec> = LazyLock::new(|| {
    register_int_counter_vec!(
        "devmentor_session_copies_refused_total",
        "Hot copies in the cache Redis that were not accepted, and asked for anew.",
        &["reason"]
    )
    .expect("a metric is registered once")
});

/// A hot copy that does not count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BadCopy {
    /// It has not the form of one.
    Unreadable,
    /// It names a key that is not published, perhaps not yet.
    UnknownKey,
    /// It is not what was signed, or was signed for another session.
    Forged,
    /// It is no longer good.
    Over,
    /// This process has seen a newer one.
    Older,
}

impl BadCopy {
    const fn reason(self) -> &'static str {
        match self {
            Self::Unreadable => "unreadable",
            Self::UnknownKey => "unknown_key",
            Self::Forged => "forged",
            Self::Over => "over",
            Self::Older => "older",
        }
    }

    /// Counts it, and logs one a minute.
    pub fn report(self, id: Uuid) {
        static LOGGED: Mutex<Option<Instant>> = Mutex::new(None);
        REFUSED.with_label_values(&[self.reason()]).inc();
        let mut logged = LOGGED.lock().unwrap_or_else(PoisonError::into_inner);
        if logged.is_none_or(|at| at.elapsed() >= LOGGED_EVERY) {
            *logged = Some(Instant::now());
            tracing::warn!(session.id = %id, reason = self.reason(), "a hot copy in the cache Redis is not accepted; it is asked for anew");
        }
    }
}

/// Signs the hot copy of a session or a machine token, for as long as one is good.
pub fn sign_copy(
    id: Uuid,
    session: SessionRecord,
    kid: &str,
    key: &EncodingKey,
) -> Result<SignedCopy, Problem> {
    let copy = HotCopy {
        kid: kid.to_owned(),
        good_until: Timestamp::now().plus_seconds(COPY_GOOD_FOR.as_secs()),
        session,
    };
    let payload = copy.encode();
    let input = SignedCopy::input(SESSION.key(id).name(), &payload);
    Ok(SignedCopy {
        signature: crypto::sign(&input, key, Algorithm::EdDSA).map_err(Problem::internal)?,
        payload,
    })
}

/// The hot copy that was read for this session, if one of these keys signed it for this session and it
/// is still good.
pub fn check_copy(
    id: Uuid,
    read: Result<SignedCopy, DecodeError>,
    keys: &KeySet,
) -> Result<HotCopy, BadCopy> {
    let signed = read.map_err(|_| BadCopy::Unreadable)?;
    let copy = HotCopy::decode(&signed.payload).map_err(|_| BadCopy::Unreadable)?;
    let key = keys.get(&copy.kid).ok_or(BadCopy::UnknownKey)?;
    let input = SignedCopy::input(SESSION.key(id).name(), &signed.payload);
    let verified = crypto::verify(&signed.signature, &input, key, Algorithm::EdDSA);
    if !verified.is_ok_and(|good| good) {
        return Err(BadCopy::Forged);
    }
    if copy.good_until <= Timestamp::now() {
        return Err(BadCopy::Over);
    }
    Ok(copy)
}
