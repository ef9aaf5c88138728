//! How requests were decided over.

use std::sync::LazyLock;

use prometheus::{IntCounter, IntCounterVec, register_int_counter_vec};

use super::{By, Verdict};

/// The name under which a lock counts beside the policies.
const LOCKOUT: &str = "lockout";

static DECISIONS: LazyLock<IntCounterVec> = LazyLock::new(|| {
    register_int_counter_vec!(
        "devmentor_rate_limit_decisions_total",
        "Decisions over requests, by policy, outcome and who decided.",
        &["policy", "outcome", "by"]
    )
    .expect("a metric is registered once")
});

/// The counter of such decisions, for who decides often.
pub fn decisions(policy: &str, admitted: bool, by: By) -> IntCounter {
    let outcome = if admitted { "admitted" } else { "refused" };
    DECISIONS.with_label_values(&[policy, outcome, by.name()])
}

/// Counts what refused; where nothing did, all that admitted.
pub(super) fn count(verdict: &Verdict) {
    if verdict.locked.is_some() {
        decisions(LOCKOUT, false, verdict.by).inc();
    }
    let admitted = verdict.is_admitted();
    for standing in &verdict.standings {
        if standing.admitted == admitted {
            decisions(standing.policy.name, admitted, verdict.by).inc();
        }
    }
}
