//! The `devmentor_live_*` metrics.

use std::sync::LazyLock;

use prometheus::{IntCounter, IntGauge, register_int_counter, register_int_gauge};

/// Sockets that are open.
pub(super) static CONNECTIONS: LazyLock<IntGauge> = LazyLock::new(|| {
    register_int_gauge!("devmentor_live_connections", "Open WebSockets.")
        .expect("a metric is registered once")
});

/// Events put into sockets' queues.
pub(super) static DELIVERIES: LazyLock<IntCounter> = LazyLock::new(|| {
    register_int_counter!(
        "devmentor_live_deliveries_total",
        "Events handed to sockets."
    )
    .expect("a metric is registered once")
});

/// Holes in the subscription that were read from the stream.
pub(super) static REPAIRS: LazyLock<IntCounter> = LazyLock::new(|| {
    register_int_counter!(
        "devmentor_live_repairs_total",
        "Times missed events were read before going on."
    )
    .expect("a metric is registered once")
});

/// Topics given up because their socket was too slow.
pub(super) static RESYNCS: LazyLock<IntCounter> = LazyLock::new(|| {
    register_int_counter!(
        "devmentor_live_resyncs_total",
        "Topics given up for a slow socket."
    )
    .expect("a metric is registered once")
});
