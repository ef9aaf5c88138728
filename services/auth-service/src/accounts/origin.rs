//! Where a request comes from, and what may be tried from there.

use std::net::IpAddr;

use rate_limits::{
    Asked, address_subject, network_origin,
    policy::{AUTH_ACCOUNT, AUTH_ADDRESS, AUTH_NETWORK, MAIL_DAY, MAIL_MONTH, REGISTER_DAY},
    wide_network,
};
use redis_contracts::{Timestamp, script::Lock};
use uuid::Uuid;

use super::place::{Knows, Place};
use crate::{
    domain::secret::{decode, hex, sha256},
    passwords::Line,
    store::Who,
};

/// Longest `User-Agent` that is kept, in characters.
const LONGEST_AGENT: usize = 256;

/// Where a request comes from.
pub struct Origin {
    /// The client's `User-Agent`.
    pub agent: String,
    /// The secret of the device, where it is one of ours.
    pub device: Option<String>,
    address: Option<IpAddr>,
    traceparent: String,
}

impl Origin {
    /// Of what a client says of itself, and the address that counts.
    pub fn new(agent: &str, device: String, address: Option<IpAddr>, traceparent: String) -> Self {
        Self {
            agent: plain(agent, LONGEST_AGENT),
            device: Some(device).filter(|device| decode::<32>(device).is_some()),
            address: address.map(|address| address.to_canonical()),
            traceparent,
        }
    }

    /// The client's address as it is shown; empty when it is not known.
    pub fn address(&self) -> String {
        self.address
            .map(|address| address.to_string())
            .unwrap_or_default()
    }

    /// How the device is known.
    pub fn device_sha256(&self) -> [u8; 32] {
        sha256(self.device.as_deref().unwrap_or_default().as_bytes())
    }

    /// As events tell it.
    pub fn who(&self, session_id: Option<Uuid>) -> Who {
        Who {
            agent: Some(self.agent.clone()).filter(|agent| !agent.is_empty()),
            address: self.address.map(|address| address.to_string()),
            session_id,
            actor: None,
            traceparent: Some(self.traceparent.clone()),
        }
    }

    /// What may lock and limit a sign-in to the account of an address. What was counted before
    /// `valid_from` is void.
    pub fn place(&self, email: &str, knows: Knows, valid_from: Timestamp) -> Place {
        let origin = match (knows.session, knows.device, self.address) {
            (Some(session_id), ..) => format!("s-{session_id}"),
            (None, true, _) => format!("d-{}", &hex(&self.device_sha256())[..32]),
            (None, false, Some(address)) => format!("n-{}", network_origin(address)),
            (None, false, None) => "n-unknown".to_owned(),
        };
        let lock = Lock {
            account: hex(&sha256(email.as_bytes())),
            origin,
            valid_from,
        };
        Place::new(lock, knows)
    }

    /// All addresses that a stranger may have at once.
    pub fn network(&self) -> String {
        self.address
            .map_or_else(|| "unknown".to_owned(), wide_network)
    }

    /// Where who comes from here waits for a check of a password.
    pub fn line(&self, is_known: bool) -> Line {
        Line {
            is_known,
            network: self.network(),
        }
    }

    fn subject(&self) -> String {
        self.address
            .map_or_else(|| "unknown".to_owned(), address_subject)
    }

    /// The limits of a request that needs no account.
    pub fn address_limits(&self) -> Vec<Asked> {
        vec![
            Asked::of(AUTH_ADDRESS, self.subject()),
            Asked::of(AUTH_NETWORK, self.network()),
        ]
    }

    /// The limits of whatever is tried at an account.
    pub fn account_limits(&self, place: &Place) -> Vec<Asked> {
        let mut asked = self.address_limits();
        let from_here = format!("{}:{}", place.subject(), place.lock.origin);
        asked.push(Asked::of(AUTH_ACCOUNT, from_here));
        asked
    }

    /// The limits of a sign-in.
    pub fn sign_in_limits(&self, place: &Place) -> Vec<Asked> {
        let mut asked = self.account_limits(place);
        asked.extend(place.unknown_limit());
        asked
    }

    /// The limits of a second step.
    pub fn code_limits(&self, place: &Place) -> Vec<Asked> {
        let mut asked = self.account_limits(place);
        asked.extend(place.code_limit());
        asked
    }

    /// The limits of a registration.
    pub fn register_limits(&self) -> Vec<Asked> {
        let mut asked = self.address_limits();
        asked.push(Asked::of(REGISTER_DAY, self.subject()));
        asked
    }

    /// The limits of what asks for a new password.
    pub fn reset_limits(&self, place: &Place) -> Vec<Asked> {
        let mut asked = self.account_limits(place);
        asked.extend(self.mail_limits());
        asked
    }

    /// The limits of what has a mail sent.
    pub fn mail_limits(&self) -> Vec<Asked> {
        let policies = [MAIL_DAY, MAIL_MONTH];
        policies
            .map(|policy| Asked::of(policy, self.subject()))
            .into()
    }
}

fn plain(text: &str, most: usize) -> String {
    text.chars()
        .filter(|character| !character.is_control())
        .take(most)
        .collect()
}
