//! Where a call comes from. What the gateway reports counts, because it shows its credential; of
//! anybody else, the address of the connection does.

use rpc::auth::Client;
use service_kit::RequestContext;
use tonic::Request;

use super::gateway::GatewayCredential;
use crate::accounts::Origin;

/// Of a call with what its message says of the client.
pub(super) fn origin<T>(
    request: &Request<T>,
    client: Option<Client>,
    gateway: &GatewayCredential,
) -> Origin {
    let client = client.unwrap_or_default();
    let peer = request.remote_addr().map(|addr| addr.ip());
    let address = match gateway.is_shown(request) {
        true => client.address.parse().ok(),
        false => peer,
    };
    let traceparent = RequestContext::of(request).traceparent;
    Origin::new(&client.agent, client.device, address, traceparent)
}
