//! How limits are told in an answer's head: that of the API on every signed request, those of a
//! sign-in as auth-service told them.

use std::io::Write;

use actix_web::{
    HttpMessage, HttpRequest,
    http::header::{HeaderMap, HeaderName, HeaderValue},
};
use rate_limits::policy::API;
use service_kit::problem::{RATE_LIMIT, RATE_LIMIT_POLICY, RateHeaders};

use super::ApiLimits;

const POLICY: HeaderName = HeaderName::from_static(RATE_LIMIT_POLICY);
const LIMIT: HeaderName = HeaderName::from_static(RATE_LIMIT);

/// What is left of the API's limit for whom a request counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct RemainingRequests(pub(crate) u64);

/// What is told of a request's limits.
pub(crate) struct BothHeaders {
    policy: HeaderValue,
    limit: HeaderValue,
}

/// What is known of the limits of this request.
pub(crate) fn told(request: &HttpRequest, limits: &ApiLimits) -> Option<BothHeaders> {
    let extensions = request.extensions();
    match extensions.get::<RateHeaders>() {
        Some(told) => BothHeaders::of(told),
        None => Some(BothHeaders {
            limit: limits.limit_value(*extensions.get()?)?,
            policy: limits.policy_value(),
        }),
    }
}

impl BothHeaders {
    /// As auth-service told them.
    pub(crate) fn of(told: &RateHeaders) -> Option<Self> {
        Some(Self {
            policy: HeaderValue::from_str(&told.policy).ok()?,
            limit: HeaderValue::from_str(&told.limit).ok()?,
        })
    }

    /// Into an answer's head, unless it has them.
    pub(crate) fn write(self, head: &mut HeaderMap) {
        if !head.contains_key(&LIMIT) {
            head.insert(POLICY, self.policy);
            head.insert(LIMIT, self.limit);
        }
    }
}

/// `"api";q=600;w=60`
pub(super) fn policy(allowed: u64, window_seconds: u64) -> anyhow::Result<HeaderValue> {
    let text = format!("\"{}\";q={allowed};w={window_seconds}", API.name);
    Ok(HeaderValue::from_str(&text)?)
}

/// `"api";r=599;t=1`
pub(super) fn limit(left: u64, reset_seconds: u64) -> Option<HeaderValue> {
    // Long enough for the name and two numbers.
    let mut text = [0; 64];
    let mut rest = text.as_mut_slice();
    write!(rest, "\"{}\";r={left};t={reset_seconds}", API.name).ok()?;
    let length = 64 - rest.len();
    HeaderValue::from_bytes(&text[..length]).ok()
}
