//! Where wrong passwords and codes of an account are counted, and what the account knows of who asks.

use rate_limits::{
    Asked,
    policy::{AUTH_SPARE, AUTH_SPARE_ALL, AUTH_UNKNOWN, CODE_DAY},
};
use redis_contracts::script::Lock;
use uuid::Uuid;

use crate::store::SignInAccount;

/// Stands for the permit of all unknown devices together.
pub const UNKNOWN: &str = "of-unknown-devices";

/// Where a lock may stand.
pub struct Place {
    /// The lock.
    pub lock: Lock,
    /// Whether it is no stranger who asks.
    pub is_known: bool,
    knows: Knows,
}

impl Place {
    /// A lock may stand here, for somebody of whom the account knows this.
    pub fn new(lock: Lock, knows: Knows) -> Self {
        Self {
            lock,
            is_known: knows.device || knows.session.is_some(),
            knows,
        }
    }

    /// The account, as limits count for it: anew since they were lifted.
    pub fn subject(&self) -> String {
        match self.lock.valid_from.unix_ms() {
            0 => self.lock.account.clone(),
            since_ms => format!("{}:{since_ms}", self.lock.account),
        }
    }

    /// The limit of all unknown devices together.
    pub fn unknown_limit(&self) -> Option<Asked> {
        (!self.is_known).then(|| Asked::of(AUTH_UNKNOWN, self.subject()))
    }

    /// The limits of unknown devices once strangers have used up [`AUTH_UNKNOWN`]: one permit that no
    /// other network can take.
    pub fn spare_limits(&self, network: &str) -> Vec<Asked> {
        let account = self.subject();
        vec![
            Asked::of(AUTH_SPARE, format!("{account}:{network}")),
            Asked::of(AUTH_SPARE_ALL, account),
        ]
    }

    /// What a first step was lent, as it is stored: nothing, [`UNKNOWN`], or the network whose spare
    /// permit it was.
    pub fn stored_as(&self, lent: &str) -> Vec<Asked> {
        match lent {
            "" => Vec::new(),
            UNKNOWN => vec![Asked::of(AUTH_UNKNOWN, self.subject())],
            network => self.spare_limits(network),
        }
    }

    /// The limit of wrong codes from devices on which none was right yet. Who reads the mailbox may reset
    /// the password as often as they like: that does not begin this one anew.
    pub fn code_limit(&self) -> Option<Asked> {
        let account = self.lock.account.clone();
        (!self.knows.second_step).then(|| Asked::of(CODE_DAY, account))
    }

    /// Whether a wrong code after the right password is worth a letter.
    pub fn is_suspect(&self) -> bool {
        !self.knows.second_step && self.knows.session.is_none()
    }
}

/// What an account knows of who asks.
#[derive(Clone, Copy, Default)]
pub struct Knows {
    /// The device.
    pub device: bool,
    /// That the second step was passed on it.
    pub second_step: bool,
    /// The session that they have.
    pub session: Option<Uuid>,
}

impl Knows {
    /// Of the device that somebody signs in from.
    pub fn of(found: &SignInAccount) -> Self {
        Self {
            device: found.second_step_on_device.is_some(),
            second_step: found.second_step_on_device == Some(true),
            session: None,
        }
    }
}
