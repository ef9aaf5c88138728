//! Where a request comes from. What the gateway reports counts, because it shows its credential; of
//! anybody else, the address of the connection does.

use std::net::IpAddr;

use redis_contracts::{
    Timestamp,
    limits::{AUTH_ACCOUNT, AUTH_ADDRESS, AUTH_UNKNOWN, MAIL_DAY, MAIL_MONTH, REGISTER_DAY},
    script::Lock,
};
use rpc::auth::Client;
use service_kit::{
    RequestContext,
    limits::{Asked, address_subject, network_origin},
};
use tonic::Request;
use uuid::Uuid;

use super::gateway::GatewayCredential;
use crate::{
    domain::secret::{decode, hex, sha256},
    store::Who,
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
        let address = match gateway.is_shown(request.metadata()) {
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

    /// What may lock and limit a sign-in to the account of an address.
    pub(super) fn place(&self, email: &str, knows_device: bool, valid_from: Timestamp) -> Place {
        let origin = match (knows_device, self.address) {
            (true, _) => format!("d-{}", &hex(&self.device_sha256())[..32]),
            (false, Some(address)) => format!("n-{}", network_origin(address)),
            (false, None) => "n-unknown".to_owned(),
        };
        Place {
            lock: Lock {
                account: hex(&sha256(email.as_bytes())),
                origin,
                valid_from,
            },
            is_known: knows_device,
        }
    }

    fn subject(&self) -> String {
        self.address
            .map_or_else(|| "unknown".to_owned(), address_subject)
    }

    /// The limits of a sign-in.
    pub(super) fn sign_in_limits(&self, place: &Place) -> Vec<Asked> {
        let Lock {
            account, origin, ..
        } = &place.lock;
        let mut asked = vec![
            Asked::of(AUTH_ADDRESS, self.subject()),
            Asked::of(AUTH_ACCOUNT, format!("{account}:{origin}")),
        ];
        if !place.is_known {
            asked.push(Asked::of(AUTH_UNKNOWN, account.clone()));
        }
        asked
    }

    /// The limit of a request that needs no account.
    pub(super) fn address_limit(&self) -> Vec<Asked> {
        vec![Asked::of(AUTH_ADDRESS, self.subject())]
    }

    /// The limits of a registration.
    pub(super) fn register_limits(&self) -> Vec<Asked> {
        let mut asked = self.address_limit();
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

/// Where a lock may stand.
pub(super) struct Place {
    /// The lock.
    pub(super) lock: Lock,
    is_known: bool,
}

fn plain(text: &str, most: usize) -> String {
    text.chars()
        .filter(|character| !character.is_control())
        .take(most)
        .collect()
}
