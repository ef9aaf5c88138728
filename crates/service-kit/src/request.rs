//! What travels with a request over HTTP, gRPC and into events: its id and its trace.

use redis_contracts::Timestamp;
use rpc::metadata::{AUTHORIZATION, REQUEST_ID, TRACEPARENT};
use tonic::metadata::MetadataMap;
use uuid::{Uuid, fmt::Simple};

/// Longest request id that is taken over from a caller.
const LONGEST_ID: usize = 64;

/// A request's id and trace context.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestContext {
    /// The caller's id when it has a sane form, else a new one.
    pub request_id: String,
    /// W3C trace context: the caller's when it is valid, else a new trace.
    pub traceparent: String,
}

impl RequestContext {
    /// Takes over what the caller sent, or makes it.
    pub fn from_headers(request_id: Option<&str>, traceparent: Option<&str>) -> Self {
        Self {
            request_id: request_id
                .filter(|id| sane_id(id))
                .map_or_else(new_id, str::to_owned),
            traceparent: traceparent
                .filter(|trace| valid_traceparent(trace))
                .map_or_else(new_trace, str::to_owned),
        }
    }

    /// The context that the server gave a gRPC request.
    pub fn of<T>(request: &tonic::Request<T>) -> Self {
        let given = request.extensions().get::<Self>().cloned();
        given.unwrap_or_else(|| Self::from_headers(None, None))
    }

    /// A request with this context, for another service, on behalf of the holder of `token`.
    pub fn call<T>(&self, token: Option<&str>, message: T) -> tonic::Request<T> {
        let mut request = tonic::Request::new(message);
        self.write(token, request.metadata_mut());
        request
    }

    fn write(&self, token: Option<&str>, metadata: &mut MetadataMap) {
        let mut insert = |name: &'static str, value: &str| {
            if let Ok(value) = value.parse() {
                metadata.insert(name, value);
            }
        };
        insert(REQUEST_ID, &self.request_id);
        insert(TRACEPARENT, &self.traceparent);
        if let Some(token) = token {
            insert(AUTHORIZATION, &format!("Bearer {token}"));
        }
    }
}

fn sane_id(id: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    (1..=LONGEST_ID).contains(&id.len()) && id.bytes().all(plain)
}

/// <https://www.w3.org/TR/trace-context/#traceparent-header>
fn valid_traceparent(text: &str) -> bool {
    let hex = |part: &str, length: usize| {
        let lower = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
        part.len() == length && part.bytes().all(lower)
    };
    let nonzero = |part: &str| part.bytes().any(|byte| byte != b'0');
    match text.split('-').collect::<Vec<_>>()[..] {
        [version, trace, parent, flags] => {
            version == "00"
                && hex(trace, 32)
                && nonzero(trace)
                && hex(parent, 16)
                && nonzero(parent)
                && hex(flags, 2)
        }
        _ => false,
    }
}

/// A UUID v7. What `Uuid::now_v7` would do more, a lock and a system call, is felt in each request.
fn new_id() -> String {
    let unix_ms = Timestamp::now().unix_ms().unsigned_abs();
    let id = uuid::Builder::from_unix_timestamp_millis(unix_ms, &rand::random());
    let mut text = Uuid::encode_buffer();
    id.into_uuid()
        .hyphenated()
        .encode_lower(&mut text)
        .to_owned()
}

fn new_trace() -> String {
    let trace = rand::random::<u128>().max(1);
    let parent = rand::random::<u64>().max(1);
    let mut digits = [0; Simple::LENGTH];
    let mut text = String::with_capacity(55);
    text.push_str("00-");
    text.push_str(Uuid::from_u128(trace).simple().encode_lower(&mut digits));
    text.push('-');
    let parent = Uuid::from_u128(parent.into()).simple();
    text.push_str(&parent.encode_lower(&mut digits)[16..]);
    text.push_str("-01");
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_over_what_is_sane_and_replaces_the_rest() {
        let trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        let kept = RequestContext::from_headers(Some("abc-1"), Some(trace));
        assert_eq!(
            (kept.request_id.as_str(), kept.traceparent.as_str()),
            ("abc-1", trace)
        );
        let made = RequestContext::from_headers(None, None);
        let id = Uuid::try_parse(&made.request_id).expect("a UUID");
        assert_eq!((id.get_version_num(), id.to_string()), (7, made.request_id));
        let long = "x".repeat(65);
        for bad in ["", "a b", "a\nb", long.as_str()] {
            assert_ne!(
                RequestContext::from_headers(Some(bad), None).request_id,
                bad
            );
        }
        for bad in [
            "",
            "00-0-0-0",
            "zz-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        ] {
            let made = RequestContext::from_headers(None, Some(bad)).traceparent;
            assert!(made != bad && valid_traceparent(&made), "{made}");
        }
    }
}
