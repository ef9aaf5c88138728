//! Keeps the streams Redis from being full: before it is, the timelines that are idle longest go. SQL has what
//! those of projects hold. Those of people hold what nothing else keeps: their profile and style as they were;
//! who replays a dropped one is told of the `gap`.

use std::{sync::LazyLock, time::Duration};

use prometheus::{IntCounter, IntGauge, register_int_counter, register_int_gauge};
use redis_access::{AccessError, StreamsPool};
use tokio_util::sync::CancellationToken;

use crate::{Context, Stage};

/// How often it is looked at. One account adds a few MiB in this time at most.
const LOOK_EVERY: Duration = Duration::from_secs(5);

/// Above this share of its limit, in percent, room is made...
const FULL: u64 = 85;

/// ...down to this one.
const ROOMY: u64 = 75;

struct Metrics {
    used: IntGauge,
    limit: IntGauge,
    dropped: IntCounter,
}

static METRICS: LazyLock<Metrics> = LazyLock::new(|| {
    let gauge = |name: &str, help: &str| register_int_gauge!(name, help);
    let registered = "a metric is registered once";
    Metrics {
        used: gauge(
            "devmentor_streams_memory_bytes",
            "What the streams Redis takes (used_memory).",
        )
        .expect(registered),
        limit: gauge(
            "devmentor_streams_memory_limit_bytes",
            "What it may take (maxmemory, or the platform's default).",
        )
        .expect(registered),
        dropped: register_int_counter!(
            "devmentor_streams_timelines_dropped_total",
            "Idle timelines that made room."
        )
        .expect(registered),
    }
});

/// Starts the task that makes room.
pub fn start(context: &mut Context, streams: StreamsPool) {
    LazyLock::force(&METRICS);
    let stop = context.supervisor.stop_of(Stage::Workers);
    context
        .supervisor
        .spawn(Stage::Workers, "streams-memory", keep(streams, stop));
}

async fn keep(streams: StreamsPool, stop: CancellationToken) -> anyhow::Result<()> {
    loop {
        if let Err(error) = look(&streams).await {
            tracing::debug!(error = %error, "the memory of the streams Redis is not known");
        }
        tokio::select! {
            () = stop.cancelled() => return Ok(()),
            () = tokio::time::sleep(LOOK_EVERY) => {}
        }
    }
}

async fn look(streams: &StreamsPool) -> Result<(), AccessError> {
    let memory = streams.memory().await?;
    METRICS.used.set(memory.used.cast_signed());
    METRICS.limit.set(memory.limit.cast_signed());
    if memory.used <= memory.limit / 100 * FULL {
        return Ok(());
    }
    let excess = memory.used - memory.limit / 100 * ROOMY;
    let dropped = streams.drop_idle_timelines(excess).await?;
    METRICS.dropped.inc_by(dropped as u64);
    tracing::warn!(
        used = memory.used,
        limit = memory.limit,
        dropped,
        "the streams Redis is nearly full; timelines that are idle longest made room"
    );
    Ok(())
}
