//! The `devmentor_http_connections*` metrics.

use std::sync::LazyLock;

use prometheus::{IntCounterVec, IntGauge, register_int_counter_vec, register_int_gauge};

/// Connections that are open.
pub(super) static OPEN: LazyLock<IntGauge> = LazyLock::new(|| {
    register_int_gauge!(
        "devmentor_http_connections",
        "Open connections of the public server."
    )
    .expect("a metric is registered once")
});

static MADE_ROOM: LazyLock<IntCounterVec> = LazyLock::new(|| {
    register_int_counter_vec!(
        "devmentor_http_connections_made_room_total",
        "Connections that had to make room: some gave way, new ones were refused.",
        &["reason"]
    )
    .expect("a metric is registered once")
});

/// How a connection made room.
#[derive(Clone, Copy, Debug)]
pub(super) enum MadeRoom {
    /// It was closed for another.
    GaveWay,
    /// It was new, and none of its owner's was idle: it is heard as far as its credential.
    Refused,
}

impl MadeRoom {
    /// Counts it.
    pub(super) fn count(self) {
        let reason = match self {
            Self::GaveWay => "gave_way",
            Self::Refused => "refused",
        };
        MADE_ROOM.with_label_values(&[reason]).inc();
    }
}
