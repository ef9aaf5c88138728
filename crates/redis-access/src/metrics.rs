//! The `devmentor_redis_*` metrics, with both instances as label values.

use std::sync::LazyLock;

use prometheus::{
    CounterVec, GaugeVec, HistogramVec, register_counter_vec, register_gauge_vec,
    register_histogram_vec,
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
