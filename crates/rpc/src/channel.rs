//! Channels to other services.

use std::time::Duration;

use tonic::transport::{Channel, Endpoint};

/// The deadline of a call whose caller set none.
pub const DEADLINE: Duration = Duration::from_secs(5);

/// An upstream address that is no URI.
#[derive(Debug)]
pub struct InvalidUpstream;

impl std::fmt::Display for InvalidUpstream {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("not an upstream address; expected http://host:port")
    }
}

impl std::error::Error for InvalidUpstream {}

/// A channel that connects when it is first used and again when it was lost.
///
/// `deadline` bounds each call to its first answer; calls that stream take a channel without one.
pub fn connect(address: &str, deadline: Option<Duration>) -> Result<Channel, InvalidUpstream> {
    let endpoint = Endpoint::from_shared(address.to_owned())
        .map_err(|_| InvalidUpstream)?
        .connect_timeout(Duration::from_secs(1))
        .http2_keep_alive_interval(Duration::from_secs(10))
        .keep_alive_timeout(Duration::from_secs(2))
        .tcp_nodelay(true);
    let endpoint = match deadline {
        Some(deadline) => endpoint.timeout(deadline),
        None => endpoint,
    };
    Ok(endpoint.connect_lazy())
}
