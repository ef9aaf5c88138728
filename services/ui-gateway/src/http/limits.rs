//! What the caller used of the limits, and what is left.

use actix_web::HttpMessage;
use rate_limits::{
    Asked, Standing, address_subject,
    policy::{API, AUTH_ADDRESS, AUTH_NETWORK, Counts, MAIL_DAY, MAIL_MONTH, Policy, REGISTER_DAY},
    wide_network,
};
use schemars::JsonSchema;
use serde::Serialize;
use service_kit::problem::RateHeaders;
use tonic::metadata::MetadataMap;

use super::{
    Signed,
    call::Call,
    reply::{Answer, Plain},
};
use crate::limits::Subject;

/// What concerns whoever calls: by who they are, and by where they call from.
const SHOWN: [&Policy; 6] = [
    API,
    AUTH_ADDRESS,
    AUTH_NETWORK,
    MAIL_DAY,
    MAIL_MONTH,
    REGISTER_DAY,
];

/// How limits stand.
#[derive(Serialize, JsonSchema)]
pub(super) struct Limits {
    items: Vec<Item>,
}

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Limit")]
struct Item {
    policy: &'static str,
    description: &'static str,
    limit: u64,
    window_seconds: u64,
    remaining: u64,
    reset_seconds: u64,
}

/// Signed in. Only looks.
pub(super) async fn read(signed: Signed, call: Call) -> Answer<Plain<Limits>> {
    let subject = Subject::of(&signed.caller);
    let address = call.state.site.address(&call.request);
    let asked = SHOWN.iter().filter_map(|policy| match policy.counts {
        Counts::Person => Some(Asked::of(policy, subject.to_string())),
        Counts::Address => Some(Asked::of(policy, address_subject(address?))),
        Counts::Network => Some(Asked::of(policy, wide_network(address?))),
        // How an account is counted is auth-service's own.
        Counts::AccountFromOrigin | Counts::AccountFromNetwork | Counts::Account => None,
    });
    let asked: Vec<_> = asked.collect();
    let verdict = call.state.limits.limiter().admit(None, &asked, 0).await;
    let mut items: Vec<_> = verdict.standings.iter().map(Item::of).collect();
    for item in items.iter_mut().filter(|item| item.policy == API.name) {
        item.remaining = call.state.limits.left(subject, item.remaining);
    }
    Ok(Plain(Limits { items }))
}

impl Item {
    fn of(standing: &Standing) -> Self {
        let reset = standing.reset();
        Self {
            policy: standing.policy.name,
            description: standing.policy.limits,
            limit: standing.allowed,
            window_seconds: standing.window.as_secs(),
            remaining: standing.left,
            reset_seconds: reset.as_secs() + u64::from(reset.subsec_nanos() > 0),
        }
    }
}

impl Call {
    /// Passes on how auth-service says that the limits of this request stand.
    pub(super) fn note_limits(&self, metadata: &MetadataMap) {
        if let Some(told) = RateHeaders::read_from(metadata) {
            self.request.extensions_mut().insert(told);
        }
    }
}
