//! The `devmentor_live_*` metrics.

use std::sync::LazyLock;

use prometheus::{
    IntCounter, IntCounterVec, IntGauge, register_int_counter, register_int_counter_vec,
    register_int_gauge,
};

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

static REFUSED: LazyLock<IntCounterVec> = LazyLock::new(|| {
    register_int_counter_vec!(
        "devmentor_live_refused_total",
        "What sockets asked for beyond their bounds.",
        &["reason"]
    )
    .expect("a metric is registered once")
});

/// A bound of sockets that somebody met.
#[derive(Clone, Copy, Debug)]
pub(super) enum Refused {
    /// Sockets of a person.
    Sockets,
    /// Messages in a second.
    Messages,
    /// Bytes of a message.
    Frame,
    /// Topics of a socket.
    Topics,
    /// Subscriptions that are not answered yet.
    Subscribing,
}

impl Refused {
    /// Counts it.
    pub(super) fn count(self) {
        let reason = match self {
            Self::Sockets => "sockets",
            Self::Messages => "messages",
            Self::Frame => "frame",
            Self::Topics => "topics",
            Self::Subscribing => "subscribing",
        };
        REFUSED.with_label_values(&[reason]).inc();
    }
}
