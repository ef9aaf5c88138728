//! How limits are told: `RateLimit-Policy` and `RateLimit` of draft-ietf-httpapi-ratelimit-headers,
//! and the metadata that carries them over gRPC.

use std::fmt::Write;

use tonic::metadata::MetadataMap;

use super::{Standing, verdict::whole_seconds};

/// Name of the header, and of the metadata, that says what policies allow.
pub const RATE_LIMIT_POLICY: &str = "ratelimit-policy";
/// Name of the header, and of the metadata, that says how they stand.
pub const RATE_LIMIT: &str = "ratelimit";

/// Longest value that is passed on.
const LONGEST: usize = 1024;

/// The two headers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Told {
    /// `"auth_address";q=5;w=60`, one for each policy.
    pub policy: String,
    /// `"auth_address";r=4;t=12`, one for each policy.
    pub limit: String,
}

impl Told {
    /// How these stand; nothing when there are none.
    pub fn of(standings: &[Standing]) -> Option<Self> {
        let mut told = Self {
            policy: String::new(),
            limit: String::new(),
        };
        for standing in standings {
            told.add(standing);
        }
        (!standings.is_empty()).then_some(told)
    }

    fn add(&mut self, standing: &Standing) {
        let comma = if self.policy.is_empty() { "" } else { ", " };
        let Standing {
            policy,
            allowed,
            window,
            left,
            ..
        } = standing;
        let (name, window) = (policy.name, window.as_secs());
        let reset = whole_seconds(standing.reset());
        // Writing to a String does not fail.
        let _ = write!(self.policy, "{comma}\"{name}\";q={allowed};w={window}");
        let _ = write!(self.limit, "{comma}\"{name}\";r={left};t={reset}");
    }

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
