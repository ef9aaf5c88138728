//! A caller and what they sent.

use aws_lc_rs::digest::{SHA256, digest};
use identity::Guard;
use prost::Message;
use redis_contracts::keys::Scope;
use rpc::metadata::IDEMPOTENCY_KEY;
use service_kit::{Problem, RequestContext};
use tonic::{Request, metadata::MetadataMap};

use crate::{asker::Asker, conversation::Idempotency};

/// Longest idempotency key, in characters.
const LONGEST_KEY: usize = 128;

/// A caller and their request.
pub(super) struct Call<T> {
    pub(super) asker: Asker,
    idempotency_key: Option<String>,
    pub(super) message: T,
}

impl<T> Call<T> {
    /// The caller of a request, which records something: a machine token needs the scope write.
    pub(super) async fn of(guard: &Guard, request: Request<T>) -> Result<Self, Problem> {
        let context = RequestContext::of(&request);
        let caller = guard
            .check_metadata(request.metadata(), &context, Scope::Write)
            .await?;
        Ok(Self {
            asker: Asker { caller, context },
            idempotency_key: idempotency_key(request.metadata())?,
            message: request.into_inner(),
        })
    }
}

impl<T: Message> Call<T> {
    /// The idempotency of this call of a method.
    pub(super) fn idempotency(&self, method: &str) -> Idempotency {
        let request = [method.as_bytes(), &[0], &self.message.encode_to_vec()].concat();
        let key = self.idempotency_key.as_deref();
        Idempotency {
            key_hash: key.map(|key| hash(key.as_bytes())),
            request_hash: hash(&request),
        }
    }
}

fn idempotency_key(metadata: &MetadataMap) -> Result<Option<String>, Problem> {
    let Some(key) = metadata.get(IDEMPOTENCY_KEY) else {
        return Ok(None);
    };
    let key = key.to_str().ok();
    let key = key.filter(|key| (1..=LONGEST_KEY).contains(&key.len()));
    let expected = format!("1 to {LONGEST_KEY} visible ASCII characters");
    key.map(|key| Some(key.to_owned()))
        .ok_or_else(|| Problem::invalid_field(IDEMPOTENCY_KEY, expected))
}

/// SHA-256 in hex.
fn hash(bytes: &[u8]) -> String {
    use std::fmt::Write;
    let hash = digest(&SHA256, bytes);
    let mut text = String::with_capacity(64);
    for byte in hash.as_ref() {
        let _ = write!(text, "{byte:02x}");
    }
    text
}
