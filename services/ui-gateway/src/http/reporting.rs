//! Where a request comes from, as it is reported to auth-service.

use actix_web::http::header::{HeaderMap, USER_AGENT};
use rpc::auth::Client;

use super::{call::Call, cookies::DEVICE_COOKIE};

/// Longest `User-Agent` that is kept with a session.
const LONGEST_AGENT: usize = 256;

/// A longer value was not given by the platform.
const LONGEST_DEVICE: usize = 256;

impl Call {
    /// The client, as messages carry it: its name, address and device.
    pub(super) fn client(&self) -> Option<Client> {
        let address = self.state.site.address(&self.request);
        Some(Client {
            agent: agent(self.request.headers()),
            address: address.map(|of| of.to_string()).unwrap_or_default(),
            device: self.device(),
        })
    }

    /// A call that reports a client: it shows that the gateway makes it.
    pub(super) fn vouched<T>(&self, mut request: tonic::Request<T>) -> tonic::Request<T> {
        self.state.credential.show(request.metadata_mut());
        request
    }

    fn device(&self) -> String {
        let cookie = self.request.cookie(DEVICE_COOKIE);
        let value = cookie.map(|cookie| cookie.value().to_owned());
        value
            .filter(|value| value.len() <= LONGEST_DEVICE)
            .unwrap_or_default()
    }
}

fn agent(headers: &HeaderMap) -> String {
    let agent = headers
        .get(USER_AGENT)
        .and_then(|agent| agent.to_str().ok());
    agent
        .unwrap_or_default()
        .chars()
        .take(LONGEST_AGENT)
        .collect()
}
