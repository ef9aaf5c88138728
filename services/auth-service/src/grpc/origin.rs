//! Where a request comes from. What the gateway reports counts, because it shows its credential; of
//! anybody else, the address of the connection does.

use std::net::IpAddr;

use rate_limits::{
    Asked, address_subject, network_origin,
    policy::{
        AUTH_ACCOUNT, AUTH_ADDRESS, AUTH_NETWORK, AUTH_SPARE, AUTH_SPARE_ALL, AUTH_UNKNOWN,
        CODE_DAY, MAIL_DAY, MAIL_MONTH, REGISTER_DAY,
    },
    wide_network,
};
use redis_contracts::{Timestamp, script::Lock};
use rpc::auth::Client;
use service_kit::RequestContext;
use tonic::Request;
use uuid::Uuid;

use super::gateway::GatewayCredential;
use crate::{
    domain::secret::{decode, hex, sha256},
    passwords::Line,
    store::{SignInAccount, Who},
};

/// Longest `User-Agent` that is kept, in characters.
const LONGEST_AGENT: usize = 256;

/// Where a request comes from.
pub(super) struct Origin {
    /// The client's `User-Agent`.
    pub(super) agent: String,
    /// The secret of the device, where it is one of ours.
    pub(super) device: Option<String>,
    address: Option<IpAddr>,
    traceparent: String,
}

impl Origin {
    /// Of a request with what its message says of the client.
    pub(super) fn of<T>(
        request: &Request<T>,
        client: Option<Client>,
        gateway: &GatewayCredential,
    ) -> Self {
        let client = client.unwrap_or_default();
        let peer = request.remote_addr().map(|addr| addr.ip());
        let address = match gateway.is_shown(request) {
            true => client.address.parse().ok(),
            false => peer,
        };
        Self {
            agent: plain(&client.agent, LONGEST_AGENT),
            device: Some(client.device).filter(|device| decode::<32>(device).is_some()),
            address: address.map(|address| address.to_canonical()),
            traceparent: RequestContext::of(request).traceparent,
        }
    }

    /// The client's address as it is shown; empty when it is not known.
    pub(super) fn address(&self) -> String {
        self.address
            .map(|address| address.to_string())
            .unwrap_or_default()
    }

    /// How the device is known.
    pub(super) fn device_sha256(&self) -> [u8; 32] {
        sha256(self.device.as_deref().unwrap_or_default().as_bytes())
    }

