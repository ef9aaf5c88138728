//! The hot copy of a session as it stands in Redis: signed, because whoever can write to the cache
//! could write one.
//!
//! The value is the signature, a dot, and the bytes that were signed: JSON, which `put_session.lua`
//! reads. Pure: `service-kit` signs and checks.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::{DecodeError, Timestamp, Value, keys::SessionRecord, value::JsonValue};

/// For so long a copy is good after it was signed.
pub const COPY_GOOD_FOR: Duration = Duration::from_secs(3600);

/// What the signed bytes begin with. A JWT's are base64url and dots, so that no copy can pass for a
/// token, nor a token for a copy.
const DOMAIN: &[u8] = b"devmentor session copy 1\0";

/// Base64url of 64 bytes.
const SIGNATURE_BYTES: usize = 86;

/// A hot copy: what is signed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HotCopy {
    /// The key that it is signed with.
    pub kid: String,
    /// From then on it says nothing.
    pub good_until: Timestamp,
    /// The session or the machine token.
    pub session: SessionRecord,
}

impl JsonValue for HotCopy {}

/// A hot copy with its signature; nothing of it is to be believed before that was checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedCopy {
    /// Ed25519 over [`SignedCopy::input`], base64url.
    pub signature: String,
    /// A [`HotCopy`], in the very bytes that were signed.
    pub payload: Vec<u8>,
}

impl SignedCopy {
    /// What is signed: the exact name of the key, so that a copy is good nowhere else, and the payload.
    pub fn input(key: &str, payload: &[u8]) -> Vec<u8> {
        [DOMAIN, key.as_bytes(), b"\0", payload].concat()
    }
}

impl Value for SignedCopy {
    fn encode(&self) -> Vec<u8> {
        [self.signature.as_bytes(), b".", &self.payload].concat()
    }

    fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let no_copy = || DecodeError("not a signature, a dot and a copy".to_owned());
        let (signature, rest) = bytes
            .split_at_checked(SIGNATURE_BYTES)
            .ok_or_else(no_copy)?;
        let payload = rest.strip_prefix(b".").ok_or_else(no_copy)?;
        Ok(Self {
            signature: String::from_utf8(signature.to_vec()).map_err(|_| no_copy())?,
            payload: payload.to_vec(),
        })
    }
}
