//! The `devmentor_stream_*` and `devmentor_events_*` metrics.

use std::sync::LazyLock;

use prometheus::{
    GaugeVec, Histogram, HistogramVec, IntCounterVec, register_gauge_vec, register_histogram_vec,
    register_int_counter_vec,
};
use redis_access::GroupReport;
use redis_contracts::{Position, Timestamp};

macro_rules! gauge {
    ($constant:ident = $name:literal, $help:literal, $labels:expr) => {
        static $constant: LazyLock<GaugeVec> = LazyLock::new(|| {
            register_gauge_vec!($name, $help, $labels).expect("a metric is registered once")
        });
    };
}

gauge!(
    LAG = "devmentor_stream_lag",
    "Entries the group was not given yet.",
    &["stream", "group"]
);
gauge!(
    LAG_SECONDS = "devmentor_stream_lag_seconds",
    "Age of the oldest of them.",
    &["stream", "group"]
);
gauge!(
    PENDING = "devmentor_stream_pending",
    "Entries given and not settled.",
    &["stream", "group"]
);
gauge!(
    OLDEST_PENDING = "devmentor_stream_oldest_pending_seconds",
    "Age of the oldest of them.",
    &["stream", "group"]
);
gauge!(
    CONSUMERS = "devmentor_stream_consumers",
    "Members of the group.",
    &["stream", "group"]
);
gauge!(
    DEAD_LETTERS = "devmentor_stream_dead_letters",
    "Dead letters of the stream.",
    &["stream"]
);

static PROCESSED: LazyLock<IntCounterVec> = LazyLock::new(|| {
    register_int_counter_vec!(
        "devmentor_events_processed_total",
        "Deliveries by what became of them.",
        &["stream", "outcome"]
    )
    .expect("a metric is registered once")
});

static AGE: LazyLock<HistogramVec> = LazyLock::new(|| {
    const SECONDS: &[f64] = &[
        0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0, 60.0, 3600.0,
    ];
    register_histogram_vec!(
        "devmentor_event_age_seconds",
        "Time from an entry's append until it was settled.",
        &["stream"],
        SECONDS.to_vec()
    )
    .expect("a metric is registered once")
});

/// Shows how a group is doing.
pub(crate) fn show_group(stream: &str, group: &GroupReport) {
    let labels = &[stream, group.name.as_str()];
    LAG.with_label_values(labels).set(group.lag as f64);
    LAG_SECONDS.with_label_values(labels).set(group.lag_seconds);
    PENDING.with_label_values(labels).set(group.pending as f64);
    OLDEST_PENDING
        .with_label_values(labels)
        .set(group.oldest_pending_seconds);
    CONSUMERS
        .with_label_values(labels)
        .set(group.consumers as f64);
}

/// Shows how many dead letters a stream has.
pub(crate) fn show_dead_letters(stream: &str, count: u64) {
    DEAD_LETTERS.with_label_values(&[stream]).set(count as f64);
}

/// What a delivery ended as, the values of the label `outcome`.
#[derive(Clone, Copy, Debug)]
pub(crate) enum End {
    Applied,
    Repeated,
    Gone,
    Done,
    Retried,
    DeadLettered,
}

const ENDS: [&str; 6] = [
    "applied",
    "repeated",
    "gone",
    "done",
    "retried",
    "dead_lettered",
];

/// One stream's handles; looked up once, so that counting costs no map access.
pub(crate) struct Metrics {
    ends: [prometheus::IntCounter; 6],
    age_seconds: Histogram,
}

impl Metrics {
    pub(crate) fn of(stream: &str) -> Self {
        Self {
            ends: ENDS.map(|end| PROCESSED.with_label_values(&[stream, end])),
            age_seconds: AGE.with_label_values(&[stream]),
        }
    }

    pub(crate) fn count(&self, end: End, position: Position) {
        self.ends[end as usize].inc();
        if !matches!(end, End::Retried) {
            let now_ms = Timestamp::now().unix_ms().unsigned_abs();
            let age_ms = now_ms.saturating_sub(position.unix_ms);
            self.age_seconds.observe(age_ms as f64 / 1000.0);
        }
    }
}