    /// As events tell it.
    pub(super) fn who(&self, session_id: Option<Uuid>) -> Who {
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
    pub(super) fn place(&self, email: &str, knows: Knows, valid_from: Timestamp) -> Place {
        let origin = match (knows.session, knows.device, self.address) {
            (Some(session_id), ..) => format!("s-{session_id}"),
            (None, true, _) => format!("d-{}", &hex(&self.device_sha256())[..32]),
            (None, false, Some(address)) => format!("n-{}", network_origin(address)),
            (None, false, None) => "n-unknown".to_owned(),
        };
        Place {
            lock: Lock {
                account: hex(&sha256(email.as_bytes())),
                origin,
                valid_from,
            },
            is_known: knows.device || knows.session.is_some(),
            knows,
        }
    }

    /// All addresses that a stranger may have at once.
    pub(super) fn network(&self) -> String {
        self.address
            .map_or_else(|| "unknown".to_owned(), wide_network)
    }

    /// Where who comes from here waits for a check of a password.
    pub(super) fn line(&self, is_known: bool) -> Line {
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
    pub(super) fn address_limits(&self) -> Vec<Asked> {
        vec![
            Asked::of(AUTH_ADDRESS, self.subject()),
            Asked::of(AUTH_NETWORK, self.network()),
        ]
    }

    /// The limits of whatever is tried at an account.
    pub(super) fn account_limits(&self, place: &Place) -> Vec<Asked> {
        let mut asked = self.address_limits();
        let from_here = format!("{}:{}", place.subject(), place.lock.origin);
        asked.push(Asked::of(AUTH_ACCOUNT, from_here));
        asked
    }

    /// The limits of a sign-in.
    pub(super) fn sign_in_limits(&self, place: &Place) -> Vec<Asked> {
        let mut asked = self.account_limits(place);
        asked.extend(place.unknown_limit());
        asked
    }

    /// The limits of a second step.
    pub(super) fn code_limits(&self, place: &Place) -> Vec<Asked> {
        let mut asked = self.account_limits(place);
        asked.extend(place.code_limit());
        asked
    }

    /// The limits of a registration.
    pub(super) fn register_limits(&self) -> Vec<Asked> {
        let mut asked = self.address_limits();
        asked.push(Asked::of(REGISTER_DAY, self.subject()));
        asked
    }

    /// The limits of what has a mail sent.
    pub(super) fn mail_limits(&self) -> Vec<Asked> {
        let policies = [MAIL_DAY, MAIL_MONTH];
        policies
            .map(|policy| Asked::of(policy, self.subject()))
            .into()
    }
}

impl Knows {
    /// Of the device that somebody signs in from.
    pub(super) fn of(found: &SignInAccount) -> Self {
        Self {
            device: found.second_step_on_device.is_some(),
            second_step: found.second_step_on_device == Some(true),
            session: None,
        }
    }
}

/// Where a lock may stand.
pub(super) struct Place {
    /// The lock.
    pub(super) lock: Lock,
    /// Whether it is no stranger who asks.
    pub(super) is_known: bool,
    knows: Knows,
}

/// Stands for the permit of all unknown devices together.
pub(super) const UNKNOWN: &str = "of-unknown-devices";

/// What an account knows of who asks.
#[derive(Clone, Copy, Default)]
pub(super) struct Knows {
    /// The device.
    pub(super) device: bool,
    /// That the second step was passed on it.
    pub(super) second_step: bool,
    /// The session that they have.
    pub(super) session: Option<Uuid>,
}

impl Place {
    /// The account, as limits count for it: anew since they were lifted.
    fn subject(&self) -> String {
        match self.lock.valid_from.unix_ms() {
            0 => self.lock.account.clone(),
            since_ms => format!("{}:{since_ms}", self.lock.account),
        }
    }

    /// The limit of all unknown devices together.
    pub(super) fn unknown_limit(&self) -> Option<Asked> {
        (!self.is_known).then(|| Asked::of(AUTH_UNKNOWN, self.subject()))
    }

    /// The limits of unknown devices once strangers have used up [`AUTH_UNKNOWN`]: one permit that no
    /// other network can take.
    pub(super) fn spare_limits(&self, network: &str) -> Vec<Asked> {
        let account = self.subject();
        vec![
            Asked::of(AUTH_SPARE, format!("{account}:{network}")),
            Asked::of(AUTH_SPARE_ALL, account),
        ]
    }

    /// What a first step was lent, as it is stored: nothing, [`UNKNOWN`], or the network whose spare
    /// permit it was.
    pub(super) fn stored_as(&self, lent: &str) -> Vec<Asked> {
        match lent {
            "" => Vec::new(),
            UNKNOWN => vec![Asked::of(AUTH_UNKNOWN, self.subject())],
            network => self.spare_limits(network),
        }
    }

    /// The limit of wrong codes from devices on which none was right yet. Who reads the mailbox may reset
    /// the password as often as they like: that does not begin this one anew.
    pub(super) fn code_limit(&self) -> Option<Asked> {
        let account = self.lock.account.clone();
        (!self.knows.second_step).then(|| Asked::of(CODE_DAY, account))
    }

    /// Whether a wrong code after the right password is worth a letter.
    pub(super) fn is_suspect(&self) -> bool {
        !self.knows.second_step && self.knows.session.is_none()
    }
}

fn plain(text: &str, most: usize) -> String {
    text.chars()
        .filter(|character| !character.is_control())
        .take(most)
        .collect()
}
