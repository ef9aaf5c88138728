//! How many requests are answered, and how fast.

use std::{sync::LazyLock, time::Duration};

use prometheus::{HistogramVec, IntCounterVec, register_histogram_vec, register_int_counter_vec};
use service_kit::metrics::REQUEST_SECONDS;
static REQUESTS: LazyLock<IntCounterVec> = LazyLock::new(|| {
    register_int_counter_vec!(
        "devmentor_http_requests_total",
        "HTTP requests answered, by method, route and status.",
        &["method", "route", "status"]
    )
    .expect("a metric is registered once")
});
static SECONDS: LazyLock<HistogramVec> = LazyLock::new(|| {
    register_histogram_vec!(
        "devmentor_http_request_duration_seconds",
        "Time from an HTTP request to its answer.",
        &["method", "route"],
        REQUEST_SECONDS.to_vec()
    )
    .expect("a metric is registered once")
});

/// Counts an answered request. `route` is a pattern, so its values are bounded.
pub(crate) fn count(method: &str, route: &str, status: &str, took: Duration) {
    REQUESTS.with_label_values(&[method, route, status]).inc();
    SECONDS
        .with_label_values(&[method, route])
        .observe(took.as_secs_f64());
}
