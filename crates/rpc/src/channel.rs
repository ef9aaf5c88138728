//! Channels to other services.

use std::time::Duration;

use tonic::transport::{Channel, Endpoint};

/// The deadline of a call whose caller set none.
pub const DEADLINE: Duration = Duration::from_secs(5);

/// The largest answer that is taken. Pages of lists end at about 1 MiB, with an entry of some 300 KiB.
pub const LARGEST_ANSWER: usize = 4 * 1024 * 1024;

/// Calls that one connection may have open at once; the servers announce it.
pub const CALLS_PER_CONNECTION: u32 = 1024;

/// What the other side may send of one call before it is read, in bytes.
pub const CALL_WINDOW: u32 = 256 * 1024;

/// What it may send of all calls of a connection (RFC 9113, 5.2): the sum of their windows, so that a call
/// that is not read never takes from the others.
const CONNECTION_WINDOW: u32 = CALLS_PER_CONNECTION * CALL_WINDOW;

/// What a server takes of one call before it is read. Calls are short but for uploads, which it reads as they
/// come.
pub const SERVER_CALL_WINDOW: u32 = 64 * 1024;

/// What a server takes of all calls of a connection, by the same rule: so much can whoever reaches the port make it
/// hold with each.
pub const SERVER_WINDOW: u32 = CALLS_PER_CONNECTION * SERVER_CALL_WINDOW;

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
        .initial_stream_window_size(CALL_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .tcp_nodelay(true);
    let endpoint = match deadline {
        Some(deadline) => endpoint.timeout(deadline),
        None => endpoint,
    };
    Ok(endpoint.connect_lazy())
}
