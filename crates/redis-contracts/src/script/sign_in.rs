//! Deciding over sign-ins: locks, limits and failures.

use std::time::Duration;

use uuid::Uuid;

use super::{ADMIT, GIVE_BACK, Invocation, RECORD_FAILURE, millis, text};
use crate::{
    Cache, Timestamp,
    keys::{LOCKED, LOGIN_FAILURES, RATE_LIMIT},
};

/// What a limit counts over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Measure {
    /// A window that slides: GCRA.
    Rate(Duration),
    /// Until a day or a month of UTC ends; then it begins anew.
    Quota {
        /// Which of them.
        period: Period,
        /// When it ends by the clock of who asks. Redis goes by its own.
        ends: Timestamp,
    },
}

/// After what a quota begins anew.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Period {
    /// A day.
    Day,
    /// A month.
    Month,
}

/// One limit of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limit {
    /// The policy's name.
    pub policy: &'static str,
    /// Whom it counts for. Never a secret, and no address of a person: a hash of it.
    pub subject: String,
    /// How much it allows.
    pub allows: u64,
    /// Over what.
    pub measure: Measure,
}

impl Limit {
    fn key(&self) -> String {
        let key = RATE_LIMIT.key((self.policy, self.subject.clone()));
        key.name().to_owned()
    }

    fn arguments(&self) -> [Vec<u8>; 3] {
        let (kind, window) = match self.measure {
            Measure::Rate(window) => ("rate", millis(window)),
            Measure::Quota {
                period: Period::Day,
                ..
            } => ("day", 0),
            Measure::Quota {
                period: Period::Month,
                ..
            } => ("month", 0),
        };
        [text(kind), text(self.allows), text(window)]
    }
}

/// Where a lock may be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lock {
    /// SHA-256 of the account's address, hexadecimal.
    pub account: String,
    /// A known device, or the network.
    pub origin: String,
    /// Locks and failures before this are void.
    pub valid_from: Timestamp,
}

impl Lock {
    /// The arguments of its keys.
    pub fn place(&self) -> (String, String) {
        (self.account.clone(), self.origin.clone())
    }
}

/// Takes `cost` from each of these limits, or from none; 0 only looks. Reply: the ms a lock still
/// holds, then three numbers per limit; see `admit.lua`.
pub fn admit(lock: Option<&Lock>, limits: &[Limit], cost: u64) -> Invocation<Cache> {
    let nobody = || ("-".to_owned(), "-".to_owned());
    let valid_from_ms = lock.map_or(0, |lock| lock.valid_from.unix_ms());
    let mut keys = vec![
        LOCKED
            .key(lock.map_or_else(nobody, Lock::place))
            .name()
            .to_owned(),
    ];
    let mut args = vec![
        text(u8::from(lock.is_some())),
        text(valid_from_ms),
        text(cost),
    ];
    for limit in limits {
        keys.push(limit.key());
        args.extend(limit.arguments());
    }
    Invocation::new(&ADMIT, keys, args)
}

/// Gives back one of each of these limits; see `give_back.lua`. Reply: how many had anything taken.
pub fn give_back(limits: &[Limit]) -> Invocation<Cache> {
    let keys = limits.iter().map(Limit::key).collect();
    let args = limits.iter().flat_map(Limit::arguments).collect();
    Invocation::new(&GIVE_BACK, keys, args)
}

/// Counts a wrong password by its truncated keyed hash; see `record_failure.lua`. Reply: 1 when this
/// one locked.
pub fn record_failure(
    lock: &Lock,
    password_hash: &str,
    most: u64,
    remembered: Duration,
) -> Invocation<Cache> {
    Invocation::new(
        &RECORD_FAILURE,
        vec![
            LOGIN_FAILURES.key(lock.place()).name().to_owned(),
            LOCKED.key(lock.place()).name().to_owned(),
        ],
        vec![
            text(password_hash),
            text(most),
            text(millis(remembered).max(1)),
            text(lock.valid_from.unix_ms()),
            text(Timestamp::now().unix_ms()),
            text(Uuid::now_v7()),
        ],
    )
}
