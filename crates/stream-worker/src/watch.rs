//! Watching the streams a process reads, keeping them within their bounds, and repairing what an operator broke.

use std::time::Duration;

use redis_access::{AccessError, GroupReport, StreamReport, StreamsPool};
use redis_contracts::{
    Consumed, DEAD_LETTERS, Position,
    script::{repair_stream, tidy_stream},
};
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
        let seen = look(&streams, consumed).await;
        if let Ok(seen) = &seen {
            repair(&streams, &seen.broken).await;
            if !seen.broken.is_empty() || tidied.is_none_or(|at| at.elapsed() >= TIDY_EVERY) {
                tidied = Some(Instant::now());
                tidy(&streams, consumed).await;
            }
        }
        told.send_replace(seen.ok().map(|seen| seen.totals));
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(LOOK_EVERY) => {}
        }
    }
}

/// What a look has found.
#[derive(Default)]
struct Seen {
    totals: Totals,
    /// Streams that take nothing new, or whose group would be given nothing.
    broken: Vec<Consumed>,
}

async fn look(streams: &StreamsPool, consumed: &[Consumed]) -> Result<Seen, AccessError> {
    let mut seen = Seen::default();
    for of in consumed {
        let stream = of.stream.key(());
        let report = match streams.describe(stream.name()).await {
            Err(error) if error.is_wrong_type() => {
                seen.broken.push(*of);
                None
            }
            report => report?,
        };
        if report.as_ref().is_some_and(is_broken) {
            seen.broken.push(*of);
        }
        for group in report.iter().flat_map(|report| &report.groups) {
            metrics::show_group(stream.name(), group);
            if group.name == of.group {
                seen.totals.lag += group.lag;
                seen.totals.pending += group.pending;
            }
        }
        let letters = DEAD_LETTERS.key(stream.name().to_owned());
        let letters = streams.describe(letters.name()).await;
        let letters = letters.or_else(AccessError::none_if_wrong_type)?;
        let count = letters.map_or(0, |letters| letters.length);
        metrics::show_dead_letters(stream.name(), count);
        seen.totals.dead_letters += count;
    }
    Ok(seen)
}

/// Whether a stream has no IDs left to give, or one of its groups stands after all that it will hold.
fn is_broken(report: &StreamReport) -> bool {
    let is_ahead = |group: &GroupReport| group.delivered > report.newest;
    report.newest == Position::new(u64::MAX, u64::MAX) || report.groups.iter().any(is_ahead)
}

/// Whatever an operator has done to a stream, it goes on by itself.
async fn repair(streams: &StreamsPool, broken: &[Consumed]) {
    for of in broken {
        let name = of.stream.key(()).name().to_owned();
        match streams
            .invoke::<(u64, u64)>(&repair_stream(of.stream))
            .await
        {
            Ok((taken, _)) => {
                tracing::warn!(
                    stream.name = name,
                    taken,
                    "it was no stream, had no IDs left or was behind its group; repaired"
                );
            }
            Err(error) => {
                tracing::warn!(stream.name = name, error = %error, "a stream was not repaired; it is tried again");
            }
        }
    }
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
