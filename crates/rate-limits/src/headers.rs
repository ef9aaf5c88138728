//! How limits are said in an answer.

use std::fmt::Write;

use service_kit::problem::RateHeaders;

use super::{Standing, verdict::whole_seconds};

/// How these stand; nothing when there are none.
pub(crate) fn rate_headers(standings: &[Standing]) -> Option<RateHeaders> {
    let mut headers = RateHeaders::default();
    for standing in standings {
        add(&mut headers, standing);
    }
    (!standings.is_empty()).then_some(headers)
}

fn add(headers: &mut RateHeaders, standing: &Standing) {
    let comma = if headers.policy.is_empty() { "" } else { ", " };
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
    let _ = write!(headers.policy, "{comma}\"{name}\";q={allowed};w={window}");
    let _ = write!(headers.limit, "{comma}\"{name}\";r={left};t={reset}");
}
