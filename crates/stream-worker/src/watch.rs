//! Watching the streams a process reads, and keeping them within their bounds.

use std::time::Duration;

use redis_access::{AccessError, StreamsPool};
use redis_contracts::{Consumed, DEAD_LETTERS, script::tidy_stream};
use tokio::{sync::watch, time::Instant};
use tokio_util::sync::CancellationToken;

use crate::metrics;

/// How often the gauges are brought up to date.
const LOOK_EVERY: Duration = Duration::from_secs(2);

/// How often streams are trimmed and gone consumers forgotten.
const TIDY_EVERY: Duration = Duration::from_secs(60);

/// A consumer that reads says so every half second; one that did not for this long, and has nothing
/// pending, is forgotten.
const CONSUMER_IDLE: Duration = Duration::from_secs(60);

/// All streams together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// Entries not yet delivered.
    pub lag: u64,
    /// Entries delivered and not yet settled.
    pub pending: u64,
    /// Dead letters.
    pub dead_letters: u64,
}

/// Looks at the streams until `stop`; tells the totals, `None` while Redis is away.
pub async fn watch(
    streams: StreamsPool,
    consumed: &'static [Consumed],
    told: watch::Sender<Option<Totals>>,
    stop: CancellationToken,
) {
    let mut tidied: Option<Instant> = None;
    loop {
        let totals = look(&streams, consumed).await;
        let is_there = totals.is_ok();
        told.send_replace(totals.ok());
        if is_there && tidied.is_none_or(|at| at.elapsed() >= TIDY_EVERY) {
            tidied = Some(Instant::now());
            tidy(&streams, consumed).await;
        }
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(LOOK_EVERY) => {}
        }
    }
}

async fn look(streams: &StreamsPool, consumed: &[Consumed]) -> Result<Totals, AccessError> {
    let mut totals = Totals::default();
    for of in consumed {
        let stream = of.stream.key(());
        let report = match streams.describe(stream.name()).await {
            // Its worker says so; the others are counted all the same.
            Err(error) if error.is_wrong_type() => continue,
            report => report?,
        };
        for group in report.iter().flat_map(|report| &report.groups) {
            metrics::show_group(stream.name(), group);
            if group.name == of.group {
                totals.lag += group.lag;
                totals.pending += group.pending;
            }
        }
        let letters = DEAD_LETTERS.key(stream.name().to_owned());
        let letters = streams.describe(letters.name()).await?;
        let count = letters.map_or(0, |letters| letters.length);
        metrics::show_dead_letters(stream.name(), count);
        totals.dead_letters += count;
    }
    Ok(totals)
}

async fn tidy(streams: &StreamsPool, consumed: &[Consumed]) {
    for of in consumed {
        match streams
            .invoke::<u64>(&tidy_stream(*of, CONSUMER_IDLE))
            .await
        {
            Ok(trimmed) => {
                tracing::debug!(stream.name = of.stream.key(()).name(), trimmed, "tidied")
            }
            Err(error) => {
                tracing::warn!(error = %error, "a stream was not tidied; it is tried again")
            }
        }
    }
}
