//! The `devmentor_redis_*` metrics, with both instances as label values.

use std::sync::LazyLock;

use prometheus::{
    CounterVec, GaugeVec, HistogramVec, IntCounter, IntCounterVec, register_counter_vec,
    register_gauge_vec, register_histogram_vec, register_int_counter, register_int_counter_vec,
};
use redis_contracts::Instance;

const SECONDS: &[f64] = &[
    0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0,
];

macro_rules! family {
    ($name:ident: $kind:ty = $register:ident!($metric:literal, $help:literal $(, $buckets:expr)?)) => {
        static $name: LazyLock<$kind> = LazyLock::new(|| {
            $register!($metric, $help, &["instance"] $(, $buckets)?).expect("a metric is registered once")
        });
    };
}

family!(UP: GaugeVec = register_gauge_vec!("devmentor_redis_up", "Whether the instance answers."));
family!(COMMAND: HistogramVec = register_histogram_vec!(
    "devmentor_redis_command_duration_seconds", "Time from sending a command to its answer.", SECONDS.to_vec()));
family!(ERRORS: CounterVec = register_counter_vec!("devmentor_redis_errors_total", "Commands and connects that failed."));
family!(RETRIES: CounterVec = register_counter_vec!("devmentor_redis_retries_total", "Safe commands that were sent again."));
family!(RECONNECTS: CounterVec = register_counter_vec!("devmentor_redis_reconnects_total", "Times the link was lost and made again."));
family!(POOL_SIZE: GaugeVec = register_gauge_vec!("devmentor_redis_pool_size", "Connections for bulk work that are open."));
family!(POOL_IN_USE: GaugeVec = register_gauge_vec!("devmentor_redis_pool_in_use", "Connections for bulk work that are lent out."));
family!(POOL_WAIT: HistogramVec = register_histogram_vec!(
    "devmentor_redis_pool_wait_seconds", "Wait for a connection for bulk work.", SECONDS.to_vec()));

static CLIENT_CACHE_REQUESTS: LazyLock<IntCounterVec> = LazyLock::new(|| {
    register_int_counter_vec!(
        "devmentor_client_cache_requests_total",
        "Reads through the client-side cache: held (hit), read (miss), or read without being held because the tracked connection is away (bypassed).",
        &["outcome"]
    )
    .expect("a metric is registered once")
});

/// Keys that Redis said have changed.
pub(crate) static CLIENT_CACHE_INVALIDATIONS: LazyLock<IntCounter> = LazyLock::new(|| {
    register_int_counter!(
        "devmentor_client_cache_invalidations_total",
        "Keys that Redis said have changed."
    )
    .expect("a metric is registered once")
});

/// Times that all was forgotten.
pub(crate) static CLIENT_CACHE_DROPS: LazyLock<IntCounter> = LazyLock::new(|| {
    register_int_counter!(
        "devmentor_client_cache_drops_total",
        "Times that all was forgotten: Redis was emptied, or the tracked connection was lost or silent."
    )
    .expect("a metric is registered once")
});

/// What became of reads through the client-side cache.
pub(crate) struct ClientCache {
    pub hit: IntCounter,
    pub miss: IntCounter,
    pub bypassed: IntCounter,
}

pub(crate) static CLIENT_CACHE: LazyLock<ClientCache> = LazyLock::new(|| {
    let outcome = |outcome| CLIENT_CACHE_REQUESTS.with_label_values(&[outcome]);
    ClientCache {
        hit: outcome("hit"),
        miss: outcome("miss"),
        bypassed: outcome("bypassed"),
    }
});

/// One instance's handles; looked up once, so that counting costs no map access.
#[derive(Clone)]
pub(crate) struct Metrics {
    pub up: prometheus::Gauge,
    pub command_seconds: prometheus::Histogram,
    pub errors: prometheus::Counter,
    pub retries: prometheus::Counter,
    pub reconnects: prometheus::Counter,
    pub pool_size: prometheus::Gauge,
    pub pool_in_use: prometheus::Gauge,
    pub pool_wait_seconds: prometheus::Histogram,
}

impl Metrics {
    pub(crate) fn of(instance: Instance) -> Self {
        let label = &[instance.name()];
        Self {
            up: UP.with_label_values(label),
            command_seconds: COMMAND.with_label_values(label),
            errors: ERRORS.with_label_values(label),
            retries: RETRIES.with_label_values(label),
            reconnects: RECONNECTS.with_label_values(label),
            pool_size: POOL_SIZE.with_label_values(label),
            pool_in_use: POOL_IN_USE.with_label_values(label),
            pool_wait_seconds: POOL_WAIT.with_label_values(label),
        }
    }
}
