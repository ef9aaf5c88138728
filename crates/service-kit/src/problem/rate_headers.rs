//! `RateLimit-Policy` and `RateLimit` of draft-ietf-httpapi-ratelimit-headers, and the metadata that
//! carries them over gRPC.

use tonic::metadata::MetadataMap;

/// Name of the header, and of the metadata, that says what policies allow.
pub const RATE_LIMIT_POLICY: &str = "ratelimit-policy";
/// Name of the header, and of the metadata, that says how they stand.
pub const RATE_LIMIT: &str = "ratelimit";

/// Longest value that is passed on.
const LONGEST: usize = 1024;

/// The two headers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RateHeaders {
    /// `"auth_address";q=5;w=60`, one for each policy.
    pub policy: String,
    /// `"auth_address";r=4;t=12`, one for each policy.
    pub limit: String,
}

impl RateHeaders {
    /// Into the metadata of an answer, or of a status.
    pub fn write_to(&self, metadata: &mut MetadataMap) {
        for (name, text) in [(RATE_LIMIT_POLICY, &self.policy), (RATE_LIMIT, &self.limit)] {
            if let Ok(value) = text.parse() {
                metadata.insert(name, value);
            }
        }
    }

    /// From the metadata of an answer, or of a status.
    pub fn read_from(metadata: &MetadataMap) -> Option<Self> {
        let text = |name| {
            let value = metadata.get(name)?.to_str().ok()?;
            (value.len() <= LONGEST).then(|| value.to_owned())
        };
        Some(Self {
            policy: text(RATE_LIMIT_POLICY)?,
            limit: text(RATE_LIMIT)?,
        })
    }
}
