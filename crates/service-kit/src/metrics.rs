//! Metrics in the Prometheus text format, and how long requests take.

use std::{sync::LazyLock, time::Duration};

use prometheus::{
    HistogramVec, IntCounterVec, register_histogram_vec, register_int_counter_vec,
    register_int_gauge_vec,
};

/// Bounds for the time a request takes, in seconds.
pub const REQUEST_SECONDS: &[f64] = &[
    0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0,
];
static GRPC_REQUESTS: LazyLock<IntCounterVec> = LazyLock::new(|| {
    register_int_counter_vec!(
        "devmentor_grpc_requests_total",
        "gRPC calls answered, by method and status code.",
        &["method", "code"]
    )
    .expect("a metric is registered once")
});
static GRPC_SECONDS: LazyLock<HistogramVec> = LazyLock::new(|| {
    register_histogram_vec!(
        "devmentor_grpc_request_duration_seconds",
        "Time from a gRPC call to its answer.",
        &["method"],
        REQUEST_SECONDS.to_vec()
    )
    .expect("a metric is registered once")
});

/// Counts a gRPC call. `method` is a path that was routed, so its values are bounded.
pub(crate) fn count_grpc(method: &str, code: &str, took: Duration) {
    GRPC_REQUESTS.with_label_values(&[method, code]).inc();
    GRPC_SECONDS
        .with_label_values(&[method])
        .observe(took.as_secs_f64());
}

/// Sets `devmentor_build_info`.
pub(crate) fn tell_build(version: &str, revision: &str) {
    static BUILD: LazyLock<prometheus::IntGaugeVec> = LazyLock::new(|| {
        register_int_gauge_vec!(
            "devmentor_build_info",
            "The build that runs: its version and its revision in git.",
            &["version", "revision"]
        )
        .expect("a metric is registered once")
    });
    BUILD.with_label_values(&[version, revision]).set(1);
}

/// All metrics of this process as text.
pub(crate) fn text() -> Result<String, prometheus::Error> {
    prometheus::TextEncoder::new().encode_to_string(&prometheus::gather())
}
